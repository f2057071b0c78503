import { monotonic } from './clock.ts'
import type { Clock } from './clock.ts'

/**
 * Returns a clock that follows another one, but never runs ahead of the time that has really passed: a wall clock that was
 * set ahead by mistake must not make anything expire. A clock that is set back is followed.
 *
 * @returns seconds since 1970
 */
export function steadyClock (now: Clock): Clock {
  const startedAt = now()
  const startedMonotonic = monotonic()
  return () => Math.min(now(), startedAt + Math.ceil((monotonic() - startedMonotonic) / 1000))
}
