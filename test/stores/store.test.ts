// Every store that needs no server, by the contract that all stores have, and what is special about each.
import { once } from 'node:events'
import { join } from 'node:path'
import Database from 'libsql'
import { test } from 'tap'
import type { Test } from 'tap'
import type { Clock } from '../../src/lib/clock.ts'
import { FEED_START } from '../../src/stores/contracts/index.ts'
import { MemoryStore } from '../../src/stores/memory.ts'
import { MigratedDatabase } from '../../src/stores/sql/migrated-database.ts'
import { MIGRATIONS } from '../../src/stores/sql/schema.ts'
import type { Migration } from '../../src/stores/sql/schema.ts'
import { SqliteDatabase } from '../../src/stores/sql/sqlite-database.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import type { SqliteHandle } from '../../src/stores/sqlite.ts'
import {
  added, AUDIT, CLIENT, CLIENT_REVOCATION, clientNamed, current, DAY, failureContract, idsOf, inTurns, KEY, markOf, movedClock, pageContracts, RESERVATION,
  START, times, TOKEN, TOKEN_REVOCATION, wholeContract
} from '../support/store-contract.ts'
import type { StoreOrder } from '../support/store-process.ts'
import { startStoreProcesses, startTogether } from '../support/store-processes.ts'
import { upgradeContract } from '../support/upgrade.ts'

const memoryStore = async (_: Test, now: Clock) => new MemoryStore({ now })

wholeContract('MemoryStore', memoryStore)
pageContracts('MemoryStore', memoryStore)
failureContract('MemoryStore', memoryStore)

test('MemoryStore deletes what has expired, and a few entries with each call only', async (t) => {
  const { now, move } = movedClock(t)
  const store = new MemoryStore({ now })
  const lasting = { ...TOKEN, expiresAt: START + DAY }
  for (const hash of times(50, String)) {
    await store.saveToken(hash, TOKEN)
    await store.reserve(hash, RESERVATION)
    await store.countFailure(hash, 60)
    await store.addRevocation({ ...TOKEN_REVOCATION, id: hash })
  }
  await store.saveToken('lasting', lasting)
  const countLeft = async () => {
    // Back to when all was valid: what is still there is found.
    move(-800)
    let tokens = 0
    for (const hash of times(50, String)) if (await store.findToken(hash) !== undefined) tokens++
    const revocations = idsOf(await store.listRevocations()).filter((id) => id !== 'lasting').length
    move(800)
    return [tokens, revocations]
  }
  move(800)
  for (let round = 0, before = [50, 50]; round < 15; round++) {
    await store.saveToken('lasting', lasting)
    await store.addRevocation({ ...TOKEN_REVOCATION, id: 'lasting', expiresAt: START + DAY })
    await store.reserve(`lasting-${round}`, { ...RESERVATION, window: DAY })
    await store.countFailure('lasting', DAY)
    const left = await countLeft()
    t.ok(left.every((count, index) => before[index]! - count <= 10), 'not more than ten with one call')
    before = left
  }
  // Of the revocations, the last one that has expired stays.
  t.strictSame(await countLeft(), [0, 1])
  t.strictSame(await store.findToken('lasting'), lasting)
  move(-800)
  t.equal(await store.reserve('0', RESERVATION), true)
  t.equal((await store.countFailure('0', 60)).count, 1)
})

test('MemoryStore keeps as many audit records as it is told to', async (t) => {
  const store = new MemoryStore({ now: () => START, auditMaxRecords: 3 })
  for (const id of times(10, String)) await store.addAuditRecord({ ...AUDIT, id })
  t.strictSame((await store.listAudit({ limit: 99 })).map(({ id }) => id), ['9', '8', '7'])
  const { now, move } = movedClock(t)
  const short = new MemoryStore({ now, auditRetention: 10 })
  for (const id of ['a', 'b']) await short.addAuditRecord({ ...AUDIT, id })
  move(10 + 601)
  await short.addAuditRecord({ ...AUDIT, id: 'c' })
  t.strictSame((await short.listAudit({ limit: 99 })).map(({ id }) => id), ['c', 'b'])
})

test('MemoryStore keeps its feeds in order while it deletes from their beginning and their middle', async (t) => {
  const { now, move } = movedClock(t)
  for (const auditMaxRecords of [1, 2, 9, 12]) {
    const store = new MemoryStore({ now, auditMaxRecords, auditRetention: 50 })
    for (const index of times(60, (number) => number)) {
      await store.addAuditRecord({ ...AUDIT, id: String(index) })
      move(index * 7919 % 5 === 0 ? 300 : 10)
      const listed = await store.listAudit({ limit: 99 })
      const positions = listed.map(({ position }) => position)
      const inOrder = [...new Set(positions)].sort((one, other) => other - one)
      if (positions[0] !== index + 1 || positions.length > auditMaxRecords || positions.join() !== inOrder.join()) t.fail(positions.join())
      const all = (await store.followAudit(FEED_START)).entries.map(({ position }) => position)
      if (all.toReversed().join() !== positions.join()) t.fail(`${all.join()} from the beginning, ${positions.join()} from the end`)
      for (const [before, record] of listed.entries()) {
        const { entries, isContinued } = await store.followAudit(markOf(record))
        if (!isContinued || entries.length !== before) t.fail(`record ${record.id} of ${String(positions)}`)
      }
    }
  }
})

test('MemoryStore takes the clock of the machine by default', async (t) => {
  const store = new MemoryStore()
  await store.saveToken('old', TOKEN)
  await store.saveToken('new', { ...TOKEN, expiresAt: Math.floor(Date.now() / 1000) + 60 })
  t.ok(await store.findToken('new'))
  t.ok(await new MemoryStore({}).readKeys())
  t.ok(Math.abs((await store.listEntries()).clock - Date.now()) < 1000)
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

for (const [name, makeStore] of makers) wholeContract(name, makeStore)
pageContracts('sqliteStore in memory', sqliteInMemory)

upgradeContract('sqliteStore', 'sqlite', async (t) => {
  const handle = open(t, fileOf(t))
  return {
    store: sqliteStore(handle, { now: () => START }),
    run: async (sql) => {
      if (/^\s*SELECT|RETURNING/.test(sql)) return handle.prepare(sql).all() as Array<Record<string, unknown>>
      handle.exec(sql)
      return []
    }
  }
})

/** A wall clock that may be wrong, beside a monotonic one that is not. */
function clocks (t: Test) {
  let elapsed = 0
  t.intercept(performance, 'now', { value: () => elapsed * 1000 })
  return { pass (seconds: number) { elapsed += seconds }, wrongBy: (error: { seconds: number }) => () => START + elapsed + error.seconds }
}

for (const [name, openStores] of Object.entries({
  MemoryStore: () => (now: Clock) => new MemoryStore({ now }),
  sqliteStore: (t: Test) => {
    const handle = open(t)
    return (now: Clock) => sqliteStore(handle, { now })
  }
})) {
  test(`${name} neither forgets nor deletes anything when a wall clock is set ahead`, async (t) => {
    const { pass, wrongBy } = clocks(t)
    const error = { seconds: 0 }
    const store = openStores(t)(wrongBy(error))
    await store.reserve('key', RESERVATION)
    await store.addRevocation(TOKEN_REVOCATION)
    await store.addEntries([{ kind: 'key', id: 'kid', expiresAt: START + 100 }])
    error.seconds = DAY
    pass(1)
    t.equal(await store.reserve('key', RESERVATION), false)
    await store.reserve('other', RESERVATION)
    for (const id of ['a', 'b']) {
      await store.addRevocation({ ...CLIENT_REVOCATION, id, expiresAt: START + 9 * DAY })
      await store.addEntries([{ kind: 'key', id, expiresAt: START + 9 * DAY }])
      pass(61)
    }
    error.seconds = 0
    t.strictSame(idsOf(await store.listRevocations()), ['jti-1', 'a', 'b'])
    t.strictSame(idsOf(await store.listEntries()), ['kid', 'a', 'b'])
    // A reservation of the time when the clock was wrong lasts longer, not shorter.
    t.equal(await store.reserve('other', RESERVATION), false)
    t.ok((await store.listEntries()).clock <= START * 1000 + 123_000)
  })
}

test('sqliteStore reserves by the earlier of two clocks what another process has reserved by the later one', async (t) => {
  const { pass, wrongBy } = clocks(t)
  const handle = open(t)
  const error = { seconds: -3600 }
  const early = sqliteStore(handle, { now: wrongBy(error) })
  await early.readKeys()
  error.seconds = 0
  // To one process it is an hour ago still, for the clock was wrong when it began.
  const late = sqliteStore(handle, { now: wrongBy(error) })
  t.equal(await early.reserve('by early', RESERVATION), true)
  t.equal(await late.reserve('by late', RESERVATION), true)
  pass(19)
  for (const key of ['by early', 'by late']) for (const store of [early, late]) t.equal(await store.reserve(key, RESERVATION), false)
})

test('sqliteStore is continued in a copy of its file, and in none that lacks what was read', async (t) => {
  const path = fileOf(t)
  const handle = open(t, path)
  const store = sqliteStore(handle, { now: () => START })
  const key = (id: string) => ({ kind: 'key' as const, id, expiresAt: START + 1000 })
  await store.addClients([CLIENT])
  await store.replaceClient(CLIENT, { raises: true, audit: AUDIT })
  await store.addRevocation(TOKEN_REVOCATION)
  const { entries: [first], storeId } = await store.listEntries()
  handle.exec(`VACUUM INTO '${path}.copy'`)
  const lost = {
    entry: markOf((await store.addEntries([key('lost')]))[0]!),
    revocation: await store.addRevocation(TOKEN_REVOCATION),
    change: (await store.replaceClient(await current(store)), await store.listClientChanges()).mark,
    audit: await store.addAuditRecord(AUDIT)
  }
  const restored = sqliteStore(open(t, `${path}.copy`), { now: () => START })
  const check = async () => {
    t.equal((await restored.listEntries(markOf(first!))).isContinued, true)
    t.equal((await restored.listEntries(lost.entry)).isContinued, false)
    t.equal((await restored.listRevocations(lost.revocation)).isContinued, false)
    t.equal((await restored.listClientChanges(lost.change)).isContinued, false)
    t.equal((await restored.followAudit(lost.audit)).isContinued, false)
  }
  await check()
  t.equal((await restored.readSettings()).storeId, storeId)
  // What is written now takes the positions of what was lost, but not its names.
  const [entry] = await restored.addEntries([key('new')])
  await restored.addRevocation(TOKEN_REVOCATION)
  await restored.replaceClient(await current(restored))
  await restored.addAuditRecord(AUDIT)
  t.equal(entry!.position, lost.entry.position)
  await check()
  t.strictSame(idsOf(await restored.listEntries(markOf(first!))), ['new'])
})

test('sqliteStore keeps as many audit records as it is told to, for as long', async (t) => {
  const { now, move } = movedClock(t)
  const store = sqliteStore(open(t), { now, auditMaxRecords: 3, auditRetention: 100 })
  for (const id of times(5, String)) await store.addAuditRecord({ ...AUDIT, id })
  move(61)
  for (const id of ['a', 'b']) await store.addAuditRecord({ ...AUDIT, id })
  // At most as many as before the last search, and those that came since.
  t.strictSame((await store.listAudit({ limit: 99 })).map(({ id }) => id), ['b', 'a', '4', '3', '2'])
  move(100 + 601)
  await store.addAuditRecord({ ...AUDIT, id: 'c' })
  t.strictSame((await store.listAudit({ limit: 99 })).map(({ id }) => id), ['c', 'b'])
})

test('sqliteStore writes a change, its entries and its audit record, or nothing', async (t) => {
  const handle = open(t)
  const store = sqliteStore(handle, { now: () => START })
  await store.addClients([CLIENT])
  await store.replaceKeys({ version: 0, keys: [KEY] })
  const set = await store.readKeys()
  handle.exec("CREATE TRIGGER broken BEFORE INSERT ON oauth_audit BEGIN SELECT RAISE(ABORT, 'no audit'); END")
  const unavailable = { name: 'StoreUnavailableError', cause: /no audit/ }
  await t.rejects(store.replaceClient(CLIENT, { raises: true, audit: AUDIT }), unavailable)
  await t.rejects(store.removeClient('reader', { audit: AUDIT }), unavailable)
  await t.rejects(store.addClients([clientNamed('new')], AUDIT), unavailable)
  await t.rejects(store.replaceKeys({ ...set, keys: [] }, { revokedKids: ['a'], audit: AUDIT }), unavailable)
  await t.rejects(store.raiseAll({ audit: AUDIT }), unavailable)
  await t.rejects(store.replaceSettings(await store.readSettings(), AUDIT), unavailable)
  t.strictSame(await store.listClients({ limit: 9 }), [added(CLIENT)])
  t.strictSame(await store.readKeys(), set)
  t.strictSame((await store.listEntries()).entries, [])
  t.strictSame((await store.listClientChanges()).mark, FEED_START)
  t.equal((await store.readSettings()).version, 0)
})

test('sqliteStore takes the clock of the machine by default', async (t) => {
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
  t.strictSame((await sqliteStore(handle, { migrate: false, now: () => START }).addClients([CLIENT])).ids, ['reader'])
  t.strictSame(await sqliteStore(handle).findClients(['reader']), [added(CLIENT)])
})

test('sqliteStore that may not make tables refuses to work without, until they are there', async (t) => {
  const handle = open(t)
  const store = sqliteStore(handle, { migrate: false })
  const refusal = { name: 'FlowConfigurationError', code: 'FST_OAUTH_OLD_TABLES', message: /fastify-client-credentials migrate/ }
  await t.rejects(store.readKeys(), refusal)
  await t.rejects(store.addClients([CLIENT]), refusal)
  t.strictSame(handle.prepare('SELECT name FROM sqlite_master').all(), [])
  await sqliteStore(handle).migrate()
  t.strictSame((await store.addClients([CLIENT])).ids, ['reader'])
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
    read: async (statement) => await database.read(statement),
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
  await store.reserve('first', RESERVATION)
  await store.saveToken('first', TOKEN)
  t.strictSame(await levelsOf(() => store.addRevocation(TOKEN_REVOCATION)), new Set([2]))
  t.strictSame(await levelsOf(() => store.replaceKeys({ version: 0, keys: [KEY] })), new Set([2]))
  t.strictSame(await levelsOf(() => store.addClients([CLIENT])), new Set([2]))
  t.strictSame(await levelsOf(() => store.saveToken('hash', TOKEN)), new Set([1]))
  t.strictSame(await levelsOf(() => store.reserve('key', RESERVATION)), new Set([1]))
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
  t.strictSame((await store.addClients([CLIENT])).ids, ['reader'])
  other.exec('BEGIN IMMEDIATE')
  await t.rejects(store.replaceClient(CLIENT), unavailable)
  await t.rejects(store.reserve('key', RESERVATION), unavailable)
  t.strictSame(await store.findClients(['reader']), [added(CLIENT)], 'reading goes on')
  other.exec('COMMIT')
  t.ok(await store.replaceClient(CLIENT))
  t.equal(await store.reserve('key', RESERVATION), true)
})

test('sqliteStore is unavailable where its tables or its handle are gone', async (t) => {
  const handle = open(t)
  const store = sqliteStore(handle, { now: () => START })
  await store.addClients([CLIENT])
  handle.exec('DROP TABLE oauth_tokens')
  await t.rejects(store.saveToken('hash', TOKEN), { name: 'StoreUnavailableError', cause: /oauth_tokens/ })
  t.strictSame(await store.findClients(['reader']), [added(CLIENT)])
  handle.exec('DROP TABLE oauth_client_changes')
  await t.rejects(store.replaceClient(CLIENT), { name: 'StoreUnavailableError', cause: /oauth_client_changes/ })
  t.strictSame(await store.findClients(['reader']), [added(CLIENT)], 'half of a transaction is undone')
  handle.exec('DELETE FROM oauth_store')
  const reads: Array<() => Promise<unknown>> = [() => store.listEntries(), () => store.followAudit(), () => store.readSettings()]
  for (const read of reads) {
    await t.rejects(read(), { name: 'StoreUnavailableError', cause: /oauth_store/ }, 'a row that is missing')
  }
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

test('sqliteStore deletes what has expired, a part with each request', async (t) => {
  const { now, move } = movedClock(t)
  const handle = open(t)
  const store = sqliteStore(handle, { now })
  await store.replaceSettings({ ...await store.readSettings(), largestClockTolerance: 30 })
  await store.addClients([CLIENT])
  for (let index = 0; index < 250; index++) {
    await store.saveToken(`hash-${index}`, TOKEN)
    await store.addRevocation(TOKEN_REVOCATION)
  }
  await store.reserve('key', RESERVATION)
  await store.addRevocation(CLIENT_REVOCATION)
  await store.replaceClient(CLIENT)
  const lasting = { ...TOKEN, expiresAt: START + 100_000 }

  move(59)
  await store.reserve('other', { ...RESERVATION, window: 100_000 })
  t.equal(countIn(handle, 'oauth_reservations'), 2, 'not twice within a minute')
  move(101)
  await store.saveToken('lasting', lasting)
  t.equal(countIn(handle, 'oauth_tokens'), 251, 'they expired twice the clock tolerance ago, and not more')
  move(61)
  for (const left of [151, 51, 1, 1]) {
    await store.saveToken('lasting', lasting)
    t.equal(countIn(handle, 'oauth_tokens'), left)
  }
  for (const left of [152, 53, 5, 6]) {
    await store.addRevocation({ ...TOKEN_REVOCATION, expiresAt: START + 100_000 })
    t.equal(countIn(handle, 'oauth_revocations'), left, 'the last that has expired stays')
  }
  await store.saveToken('short', { ...TOKEN, expiresAt: START })
  await store.saveToken('lasting', lasting)
  t.equal(countIn(handle, 'oauth_tokens'), 2, 'not twice within a minute')
  await store.reserve('third', RESERVATION)
  t.equal(countIn(handle, 'oauth_reservations'), 2)
  move(3600)
  for (let count = 0; count < 2; count++) await store.replaceClient(await current(store))
  t.equal(countIn(handle, 'oauth_client_changes'), 3)
  move(3661)
  await store.replaceClient(await current(store))
  t.equal(countIn(handle, 'oauth_client_changes'), 2)
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
  await t.rejects(store.reserve('key', RESERVATION), unavailable)
  handle.exec('COMMIT')
  t.equal(countIn(handle, 'things'), 1)
  t.strictSame(await store.findClients(['reader']), [added(CLIENT)])
  t.equal(await store.reserve('key', RESERVATION), true)
})

test('sqliteStore refuses what is no handle', (t) => {
  for (const handle of [undefined, null, 'auth.db', {}, { exec () {} }, Database]) {
    t.throws(() => sqliteStore(handle as any), { name: 'FlowConfigurationError', code: 'FST_OAUTH_INVALID_DATABASE' })
  }
  t.end()
})
