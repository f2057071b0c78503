// Bodies that were read before Fastify: by a serverless platform, or by middleware in front of it.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyInstance, preParsingHookHandler, RequestPayload } from 'fastify'
import { FORM_MEDIA_TYPE } from '../../src/adapter.ts'
import { InvalidRequestError } from '../../src/index.ts'

/** A request whose body may have been read: its bytes are in `rawBody`, `body` is a string, bytes or the parsed value. */
type PlatformRequest = IncomingMessage & { readonly body?: unknown, readonly rawBody?: unknown }

/**
 * Removes the content type parsers that an encapsulation context inherits. The parsers that it adds afterwards also receive
 * bodies that were read before Fastify: they and their limits apply to these as to all others.
 */
export function resetBodyParsing (context: FastifyInstance): void {
  context.removeAllContentTypeParsers()
  context.addHook('preParsing', providePlatformBody)
}

// Uses a callback: with a promise, a stream could end before its parser listens, and the request would never get a response.
const providePlatformBody: preParsingHookHandler = (request, _reply, payload, done) => {
  const raw: PlatformRequest = request.raw
  // Fastify does not read the body of these methods, and a hook of the application may have replaced the stream.
  if (request.method === 'GET' || request.method === 'HEAD' || payload !== raw) return done(null, payload)
  const isSpent = isConsumed(raw)
  // A complete stream without remaining data: the body was empty, or has just been read.
  if (!isSpent && !(raw.complete && raw.readableLength === 0)) return done(null, payload)
  let body: string | Uint8Array | undefined
  try {
    body = readPlatformBody(raw)
  } catch (error) {
    return done(error instanceof InvalidRequestError ? error : new InvalidRequestError(undefined, { cause: error }))
  }
  if (body !== undefined) return done(null, toPayload(body, raw.headers))
  if (!isSpent) return done(null, payload)
  done(new InvalidRequestError(undefined, { cause: new Error('The request body was read before Fastify. Set request.raw.rawBody, or request.raw.body, to what was read.') }))
}

// Some platforms pass an object that is not a stream.
function isConsumed ({ readableEnded, destroyed }: IncomingMessage): boolean {
  return readableEnded !== false || destroyed
}

/** Returns the body as a string or bytes, or undefined if it is lost. */
function readPlatformBody (raw: PlatformRequest): string | Uint8Array | undefined {
  const { headers, rawBody } = raw
  const body: unknown = raw.body
  if (hasBytes(rawBody) && (isNothing(body) || (rawBody.length > 0 && !isCompressed(headers)))) return rawBody
  if (hasBytes(body)) return body
  if (isNothing(body) && isBodyless(raw)) return ''
  if (body === undefined || body === null) return undefined
  return isForm(headers) ? encodeForm(body) : JSON.stringify(body)
}

function hasBytes (value: unknown): value is string | Uint8Array {
  return typeof value === 'string' || value instanceof Uint8Array
}

/** Returns whether a body is absent, or the empty object that body parsers set for an absent one. */
function isNothing (body: unknown): boolean {
  return body === undefined || body === null || (typeof body === 'object' && Object.keys(body).length === 0)
}

// rawBody may still be compressed. The parsed body is not.
function isCompressed ({ 'content-encoding': encoding = 'identity' }: IncomingHttpHeaders): boolean {
  return encoding.trim().toLowerCase() !== 'identity'
}

// In HTTP/2 a body needs no header field.
function isBodyless ({ headers, httpVersionMajor }: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': coding, 'content-type': type } = headers
  if (length !== undefined || coding !== undefined) return length === '0'
  return httpVersionMajor < 2 || type === undefined
}

function isForm ({ 'content-type': type = '' }: IncomingHttpHeaders): boolean {
  return type.split(';', 1)[0]!.trim().toLowerCase() === FORM_MEDIA_TYPE
}

/**
 * Encodes a parsed form. An array is a repeated parameter, which the endpoint rejects unless it may be repeated (RFC 6749 §3.2).
 *
 * @throws InvalidRequestError for a value that a form cannot contain: the original parameter is unknown
 */
function encodeForm (body: unknown): string {
  const form = new URLSearchParams()
  if (typeof body !== 'object' || Array.isArray(body)) throw new InvalidRequestError()
  for (const [name, value] of Object.entries(body as object)) {
    const values: unknown[] = Array.isArray(value) && value.length > 1 ? value : [value]
    for (const text of values) {
      if (typeof text !== 'string') throw new InvalidRequestError('A parameter is not a string')
      form.append(name, text)
    }
  }
  return form.toString()
}

function toPayload (body: string | Uint8Array, headers: IncomingHttpHeaders): RequestPayload {
  const payload: RequestPayload = Readable.from(Buffer.from(body as Uint8Array), { objectMode: false })
  // Fastify compares this length with Content-Length, which counts the bytes as sent: the platform may have decoded them.
  payload.receivedEncodedLength = Number(headers['content-length'] ?? 0)
  return payload
}
