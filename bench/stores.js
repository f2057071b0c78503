// Opens the stores of the scale run by their URL: sqlite:FILE or postgres://..., and redis://...
import { Redis } from 'ioredis'
import Database from 'libsql'
import pg from 'pg'

const { postgresStore } = await import(new URL('../dist/src/stores/postgres.js', import.meta.url))
const { redisStore } = await import(new URL('../dist/src/stores/redis.js', import.meta.url))
const { sqliteStore } = await import(new URL('../dist/src/stores/sqlite.js', import.meta.url))

export async function openStore (url) {
  const store = url.startsWith('sqlite:')
    ? sqliteStore(new Database(url.slice('sqlite:'.length)))
    : postgresStore(poolOf(url))
  await store.migrate()
  return store
}

export function openRedis (url) {
  return redisStore(new Redis(url))
}

function poolOf (connectionString) {
  const pool = new pg.Pool({ connectionString, max: 4 })
  // Connections that nobody uses end with the server.
  pool.on('error', () => {})
  return pool
}
