import type { Clock } from '../../lib/clock.ts'
import type { ReplayStore, Reservation } from './index.ts'

/** The store of one-time values, and the clock by which they expire. */
export interface Replays {
  readonly replays: ReplayStore
  readonly now: Clock
}

/**
 * Reserves a one-time value, and returns whether this was its first use. Returns false if the value has expired meanwhile: the
 * store may have deleted the reservation of an earlier use.
 *
 * @throws StoreUnavailableError
 */
export async function reserveOnce ({ replays, now }: Replays, key: string, reservation: Reservation): Promise<boolean> {
  // Read the time after the reservation: only then is it certain that the store had not deleted an earlier reservation.
  return await replays.reserve(key, reservation) && now() < reservation.expiresAt
}
