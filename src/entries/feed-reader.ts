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

/** What a reader of a feed needs. */
export interface FeedReaderOptions<E, S extends MergingState<E>> {
  /** Reads the page behind a mark. */
  readonly list: (after: FeedMark) => Promise<FeedPage<E>>
  /** What is held of the feed. */
  readonly state: S
  /** Writes entries back that the store has lost. @returns their places */
  readonly writeBack: (entries: readonly E[]) => Promise<ReadonlyArray<Marked<E>>>
  /** Seconds that clocks may differ, at most. Default 300. */
  readonly clockTolerance?: () => number
  readonly onOutage?: ((error: Error) => void) | undefined
  readonly now?: Clock
}

// Seconds between two searches for what has expired.
const FORGET_EVERY = 60
// How many entries each page, and each read, has such a search examine. More than a page brings: it comes to an end.
const EXAMINED = 1000
// Milliseconds for which an attempt waits for another one that reads everything.
const TIME_LIMIT = 1000
const CLOCK_TOLERANCE = 300

/**
 * Follows a feed of a store: merges what it reads, notices when the store has lost history, reads everything anew then, and
 * writes back what the store lacks. Nothing that is held is given up but by its expiry.
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
      // An entry that has expired by both clocks is not needed. By one of them, it may have been deleted rather than lost.
      mayWriteBack: (entry) => entry.expiresAt >= this.#earliest(),
      writeBack: async (entries) => { this.acknowledged(await options.writeBack(entries)) },
      read: async () => await this.refresh.renew()
    })
  }

  /** Counts how often history was lost. What was derived from the store before must be read anew. */
  get epoch (): number {
    return this.#epoch
  }

  /** The id of the store, as far as it was read. */
  get storeId (): string | undefined {
    return this.#storeId
  }

  /** What time it was by the clock of the store when it answered last, in seconds since 1970. 0 as long as it has not. */
  get storeTime (): number {
    return this.#storeTime
  }

  /** Holds entries that this process has written. They count as read: their loss is noticed. */
  acknowledged (written: ReadonlyArray<Marked<E>>): void {
    for (const entry of written) {
      this.state.merge(entry)
      this.#repair.seen(entry)
      if (!this.#history.acknowledge(entry, this.#mark)) this.#mustStartAgain = true
    }
  }

  // What a page brings is merged as it comes, which never harms, and the mark moves with it: an attempt that fails, or takes
  // too long, need not be repeated from its beginning. The state counts as read when the last page is in.
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
    // An entry that was acknowledged to this process before this read, and is not there, was lost.
    if (!this.#history.confirms(expected, { found, mark, time: this.#latest() })) return await this.#readAgain()
    return () => { this.#history.confirmed(expected) }
  }

  // Another attempt reads everything anew: this one reads on from where that ends, and fails with it. One that takes too long
  // may never end: then this attempt has failed, not a second after it began, since it has asked the store nothing, and the
  // next one reads by itself.
  async #awaitAgain (): Promise<void> {
    if (this.#again === undefined) return
    const { reading, age } = this.#again
    const left = TIME_LIMIT - age()
    if (left > 0) await within(reading, left)
  }

  async #readAgain (): ReturnType<Read> {
    this.#mustStartAgain = true
    // One that is under way may have begun before this attempt. One that takes too long may never end.
    if (this.#again !== undefined && this.#again.age() < TIME_LIMIT) return await this.#read()
    const again = { reading: this.#readEverything(), age: measureAge(this.#now) }
    this.#again = again
    await again.reading.finally(() => { if (this.#again === again) this.#again = undefined })
    return () => {}
  }

  // Reads the whole feed, and compares it with what is held.
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
    // Only the store that the entries are from gets them back.
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
    // A store may answer without having let go of the event loop.
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
    // Another attempt was faster. If it has read another history, this is noticed here.
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

  // Seconds since 1970, by the clock that is ahead: that of the store, or of this process.
  #latest (): number {
    return Math.max(this.#steadyNow(), this.#storeTime)
  }

  // By the clock that is behind.
  #earliest (): number {
    return Math.min(this.#steadyNow(), this.#storeTime)
  }

  // Only when the clock of the store and that of this process both say that an entry has expired for long. A few entries with
  // each page, so that it stops the event loop for no longer than the page does.
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
