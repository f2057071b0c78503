import type { X509Certificate } from 'node:crypto'

/** The certificate that a client presented in the TLS handshake (RFC 8705). */
export interface ClientCertificate {
  readonly x509: X509Certificate
  /** Whether the TLS layer has validated its chain. A self-signed certificate has none. */
  readonly isTrusted: boolean
}

/**
 * The parts of an HTTP request that this package reads. Created from a web `Request` by the flow's own methods, or from
 * Fastify's parsed request without creating a `Request`.
 */
export interface PlainRequest {
  readonly method: string
  /** The request target as it was received: an absolute URL or a path, with its query. */
  readonly url: string
  /**
   * The value of a header field.
   *
   * @param name in lower case
   * @returns undefined if the field is absent; the values of a repeated field joined by ", " (RFC 9110 §5.3). That includes
   *   `Authorization`, of which Node.js drops all values but the first
   */
  header (name: string): string | undefined
  /**
   * The public origin of this server: scheme and authority, plus the path prefix that a proxy strips, without a trailing slash.
   * Taken from the configuration, never from a raw header field. Undefined if it is unknown.
   */
  readonly origin?: string | undefined
  /** The address of the client, as determined by the trusted proxies. Undefined if it is unknown. */
  readonly address?: string | undefined
  /** The id of the request in the log. Undefined if it has none. */
  readonly id?: string | undefined
  /** Returns the client certificate, parsed on demand. Undefined without one, or behind a proxy that is not trusted. */
  clientCertificate? (): ClientCertificate | undefined
}

/** A decoded form body. A repeated parameter is an array. */
export type FormParameters = Readonly<Record<string, string | string[] | undefined>>

/** A request to the token endpoint. */
export interface TokenRequest extends PlainRequest {
  readonly form: FormParameters
  /**
   * Aborted once the client has disconnected: a delayed rejection is then sent immediately. Undefined if disconnects cannot be
   * detected.
   */
  readonly signal?: AbortSignal | undefined
}
