import { closeSync, existsSync, openSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { postgresStore } from '../stores/postgres.ts'
import { sqliteStore } from '../stores/sqlite.ts'
import type { CommandStore } from './command.ts'
import { CommandError, messageOf, UsageError } from './errors.ts'
import { loadDriver } from './load-driver.ts'

/** A store with a connection of its own. */
export interface OpenStore<S = CommandStore> {
  store: S
  close (): Promise<void>
}

type SqliteHandle = Parameters<typeof sqliteStore>[0] & { close (): void }
type SqliteClass = new (path: string) => SqliteHandle
type PostgresPool = Parameters<typeof postgresStore>[0] & { end (): Promise<void>, on (event: 'error', listener: () => void): unknown }
interface Postgres { Pool: new (options: object) => PostgresPool }

// Milliseconds until a server that does not answer is unavailable.
const CONNECT_TIMEOUT = 10_000
// Milliseconds until a query times out. A batch of clients takes a fraction of that.
const QUERY_TIMEOUT = 60_000

/** Returns whether {@link openStore} accepts a location. */
export function isSqlStore (location: string): boolean {
  return /^(?:postgres(?:ql)?:\/\/|sqlite:.)/.test(location)
}

/**
 * Opens a store. Only the command `migrate` migrates existing tables.
 *
 * @param location `sqlite:` and a path, or a `postgres:` URL
 * @param options.mayCreate creates a SQLite file that does not exist, and the tables in one that has none. Default false
 * @throws UsageError for another location, CommandError for a file or a driver that is missing
 */
export function openStore (location: string | undefined, { mayCreate = false }: { mayCreate?: boolean } = {}): OpenStore {
  if (location === undefined || location === '') throw new UsageError('The store is missing. Name it by --store or OAUTH_STORE: sqlite:./auth.db or postgres://user@host/database')
  if (!isSqlStore(location)) throw new UsageError('A store must be sqlite:./auth.db or postgres://user@host/database')
  return location.startsWith('sqlite:') ? openSqlite(location, mayCreate) : openPostgres(location)
}

function openSqlite (location: string, mayCreate: boolean): OpenStore {
  // Reject `sqlite://` without an absolute path: in a URL, the first part would be a host.
  if (/^sqlite:\/\/[^/]/.test(location)) throw new UsageError('sqlite:// must be followed by an absolute path: sqlite:///var/lib/auth.db. For a relative path: sqlite:./auth.db')
  const path = location.startsWith('sqlite:///') ? fileURLToPath(location.replace('sqlite:', 'file:')) : resolve(location.slice('sqlite:'.length))
  const exists = existsSync(path)
  if (!exists && !mayCreate) throw new CommandError(`There is no file ${path}. Create it: migrate`)
  const driver = loadDriver<SqliteClass & { DatabaseSync?: SqliteClass }>(['node:sqlite', 'libsql', 'better-sqlite3'], 'npm install libsql')
  // node:sqlite exports the class as DatabaseSync. The module of the others is the class.
  const { DatabaseSync: Database = driver } = driver
  const database = open(path, () => {
    // The file will contain private keys. Its journals get the same mode.
    if (!exists) closeSync(openSync(path, 'a', 0o600))
    return new Database(path)
  })
  // A file without tables counts as missing: it may be left over from a command that was killed.
  const isNew = mayCreate && open(path, () => isEmpty(database))
  return {
    store: sqliteStore(database, { migrate: isNew }),
    close: async () => {
      const isUnused = !exists && isEmpty(database)
      database.close()
      // Remove the new file and its journals if the command failed before it wrote anything.
      if (isUnused) for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
    }
  }
}

function isEmpty (database: SqliteHandle): boolean {
  return database.prepare('SELECT 1 FROM sqlite_master LIMIT 1').all().length === 0
}

function open<T> (path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new CommandError(`${path} cannot be opened`, { cause: messageOf(error) })
  }
}

function openPostgres (connectionString: string): OpenStore {
  const driver = loadDriver<Postgres>(['pg'], 'npm install pg')
  const pool = new driver.Pool({ connectionString, connectionTimeoutMillis: CONNECT_TIMEOUT, query_timeout: QUERY_TIMEOUT, application_name: 'fastify-client-credentials' })
  // Ignore errors of idle connections: the next query rejects.
  pool.on('error', () => {})
  return { store: postgresStore(pool, { migrate: false }), close: async () => { await pool.end() } }
}
