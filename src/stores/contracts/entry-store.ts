import type { AuditRecord } from './audit-store.ts'
import type { FeedMark, FeedPage, Marked } from './feed.ts'

/**
 * An entry of the feed beside the clients and keys: a revocation that every process must read quickly, of a client, of all
 * clients, of a secret or of a signing key. Entries only grow: for a client, the greatest generation applies; other entries are
 * only added.
 */
export type Entry =
  | ClientEntry
  | { readonly kind: 'all', readonly id: '', /** tokens of a lower generation are invalid, whatever their client */ readonly generation: number, readonly expiresAt: number }
  | { readonly kind: 'secret', /** client_id and id of the secret, with a space between */ readonly id: string, readonly expiresAt: number }
  | { readonly kind: 'key', /** the kid */ readonly id: string, readonly expiresAt: number }

/** The state of a client: its access tokens with a lower generation are invalid, and all of them while it is disabled. */
export interface ClientEntry {
  readonly kind: 'client'
  /** The client_id. */
  readonly id: string
  readonly generation: number
  /** Whether it is disabled, or was removed. */
  readonly isDisabled: boolean
  /** When the last token that the entry concerns expires, in seconds since 1970. */
  readonly expiresAt: number
}

/** The entries that a change has written, each with its position in the feed. */
export type Written = ReadonlyArray<Marked<Entry>>

/** A page of entries, and the version of the agreed settings in the store. */
export interface EntryPage extends FeedPage<Entry> {
  readonly settingsVersion: number
}

/** Keeps the entries, in the store of the clients and keys. */
export interface EntryStore {
  /** Reads the entries after a mark, in a statement of its own, outside any transaction, on the primary. @param after default the beginning */
  listEntries (after?: FeedMark): Promise<EntryPage>
  /**
   * Adds lost entries unchanged, and applies them to the clients of the store: a client with an earlier generation gets that of
   * its entry, and is disabled if it was disabled or removed; a revoked secret is removed. An entry is written in one atomic
   * step with its client. Keys are removed by the processes that sign with them.
   *
   * @returns the entries that were written. An entry whose client is changed at the same time may be omitted, for another
   *   attempt
   */
  addEntries (entries: readonly Entry[]): Promise<Written>
  /**
   * Raises the generation of all clients, above that of every client and the given number. @param change `above`: a number
   * that the generation must exceed
   */
  raiseAll (change?: { above?: number, audit?: AuditRecord | undefined }): Promise<Written>
}
