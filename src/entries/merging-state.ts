import type { SplitMap } from '../lib/split-map.ts'

/**
 * The cached state of a feed. Merging is commutative and idempotent, and the state only grows until entries expire.
 */
export interface MergingState<E> {
  /** Merges an entry. @returns whether the state has grown */
  merge (entry: E): boolean
  /** Returns whether merging an entry would not cause any further rejections. */
  covers (entry: E): boolean
  /** Lists the state as a minimal number of entries. */
  list (): Iterable<E>
  /**
   * Deletes entries that expired before a time, one with each step of the iterator. Other calls are allowed between the steps.
   *
   * @param before returns the time, in seconds since 1970
   */
  forget (before: () => number): Iterator<void>
  /** Creates an empty state of the same kind. */
  empty (): MergingState<E>
}

/** Deletes values that expired before a time, one with each step. */
export function * deleteExpired<V> (map: SplitMap<V>, before: () => number, expiryOf: (value: V) => number): Generator<void> {
  for (const [id, value] of map) {
    if (expiryOf(value) < before()) map.delete(id)
    yield
  }
}

/** Merges the id and expiry of an entry that has no other data. @returns whether the map has grown */
export function mergeExpiry (map: SplitMap<number>, id: string, expiresAt: number): boolean {
  const known = map.get(id)
  if (known !== undefined && known >= expiresAt) return false
  map.set(id, expiresAt)
  return known === undefined
}
