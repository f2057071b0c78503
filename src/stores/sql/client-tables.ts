import type { AuditRecord } from '../contracts/audit-store.ts'
import type { ClientChangeDetails, ClientStore, SecretUse, StoredClient, StoredClientChanges } from '../contracts/client-store.ts'
import type { Written } from '../contracts/entry-store.ts'
import type { FeedMark } from '../contracts/feed.ts'
import { nextVersion } from '../next-version.ts'
import type { AuditTable } from './audit-table.ts'
import { isText, lockOrder } from './database.ts'
import type { Row, SqlDatabase, Steps, Value } from './database.ts'
import type { EntryTable } from './entry-table.ts'
import { Feed } from './feed.ts'
import { SecretUseTable } from './secret-use-table.ts'
import type { StoreClock } from './store-clock.ts'

// Seconds that a change of a client is listed.
const CHANGE_LIFETIME = 3600
// Rows of one INSERT.
const BATCH = 1000

const CLIENT = 'id, generation, body'
const FIND = `SELECT ${CLIENT} FROM oauth_clients WHERE id = ?`
const LIST_FIRST = `SELECT ${CLIENT} FROM oauth_clients ORDER BY id LIMIT ?`
const LIST = `SELECT ${CLIENT} FROM oauth_clients WHERE id > ? ORDER BY id LIMIT ?`
const FIND_IMPORTED = 'SELECT id FROM oauth_clients WHERE has_imported = 1 LIMIT 1'
const REPLACE = 'UPDATE oauth_clients SET version = ?, has_imported = ?, body = ?, generation = ? WHERE id = ?'
const REMOVE = 'DELETE FROM oauth_clients WHERE id = ? RETURNING generation'

/**
 * The tables of the clients. Every transaction locks in the same order, or two could wait for each other: rows of clients by
 * their ids, then the feeds of entries, of changes and of audit records.
 */
export class ClientTables implements ClientStore {
  readonly #database: SqlDatabase
  readonly #clock: StoreClock
  readonly #entries: EntryTable
  readonly #audit: AuditTable
  readonly #uses: SecretUseTable
  readonly #changes: Feed<{ clientId: string }>
  readonly #find: string
  readonly #lock: string
  readonly #add: string
  readonly #setGenerations: string

  constructor (database: SqlDatabase, clock: StoreClock, { entries, audit }: { entries: EntryTable, audit: AuditTable }) {
    const { among, lockRows, elements } = database.dialect
    this.#database = database
    this.#clock = clock
    this.#entries = entries
    this.#audit = audit
    this.#uses = new SecretUseTable(database)
    this.#changes = new Feed(database, clock, {
      name: 'clients',
      table: 'oauth_client_changes',
      columns: { client_id: 'TEXT', expires_at: 'BIGINT' },
      toEntry: (row) => ({ clientId: String(row['client_id']) })
    })
    this.#find = `SELECT ${CLIENT} FROM oauth_clients WHERE ${among('id')}`
    this.#lock = `SELECT version, generation FROM oauth_clients WHERE id = ?${lockRows}`
    this.#add = `
      INSERT INTO oauth_clients (generation, id, version, has_imported, body)
      SELECT ${clock.milliseconds.sql}, element.value ->> 0, CAST(element.value ->> 1 AS BIGINT), CAST(element.value ->> 2 AS INTEGER), element.value ->> 3
      FROM ${elements} WHERE 1 = 1
      ON CONFLICT (id) DO NOTHING RETURNING id`
    this.#setGenerations = `
      UPDATE oauth_clients SET generation = CAST(element.value ->> 1 AS BIGINT) FROM ${elements} WHERE oauth_clients.id = element.value ->> 0`
  }

  async addClients (clients: readonly StoredClient[], audit?: AuditRecord): Promise<{ ids: string[], entries: Written }> {
    await this.#entries.dropExpired()
    if (audit !== undefined) await this.#audit.dropSurplus()
    return await this.#database.transaction(this.#addAll(clients, audit))
  }

  async findClients (ids: readonly string[]): Promise<StoredClient[]> {
    const [id, ...others] = ids.filter(isText)
    if (id === undefined) return []
    const rows = others.length === 0
      ? await this.#database.read([FIND, id])
      : await this.#database.read([this.#find, this.#database.dialect.list([id, ...others])])
    return rows.map(toClient)
  }

  async replaceClient (client: StoredClient, change: ClientChangeDetails = {}): Promise<Written | false> {
    if (!isText(client.id)) return false
    await this.#dropExpired()
    return await this.#database.transaction(this.#replace(client, change))
  }

  async removeClient (id: string, { above, audit }: { above?: number, audit?: AuditRecord | undefined } = {}): Promise<Written | false> {
    if (!isText(id)) return false
    await this.#dropExpired()
    return await this.#database.transaction(this.#remove(id, above, audit))
  }

  async listClients ({ after, limit }: { after?: string, limit: number }): Promise<StoredClient[]> {
    // No id contains NUL, and all longer ids with the same beginning sort after it.
    const rows = await this.#database.read(after === undefined ? [LIST_FIRST, limit] : [LIST, after.split('\u0000', 1)[0]!, limit], 'id')
    return rows.map(toClient)
  }

  async listClientChanges (after?: FeedMark): Promise<StoredClientChanges> {
    const { page: { entries, isContinued, hasMore }, mark } = after === undefined ? await this.#changes.end() : await this.#changes.read(after)
    return { ids: entries.map(({ clientId }) => clientId), mark, isContinued, hasMore }
  }

  async hasImportedSecrets (): Promise<boolean> {
    return (await this.#database.read([FIND_IMPORTED])).length > 0
  }

  async saveSecretUses (uses: readonly SecretUse[]): Promise<void> {
    await this.#uses.save(uses)
  }

  async findSecretUses (clientIds: readonly string[]): Promise<SecretUse[]> {
    return await this.#uses.find(clientIds)
  }

  async #dropExpired (): Promise<void> {
    await this.#entries.dropExpired()
    await this.#changes.expired.drop()
    await this.#audit.dropSurplus()
  }

  * #addAll (clients: readonly StoredClient[], audit: AuditRecord | undefined): Steps<{ ids: string[], entries: Written }> {
    const sorted = clients.toSorted((one, other) => lockOrder(one.id, other.id))
    const ids: string[] = []
    for (let start = 0; start < sorted.length; start += BATCH) {
      const rows = sorted.slice(start, start + BATCH).map((client) => [client.id, client.version, ...fromClient(client)])
      ids.push(...(yield [this.#add, ...this.#clock.milliseconds.values(), JSON.stringify(rows)]).map(({ id }) => String(id)))
    }
    if (ids.length === 0) return { ids, entries: [] }
    const entries = yield * this.#raiseAdded(clients, ids)
    yield * this.#audit.write(audit)
    return { ids, entries }
  }

  // A concurrent removal of the same id has ended by now, so that its entry is found.
  * #raiseAdded (clients: readonly StoredClient[], ids: readonly string[]): Steps<Written> {
    const known = yield * this.#entries.findGenerations(ids)
    const added = new Set(ids)
    const raised = clients.filter(({ id, generation }) => added.delete(id) && (generation !== undefined || known.has(id)))
    const entries = yield * this.#entries.write({
      clients: raised.map(({ id, generation, isDisabled }) => ({ id, given: generation, isDisabled: isDisabled === true, stored: [] }))
    })
    const generations = entries.filter((entry) => entry.kind === 'client').map(({ id, generation }) => [id, generation])
    if (generations.length > 0) yield [this.#setGenerations, JSON.stringify(generations)]
    return entries
  }

  * #replace (client: StoredClient, { raises = false, entries = [], audit }: ClientChangeDetails): Steps<Written | false> {
    const { id, version, generation: given = 0, isDisabled = false } = client
    const [stored] = yield [this.#lock, id]
    if (stored === undefined || Number(stored['version']) !== version) return false
    const current = Number(stored['generation'])
    // A lower generation with the same version was read from a lost history: processes of 0.1.0 increment versions by one.
    if (client.generation !== undefined && client.generation < current) return false
    const written = yield * this.#entries.write({
      entries,
      clients: raises ? [{ id, isDisabled, given, stored: [current] }] : []
    })
    const raised = raises ? written.findLast((entry) => entry.kind === 'client') : undefined
    // A generation only grows, even if the caller has read an older one.
    const generation = raised?.generation ?? Math.max(current, given)
    const next = nextVersion(version)
    yield [REPLACE, next, ...fromClient({ ...client, version: next }), generation, id]
    yield * this.#uses.removeOthers(id, client.secrets.map((secret) => secret.id))
    yield * this.#noteChange(id)
    yield * this.#audit.write(audit)
    return written
  }

  * #remove (id: string, above: number | undefined, audit: AuditRecord | undefined): Steps<Written | false> {
    const [removed] = yield [REMOVE, id]
    if (removed === undefined) return false
    yield * this.#uses.removeAll(id)
    const written = yield * this.#entries.write({ clients: [{ id, isDisabled: true, stored: [Number(removed['generation']), above ?? 0] }] })
    yield * this.#noteChange(id)
    yield * this.#audit.write(audit)
    return written
  }

  * #noteChange (id: string): Steps<void> {
    yield * this.#changes.append(({ time }) => [id, time + CHANGE_LIFETIME])
  }
}

// The generation has a column of its own: processes of release 0.1.0, which do not know it, leave it unchanged.

function toClient ({ body, generation }: Row): StoredClient {
  const client = JSON.parse(String(body)) as StoredClient
  const number = Number(generation)
  return number > 0 ? { ...client, generation: number } : client
}

/** Returns the column values of a client: whether it has an imported secret, and all members except the generation. */
function fromClient ({ generation, ...client }: StoredClient): Value[] {
  return [client.secrets.some(({ isImported }) => isImported === true) ? 1 : 0, JSON.stringify(client)]
}
