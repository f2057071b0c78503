import { OAuthClientError } from './errors.ts'

/** Bytes of a response of an authorization server. Token responses and metadata have a few thousand. */
const MAX_RESPONSE = 262_144
// The Response class takes no body with these (Fetch standard, null body status).
const NULL_BODY = new Set([204, 205, 304])

/** The bytes of a stream, and what is left of it. */
export interface Beginning {
  bytes: Uint8Array<ArrayBuffer>
  /** The reader, if the stream has more than was read. */
  rest: ReadableStreamDefaultReader<Uint8Array> | undefined
}

/** Reads a stream until it ends or more than `limit` bytes were read. */
export async function readUpTo (stream: ReadableStream<Uint8Array>, limit: number): Promise<Beginning> {
  const reader = stream.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  let isDone = false
  while (!isDone && length <= limit) {
    const { done, value } = await reader.read()
    isDone = done
    if (value !== undefined) length += chunks.push(value) && value.byteLength
  }
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.byteLength
  }
  return { bytes, rest: isDone ? undefined : reader }
}

/**
 * Reads a response of an authorization server into memory. Leaves out its WWW-Authenticate field: oauth4webapi would report that
 * instead of the error code in the body.
 *
 * @throws OAuthClientError OAUTH_CLIENT_INVALID_RESPONSE for more than 256 KiB
 */
export async function boundedResponse (response: Response): Promise<Response> {
  const { status } = response
  const headers = new Headers([...response.headers])
  headers.delete('www-authenticate')
  if (response.body === null || NULL_BODY.has(status)) return new Response(null, { status, headers })
  const { bytes, rest } = await readUpTo(response.body, MAX_RESPONSE)
  if (rest !== undefined) {
    await rest.cancel()
    throw new OAuthClientError('OAUTH_CLIENT_INVALID_RESPONSE', `The response of the authorization server has more than ${MAX_RESPONSE} bytes`)
  }
  return new Response(bytes, { status, headers })
}
