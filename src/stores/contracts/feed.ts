/** A place in a feed: the position and the random name of one entry. No two entries have the same name. */
export interface FeedMark {
  readonly position: number
  readonly name: string
}

/** The beginning of every feed, before its first entry. Every store accepts it. */
export const FEED_START: FeedMark = Object.freeze({ position: 0, name: '' })

/**
 * Maximum number of entries of a page. SQLite reads on the event loop, and a page is processed without a pause: both take a few milliseconds.
 */
export const PAGE_SIZE = 250

/** An entry together with its place in the feed. */
export type Marked<T> = T & FeedMark

/** A page of the entries of a feed that follow a mark. */
export interface FeedPage<T> {
  /** A random id that the store keeps: a copy of the store, such as a standby or a restored backup, has the same id. */
  readonly storeId: string
  /** The store's clock, in milliseconds since 1970. */
  readonly clock: number
  /**
   * Whether the feed still has the entry of the mark, with the same name. If not, the store has lost entries, or was replaced;
   * then `entries` is empty.
   */
  readonly isContinued: boolean
  /**
   * The entries in the order in which they were added, up to a few hundred, since a page is processed without a pause. The
   * store keeps at least the last expired entry, so that a reader at the end of the feed finds the entry of its mark.
   */
  readonly entries: ReadonlyArray<Marked<T>>
  /** Whether entries follow the last of these. */
  readonly hasMore: boolean
}
