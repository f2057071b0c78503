import { MethodNotAllowedError } from '../errors/oauth-error.ts'
import { FORM_BODY_LIMIT, FORM_MEDIA_TYPE, formTooLarge, hasTooManyParameters, notAForm, parseForm, tooManyParameters } from './form.ts'
import type { FormParameters, PlainRequest, TokenRequest } from './plain-request.ts'

// A byte order mark is a character like any other here, as it is to the parser behind the other door.
const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** Reads a web `Request` as a plain request. Its body is left alone. */
export function readRequest ({ method, url, headers }: Request): PlainRequest {
  // Whoever made the Request has said by which URL it came.
  return { method, url, origin: new URL(url).origin, header: (name) => headers.get(name) ?? undefined }
}

/**
 * Reads a web `Request` as a token request. Consumes its body, of at most {@link FORM_BODY_LIMIT} bytes.
 *
 * @throws MethodNotAllowedError for anything but POST (RFC 6749 §3.2)
 * @throws InvalidRequestError for another media type, or a body that is too large
 */
export async function readTokenRequest (request: Request): Promise<TokenRequest> {
  if (request.method !== 'POST') throw new MethodNotAllowedError()
  const mediaType = request.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (mediaType !== FORM_MEDIA_TYPE) throw notAForm()
  return { ...readRequest(request), form: await readForm(request.body), signal: request.signal }
}

async function readForm (body: ReadableStream<Uint8Array> | null): Promise<FormParameters> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.byteLength
    if (size > FORM_BODY_LIMIT) throw formTooLarge()
    chunks.push(chunk)
  }
  const text = UTF8.decode(Buffer.concat(chunks))
  if (hasTooManyParameters(text)) throw tooManyParameters()
  return parseForm(text)
}
