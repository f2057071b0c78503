import { nameErrors } from '../lib/brand.ts'
import type { OAuth2ErrorCode } from './error-codes.ts'
import { ERROR_BRAND, isErrorOf, NO_STORE, ProtocolError } from './protocol-error.ts'
import type { ErrorSide, ProtocolErrorOptions } from './protocol-error.ts'

/** Returns whether a value is an error of the token endpoint, of this or another copy of the package. */
export function isOAuth2Error (value: unknown): value is OAuth2Error {
  return isErrorOf('oauth2', value)
}

/**
 * Base of every error of the token endpoint (RFC 6749 §5.2). `instanceof` with this class is true for the errors of every copy
 * of the package; distinguish its subclasses by `code`.
 */
export class OAuth2Error extends ProtocolError<OAuth2ErrorCode> {
  static override [Symbol.hasInstance] (value: unknown): boolean {
    return this === OAuth2Error ? isOAuth2Error(value) : Function.prototype[Symbol.hasInstance].call(this, value)
  }

  // RFC 6749 §5.1 requires both fields on token responses. Errors must not be cached either.
  override get headers (): Record<string, string> {
    return { ...super.headers, ...NO_STORE }
  }
}

/** 400: the request lacks a parameter, repeats one, uses two authentication methods, or is malformed. */
export class InvalidRequestError extends OAuth2Error {
  constructor (description = 'The request is malformed', options?: ProtocolErrorOptions & { status?: number }) {
    super('invalid_request', options?.status ?? 400, description, options)
  }
}

/** 405: the token endpoint supports POST only (RFC 6749 §3.2). */
export class MethodNotAllowedError extends OAuth2Error {
  constructor (description = 'The token endpoint takes POST only', options?: ProtocolErrorOptions) {
    super('invalid_request', 405, description, options)
  }

  override get headers (): Record<string, string> {
    return { ...super.headers, allow: 'POST' }
  }
}

/** 401: client authentication failed or is missing. Contains no details, so that unknown clients cannot be distinguished from wrong secrets. */
export class InvalidClientError extends OAuth2Error {
  constructor (description = 'Client authentication failed', options?: ProtocolErrorOptions) {
    super('invalid_client', 401, description, options)
  }
}

/** 400: the client is not registered for this grant. */
export class UnauthorizedClientError extends OAuth2Error {
  constructor (description = 'The client may not use this grant type', options?: ProtocolErrorOptions) {
    super('unauthorized_client', 400, description, options)
  }
}

/** 400: the grant_type is not client_credentials. */
export class UnsupportedGrantTypeError extends OAuth2Error {
  constructor (description = 'The grant type must be client_credentials', options?: ProtocolErrorOptions) {
    super('unsupported_grant_type', 400, description, options)
  }
}

/** 400: the scope is malformed, unknown, or more than the client has. */
export class InvalidScopeError extends OAuth2Error {
  constructor (description = 'The requested scope is invalid', options?: ProtocolErrorOptions) {
    super('invalid_scope', 400, description, options)
  }
}

/** 400: a requested resource is malformed, unknown, or not allowed for this client (RFC 8707 §2). */
export class InvalidTargetError extends OAuth2Error {
  constructor (description = 'The requested resource is invalid', options?: ProtocolErrorOptions) {
    super('invalid_target', 400, description, options)
  }
}

/** 500: a callback failed. The code is taken from RFC 6749 §4.1.2.1, since §5.2 defines none. */
export class ServerError extends OAuth2Error {
  constructor (description = 'The server failed to handle the request', options?: ProtocolErrorOptions) {
    super('server_error', 500, description, options)
  }
}

/** 503 by default: the client may retry later. The code is taken from RFC 6749 §4.1.2.1. */
export class TemporarilyUnavailableError extends OAuth2Error {
  constructor (description = 'The server cannot handle the request now', options?: ProtocolErrorOptions & { status?: number }) {
    super('temporarily_unavailable', options?.status ?? 503, description, options)
  }
}

Object.defineProperty(OAuth2Error.prototype, ERROR_BRAND, { value: 'oauth2' satisfies ErrorSide })

for (const [name, constructor] of Object.entries({
  OAuth2Error,
  InvalidRequestError,
  MethodNotAllowedError,
  InvalidClientError,
  UnauthorizedClientError,
  UnsupportedGrantTypeError,
  InvalidScopeError,
  InvalidTargetError,
  ServerError,
  TemporarilyUnavailableError
})) nameErrors(constructor, name)
