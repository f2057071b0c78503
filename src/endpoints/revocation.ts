import { InvalidRequestError } from '../errors/oauth-error.ts'
import type { ClientDecision } from '../events/client-decision.ts'
import type { TokenRequest } from '../http/plain-request.ts'
import { readPresentedToken } from './presented-token.ts'
import type { PresentedTokenSettings } from './presented-token.ts'
import { withClientErrors } from './with-client-errors.ts'

/**
 * Handles a revocation request (RFC 7009): revokes a token of the authenticated client. An unknown or invalid token is not an
 * error (§2.2).
 *
 * @throws OAuth2Error for a token of another client, among others: the request is rejected, and the client informed (§2.1)
 */
export function handleRevocationRequest (settings: PresentedTokenSettings, request: TokenRequest): Promise<void> {
  return withClientErrors(settings, request, 'revocation', revoke)
}

async function revoke (settings: PresentedTokenSettings, request: TokenRequest, decision: ClientDecision | undefined): Promise<void> {
  const { client, token } = await readPresentedToken(settings, request, decision)
  // Thorough, because a token that is not found would stay valid although the response reports a revocation.
  const information = await settings.accessTokens?.introspect?.(token, true)
  if (information === undefined) return
  if (information.client_id !== client.id) throw new InvalidRequestError('The token was not issued to this client')
  await settings.accessTokens?.revoke?.(token)
  decision?.revoked(information.jti)
}
