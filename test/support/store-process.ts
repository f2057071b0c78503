// One of several processes over the same store: does what it is told, and says what came of it.
import Database from 'libsql'
import pg from 'pg'
import { postgresStore } from '../../src/stores/postgres.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { CLIENT, TOKEN_REVOCATION } from './store-contract.ts'

/** What such a process is told. */
export type StoreOrder =
  /** Makes the tables by using them: revokes tokens with these ids. */
  | { revoke: readonly string[] }
  /** Adds clients until it is killed, and says of each that it was added. */
  | { addClientsFrom: number }

const { STORE = '' } = process.env
const store = STORE.startsWith('postgres:')
  ? postgresStore(new pg.Pool({ connectionString: STORE, max: 2 }))
  : sqliteStore(new Database(STORE))

process.on('message', (order: StoreOrder) => {
  ('revoke' in order ? revoke(order.revoke) : addClients(order.addClientsFrom)).then(
    () => process.send?.('done'),
    (error: Error) => process.send?.(`${error.stack} ${String(error.cause)}`)
  )
})
process.once('disconnect', () => process.exit())
process.send?.('ready')

async function revoke (ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => store.addRevocation({ ...TOKEN_REVOCATION, id })))
}

async function addClients (first: number): Promise<void> {
  for (let index = first; ; index++) {
    await store.addClients([{ ...CLIENT, id: `client-${index}` }])
    process.send?.(index)
  }
}
