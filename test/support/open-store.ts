import Database from 'libsql'
import pg from 'pg'
import { postgresStore } from '../../src/stores/postgres.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'

/** Opens a store by its URL: sqlite:FILE or postgres://... */
export function openStore (url: string) {
  if (url.startsWith('sqlite:')) return sqliteStore(new Database(url.slice('sqlite:'.length)))
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  pool.on('error', () => {})
  return postgresStore(pool)
}
