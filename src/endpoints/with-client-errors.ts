import { clientChallenge } from '../client-auth/challenge.ts'
import type { ClientAuthSettings } from '../client-auth/client-auth-settings.ts'
import { toOAuth2Error, withChallenge } from '../errors/from-thrown.ts'
import { beginDecision } from '../events/client-decision.ts'
import type { ClientDecision } from '../events/client-decision.ts'
import type { ClientEndpoint } from '../events/event-types.ts'
import type { TokenRequest } from '../http/plain-request.ts'

/**
 * Runs the handler of an endpoint with client authentication, and converts every exception to an OAuth error: 500 or 503 for any other
 * exception, with a challenge for a 401 (RFC 9110 §15.5.2). Publishes the denial. Sends rejections at a fixed time after the request
 * has arrived, so that their timing does not reveal which clients exist.
 *
 * @param work the handler. Its decision is undefined without subscribers
 * @throws OAuth2Error
 */
export async function withClientErrors<Settings extends ClientAuthSettings, T> (
  settings: Settings,
  request: TokenRequest,
  endpoint: ClientEndpoint,
  work: (settings: Settings, request: TokenRequest, decision: ClientDecision | undefined) => Promise<T>
): Promise<T> {
  const arrival = settings.heldRejections?.arrive()
  const decision = beginDecision(settings, request, endpoint)
  try {
    const answer = await work(settings, request, decision)
    arrival?.accept()
    return answer
  } catch (error) {
    const oauthError = toOAuth2Error(error)
    decision?.denied(oauthError)
    await arrival?.reject(request.signal)
    throw oauthError.status === 401 ? withChallenge(oauthError, clientChallenge(settings, request, oauthError.code)) : oauthError
  }
}
