import type { Clock } from '../lib/clock.ts'
import { boundedResponse } from './bounded-response.ts'
import { OAuthClientError } from './errors.ts'
import type { ServerClock } from './server-clock.ts'

/** Sends a request to the authorization server, in the form that oauth4webapi asks for. */
export type ServerFetch = (url: string, options: object) => Promise<Response>

// Seconds. A hostile Retry-After must not stop the client permanently.
const MAX_RETRY_AFTER = 300

/** Parts that a request to the authorization server needs. */
export interface ServerFetchSettings {
  readonly fetch: typeof fetch
  /** Milliseconds. */
  readonly timeout: number
  readonly clock: ServerClock
  readonly now: Clock
}

/**
 * Returns the function that sends requests to the authorization server: within the timeout, without following redirects, with a
 * bounded response.
 *
 * @throws OAuthClientError OAUTH_CLIENT_SERVER_UNAVAILABLE for network errors, timeouts, 429 and 5xx
 */
export function serverFetch ({ fetch, timeout, clock, now }: ServerFetchSettings): ServerFetch {
  return async (url, options) => {
    const abort = new AbortController()
    const timer = setTimeout(() => { abort.abort() }, timeout)
    const sentAt = now()
    try {
      const response = await boundedResponse(await fetch(url, { ...options, redirect: 'manual', signal: abort.signal }))
      clock.note(new URL(url).origin, response.headers, sentAt)
      const { status } = response
      if (status === 429 || status >= 500) throw unavailable(`it answered with ${status}`, { status, retryAfter: retryAfterOf(response.headers, now()) })
      return response
    } catch (error) {
      if (error instanceof OAuthClientError) throw error
      throw unavailable(abort.signal.aborted ? `there was no answer within ${timeout / 1000} s` : reasonOf(error))
    } finally {
      clearTimeout(timer)
    }
  }
}

function unavailable (reason: string, details?: { status: number, retryAfter: number | undefined }): OAuthClientError {
  return new OAuthClientError('OAUTH_CLIENT_SERVER_UNAVAILABLE', `The authorization server is unavailable: ${reason}. Try again later.`, details)
}

/** Returns seconds from a Retry-After field (RFC 9110 §10.2.3), at most 300. */
export function retryAfterOf (headers: Headers, now: number): number | undefined {
  const text = headers.get('retry-after') ?? ''
  const seconds = /^\d+$/.test(text) ? Number(text) : Date.parse(text) / 1000 - (Date.parse(headers.get('date') ?? '') / 1000 || now)
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), MAX_RETRY_AFTER) : undefined
}

// Uses only the code of the error: messages and other members may contain request data.
function reasonOf (error: unknown): string {
  for (let part = error; part instanceof Error; part = part.cause) {
    const { code } = part as { code?: unknown }
    if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,40}$/.test(code)) return code
  }
  return 'the request failed'
}
