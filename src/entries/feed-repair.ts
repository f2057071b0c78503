import { within } from '../lib/within.ts'
import type { MergingState } from './merging-state.ts'

/** Options of `FeedRepair`. */
export interface FeedRepairOptions<E> {
  /** The cached state of this process. */
  readonly state: MergingState<E>
  /** Whether an entry may be written back. */
  readonly mayWriteBack: (entry: E) => boolean
  readonly writeBack: (entries: readonly E[]) => Promise<void>
  /** Reads on. @returns the error of a failed attempt */
  readonly read: () => Promise<Error | undefined>
}

// Milliseconds. If many processes detect the same loss, the random delay lets the first ones write, and the others find the
// entries restored.
const MAX_DELAY = 5000
const BATCH = 100
// Milliseconds after which a pending write is attempted again.
const WRITE_LIMIT = 2000
// How many entries are compared in one turn of the event loop.
const COMPARED = 2000

/**
 * Writes back entries that a store has lost and this process has cached: after a random delay, in batches, with a read before
 * each batch. It continues until the store has all of them.
 */
export class FeedRepair<E> {
  readonly #options: FeedRepairOptions<E>
  // The state of the store, while entries are written back.
  #stored: MergingState<E> | undefined
  #running: Promise<void> | undefined

  constructor (options: FeedRepairOptions<E>) {
    this.#options = options
  }

  /** @param stored the result of a read of the whole feed */
  start (stored: MergingState<E>): void {
    this.#stored = stored
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      // Another loss was detected at the end.
      if (this.#stored !== undefined) this.start(this.#stored)
    })
  }

  /** Records an entry that was read or written meanwhile. */
  seen (entry: E): void {
    this.#stored?.merge(entry)
  }

  async #run (): Promise<void> {
    for (;;) {
      const stored = this.#stored
      const { done } = await this.#lacking().next()
      // Another loss may have been detected meanwhile.
      if (done === true && this.#stored === stored) {
        this.#stored = undefined
        return
      }
      if (done === true) continue
      await delay(Math.random() * MAX_DELAY)
      await this.#writeAll()
    }
  }

  // Iterates once over all cached entries. Entries whose write fails, or which are lost meanwhile, are left for the next pass.
  async #writeAll (): Promise<void> {
    let batch: E[] = []
    for await (const entry of this.#lacking()) {
      batch.push(entry)
      if (batch.length < BATCH) continue
      if (!await this.#write(batch)) return
      batch = []
    }
    if (batch.length > 0) await this.#write(batch)
  }

  // Returns whether the store was available.
  async #write (batch: readonly E[]): Promise<boolean> {
    if (await this.#options.read() !== undefined) return false
    const lacking = batch.filter((entry) => this.#isLacking(entry))
    if (lacking.length === 0) return true
    try {
      await within(this.#options.writeBack(lacking), WRITE_LIMIT)
      return true
    } catch {
      // The reads report the outage.
      return false
    }
  }

  async * #lacking (): AsyncGenerator<E> {
    let compared = 0
    for (const entry of this.#options.state.list()) {
      if (++compared % COMPARED === 0) await new Promise((resolve) => { setImmediate(resolve) })
      if (this.#isLacking(entry)) yield entry
    }
  }

  #isLacking (entry: E): boolean {
    return this.#stored?.covers(entry) === false && this.#options.mayWriteBack(entry)
  }
}

async function delay (milliseconds: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    // The timer must not keep the process alive. In workerd, a timer is a number.
    timer.unref?.()
  })
}
