import { createHash, randomUUID } from 'node:crypto'
import type { Reservation } from '../contracts/replay-store.ts'
import { ask, runScript } from './connection.ts'
import type { RedisClient } from './connection.ts'
import { RESERVE, WATCH } from './scripts.ts'

// A script can access the keys of one Cluster slot only, and needs a sentinel beside the reservation. Reservations are
// therefore distributed over buckets, each with its own slot and sentinel.
const BUCKETS = 64

/** The reservations of one-time values, with detection of their loss. */
export class Reservations {
  readonly #client: RedisClient
  readonly #prefix: string
  readonly #storeClock: () => string
  // The names of the sentinels, by bucket, as last read by this process. A missing or different name means a loss.
  readonly #names: string[] = Array(BUCKETS).fill('')
  #isHistoryExpected = false
  #watching: Promise<void> | undefined
  #isWatched = false

  /** @param store `storeClock`: the time in seconds since 1970, or nothing for the clock of Redis */
  constructor ({ client, prefix, storeClock }: { client: RedisClient, prefix: string, storeClock: () => string }) {
    this.#client = client
    this.#prefix = prefix
    this.#storeClock = storeClock
  }

  /** The keys of the sentinels, one for each bucket. */
  get sentinels (): string[] {
    return this.#names.map((_, bucket) => this.#sentinel(bucket))
  }

  expectHistory (): void {
    this.#isHistoryExpected = true
  }

  /** Reads all sentinels, and writes those that are missing. @returns false if the Redis user is not allowed to run INFO */
  async watch (): Promise<boolean> {
    await ask(this.#client, (client) => this.#watchAll(client))
    return this.#names.every((name) => name !== '')
  }

  async reserve (key: string, { window, issuedAt, expiresAt, clockTolerance }: Reservation): Promise<boolean> {
    const hash = createHash('sha256').update(key).digest()
    const bucket = hash[0]! % BUCKETS
    // A value without `iat` was issued at most one window before its expiry.
    const losableUntil = (issuedAt ?? expiresAt - window) - 2 * clockTolerance
    const seconds = Math.max(1, Math.ceil(window + 2 * clockTolerance))
    const name = hash.toString('base64url')
    const value = randomUUID()
    return await ask(this.#client, async (client) => {
      // Create the sentinels before the first reservation: a sentinel that is missing later was lost.
      if (!this.#isWatched) await this.#watchAll(client)
      const keys = [this.#sentinel(bucket), `${this.#tagged(bucket)}:${name}`]
      const args = [...this.#sentinelArguments(bucket), value, String(seconds), String(losableUntil)]
      const [reserved, isFree] = await Promise.all([
        runScript(client, RESERVE, keys, args),
        this.#reserveBesideRelease010(client, name, expiresAt, seconds)
      ])
      const [sentinel, isNews, outcome] = reserved as [string, unknown, unknown]
      this.#names[bucket] = sentinel
      // A bucket rejects values up to the time when it detected the loss. Check all buckets now, so that this is the same time
      // in all.
      if (Number(isNews) === 1) this.#watchAll(client).catch(() => {})
      if (Number(outcome) === -1) throw new Error('Redis was restarted, replaced or promoted after this value had been made, and may have lost its reservation')
      return Number(outcome) === 1 && isFree
    })
  }

  #watchAll (client: RedisClient): Promise<void> {
    this.#watching ??= Promise.all(this.#names.map((_, bucket) => this.#watch(client, bucket))).then(() => {
      this.#isWatched = true
    }).finally(() => {
      this.#watching = undefined
    })
    return this.#watching
  }

  async #watch (client: RedisClient, bucket: number): Promise<void> {
    this.#names[bucket] = String(await runScript(client, WATCH, [this.#sentinel(bucket)], this.#sentinelArguments(bucket)))
  }

  #sentinelArguments (bucket: number): string[] {
    return [this.#names[bucket]!, randomUUID(), this.#isHistoryExpected ? '1' : '', this.#storeClock()]
  }

  #sentinel (bucket: number): string {
    return `${this.#tagged(bucket)}:sentinel`
  }

  // A cluster chooses the slot by the part in braces.
  #tagged (bucket: number): string {
    return `${this.#prefix}{replay-${String(bucket).padStart(2, '0')}}`
  }

  // Release 0.1.0 reserves under this key, by a value of the expiry and a UUID. Its processes and those of this release may
  // run side by side during an upgrade. Remove this once upgrades from 0.1.0 are no longer supported.
  async #reserveBesideRelease010 (client: RedisClient, name: string, expiresAt: number, seconds: number): Promise<boolean> {
    const kept = await client.set(`${this.#prefix}replay:${name}`, `${expiresAt} later-release`, 'EX', seconds, 'NX', 'GET')
    return kept === null || String(kept).endsWith(' later-release')
  }
}
