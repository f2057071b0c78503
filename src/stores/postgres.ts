import { checkArgument, checkOptions, codedError, flag, hasMethods, required } from '../options/check-options.ts'
import type { OptionsDescription, Rule } from '../options/check-options.ts'
import { PostgresDatabase } from './sql/postgres-database.ts'
import type { PostgresPool } from './sql/postgres-database.ts'
import { SQL_STORE_RULES, SqlStore } from './sql/sql-store.ts'
import type { SqlStoreOptions } from './sql/sql-store.ts'

export type { PostgresClient, PostgresPool, PostgresQuery } from './sql/postgres-database.ts'
export type { SqlStore, SqlStoreOptions } from './sql/sql-store.ts'
export type { Migrated } from './sql/schema.ts'

/** Options of {@link postgresStore}. */
export interface PostgresStoreOptions extends SqlStoreOptions {
  /**
   * Uses named prepared statements, once per connection, which halves their duration. Default false, since it fails behind a
   * pooler in transaction mode that does not support prepared statements, such as PgBouncer before 1.21 or without
   * `max_prepared_statements`.
   */
  prepare?: boolean
}

// Rejects a Client, which has the same methods: its queries would wait permanently, or run between the statements of a
// transaction.
const POOL: Rule<PostgresPool> = {
  accepts: (value) => hasMethods(value, ['connect']) && typeof (value as PostgresPool).totalCount === 'number',
  demand: 'a Pool of pg',
  fix: 'Pass new pg.Pool(...)',
  error: codedError('FST_OAUTH_INVALID_DATABASE')
}

const POSTGRES_STORE: OptionsDescription<PostgresStoreOptions> = { of: 'postgresStore', options: { ...SQL_STORE_RULES, prepare: flag() } }

/**
 * Keeps clients, keys, revocations, opaque tokens, reservations of one-time values, agreed settings and audit records in
 * PostgreSQL 13 or newer: for any number of processes. Tables begin with `oauth_`, in the first schema of the connection's
 * search_path.
 *
 * Every error of the driver rejects with StoreUnavailableError. How long that takes depends on the pool: pg waits
 * indefinitely unless `connectionTimeoutMillis` and `query_timeout` are set. Set both, to a few seconds each, and add a
 * listener for "error", without which an idle connection that breaks ends the process.
 *
 * Time is that of the database server. Reads from a standby reject too, since it may lack acknowledged writes. After a
 * failover, a recovery to a point in time, or the restore of a dump, one-time values whose reservation may have been lost are
 * rejected with StoreUnavailableError: those made until twice the clock tolerance after it was noticed.
 *
 * Works behind PgBouncer in transaction mode: no state is left on a connection, unless `prepare` is true.
 *
 * @param pool a Pool of pg. Close it yourself, last.
 * @throws FlowConfigurationError FST_OAUTH_INVALID_DATABASE, FST_OAUTH_INVALID_OPTION, FST_OAUTH_UNKNOWN_OPTION
 */
export function postgresStore (pool: PostgresPool, options: PostgresStoreOptions = {}): SqlStore {
  checkArgument(pool, required(POOL), 'postgresStore', 'pool')
  checkOptions(options, POSTGRES_STORE)
  const { prepare = false, ...others } = options
  return new SqlStore(new PostgresDatabase(pool, { prepare }), others)
}
