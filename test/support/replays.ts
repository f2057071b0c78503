import type { ReplayStore } from '../../src/store/index.ts'
import { MemoryStore } from '../../src/store/memory.ts'

/** Remembers in memory what was used, and counts. */
export class MemoryReplays implements ReplayStore {
  readonly reserved = new Map<string, number>()

  async reserve (key: string, expiresAt: number): Promise<boolean> {
    if (this.reserved.has(key)) return false
    this.reserved.set(key, expiresAt)
    return true
  }
}

/** Takes a second for each reservation, and forgets it when it expires, as every store does. */
export class SlowReplays implements ReplayStore {
  readonly #time: { now: number }
  readonly #store: MemoryStore

  /** @param time the clock of whoever reserves, too */
  constructor (time: { now: number }) {
    this.#time = time
    this.#store = new MemoryStore({ now: () => time.now })
  }

  async reserve (key: string, expiresAt: number): Promise<boolean> {
    this.#time.now++
    return await this.#store.reserve(key, expiresAt)
  }
}
