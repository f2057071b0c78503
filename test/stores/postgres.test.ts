// The store in a PostgreSQL, by the contract that all stores have, and what is special about it. Each test has a schema of its own.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import t, { test } from 'tap'
import type { Test } from 'tap'
import type { Clock } from '../../src/lib/clock.ts'
import { FEED_START } from '../../src/stores/contracts/index.ts'
import type { ClientEntry } from '../../src/stores/contracts/index.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { MigratedDatabase } from '../../src/stores/sql/migrated-database.ts'
import { PostgresDatabase } from '../../src/stores/sql/postgres-database.ts'
import { MIGRATIONS } from '../../src/stores/sql/schema.ts'
import type { Migration } from '../../src/stores/sql/schema.ts'
import { startPostgres } from '../support/postgres.ts'
import {
  added, AUDIT, changeContracts, CLIENT, CLIENT_REVOCATION, clientNamed, DAY, idsOf, inTurns, KEY, pageContracts, RESERVATION, START, TOKEN, TOKEN_REVOCATION,
  wholeContract
} from '../support/store-contract.ts'
import { startTogether } from '../support/store-processes.ts'
import { upgradeContract } from '../support/upgrade.ts'

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

const overThree = async (t: Test, now: Clock) => {
  const url = await emptySchema()
  return inTurns([1, 2, 3].map((max) => postgresStore(poolOf(t, url, max), { now, prepare: max > 1 })))
}
wholeContract('postgresStore of three processes', overThree)
pageContracts('postgresStore of three processes', overThree)

// A single statement, such as a reservation, has the isolation that the database gives it.
const serializable = async (t: Test, now: Clock) => postgresStore(poolOf(t, await emptySchema('-c default_transaction_isolation=serializable')), { now })
changeContracts('postgresStore of a database that is serializable by default', serializable)

upgradeContract('postgresStore', 'postgres', async (t) => {
  const pool = poolOf(t, await emptySchema())
  return {
    store: postgresStore(pool, { now: () => START }),
    run: async (sql) => {
      const result = await pool.query(sql)
      return result.rows ?? []
    }
  }
})

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
  t.strictSame((await postgresStore(app).addClients([CLIENT])).ids, ['reader'])
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

test('postgresStore lists no entry of a feed before those of lower positions are there', async (t) => {
  const pool = poolOf(t, await emptySchema())
  const store = postgresStore(pool, { now: () => START })
  const mark = await store.addRevocation({ ...TOKEN_REVOCATION, id: 'first' })
  // A process that is slow between getting its position and its commit.
  const slow = await pool.connect()
  await slow.query("BEGIN; UPDATE oauth_feeds SET position = position + 1 WHERE name = 'revocations'")
  const fast = store.addRevocation({ ...TOKEN_REVOCATION, id: 'fast' })
  const isWaiting = 'SELECT 1 FROM pg_stat_activity WHERE wait_event_type = $1 AND query LIKE $2'
  while ((await pool.query(isWaiting, ['Lock', 'UPDATE oauth_feeds%'])).rows.length === 0);
  t.strictSame((await store.listRevocations(mark)).entries, [])
  await slow.query(`INSERT INTO oauth_revocations VALUES (2, 'token', 'slow', NULL, ${START + 100})`)
  await slow.query('COMMIT')
  slow.release()
  await fast
  t.strictSame(idsOf(await store.listRevocations(mark)), ['slow', 'fast'])
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
  t.strictSame(await store.findClients(['reader']), [added(CLIENT)])
  t.ok(await store.replaceClient(CLIENT))
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
  t.strictSame(await found(), [added(CLIENT)])
  t.ok(await store.replaceClient(CLIENT))
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
  await t.rejects(unused.reserve('key', RESERVATION), unavailable)
  await server.start()
  t.strictSame(await store.findClients(['reader']), [added(CLIENT)])
  t.ok(await store.replaceClient(CLIENT))
  t.equal(await unused.reserve('key', RESERVATION), true)
})

test('postgresStore deletes what has expired, but not what another transaction has locked', async (t) => {
  let elapsed = 0
  t.intercept(performance, 'now', { value: () => elapsed * 1000 })
  const pool = poolOf(t, await emptySchema())
  const store = postgresStore(pool, { now: () => START + elapsed })
  for (let index = 0; index < 3; index++) await store.saveToken(`hash-${index}`, TOKEN)
  await store.addRevocation(TOKEN_REVOCATION)
  await store.addRevocation(CLIENT_REVOCATION)
  await store.replaceKeys({ version: 0, keys: [KEY] })
  elapsed = 1000
  const other = await pool.connect()
  await other.query("BEGIN; UPDATE oauth_tokens SET body = body WHERE hash = 'hash-1'")
  await store.saveToken('lasting', { ...TOKEN, expiresAt: START + 2000 })
  await other.query('COMMIT')
  other.release()
  t.strictSame((await pool.query('SELECT hash FROM oauth_tokens ORDER BY hash')).rows, [{ hash: 'hash-1' }, { hash: 'lasting' }])
  await store.addRevocation({ ...TOKEN_REVOCATION, expiresAt: START + 2000 })
  t.equal(await countIn(pool, 'oauth_revocations'), 2)
})

test('postgresStore counts time by the clock of the server, whatever that of the process says', async (t) => {
  const pool = poolOf(t, await emptySchema())
  const wrongBy = { milliseconds: 0 }
  const machine = Date.now
  t.intercept(Date, 'now', { value: () => machine() + wrongBy.milliseconds })
  const serverTime = async () => Number((await pool.query('SELECT EXTRACT(EPOCH FROM clock_timestamp()) AS time')).rows[0].time)
  for (const error of [-DAY, DAY]) {
    wrongBy.milliseconds = error * 1000
    const store = postgresStore(pool)
    const before = await serverTime()
    const { clock } = await store.listEntries()
    await store.addClients([{ ...clientNamed('removed'), generation: 0 }])
    const [{ generation, expiresAt }] = await store.removeClient('removed') as unknown as [ClientEntry]
    t.equal(await store.reserve(`key ${error}`, RESERVATION), true)
    const after = await serverTime()
    t.ok(clock >= Math.floor(before * 1000) && clock <= after * 1000)
    t.ok(generation >= Math.floor(before * 1000) && generation <= after * 1000 + 2)
    t.ok(expiresAt >= before + 400 * DAY && expiresAt <= Math.ceil(after) + 400 * DAY)
    const [reservation] = (await pool.query('SELECT MAX(expires_at) AS expires_at FROM oauth_reservations')).rows
    t.ok(Number(reservation.expires_at) >= before + 20 && Number(reservation.expires_at) <= Math.ceil(after) + 20)
  }
})

test('postgresStore deletes what has expired by the clocks of the server and of the process, not by one of them', async (t) => {
  const pool = poolOf(t, await emptySchema())
  const wrongBy = { seconds: 0 }
  const machine = Date.now
  t.intercept(Date, 'now', { value: () => machine() + wrongBy.seconds * 1000 })
  const time = Math.floor(machine() / 1000)
  const countAfter = async (seconds: number, expiresAt: number) => {
    wrongBy.seconds = seconds
    await pool.query('TRUNCATE oauth_tokens')
    const store = postgresStore(pool)
    await pool.query("INSERT INTO oauth_tokens VALUES ('old', $1, '{}')", [expiresAt])
    await store.saveToken('new', { ...TOKEN, expiresAt: time + DAY })
    return await countIn(pool, 'oauth_tokens')
  }
  await postgresStore(pool).migrate()
  t.equal(await countAfter(DAY, time - 300), 2, 'expired by the clock of the process')
  t.equal(await countAfter(-DAY, time - 1000), 2, 'expired by the clock of the server')
  t.equal(await countAfter(0, time - 500), 2, 'expired less than twice the clock tolerance ago')
  t.equal(await countAfter(0, time - 1000), 1)
})

test('postgresStore brings the tables up to date while transactions of release 0.1.0 are open', async (t) => {
  const pool = poolOf(t, await emptySchema())
  await new MigratedDatabase(new PostgresDatabase(pool, { prepare: false }), { migrations: MIGRATIONS.slice(0, 1), mayMigrate: true }).migrate()
  await pool.query("INSERT INTO oauth_clients VALUES ('reader', 1, 0, '{}')")
  const [replacing, revoking] = [await pool.connect(), await pool.connect()]
  await replacing.query("BEGIN; UPDATE oauth_clients SET version = 2, has_imported = 0, body = '{}' WHERE id = 'reader' AND version = 1")
  await revoking.query("BEGIN; UPDATE oauth_feeds SET position = position + 1 WHERE name = 'revocations'")
  const migrating = postgresStore(pool).migrate()
  while ((await pool.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE%'")).rows.length === 0);
  await replacing.query("SELECT secret_id FROM oauth_secret_uses WHERE client_id = 'reader'")
  await replacing.query("UPDATE oauth_feeds SET position = position + 1 WHERE name = 'clients'")
  await replacing.query("INSERT INTO oauth_client_changes (position, client_id, expires_at) VALUES (1, 'reader', 1)")
  const inserting = revoking.query("INSERT INTO oauth_revocations (position, kind, id, issued_before, expires_at) VALUES (1, 'token', 'jti', NULL, 1)")
  await replacing.query('COMMIT')
  await inserting
  await revoking.query('COMMIT')
  t.strictSame(await migrating, { from: 1, to: 2 })
  for (const client of [replacing, revoking]) client.release()
  t.strictSame(idsOf(await postgresStore(pool).listRevocations()), ['jti'])
  t.strictSame((await postgresStore(pool).listClientChanges(FEED_START)).ids, ['reader'])
})

test('postgresStore notices that entries were lost, however many were written since', async (t) => {
  const pool = poolOf(t, await emptySchema())
  const store = postgresStore(pool, { now: () => START })
  const add = async (id: string) => await store.addRevocation({ ...TOKEN_REVOCATION, id })
  const kept = await add('kept')
  const lost = await add('lost')
  const { storeId } = await store.listRevocations()
  // What a standby lacks that is promoted.
  await pool.query("DELETE FROM oauth_revocations WHERE id = 'lost'; UPDATE oauth_feeds SET position = position - 1 WHERE name = 'revocations'")
  t.equal((await store.listRevocations(lost)).isContinued, false)
  const next = await add('next')
  t.equal(next.position, lost.position)
  await add('last')
  t.strictSame(await store.listRevocations(lost), { storeId, clock: START * 1000, isContinued: false, entries: [], hasMore: false })
  t.strictSame(idsOf(await store.listRevocations(kept)), ['next', 'last'])
})

test('postgresStore reserves a value in one round trip', async (t) => {
  const { store, queries } = watchedStore(poolOf(t, await emptySchema(), 1))
  await store.reserve('first', RESERVATION)
  queries.length = 0
  t.equal(await store.reserve('key', RESERVATION), true)
  t.equal(await store.reserve('key', RESERVATION), false)
  t.equal(queries.length, 2)
})

test('postgresStore looks entries up in one statement for all clients that are added', async (t) => {
  const pool = poolOf(t, await emptySchema(), 1)
  const store = postgresStore(pool, { now: () => START })
  await store.migrate()
  const count = async (clients: Array<typeof CLIENT>) => {
    let statements = 0
    const connection = await pool.connect()
    const { query } = connection
    connection.query = function (this: pg.PoolClient, ...args: any[]) { statements++; return (query as any).apply(this, args) } as any
    connection.release()
    t.equal((await store.addClients(clients)).ids.length, clients.length)
    connection.query = query
    return statements
  }
  const many = (prefix: string) => Array.from({ length: 500 }, (_, index) => clientNamed(`${prefix}-${index}`))
  await store.addClients([clientNamed('first')])
  t.equal(await count(many('new')), await count([clientNamed('one')]))
  t.equal(await count(many('raised').map((client) => ({ ...client, generation: 1 }))), await count([{ ...clientNamed('two'), generation: 1 }]))
})

test('postgresStore rejects values that it may have lost the reservation of, and works where the server tells no timeline', async (t) => {
  const pool = poolOf(t, await emptySchema())
  let time = START
  const store = postgresStore(pool, { now: () => time })
  const unavailable = { name: 'StoreUnavailableError', cause: /reservation/ }
  t.equal(await store.reserve('first ever', { ...RESERVATION, issuedAt: START - 9999 }), true)
  const lose = async () => {
    time += 1000
    await pool.query("UPDATE oauth_sentinel SET timeline = '0000000F'; DELETE FROM oauth_reservations")
  }
  await lose()
  const lostAt = time
  // By iat: at most the time when the loss was noticed, and twice the clock tolerance.
  for (const issuedAt of [START, lostAt - 1, lostAt, lostAt + 10, lostAt + 10.5]) await t.rejects(store.reserve(`iat ${issuedAt}`, { ...RESERVATION, issuedAt }), unavailable)
  t.equal(await store.reserve('iat', { ...RESERVATION, issuedAt: lostAt + 11 }), true)
  t.equal(await store.reserve('iat', { ...RESERVATION, issuedAt: lostAt + 11 }), false)
  // By the expiry: within one window of that.
  const without = (expiresAt: number) => store.reserve(`exp ${expiresAt}`, { ...RESERVATION, issuedAt: undefined, expiresAt })
  for (const expiresAt of [START, lostAt + 10, lostAt + 20, lostAt + 20.5]) await t.rejects(without(expiresAt), unavailable)
  t.equal(await without(lostAt + 21), true)
  time += 500
  await t.rejects(store.reserve('iat', { ...RESERVATION, issuedAt: lostAt }), unavailable, 'it counts when the loss was noticed, not how long ago')
  t.equal(await store.reserve('new', { ...RESERVATION, issuedAt: time }), true)

  // A dump that was restored has other tables.
  await pool.query('CREATE TABLE copied AS SELECT * FROM oauth_sentinel; DROP TABLE oauth_sentinel; ALTER TABLE copied RENAME TO oauth_sentinel')
  time += 1000
  await t.rejects(store.reserve('old', { ...RESERVATION, issuedAt: time - 1 }), unavailable)
  t.equal(await store.reserve('newer', { ...RESERVATION, issuedAt: time + 11 }), true)
})

test('postgresStore reserves values where the server shows its timeline to no role', async (t) => {
  const other = await startPostgres(t)
  const owner = poolOf(t, other.url)
  await postgresStore(owner).migrate()
  await owner.query('REVOKE EXECUTE ON FUNCTION pg_current_wal_lsn() FROM PUBLIC; CREATE ROLE app LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app')
  const store = postgresStore(poolOf(t, other.url.replace('postgres@', 'app@')))
  for (const isFirst of [true, false]) t.equal(await store.reserve('key', RESERVATION), isFirst)
  // Beside a process that is shown it.
  const value = { ...RESERVATION, issuedAt: Math.floor(Date.now() / 1000) }
  for (const key of ['a', 'b']) for (const one of [postgresStore(owner), store]) await one.reserve(key, value)
  t.equal(await store.reserve('new', value), true)
  await owner.query('CREATE TABLE copied AS SELECT * FROM oauth_sentinel; DROP TABLE oauth_sentinel; ALTER TABLE copied RENAME TO oauth_sentinel; GRANT ALL ON oauth_sentinel TO app')
  await t.rejects(store.reserve('other', value), { name: 'StoreUnavailableError', cause: /reservation/ })
})

test('postgresStore tells an outage from a server that has no timeline', async (t) => {
  const pool = poolOf(t, await emptySchema())
  let failures = [Object.assign(new Error('connection lost'), { code: '08006' })]
  const store = postgresStore({
    get totalCount () { return pool.totalCount },
    connect: () => pool.connect(),
    query: async (query) => {
      const failure = query.text.startsWith('SELECT substr') ? failures.shift() : undefined
      if (failure !== undefined) throw failure
      return await pool.query(query)
    }
  })
  await t.rejects(store.reserve('key', RESERVATION), { name: 'StoreUnavailableError', cause: { code: '08006' } })
  // It was a standby, and has been promoted.
  failures = [Object.assign(new Error('recovery is in progress'), { code: '55000' })]
  t.equal(await store.reserve('key', RESERVATION), true)
  t.notSame((await pool.query('SELECT timeline FROM oauth_sentinel')).rows, [{ timeline: '' }])
})

test('postgresStore answers nothing from a standby, and notices when it is promoted', async (t) => {
  const other = await startPostgres(t)
  const pool = poolOf(t, other.url)
  const store = postgresStore(pool)
  await store.addClients([CLIENT])
  await store.saveToken('hash', { ...TOKEN, expiresAt: 2 ** 40 })
  const time = Math.floor(Date.now() / 1000)
  const value = { ...RESERVATION, issuedAt: time }
  t.equal(await store.reserve('before', value), true)
  const { rows: [{ data_directory: folder }] } = await pool.query('SHOW data_directory')
  await other.stop()
  await writeFile(join(folder, 'standby.signal'), '')
  await other.start()
  const standby = { name: 'StoreUnavailableError', cause: /recovery/ }
  const reads: Array<(using: typeof store) => Promise<unknown>> = [
    (using) => using.findClients(['reader']),
    (using) => using.findClients(['nobody']),
    (using) => using.findClients(['nobody', 'neither']),
    (using) => using.listClients({ limit: 1 }),
    (using) => using.listClientChanges(),
    (using) => using.listClientChanges(FEED_START),
    (using) => using.hasImportedSecrets(),
    (using) => using.findSecretUses(['nobody']),
    (using) => using.readKeys(),
    (using) => using.findToken('hash'),
    (using) => using.findToken('unknown'),
    (using) => using.listEntries(),
    (using) => using.listRevocations(),
    (using) => using.followAudit(),
    (using) => using.followAudit(FEED_START),
    (using) => using.listAudit({ limit: 1 }),
    (using) => using.readSettings()
  ]
  for (const using of [store, postgresStore(pool)]) for (const [index, read] of reads.entries()) await t.rejects(read(using), standby, `read ${index}`)
  const writes: Array<() => Promise<unknown>> = [() => store.addRevocation(TOKEN_REVOCATION), () => store.addAuditRecord(AUDIT), () => store.replaceClient(CLIENT), () => store.saveToken('a', TOKEN), () => store.reserve('before', value)]
  for (const write of writes) await t.rejects(write(), { name: 'StoreUnavailableError' })
  await pool.query('SELECT pg_promote()')
  t.equal((await store.findClients(['reader']))[0]?.id, 'reader')
  await t.rejects(store.reserve('lost', value), { name: 'StoreUnavailableError', cause: /reservation/ })
  t.equal(await store.reserve('new', { ...value, issuedAt: Math.ceil(Date.now() / 1000) + 12 }), true)
  t.equal(await postgresStore(pool).reserve('new', { ...value, issuedAt: Math.ceil(Date.now() / 1000) + 12 }), false)
})

/** A store, and the statements that it sends. */
function watchedStore (pool: pg.Pool) {
  const queries: Array<{ text: string, values: unknown[] }> = []
  const store = postgresStore({
    get totalCount () { return pool.totalCount },
    connect: () => pool.connect(),
    query: (query) => { queries.push(query); return pool.query(query) }
  })
  return { store, queries }
}

test('postgresStore finds the rows that have expired by an index', async (t) => {
  const pool = poolOf(t, await emptySchema())
  const { store, queries } = watchedStore(pool)
  await store.migrate()
  await pool.query(`INSERT INTO oauth_revocations SELECT n, 'token', n, NULL, ${START} + n FROM generate_series(1, 20000) AS n; UPDATE oauth_feeds SET position = 20000; ANALYZE`)
  await store.addRevocation(TOKEN_REVOCATION)
  const { text, values } = queries.find((query) => query.text.includes('DELETE'))!
  const { rows } = await pool.query({ text: `EXPLAIN ${text}`, values })
  t.match(rows.map((row) => row['QUERY PLAN']).join('\n'), /Index Scan using oauth_revocations_expiry/)
})

test('postgresStore reads by statements that PostgreSQL does not take for expensive, on tables that it has not analyzed', async (t) => {
  const pool = poolOf(t, await emptySchema())
  const { store, queries } = watchedStore(pool)
  await store.migrate()
  await store.readKeys()
  queries.length = 0
  const reads: Array<() => Promise<unknown>> = [() => store.listEntries(), () => store.followAudit(), () => store.readSettings(), () => store.findClients(['reader'])]
  for (const read of reads) await read()
  t.equal(queries.length, 4)
  // It compiles statements from 100,000 on, in half a second.
  for (const { text, values } of queries) {
    const { rows } = await pool.query({ text: `EXPLAIN (FORMAT JSON) ${text}`, values })
    t.ok(rows[0]['QUERY PLAN'][0].Plan['Total Cost'] < 1000, text)
  }
})
