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
    for (;;) {
      const stored = this.#stored
      const { done } = await this.#lacking().next()
      // Another loss may have been noticed meanwhile.
      if (done === true && this.#stored === stored) {
        this.#stored = undefined
        return
      }
      if (done === true) continue
      await delay(Math.random() * MAX_DELAY)
      await this.#writeAll()
    }
  }

  // Goes once through everything that is held, however much of it the store lacks. What fails, or is lost meanwhile, is left
  // for the next time.
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
      // The outage is told by the reads.
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
    // What is to be written back keeps no process alive. In workerd a timer is a number.
    timer.unref?.()
  })
}
