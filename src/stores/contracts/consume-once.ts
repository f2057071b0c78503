import type { Clock } from '../../lib/clock.ts'
import type { ReplayStore, Reservation } from './index.ts'

/** Where one-time values are reserved, and the clock by which they expire. */
export interface Replays {
  readonly replays: ReplayStore
  readonly now: Clock
}

/**
 * Consumes a value that may be used once, and returns whether this was its first use. One that has expired by then does not
 * count, even if it had not when it was checked: a store that has forgotten it may take its second use for the first.
 *
 * @throws StoreUnavailableError
 */
export async function reserveOnce ({ replays, now }: Replays, key: string, reservation: Reservation): Promise<boolean> {
  // The time comes behind the reservation: a store that looked at its clock before that had not forgotten.
  return await replays.reserve(key, reservation) && now() < reservation.expiresAt
}
