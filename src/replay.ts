import type { Clock } from './clock.ts'
import type { ReplayStore } from './store/index.ts'

/** Where uses are remembered, and the clock by which they expire. */
export interface Replays {
  readonly replays: ReplayStore
  readonly now: Clock
}

/**
 * Uses up what may be used once, and tells whether that was its first use. What has expired by then is none, even if it had
 * not when it was checked: a store that has forgotten it may take its second use for the first.
 *
 * @param expiresAt when nobody would take it any more, in seconds since 1970
 * @throws StoreUnavailableError
 */
export async function isFirstUse ({ replays, now }: Replays, key: string, expiresAt: number): Promise<boolean> {
  // The time comes behind the reservation: a store that looked at its clock before that had not forgotten.
  return await replays.reserve(key, expiresAt) && now() < expiresAt
}
