import type { Written } from '../contracts/entry-store.ts'
import type { KeyChangeDetails, KeySet, KeyStore } from '../contracts/key-store.ts'
import { nextVersion } from '../next-version.ts'
import type { AuditTable } from './audit-table.ts'
import { firstOf } from './database.ts'
import type { SqlDatabase, Steps } from './database.ts'
import type { EntryTable } from './entry-table.ts'

const READ = 'SELECT version, body FROM oauth_key_sets'
const REPLACE = 'UPDATE oauth_key_sets SET version = ?, body = ? WHERE version = ? RETURNING id'

/** The one row of the signing keys. */
export class KeySetTable implements KeyStore {
  readonly #database: SqlDatabase
  readonly #entries: EntryTable
  readonly #audit: AuditTable

  constructor (database: SqlDatabase, entries: EntryTable, audit: AuditTable) {
    this.#database = database
    this.#entries = entries
    this.#audit = audit
  }

  async readKeys (): Promise<KeySet> {
    const { version, body } = firstOf(await this.#database.read([READ]))
    return { version: Number(version), keys: JSON.parse(String(body)) as KeySet['keys'] }
  }

  async replaceKeys (set: KeySet, change: KeyChangeDetails = {}): Promise<Written | false> {
    if (change.revokedKids !== undefined) await this.#entries.dropExpired()
    if (change.audit !== undefined) await this.#audit.dropSurplus()
    return await this.#database.transaction(this.#replace(set, change))
  }

  * #replace ({ version, keys }: KeySet, { revokedKids = [], audit }: KeyChangeDetails): Steps<Written | false> {
    if ((yield [REPLACE, nextVersion(version), JSON.stringify(keys), version]).length === 0) return false
    const written = yield * this.#entries.write({ revoked: revokedKids.map((id) => ({ kind: 'key', id })) })
    yield * this.#audit.write(audit)
    return written
  }
}
