/** A place in a feed: the position and the random name of one entry. A name never stands for two entries. */
export interface FeedMark {
  readonly position: number
  readonly name: string
}

/** The beginning of every feed, before its first entry. Every store accepts it. */
export const FEED_START: FeedMark = Object.freeze({ position: 0, name: '' })

/**
 * How many entries a page has at most. SQLite answers on the event loop, and what came with a page is processed without a pause:
 * both take a few milliseconds.
 */
export const PAGE_SIZE = 250

/** An entry together with its place in the feed. */
export type Marked<T> = T & FeedMark

/** The entries of a feed that follow a mark, as many as the store returns at once. */
export interface FeedPage<T> {
  /** A random id that the store keeps: a copy of the store, such as a standby or a restored backup, has the same. */
  readonly storeId: string
  /** The store's clock, in milliseconds since 1970. */
  readonly clock: number
  /**
   * Whether the feed still has the entry of the mark, under its name. If not, entries were lost that had been there, or the
   * store was replaced; then `entries` is empty.
   */
  readonly isContinued: boolean
  /**
   * In the order in which they were added, up to a few hundred: a page is processed without a pause. Of those that have expired the store keeps the last one at least,
   * so that a reader that has read all finds the entry that it goes on from.
   */
  readonly entries: ReadonlyArray<Marked<T>>
  /** Whether entries follow the last of these. */
  readonly hasMore: boolean
}
