/** The codes of the errors of the client library. They are literals, so that a `switch` over them is exhaustive. */
export type OAuthClientErrorCode =
  /** An option is missing or has a wrong value. Thrown when the client is created. */
  | 'OAUTH_CLIENT_INVALID_OPTION'
  /** There is no option of this name. Thrown when the client is created. */
  | 'OAUTH_CLIENT_UNKNOWN_OPTION'
  /** Tokens may not be sent to the origin of the URL. Nothing was sent. */
  | 'OAUTH_CLIENT_ORIGIN_NOT_ALLOWED'
  /** The metadata of the authorization server is missing, malformed, or of another issuer. */
  | 'OAUTH_CLIENT_DISCOVERY_FAILED'
  /** A callback for a secret, a key, a signature or a workload token failed. `cause` is its error. */
  | 'OAUTH_CLIENT_CREDENTIAL_UNAVAILABLE'
  /** The authorization server rejected the token request (RFC 6749 §5.2). `error` has its error code. */
  | 'OAUTH_CLIENT_TOKEN_DENIED'
  /** The authorization server cannot be reached, is overloaded or fails. `retryAfter` has seconds. */
  | 'OAUTH_CLIENT_SERVER_UNAVAILABLE'
  /** The response of the authorization server is not a valid token response. */
  | 'OAUTH_CLIENT_INVALID_RESPONSE'
  /** The request has to be sent again, and its body is a stream. `response` has the response to the first attempt. */
  | 'OAUTH_CLIENT_BODY_NOT_REPLAYABLE'

/** Data of an error besides its code and message. */
export interface OAuthClientErrorDetails {
  error?: string | undefined
  status?: number | undefined
  retryAfter?: number | undefined
  response?: Response | undefined
  cause?: unknown
}

/** An error of the client library. Never contains a secret, token, assertion or proof. */
export class OAuthClientError extends Error {
  readonly code: OAuthClientErrorCode
  /** The error code of the authorization server, such as "invalid_client". */
  readonly error: string | undefined
  /** The HTTP status of the authorization server. */
  readonly status: number | undefined
  /** Seconds until the next token request is sent. */
  readonly retryAfter: number | undefined
  /** The response of the API, of OAUTH_CLIENT_BODY_NOT_REPLAYABLE. Not enumerable. */
  declare readonly response: Response | undefined

  constructor (code: OAuthClientErrorCode, message: string, { error, status, retryAfter, response, cause }: OAuthClientErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.error = error
    this.status = status
    this.retryAfter = retryAfter
    Object.defineProperty(this, 'response', { value: response })
  }

  override get name (): string {
    return 'OAuthClientError'
  }
}
