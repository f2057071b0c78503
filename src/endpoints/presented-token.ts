import type { AccessTokens } from '../access-token/access-tokens.ts'
import { authenticateClient } from '../client-auth/authenticate-client.ts'
import type { ClientAuthSettings } from '../client-auth/client-auth-settings.ts'
import { GRANT_TYPE } from '../client-auth/oauth2-client.ts'
import type { OAuth2Client } from '../client-auth/oauth2-client.ts'
import { InvalidRequestError } from '../errors/oauth-error.ts'
import type { ClientDecision } from '../events/client-decision.ts'
import { parameter, refuseRepeatedParameters } from '../http/form.ts'
import type { FormParameters, TokenRequest } from '../http/plain-request.ts'

/** The settings of the introspection and revocation endpoints. */
export interface PresentedTokenSettings extends ClientAuthSettings {
  readonly accessTokens: AccessTokens | undefined
}

/**
 * Reads an introspection or revocation request (RFC 7009 §2.1, RFC 7662 §2.1): authenticates the client, then reads the token.
 * Ignores `token_type_hint`, because the server has one kind of token.
 *
 * @throws InvalidRequestError if a parameter is repeated, or the token is missing
 * @throws InvalidClientError if client authentication fails
 */
export async function readPresentedToken (
  settings: ClientAuthSettings,
  request: TokenRequest,
  decision: ClientDecision | undefined
): Promise<{ client: OAuth2Client, token: string }> {
  const { client } = await authenticateClient(settings, request, GRANT_TYPE, undefined, decision)
  return { client, token: checkPresentedToken(request.form) }
}

/**
 * Validates the parameters of such a request that do not depend on the client.
 *
 * @throws InvalidRequestError if one is repeated, or the token is missing
 */
export function checkPresentedToken (form: FormParameters): string {
  refuseRepeatedParameters(form)
  const token = parameter(form, 'token')
  if (token === undefined) throw new InvalidRequestError('The parameter token is missing')
  return token
}
