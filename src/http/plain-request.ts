import type { X509Certificate } from 'node:crypto'

/** The certificate that a client presented in the TLS handshake (RFC 8705). */
export interface ClientCertificate {
  readonly x509: X509Certificate
  /** Whether the TLS layer has validated its chain. A self-signed certificate has none. */
  readonly isTrusted: boolean
}

/**
 * What the pipeline knows of an HTTP request. Both front doors fill it: the web `Request` of the flow's own methods,
 * and Fastify's parsed request, for which no `Request` is ever built.
 */
export interface PlainRequest {
  readonly method: string
  /** The request target as it was received: an absolute URL or a path, with its query. */
  readonly url: string
  /**
   * The value of a header field.
   *
   * @param name in lower case
   * @returns undefined when the field is absent; the values of a repeated field joined by ", " (RFC 9110 §5.3),
   * those of `Authorization` too, which Node.js would silently cut down to the first
   */
  header (name: string): string | undefined
  /**
   * Where clients reach this server: scheme and authority, and the path that a proxy takes away if it does, without a
   * slash behind. From what was configured, never from a raw header field. Undefined where that is not known.
   */
  readonly origin?: string | undefined
  /** The address of the client, as far as it can be trusted. Undefined where it is not known. */
  readonly address?: string | undefined
  /** What the request is called in the log. Undefined where it has no name. */
  readonly id?: string | undefined
  /** The client's certificate, read when it is asked for. Undefined without one, or behind a proxy that nobody trusts. */
  clientCertificate? (): ClientCertificate | undefined
}

/** A decoded form body. A repeated parameter is an array. */
export type FormParameters = Readonly<Record<string, string | string[] | undefined>>

/** A request to the token endpoint. */
export interface TokenRequest extends PlainRequest {
  readonly form: FormParameters
  /** Aborted once the client has gone: a rejection is then held back no longer. Undefined where that cannot be noticed. */
  readonly signal?: AbortSignal | undefined
}
