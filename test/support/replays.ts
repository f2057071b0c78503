import type { ReplayStore, Reservation } from '../../src/stores/contracts/index.ts'
import { MemoryStore } from '../../src/stores/memory.ts'

/** Keeps the reservations of one-time values, for tests that look at them. */
export class MemoryReplays implements ReplayStore {
  /** When each value expires, in seconds since 1970. */
  readonly reserved = new Map<string, number>()

  async reserve (key: string, { expiresAt }: Reservation): Promise<boolean> {
    if (this.reserved.has(key)) return false
    this.reserved.set(key, expiresAt)
    return true
  }
}

/** Takes a second for each reservation. */
export class SlowReplays implements ReplayStore {
  readonly #time: { now: number }
  readonly #store: MemoryStore

  /** @param time the clock of the server, too */
  constructor (time: { now: number }) {
    this.#time = time
    this.#store = new MemoryStore({ now: () => time.now })
  }

  async reserve (key: string, reservation: Reservation): Promise<boolean> {
    this.#time.now++
    return await this.#store.reserve(key, reservation)
  }
}
