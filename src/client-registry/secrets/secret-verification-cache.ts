import { createHmac, randomBytes } from 'node:crypto'
import { LruMap } from 'toad-cache'
import type { Clock } from '../../lib/clock.ts'

// Seconds after the last use.
const MAX_AGE = 3600
const MAX = 10_000

/**
 * Remembers which secrets were found right in the last hour, so that one that is hashed slowly is not hashed for each
 * token, and that a client who comes again never waits behind those who guess. That a secret has a hash stays true: whether
 * it has expired, or was revoked, is seen to elsewhere. Only what is right is remembered, so nobody can fill this.
 * Keyed by an HMAC under a key of this process, so that nobody who sees the memory can try secrets on it.
 */
export class SecretVerificationCache {
  readonly #key = randomBytes(32)
  readonly #until = new LruMap<number>(MAX)
  readonly #now: Clock

  constructor (now: Clock) {
    this.#now = now
  }

  /** @param hash what is stored: another secret is another entry */
  has (clientId: string, secret: string, hash: string): boolean {
    const key = this.#keyOf(clientId, secret, hash)
    const until = this.#until.get(key)
    // A clock that was set back must not make it longer.
    if (until === undefined || until <= this.#now() || until - MAX_AGE > this.#now()) return false
    this.#until.set(key, this.#now() + MAX_AGE)
    return true
  }

  add (clientId: string, secret: string, hash: string): void {
    this.#until.set(this.#keyOf(clientId, secret, hash), this.#now() + MAX_AGE)
  }

  #keyOf (...parts: string[]): string {
    return createHmac('sha256', this.#key).update(JSON.stringify(parts)).digest('base64url')
  }
}
