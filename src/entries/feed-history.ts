import type { FeedMark } from '../stores/contracts/index.ts'

// So many of the entries that were read last are remembered by their names.
const MAX_RECENT = 5000

/** An entry by its name. */
export interface Expected {
  readonly name: string
  /** Seconds since 1970. */
  readonly expiresAt: number
}

/** What a read has found of the entries that it must find, by position. */
export type Found = ReadonlyMap<number, FeedMark>

/**
 * Remembers by their names which entries this process has read or written, so that the loss of one that was acknowledged to
 * it is noticed even if it was never read back.
 */
export class FeedHistory {
  #recent = new Map<number, Expected>()
  readonly #unconfirmed = new Map<number, Expected>()

  /**
   * Takes note of an entry that the store has acknowledged.
   *
   * @param mark how far the feed was read
   * @returns false when another entry, or none, was at its place
   */
  acknowledge ({ position, name, expiresAt }: FeedMark & { readonly expiresAt: number }, mark: FeedMark): boolean {
    const before = this.#unconfirmed.get(position)?.name
    if (position > mark.position) this.#unconfirmed.set(position, { name, expiresAt })
    // Two entries were acknowledged for one place: the first was lost.
    if (before !== undefined && before !== name) return false
    return position > mark.position || this.#recent.get(position)?.name === name
  }

  /** The acknowledged entries that a read which begins now must find. */
  expected (): ReadonlyMap<number, Expected> {
    return new Map(this.#unconfirmed)
  }

  /**
   * Whether a read that has ended at a mark has found every entry that was expected. One that has expired may be missing: the
   * store may have deleted it.
   */
  confirms (expected: ReadonlyMap<number, Expected>, { found, mark, time }: { found: Found, mark: FeedMark, time: number }): boolean {
    for (const [position, { name, expiresAt }] of expected) {
      const there = (found.get(position) ?? this.#recent.get(position))?.name
      if (there !== name && (there !== undefined || expiresAt >= time)) return false
      if (position > mark.position) return false
    }
    return true
  }

  /** Takes note of entries that were read. */
  keep (entries: ReadonlyArray<FeedMark & { readonly expiresAt: number }>): void {
    for (const { position, name, expiresAt } of entries) this.#recent.set(position, { name, expiresAt })
    for (const position of this.#recent.keys()) {
      if (this.#recent.size <= MAX_RECENT) return
      this.#recent.delete(position)
    }
  }

  /** Takes note that the entries which were expected were found. */
  confirmed (expected: ReadonlyMap<number, Expected>): void {
    for (const [position, { name }] of expected) if (this.#unconfirmed.get(position)?.name === name) this.#unconfirmed.delete(position)
  }

  /**
   * Begins anew with what a read of the whole feed has kept: entries that were expected by it are compared by their content.
   */
  startAgain (read: FeedHistory, expected: ReadonlyMap<number, Expected>): void {
    this.#recent = read.#recent
    this.confirmed(expected)
  }

  /** Forgets the names of entries that expired before a time, in seconds since 1970. */
  forget (before: number): void {
    for (const [position, { expiresAt }] of this.#recent) if (expiresAt < before) this.#recent.delete(position)
  }
}
