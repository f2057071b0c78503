import { LruMap } from 'toad-cache'
import type { Clock } from '../lib/clock.ts'
import { sha256Base64url } from '../lib/sha256.ts'

/** What verified tokens are remembered by. */
export interface TokenCacheOptions {
  /** How many; the one that was used longest ago goes first. 0 for none. Default 10,000. */
  max?: number
  now: Clock
}

interface Entry<T> { verdict: T, until: number }

/**
 * Remembers what tokens were found to say, so that a token is verified once and not in every request. Only for tokens
 * that are valid: a bad one must never push a good one out. Keyed by {@link sha256Base64url} a token, so that
 * none is kept.
 *
 * Does NOT know of revocation: whoever asks looks at that each time.
 */
export class TokenCache<T> {
  readonly #entries: LruMap<Entry<T>>
  readonly #max: number
  readonly #now: Clock

  constructor ({ max = 10_000, now }: TokenCacheOptions) {
    this.#entries = new LruMap(max)
    this.#max = max
    this.#now = now
  }

  /** {@link sha256Base64url} a token. Undefined where none is remembered, and none needs a key. */
  keyOf (token: string): string | undefined {
    return this.#max > 0 ? sha256Base64url(token) : undefined
  }

  /** @returns undefined for a token that is not remembered, or has expired since */
  get (key: string | undefined): T | undefined {
    if (key === undefined) return undefined
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    if (entry.until > this.#now()) return entry.verdict
    this.#entries.delete(key)
    return undefined
  }

  /** Forgets all verdicts. */
  clear (): void {
    this.#entries.clear()
  }

  /** @param expiresAt the token's own expiry, in seconds since 1970 */
  set (key: string | undefined, verdict: T, expiresAt: number): void {
    // A map of none would be one without bound.
    if (this.#max > 0 && key !== undefined) this.#entries.set(key, { verdict, until: expiresAt })
  }
}
