import type { AccessTokens } from '../access-token/access-tokens.ts'
import { authenticateClient } from '../client-auth/authenticate-client.ts'
import type { ClientAuthSettings } from '../client-auth/client-auth-settings.ts'
import { GRANT_TYPE } from '../client-auth/oauth2-client.ts'
import type { OAuth2Client } from '../client-auth/oauth2-client.ts'
import { InvalidRequestError } from '../errors/oauth-error.ts'
import type { ClientDecision } from '../events/client-decision.ts'
import { parameter, refuseRepeatedParameters } from '../http/form.ts'
import type { FormParameters, TokenRequest } from '../http/plain-request.ts'

/** What the endpoints run on at which a client presents a token in the form. */
export interface PresentedTokenSettings extends ClientAuthSettings {
  readonly accessTokens: AccessTokens | undefined
}

/**
 * Reads a request that is about a token (RFC 7009 §2.1, RFC 7662 §2.1): first who asks, then which token. A
 * `token_type_hint` is ignored: there is one kind of token.
 *
 * @throws InvalidRequestError when a parameter is repeated, or there is no token
 * @throws InvalidClientError when the client does not authenticate
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
 * Checks the parameters of such a request as far as they can be without a client.
 *
 * @throws InvalidRequestError when one is repeated, or there is no token
 */
export function checkPresentedToken (form: FormParameters): string {
  refuseRepeatedParameters(form)
  const token = parameter(form, 'token')
  if (token === undefined) throw new InvalidRequestError('The parameter token is missing')
  return token
}
