import type { Clock } from '../../lib/clock.ts'
import { FALLBACK_CLOCK_TOLERANCE, FALLBACK_TOKEN_LIFETIME, MIN_ENTRY_LIFETIME } from '../new-entries.ts'
import { processClock } from '../process-clock.ts'
import type { ProcessClock } from '../process-clock.ts'
import type { MemorySettings } from './settings.ts'

/** The clock of a store in memory, and expiry times by the agreed settings. */
export class MemoryTime {
  readonly #clock: ProcessClock
  readonly #settings: MemorySettings

  constructor (now: Clock | undefined, settings: MemorySettings) {
    this.#clock = processClock(now)
    this.#settings = settings
  }

  /** Milliseconds since 1970. */
  milliseconds (): number {
    return this.#clock.earliest()
  }

  /** Returns seconds since 1970, to compare with expiry times. */
  seconds (): number {
    return this.#clock.steady()
  }

  /** Returns the expiry time after a lifetime, in seconds since 1970. */
  expiryAfter (seconds: number): number {
    return Math.ceil(this.#clock.latest() / 1000) + seconds
  }

  /** Returns when entries that are written now expire. */
  entryExpiry (): number {
    return this.expiryAfter(Math.max(this.#settings.current.longestTokenLifetime || FALLBACK_TOKEN_LIFETIME, MIN_ENTRY_LIFETIME))
  }

  /** Returns whether a value expired more than twice the largest clock tolerance ago. */
  isForgotten (expiresAt: number): boolean {
    const { version, largestClockTolerance } = this.#settings.current
    return expiresAt < this.seconds() - 2 * (version === 0 ? FALLBACK_CLOCK_TOLERANCE : largestClockTolerance)
  }
}
