import type { Clock } from '../lib/clock.ts'
import { retryReasonOf } from './challenges.ts'
import type { RetryReason } from './challenges.ts'
import { OAuthClientError } from './errors.ts'
import { publish } from './events.ts'
import type { ClientEvent } from './events.ts'
import { notReplayable, redirected } from './redirect.ts'
import { partsOf, partsOfUrl } from './request-parts.ts'
import type { Fields, RequestParts } from './request-parts.ts'
import type { ServerClock } from './server-clock.ts'
import type { HeldToken, TokenSource } from './token-source.ts'

/** Parts of a fetch that sends tokens. */
export interface AuthenticatedFetchSettings {
  readonly source: TokenSource
  readonly fetch: typeof fetch
  readonly allowedOrigins: ReadonlySet<string>
  readonly event: ClientEvent
  readonly clock: ServerClock
  readonly now: Clock
}

// Fetch standard, HTTP-redirect fetch.
const MAX_REDIRECTS = 20

/** Throws for an origin that tokens may not be sent to. @throws OAuthClientError OAUTH_CLIENT_ORIGIN_NOT_ALLOWED */
export function checkOrigin (allowed: ReadonlySet<string>, origin: string): void {
  if (!allowed.has(origin)) throw new OAuthClientError('OAUTH_CLIENT_ORIGIN_NOT_ALLOWED', `Tokens may not be sent to ${origin}. Add it to "allowedOrigins" if the API is there.`)
}

/** Returns a function like `fetch` that sends a token with each request. */
export function authenticatedFetch (settings: AuthenticatedFetchSettings): typeof fetch {
  return async (input, init) => {
    let parts = typeof input === 'string' || input instanceof URL ? partsOfUrl(new URL(input), init) : await partsOf(input, init)
    checkOrigin(settings.allowedOrigins, parts.url.origin)
    const { origin } = parts.url
    let hasToken = true
    for (let count = 0; count <= MAX_REDIRECTS; count++) {
      const response = hasToken ? await sendWithToken(settings, parts) : await send(settings, parts, parts.headers)
      const next = redirected(parts, response)
      if (next === undefined) return response
      await response.body?.cancel()
      parts = next
      // After a redirect to another origin, the token is no longer sent.
      hasToken &&= parts.url.origin === origin
    }
    throw new TypeError(`The API redirects more than ${MAX_REDIRECTS} times`)
  }
}

async function sendWithToken (settings: AuthenticatedFetchSettings, parts: RequestParts): Promise<Response> {
  const { source, event, clock, now } = settings
  const { origin } = parts.url
  const reasons = new Set<RetryReason>()
  for (;;) {
    const held = source.current() ?? await source.obtain(parts.signal)
    const offset = clock.offset(origin)
    const sentAt = now()
    const response = await sendHeld(settings, parts, held)
    if (response.status !== 401) return response
    const reason = retryReasonOf(response.headers.get('www-authenticate'))
    if (held.prover !== undefined && reason !== undefined) clock.note(origin, response.headers, sentAt)
    // Retry once per reason: the caller receives any further rejection.
    if (reason === undefined || reasons.has(reason) || !canHelp(reason, held, source, clock.offset(origin) !== offset)) return response
    reasons.add(reason)
    publish('request.retried', () => ({ ...event, origin, method: parts.method, reason, isReplayed: parts.isReplayable }))
    if (!parts.isReplayable) throw notReplayable('rejected the token or its proof', response)
    await response.body?.cancel()
  }
}

function canHelp (reason: RetryReason, held: HeldToken, source: TokenSource, isClockCorrected: boolean): boolean {
  if (reason === 'invalid_token') return source.reject(held)
  return held.prover !== undefined && (reason === 'use_dpop_nonce' || isClockCorrected)
}

function sendHeld (settings: AuthenticatedFetchSettings, parts: RequestParts, { accessToken, prover }: HeldToken): Promise<Response> {
  const { headers, url, method } = parts
  if (prover === undefined) return send(settings, parts, { ...headers, authorization: `Bearer ${accessToken}` })
  const { authorization: _authorization, ...others } = headers
  return prover.send(accessToken, method, url, new Headers(others), (proven) => send(settings, parts, proven))
}

function send ({ fetch }: AuthenticatedFetchSettings, { url, method, body, signal, redirect, init }: RequestParts, headers: Fields | Headers): Promise<Response> {
  const request: Record<string, unknown> = { method, headers, body: body ?? null, signal: signal ?? null, redirect: redirect === 'error' ? 'error' : 'manual' }
  // A loop, since spreading would be half of the cost of a call. Most callers pass no other members.
  for (const name in init) if (!(name in request)) request[name] = init[name as keyof RequestInit]
  return fetch(url.href, request)
}
