import { systemClock } from '../lib/clock.ts'

/**
 * A clock that a test controls. Pass its `now` to every part that takes one: `new JwtAccessTokens({ ..., now: clock.now })`.
 */
export interface TestClock {
  /** Returns the seconds since 1970. Needs no `this`. */
  readonly now: () => number
  /** Moves the clock by some seconds; backwards by a negative number. */
  advance (seconds: number): void
}

/**
 * Creates a clock that follows the clock of the machine with an adjustable offset. It affects neither timers nor the monotonic
 * clock: changes take effect when the parts read the clock next.
 */
export function testClock (): TestClock {
  let offset = 0
  return {
    now: () => systemClock() + offset,
    advance (seconds) {
      if (!Number.isFinite(seconds)) throw new TypeError('The clock is advanced by a number of seconds. Pass one')
      offset += seconds
    }
  }
}
