import { createHmac, randomBytes } from 'node:crypto'
import { LruMap } from 'toad-cache'
import type { Clock } from '../../lib/clock.ts'

// Seconds after the last use.
const MAX_AGE = 3600
const MAX = 10_000

/**
 * Caches the imported secrets that were verified in the last hour. So a slow hash is not computed for each token, and a returning
 * client never waits behind attackers who guess secrets. That a secret matches a hash stays true: expiry and revocation are checked
 * elsewhere. Only right secrets are cached, so attackers cannot fill the cache. Keys are HMACs under a key of this process, so that
 * a memory dump does not allow guessing secrets.
 */
export class SecretVerificationCache {
  readonly #key = randomBytes(32)
  readonly #until = new LruMap<number>(MAX)
  readonly #now: Clock

  constructor (now: Clock) {
    this.#now = now
  }

  /** @param hash the stored hash: another hash has its own entry */
  has (clientId: string, secret: string, hash: string): boolean {
    const key = this.#keyOf(clientId, secret, hash)
    const until = this.#until.get(key)
    // A clock that was set back must not extend the lifetime.
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
