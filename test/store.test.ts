// Every store that needs no server, by the contract that all stores have, and what is special about each.
import { once } from 'node:events'
import { join } from 'node:path'
import Database from 'libsql'
import { test } from 'tap'
import type { Test } from 'tap'
import type { Clock } from '../src/clock.ts'
import { MemoryStore } from '../src/store/memory.ts'
import { MigratedDatabase } from '../src/store/sql/migrated-database.ts'
import { MIGRATIONS } from '../src/store/sql/schema.ts'
import type { Migration } from '../src/store/sql/schema.ts'
import { SqliteDatabase } from '../src/store/sql/sqlite-database.ts'
import { sqliteStore } from '../src/store/sqlite.ts'
import type { SqliteHandle } from '../src/store/sqlite.ts'
import {
  CLIENT, CLIENT_REVOCATION, clientContract, failureContract, idsOf, inTurns, KEY, keyContract, replayContract, revocationContract, START, TOKEN, TOKEN_REVOCATION,
  tokenContract
} from './support/store-contract.ts'
import type { StoreOrder } from './support/store-process.ts'
import { startStoreProcesses, startTogether } from './support/store-processes.ts'

const memoryStore = async (_: Test, now: Clock) => new MemoryStore({ now })

keyContract('MemoryStore', memoryStore)
revocationContract('MemoryStore', memoryStore)
tokenContract('MemoryStore', memoryStore)
clientContract('MemoryStore', memoryStore)
replayContract('MemoryStore', memoryStore)
failureContract('MemoryStore', memoryStore)

test('MemoryStore drops what has expired, and not only hides it', async (t) => {
  let time = START
  const store = new MemoryStore({ now: () => time })
  const lasting = { ...TOKEN, expiresAt: START + 1000 }
  await store.saveToken('hash', TOKEN)
  await store.saveToken('lasting', lasting)
  await store.addRevocation(TOKEN_REVOCATION)
  await store.addRevocation(CLIENT_REVOCATION)
  time = TOKEN.expiresAt
  await store.saveToken('trigger', lasting)
  time = START
  t.equal(await store.findToken('hash'), undefined)
  t.strictSame(await store.findToken('lasting'), lasting)
  t.strictSame(idsOf(await store.listRevocations(undefined)), ['reader'])
})

test('MemoryStore counts revocations, and lists each once', async (t) => {
  const store = new MemoryStore({ now: () => START })
  await store.addRevocation(TOKEN_REVOCATION)
  await store.addRevocation(CLIENT_REVOCATION)
  t.strictSame(await store.listRevocations('0'), { revocations: [TOKEN_REVOCATION, CLIENT_REVOCATION], cursor: '2' })
  t.strictSame(await store.listRevocations('1'), { revocations: [CLIENT_REVOCATION], cursor: '2' })
  t.strictSame(await store.listRevocations('2'), { revocations: [], cursor: '2' })
})

test('MemoryStore takes the clock of the machine unless told', async (t) => {
  const store = new MemoryStore()
  await store.saveToken('old', TOKEN)
  await store.saveToken('new', { ...TOKEN, expiresAt: Math.floor(Date.now() / 1000) + 60 })
  t.ok(await store.findToken('new'))
  t.ok(await new MemoryStore({}).readKeys())
})

const fileOf = (t: Test) => join(t.testdir(), 'auth.db')
const open = (t: Test, path = ':memory:') => {
  const handle = new Database(path)
  t.teardown(() => { handle.close() })
  return handle
}
const countIn = (handle: SqliteHandle, table: string) => Number((handle.prepare(`SELECT COUNT(*) AS count FROM ${table}`).all()[0] as { count: number }).count)

const sqliteInMemory = async (t: Test, now: Clock) => sqliteStore(open(t), { now })
const sqliteOfSeveral = async (t: Test, now: Clock) => {
  const path = fileOf(t)
  const handles = [1, 2, 3].map(() => open(t, path))
  // As better-sqlite3 has it, too: integers as bigint.
  handles[0]!.defaultSafeIntegers(true)
  return inTurns(handles.map((handle) => sqliteStore(handle, { now })))
}
const makers = new Map([['sqliteStore in memory', sqliteInMemory], ['sqliteStore of three handles', sqliteOfSeveral]])

// Node has SQLite itself from 22.13.
interface NodeSqlite { DatabaseSync: new (path: string) => SqliteHandle & { close (): void } }
const { DatabaseSync } = (process.getBuiltinModule('node:sqlite') ?? {}) as Partial<NodeSqlite>
if (DatabaseSync !== undefined) {
  makers.set('sqliteStore by node:sqlite', async (t, now) => {
    const handle = new DatabaseSync(fileOf(t))
    t.teardown(() => { handle.close() })
    return sqliteStore(handle, { now })
  })
}

for (const [name, makeStore] of makers) {
  keyContract(name, makeStore)
  revocationContract(name, makeStore)
  tokenContract(name, makeStore)
  clientContract(name, makeStore)
  replayContract(name, makeStore)
}

test('sqliteStore takes the clock of the machine unless told', async (t) => {
  const store = sqliteStore(open(t))
  await store.saveToken('old', { ...TOKEN, expiresAt: 1 })
  await store.saveToken('new', { ...TOKEN, expiresAt: Math.floor(Date.now() / 1000) + 60 })
  t.equal(await store.findToken('old'), undefined)
  t.ok(await store.findToken('new'))
})

test('sqliteStore makes its tables once, and says so', async (t) => {
  const handle = open(t)
  t.strictSame(await sqliteStore(handle, { migrate: false }).migrate(), { from: 0, to: MIGRATIONS.length })
  t.strictSame(await sqliteStore(handle).migrate(), { from: MIGRATIONS.length, to: MIGRATIONS.length })
  t.strictSame(await sqliteStore(handle, { migrate: false }).addClients([CLIENT]), ['reader'])
  t.strictSame(await sqliteStore(handle).findClients(['reader']), [CLIENT])
})

test('sqliteStore that may not make tables refuses to work without, until they are there', async (t) => {
  const handle = open(t)
  const store = sqliteStore(handle, { migrate: false })
  const refusal = { name: 'FlowConfigurationError', code: 'FST_OAUTH_OLD_TABLES', message: /fastify-client-credentials migrate/ }
  await t.rejects(store.readKeys(), refusal)
  await t.rejects(store.addClients([CLIENT]), refusal)
  t.strictSame(handle.prepare('SELECT name FROM sqlite_master').all(), [])
  await sqliteStore(handle).migrate()
  t.strictSame(await store.addClients([CLIENT]), ['reader'])
})

test('sqliteStore refuses tables of a newer version of this package', async (t) => {
  const handle = open(t)
  await sqliteStore(handle).migrate()
  handle.exec('UPDATE oauth_schema SET version = version + 1')
  const refusal = { name: 'FlowConfigurationError', code: 'FST_OAUTH_NEW_TABLES' }
  for (const migrate of [true, false]) await t.rejects(sqliteStore(handle, { migrate }).readKeys(), refusal)
  await t.rejects(sqliteStore(handle).migrate(), refusal)
})

const FIRST: Migration = ({ text }) => [`CREATE TABLE things (name ${text} PRIMARY KEY)`, "INSERT INTO things (name) VALUES ('one')"]
const SECOND: Migration = () => ['ALTER TABLE things ADD COLUMN size BIGINT NOT NULL DEFAULT 7', "INSERT INTO things (name, size) VALUES ('two', 8)"]
const BROKEN: Migration = () => ['DELETE FROM things', 'ALTER TABLE no_such_table ADD COLUMN size BIGINT']
const versioned = (handle: SqliteHandle, migrations: readonly Migration[]) => new MigratedDatabase(new SqliteDatabase(handle), { migrations, mayMigrate: true })

test('tables are brought from version to version, and those that are there keep what they have', async (t) => {
  const handle = open(t)
  t.strictSame(await versioned(handle, [FIRST]).migrate(), { from: 0, to: 1 })
  handle.exec("INSERT INTO things (name) VALUES ('mine')")
  const second = versioned(handle, [FIRST, SECOND])
  const rows = await second.rows(['SELECT name, size FROM things ORDER BY name'])
  t.strictSame(rows.map(({ name, size }) => [name, size]), [['mine', 7], ['one', 7], ['two', 8]])
  t.strictSame(await second.migrate(), { from: 2, to: 2 })
  t.strictSame(await versioned(open(t), [FIRST, SECOND]).migrate(), { from: 0, to: 2 })
})

test('a migration that fails changes nothing, and is tried again', async (t) => {
  const handle = open(t)
  await versioned(handle, [FIRST]).migrate()
  const broken = versioned(handle, [FIRST, BROKEN])
  for (let round = 0; round < 2; round++) await t.rejects(broken.rows(['SELECT name FROM things']), { name: 'StoreUnavailableError', cause: /no_such_table/ })
  t.equal(countIn(handle, 'things'), 1)
  handle.exec('CREATE TABLE no_such_table (id BIGINT)')
  t.strictSame(await broken.rows(['SELECT name FROM things']), [])
})

test('a migration that somebody else has done in the meantime is not done again', async (t) => {
  const handle = open(t)
  const database = new SqliteDatabase(handle)
  const other = versioned(handle, [FIRST, SECOND])
  // Between the look at the version and the turn to change it.
  const late = new MigratedDatabase({
    dialect: database.dialect,
    open: async () => {},
    rows: async (statement) => await database.rows(statement),
    transaction: async (steps) => {
      await other.migrate()
      return await database.transaction(steps)
    }
  }, { migrations: [FIRST, SECOND], mayMigrate: true })
  t.strictSame(await late.migrate(), { from: 2, to: 2 })
})

test('processes that start on an empty SQLite file at once make its tables once', async (t) => {
  const path = fileOf(t)
  await startTogether(t, path, sqliteStore(open(t, path), { now: () => START }))
})

test('what sqliteStore has acknowledged is there after the process was killed', async (t) => {
  const path = fileOf(t)
  const [writer] = await startStoreProcesses(t, { store: path, count: 1 })
  let last = -1
  const enough = new Promise<void>((resolve) => {
    writer!.on('message', (index: number) => {
      last = index
      if (index === 50) resolve()
    })
  })
  writer!.send({ addClientsFrom: 0 } satisfies StoreOrder)
  await enough
  writer!.kill('SIGKILL')
  await once(writer!, 'exit')
  const found = new Set((await sqliteStore(open(t, path)).listClients({ limit: 10_000 })).map(({ id }) => id))
  t.ok(last >= 50)
  for (let index = 0; index <= last; index++) if (!found.has(`client-${index}`)) t.fail(`client-${index} is gone`)
})

test('sqliteStore waits for the disk with keys, clients and revocations only', async (t) => {
  const handle = open(t, fileOf(t))
  const levels: unknown[] = []
  // 1 is NORMAL, 2 is FULL.
  const level = () => (handle.prepare('PRAGMA synchronous').all()[0] as { synchronous: number }).synchronous
  const store = sqliteStore({
    exec: (sql) => handle.exec(sql),
    prepare: (sql) => {
      const statement = handle.prepare(sql)
      const note = (values: unknown[]) => {
        if (/^\s*(?:INSERT|UPDATE|DELETE)/.test(sql)) levels.push(level())
        return values
      }
      return { all: (...values) => statement.all(...note(values)), run: (...values) => statement.run(...note(values)) }
    }
  }, { now: () => START })
  const levelsOf = async (act: () => Promise<unknown>) => {
    levels.length = 0
    await act()
    return new Set(levels)
  }
  await store.migrate()
  t.strictSame(handle.prepare('PRAGMA journal_mode').all()[0], { journal_mode: 'wal' })
  await store.addRevocation(TOKEN_REVOCATION)
  await store.reserve('first', START + 1)
  await store.saveToken('first', TOKEN)
  t.strictSame(await levelsOf(() => store.addRevocation(TOKEN_REVOCATION)), new Set([2]))
  t.strictSame(await levelsOf(() => store.replaceKeys({ version: 0, keys: [KEY] })), new Set([2]))
  t.strictSame(await levelsOf(() => store.addClients([CLIENT])), new Set([2]))
  t.strictSame(await levelsOf(() => store.saveToken('hash', TOKEN)), new Set([1]))
  t.strictSame(await levelsOf(() => store.reserve('key', START + 1)), new Set([1]))
})

test('sqliteStore is unavailable while another process holds the file, and works again after', async (t) => {
  const path = fileOf(t)
  const other = open(t, path)
  const handle = open(t, path)
  // Five seconds are long for a test.
  const store = sqliteStore({ exec: (sql) => handle.exec(sql.replace('5000', '1')), prepare: (sql) => handle.prepare(sql) }, { now: () => START })
  const unavailable = { name: 'StoreUnavailableError', cause: { code: 'SQLITE_BUSY' } }
  other.exec('BEGIN EXCLUSIVE')
  await t.rejects(store.readKeys(), unavailable)
  other.exec('ROLLBACK')
  t.strictSame(await store.addClients([CLIENT]), ['reader'])
  other.exec('BEGIN IMMEDIATE')
  await t.rejects(store.replaceClient(CLIENT), unavailable)
  await t.rejects(store.reserve('key', START + 1), unavailable)
  t.strictSame(await store.findClients(['reader']), [CLIENT], 'reading goes on')
  other.exec('COMMIT')
  t.equal(await store.replaceClient(CLIENT), true)
  t.equal(await store.reserve('key', START + 1), true)
})

test('sqliteStore is unavailable where its tables or its handle are gone', async (t) => {
  const handle = open(t)
  const store = sqliteStore(handle, { now: () => START })
  await store.addClients([CLIENT])
  handle.exec('DROP TABLE oauth_tokens')
  await t.rejects(store.saveToken('hash', TOKEN), { name: 'StoreUnavailableError', cause: /oauth_tokens/ })
  t.strictSame(await store.findClients(['reader']), [CLIENT])
  handle.exec('DROP TABLE oauth_client_changes')
  await t.rejects(store.replaceClient(CLIENT), { name: 'StoreUnavailableError', cause: /oauth_client_changes/ })
  t.strictSame(await store.findClients(['reader']), [CLIENT], 'half of a transaction is undone')
  const closed = new Database(':memory:')
  closed.close()
  await t.rejects(sqliteStore(closed).readKeys(), { name: 'StoreUnavailableError' })
})

test('an error that has ended a transaction in SQLite is the one that is told', async (t) => {
  const database = new SqliteDatabase(open(t))
  await t.rejects(database.transaction((function * () {
    yield ['ROLLBACK']
    yield ['SELECT * FROM no_such_table']
  })()), { name: 'StoreUnavailableError', cause: /no_such_table/ })
  t.strictSame(await database.rows(['SELECT 1 AS one']), [{ one: 1 }])
})

test('sqliteStore drops what has expired, a part with each request', async (t) => {
  let time = START
  const handle = open(t)
  const store = sqliteStore(handle, { now: () => time })
  await store.addClients([CLIENT])
  for (let index = 0; index < 250; index++) await store.saveToken(`hash-${index}`, TOKEN)
  await store.reserve('key', START + 1)
  await store.addRevocation(TOKEN_REVOCATION)
  await store.addRevocation(CLIENT_REVOCATION)
  await store.replaceClient(CLIENT)
  const lasting = { ...TOKEN, expiresAt: START + 100_000 }

  time = START + 59
  await store.reserve('other', START + 100_000)
  t.equal(countIn(handle, 'oauth_reservations'), 2, 'not twice within a minute')
  time = START + 160
  for (const left of [151, 51, 1, 1]) {
    await store.saveToken('lasting', lasting)
    t.equal(countIn(handle, 'oauth_tokens'), left)
  }
  await store.saveToken('short', { ...TOKEN, expiresAt: time })
  await store.saveToken('lasting', lasting)
  t.equal(countIn(handle, 'oauth_tokens'), 2, 'not twice within a minute')
  await store.reserve('third', START + 100_000)
  t.equal(countIn(handle, 'oauth_reservations'), 2)
  await store.addRevocation({ ...TOKEN_REVOCATION, expiresAt: START + 100_000 })
  t.equal(countIn(handle, 'oauth_revocations'), 2)
  time = START + 3600
  await store.replaceClient({ ...CLIENT, version: 2 })
  t.equal(countIn(handle, 'oauth_client_changes'), 2)
  time = START + 3719
  await store.replaceClient({ ...CLIENT, version: 3 })
  t.equal(countIn(handle, 'oauth_client_changes'), 3)
  time = START + 3779
  await store.replaceClient({ ...CLIENT, version: 4 })
  t.equal(countIn(handle, 'oauth_client_changes'), 3)
})

test('sqliteStore keeps what has expired for a minute: to a process whose clock is slow it has not', async (t) => {
  const handle = open(t)
  const at = (time: number) => sqliteStore(handle, { now: () => time })
  const slow = at(START)
  await slow.saveToken('hash', TOKEN)
  await slow.addRevocation(TOKEN_REVOCATION)
  await slow.reserve('key', TOKEN.expiresAt)
  const work = async (time: number) => {
    const fast = at(time)
    await fast.saveToken('other', { ...TOKEN, expiresAt: time + 1000 })
    await fast.addRevocation({ ...CLIENT_REVOCATION, expiresAt: time + 1000 })
    await fast.reserve('other', time)
  }
  await work(TOKEN.expiresAt + 59)
  t.strictSame(await slow.findToken('hash'), TOKEN)
  t.strictSame(idsOf(await slow.listRevocations(undefined)), ['jti-1', 'reader'])
  t.equal(await slow.reserve('key', TOKEN.expiresAt), false)
  await work(TOKEN.expiresAt + 60)
  t.equal(await slow.findToken('hash'), undefined)
  t.strictSame(idsOf(await slow.listRevocations(undefined)), ['reader', 'reader'])
  t.equal(await slow.reserve('key', TOKEN.expiresAt), true)
})

test('sqliteStore tries again to have the file alone for its change to WAL, which SQLite itself does not wait for', async (t) => {
  const path = fileOf(t)
  const other = open(t, path)
  other.exec('BEGIN EXCLUSIVE')
  const handle = open(t, path)
  let tries = 0
  const store = sqliteStore({
    prepare: (sql) => handle.prepare(sql),
    exec: (sql) => {
      if (sql.includes('journal_mode') && ++tries === 3) other.exec('ROLLBACK')
      return handle.exec(sql.replace('5000', '1'))
    }
  })
  t.equal((await store.readKeys()).version, 0)
  t.equal(tries, 3)
})

test('sqliteStore within a transaction of the application writes nothing, and leaves that transaction alone', async (t) => {
  const handle = open(t, fileOf(t))
  const store = sqliteStore(handle, { now: () => START })
  const unavailable = { name: 'StoreUnavailableError', cause: /transaction/ }
  handle.exec('BEGIN')
  await t.rejects(store.readKeys(), unavailable, 'the first use')
  handle.exec('COMMIT')
  await store.addClients([CLIENT])
  handle.exec('CREATE TABLE things (name TEXT); BEGIN; INSERT INTO things VALUES (1)')
  await t.rejects(store.replaceClient(CLIENT), unavailable)
  await t.rejects(store.reserve('key', START + 1), unavailable)
  handle.exec('COMMIT')
  t.equal(countIn(handle, 'things'), 1)
  t.strictSame(await store.findClients(['reader']), [CLIENT])
  t.equal(await store.reserve('key', START + 1), true)
})

test('sqliteStore refuses what is no handle', (t) => {
  for (const handle of [undefined, null, 'auth.db', {}, { exec () {} }, Database]) {
    t.throws(() => sqliteStore(handle as any), { name: 'FlowConfigurationError', code: 'FST_OAUTH_INVALID_DATABASE' })
  }
  t.end()
})

test('sqliteStore lists everything to who knows of more than there is: the file was put back to a copy', async (t) => {
  const store = sqliteStore(open(t), { now: () => START })
  await store.addClients([CLIENT])
  await store.addRevocation(TOKEN_REVOCATION)
  await store.replaceClient(CLIENT)
  t.strictSame(await store.listRevocations('7'), { revocations: [TOKEN_REVOCATION], cursor: '1' })
  t.strictSame(await store.listRevocations('1'), { revocations: [], cursor: '1' })
  t.strictSame(await store.listClientChanges('9007199254740993'), { ids: ['reader'], cursor: '1' })
})
