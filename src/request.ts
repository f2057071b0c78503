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
}

/** A decoded form body. A repeated parameter is an array. */
export type FormParameters = Readonly<Record<string, string | string[] | undefined>>

/** A request to the token endpoint. */
export interface TokenRequest extends PlainRequest {
  readonly form: FormParameters
}
