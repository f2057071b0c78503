import { systemClock, wallMilliseconds } from '../lib/clock.ts'
import type { Clock } from '../lib/clock.ts'
import { steadyClock } from '../lib/steady-clock.ts'

/**
 * The clock of a store that has no other than that of its process. Where a wall clock was set, expiries are counted from the
 * later time and compared with the earlier one: an error keeps things longer than needed, never shorter.
 */
export interface ProcessClock {
  /** Milliseconds since 1970, never ahead of the time that has really passed: what has expired, and how generations grow. */
  earliest (): number
  /** Milliseconds since 1970 by the wall clock: what expiries are counted from. */
  latest (): number
  /** `earliest` in seconds. */
  steady: Clock
}

/** @param now default the clock of the machine */
export function processClock (now: Clock = systemClock): ProcessClock {
  const wall = wallMilliseconds(now)
  const steady = steadyClock(now)
  return { latest: wall, earliest: () => Math.min(Math.floor(wall()), steady() * 1000 + 999), steady }
}
