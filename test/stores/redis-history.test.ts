// Design §3.2 X in Redis: a one-time value is not accepted again after Redis may have lost its reservation.
import { randomUUID } from 'node:crypto'
import { Cluster, Redis } from 'ioredis'
import { test } from 'tap'
import type { Test } from 'tap'
import type { Reservation } from '../../src/stores/contracts/index.ts'
import { redisStore } from '../../src/stores/redis.ts'
import type { RedisClient, RedisStore } from '../../src/stores/redis.ts'
import { closing, follow, formCluster, impatient, infoOf, startRedis, startWire } from '../support/redis.ts'

const TOLERANCE = 1
const seconds = () => Date.now() / 1000
const LOST = { name: 'StoreUnavailableError', cause: { message: /may have lost its reservation/ } }

/** A value that was issued now, or this many seconds later. */
function issued (later = 0): Reservation {
  const issuedAt = seconds() + later
  return { window: 60, issuedAt, expiresAt: issuedAt + 60, clockTolerance: TOLERANCE }
}

/** Of 200 new values: how many are reserved, and how many are rejected since they may have been reserved before. */
async function outcomes (store: RedisStore, make: () => Reservation): Promise<{ reserved: number, rejected: number }> {
  const results = await Promise.allSettled(Array.from({ length: 200 }, () => store.reserve(randomUUID(), make())))
  return {
    reserved: results.filter((result) => result.status === 'fulfilled' && result.value).length,
    rejected: results.filter((result) => result.status === 'rejected' && /may have lost/.test(String(result.reason.cause))).length
  }
}
const ALL_RESERVED = { reserved: 200, rejected: 0 }
const ALL_REJECTED = { reserved: 0, rejected: 200 }

/** Reserves a value, and checks that it is reserved. */
async function reserveOne (t: Test, store: RedisStore): Promise<() => Promise<boolean>> {
  const key = randomUUID()
  const reservation = issued()
  const again = () => store.reserve(key, reservation)
  t.equal(await again(), true)
  return again
}

async function ready (client: RedisClient): Promise<void> {
  while (client.status !== 'ready') await new Promise(setImmediate)
}

test('a new store has no history to lose, for however many processes begin at once', async (t) => {
  const { url } = await startRedis(t)
  const stores = Array.from({ length: 5 }, () => redisStore(closing(t, new Redis(url))))
  const counted = await Promise.all(stores.map((store) => outcomes(store, issued)))
  for (const count of counted) t.strictSame(count, ALL_RESERVED)
  const client = closing(t, new Redis(url))
  const sentinels = await client.keys('fcc:{replay-[0-9][0-9]}:sentinel')
  t.equal(sentinels.length, 64)
  for (const key of sentinels) t.match(await client.get(key), new RegExp(`^[\\w-]{36} ${await infoOf(client, 'run_id')} ${await infoOf(client, 'master_replid')} [\\d.]+ -$`))
})

test('after a restart without data, what was issued before is rejected, and what is issued later is reserved', async (t) => {
  const server = await startRedis(t, { isPersistent: false })
  const client = impatient(t, server.url)
  const store = redisStore(client)
  const again = await reserveOne(t, store)
  const runId = await infoOf(client, 'run_id')
  await server.kill('SIGKILL')
  await server.start()
  await ready(client)
  t.not(await infoOf(client, 'run_id'), runId)

  await t.rejects(again(), LOST)
  await new Promise((resolve) => setTimeout(resolve, 200))
  const sentinels = await client.mget(await client.keys('*:sentinel'))
  t.equal(sentinels.filter((sentinel) => /[\d.]+ [\d.]+$/.test(sentinel!)).length, 64, 'the other buckets notice it too, and not only with their next reservation')
  t.strictSame(await outcomes(store, issued), ALL_REJECTED)
  t.strictSame(await outcomes(store, () => issued(2 * TOLERANCE + 1)), ALL_RESERVED)
  await t.rejects(again(), LOST, 'never accepted')
  t.strictSame(await outcomes(redisStore(closing(t, new Redis(server.url))), issued), ALL_REJECTED, 'for a new process too')
})

test('a value that does not say when it was issued is rejected up to one window before its expiry', async (t) => {
  const server = await startRedis(t, { isPersistent: false })
  const client = impatient(t, server.url)
  const store = redisStore(client)
  await reserveOne(t, store)
  await client.flushall()
  const expiring = (later: number) => () => ({ window: 60, issuedAt: undefined, expiresAt: seconds() + later, clockTolerance: TOLERANCE })
  t.strictSame(await outcomes(store, expiring(60 + 2 * TOLERANCE - 1)), ALL_REJECTED)
  t.strictSame(await outcomes(store, expiring(60 + 2 * TOLERANCE + 1)), ALL_RESERVED)
})

test('after a restart with its data, a reservation is in force, and what was issued before is rejected', async (t) => {
  const server = await startRedis(t)
  const client = impatient(t, server.url)
  const store = redisStore(client)
  const again = await reserveOne(t, store)
  await server.stop()
  await server.start()
  await ready(client)
  t.equal(await again(), false)
  t.strictSame(await outcomes(store, issued), ALL_REJECTED)
  t.strictSame(await outcomes(store, () => issued(2 * TOLERANCE + 1)), ALL_RESERVED)
})

test('a replica that is promoted without the last reservations rejects them, to every process', async (t) => {
  const [primary, other] = [await startRedis(t), await startRedis(t)]
  const wire = await startWire(t, primary)
  const client = impatient(t, wire.url)
  const [atPrimary, atOther] = [primary, other].map(({ url }) => closing(t, new Redis(url))) as [Redis, Redis]
  const store = redisStore(client)
  const kept = await reserveOne(t, store)
  await follow(atOther, primary)
  // Its link is broken: asynchronous replication goes on without it.
  await atOther.replicaof('127.0.0.1', 1)
  const lost = await reserveOne(t, store)
  t.not(await infoOf(atOther, 'run_id'), await infoOf(atPrimary, 'run_id'))
  const runId = await infoOf(atOther, 'run_id')
  await atOther.replicaof('NO', 'ONE')
  t.equal(await infoOf(atOther, 'run_id'), runId, 'the run_id is that of the process')
  await primary.kill('SIGKILL')
  wire.leadTo(other)
  await ready(client)

  t.equal(await kept(), false)
  await t.rejects(lost(), LOST)
  t.strictSame(await outcomes(redisStore(closing(t, new Redis(other.url))), issued), ALL_REJECTED, 'a process that begins')
  t.strictSame(await outcomes(store, () => issued(2 * TOLERANCE + 1)), ALL_RESERVED)
})

test('a primary that was a replica for a while has lost what the other one had not received, although its run_id is the same', async (t) => {
  const [primary, other] = [await startRedis(t), await startRedis(t)]
  const [atPrimary, atOther] = [primary, other].map(({ url }) => closing(t, new Redis(url))) as [Redis, Redis]
  const store = redisStore(atPrimary)
  const ids = () => Promise.all(['run_id', 'master_replid', 'master_replid2'].map((name) => infoOf(atPrimary, name)))
  await reserveOne(t, store)
  const [runId, firstId] = await ids()
  await follow(atOther, primary)
  const [, replicationId, noId] = await ids()
  t.not(replicationId, firstId, 'the first replica changes it')
  t.match(noId, /^0{40}$/)
  t.strictSame(await outcomes(store, issued), ALL_RESERVED, 'which loses nothing')
  await atOther.replicaof('127.0.0.1', 1)
  const lost = await reserveOne(t, store)

  await atOther.replicaof('NO', 'ONE')
  await follow(atPrimary, other)
  await atPrimary.replicaof('NO', 'ONE')
  const [laterRunId, laterReplicationId] = await ids()
  t.equal(laterRunId, runId)
  t.not(laterReplicationId, replicationId)
  await t.rejects(lost(), LOST)
})

test('a replica rejects every call, a writable one too', async (t) => {
  const [primary, other] = [await startRedis(t), await startRedis(t)]
  const [atPrimary, atOther] = [primary, other].map(({ url }) => closing(t, new Redis(url))) as [Redis, Redis]
  await redisStore(atPrimary).check()
  await follow(atOther, primary)
  const store = redisStore(atOther)
  const calls: Record<string, () => Promise<unknown>> = {
    reserve: () => store.reserve(randomUUID(), issued()),
    countFailure: () => store.countFailure('key', 60),
    forgetFailures: () => store.forgetFailures('key'),
    addRevocation: () => store.addRevocation({ kind: 'token', id: 'jti', expiresAt: seconds() + 60 }),
    listRevocations: () => store.listRevocations(),
    storeId: () => store.storeId(),
    check: () => store.check()
  }
  // Redis itself rejects a script that begins with "#!lua"; a writable replica executes it, and the script rejects.
  for (const [isReadOnly, message] of [['yes', /^READONLY You can't write against a read only replica/], ['no', /^READONLY This Redis is a replica/]] as const) {
    await atOther.config('SET', 'replica-read-only', isReadOnly)
    for (const [name, call] of Object.entries(calls)) {
      await t.rejects(call(), { name: 'StoreUnavailableError', cause: { message } }, `${name}, replica-read-only ${isReadOnly}`)
    }
  }
  await atOther.replicaof('NO', 'ONE')
  for (const [name, call] of Object.entries(calls)) if (name !== 'reserve') await t.resolves(call(), name)
})

test('a process notices that another one has taken an empty Redis for a new store', async (t) => {
  const { url } = await startRedis(t)
  const client = closing(t, new Redis(url))
  const store = redisStore(client)
  const again = await reserveOne(t, store)
  await client.flushall()
  const stranger = redisStore(closing(t, new Redis(url)))
  t.strictSame(await outcomes(stranger, issued), ALL_RESERVED, 'a process that begins cannot notice it')
  await new Promise((resolve) => setTimeout(resolve, 20))
  const createdAt = (await client.get('fcc:{replay-00}:sentinel'))!.split(' ')[3]
  await t.rejects(again(), LOST)
  await store.check()
  t.strictSame(await outcomes(stranger, issued), ALL_REJECTED, 'both reject')
  t.strictSame(await outcomes(store, () => issued(2 * TOLERANCE + 1)), ALL_RESERVED)
  t.equal((await client.get('fcc:{replay-00}:sentinel'))!.split(' ')[4], createdAt, 'it was lost before the sentinel was created, and not when that was noticed')
})

test('after expectHistory, a process that begins rejects what may have been lost', async (t) => {
  const { url } = await startRedis(t)
  const client = closing(t, new Redis(url))
  const begin = () => {
    const store = redisStore(closing(t, new Redis(url)))
    store.expectHistory()
    return store
  }
  await redisStore(closing(t, new Redis(url))).check()
  t.strictSame(await outcomes(begin(), issued), ALL_RESERVED, 'nothing was lost')
  const id = await begin().storeId()
  await client.flushall()
  const store = begin()
  t.not(await store.storeId(), id)
  t.strictSame(await store.check(), [])
  t.strictSame(await outcomes(store, issued), ALL_REJECTED)
  t.strictSame(await outcomes(begin(), issued), ALL_REJECTED, 'another process')
  t.strictSame(await outcomes(store, () => issued(2 * TOLERANCE + 1)), ALL_RESERVED)
})

test('in a Cluster, the node that lost its data rejects, and the others do not', async (t) => {
  const nodes = await Promise.all([1, 2].map(() => startRedis(t, { isPersistent: false, args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'] })))
  await formCluster(nodes)
  const connectCluster = () => closing(t, new Cluster([nodes[0]!.url], { clusterRetryStrategy: () => 20, slotsRefreshTimeout: 2000 }))
  const cluster = connectCluster()
  const store = redisStore(cluster)
  t.strictSame(await outcomes(store, issued), ALL_RESERVED)
  await nodes[1]!.kill('SIGKILL')
  await nodes[1]!.start()
  while (!await store.check().then(() => true, () => false)) await new Promise((resolve) => setTimeout(resolve, 20))
  const { reserved, rejected } = await outcomes(store, issued)
  t.equal(reserved + rejected, 200)
  t.ok(reserved > 40 && rejected > 40, `${reserved} reserved, ${rejected} rejected`)
  t.strictSame(await outcomes(store, () => issued(2 * TOLERANCE + 1)), ALL_RESERVED)
})

test('where INFO is not allowed, values are reserved without a sentinel, and check says so', async (t) => {
  const { url } = await startRedis(t)
  const admin = closing(t, new Redis(url))
  await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~fcc:*', '+@all', '-info')
  await admin.call('ACL', 'SETUSER', 'allowed', 'on', '>secret', '~fcc:*', '+eval', '+evalsha', '+set', '+get', '+del', '+time', '+info', '+zadd', '+zscore', '+zrevrange', '+zrangebyscore', '+zrem', '+zremrangebyrank', '+hget', '+hgetall', '+hlen', '+hset', '+hdel', '+expire')
  // The client itself asks for INFO when it connects.
  const deniedInScripts = async () => (await admin.call('ACL', 'LOG') as string[][]).filter((entry) => entry.includes('lua'))
  const connect = (username: string) => redisStore(closing(t, new Redis(url, { username, password: 'secret' })))
  const store = connect('app')
  t.match(await store.check(), [/not allowed to run INFO/])
  const again = await reserveOne(t, store)
  t.equal(await again(), false)
  await store.addRevocation({ kind: 'token', id: 'jti', expiresAt: seconds() + 60 })
  t.equal((await store.listRevocations()).entries.length, 1)
  t.strictSame(await admin.keys('*:sentinel'), [])
  t.strictSame(await deniedInScripts(), [], 'Redis has logged no denied command')

  const allowed = connect('allowed')
  t.strictSame(await allowed.check(), [], 'these commands are enough')
  await reserveOne(t, allowed)
  await allowed.countFailure('key', 60)
  await allowed.forgetFailures('key')
  await allowed.addRevocation({ kind: 'token', id: 'jti', expiresAt: seconds() - 1000 })
  await allowed.addRevocation({ kind: 'token', id: 'jti', expiresAt: seconds() - 1000 })
  await allowed.listRevocations()
  t.strictSame(await deniedInScripts(), [])
  await admin.flushall()
  t.equal(await again(), true, 'the loss is not noticed')
})
