import { StoreUnavailableError } from '../errors/store-unavailable.ts'
import { measureAge } from '../lib/age.ts'
import type { Age } from '../lib/age.ts'
import { BackgroundRefresh } from '../lib/background-refresh.ts'
import type { Read } from '../lib/background-refresh.ts'
import { systemClock } from '../lib/clock.ts'
import type { Clock } from '../lib/clock.ts'
import { steadyClock } from '../lib/steady-clock.ts'
import { within } from '../lib/within.ts'
import { FEED_START } from '../stores/contracts/index.ts'
import type { FeedMark, FeedPage, Marked } from '../stores/contracts/index.ts'
import { FeedHistory } from './feed-history.ts'
import { FeedRepair } from './feed-repair.ts'
import type { MergingState } from './merging-state.ts'

/** Options of `FeedReader`. */
export interface FeedReaderOptions<E, S extends MergingState<E>> {
  /** Reads the page after a mark. */
  readonly list: (after: FeedMark) => Promise<FeedPage<E>>
  /** The cached state of the feed. */
  readonly state: S
  /** Writes entries back that the store has lost. @returns their places */
  readonly writeBack: (entries: readonly E[]) => Promise<ReadonlyArray<Marked<E>>>
  /** Maximum difference of clocks in seconds. Default 300. */
  readonly clockTolerance?: () => number
  readonly onOutage?: ((error: Error) => void) | undefined
  readonly now?: Clock
}

// Seconds between two searches for expired entries.
const FORGET_EVERY = 60
// Number of entries that the search examines per page and per read. It is more than a page contains, so that the search ends.
const EXAMINED = 1000
// Milliseconds for which an attempt waits for another one that reads the whole feed.
const TIME_LIMIT = 1000
const CLOCK_TOLERANCE = 300

/**
 * Follows a feed of a store: merges the entries, detects a loss of history, then reads the whole feed again and writes back the
 * entries that the store lacks. Cached entries are removed only when they expire.
 */
export class FeedReader<E extends { readonly expiresAt: number }, S extends MergingState<E>> {
  readonly refresh: BackgroundRefresh
  readonly state: S
  readonly #options: FeedReaderOptions<E, S>
  readonly #history = new FeedHistory()
  readonly #repair: FeedRepair<E>
  readonly #now: Clock
  readonly #steadyNow: Clock
  #epoch = 0
  #mark = FEED_START
  #storeId: string | undefined
  #isOtherStore = false
  #mustStartAgain = false
  #again: { readonly reading: Promise<void>, readonly age: Age } | undefined
  #forgetting: Iterator<void> | undefined
  #forgetBefore = 0
  #forgottenAt = 0
  #storeTime = 0

  constructor (options: FeedReaderOptions<E, S>) {
    const { now = systemClock, onOutage } = options
    this.#options = options
    this.state = options.state
    this.#now = now
    this.#steadyNow = steadyClock(now)
    this.refresh = new BackgroundRefresh(() => this.#read(), { now, onOutage })
    this.#repair = new FeedRepair({
      state: options.state,
      // Expired entries are not written back. An entry that has expired by one of the clocks may have been deleted rather than
      // lost.
      mayWriteBack: (entry) => entry.expiresAt >= this.#earliest(),
      writeBack: async (entries) => { this.acknowledged(await options.writeBack(entries)) },
      read: async () => await this.refresh.renew()
    })
  }

  /** The number of times history was lost. Data that was derived from the store before must be read again. */
  get epoch (): number {
    return this.#epoch
  }

  /** The id of the store. Undefined until it was read. */
  get storeId (): string | undefined {
    return this.#storeId
  }

  /** The time of the store's clock in its last response, in seconds since 1970. 0 before the first one. */
  get storeTime (): number {
    return this.#storeTime
  }

  /** Adds entries that this process has written. They count as read, so that their loss is detected. */
  acknowledged (written: ReadonlyArray<Marked<E>>): void {
    for (const entry of written) {
      this.state.merge(entry)
      this.#repair.seen(entry)
      if (!this.#history.acknowledge(entry, this.#mark)) this.#mustStartAgain = true
    }
  }

  // Merges each page as it arrives, which is always safe, and moves the mark. An attempt that fails or times out need not be
  // repeated from its beginning. The state counts as read after the last page.
  async #read (): ReturnType<Read> {
    await this.#awaitAgain()
    if (this.#mustStartAgain) return await this.#readAgain()
    const expected = this.#history.expected()
    const found = new Map<number, FeedMark>()
    let mark = this.#mark
    let page: FeedPage<E>
    do {
      page = await this.#nextPage(mark)
      // History was lost, before this read or between two of its pages.
      if (!page.isContinued || page.storeId !== (this.#storeId ??= page.storeId)) return await this.#readAgain()
      mark = this.#take(page, mark)
      for (const entry of page.entries) if (expected.has(entry.position)) found.set(entry.position, entry)
    } while (page.hasMore)
    // An entry that was acknowledged before this read and is missing was lost.
    if (!this.#history.confirms(expected, { found, mark, time: this.#latest() })) return await this.#readAgain()
    return () => { this.#history.confirmed(expected) }
  }

  // Waits for another attempt that reads the whole feed, continues from its end, and fails if it fails. If the other attempt
  // takes too long, this one fails less than a second after it began, since it has sent nothing to the store, and the next one
  // reads by itself.
  async #awaitAgain (): Promise<void> {
    if (this.#again === undefined) return
    const { reading, age } = this.#again
    const left = TIME_LIMIT - age()
    if (left > 0) await within(reading, left)
  }

  async #readAgain (): ReturnType<Read> {
    this.#mustStartAgain = true
    // A read in progress may have begun before this attempt. One that takes too long may never end.
    if (this.#again !== undefined && this.#again.age() < TIME_LIMIT) return await this.#read()
    const again = { reading: this.#readEverything(), age: measureAge(this.#now) }
    this.#again = again
    await again.reading.finally(() => { if (this.#again === again) this.#again = undefined })
    return () => {}
  }

  // Reads the whole feed, and compares it with the cached state.
  async #readEverything (): Promise<void> {
    const expected = this.#history.expected()
    const history = new FeedHistory()
    const stored = this.state.empty()
    let mark = FEED_START
    let page: FeedPage<E>
    let storeId: string | undefined
    do {
      page = await this.#nextPage(mark)
      if (!page.isContinued || page.storeId !== (storeId ??= page.storeId)) throw new StoreUnavailableError(new Error('The store has lost history while it was read'))
      mark = this.#merge(page, mark)
      history.keep(page.entries)
      for (const entry of page.entries) stored.merge(entry)
    } while (page.hasMore)
    // Entries are written back only to the store that they came from.
    if (this.#storeId !== undefined && this.#storeId !== storeId) this.#isOtherStore = true
    this.#storeId = storeId
    this.#epoch++
    this.#mark = mark
    this.#mustStartAgain = false
    this.#history.startAgain(history, expected)
    if (!this.#isOtherStore) this.#repair.start(stored)
  }

  async #nextPage (mark: FeedMark): Promise<FeedPage<E>> {
    const page = await this.#options.list(mark)
    // Yields to the event loop, since a store may respond without doing so.
    if (page.hasMore) await new Promise((resolve) => { setImmediate(resolve) })
    return page
  }

  #take (page: FeedPage<E>, after: FeedMark): FeedMark {
    const mark = this.#merge(page, after)
    if (this.#mark.position === after.position && this.#mark.name === after.name) {
      this.#mark = mark
      this.#history.keep(page.entries)
      return mark
    }
    // Another attempt was faster. Detects here whether it has read another history.
    for (const entry of page.entries) if (!this.#history.acknowledge(entry, this.#mark)) this.#mustStartAgain = true
    return mark
  }

  #merge (page: FeedPage<E>, after: FeedMark): FeedMark {
    this.#storeTime = page.clock / 1000
    for (const entry of page.entries) {
      this.state.merge(entry)
      this.#repair.seen(entry)
    }
    this.#forget()
    const last = page.entries.at(-1)
    return last === undefined ? after : { position: last.position, name: last.name }
  }

  // Seconds since 1970, by the later clock: that of the store, or of this process.
  #latest (): number {
    return Math.max(this.#steadyNow(), this.#storeTime)
  }

  // Seconds since 1970, by the earlier clock.
  #earliest (): number {
    return Math.min(this.#steadyNow(), this.#storeTime)
  }

  // Deletes entries that have long expired by both the clock of the store and that of this process. Examines a limited number
  // with each page, so that it blocks the event loop no longer than the page does.
  #forget (): void {
    const time = this.#earliest()
    this.#forgetBefore = time - 2 * (this.#options.clockTolerance?.() ?? CLOCK_TOLERANCE)
    if (this.#forgetting === undefined) {
      if (time < this.#forgottenAt + FORGET_EVERY) return
      this.#forgottenAt = time
      this.#history.forget(this.#forgetBefore)
      this.#forgetting = this.state.forget(() => this.#forgetBefore)
    }
    for (let left = EXAMINED; left > 0; left--) {
      if (this.#forgetting.next().done !== true) continue
      this.#forgetting = undefined
      return
    }
  }
}
