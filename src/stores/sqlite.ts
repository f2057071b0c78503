import { checkArgument, checkOptions, codedError, required, withError, withMethods } from '../options/check-options.ts'
import type { OptionsDescription, Rule } from '../options/check-options.ts'
import { SQL_STORE_RULES, SqlStore } from './sql/sql-store.ts'
import type { SqlStoreOptions } from './sql/sql-store.ts'
import { SqliteDatabase } from './sql/sqlite-database.ts'
import type { SqliteHandle } from './sql/sqlite-database.ts'

export type { SqliteHandle, SqliteStatement } from './sql/sqlite-database.ts'
export type { SqlStore, SqlStoreOptions } from './sql/sql-store.ts'
export type { Migrated } from './sql/schema.ts'

const HANDLE: Rule<SqliteHandle> = withError(
  withMethods<SqliteHandle>('an open handle', 'exec', 'prepare'), codedError('FST_OAUTH_INVALID_DATABASE'), 'Pass new DatabaseSync(file) or new Database(file)'
)

const SQLITE_STORE: OptionsDescription<SqlStoreOptions> = { of: 'sqliteStore', options: SQL_STORE_RULES }

/**
 * Keeps clients, keys, revocations, opaque tokens, reservations of one-time values, agreed settings and audit records in a
 * SQLite file: for the processes of one machine. Tables begin with `oauth_`.
 *
 * Acknowledged writes survive the kill of a process. Clients, keys, revocations, settings and audit records survive a power
 * cut too; of tokens and reservations the last ones may be lost with it.
 *
 * Every call runs synchronously, on the calling thread. It takes microseconds, except that changes of clients, keys,
 * revocations and settings wait for the disk, and for up to five seconds while another process writes. Then, and on every
 * error of the driver, the call rejects with StoreUnavailableError.
 *
 * Time is that of the machine. A wall clock that is set ahead while a process runs makes nothing expire in that process.
 *
 * @param handle a handle of node:sqlite (from Node 22.13), better-sqlite3 or libsql, of a file on a local disk, or of
 *   ":memory:". It is the store's own: its journal mode becomes WAL, its busy_timeout and synchronous are set, and
 *   transactions run on it. Close it yourself, last.
 * @throws FlowConfigurationError FST_OAUTH_INVALID_DATABASE, FST_OAUTH_INVALID_OPTION, FST_OAUTH_UNKNOWN_OPTION
 */
export function sqliteStore (handle: SqliteHandle, options: SqlStoreOptions = {}): SqlStore {
  checkArgument(handle, required(HANDLE), 'sqliteStore', 'handle')
  checkOptions(options, SQLITE_STORE)
  return new SqlStore(new SqliteDatabase(handle), options)
}
