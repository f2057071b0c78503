import { FlowConfigurationError } from '../../errors/configuration-error.ts'
import type { Dialect, Row, SqlDatabase, Statement, Steps } from './database.ts'

/** Returns the statements that migrate one version of the tables to the next. */
export type Migration = (dialect: Dialect) => readonly string[]

/** The versions of the tables before and after a migration. 0 if there were no tables. */
export interface Migrated { from: number, to: number }

/**
 * The migrations, version by version. Never change a released migration: add a new version that works with the previous code,
 * since old and new processes run side by side during an update.
 */
export const MIGRATIONS: readonly Migration[] = [
  ({ text }) => [
    'CREATE TABLE oauth_feeds (name TEXT PRIMARY KEY, position BIGINT NOT NULL)',
    "INSERT INTO oauth_feeds (name, position) VALUES ('clients', 0), ('revocations', 0)",
    'CREATE TABLE oauth_key_sets (id INTEGER PRIMARY KEY, version BIGINT NOT NULL, body TEXT NOT NULL)',
    "INSERT INTO oauth_key_sets (id, version, body) VALUES (1, 0, '[]')",
    `CREATE TABLE oauth_clients (id ${text} PRIMARY KEY, version BIGINT NOT NULL, has_imported INTEGER NOT NULL, body TEXT NOT NULL)`,
    'CREATE INDEX oauth_clients_imported ON oauth_clients (has_imported) WHERE has_imported = 1',
    `CREATE TABLE oauth_secret_uses (client_id ${text} NOT NULL, secret_id ${text} NOT NULL, used_at BIGINT NOT NULL, PRIMARY KEY (client_id, secret_id))`,
    `CREATE TABLE oauth_client_changes (position BIGINT PRIMARY KEY, client_id ${text} NOT NULL, expires_at BIGINT NOT NULL)`,
    'CREATE INDEX oauth_client_changes_expiry ON oauth_client_changes (expires_at)',
    `CREATE TABLE oauth_revocations (position BIGINT PRIMARY KEY, kind TEXT NOT NULL, id ${text} NOT NULL, issued_before BIGINT, expires_at BIGINT NOT NULL)`,
    'CREATE INDEX oauth_revocations_expiry ON oauth_revocations (expires_at)',
    `CREATE TABLE oauth_tokens (hash ${text} PRIMARY KEY, expires_at BIGINT NOT NULL, body TEXT NOT NULL)`,
    'CREATE INDEX oauth_tokens_expiry ON oauth_tokens (expires_at)',
    `CREATE TABLE oauth_reservations (key ${text} PRIMARY KEY, expires_at BIGINT NOT NULL)`,
    'CREATE INDEX oauth_reservations_expiry ON oauth_reservations (expires_at)'
  ],
  // Changes tables in the order in which processes of release 0.1.0 lock them, to avoid deadlocks.
  (dialect) => [
    'ALTER TABLE oauth_clients ADD COLUMN generation BIGINT NOT NULL DEFAULT 0',
    'CREATE INDEX oauth_clients_generation ON oauth_clients (generation) WHERE generation > 0',
    'CREATE TABLE oauth_store (id TEXT NOT NULL)',
    `INSERT INTO oauth_store (id) VALUES (${dialect.random})`,
    `CREATE TABLE oauth_settings (
      version BIGINT NOT NULL, body TEXT NOT NULL, longest_token_lifetime BIGINT NOT NULL, largest_clock_tolerance BIGINT NOT NULL,
      is_upgrading INTEGER NOT NULL)`,
    `INSERT INTO oauth_settings (version, body, longest_token_lifetime, largest_clock_tolerance, is_upgrading)
      SELECT 0, '{}', 0, 0, CASE WHEN ${IS_USED} THEN 1 ELSE 0 END`,
    `CREATE TABLE oauth_entries (
      position BIGINT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, id ${dialect.text} NOT NULL, generation BIGINT, is_disabled INTEGER,
      expires_at BIGINT NOT NULL)`,
    'CREATE INDEX oauth_entries_id ON oauth_entries (kind, id, generation)',
    'CREATE INDEX oauth_entries_expiry ON oauth_entries (expires_at)',
    'CREATE TABLE oauth_audit (position BIGINT PRIMARY KEY, name TEXT NOT NULL, time BIGINT NOT NULL, body TEXT NOT NULL, expires_at BIGINT NOT NULL)',
    'CREATE INDEX oauth_audit_expiry ON oauth_audit (expires_at)',
    'CREATE TABLE oauth_sentinel (table_id TEXT NOT NULL, timeline TEXT NOT NULL, changed_at BIGINT)',
    "INSERT INTO oauth_sentinel (table_id, timeline) VALUES ('', '')",
    "INSERT INTO oauth_feeds (name, position) VALUES ('entries', 0), ('audit', 0)",
    ...addNames(dialect, 'oauth_client_changes', { position: 'BIGINT PRIMARY KEY', client_id: `${dialect.text} NOT NULL`, expires_at: 'BIGINT NOT NULL' }),
    ...addNames(dialect, 'oauth_revocations', {
      position: 'BIGINT PRIMARY KEY', kind: 'TEXT NOT NULL', id: `${dialect.text} NOT NULL`, issued_before: 'BIGINT', expires_at: 'BIGINT NOT NULL'
    })
  ]
]

// Conditions for whether release 0.1.0 has ever written data.
const IS_USED = ['clients', 'feeds WHERE position > 0', 'key_sets WHERE version > 0', 'tokens', 'reservations']
  .map((rows) => `EXISTS (SELECT 1 FROM oauth_${rows})`).join(' OR ')

// The database generates the names of existing entries, and of entries that processes of release 0.1.0 still add.
function addNames (dialect: Dialect, table: string, columns: Readonly<Record<string, string>>): string[] {
  const name = `name TEXT NOT NULL DEFAULT ${dialect.random}`
  if (dialect.addsRandomColumns) return [`ALTER TABLE ${table} ADD COLUMN ${name}`]
  const names = Object.keys(columns).join(', ')
  return [
    `CREATE TABLE ${table}_named (${Object.entries(columns).map((column) => column.join(' ')).join(', ')}, ${name})`,
    `INSERT INTO ${table}_named (${names}) SELECT ${names} FROM ${table}`,
    `DROP TABLE ${table}`,
    `ALTER TABLE ${table}_named RENAME TO ${table}`,
    `CREATE INDEX ${table}_expiry ON ${table} (expires_at)`
  ]
}

const READ_VERSION: Statement = ['SELECT version FROM oauth_schema']

/**
 * Migrates the tables to the newest version. Concurrent calls of several processes are safe.
 *
 * @throws FlowConfigurationError for tables of a newer release
 */
export async function migrate (database: SqlDatabase, migrations: readonly Migration[]): Promise<Migrated> {
  // Read the version first: a database user without the permission to lock or create tables succeeds if there is nothing to do.
  const version = await readVersion(database, migrations)
  if (version === migrations.length) return { from: version, to: version }
  return await database.transaction(migrateSteps(database.dialect, migrations))
}

/** Checks the version of the tables. @throws FlowConfigurationError if it is not the newest one */
export async function checkVersion (database: SqlDatabase, migrations: readonly Migration[]): Promise<void> {
  const version = await readVersion(database, migrations)
  if (version < migrations.length) throw new FlowConfigurationError('FST_OAUTH_OLD_TABLES')
}

async function readVersion (database: SqlDatabase, migrations: readonly Migration[]): Promise<number> {
  const isThere = (await database.rows([database.dialect.hasTables])).length > 0
  return isThere ? judge(await database.rows(READ_VERSION), migrations) : 0
}

function judge (rows: readonly Row[], migrations: readonly Migration[]): number {
  const version = Number(rows[0]?.['version'] ?? 0)
  if (version > migrations.length) throw new FlowConfigurationError('FST_OAUTH_NEW_TABLES')
  return version
}

function * migrateSteps (dialect: Dialect, migrations: readonly Migration[]): Steps<Migrated> {
  if (dialect.lock !== undefined) yield [dialect.lock]
  // Does not use IF NOT EXISTS: with a search_path, existing tables may be in another schema than the one for new tables, where
  // they would be created again, empty.
  if ((yield [dialect.hasTables]).length === 0) yield ['CREATE TABLE oauth_schema (version INTEGER NOT NULL)']
  // Another process may have completed the migration while this one waited for the lock.
  const from = judge(yield READ_VERSION, migrations)
  for (const migration of migrations.slice(from)) {
    for (const text of migration(dialect)) yield [text]
  }
  yield ['DELETE FROM oauth_schema']
  yield ['INSERT INTO oauth_schema (version) VALUES (?)', migrations.length]
  return { from, to: migrations.length }
}
