// Design §3.1 in Redis: the feed of revocations, alone and beside processes of release 0.1.0.
import { createHash, randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import t, { test } from 'tap'
import { PAGE_SIZE } from '../../src/stores/contracts/feed.ts'
import type { FeedMark, FeedPage, Revocation } from '../../src/stores/contracts/index.ts'
import { redisStore } from '../../src/stores/redis.ts'
import type { RedisStore } from '../../src/stores/redis.ts'
import { Release010 } from '../support/redis-010.ts'
import { closing, follow, impatient, startRedis, startWire } from '../support/redis.ts'

const START = 1_800_000_000
const redis = await startRedis(t)
const client = closing(t, new Redis(redis.url))
const newPrefix = () => `${randomUUID()}:`
const tokenNamed = (id: string, expiresAt = START + 100): Revocation => ({ kind: 'token', id, expiresAt })
const CLIENT: Revocation = { kind: 'client', id: 'reader', issuedBefore: START + 1, expiresAt: START + 200 }
const idsOf = ({ entries }: FeedPage<Revocation>) => entries.map(({ id }) => id)
const endOf = ({ entries }: FeedPage<Revocation>): FeedMark => ({ position: entries.at(-1)!.position, name: entries.at(-1)!.name })

/** All entries behind a mark, page by page. */
async function readAll (store: RedisStore, after?: FeedMark): Promise<FeedPage<Revocation>[]> {
  const pages = [await store.listRevocations(after)]
  while (pages.at(-1)!.hasMore) pages.push(await store.listRevocations(endOf(pages.at(-1)!)))
  return pages
}

test('revocations are listed behind a mark, each as it was added, with its place and a name', async (t) => {
  const store = redisStore(client, { prefix: newPrefix(), now: () => START })
  const empty = await store.listRevocations()
  t.strictSame({ ...empty, storeId: '' }, { storeId: '', clock: START * 1000, isContinued: true, entries: [], hasMore: false })
  const marks = [await store.addRevocation(tokenNamed('one')), await store.addRevocation(CLIENT), await store.addRevocation(tokenNamed('one'))]
  t.strictSame(marks.map(({ position }) => position), [1, 2, 3])
  t.equal(new Set(marks.map(({ name }) => name)).size, 3)
  const page = await store.listRevocations()
  t.strictSame(page.entries, [{ ...tokenNamed('one'), ...marks[0] }, { ...CLIENT, ...marks[1] }, { ...tokenNamed('one'), ...marks[2] }])
  t.strictSame((await store.listRevocations({ position: 0, name: '' })).entries, page.entries)
  t.strictSame(idsOf(await store.listRevocations(marks[0])), ['reader', 'one'])
  t.strictSame(await store.listRevocations(marks[2]), { ...empty, storeId: page.storeId })
})

test('of 2,500 revocations, each page has as many as fit, and a page that ends with the last has no more', async (t) => {
  const store = redisStore(client, { prefix: newPrefix(), now: () => START })
  const marks = await Promise.all(Array.from({ length: 2500 }, (_, index) => store.addRevocation(tokenNamed(`jti-${index}`))))
  const pages = await readAll(store)
  t.strictSame(pages.map(({ entries, hasMore }) => [entries.length, hasMore]), Array.from({ length: 10 }, (_, index) => [PAGE_SIZE, index < 9]))
  t.strictSame(pages.flatMap(({ entries }) => entries.map(({ position }) => position)), Array.from({ length: 2500 }, (_, index) => index + 1))
  t.strictSame(new Set(pages.flatMap(({ entries }) => entries.map(({ name }) => name))), new Set(marks.map(({ name }) => name)))
  t.equal((await readAll(store, endOf(pages[0]!))).length, 9)
  const last = marks.find(({ position }) => position === 2500 - PAGE_SIZE)!
  t.strictSame((await readAll(store, last)).map(({ entries, hasMore }) => [entries.length, hasMore]), [[PAGE_SIZE, false]])
})

test('a mark that is not there, or there under another name, is not continued', async (t) => {
  const store = redisStore(client, { prefix: newPrefix(), now: () => START })
  const mark = await store.addRevocation(tokenNamed('one'))
  await store.addRevocation(tokenNamed('two'))
  const others = [{ ...mark, name: randomUUID() }, { ...mark, name: '' }, { ...mark, position: 2 }, { ...mark, position: 3 }, { position: 0, name: mark.name }]
  for (const other of others) {
    const { isContinued, entries, hasMore } = await store.listRevocations(other)
    t.strictSame({ isContinued, entries, hasMore }, { isContinued: false, entries: [], hasMore: false }, JSON.stringify(other))
  }
})

test('a reader notices that a replica has taken over that had not received all, whatever was added since', async (t) => {
  const [primary, other] = [await startRedis(t), await startRedis(t)]
  const [atPrimary, atOther] = [primary, other].map(({ url }) => closing(t, new Redis(url))) as [Redis, Redis]
  const wire = await startWire(t, primary)
  const through = impatient(t, wire.url)
  const store = redisStore(through)
  const kept = await store.addRevocation(tokenNamed('kept'))
  await follow(atOther, primary)
  await atOther.replicaof('127.0.0.1', 1)
  const lost = await store.addRevocation(tokenNamed('lost'))
  t.strictSame(idsOf(await store.listRevocations(kept)), ['lost'])
  const { storeId } = await store.listRevocations()
  await atOther.replicaof('NO', 'ONE')
  wire.leadTo(other)
  while (through.status !== 'ready') await new Promise(setImmediate)
  const added = await store.addRevocation(tokenNamed('added'))
  t.equal(added.position, lost.position)

  t.strictSame(await store.listRevocations(lost).then(({ isContinued, entries }) => ({ isContinued, entries })), { isContinued: false, entries: [] })
  t.strictSame(idsOf(await store.listRevocations(kept)), ['added'])
  const whole = await store.listRevocations()
  t.strictSame(idsOf(whole), ['kept', 'added'])
  t.equal(whole.storeId, storeId, 'a copy has the same id')
  t.equal(await redisStore(atPrimary).storeId(), storeId)
})

test('a Redis that has lost all of its data has another id, and continues no mark', async (t) => {
  const server = await startRedis(t, { isPersistent: false })
  const impatientClient = impatient(t, server.url)
  const store = redisStore(impatientClient)
  const id = await store.storeId()
  t.match(id, /^[\w-]{36}$/)
  t.equal(await redisStore(closing(t, new Redis(server.url))).storeId(), id)
  const mark = await store.addRevocation(tokenNamed('one'))
  await impatientClient.flushall()
  const { storeId, isContinued } = await store.listRevocations(mark)
  t.notOk(isContinued)
  t.not(storeId, id)
  t.equal(await store.storeId(), storeId)
  t.not((await store.addRevocation(tokenNamed('two'))).name, mark.name)
  t.notOk((await store.listRevocations(mark)).isContinued)
})

test('the clock is that of Redis, unless another one is given', async (t) => {
  const prefix = newPrefix()
  const before = Date.now()
  const { clock } = await redisStore(client, { prefix }).listRevocations()
  t.ok(clock >= before - 1 && clock <= Date.now() + 1)
  t.equal((await redisStore(client, { prefix, now: () => START + 0.5 }).listRevocations()).clock, START * 1000 + 500)
})

test('a revocation stays for twice the tolerance after its expiry, and a hundred go at a time, but for the last of those', async (t) => {
  const prefix = newPrefix()
  // A process that begins at that time: a clock that is set ahead later does not count.
  const storeAt = (time: number) => redisStore(client, { prefix, clockTolerance: 50, now: () => time })
  for (let index = 0; index < 250; index++) await storeAt(START).addRevocation(tokenNamed(`jti-${index}`))
  const sizes = () => Promise.all(['positions', 'expiries'].map((name) => client.zcard(`${prefix}{revocations}:${name}`)))
  const mark = endOf(await storeAt(START).listRevocations())
  await storeAt(START + 200).addRevocation(tokenNamed('a', START + 900))
  t.strictSame(await sizes(), [251, 251])
  for (const [id, size] of [['b', 152], ['c', 53], ['d', 5], ['e', 6]] as const) {
    await storeAt(START + 201).addRevocation(tokenNamed(id, START + 900))
    t.strictSame(await sizes(), [size, size])
    t.strictSame(idsOf(await storeAt(START + 201).listRevocations(mark)).at(-1), id, 'a reader that had read all goes on')
  }
  const newest = await storeAt(START + 2000).addRevocation(tokenNamed('expired long ago'))
  t.strictSame(idsOf(await storeAt(START).listRevocations()), ['e', 'expired long ago'])
  t.equal((await storeAt(START + 2000).addRevocation(tokenNamed('next'))).position, newest.position + 1)
  t.strictSame(idsOf(await storeAt(START).listRevocations(newest)), ['next'])
})

test('nothing is removed while one of two clocks says that it has not expired: that of Redis, or that of the process', async (t) => {
  const prefix = newPrefix()
  let time = START
  const store = redisStore(client, { prefix, now: () => time })
  // Of two that have expired, one is removed.
  for (const id of ['one', 'two']) await store.addRevocation(tokenNamed(id))
  time = START + 100_000
  await store.addRevocation(tokenNamed('three', START + 200_000))
  t.strictSame(idsOf(await store.listRevocations()), ['one', 'two', 'three'], 'the clock of the process was set ahead while it ran')

  const now = Date.now()
  const wall = t.capture(Date, 'now', () => now + 100_000_000)
  const ahead = redisStore(client, { prefix: `${prefix}ahead:` })
  for (const id of ['one', 'two', 'three']) await ahead.addRevocation(tokenNamed(id, now / 1000 + 100))
  t.ok(wall().length > 0)
  t.strictSame(idsOf(await ahead.listRevocations()), ['one', 'two', 'three'], 'the process has begun a day ahead of Redis')
})

test('a revocation whose answer was lost with the connection is added once, and its place is that of the first attempt', async (t) => {
  const wire = await startWire(t, redis)
  const through = impatient(t, wire.url)
  const store = redisStore(through, { prefix: newPrefix(), now: () => START })
  await store.addRevocation(tokenNamed('one'))
  wire.cutBeforeAnswer()
  const mark = await store.addRevocation(tokenNamed('two'))
  t.equal(wire.cuts, 1)
  t.equal(mark.position, 2)
  t.strictSame(endOf(await store.listRevocations()), mark)
  t.strictSame(idsOf(await store.listRevocations()), ['one', 'two'])
})

test('revocations are added and listed when Redis is full, and reservations are rejected', async (t) => {
  const server = await startRedis(t)
  const admin = closing(t, new Redis(server.url))
  const store = redisStore(admin)
  await store.check()
  await admin.config('SET', 'maxmemory', '1')
  const mark = await store.addRevocation(tokenNamed('one', Date.now() / 1000 + 100))
  t.strictSame(endOf(await store.listRevocations()), mark)
  await store.forgetFailures('key')
  const full = { name: 'StoreUnavailableError', cause: { message: /OOM/ } }
  await t.rejects(store.reserve('key', { window: 60, issuedAt: undefined, expiresAt: Date.now() / 1000 + 60, clockTolerance: 1 }), full)
  await t.rejects(store.countFailure('key', 60), full)
})

test('positions go on where one of the two sorted sets that have them is lost', async (t) => {
  const prefix = newPrefix()
  const store = redisStore(client, { prefix, now: () => START })
  for (const id of ['one', 'two', 'three']) await store.addRevocation(tokenNamed(id))
  await client.del(`${prefix}{revocations}:names`)
  t.equal((await store.addRevocation(tokenNamed('four'))).position, 4)
  await client.del(`${prefix}{revocations}:positions`)
  t.equal((await store.addRevocation(tokenNamed('five'))).position, 5)
})

test('a process of 0.1.0 and one of this release read what the other has added', async (t) => {
  const prefix = newPrefix()
  const store = redisStore(client, { prefix, now: () => START })
  const old = new Release010(client, { prefix, now: () => START })
  await old.addRevocation(tokenNamed('old'))
  const mark = await store.addRevocation(tokenNamed('new'))
  await old.addRevocation(CLIENT)
  const { entries } = await store.listRevocations()
  t.strictSame(entries.map(({ position, id }) => [position, id]), [[1, 'old'], [2, 'new'], [3, 'reader']])
  t.equal(entries[0]!.name, `sha1:${createHash('sha1').update(JSON.stringify(tokenNamed('old'))).digest('hex')}`)
  t.strictSame(idsOf(await store.listRevocations(mark)), ['reader'])
  t.strictSame(idsOf(await store.listRevocations(endOf(await store.listRevocations()))), [], 'a mark of an entry of 0.1.0')
  t.ok((await store.listRevocations({ position: 1, name: entries[0]!.name })).isContinued)
  t.notOk((await store.listRevocations({ position: 1, name: entries[2]!.name })).isContinued)

  const listed = await old.listRevocations(undefined)
  t.match(listed.revocations, [tokenNamed('old'), tokenNamed('new'), CLIENT])
  await store.addRevocation({ ...CLIENT, id: 'writer' })
  const news = await old.listRevocations(listed.cursor)
  t.match(news.revocations, [{ ...CLIENT, id: 'writer' }])
  t.strictSame((await old.listRevocations(news.cursor)).revocations, [])
})

test('1,500 revocations of this release and one of 0.1.0: its cursors go on, or begin anew where they are too old', async (t) => {
  const prefix = newPrefix()
  const store = redisStore(client, { prefix, now: () => START })
  const old = new Release010(client, { prefix, now: () => START })
  await old.addRevocation(tokenNamed('first'))
  const { cursor } = await old.listRevocations(undefined)
  await Promise.all(Array.from({ length: 600 }, (_, index) => store.addRevocation(tokenNamed(`jti-${index}`))))
  const later = await old.listRevocations(cursor)
  t.equal(later.revocations.length, 600)
  await Promise.all(Array.from({ length: 900 }, (_, index) => store.addRevocation(tokenNamed(`more-${index}`))))
  t.equal(await client.zcard(`${prefix}{revocations}:names`), 1000)
  t.equal((await old.listRevocations(later.cursor)).revocations.length, 900)
  t.equal((await old.listRevocations(cursor)).revocations.length, 1501)
  await old.addRevocation(tokenNamed('last'))
  const pages = await readAll(store)
  t.strictSame(pages.flatMap(idsOf).at(-1), 'last')
  t.strictSame(pages.flatMap(({ entries }) => entries.map(({ position }) => position)), Array.from({ length: 1502 }, (_, index) => index + 1))
})

test('of 200 reservations of one value by this release and by 0.1.0 at once, one is the first', async (t) => {
  const prefix = newPrefix()
  const time = () => Date.now() / 1000
  const old = new Release010(closing(t, new Redis(redis.url)), { prefix, now: time })
  const store = redisStore(client, { prefix })
  const winners = new Set<boolean>()
  for (let round = 0; round < 20; round++) {
    const expiresAt = time() + 60
    const key = randomUUID()
    const results = await Promise.all(Array.from({ length: 200 }, async (_, index) => {
      const isNew = index % 2 === round % 2
      const isFirst = await (isNew ? store.reserve(key, { window: 60, issuedAt: time(), expiresAt, clockTolerance: 1 }) : old.reserve(key, expiresAt))
      if (isFirst) winners.add(isNew)
      return isFirst
    }))
    t.equal(results.filter(Boolean).length, 1)
  }
  t.equal(winners.size, 2, 'each has won')
})
