import { isOAuth2Error, ServerError, TemporarilyUnavailableError } from './oauth-error.ts'
import type { OAuth2Error } from './oauth-error.ts'
import { RETRY_AFTER } from './protocol-error.ts'
import type { ProtocolError } from './protocol-error.ts'
import { isStoreUnavailable } from './store-unavailable.ts'
import { isStrategyError, StrategyInternalError, StrategyUnavailableError } from './strategy-error.ts'
import type { StrategyError } from './strategy-error.ts'

/**
 * Converts an exception to the error of the token endpoint and related endpoints: returns one of their errors unchanged, 503 for an
 * unavailable store, and otherwise 500 with the exception as its cause.
 */
export function toOAuth2Error (reason: unknown): OAuth2Error {
  if (isOAuth2Error(reason) && isAnswer(reason)) return reason
  if (isStoreUnavailable(reason)) return new TemporarilyUnavailableError(undefined, { cause: reason, retryAfter: RETRY_AFTER })
  return new ServerError(undefined, { cause: toError(reason) })
}

/**
 * Converts an exception to the error of a protected resource: returns one of its errors unchanged, 503 for an unavailable store, and
 * otherwise 500 with the exception as its cause.
 */
export function toStrategyError (reason: unknown): StrategyError {
  if (isStrategyError(reason) && isAnswer(reason)) return reason
  if (isStoreUnavailable(reason)) return new StrategyUnavailableError(undefined, { cause: reason, retryAfter: RETRY_AFTER })
  return new StrategyInternalError(undefined, { cause: toError(reason) })
}

// A 401 caused by an unavailable store becomes a 503: otherwise valid clients would replace their tokens and secrets.
function isAnswer (error: ProtocolError): boolean {
  return error.status >= 500 || !isStoreUnavailable(error)
}

/** Converts a thrown value to an error, because a log shows nothing of a thrown string. */
export function toError (reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason))
}

/**
 * Returns the error of one request, with its challenge. Copies an error without a challenge, with its prototype and all of its data,
 * since other requests may get the same one.
 *
 * @param challenge the value of the WWW-Authenticate field. Undefined leaves the error as it is
 */
export function withChallenge<E extends ProtocolError> (error: E, challenge: string | undefined): E {
  if (challenge === undefined || error.challenge !== undefined) return error
  const copy = new Error(error.message)
  Object.setPrototypeOf(copy, Object.getPrototypeOf(error) as object)
  for (const name of Reflect.ownKeys(error)) {
    const { enumerable = false } = Object.getOwnPropertyDescriptor(error, name) as PropertyDescriptor
    Object.defineProperty(copy, name, { value: error[name as keyof E], enumerable, writable: true, configurable: true })
  }
  // A getter of a subclass may read private members, which a copy lacks.
  const answer = { body: error.body, headers: { ...error.headers, 'www-authenticate': challenge } }
  for (const [name, value] of Object.entries(answer)) Object.defineProperty(copy, name, { value, writable: true, configurable: true })
  return Object.assign(copy, { challenge }) as unknown as E
}
