import { createHash } from 'node:crypto'
import { systemClock } from '../../clock.ts'
import type { Clock } from '../../clock.ts'
import type {
  ClientStore, KeySet, KeyStore, ReplayStore, Revocation, RevocationStore, SecretUse, StoredClient, StoredToken, TokenStore
} from '../index.ts'
import type { Steps, UnopenedDatabase } from './database.ts'
import { ExpiredRows } from './expired-rows.ts'
import { Feed } from './feed.ts'
import { MigratedDatabase } from './migrated-database.ts'
import { fromClient, fromRevocation, toClient, toKeySet, toRevocation, toSecretUse, toToken } from './rows.ts'
import { MIGRATIONS } from './schema.ts'
import type { Migrated } from './schema.ts'

/** How a store in SQL works. */
export interface SqlStoreOptions {
  /**
   * Makes the tables, or brings them to the newest version, before the first use. Default true. When false, the first use
   * rejects with FST_OAUTH_OLD_TABLES as long as nobody has run `fastify-client-credentials migrate`.
   */
  migrate?: boolean
  /** Default the clock of the machine. */
  now?: Clock
}

// Seconds that a change of a client is listed: an hour, and what the clocks of two processes may differ, by the one that lists.
const CHANGE_LIFETIME = 3660

const READ_KEYS = 'SELECT version, body FROM oauth_key_sets'
const REPLACE_KEYS = 'UPDATE oauth_key_sets SET version = version + 1, body = ? WHERE version = ? RETURNING id'

const ADD_CLIENT = 'INSERT INTO oauth_clients (id, version, has_imported, body) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING RETURNING id'
const FIND_CLIENT = 'SELECT body FROM oauth_clients WHERE id = ?'
const REPLACE_CLIENT = 'UPDATE oauth_clients SET version = ?, has_imported = ?, body = ? WHERE id = ? AND version = ? RETURNING id'
const REMOVE_CLIENT = 'DELETE FROM oauth_clients WHERE id = ? RETURNING id'
const LIST_FIRST_CLIENTS = 'SELECT body FROM oauth_clients ORDER BY id LIMIT ?'
const LIST_CLIENTS = 'SELECT body FROM oauth_clients WHERE id > ? ORDER BY id LIMIT ?'
const FIND_IMPORTED = 'SELECT id FROM oauth_clients WHERE has_imported = 1 LIMIT 1'

// The row of the client is locked first, as by whoever replaces or removes it: neither is a use noted of a client that is
// gone by then, nor do the two wait for each other for ever over the rows of its uses.
const saveUse = (keep: string) => `
  INSERT INTO oauth_secret_uses (client_id, secret_id, used_at)
  SELECT id, CAST(? AS TEXT), CAST(? AS BIGINT) FROM oauth_clients WHERE id = ?${keep}
  ON CONFLICT (client_id, secret_id) DO UPDATE SET used_at = excluded.used_at WHERE excluded.used_at > oauth_secret_uses.used_at`
const FIND_USED = 'SELECT secret_id FROM oauth_secret_uses WHERE client_id = ?'
const REMOVE_USE = 'DELETE FROM oauth_secret_uses WHERE client_id = ? AND secret_id = ?'
const REMOVE_USES = 'DELETE FROM oauth_secret_uses WHERE client_id = ?'

const SAVE_TOKEN = `
  INSERT INTO oauth_tokens (hash, expires_at, body) VALUES (?, ?, ?)
  ON CONFLICT (hash) DO UPDATE SET expires_at = excluded.expires_at, body = excluded.body`
const FIND_TOKEN = 'SELECT body FROM oauth_tokens WHERE hash = ? AND expires_at > ?'
const REMOVE_TOKEN = 'DELETE FROM oauth_tokens WHERE hash = ?'

const RESERVE = `
  INSERT INTO oauth_reservations (key, expires_at) VALUES (?, ?)
  ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at WHERE oauth_reservations.expires_at <= ?
  RETURNING key`

/** Everything but failures, in the tables of a SQL database. */
export class SqlStore implements KeyStore, RevocationStore, TokenStore, ClientStore, ReplayStore {
  readonly #database: MigratedDatabase
  readonly #now: Clock
  readonly #changes: Feed
  readonly #revocations: Feed
  readonly #expiredTokens: ExpiredRows
  readonly #expiredReservations: ExpiredRows
  readonly #findClients: string
  readonly #findUses: string
  readonly #saveUse: string

  constructor (database: UnopenedDatabase, { migrate = true, now = systemClock }: SqlStoreOptions) {
    const migrated = new MigratedDatabase(database, { migrations: MIGRATIONS, mayMigrate: migrate })
    this.#database = migrated
    this.#now = now
    this.#changes = new Feed(migrated, { name: 'clients', table: 'oauth_client_changes', columns: ['client_id', 'expires_at'], now })
    this.#revocations = new Feed(migrated, { name: 'revocations', table: 'oauth_revocations', columns: ['kind', 'id', 'issued_before', 'expires_at'], now })
    this.#expiredTokens = new ExpiredRows(migrated, { table: 'oauth_tokens', key: 'hash', now })
    this.#expiredReservations = new ExpiredRows(migrated, { table: 'oauth_reservations', key: 'key', now })
    this.#findClients = `SELECT body FROM oauth_clients WHERE ${database.dialect.among('id')}`
    this.#findUses = `SELECT client_id, secret_id, used_at FROM oauth_secret_uses WHERE ${database.dialect.among('client_id')}`
    this.#saveUse = saveUse(database.dialect.keep)
  }

  /**
   * Makes the tables, or brings them to the newest version, whatever the option says. Any number of processes may do so at once.
   *
   * @returns from which version to which; 0 where there were no tables
   * @throws FlowConfigurationError for tables that a newer version of this package has made
   */
  async migrate (): Promise<Migrated> {
    return await this.#database.migrate()
  }

  async readKeys (): Promise<KeySet> {
    const [row] = await this.#database.rows([READ_KEYS])
    return toKeySet(row!)
  }

  async replaceKeys ({ version, keys }: KeySet): Promise<boolean> {
    return await this.#database.transaction(replaceKeys(version, JSON.stringify(keys)))
  }

  async addRevocation (revocation: Revocation): Promise<void> {
    await this.#revocations.transaction(this.#revocations.publish(...fromRevocation(revocation)))
  }

  async listRevocations (since = '0'): Promise<{ revocations: Revocation[], cursor: string }> {
    const { entries, cursor } = await this.#revocations.since(since)
    return { revocations: entries.map(toRevocation), cursor }
  }

  async saveToken (hash: string, token: StoredToken): Promise<void> {
    await this.#expiredTokens.drop()
    await this.#database.rows([SAVE_TOKEN, hash, token.expiresAt, JSON.stringify(token)])
  }

  async findToken (hash: string): Promise<StoredToken | undefined> {
    if (!isText(hash)) return undefined
    const [row] = await this.#database.rows([FIND_TOKEN, hash, this.#now()])
    return row && toToken(row)
  }

  async removeToken (hash: string): Promise<void> {
    if (isText(hash)) await this.#database.rows([REMOVE_TOKEN, hash])
  }

  async addClients (clients: readonly StoredClient[]): Promise<string[]> {
    return await this.#database.transaction(addClients(clients))
  }

  async findClients (ids: readonly string[]): Promise<StoredClient[]> {
    const [id, ...others] = ids.filter(isText)
    if (id === undefined) return []
    const rows = others.length === 0
      ? await this.#database.rows([FIND_CLIENT, id])
      : await this.#database.rows([this.#findClients, this.#database.dialect.list([id, ...others])])
    return rows.map(toClient)
  }

  async replaceClient (client: StoredClient): Promise<boolean> {
    return isText(client.id) && await this.#changes.transaction(this.#replaceClient({ ...client, version: client.version + 1 }))
  }

  async removeClient (id: string): Promise<boolean> {
    return isText(id) && await this.#changes.transaction(this.#removeClient(id))
  }

  async listClients ({ after, limit }: { after?: string, limit: number }): Promise<StoredClient[]> {
    // No id has a NUL, and all that have more behind the same beginning come after it.
    const rows = await this.#database.rows(after === undefined ? [LIST_FIRST_CLIENTS, limit] : [LIST_CLIENTS, after.split('\u0000', 1)[0]!, limit])
    return rows.map(toClient)
  }

  async listClientChanges (since: string | undefined): Promise<{ ids: string[], cursor: string }> {
    if (since === undefined) return { ids: [], cursor: await this.#changes.end() }
    const { entries, cursor } = await this.#changes.since(since)
    return { ids: entries.map((entry) => String(entry['client_id'])), cursor }
  }

  async hasImportedSecrets (): Promise<boolean> {
    return (await this.#database.rows([FIND_IMPORTED])).length > 0
  }

  async saveSecretUses (uses: readonly SecretUse[]): Promise<void> {
    await this.#database.transaction(saveSecretUses(uses, this.#saveUse))
  }

  async findSecretUses (clientIds: readonly string[]): Promise<SecretUse[]> {
    const rows = await this.#database.rows([this.#findUses, this.#database.dialect.list(clientIds.filter(isText))])
    return rows.map(toSecretUse)
  }

  async reserve (key: string, expiresAt: number): Promise<boolean> {
    await this.#expiredReservations.drop()
    // A key is whatever a client has sent: its hash is text for every database, and of a length that an index takes.
    const hash = createHash('sha256').update(key).digest('base64url')
    // The expiry is what a client has sent, too, and may be a fraction (RFC 7519 §2), which BIGINT refuses.
    return (await this.#database.rows([RESERVE, hash, Math.ceil(expiresAt), this.#now()])).length > 0
  }

  * #replaceClient (client: StoredClient): Steps<boolean> {
    if ((yield [REPLACE_CLIENT, ...fromClient(client), client.id, client.version - 1]).length === 0) return false
    const secretIds = new Set<unknown>(client.secrets.map(({ id }) => id))
    for (const { secret_id: used } of yield [FIND_USED, client.id]) if (!secretIds.has(used)) yield [REMOVE_USE, client.id, String(used)]
    yield * this.#changes.publish(client.id, this.#now() + CHANGE_LIFETIME)
    return true
  }

  * #removeClient (id: string): Steps<boolean> {
    if ((yield [REMOVE_CLIENT, id]).length === 0) return false
    yield [REMOVE_USES, id]
    yield * this.#changes.publish(id, this.#now() + CHANGE_LIFETIME)
    return true
  }
}

function * replaceKeys (version: number, body: string): Steps<boolean> {
  return (yield [REPLACE_KEYS, body, version]).length > 0
}

// Rows of several clients are locked in one order by everybody, or two could wait for each other for ever.

function * addClients (clients: readonly StoredClient[]): Steps<string[]> {
  const added: string[] = []
  for (const client of clients.toSorted((one, other) => compare(one.id, other.id))) {
    if ((yield [ADD_CLIENT, client.id, ...fromClient(client)]).length > 0) added.push(client.id)
  }
  return added
}

function * saveSecretUses (uses: readonly SecretUse[], saveUse: string): Steps<void> {
  const sorted = uses.toSorted((one, other) => compare(one.clientId, other.clientId) || compare(one.secretId, other.secretId))
  for (const { clientId, secretId, usedAt } of sorted) yield [saveUse, secretId, usedAt, clientId]
}

function compare (one: string, other: string): number {
  return one < other ? -1 : Number(one > other)
}

// PostgreSQL refuses NUL in text: what has one was never stored.
function isText (value: string): boolean {
  return !value.includes('\u0000')
}
