import { monotonic, wallMilliseconds } from './clock.ts'
import type { Clock } from './clock.ts'

/** Returns the milliseconds since it was made, as the greater of the wall and the monotonic time. */
export type Age = () => number

/** Starts to measure an age. A clock that is set back, or stops while the process is suspended, does not hide it. */
export function measureAge (now: Clock): Age {
  const wall = wallMilliseconds(now)
  const wallAtStart = wall()
  const monotonicAtStart = monotonic()
  return () => Math.max(wall() - wallAtStart, monotonic() - monotonicAtStart)
}
