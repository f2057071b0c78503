import { callable } from '../options/rules.ts'
import type { Rule } from '../options/rules.ts'
import { RemoteUnavailableError } from './unavailable.ts'

/** `fetch`, or a function with the same signature that uses a proxy, presents a client certificate or trusts another CA. */
export type Fetch = typeof globalThis.fetch

/** Milliseconds that a request may take. */
export const TIME_LIMIT = 5000

// Bytes.
const BODY_LIMIT = 512 * 1024

/** The cause of an unusable response: the other server returned another status than 200. */
export class UnexpectedStatus extends Error {
  readonly status: number

  constructor (status: number) {
    super(`The status is ${status}`)
    this.status = status
  }
}

/**
 * Fetches a JSON object within 5 seconds and 512 KiB, decompressed. Follows no redirect, since only this URL is trusted.
 *
 * @throws RemoteUnavailableError for everything but a 200 with a JSON object. Its `cause` has the reason, without the body
 */
export async function fetchJson (fetch: Fetch, url: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
  try {
    const response = await fetch(url, {
      ...init,
      headers: { accept: 'application/json', ...init.headers as Record<string, string> },
      // Not "error", which workerd does not support. A redirect fails because its status is not 200.
      redirect: 'manual',
      signal: AbortSignal.timeout(TIME_LIMIT)
    })
    if (response.status !== 200) {
      await response.body?.cancel()
      throw new UnexpectedStatus(response.status)
    }
    return parseObject(await readText(response))
  } catch (cause) {
    throw new RemoteUnavailableError(`The authorization server gave no usable answer at ${url}`, { cause })
  }
}

async function readText (response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  // An exception in the loop closes the connection.
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > BODY_LIMIT) throw new RangeError(`The body is longer than ${BODY_LIMIT} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseObject (text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The message of the parser quotes the text.
  }
  if (typeof value !== 'object' || value === null) throw new TypeError('The body is not a JSON object')
  return value as Record<string, unknown>
}

/** A `fetch`. */
export const FETCH: Rule<Fetch> = callable<Fetch>('of the shape of fetch')
