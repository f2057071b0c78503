import type { AuditRecord } from '../contracts/audit-store.ts'
import type { ClientChangeDetails, ClientStore, SecretUse, StoredClient, StoredClientChanges } from '../contracts/client-store.ts'
import type { ClientEntry, Written } from '../contracts/entry-store.ts'
import type { FeedMark } from '../contracts/feed.ts'
import { nextVersion } from '../next-version.ts'
import type { MemoryAudit } from './audit.ts'
import type { MemoryEntries } from './entries.ts'
import type { MemoryFeed } from './feed.ts'
import type { MemoryTime } from './time.ts'

/** The parts of the store that a change of a client is written to. */
export interface ClientParts {
  readonly time: MemoryTime
  readonly entries: MemoryEntries
  readonly audit: MemoryAudit
  readonly changes: MemoryFeed<{ clientId: string }>
}

// Seconds that a change of a client is listed.
const CHANGE_LIFETIME = 3600

/** The clients of a store in memory. Arguments and results are copied, as by a store outside of the process. */
export class MemoryClients implements ClientStore {
  readonly #parts: ClientParts
  readonly #clients = new Map<string, StoredClient & { generation: number }>()
  readonly #uses = new Map<string, Map<string, number>>()

  constructor (parts: ClientParts) {
    this.#parts = parts
  }

  /** The generations of all clients. */
  * generations (): Generator<number> {
    for (const { generation } of this.#clients.values()) yield generation
  }

  async addClients (clients: readonly StoredClient[], audit?: AuditRecord): Promise<{ ids: string[], entries: Written }> {
    const ids: string[] = []
    const entries: Array<Written[number]> = []
    for (const client of clients) {
      if (this.#clients.has(client.id)) continue
      const isRaised = client.generation !== undefined || this.#parts.entries.generationOf(client.id) !== undefined
      const written = isRaised ? this.#raise(client) : []
      entries.push(...written)
      this.#set(client, isRaised ? generationOf(written) : this.#parts.time.milliseconds())
      ids.push(client.id)
    }
    if (ids.length > 0) this.#parts.audit.note(audit)
    return { ids, entries }
  }

  async findClients (ids: readonly string[]): Promise<StoredClient[]> {
    return [...new Set(ids)].flatMap((id) => structuredClone(this.#clients.get(id)) ?? [])
  }

  async replaceClient (client: StoredClient, { raises = false, entries = [], audit }: ClientChangeDetails = {}): Promise<Written | false> {
    const { id, version, generation: given = 0 } = client
    const stored = this.#clients.get(id)
    if (stored?.version !== version) return false
    const current = stored.generation
    // A lower generation with the same version was read from a lost history: processes of 0.1.0 increment versions by one.
    if (client.generation !== undefined && client.generation < current) return false
    const written = this.#parts.entries.write({
      entries,
      clients: raises ? [{ id, given, isDisabled: client.isDisabled === true, stored: [current] }] : []
    })
    // A generation only grows, even if the caller has read an older one.
    this.#set({ ...client, version: nextVersion(version) }, raises ? generationOf(written) : Math.max(current, given))
    const secretIds = new Set(client.secrets.map((secret) => secret.id))
    const uses = this.#uses.get(id)
    for (const secretId of [...uses?.keys() ?? []]) if (!secretIds.has(secretId)) uses?.delete(secretId)
    this.#noteChange(id, audit)
    return written
  }

  async removeClient (id: string, { above = 0, audit }: { above?: number, audit?: AuditRecord | undefined } = {}): Promise<Written | false> {
    const stored = this.#clients.get(id)
    if (stored === undefined) return false
    this.#clients.delete(id)
    this.#uses.delete(id)
    const written = this.#parts.entries.write({ clients: [{ id, isDisabled: true, stored: [stored.generation, above] }] })
    this.#noteChange(id, audit)
    return written
  }

  async listClients ({ after, limit }: { after?: string, limit: number }): Promise<StoredClient[]> {
    const ids = [...this.#clients.keys()].filter((id) => after === undefined || compareBytes(id, after) > 0).sort(compareBytes)
    return await this.findClients(ids.slice(0, limit))
  }

  async listClientChanges (after?: FeedMark): Promise<StoredClientChanges> {
    const { changes } = this.#parts
    const { entries, mark, isContinued, hasMore } = after === undefined ? changes.end() : changes.read(after)
    return { ids: entries.map(({ clientId }) => clientId), mark, isContinued, hasMore }
  }

  async hasImportedSecrets (): Promise<boolean> {
    return [...this.#clients.values()].some(({ secrets }) => secrets.some(({ isImported }) => isImported))
  }

  async saveSecretUses (uses: readonly SecretUse[]): Promise<void> {
    for (const { clientId, secretId, usedAt } of uses) {
      if (!this.#clients.has(clientId)) continue
      const known = this.#uses.get(clientId) ?? new Map<string, number>()
      known.set(secretId, Math.max(usedAt, known.get(secretId) ?? 0))
      this.#uses.set(clientId, known)
    }
  }

  async findSecretUses (clientIds: readonly string[]): Promise<SecretUse[]> {
    return [...new Set(clientIds)].flatMap((clientId) =>
      [...this.#uses.get(clientId) ?? []].map(([secretId, usedAt]) => ({ clientId, secretId, usedAt })))
  }

  #raise ({ id, generation, isDisabled = false }: StoredClient): Written {
    return this.#parts.entries.write({ clients: [{ id, given: generation, isDisabled, stored: [] }] })
  }

  #set ({ generation: _, ...client }: StoredClient, generation: number): void {
    this.#clients.set(client.id, structuredClone({ ...client, generation }))
  }

  #noteChange (id: string, audit: AuditRecord | undefined): void {
    this.#parts.changes.append({ clientId: id }, this.#parts.time.expiryAfter(CHANGE_LIFETIME))
    this.#parts.audit.note(audit)
  }
}

// The generation of the client that was raised: the last of the entries.
function generationOf (written: Written): number {
  return (written.at(-1) as ClientEntry).generation
}

// Compares by UTF-8 bytes like every store, not by UTF-16 code units.
function compareBytes (a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
