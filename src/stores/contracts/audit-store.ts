import type { FeedMark, FeedPage, Marked } from './feed.ts'

/** The actor of a change: a client with an admin token, or a user of the command line. */
export type AuditActor =
  | { readonly kind: 'client', /** the client_id of the admin token */ readonly id: string }
  | { readonly kind: 'user', /** the user of the operating system */ readonly id: string, readonly host: string }

/** The actor and the request of a change. */
export interface AuditOrigin {
  readonly actor: AuditActor
  /** The id of the HTTP request, as in the log. Undefined for the command line. */
  readonly requestId?: string | undefined
}

/** A change by an administrator. Never contains a secret or a private key. */
export interface AuditRecord extends AuditOrigin {
  /** Seconds since 1970. */
  readonly time: number
  /** The kind of the changed object: `client`, `secret`, `key`, `tokens` or `settings`. */
  readonly object: string
  /** The id of the object: a client_id, a kid, or the client_id and the id of a secret. */
  readonly id: string
  /** The change: `added`, `updated`, `disabled`, … */
  readonly change: string
  /** Further members, such as the names of what was changed. */
  readonly details?: Readonly<Record<string, unknown>> | undefined
}

/** Keeps the audit records. */
export interface AuditStore {
  /** Adds a record of a change that another store keeps. */
  addAuditRecord (record: AuditRecord): Promise<FeedMark>
  /**
   * Lists the records after a mark.
   *
   * @param after default the end of the feed: no records are returned, and `mark` is the end
   * @returns `mark`: the last of the records, else `after`
   */
  followAudit (after?: FeedMark): Promise<FeedPage<AuditRecord> & { readonly mark: FeedMark }>
  /** Lists records, the newest first. @param page `before`: the position of the last record of the page before */
  listAudit (page: { before?: number, limit: number }): Promise<ReadonlyArray<Marked<AuditRecord>>>
}
