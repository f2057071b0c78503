import { randomUUID } from 'node:crypto'
import { FEED_START, PAGE_SIZE } from '../contracts/feed.ts'
import type { FeedMark, FeedPage, Marked } from '../contracts/feed.ts'
import type { MemoryTime } from './time.ts'

interface Node<T> {
  readonly entry: Marked<T>
  readonly expiresAt: number
  next: Node<T> | undefined
  previous: Node<T> | undefined
}

/** Options of `MemoryFeed`. */
export interface MemoryFeedOptions<T> {
  readonly storeId: string
  readonly time: MemoryTime
  /** How many entries are kept at most. Default all. */
  readonly maxSize?: number
  /** Is called with each entry that is deleted. */
  readonly onDrop?: (entry: Marked<T>) => void
}

// Number of entries that each new one examines, to delete those that are no longer needed.
const EXAMINED = 10

/**
 * A feed in memory: a linked list, so that the time of reads and deletions depends only on the number of entries that are read
 * or deleted.
 */
export class MemoryFeed<T extends object> {
  readonly #options: MemoryFeedOptions<T>
  readonly #nodes = new Map<number, Node<T>>()
  #first: Node<T> | undefined
  #last: Node<T> | undefined
  #examined: Node<T> | undefined
  #lastExpired: Node<T> | undefined
  #position = 0

  constructor (options: MemoryFeedOptions<T>) {
    this.#options = options
  }

  append (added: T, expiresAt: number): Marked<T> {
    const entry = { ...structuredClone(added), position: ++this.#position, name: randomUUID() }
    const node: Node<T> = { entry, expiresAt, next: undefined, previous: this.#last }
    if (this.#last === undefined) this.#first = node
    else this.#last.next = node
    this.#last = node
    this.#nodes.set(entry.position, node)
    this.#dropSome()
    return structuredClone(entry)
  }

  /** Reads the page after a mark. */
  read (after: FeedMark): FeedPage<T> & { mark: FeedMark } {
    const isStart = after.position === FEED_START.position && after.name === FEED_START.name
    const marked = this.#nodes.get(after.position)
    if (!isStart && marked?.entry.name !== after.name) return this.#page({ isContinued: false, mark: after })
    const entries: Array<Marked<T>> = []
    let node = isStart ? this.#first : marked?.next
    for (; node !== undefined && entries.length < PAGE_SIZE; node = node.next) entries.push(structuredClone(node.entry))
    return this.#page({ entries, hasMore: node !== undefined, mark: toMark(entries.at(-1) ?? after) })
  }

  /** Returns an empty page at the end of the feed. */
  end (): FeedPage<T> & { mark: FeedMark } {
    return this.#page({ mark: toMark(this.#last?.entry ?? FEED_START) })
  }

  /** Lists entries, the newest first. @param page `before`: lists entries with a lower position only */
  newest ({ before = Infinity, limit }: { before?: number | undefined, limit: number }): Array<Marked<T>> {
    const entries: Array<Marked<T>> = []
    let node = this.#nodes.get(before)?.previous ?? this.#last
    for (; node !== undefined && entries.length < limit; node = node.previous) if (node.entry.position < before) entries.push(structuredClone(node.entry))
    return entries
  }

  #page (part: Partial<FeedPage<T>> & { mark: FeedMark }): FeedPage<T> & { mark: FeedMark } {
    const { storeId, time } = this.#options
    return { storeId, clock: time.milliseconds(), isContinued: true, entries: [], hasMore: false, ...part }
  }

  #dropSome (): void {
    const { time, maxSize = Infinity } = this.#options
    if (this.#nodes.size > maxSize && this.#first !== this.#last) {
      this.#drop(this.#first!)
      // It may be the node that is examined next.
      this.#examined = undefined
    }
    for (let left = EXAMINED; left > 0; left--) {
      const node = this.#examined ?? this.#first!
      this.#examined = node.next
      if (time.isForgotten(node.expiresAt)) this.#dropExpired(node)
    }
  }

  // Keeps the last expired entry. It may be the end of the feed, where a reader that has read everything must find the entry of
  // its mark.
  #dropExpired (node: Node<T>): void {
    const kept = this.#lastExpired
    const isLater = kept === undefined || kept.entry.position < node.entry.position
    if (isLater) this.#lastExpired = node
    const dropped = isLater ? kept : node
    if (dropped !== undefined && dropped !== this.#lastExpired) this.#drop(dropped)
  }

  // Never the last entry of the feed.
  #drop (node: Node<T>): void {
    const { entry, next, previous } = node
    if (this.#lastExpired === node) this.#lastExpired = undefined
    if (previous === undefined) this.#first = next
    else previous.next = next
    next!.previous = previous
    this.#nodes.delete(entry.position)
    this.#options.onDrop?.(entry)
  }
}

function toMark ({ position, name }: FeedMark): FeedMark {
  return { position, name }
}
