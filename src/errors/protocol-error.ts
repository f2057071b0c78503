import { brandOf, readBrand } from '../lib/brand.ts'
import { toSafeText } from './safe-text.ts'

/** Optional members of an error. */
export interface ProtocolErrorOptions {
  /** The reason, for the log only. It never reaches the caller. */
  cause?: unknown
  /** The value of the WWW-Authenticate field (RFC 9110 §11.6.1). */
  challenge?: string | undefined
  /** Seconds after which the caller may try again: the Retry-After field (RFC 9110 §10.2.3). */
  retryAfter?: number
  /** Further header fields of the response, names in lower case. */
  headers?: Readonly<Record<string, string>> | undefined
}

/** The body of an error response (RFC 6749 §5.2). */
export interface OAuth2ErrorBody {
  error: string
  error_description: string
}

/** The member that identifies errors of this package: its value is the side of the server that responds with them. */
export const ERROR_BRAND = brandOf('error')

const FIELDS: unique symbol = brandOf('error-fields') as never

/**
 * An error that carries its complete response as data: status, header fields and body. One instance may be thrown for many
 * requests, so it is never modified.
 * Its message is the error_description and reaches the caller. Details for the log only are in `cause`.
 */
export abstract class ProtocolError<Code extends string = string> extends Error {
  /** The error code of the RFC. */
  readonly code: Code
  /** The HTTP status. */
  readonly status: number
  /** The status, under the name that Fastify, http-errors and error handlers read. */
  readonly statusCode: number
  /** Whether the message may be sent to the caller, as in http-errors. False for a server error. */
  readonly expose: boolean
  /** The value of the WWW-Authenticate field, if the response has one. An error that a flow returns or a guard throws has that of its request. */
  readonly challenge: string | undefined
  readonly retryAfter: number | undefined
  // Not enumerable, so that logs do not print it.
  declare readonly [FIELDS]: Readonly<Record<string, string>> | undefined

  constructor (code: Code, status: number, description: string, options: ProtocolErrorOptions = {}) {
    super(toSafeText(description), options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.status = status
    this.statusCode = status
    this.expose = status < 500
    this.challenge = options.challenge
    this.retryAfter = options.retryAfter
    if (options.headers !== undefined) Object.defineProperty(this, FIELDS, { value: options.headers })
  }

  /** The same as `code`, under the name that `@saurbit/oauth2` uses. */
  get errorCode (): Code {
    return this.code
  }

  /** The JSON body of the response. */
  get body (): OAuth2ErrorBody {
    return { error: this.code, error_description: this.message }
  }

  /** The header fields of the response, names in lower case. */
  get headers (): Record<string, string> {
    const headers: Record<string, string> = { ...this[FIELDS] }
    if (this.challenge !== undefined) headers['www-authenticate'] = this.challenge
    if (this.retryAfter !== undefined) headers['retry-after'] = String(this.retryAfter)
    return headers
  }
}

/** The header fields that prevent caching of a response (RFC 6749 §5.1). */
export const NO_STORE: Readonly<Record<string, string>> = Object.freeze({ 'cache-control': 'no-store', pragma: 'no-cache' })

/** Seconds after which a client may retry if a store is unavailable: the usual duration of a restart. Limits the load to one attempt in that time. */
export const RETRY_AFTER = 2

/** The side of the server: the token endpoint and related endpoints, or a protected resource. */
export type ErrorSide = 'oauth2' | 'strategy'

/** Returns whether a value is an error of a side, of this or another copy of the package. */
export function isErrorOf (side: ErrorSide, value: unknown): boolean {
  if (readBrand(value, ERROR_BRAND) !== side) return false
  const { code, status } = value as ProtocolError
  return typeof code === 'string' && Number.isInteger(status) && status >= 400 && status <= 599
}
