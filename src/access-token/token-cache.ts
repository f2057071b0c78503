import { LruMap } from 'toad-cache'
import type { Clock } from '../lib/clock.ts'
import { sha256Base64url } from '../lib/sha256.ts'

/** Options of the token cache. */
export interface TokenCacheOptions {
  /** Maximum number of tokens; the least recently used one is evicted. 0 disables the cache. Default 10,000. */
  max?: number
  now: Clock
}

interface Entry<T> { verdict: T, until: number }

/**
 * Caches the verification results of tokens, so that a token is verified once and not in every request. Caches valid tokens
 * only: invalid ones must never evict them. The key is the {@link sha256Base64url} of a token, so that no token is kept in memory.
 *
 * Does NOT check revocation: the caller checks it each time.
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

  /** Returns the {@link sha256Base64url} of a token. Undefined if the cache is disabled. */
  keyOf (token: string): string | undefined {
    return this.#max > 0 ? sha256Base64url(token) : undefined
  }

  /** @returns undefined for a token that is not cached, or has expired */
  get (key: string | undefined): T | undefined {
    if (key === undefined) return undefined
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    if (entry.until > this.#now()) return entry.verdict
    this.#entries.delete(key)
    return undefined
  }

  /** Removes all results. */
  clear (): void {
    this.#entries.clear()
  }

  /** @param expiresAt the token's own expiry, in seconds since 1970 */
  set (key: string | undefined, verdict: T, expiresAt: number): void {
    // A map with a maximum of 0 would be unbounded.
    if (this.#max > 0 && key !== undefined) this.#entries.set(key, { verdict, until: expiresAt })
  }
}
