import type { Clock } from '../../lib/clock.ts'
import { FALLBACK_CLOCK_TOLERANCE, FALLBACK_TOKEN_LIFETIME, MIN_ENTRY_LIFETIME } from '../new-entries.ts'
import { processClock } from '../process-clock.ts'
import type { ProcessClock } from '../process-clock.ts'
import type { MemorySettings } from './settings.ts'

/** The clock of a store in memory, and what the agreed settings say about expiry. */
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

  /** Seconds since 1970: what has expired. */
  seconds (): number {
    return this.#clock.steady()
  }

  /** When something expires, in seconds since 1970. */
  expiryAfter (seconds: number): number {
    return Math.ceil(this.#clock.latest() / 1000) + seconds
  }

  /** When entries expire that are written now. */
  entryExpiry (): number {
    return this.expiryAfter(Math.max(this.#settings.current.longestTokenLifetime || FALLBACK_TOKEN_LIFETIME, MIN_ENTRY_LIFETIME))
  }

  /** Whether something expired more than twice the largest clock tolerance ago. */
  isForgotten (expiresAt: number): boolean {
    const { version, largestClockTolerance } = this.#settings.current
    return expiresAt < this.seconds() - 2 * (version === 0 ? FALLBACK_CLOCK_TOLERANCE : largestClockTolerance)
  }
}
