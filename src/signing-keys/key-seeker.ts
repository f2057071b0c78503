import { measureAge } from '../lib/age.ts'
import type { Age } from '../lib/age.ts'
import type { BackgroundRefresh } from '../lib/background-refresh.ts'
import type { Clock } from '../lib/clock.ts'

// Milliseconds between two reads for unknown keys: unauthenticated callers can invent kids.
const SEEK_AFTER = 100

/**
 * Reads the keys for tokens with an unknown kid. A new key that replaces a revoked one signs without announcement: its tokens
 * wait for a read that begins after they arrived. All waiting requests share one read.
 */
export class KeySeeker {
  readonly #state: BackgroundRefresh
  readonly #now: Clock
  #waiting: Promise<void> | undefined
  #sinceRead: Age = () => Infinity

  constructor (state: BackgroundRefresh, now: Clock) {
    this.#state = state
    this.#now = now
  }

  /** Waits for the next read. Never rejects. */
  async seek (): Promise<void> {
    this.#waiting ??= this.#readSoon()
    await this.#waiting
  }

  async #readSoon (): Promise<void> {
    const pause = SEEK_AFTER - Math.min(this.#state.age(), this.#sinceRead())
    await new Promise((resolve) => { setTimeout(resolve, Math.max(pause, 0)) })
    // Requests that arrive from now on need a later read.
    this.#waiting = undefined
    this.#sinceRead = measureAge(this.#now)
    await this.#state.renew()
  }
}
