import type { AuditRecord } from '../contracts/audit-store.ts'
import type { SettingsStore, StoredSettings } from '../contracts/settings-store.ts'
import { nextVersion } from '../next-version.ts'
import type { AuditTable } from './audit-table.ts'
import { firstOf, SINGLE_ROWS } from './database.ts'
import type { SqlDatabase, Steps } from './database.ts'

type Body = Partial<Pick<StoredSettings, 'agreed' | 'pending' | 'revocationStores' | 'replayStores' | 'flows'>>

const READ = `SELECT store.id AS store_id, settings.* FROM ${SINGLE_ROWS}`
const REPLACE = `
  UPDATE oauth_settings SET version = ?, body = ?, longest_token_lifetime = ?, largest_clock_tolerance = ?, is_upgrading = ?
  WHERE version = ? RETURNING version`

/** The one row of the agreed settings. */
export class SettingsTable implements SettingsStore {
  readonly #database: SqlDatabase
  readonly #audit: AuditTable

  constructor (database: SqlDatabase, audit: AuditTable) {
    this.#database = database
    this.#audit = audit
  }

  async readSettings (): Promise<StoredSettings> {
    const row = firstOf(await this.#database.read([READ]))
    const { agreed = {}, pending, revocationStores = [], replayStores = [], flows } = JSON.parse(String(row['body'])) as Body
    return {
      version: Number(row['version']),
      storeId: String(row['store_id']),
      agreed,
      pending,
      longestTokenLifetime: Number(row['longest_token_lifetime']),
      largestClockTolerance: Number(row['largest_clock_tolerance']),
      isUpgrading: Number(row['is_upgrading']) === 1,
      revocationStores,
      replayStores,
      ...(flows !== undefined && { flows })
    }
  }

  async replaceSettings (settings: StoredSettings, audit?: AuditRecord): Promise<boolean> {
    await this.#audit.dropSurplus()
    return await this.#database.transaction(this.#replace(settings, audit))
  }

  * #replace (settings: StoredSettings, audit: AuditRecord | undefined): Steps<boolean> {
    const { version, agreed, pending, longestTokenLifetime, largestClockTolerance, isUpgrading, revocationStores, replayStores, flows } = settings
    const body: Body = { agreed, revocationStores, replayStores, ...(pending !== undefined && { pending }), ...(flows !== undefined && { flows }) }
    const replaced = yield [REPLACE, nextVersion(version), JSON.stringify(body), longestTokenLifetime, largestClockTolerance, Number(isUpgrading), version]
    if (replaced.length === 0) return false
    yield * this.#audit.write(audit)
    return true
  }
}
