import { within } from '../lib/within.ts'
import type { MergingState } from './merging-state.ts'

/** What the repair of a feed needs. */
export interface FeedRepairOptions<E> {
  /** What this process holds. */
  readonly state: MergingState<E>
  /** Whether an entry may be written back. */
  readonly mayWriteBack: (entry: E) => boolean
  readonly writeBack: (entries: readonly E[]) => Promise<void>
  /** Reads on. @returns the error of a failed attempt */
  readonly read: () => Promise<Error | undefined>
}

// Milliseconds. Of many processes that notice the same loss, the first ones write, and the others find it done.
const MAX_DELAY = 5000
const BATCH = 100
// Milliseconds after which a write that got no answer is tried again: it may never get one.
const WRITE_LIMIT = 2000
// How many entries are compared in one turn of the event loop.
const COMPARED = 2000

/**
 * Writes back what a store has lost and this process holds: after a random delay, in batches, reading on before each. It
 * does not end before the store has everything.
 */
export class FeedRepair<E> {
  readonly #options: FeedRepairOptions<E>
  // What the store has, while something is written back.
  #stored: MergingState<E> | undefined
  #running: Promise<void> | undefined

  constructor (options: FeedRepairOptions<E>) {
    this.#options = options
  }

  /** @param stored what a read of the whole feed has found */
  start (stored: MergingState<E>): void {
    this.#stored = stored
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      // Another loss was noticed at the last moment.
      if (this.#stored !== undefined) this.start(this.#stored)
    })
  }

  /** Takes note of an entry that was read, or written, meanwhile. */
  seen (entry: E): void {
    this.#stored?.merge(entry)
  }

  async #run (): Promise<void> {
    if ((await this.#lacking(1)).length === 0) {
      this.#stored = undefined
      return
    }
    for (;;) {
      await delay(Math.random() * MAX_DELAY)
      if (await this.#writeAll()) return
    }
  }

  // Tells whether the store has everything.
  async #writeAll (): Promise<boolean> {
    for (;;) {
      if (await this.#options.read() !== undefined) return false
      const batch = await this.#lacking(BATCH)
      if (batch.length === 0) {
        this.#stored = undefined
        return true
      }
      try {
        await within(this.#options.writeBack(batch), WRITE_LIMIT)
      } catch {
        // The outage is told by the reads. Another try follows.
        return false
      }
    }
  }

  async #lacking (max: number): Promise<E[]> {
    const lacking: E[] = []
    let compared = 0
    for (const entry of this.#options.state.list()) {
      if (++compared % COMPARED === 0) await new Promise((resolve) => { setImmediate(resolve) })
      // Another loss may have been noticed meanwhile: then what the store has is another state.
      if (this.#stored?.covers(entry) === false && this.#options.mayWriteBack(entry)) lacking.push(entry)
      if (lacking.length === max) break
    }
    return lacking
  }
}

async function delay (milliseconds: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    // What is to be written back keeps no process alive. In workerd a timer is a number.
    timer.unref?.()
  })
}
