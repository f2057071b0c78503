import { createHash } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import { ask, runScript } from './connection.ts'
import type { RedisClient } from './connection.ts'
import { COUNT_FAILURE, FORGET_FAILURES } from './scripts.ts'

// Failures are counted in a fixed number of hashes of at most so many fields, 4,096 in all: about 200 KB, regardless of the number of keys.
const BUCKETS = 64
const MAX_FIELDS = 64
// Characters of base64url: 96 bits.
const FIELD_LENGTH = 16
// Seconds that Redis keeps counted failures after the window is over by the clock of the process that counted first.
const SKEW = 60

/** The counted failures, for a bounded number of keys. */
export class Failures {
  readonly #client: RedisClient
  readonly #prefix: string
  readonly #now: Clock
  readonly #seed: () => Promise<string>
  #seeded: Promise<string> | undefined

  /**
   * @param failures `seed`: a string that all processes share and that callers do not know. It determines which failures share
   * a bucket
   */
  constructor ({ client, prefix, now, seed }: { client: RedisClient, prefix: string, now: Clock, seed: () => Promise<string> }) {
    this.#client = client
    this.#prefix = prefix
    this.#now = now
    this.#seed = seed
  }

  async count (key: string, window: number): Promise<{ count: number, forgottenAt: number }> {
    const now = this.#now()
    const { bucket, field } = await this.#place(key)
    const args = [field, now, now + window, Math.ceil(window) + SKEW, MAX_FIELDS].map(String)
    const [count, forgottenAt] = await ask(this.#client, (client) => runScript(client, COUNT_FAILURE, [bucket], args)) as [unknown, unknown]
    return { count: Number(count), forgottenAt: Number(forgottenAt) }
  }

  async forget (key: string): Promise<void> {
    const { bucket, field } = await this.#place(key)
    await ask(this.#client, (client) => runScript(client, FORGET_FAILURES, [bucket], [field]))
  }

  // The bucket must be unpredictable: otherwise an attacker could evict the count of its guesses with failures of invented ids.
  async #place (key: string): Promise<{ bucket: string, field: string }> {
    this.#seeded ??= this.#seed().catch((error: unknown) => {
      this.#seeded = undefined
      throw error
    })
    const hash = createHash('sha256').update(JSON.stringify([await this.#seeded, key])).digest()
    const number = String(hash[0]! % BUCKETS).padStart(2, '0')
    return { bucket: `${this.#prefix}failures:${number}`, field: hash.toString('base64url').slice(-FIELD_LENGTH) }
  }
}
