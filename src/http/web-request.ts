import { MethodNotAllowedError } from '../errors/oauth-error.ts'
import { FORM_BODY_LIMIT, FORM_MEDIA_TYPE, formTooLarge, hasTooManyParameters, notAForm, parseForm, tooManyParameters } from './form.ts'
import type { FormParameters, PlainRequest, TokenRequest } from './plain-request.ts'

// Keeps a byte order mark as a character, as Fastify's form parser does.
const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** Converts a web `Request` into a plain request. Does not read its body. */
export function readRequest ({ method, url, headers }: Request): PlainRequest {
  // The application that created the Request has set its URL.
  return { method, url, origin: new URL(url).origin, header: (name) => headers.get(name) ?? undefined }
}

/**
 * Converts a web `Request` into a token request. Consumes its body, of at most {@link FORM_BODY_LIMIT} bytes.
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
