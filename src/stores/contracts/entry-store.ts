import type { AuditRecord } from './audit-store.ts'
import type { FeedMark, FeedPage, Marked } from './feed.ts'

/**
 * An entry beside the clients and keys: what every process must know at once of a client, of all clients, of a secret or of
 * a signing key. Entries only grow: of a client's the greatest generation counts, the others are only added.
 */
export type Entry =
  | ClientEntry
  | { readonly kind: 'all', readonly id: '', /** tokens of a lower generation are invalid, whatever their client */ readonly generation: number, readonly expiresAt: number }
  | { readonly kind: 'secret', /** client_id and id of the secret, with a space between */ readonly id: string, readonly expiresAt: number }
  | { readonly kind: 'key', /** the kid */ readonly id: string, readonly expiresAt: number }

/** The state of a client: its access tokens of a lower generation are invalid, and of any while it is disabled. */
export interface ClientEntry {
  readonly kind: 'client'
  /** The client_id. */
  readonly id: string
  readonly generation: number
  /** Whether it is disabled, or was removed. */
  readonly isDisabled: boolean
  /** When the last token expires that the entry is about, in seconds since 1970. */
  readonly expiresAt: number
}

/** The entries that a change has written, each with its place in the feed. */
export type Written = ReadonlyArray<Marked<Entry>>

/** A page of entries, and which version of the agreed settings the store has. */
export interface EntryPage extends FeedPage<Entry> {
  readonly settingsVersion: number
}

/** Keeps the entries, in the store of the clients and keys. */
export interface EntryStore {
  /** Reads the entries behind a mark. It is its own statement, outside any transaction, on the primary. @param after default the beginning */
  listEntries (after?: FeedMark): Promise<EntryPage>
  /**
   * Adds entries that were lost, as they are, and what they say to the clients of the store: a client of an earlier generation
   * gets that of its entry, and is disabled if it was, or was removed; a revoked secret is removed. An entry is written in one
   * atomic step with its client. A key is removed by the processes that sign with it.
   *
   * @returns what was written. An entry whose client is changed at the same moment may be left out, for another attempt
   */
  addEntries (entries: readonly Entry[]): Promise<Written>
  /**
   * Raises the generation of all clients, above that of every client and the number given. @param change `above`: a number
   * that the generation must exceed
   */
  raiseAll (change?: { above?: number, audit?: AuditRecord | undefined }): Promise<Written>
}
