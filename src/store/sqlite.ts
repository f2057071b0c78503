import { FlowConfigurationError } from '../configuration-error.ts'
import { SqliteDatabase } from './sql/sqlite-database.ts'
import type { SqliteHandle } from './sql/sqlite-database.ts'
import { SqlStore } from './sql/sql-store.ts'
import type { SqlStoreOptions } from './sql/sql-store.ts'

export type { SqliteHandle, SqliteStatement } from './sql/sqlite-database.ts'
export type { SqlStore, SqlStoreOptions } from './sql/sql-store.ts'
export type { Migrated } from './sql/schema.ts'

/**
 * Keeps clients, keys, revocations, opaque tokens and what may be used once in a SQLite file: for the processes of one
 * machine. Tables begin with `oauth_`.
 *
 * What was acknowledged outlives a process that is killed. Clients, keys and revocations outlive a power cut too; of tokens
 * and reservations the last ones may be lost with it.
 *
 * Every call runs at once, on the thread that calls: microseconds, except that what changes clients, keys and revocations
 * waits for the disk, and for up to five seconds while another process writes. Then, and on every error of the driver, it
 * rejects with StoreUnavailableError.
 *
 * @param handle a handle of node:sqlite (from Node 22.13), better-sqlite3 or libsql, of a file on a local disk, or of
 *   ":memory:". It is the store's own: its journal mode becomes WAL, its busy_timeout and synchronous are set, and
 *   transactions run on it. Close it yourself, last.
 * @throws FlowConfigurationError for what is no such handle
 */
export function sqliteStore (handle: SqliteHandle, options: SqlStoreOptions = {}): SqlStore {
  if (typeof handle?.exec !== 'function' || typeof handle.prepare !== 'function') throw new FlowConfigurationError('FST_OAUTH_INVALID_DATABASE')
  return new SqlStore(new SqliteDatabase(handle), options)
}
