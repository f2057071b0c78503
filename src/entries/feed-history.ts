import type { FeedMark } from '../stores/contracts/index.ts'

// Maximum number of recently read entries whose names are kept.
const MAX_RECENT = 5000

/** An entry that a read must find. */
export interface Expected {
  readonly name: string
  /** Seconds since 1970. */
  readonly expiresAt: number
}

/** The expected entries that a read has found, by position. */
export type Found = ReadonlyMap<number, FeedMark>

/**
 * Keeps the names of the entries that this process has read or written. Detects the loss of an acknowledged entry even if this
 * process never read it back.
 */
export class FeedHistory {
  #recent = new Map<number, Expected>()
  readonly #unconfirmed = new Map<number, Expected>()

  /**
   * Records an entry that the store has acknowledged.
   *
   * @param mark the end of the part of the feed that was read
   * @returns false when another entry, or none, was at its place
   */
  acknowledge ({ position, name, expiresAt }: FeedMark & { readonly expiresAt: number }, mark: FeedMark): boolean {
    const before = this.#unconfirmed.get(position)?.name
    if (position > mark.position) this.#unconfirmed.set(position, { name, expiresAt })
    // Two entries were acknowledged for one position: the store has lost the first one.
    if (before !== undefined && before !== name) return false
    return position > mark.position || this.#recent.get(position)?.name === name
  }

  /** Returns the acknowledged entries that a read which begins now must find. */
  expected (): ReadonlyMap<number, Expected> {
    return new Map(this.#unconfirmed)
  }

  /**
   * Returns whether a read up to a mark has found all expected entries. Expired entries may be missing, since the store may
   * have deleted them.
   */
  confirms (expected: ReadonlyMap<number, Expected>, { found, mark, time }: { found: Found, mark: FeedMark, time: number }): boolean {
    for (const [position, { name, expiresAt }] of expected) {
      const there = (found.get(position) ?? this.#recent.get(position))?.name
      if (there !== name && (there !== undefined || expiresAt >= time)) return false
      if (position > mark.position) return false
    }
    return true
  }

  /** Records entries that were read. */
  keep (entries: ReadonlyArray<FeedMark & { readonly expiresAt: number }>): void {
    for (const { position, name, expiresAt } of entries) this.#recent.set(position, { name, expiresAt })
    for (const position of this.#recent.keys()) {
      if (this.#recent.size <= MAX_RECENT) return
      this.#recent.delete(position)
    }
  }

  /** Records that the expected entries were found. */
  confirmed (expected: ReadonlyMap<number, Expected>): void {
    for (const [position, { name }] of expected) if (this.#unconfirmed.get(position)?.name === name) this.#unconfirmed.delete(position)
  }

  /**
   * Replaces the history by that of a read of the whole feed. The expected entries of that read are compared by their content.
   */
  startAgain (read: FeedHistory, expected: ReadonlyMap<number, Expected>): void {
    this.#recent = read.#recent
    this.confirmed(expected)
  }

  /** Deletes the names of entries that expired before a time, in seconds since 1970. */
  forget (before: number): void {
    for (const [position, { expiresAt }] of this.#recent) if (expiresAt < before) this.#recent.delete(position)
  }
}
