// What the server of the soak keeps its things in: SQLite, or PostgreSQL and Redis where SOAK_POSTGRES and SOAK_REDIS are their URLs.
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import Database from 'libsql'
import pg from 'pg'

const { postgresStore } = await import(new URL('../../dist/src/stores/postgres.js', import.meta.url))
const { redisStore } = await import(new URL('../../dist/src/stores/redis.js', import.meta.url))
const { sqliteStore } = await import(new URL('../../dist/src/stores/sqlite.js', import.meta.url))

const TABLES = ['clients', 'secret_uses', 'client_changes', 'revocations', 'tokens', 'reservations']

/** `lasting` for clients, keys and opaque tokens, `shared` for all else, and how much there is in them. `failures` undefined for memory. */
export function openStores ({ SOAK_POSTGRES, SOAK_REDIS } = process.env) {
  return SOAK_POSTGRES === undefined ? openSqlite() : openServers(SOAK_POSTGRES, SOAK_REDIS)
}

function openSqlite () {
  const folder = mkdtempSync(join(tmpdir(), 'soak-'))
  const file = join(folder, 'soak.db')
  const handle = new Database(file)
  const store = sqliteStore(handle)
  return {
    lasting: store,
    shared: store,
    failures: undefined,
    async sizes () {
      const rows = TABLES.map((name) => [name, handle.prepare(`SELECT count(*) AS count FROM oauth_${name}`).get().count])
      return Object.fromEntries([...rows, ['KB', kilobytes(file)], ['WAL KB', kilobytes(`${file}-wal`)]])
    },
    close: () => rmSync(folder, { recursive: true, force: true })
  }
}

function openServers (postgres, url) {
  const pool = new pg.Pool({ connectionString: postgres, max: 4 })
  pool.on('error', () => {})
  const redis = new Redis(url)
  redis.on('error', () => {})
  const shared = redisStore(redis)
  return {
    lasting: postgresStore(pool),
    shared,
    failures: shared,
    async sizes () {
      const { rows: [counts] } = await pool.query(`SELECT ${TABLES.map((name) => `(SELECT count(*) FROM oauth_${name}) AS ${name}`).join(', ')}`)
      const rows = Object.entries(counts).map(([name, count]) => [name, Number(count)])
      return Object.fromEntries([...rows, ['Redis keys', await redis.dbsize()], ['Redis KB', Math.round(Number((await redis.info('memory')).match(/used_memory:(\d+)/)[1]) / 1024)]])
    },
    close () {}
  }
}

function kilobytes (file) {
  return Math.round(statSync(file).size / 1024)
}
