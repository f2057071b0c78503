import { clientChallenge } from '../client-auth/challenge.ts'
import type { ClientAuthSettings } from '../client-auth/client-auth-settings.ts'
import { toOAuth2Error, withChallenge } from '../errors/from-thrown.ts'
import { beginDecision } from '../events/client-decision.ts'
import type { ClientDecision } from '../events/client-decision.ts'
import type { ClientEndpoint } from '../events/event-types.ts'
import type { TokenRequest } from '../http/plain-request.ts'

/**
 * Does the work of an endpoint at which clients authenticate, so that whatever goes wrong is an OAuth error that knows
 * its answer: an exception is a 500 or 503, and a 401 has a challenge (RFC 9110 §15.5.2), whoever threw it. Publishes
 * what goes wrong. Rejections leave at a fixed time after the request has arrived: whatever is decided by the name of a client, by
 * any method, must not be told by its time.
 *
 * @param work gets the same settings and request, and what to tell of the decision, where somebody listens: that it went
 * well, too
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
