// One of several processes over the same two stores: does with their signing keys what it is told, and says what came of it.
import Database from 'libsql'
import pg from 'pg'
import { SigningKeys } from '../../src/index.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'

/** What such a process is told. */
export interface Order {
  store: 'sqlite' | 'postgres'
  method: 'current' | 'rotate' | 'refresh'
}

const { SQLITE_FILE = '', POSTGRES_URL = '', SEALING_KEYS = '' } = process.env
const pool = new pg.Pool({ connectionString: POSTGRES_URL, max: 1 })
const options = { algorithm: 'EdDSA', sealingKeys: SEALING_KEYS.split(' ') } as const
const keysOf = {
  sqlite: new SigningKeys(sqliteStore(new Database(SQLITE_FILE)), options),
  postgres: new SigningKeys(postgresStore(pool), options)
}

process.on('message', ({ store, method }: Order) => {
  Promise.resolve(keysOf[store][method]()).then(
    (key) => process.send?.({ kid: key?.kid }),
    (error: Error) => process.send?.({ error: String(error.stack), cause: String(error.cause) })
  )
})
process.once('disconnect', () => { pool.end().catch(() => {}) })
process.send?.('ready')
