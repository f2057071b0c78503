import { clientAuthChallenge } from './client-auth/index.ts'
import type { ClientAuthSettings } from './client-auth/index.ts'
import { OAuth2Error, RETRY_AFTER, ServerError, TemporarilyUnavailableError, thrown, withChallenge } from './errors.ts'
import type { TokenRequest } from './request.ts'
import { StoreUnavailableError } from './store/unavailable.ts'

/**
 * Does the work of an endpoint at which clients authenticate, so that whatever goes wrong is an OAuth error that knows
 * its answer: an exception is the cause of a 500, a store that is away of a 503 and never of a 401, and a 401 has a challenge (RFC 9110 §15.5.2), whoever threw it.
 *
 * @throws OAuth2Error
 */
export async function answerClient<T> (settings: ClientAuthSettings, request: TokenRequest, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof StoreUnavailableError) throw new TemporarilyUnavailableError(undefined, { cause: error, retryAfter: RETRY_AFTER })
    if (!(error instanceof OAuth2Error)) throw new ServerError(undefined, { cause: thrown(error) })
    throw error.status === 401 ? withChallenge(error, clientAuthChallenge(settings, request)) : error
  }
}
