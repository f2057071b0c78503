import type { AuditRecord } from './audit-store.ts'
import type { Entry, Written } from './entry-store.ts'
import type { FeedMark } from './feed.ts'

/** A secret of a client as it is stored: never the secret. Times are in seconds since 1970. */
export interface StoredSecret {
  /** Names the secret among those of its client; no secret itself. */
  id: string
  /** What a presented secret is compared with. Only the registry reads it. */
  hash: string
  /** Made elsewhere, perhaps by a human, and therefore hashed slowly. */
  isImported?: boolean
  /** Seconds since 1970. */
  createdAt: number
  /** Never, when left out. */
  expiresAt?: number
}

/** A client as it is stored, whole: a store keeps all members, and reads none but those that are declared here. */
export interface StoredClient {
  /** The registration: members that a store keeps unread, all of them JSON. */
  [member: string]: unknown
  /** The client_id. */
  id: string
  /** Another one after every change, by a random step: a write that was decided in a lost history must not match. */
  version: number
  /** Whether it gets no tokens. */
  isDisabled?: boolean
  /**
   * Grows with every change that makes the access tokens of the client invalid. Left out for 0. A token carries the
   * generation of its time, and is rejected once that of the client is greater.
   */
  generation?: number
  /** The hashes of its secrets. */
  secrets: readonly StoredSecret[]
  /** Seconds since 1970. */
  createdAt: number
  /** Seconds since 1970. */
  updatedAt: number
}

/** The ids of clients that have changed. */
export interface StoredClientChanges {
  readonly ids: readonly string[]
  readonly mark: FeedMark
  /** False where the feed has lost the entry of the mark: any client may have changed. */
  readonly isContinued: boolean
  readonly hasMore: boolean
}

/** When a secret was used last. */
export interface SecretUse {
  /** Whose secret. */
  clientId: string
  /** Which of its secrets. */
  secretId: string
  /** Seconds since 1970. */
  usedAt: number
}

/** What is written together with a change of a client, in the same atomic step. */
export interface ClientChangeDetails {
  /**
   * Raises the generation: to the greatest of the store's clock in milliseconds, `client.generation`, and one more than any
   * number that the store has for this client or for all clients. Default false: the generation stays, unless
   * `client.generation` is greater.
   */
  raises?: boolean
  /** Entries that are written with the change: of revoked secrets, or those that a store has lost. */
  entries?: readonly Entry[]
  audit?: AuditRecord | undefined
}

/** Keeps the clients. */
export interface ClientStore {
  /**
   * Adds clients, in one atomic step. One whose id is there already is left as it is. A new client gets the store's clock in
   * milliseconds as its generation; that of one that has an entry still, or comes with a generation, is raised as by
   * {@link ClientChangeDetails.raises}: no process takes it for a client of the same id that was removed.
   *
   * @returns the ids of those that were added, and the entries that were written
   */
  addClients (clients: readonly StoredClient[], audit?: AuditRecord): Promise<{ ids: readonly string[], entries: Written }>
  /** @returns those that are there, in any order */
  findClients (ids: readonly string[]): Promise<readonly StoredClient[]>
  /**
   * Replaces a client if it has `client.version` still, and no greater generation than `client.generation` where that is given, in
   * one atomic step, and gives it another version.
   *
   * @returns the entries that were written; false when another process was faster, or it was removed: read again
   */
  replaceClient (client: StoredClient, change?: ClientChangeDetails): Promise<Written | false>
  /**
   * Removes a client, and raises its generation.
   *
   * @param change `above`: a number that the generation must exceed
   * @returns the entries that were written; false for a client that is not there
   */
  removeClient (id: string, change?: { above?: number, audit?: AuditRecord | undefined }): Promise<Written | false>
  /** Lists clients in the order of the UTF-8 bytes of their ids, behind `after`. */
  listClients (page: { after?: string, limit: number }): Promise<readonly StoredClient[]>
  /**
   * Lists the ids of clients that were replaced or removed behind a mark, as far as an hour back; not those that were added.
   *
   * @param after default the end of the feed: then there are no ids
   * @returns `mark`: the last entry of these, else `after`
   */
  listClientChanges (after?: FeedMark): Promise<StoredClientChanges>
  /** Tells whether any client has a secret that is imported. */
  hasImportedSecrets (): Promise<boolean>
  /** Notes when secrets were used. An earlier use than the one that is known changes nothing. */
  saveSecretUses (uses: readonly SecretUse[]): Promise<void>
  /** Lists the last uses of the secrets of clients. */
  findSecretUses (clientIds: readonly string[]): Promise<readonly SecretUse[]>
}
