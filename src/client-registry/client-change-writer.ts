import { toAuditRecord } from '../entries/audit.ts'
import type { Entries } from '../entries/entries.ts'
import { publishClientChange } from '../events/administration.ts'
import type { ClientChange } from '../events/event-types.ts'
import type { Clock } from '../lib/clock.ts'
import type { AuditOrigin, AuditRecord, ClientStore, StoredClient } from '../stores/contracts/index.ts'
import { changeClient } from './change-client.ts'
import type { ClientUpdate } from './change-client.ts'

/** Options of the change writer. */
export interface ClientChangesOptions {
  entries: Entries | undefined
  /** Called with the id of a client that has changed, or may have. */
  changed: (id: string) => void
  now: Clock
}

/** Writes changes of clients with their entries and audit records, and publishes them. */
export class ClientChangeWriter {
  readonly #store: ClientStore
  readonly #options: ClientChangesOptions

  constructor (store: ClientStore, options: ClientChangesOptions) {
    this.#store = store
    this.#options = options
  }

  /** Adds clients. @returns the ids of those that were added */
  async add (clients: readonly StoredClient[], audit: AuditRecord | undefined): Promise<readonly string[]> {
    const { entries } = this.#options
    // The entry of a removed client may be held by this process although the store has lost it.
    const raised = clients.map((client) => entries?.client(client.id) === undefined ? client : entries.raised(client))
    const added = await this.#store.addClients(raised, audit)
    entries?.acknowledged(added.entries)
    return added.ids
  }

  /** Changes a client by compare-and-set. @returns undefined for a client that does not exist, or no change */
  async change (
    id: string, kind: ClientChange, change: (client: StoredClient) => ClientUpdate | undefined, audit: AuditRecord | undefined, secretId?: string
  ): Promise<StoredClient | undefined> {
    const { entries, changed, now } = this.#options
    try {
      const written = await changeClient(this.#store, id, change, { now, audit })
      if (written === undefined) return undefined
      entries?.acknowledged(written.written)
      publishClientChange(id, kind, { by: audit, secretId })
      return written.client
    } finally {
      // Also after a failure: the store may have committed the change.
      changed(id)
    }
  }

  /** Removes a client. @returns false for a client that does not exist */
  async remove (id: string, by: AuditOrigin | undefined): Promise<boolean> {
    const { entries, changed } = this.#options
    try {
      const written = await this.#store.removeClient(id, { above: entries?.floorOf(id) ?? 0, audit: this.record(by, 'client', id, 'removed') })
      if (written === false) return false
      entries?.acknowledged(written)
      publishClientChange(id, 'removed', { by })
      return true
    } finally {
      changed(id)
    }
  }

  /** Raises the generation of a client above the one that this process holds. */
  raised (client: StoredClient): ClientUpdate {
    return { client: this.#options.entries?.raised(client) ?? client, raises: true }
  }

  /** Creates the audit record of a change. Undefined if no administrator is given. */
  record (by: AuditOrigin | undefined, object: string, id: string, change: string, details?: AuditRecord['details']): AuditRecord | undefined {
    return toAuditRecord(by, { object, id, change, ...(details && { details }) }, this.#options.now())
  }
}
