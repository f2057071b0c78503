import { systemClock, wallMilliseconds } from '../lib/clock.ts'
import type { Clock } from '../lib/clock.ts'
import { steadyClock } from '../lib/steady-clock.ts'

/**
 * The clock of a store without a server, based on the clock of the process. If the wall clock is set, expiry times are computed
 * from the later time and compared with the earlier one: an error keeps data longer than needed, never shorter.
 */
export interface ProcessClock {
  /** Milliseconds since 1970, never ahead of the time that has really passed. Used for expiry checks and generations. */
  earliest (): number
  /** Milliseconds since 1970 by the wall clock. Used to compute expiry times. */
  latest (): number
  /** `earliest` in seconds. */
  steady: Clock
}

/** Creates the clock. @param now default the clock of the machine */
export function processClock (now: Clock = systemClock): ProcessClock {
  const wall = wallMilliseconds(now)
  const steady = steadyClock(now)
  return { latest: wall, earliest: () => Math.min(Math.floor(wall()), steady() * 1000 + 999), steady }
}
