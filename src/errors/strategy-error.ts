import { nameErrors } from '../lib/brand.ts'
import type { StrategyErrorCode } from './error-codes.ts'
import { ERROR_BRAND, isErrorOf, ProtocolError } from './protocol-error.ts'
import type { ErrorSide, ProtocolErrorOptions } from './protocol-error.ts'

/** Returns whether a value is an error of a resource request, of this or another copy of the package. */
export function isStrategyError (value: unknown): value is StrategyError {
  return isErrorOf('strategy', value)
}

/**
 * Base of every error of a resource request (RFC 6750 §3.1). `instanceof` with this class is true for the errors of every copy
 * of the package; distinguish its subclasses by `code`.
 */
export class StrategyError extends ProtocolError<StrategyErrorCode> {
  static override [Symbol.hasInstance] (value: unknown): boolean {
    return this === StrategyError ? isStrategyError(value) : Function.prototype[Symbol.hasInstance].call(this, value)
  }
}

/** 400: the Authorization field is malformed, or the token is sent in more than one place. */
export class StrategyInvalidRequestError extends StrategyError {
  constructor (description = 'The Authorization header is malformed', options?: ProtocolErrorOptions) {
    super('invalid_request', 400, description, options)
  }
}

/**
 * 401: no token was presented. Its challenge contains no error code (RFC 6750 §3.1, last paragraph), and the code of its
 * body is not defined in RFC 6750, so that it is not mistaken for an invalid token.
 */
export class StrategyMissingTokenError extends StrategyError {
  constructor (description = 'An access token is required', options?: ProtocolErrorOptions) {
    super('unauthorized', 401, description, options)
  }
}

/** 401: the token is unknown, expired, revoked or otherwise invalid. */
export class StrategyInvalidTokenError extends StrategyError {
  constructor (description = 'The access token is invalid', options?: ProtocolErrorOptions) {
    super('invalid_token', 401, description, options)
  }
}

/** 403: the token is valid, but lacks a scope. */
export class StrategyInsufficientScopeError extends StrategyError {
  constructor (description = 'The access token lacks a scope', options?: ProtocolErrorOptions) {
    super('insufficient_scope', 403, description, options)
  }
}

/** 500: verifyToken failed. The token may be valid. */
export class StrategyInternalError extends StrategyError {
  constructor (description = 'The server failed to verify the access token', options?: ProtocolErrorOptions) {
    super('server_error', 500, description, options)
  }
}

/** 503: a store or key set for the verification of the token is unavailable. The token may be valid. */
export class StrategyUnavailableError extends StrategyError {
  constructor (description = 'The server cannot verify the access token now', options?: ProtocolErrorOptions) {
    super('temporarily_unavailable', 503, description, options)
  }
}

Object.defineProperty(StrategyError.prototype, ERROR_BRAND, { value: 'strategy' satisfies ErrorSide })

for (const [name, constructor] of Object.entries({
  StrategyError,
  StrategyInvalidRequestError,
  StrategyMissingTokenError,
  StrategyInvalidTokenError,
  StrategyInsufficientScopeError,
  StrategyInternalError,
  StrategyUnavailableError
})) nameErrors(constructor, name)
