import { LruMap } from 'toad-cache'
import type { Clock } from '../lib/clock.ts'
import type { FailureStore } from '../stores/contracts/index.ts'

interface Failures { count: number, forgottenAt: number }

/** Counts failures in the memory of this process, for a bounded number of keys: beyond it, the one that failed longest ago is deleted. */
export class RecentFailures implements FailureStore {
  readonly #failures: LruMap<Failures>
  readonly #now: Clock

  constructor ({ max, now }: { max: number, now: Clock }) {
    this.#failures = new LruMap(max)
    this.#now = now
  }

  async countFailure (key: string, window: number): Promise<Failures> {
    const time = this.#now()
    const known = this.#failures.get(key)
    const failures = known !== undefined && known.forgottenAt > time
      ? { count: known.count + 1, forgottenAt: known.forgottenAt }
      : { count: 1, forgottenAt: time + window }
    this.#failures.set(key, failures)
    return failures
  }

  async forgetFailures (key: string): Promise<void> {
    this.#failures.delete(key)
  }
}
