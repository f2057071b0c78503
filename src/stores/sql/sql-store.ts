import { systemClock } from '../../lib/clock.ts'
import type { Clock } from '../../lib/clock.ts'
import { CLOCK, flag } from '../../options/check-options.ts'
import type { OptionRules } from '../../options/check-options.ts'
import { AUDIT_RULES } from '../audit-rules.ts'
import type {
  AuditRecord, AuditStore, ClientChangeDetails, ClientStore, Entry, EntryPage, EntryStore, FeedMark, FeedPage, KeyChangeDetails, KeySet, KeyStore, Marked,
  ReplayStore, Reservation, Revocation, RevocationStore, SecretUse, SettingsStore, StoredClient, StoredClientChanges, StoredSettings, StoredToken, TokenStore,
  Written
} from '../contracts/index.ts'
import { addLostEntries } from '../lost-entries.ts'
import { AuditTable } from './audit-table.ts'
import { ClientTables } from './client-tables.ts'
import type { UnopenedDatabase } from './database.ts'
import { EntryTable } from './entry-table.ts'
import { KeySetTable } from './key-set-table.ts'
import { MigratedDatabase } from './migrated-database.ts'
import { ReservationTable } from './reservation-table.ts'
import { RevocationTable } from './revocation-table.ts'
import { MIGRATIONS } from './schema.ts'
import type { Migrated } from './schema.ts'
import { SettingsTable } from './settings-table.ts'
import { storeClock } from './store-clock.ts'
import { TokenTable } from './token-table.ts'

/** Options of a store in SQL. */
export interface SqlStoreOptions {
  /**
   * Creates the tables, or migrates them to the newest version, before the first use. Default true. When false, the first use
   * rejects with FST_OAUTH_OLD_TABLES until `fastify-client-credentials migrate` has been run.
   */
  migrate?: boolean
  /** The clock, in seconds since 1970. Default the clock of the machine; for data in PostgreSQL, that of its server. */
  now?: Clock
  /** Seconds that audit records are kept. Default 31,536,000: 365 days. */
  auditRetention?: number
  /** How many audit records are kept at most: beyond that, the oldest are deleted. Default 100,000. */
  auditMaxRecords?: number
}

/** The rules for the options that all stores in SQL have. */
export const SQL_STORE_RULES: OptionRules<SqlStoreOptions> = { migrate: flag(), now: CLOCK, ...AUDIT_RULES }

/** Keeps all data except counted failures in the tables of a SQL database. */
export class SqlStore implements AuditStore, ClientStore, EntryStore, KeyStore, ReplayStore, RevocationStore, SettingsStore, TokenStore {
  readonly #database: MigratedDatabase
  readonly #audit: AuditTable
  readonly #clients: ClientTables
  readonly #entries: EntryTable
  readonly #keys: KeySetTable
  readonly #reservations: ReservationTable
  readonly #revocations: RevocationTable
  readonly #settings: SettingsTable
  readonly #tokens: TokenTable

  constructor (unopened: UnopenedDatabase, { migrate = true, now, auditRetention = 31_536_000, auditMaxRecords = 100_000 }: SqlStoreOptions) {
    const database = new MigratedDatabase(unopened, { migrations: MIGRATIONS, mayMigrate: migrate })
    const clock = storeClock(database.dialect, now)
    const audit = new AuditTable(database, clock, { retention: auditRetention, maxRecords: auditMaxRecords })
    const entries = new EntryTable(database, clock, audit)
    this.#database = database
    this.#audit = audit
    this.#entries = entries
    this.#clients = new ClientTables(database, clock, { entries, audit })
    this.#keys = new KeySetTable(database, entries, audit)
    this.#reservations = new ReservationTable(database, clock)
    this.#revocations = new RevocationTable(database, clock)
    this.#settings = new SettingsTable(database, audit)
    this.#tokens = new TokenTable(database, clock, now ?? systemClock)
  }

  /**
   * Creates the tables, or migrates them to the newest version, regardless of the option `migrate`. Concurrent calls of several
   * processes are safe.
   *
   * @returns the versions before and after; 0 if there were no tables
   * @throws FlowConfigurationError for tables that a newer version of this package has created
   */
  async migrate (): Promise<Migrated> {
    return await this.#database.migrate()
  }

  async addAuditRecord (record: AuditRecord): Promise<FeedMark> {
    return await this.#audit.addAuditRecord(record)
  }

  async followAudit (after?: FeedMark): Promise<FeedPage<AuditRecord> & { mark: FeedMark }> {
    return await this.#audit.followAudit(after)
  }

  async listAudit (page: { before?: number, limit: number }): Promise<Array<Marked<AuditRecord>>> {
    return await this.#audit.listAudit(page)
  }

  async addClients (clients: readonly StoredClient[], audit?: AuditRecord): Promise<{ ids: string[], entries: Written }> {
    return await this.#clients.addClients(clients, audit)
  }

  async findClients (ids: readonly string[]): Promise<StoredClient[]> {
    return await this.#clients.findClients(ids)
  }

  async replaceClient (client: StoredClient, change?: ClientChangeDetails): Promise<Written | false> {
    return await this.#clients.replaceClient(client, change)
  }

  async removeClient (id: string, change?: { above?: number, audit?: AuditRecord | undefined }): Promise<Written | false> {
    return await this.#clients.removeClient(id, change)
  }

  async listClients (page: { after?: string, limit: number }): Promise<StoredClient[]> {
    return await this.#clients.listClients(page)
  }

  async listClientChanges (after?: FeedMark): Promise<StoredClientChanges> {
    return await this.#clients.listClientChanges(after)
  }

  async hasImportedSecrets (): Promise<boolean> {
    return await this.#clients.hasImportedSecrets()
  }

  async saveSecretUses (uses: readonly SecretUse[]): Promise<void> {
    await this.#clients.saveSecretUses(uses)
  }

  async findSecretUses (clientIds: readonly string[]): Promise<SecretUse[]> {
    return await this.#clients.findSecretUses(clientIds)
  }

  async listEntries (after?: FeedMark): Promise<EntryPage> {
    return await this.#entries.listEntries(after)
  }

  async addEntries (entries: readonly Entry[]): Promise<Written> {
    return await addLostEntries(entries, this.#clients, async (alone) => await this.#entries.addEntries(alone))
  }

  async raiseAll (change?: { above?: number, audit?: AuditRecord | undefined }): Promise<Written> {
    return await this.#entries.raiseAll(change)
  }

  async readKeys (): Promise<KeySet> {
    return await this.#keys.readKeys()
  }

  async replaceKeys (set: KeySet, change?: KeyChangeDetails): Promise<Written | false> {
    return await this.#keys.replaceKeys(set, change)
  }

  async reserve (key: string, reservation: Reservation): Promise<boolean> {
    return await this.#reservations.reserve(key, reservation)
  }

  async addRevocation (revocation: Revocation): Promise<FeedMark> {
    return await this.#revocations.addRevocation(revocation)
  }

  async listRevocations (after?: FeedMark): Promise<FeedPage<Revocation>> {
    return await this.#revocations.listRevocations(after)
  }

  async readSettings (): Promise<StoredSettings> {
    return await this.#settings.readSettings()
  }

  async replaceSettings (settings: StoredSettings, audit?: AuditRecord): Promise<boolean> {
    return await this.#settings.replaceSettings(settings, audit)
  }

  async saveToken (hash: string, token: StoredToken): Promise<void> {
    await this.#tokens.saveToken(hash, token)
  }

  async findToken (hash: string): Promise<StoredToken | undefined> {
    return await this.#tokens.findToken(hash)
  }

  async removeToken (hash: string): Promise<void> {
    await this.#tokens.removeToken(hash)
  }
}
