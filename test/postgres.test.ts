// The store in a PostgreSQL, by the contract that all stores have, and what is special about it. Each test has a schema of its own.
import pg from 'pg'
import t, { test } from 'tap'
import type { Test } from 'tap'
import type { Clock } from '../src/clock.ts'
import { MigratedDatabase } from '../src/store/sql/migrated-database.ts'
import { PostgresDatabase } from '../src/store/sql/postgres-database.ts'
import { MIGRATIONS } from '../src/store/sql/schema.ts'
import type { Migration } from '../src/store/sql/schema.ts'
import { postgresStore } from '../src/store/postgres.ts'
import { startPostgres } from './support/postgres.ts'
import {
  CLIENT, CLIENT_REVOCATION, clientContract, idsOf, inTurns, KEY, keyContract, replayContract, revocationContract, START, TOKEN, TOKEN_REVOCATION,
  tokenContract
} from './support/store-contract.ts'
import { startTogether } from './support/store-processes.ts'

const server = await startPostgres(t)
let schemas = 0

/** The URL of an empty schema. */
async function emptySchema (settings = ''): Promise<string> {
  const name = `test_${++schemas}`
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await client.query(`CREATE SCHEMA ${name}`)
  await client.end()
  return `${server.url}?options=${encodeURIComponent(`-c search_path=${name} ${settings}`)}`
}

function poolOf (t: Test, connectionString: string, max = 5): pg.Pool {
  const pool = new pg.Pool({ connectionString, max })
  pool.on('error', () => {})
  t.teardown(() => pool.end())
  return pool
}

const countIn = async (pool: pg.Pool, table: string) => Number((await pool.query(`SELECT COUNT(*) FROM ${table}`)).rows[0].count)

const overOnePool = async (t: Test, now: Clock) => postgresStore(poolOf(t, await emptySchema()), { now })
const overThree = async (t: Test, now: Clock) => {
  const url = await emptySchema()
  return inTurns([1, 2, 3].map((max) => postgresStore(poolOf(t, url, max), { now, prepare: max > 1 })))
}

for (const [name, makeStore] of [['postgresStore', overOnePool], ['postgresStore of three processes', overThree]] as const) {
  keyContract(name, makeStore)
  revocationContract(name, makeStore)
  tokenContract(name, makeStore)
  clientContract(name, makeStore)
  replayContract(name, makeStore)
}

// What is one statement only, such as a reservation, has the isolation that the database gives it.
const serializable = async (t: Test, now: Clock) => postgresStore(poolOf(t, await emptySchema('-c default_transaction_isolation=serializable')), { now })
keyContract('postgresStore of a database that is serializable by default', serializable)
revocationContract('postgresStore of a database that is serializable by default', serializable)
clientContract('postgresStore of a database that is serializable by default', serializable)

test('processes that start on an empty PostgreSQL at once make its tables once', async (t) => {
  const url = await emptySchema()
  await startTogether(t, url, postgresStore(poolOf(t, url), { now: () => START }))
})

test('postgresStore brings its tables from version to version, once however many try', async (t) => {
  const pool = poolOf(t, await emptySchema())
  const first: Migration = ({ text }) => [`CREATE TABLE things (name ${text} PRIMARY KEY)`]
  const second: Migration = () => ["INSERT INTO things (name) VALUES ('one')"]
  const broken: Migration = () => ['DELETE FROM things', 'SELECT no_such_function()']
  const migrate = async (migrations: Migration[]) => await new MigratedDatabase(new PostgresDatabase(pool, { prepare: false }), { migrations, mayMigrate: true }).migrate()
  t.strictSame(await migrate([first]), { from: 0, to: 1 })
  const answers = await Promise.all(Array.from({ length: 10 }, () => migrate([first, second])))
  t.strictSame(answers.map(({ from }) => from).sort(), [1, ...Array.from({ length: 9 }, () => 2)])
  await t.rejects(migrate([first, second, broken]), { name: 'StoreUnavailableError', cause: /no_such_function/ })
  t.equal(await countIn(pool, 'things'), 1, 'what fails changes nothing')
})

test('postgresStore goes on with tables that its search_path finds elsewhere than where it would make them', async (t) => {
  const pool = poolOf(t, await emptySchema())
  const first: Migration = ({ text }) => [`CREATE TABLE things (name ${text} PRIMARY KEY)`, "INSERT INTO things VALUES ('mine')"]
  const second: Migration = () => ['ALTER TABLE things ADD COLUMN size BIGINT']
  const versioned = (pool: pg.Pool, migrations: Migration[]) => new MigratedDatabase(new PostgresDatabase(pool, { prepare: false }), { migrations, mayMigrate: true })
  await versioned(pool, [first]).migrate()
  const old = `test_${schemas}`
  const later = poolOf(t, (await emptySchema()).replace(/test_\d+/, `$&,${old}`))
  t.strictSame(await versioned(later, [first, second]).migrate(), { from: 1, to: 2 })
  t.strictSame((await later.query('SELECT schemaname FROM pg_tables WHERE tablename = $1 AND schemaname = ANY(current_schemas(false))', ['things'])).rows, [{ schemaname: old }])
  t.strictSame((await later.query('SELECT * FROM things')).rows, [{ name: 'mine', size: null }])
})

test('postgresStore refuses what is no pool: a Client would wait for ever', (t) => {
  for (const pool of [undefined, null, server.url, {}, new pg.Client(server.url)]) {
    t.throws(() => postgresStore(pool as any), { name: 'FlowConfigurationError', code: 'FST_OAUTH_INVALID_DATABASE' })
  }
  t.end()
})

test('postgresStore notes no use of a client that is removed meanwhile', async (t) => {
  const pool = poolOf(t, await emptySchema())
  const store = postgresStore(pool, { now: () => START })
  await store.addClients([CLIENT])
  const other = await pool.connect()
  await other.query("BEGIN; DELETE FROM oauth_clients WHERE id = 'reader'")
  const saving = store.saveSecretUses([{ clientId: 'reader', secretId: 'first', usedAt: START }])
  const isWaiting = async () => (await pool.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")).rows.length > 0
  const seenWaiting = async () => { while (!await isWaiting()); }
  await Promise.race([saving, seenWaiting()])
  await other.query('COMMIT')
  other.release()
  await saving
  t.equal(await countIn(pool, 'oauth_secret_uses'), 0)
})

test('postgresStore needs no right to make tables where there is nothing to do', async (t) => {
  const url = await emptySchema()
  const owner = poolOf(t, url)
  const refusal = { name: 'FlowConfigurationError', code: 'FST_OAUTH_OLD_TABLES' }
  await t.rejects(postgresStore(owner, { migrate: false }).readKeys(), refusal)
  t.strictSame(await postgresStore(owner).migrate(), { from: 0, to: MIGRATIONS.length })
  await owner.query(`CREATE ROLE app LOGIN; GRANT USAGE ON SCHEMA test_${schemas} TO app; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA test_${schemas} TO app`)
  const app = poolOf(t, url.replace('postgres@', 'app@'))
  for (const migrate of [true, false]) t.equal((await postgresStore(app, { migrate }).readKeys()).version, 0)
  t.strictSame(await postgresStore(app).addClients([CLIENT]), ['reader'])
  await owner.query('UPDATE oauth_schema SET version = version + 1')
  await t.rejects(postgresStore(app).readKeys(), { name: 'FlowConfigurationError', code: 'FST_OAUTH_NEW_TABLES' })
})

test('postgresStore leaves prepared statements on a connection only when it is told to', async (t) => {
  const pool = poolOf(t, await emptySchema(), 1)
  const prepared = async () => (await pool.query('SELECT name FROM pg_prepared_statements')).rows.length
  const use = async (prepare?: boolean) => await postgresStore(pool, prepare === undefined ? {} : { prepare }).findClients(['reader'])
  await use()
  await use(false)
  t.equal(await prepared(), 0)
  await use(true)
  const count = await prepared()
  t.ok(count > 0)
  await use(true)
  t.equal(await prepared(), count, 'another store on the same connection shares them')
})

test('postgresStore lists nothing that is published before what came before it is there', async (t) => {
  const pool = poolOf(t, await emptySchema())
  const store = postgresStore(pool, { now: () => START })
  const { cursor } = await store.listRevocations(undefined)
  // A process that is slow between getting its position and its commit.
  const slow = await pool.connect()
  await slow.query("BEGIN; UPDATE oauth_feeds SET position = position + 1 WHERE name = 'revocations'")
  const fast = store.addRevocation({ ...TOKEN_REVOCATION, id: 'fast' })
  const isWaiting = 'SELECT 1 FROM pg_stat_activity WHERE wait_event_type = $1 AND query LIKE $2'
  while ((await pool.query(isWaiting, ['Lock', 'UPDATE oauth_feeds%'])).rows.length === 0);
  const early = await store.listRevocations(cursor)
  t.strictSame(early, { revocations: [], cursor })
  await slow.query(`INSERT INTO oauth_revocations VALUES (1, 'token', 'slow', NULL, ${START + 100})`)
  await slow.query('COMMIT')
  slow.release()
  await fast
  t.strictSame(idsOf(await store.listRevocations(early.cursor)), ['slow', 'fast'])
})

test('a connection that ends within a transaction of postgresStore undoes it, and is not used again', async (t) => {
  const pool = poolOf(t, await emptySchema(), 3)
  const store = postgresStore(pool, { now: () => START })
  await store.addClients([CLIENT])
  const other = await pool.connect()
  await other.query("BEGIN; UPDATE oauth_feeds SET position = position WHERE name = 'clients'")
  const replacing = store.replaceClient(CLIENT)
  replacing.catch(() => {})
  const end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
  while ((await pool.query(end)).rows.length === 0);
  await t.rejects(replacing, { name: 'StoreUnavailableError', cause: { code: '57P01' } })
  await other.query('COMMIT')
  other.release()
  t.strictSame(await store.findClients(['reader']), [CLIENT])
  t.equal(await store.replaceClient(CLIENT), true)
})

test('a connection that breaks without a word within a transaction of postgresStore does not end the process', async (t) => {
  const pool = poolOf(t, await emptySchema(), 3)
  const store = postgresStore(pool, { now: () => START })
  await store.addClients([CLIENT])
  const other = await pool.connect()
  other.on('error', () => {})
  await other.query("BEGIN; UPDATE oauth_feeds SET position = position WHERE name = 'clients'")
  const replacing = store.replaceClient(CLIENT)
  replacing.catch(() => {})
  const waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
  let pid: number | undefined
  while (pid === undefined) pid = (await pool.query(waiting)).rows[0]?.pid
  // The server ends all others too, and starts anew. Until it does, it may not have noticed, and take connections still.
  const ended = new Promise<void>((resolve) => { other.on('end', () => { resolve() }) })
  process.kill(pid, 'SIGKILL')
  await t.rejects(replacing, { name: 'StoreUnavailableError' })
  await ended
  other.release(true)
  const found = async () => await store.findClients(['reader']).catch(() => undefined)
  while (await found() === undefined);
  t.strictSame(await found(), [CLIENT])
  t.equal(await store.replaceClient(CLIENT), true)
})

test('postgresStore is unavailable while the server is away, and works again after', async (t) => {
  const pool = poolOf(t, await emptySchema())
  const store = postgresStore(pool, { now: () => START })
  await store.addClients([CLIENT])
  const unused = postgresStore(pool, { now: () => START })
  await server.stop()
  const unavailable = { name: 'StoreUnavailableError' }
  await t.rejects(store.findClients(['reader']), unavailable)
  await t.rejects(store.replaceClient(CLIENT), unavailable)
  await t.rejects(store.addClients([CLIENT]), unavailable)
  await t.rejects(unused.reserve('key', START + 1), unavailable)
  await server.start()
  t.strictSame(await store.findClients(['reader']), [CLIENT])
  t.equal(await store.replaceClient(CLIENT), true)
  t.equal(await unused.reserve('key', START + 1), true)
})

test('postgresStore drops what has expired, but not what somebody has in hand', async (t) => {
  let time = START
  const pool = poolOf(t, await emptySchema())
  const store = postgresStore(pool, { now: () => time })
  for (let index = 0; index < 3; index++) await store.saveToken(`hash-${index}`, TOKEN)
  await store.addRevocation(TOKEN_REVOCATION)
  await store.addRevocation(CLIENT_REVOCATION)
  await store.replaceKeys({ version: 0, keys: [KEY] })
  time = START + 160
  const other = await pool.connect()
  await other.query("BEGIN; UPDATE oauth_tokens SET body = body WHERE hash = 'hash-1'")
  await store.saveToken('lasting', { ...TOKEN, expiresAt: START + 1000 })
  await other.query('COMMIT')
  other.release()
  t.strictSame((await pool.query('SELECT hash FROM oauth_tokens ORDER BY hash')).rows, [{ hash: 'hash-1' }, { hash: 'lasting' }])
  await store.addRevocation({ ...TOKEN_REVOCATION, expiresAt: START + 1000 })
  t.equal(await countIn(pool, 'oauth_revocations'), 2)
})
