import type { SecretUse } from '../contracts/client-store.ts'
import { isText, lockOrder } from './database.ts'
import type { SqlDatabase, Steps } from './database.ts'

const FIND_IDS = 'SELECT secret_id FROM oauth_secret_uses WHERE client_id = ?'
const REMOVE = 'DELETE FROM oauth_secret_uses WHERE client_id = ? AND secret_id = ?'
const REMOVE_ALL = 'DELETE FROM oauth_secret_uses WHERE client_id = ?'

/** The table of the last uses of secrets. */
export class SecretUseTable {
  readonly #database: SqlDatabase
  readonly #find: string
  readonly #save: string

  constructor (database: SqlDatabase) {
    const { among, keep } = database.dialect
    this.#database = database
    this.#find = `SELECT client_id, secret_id, used_at FROM oauth_secret_uses WHERE ${among('client_id')}`
    // The row of the client is locked first, as by a change of the client: no use is stored for a client that was removed
    // meanwhile, and the two transactions cannot deadlock.
    this.#save = `
      INSERT INTO oauth_secret_uses (client_id, secret_id, used_at)
      SELECT id, CAST(? AS TEXT), CAST(? AS BIGINT) FROM oauth_clients WHERE id = ?${keep}
      ON CONFLICT (client_id, secret_id) DO UPDATE SET used_at = excluded.used_at WHERE excluded.used_at > oauth_secret_uses.used_at`
  }

  async save (uses: readonly SecretUse[]): Promise<void> {
    await this.#database.transaction(this.#saveAll(uses))
  }

  async find (clientIds: readonly string[]): Promise<SecretUse[]> {
    const rows = await this.#database.read([this.#find, this.#database.dialect.list(clientIds.filter(isText))])
    return rows.map((row) => ({ clientId: String(row['client_id']), secretId: String(row['secret_id']), usedAt: Number(row['used_at']) }))
  }

  /** Removes the uses of all secrets of a client. */
  * removeAll (clientId: string): Steps<void> {
    yield [REMOVE_ALL, clientId]
  }

  /** Removes the uses of those secrets of a client that it no longer has. */
  * removeOthers (clientId: string, secretIds: readonly string[]): Steps<void> {
    const kept = new Set<unknown>(secretIds)
    for (const { secret_id: used } of yield [FIND_IDS, clientId]) if (!kept.has(used)) yield [REMOVE, clientId, String(used)]
  }

  // All transactions lock the rows of several clients in one order, to avoid deadlocks.
  * #saveAll (uses: readonly SecretUse[]): Steps<void> {
    const sorted = uses.toSorted((one, other) => lockOrder(one.clientId, other.clientId) || lockOrder(one.secretId, other.secretId))
    for (const { clientId, secretId, usedAt } of sorted) yield [this.#save, secretId, usedAt, clientId]
  }
}
