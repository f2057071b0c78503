import { readUpTo } from './bounded-response.ts'

/** Header fields by their names. */
export type Fields = Readonly<Record<string, string>>

/** A request in parts, which can be sent more than once unless its body is a stream. */
export interface RequestParts {
  readonly url: URL
  readonly method: string
  /** By lower-case names. */
  readonly headers: Fields
  readonly body: RequestInit['body']
  readonly isReplayable: boolean
  readonly signal: AbortSignal | null | undefined
  readonly redirect: RequestInit['redirect']
  /** All other members of the init object. */
  readonly init: RequestInit | undefined
}

// Bytes of a Request that are kept in memory, so that it can be sent again.
const MAX_KEPT = 65_536

/** Takes the arguments of `fetch` apart. Keeps the first 64 KiB of a Request's body: one that ends there can be sent again. */
export async function partsOf (request: Request, init?: RequestInit): Promise<RequestParts> {
  const whole = init === undefined ? request : new Request(request, init)
  const { url, method, headers, signal, redirect, body } = whole
  // A dispatcher, for example, is in no Request.
  const common = { url: new URL(url), method, headers: fieldsOf(headers), signal, redirect, init }
  if (body === null) return { ...common, body: null, isReplayable: true }
  const { bytes, rest } = await readUpTo(body, MAX_KEPT)
  return rest === undefined
    ? { ...common, body: bytes, isReplayable: true }
    : { ...common, body: joined(bytes, rest), isReplayable: false, init: { ...init, duplex: 'half' } as RequestInit }
}

/** The same for a URL. */
export function partsOfUrl (url: URL, init: RequestInit = {}): RequestParts {
  const { method = 'GET', headers, body, signal, redirect } = init
  return { url, method, headers: fieldsOf(headers), body, isReplayable: isReplayable(body), signal, redirect, init }
}

// A plain object costs a tenth of a Headers object, which fetch creates anyway.
function fieldsOf (headers: RequestInit['headers']): Fields {
  const fields: Record<string, string> = {}
  if (headers === undefined || headers === null) return fields
  if (Symbol.iterator in headers) return Object.fromEntries(new Headers(headers))
  for (const [field, value] of Object.entries(headers as Record<string, string>)) {
    const name = field.toLowerCase()
    fields[name] = Object.hasOwn(fields, name) ? `${fields[name]}, ${value}` : value
  }
  return fields
}

function isReplayable (body: unknown): boolean {
  return body === undefined || body === null || typeof body === 'string' || body instanceof URLSearchParams || body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) || body instanceof Blob || body instanceof FormData
}

function joined (bytes: Uint8Array, rest: ReadableStreamDefaultReader<Uint8Array>): ReadableStream {
  return new ReadableStream({
    start (controller) { controller.enqueue(bytes) },
    async pull (controller) {
      const { done, value } = await rest.read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => rest.cancel(reason)
  })
}
