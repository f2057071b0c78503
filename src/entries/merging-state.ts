import type { SplitMap } from '../lib/split-map.ts'

/**
 * What a process holds of a feed. Entries are merged: the order, and how often the same entry comes, make no difference, and
 * what is held only grows until it expires.
 */
export interface MergingState<E> {
  /** Merges an entry. @returns whether the state has grown */
  merge (entry: E): boolean
  /** Whether merging an entry would change nothing that anybody is rejected by. */
  covers (entry: E): boolean
  /** Everything held, as few entries as say it. */
  list (): Iterable<E>
  /**
   * Forgets what expired before a time, one entry with each step of the iterator. Other calls may come between the steps.
   *
   * @param before returns the time, in seconds since 1970
   */
  forget (before: () => number): Iterator<void>
  /** An empty state of the same kind. */
  empty (): MergingState<E>
}

/** Deletes what expired before a time, one entry with each step. */
export function * deleteExpired<V> (map: SplitMap<V>, before: () => number, expiryOf: (value: V) => number): Generator<void> {
  for (const [id, value] of map) {
    if (expiryOf(value) < before()) map.delete(id)
    yield
  }
}

/** Merges the id and expiry of an entry that says no more than that it is there. @returns whether the map has grown */
export function mergeExpiry (map: SplitMap<number>, id: string, expiresAt: number): boolean {
  const known = map.get(id)
  if (known !== undefined && known >= expiresAt) return false
  map.set(id, expiresAt)
  return known === undefined
}
