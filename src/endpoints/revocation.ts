import { InvalidRequestError } from '../errors/oauth-error.ts'
import type { ClientDecision } from '../events/client-decision.ts'
import type { TokenRequest } from '../http/plain-request.ts'
import { readPresentedToken } from './presented-token.ts'
import type { PresentedTokenSettings } from './presented-token.ts'
import { withClientErrors } from './with-client-errors.ts'

/**
 * Revocation (RFC 7009): makes a token of the client that asks invalid. One that is unknown, or invalid already, is no
 * error (§2.2).
 *
 * @throws OAuth2Error for the token of another client, among others: the request is refused and the client informed (§2.1)
 */
export function handleRevocationRequest (settings: PresentedTokenSettings, request: TokenRequest): Promise<void> {
  return withClientErrors(settings, request, 'revocation', revoke)
}

async function revoke (settings: PresentedTokenSettings, request: TokenRequest, decision: ClientDecision | undefined): Promise<void> {
  const { client, token } = await readPresentedToken(settings, request, decision)
  // Thoroughly: what is taken for no token here is not revoked, and the client told that it is.
  const information = await settings.accessTokens?.introspect?.(token, true)
  if (information === undefined) return
  if (information.client_id !== client.id) throw new InvalidRequestError('The token was not issued to this client')
  await settings.accessTokens?.revoke?.(token)
  decision?.revoked(information.jti)
}
