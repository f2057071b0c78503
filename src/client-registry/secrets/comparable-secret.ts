import type { StoredSecret } from '../../stores/contracts/index.ts'
import type { NotedSecret } from './secret-uses.ts'

/** A stored secret, parsed for comparison. */
export interface ComparableSecret<T> extends NotedSecret {
  /** Seconds since 1970. Infinity if it does not expire. */
  readonly expiresAt: number
  readonly stored: T
}

export function toComparable<T> ({ id, expiresAt = Infinity }: StoredSecret, stored: T): ComparableSecret<T> {
  return { id, notedAt: -Infinity, expiresAt, stored }
}
