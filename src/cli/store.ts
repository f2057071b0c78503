import { closeSync, existsSync, openSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { postgresStore } from '../store/postgres.ts'
import { sqliteStore } from '../store/sqlite.ts'
import type { CommandStore } from './command.ts'
import { loadDriver } from './driver.ts'
import { CommandError, messageOf, UsageError } from './failure.ts'

/** A store with the connection that is the command's own. */
export interface OpenStore {
  store: CommandStore
  close (): Promise<void>
}

type SqliteHandle = Parameters<typeof sqliteStore>[0] & { close (): void }
type SqliteClass = new (path: string) => SqliteHandle
type PostgresPool = Parameters<typeof postgresStore>[0] & { end (): Promise<void>, on (event: 'error', listener: () => void): unknown }
interface Postgres { Pool: new (options: object) => PostgresPool }

// Milliseconds until a server that does not answer is away.
const CONNECT_TIMEOUT = 10_000
// Milliseconds until a query has failed. A batch of clients takes a fraction of that.
const QUERY_TIMEOUT = 60_000

/**
 * Opens a store. Tables that are there are changed by the one command that says so, and never in passing.
 *
 * @param location `sqlite:` and a path, or a `postgres:` URL
 * @param options.mayCreate makes a SQLite file that is not there, and its tables. Default false
 * @throws UsageError for another location, CommandError for a file or a driver that is not there
 */
export function openStore (location: string | undefined, { mayCreate = false }: { mayCreate?: boolean } = {}): OpenStore {
  if (location === undefined || location === '') throw new UsageError('Which store? Name it by --store or OAUTH_STORE: sqlite:./auth.db or postgres://user@host/database')
  if (/^postgres(?:ql)?:\/\//.test(location)) return openPostgres(location)
  if (/^sqlite:./.test(location)) return openSqlite(location, mayCreate)
  throw new UsageError('A store is sqlite:./auth.db or postgres://user@host/database, and nothing else')
}

function openSqlite (location: string, mayCreate: boolean): OpenStore {
  // What would be a host in a URL would be a folder of the root in a path.
  if (/^sqlite:\/\/[^/]/.test(location)) throw new UsageError('Behind sqlite:// stands a whole path: sqlite:///var/lib/auth.db. For one from here: sqlite:./auth.db')
  const path = location.startsWith('sqlite:///') ? fileURLToPath(location.replace('sqlite:', 'file:')) : resolve(location.slice('sqlite:'.length))
  const isThere = existsSync(path)
  if (!isThere && !mayCreate) throw new CommandError(`There is no file ${path}. Make it: migrate`)
  const driver = loadDriver<SqliteClass & { DatabaseSync?: SqliteClass }>(['node:sqlite', 'libsql', 'better-sqlite3'], 'npm install libsql')
  // node:sqlite has a class by that name, the others are one.
  const { DatabaseSync: Database = driver } = driver
  const database = open(path, () => {
    // It will hold private keys. Its journals get the same mode.
    if (!isThere) closeSync(openSync(path, 'a', 0o600))
    return new Database(path)
  })
  return { store: sqliteStore(database, { migrate: !isThere }), close: async () => { database.close() } }
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
  // Of a connection that breaks while nobody uses it, the next query tells.
  pool.on('error', () => {})
  return { store: postgresStore(pool, { migrate: false }), close: async () => { await pool.end() } }
}
