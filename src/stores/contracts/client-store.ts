import type { AuditRecord } from './audit-store.ts'
import type { Entry, Written } from './entry-store.ts'
import type { FeedMark } from './feed.ts'

/** The stored data of a client secret, without the secret itself. Times are in seconds since 1970. */
export interface StoredSecret {
  /** The id of the secret, unique for the client. It is not confidential. */
  id: string
  /** The hash that a presented secret is compared with. Only the registry reads it. */
  hash: string
  /** Whether it was imported. It may be chosen by a human, and therefore has a slow hash. */
  isImported?: boolean
  /** Seconds since 1970. */
  createdAt: number
  /** When the secret expires. Never, if omitted. */
  expiresAt?: number
}

/** A stored client. A store keeps all members, and reads only those that are declared here. */
export interface StoredClient {
  /** The registration: JSON members that a store keeps without reading them. */
  [member: string]: unknown
  /** The client_id. */
  id: string
  /** Changes with every write, by a random step: a write that is based on a lost history must not match. */
  version: number
  /** Whether the client is disabled: it gets no tokens. */
  isDisabled?: boolean
  /**
   * Grows with every change that invalidates the access tokens of the client. Omitted for 0. A token contains the generation at
   * the time of issue, and is rejected once that of the client is greater.
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
  /** False if the feed has lost the entry of the mark: any client may have changed. */
  readonly isContinued: boolean
  readonly hasMore: boolean
}

/** When a secret was used last. */
export interface SecretUse {
  /** The client. */
  clientId: string
  /** The id of the secret. */
  secretId: string
  /** Seconds since 1970. */
  usedAt: number
}

/** Data that is written together with a change of a client, in the same atomic step. */
export interface ClientChangeDetails {
  /**
   * Raises the generation: to the greatest of the store's clock in milliseconds, `client.generation`, and one more than any
   * number that the store has for this client or for all clients. Default false: the generation stays, unless
   * `client.generation` is greater.
   */
  raises?: boolean
  /** Entries that are written with the change: of revoked secrets, or entries that a store has lost. */
  entries?: readonly Entry[]
  audit?: AuditRecord | undefined
}

/** Keeps the clients. */
export interface ClientStore {
  /**
   * Adds clients in one atomic step. A client whose id exists is left unchanged. A new client gets the store's clock in
   * milliseconds as its generation. If it has an entry, or is passed with a generation, its generation is raised as by `raises` of
   * ClientChangeDetails, so that no process confuses it with a removed client of the same id.
   *
   * @returns the ids of the added clients, and the entries that were written
   */
  addClients (clients: readonly StoredClient[], audit?: AuditRecord): Promise<{ ids: readonly string[], entries: Written }>
  /** Finds clients by their ids. @returns those that exist, in any order */
  findClients (ids: readonly string[]): Promise<readonly StoredClient[]>
  /**
   * Replaces a client in one atomic step, if its version is `client.version` and its generation is not greater than a given
   * `client.generation`. The client gets another version.
   *
   * @returns the entries that were written; false if another process was faster, or the client was removed: read it again
   */
  replaceClient (client: StoredClient, change?: ClientChangeDetails): Promise<Written | false>
  /**
   * Removes a client, and raises its generation.
   *
   * @param change `above`: a number that the generation must exceed
   * @returns the entries that were written; false for a client that does not exist
   */
  removeClient (id: string, change?: { above?: number, audit?: AuditRecord | undefined }): Promise<Written | false>
  /** Lists the clients after `after`, in the order of the UTF-8 bytes of their ids. */
  listClients (page: { after?: string, limit: number }): Promise<readonly StoredClient[]>
  /**
   * Lists the ids of clients that were replaced or removed after a mark, within the last hour. Does not list added clients.
   *
   * @param after default the end of the feed: no ids are returned
   * @returns `mark`: the last of the entries, else `after`
   */
  listClientChanges (after?: FeedMark): Promise<StoredClientChanges>
  /** Returns whether any client has an imported secret. */
  hasImportedSecrets (): Promise<boolean>
  /** Stores when secrets were used. A use before the stored one changes nothing. */
  saveSecretUses (uses: readonly SecretUse[]): Promise<void>
  /** Lists the last uses of the secrets of clients. */
  findSecretUses (clientIds: readonly string[]): Promise<readonly SecretUse[]>
}
