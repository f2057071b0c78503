import { toSafeText } from './challenge.ts'
import type { OAuth2ErrorCode, StrategyErrorCode } from './error-codes.ts'

/** What an error may carry besides its description. */
export interface ProtocolErrorOptions {
  /** The reason, for the log only. It never reaches the caller. */
  cause?: unknown
  /** The value of the WWW-Authenticate field (RFC 9110 §11.6.1). */
  challenge?: string | undefined
  /** Seconds after which the caller may try again: the Retry-After field (RFC 9110 §10.2.3). */
  retryAfter?: number
}

/** The body of an error answer (RFC 6749 §5.2). */
export interface OAuth2ErrorBody {
  error: string
  error_description: string
}

/**
 * An error that knows its whole answer: status, header fields and body.
 * Its message is the error_description and reaches the caller; what only the log may know is in `cause`.
 */
abstract class ProtocolError<Code extends string = string> extends Error {
  /** The error code, as the RFC spells it. */
  readonly code: Code
  /** The HTTP status. */
  readonly status: number
  /** The status, under the name that Fastify and its users' error handlers read. A plain member: Fastify writes to it. */
  statusCode: number
  /** The value of the WWW-Authenticate field, when the answer has one. The pipeline fills it in where the thrower left it out. */
  readonly challenge: string | undefined
  readonly retryAfter: number | undefined

  constructor (code: Code, status: number, description: string, options: ProtocolErrorOptions = {}) {
    super(toSafeText(description), options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.status = status
    this.statusCode = status
    this.challenge = options.challenge
    this.retryAfter = options.retryAfter
  }

  override get name (): string {
    return this.constructor.name
  }

  /** The same as `code`, under the name that `@saurbit/oauth2` gives it. */
  get errorCode (): Code {
    return this.code
  }

  /** The JSON body of the answer. */
  get body (): OAuth2ErrorBody {
    return { error: this.code, error_description: this.message }
  }

  /** The header fields of the answer, names in lower case. */
  get headers (): Record<string, string> {
    const headers: Record<string, string> = {}
    if (this.challenge !== undefined) headers['www-authenticate'] = this.challenge
    if (this.retryAfter !== undefined) headers['retry-after'] = String(this.retryAfter)
    return headers
  }
}

// The errors that have got their challenge from the pipeline.
const challenged = new WeakSet<ProtocolError>()

/**
 * Gives an error the challenge of its answer, unless it brought its own.
 *
 * @returns the error; for one that was thrown before, and so belongs to another answer too, another that is like it
 */
export function withChallenge<E extends ProtocolError> (error: E, challenge: string | undefined): E {
  const isShared = challenged.has(error)
  if (error.challenge !== undefined && !isShared) return error
  if (isShared || !Object.isExtensible(error)) return Object.create(error, { challenge: { value: challenge, enumerable: true } })
  challenged.add(error)
  return challenge === undefined ? error : Object.assign(error, { challenge })
}

/** What a callback threw, as an error: a log shows nothing of a text that is thrown. */
export function thrown (reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason))
}

/** Base of every error of the token endpoint (RFC 6749 §5.2). */
export class OAuth2Error extends ProtocolError<OAuth2ErrorCode> {
  // RFC 6749 §5.1 asks for both on answers with tokens. An error is no more to be cached.
  override get headers (): Record<string, string> {
    return { ...super.headers, ...NO_STORE }
  }
}

/** The header fields that keep an answer out of every cache (RFC 6749 §5.1). */
export const NO_STORE: Readonly<Record<string, string>> = Object.freeze({ 'cache-control': 'no-store', pragma: 'no-cache' })

/** 400: the request lacks a parameter, repeats one, uses two ways to authenticate, or is malformed. */
export class InvalidRequestError extends OAuth2Error {
  constructor (description = 'The request is malformed', options?: ProtocolErrorOptions & { status?: number }) {
    super('invalid_request', options?.status ?? 400, description, options)
  }
}

/** 405: the token endpoint takes POST only (RFC 6749 §3.2). */
export class MethodNotAllowedError extends OAuth2Error {
  constructor (description = 'The token endpoint takes POST only', options?: ProtocolErrorOptions) {
    super('invalid_request', 405, description, options)
  }

  override get headers (): Record<string, string> {
    return { ...super.headers, allow: 'POST' }
  }
}

/** 401: client authentication failed, or there was none. Says no more, so that unknown clients cannot be told from wrong secrets. */
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

/** 400: a resource that was asked for is malformed, unknown, or not for this client (RFC 8707 §2). */
export class InvalidTargetError extends OAuth2Error {
  constructor (description = 'The requested resource is invalid', options?: ProtocolErrorOptions) {
    super('invalid_target', 400, description, options)
  }
}

/** 500: a callback failed. The code is borrowed from RFC 6749 §4.1.2.1, since §5.2 has none. */
export class ServerError extends OAuth2Error {
  constructor (description = 'The server failed to handle the request', options?: ProtocolErrorOptions) {
    super('server_error', 500, description, options)
  }
}

/** 503 unless told otherwise: try again later. The code is borrowed from RFC 6749 §4.1.2.1. */
export class TemporarilyUnavailableError extends OAuth2Error {
  constructor (description = 'The server cannot handle the request now', options?: ProtocolErrorOptions & { status?: number }) {
    super('temporarily_unavailable', options?.status ?? 503, description, options)
  }
}

/** Base of every error of a resource request (RFC 6750 §3.1). */
export class StrategyError extends ProtocolError<StrategyErrorCode> {}

/** 400: the Authorization field is malformed, or the token is sent in more than one way. */
export class StrategyInvalidRequestError extends StrategyError {
  constructor (description = 'The Authorization header is malformed', options?: ProtocolErrorOptions) {
    super('invalid_request', 400, description, options)
  }
}

/**
 * 401: nothing was presented. Its challenge carries no error code (RFC 6750 §3.1, last paragraph), and the code of its
 * body is none of RFC 6750's, so that nobody takes it for a bad token.
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

/** 500: verifyToken failed, which says nothing about the token. */
export class StrategyInternalError extends StrategyError {
  constructor (description = 'The server failed to verify the access token', options?: ProtocolErrorOptions) {
    super('server_error', 500, description, options)
  }
}

/** 503: what the token is verified by is away, which says nothing about the token. */
export class StrategyUnavailableError extends StrategyError {
  constructor (description = 'The server cannot verify the access token now', options?: ProtocolErrorOptions) {
    super('temporarily_unavailable', 503, description, options)
  }
}

/** Seconds after which a client may try again when a store is away: the usual restart, and no more load than one try in that time. */
export const RETRY_AFTER = 2
