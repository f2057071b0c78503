import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { Cluster, Redis } from 'ioredis'
import { Cluster as ValkeyCluster, Redis as Valkey } from 'iovalkey'
import t, { test } from 'tap'
import type { Test } from 'tap'
import { ClientCredentialsFlowBuilder, DPoPTokenType, FailureThrottle, JwtAccessTokens, MemoryStore, privateKeyJwt, SigningKeys } from '../../src/index.ts'
import type { Reservation } from '../../src/stores/contracts/index.ts'
import { redisStore } from '../../src/stores/redis.ts'
import type { RedisClient, RedisStore } from '../../src/stores/redis.ts'
import { messageFrom } from '../support/program.ts'
import { closing, formCluster, impatient, startRedis, startWire } from '../support/redis.ts'
import type { Reservations } from '../support/reserving-process.ts'
import type { Server } from '../support/server.ts'
import { CLIENT_REVOCATION, failureContract, inTurns, replayContract, revocationContract, revocationPageContract, START, TOKEN_REVOCATION } from '../support/store-contract.ts'

const redis = await startRedis(t)
const clusterNode = await startRedis(t, { args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'] })
const ioredis = closing(t, new Redis(redis.url))
const iovalkey = closing(t, new Valkey(redis.url))
await formCluster([clusterNode])
// A node of a cluster rejects a script that reads keys of several slots, even if all are its own.
const clusters = {
  ioredis: closing(t, new Cluster([clusterNode.url])),
  iovalkey: closing(t, new ValkeyCluster([clusterNode.url]))
}

const UNAVAILABLE = { name: 'StoreUnavailableError', message: 'The store is not available' }
const newPrefix = () => `${randomUUID()}:`
const seconds = () => Date.now() / 1000
/** A value that was issued at that time, and is accepted for ten seconds. */
const issuedAt = (time: number): Reservation => ({ window: 10, issuedAt: time, expiresAt: time + 10, clockTolerance: 1 })
async function statusOf (client: RedisClient, wanted: RegExp): Promise<void> {
  while (!wanted.test(client.status)) await new Promise(setImmediate)
}

const worlds: Record<string, { clients: readonly RedisClient[], server?: Server }> = {
  ioredis: { clients: [ioredis] },
  iovalkey: { clients: [iovalkey] },
  'a Cluster of ioredis': { clients: [clusters.ioredis], server: clusterNode },
  'a Cluster of iovalkey': { clients: [clusters.iovalkey], server: clusterNode },
  'two clients in turns': { clients: [ioredis, iovalkey] }
}
for (const [name, { clients, server = redis }] of Object.entries(worlds)) {
  const makeStore = async (_: Test, now: () => number, prefix = newPrefix()) => inTurns(clients.map((client) => redisStore(client, { prefix, now })))
  replayContract(`redisStore by ${name}`, async (t, now) => {
    const prefix = newPrefix()
    return expiring(await makeStore(t, now, prefix), { client: closing(t, new Redis(server.url)), prefix, now })
  })
  revocationContract(`redisStore by ${name}`, makeStore)
  revocationPageContract(`redisStore by ${name}`, makeStore)
  failureContract(`redisStore by ${name}`, makeStore)
}

/** Lets the keys of a store expire by another clock: before each call, by the time that has passed on it. */
function expiring (store: RedisStore, { client, prefix, now }: { client: Redis, prefix: string, now: () => number }): RedisStore {
  let time = now()
  let isUpToDate = Promise.resolve()
  const expireBy = async (seconds: number) => {
    for (const key of await client.keys(`${prefix}*`)) {
      const left = await client.pttl(key)
      if (left >= 0) await client.pexpire(key, Math.max(1, left - seconds * 1000))
    }
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  return new Proxy(store, {
    get: (_, name) => {
      const member: unknown = Reflect.get(store, name)
      return typeof member !== 'function'
        ? member
        : async (...args: unknown[]) => {
          const passed = now() - time
          time += passed
          if (passed > 0) isUpToDate = expireBy(passed)
          await isUpToDate
          return member(...args)
        }
    }
  })
}

test('of 400 reservations of one key by two processes at once, one wins, in each of ten rounds', async (t) => {
  const file = fileURLToPath(new URL('../support/reserving-process.ts', import.meta.url))
  const processes = await Promise.all([1, 2].map(async () => {
    const child = fork(file, { env: { ...process.env, REDIS_URL: redis.url } })
    t.teardown(() => child.disconnect())
    await messageFrom(child)
    return child
  }))
  const tell = async (child: ChildProcess, order: Reservations): Promise<{ won?: number, error?: string }> => {
    child.send(order)
    const answer = await messageFrom(child) as { won?: number, error?: string }
    return answer
  }
  const winners = new Set<number>()
  for (let round = 0; round < 10; round++) {
    const order = { key: `${newPrefix()}${round}`, reservation: issuedAt(seconds()), attempts: 200 }
    const answers = await Promise.all(processes.map((child) => tell(child, order)))
    t.equal(answers.reduce((sum, { won = NaN }) => sum + won, 0), 1, JSON.stringify(answers))
    winners.add(answers.findIndex(({ won }) => won === 1))
  }
  t.comment(`won by process ${[...winners].join(' and ')}`)
})

test('a reservation is kept for the window and twice the tolerance from then on, by the clock of Redis', async (t) => {
  const prefix = newPrefix()
  const at = (time: number) => redisStore(ioredis, { prefix, now: () => time })
  t.equal(await at(START).reserve('key', { ...issuedAt(START), window: 1, clockTolerance: 0.25 }), true)
  const keys = await ioredis.keys(`${prefix}*`)
  const timeLeft = async () => Math.max(...await Promise.all(keys.map(async (key) => ioredis.pttl(key))))
  const left = await timeLeft()
  t.ok(left > 0 && left <= 2000, String(left))
  t.equal(await at(START + 1e6).reserve('key', issuedAt(START + 1e6)), false, 'regardless of the clock of the process')
  t.ok(await timeLeft() <= left, 'an attempt keeps it no longer')
  await new Promise((resolve) => setTimeout(resolve, left + 20))
  t.equal(await at(START).reserve('key', issuedAt(START)), true)
  t.equal(await at(START).reserve('no window', { window: 0, issuedAt: undefined, expiresAt: START, clockTolerance: 0 }), true)
  t.equal(await at(START).reserve('no window', { window: 0, issuedAt: undefined, expiresAt: START, clockTolerance: 0 }), false)
})

test('nothing of a key is in Redis but its hash, and all but the sentinels and the id of the store expires', async (t) => {
  const prefix = newPrefix()
  const store = redisStore(ioredis, { prefix, now: () => START })
  await store.reserve('assertion', { ...issuedAt(START), window: 10.5 })
  await store.countFailure('assertion', 30)
  const keys = (await ioredis.keys(`${prefix}*`)).filter((key) => !key.endsWith(':sentinel') && !key.endsWith(':id')).sort()
  t.match(keys, ['failures:\\d\\d', 'replay:[\\w-]{43}', '\\{replay-\\d\\d\\}:[\\w-]{43}'].map((name) => new RegExp(`^${prefix}${name}$`)))
  t.equal(keys.length, 3)
  for (const key of keys.slice(1)) {
    t.notMatch(await ioredis.get(key), /assertion/)
    t.ok(await ioredis.ttl(key) > 11 && await ioredis.ttl(key) <= 13)
  }
  t.ok(await ioredis.ttl(keys[0]!) > 30 && await ioredis.ttl(keys[0]!) <= 90)
})

test('a reservation whose answer was lost with the connection is not taken for a replay of itself', async (t) => {
  const wire = await startWire(t, redis)
  const client = impatient(t, wire.url)
  const store = redisStore(client, { prefix: newPrefix(), now: () => START })
  await store.check()
  wire.cutBeforeAnswer()
  t.equal(await store.reserve('key', issuedAt(START)), true)
  t.equal(wire.cuts, 1)
  t.equal(await store.reserve('key', issuedAt(START)), false)
})

const calls: Record<string, (store: RedisStore) => Promise<unknown>> = {
  // Issued behind a loss of history: a store may have noticed one at the start.
  reserve: (store) => store.reserve(randomUUID(), issuedAt(START + 3)),
  countFailure: (store) => store.countFailure('key', 60),
  forgetFailures: (store) => store.forgetFailures('key'),
  addRevocation: (store) => store.addRevocation(TOKEN_REVOCATION),
  listRevocations: (store) => store.listRevocations()
}

test('every call rejects while Redis is down, and works again by itself when it is back', async (t) => {
  const server = await startRedis(t)
  const client = impatient(t, server.url)
  const store = redisStore(client, { now: () => START })
  for (const call of Object.values(calls)) await call(store)
  t.equal(await store.reserve('key', issuedAt(START)), true)

  await server.stop()
  await statusOf(client, /^(?:close|reconnecting)$/)
  for (const [name, call] of Object.entries(calls)) await t.rejects(call(store), UNAVAILABLE, name)
  await t.rejects(calls.reserve!(store), { cause: { message: /^The client has no connection: its status is (?:close|reconnecting)$/ } })

  await server.start()
  await statusOf(client, /^ready$/)
  for (const call of Object.values(calls)) await call(store)
  t.equal(await store.reserve('key', issuedAt(START)), false, 'what was reserved before still is')
})

test('every call rejects when Redis does not answer', async (t) => {
  const server = await startRedis(t)
  const client = impatient(t, server.url)
  const store = redisStore(client, { now: () => START })
  for (const call of Object.values(calls)) await call(store)
  await server.kill('SIGSTOP')
  await Promise.all(Object.entries(calls).map(async ([name, call]) => {
    await t.rejects(call(store), { name: 'StoreUnavailableError', cause: { message: 'Redis did not answer within 2000 ms' } }, name)
  }))
  await server.kill('SIGCONT')
  for (const call of Object.values(calls)) await call(store)
})

test('calls that were under way when Redis was killed reject, or are done when it is back in time', async (t) => {
  const server = await startRedis(t)
  const client = impatient(t, server.url)
  const store = redisStore(client, { now: () => START })
  await store.reserve('key', issuedAt(START))
  await server.kill('SIGSTOP')
  const pending = store.reserve('other', issuedAt(START + 3))
  await server.kill('SIGKILL')
  await server.start()
  t.equal(await pending, true)
  t.equal(await store.reserve('other', issuedAt(START + 3)), false)
})

test('a client that never had a connection, or gave up, makes calls reject', async (t) => {
  const server = await startRedis(t)
  await server.stop()
  const store = redisStore(impatient(t, server.url), { now: () => START })
  for (const [name, call] of Object.entries(calls)) await t.rejects(call(store), UNAVAILABLE, name)
  const ended = closing(t, new Redis(server.url, { retryStrategy: () => null }))
  await statusOf(ended, /^end$/)
  await t.rejects(calls.reserve!(redisStore(ended)), { name: 'StoreUnavailableError', cause: { message: 'The client has no connection: its status is end' } })
})

test('the error for a Redis that rejects the password does not contain the password', async (t) => {
  const server = await startRedis(t, { args: ['--requirepass', 'right password'] })
  const url = server.url.replace('//', '//:wrong-password@')
  const clients = [
    new Redis(url), new Valkey(url),
    new Cluster([server.url], { redisOptions: { password: 'wrong-password' } }), new ValkeyCluster([server.url], { redisOptions: { password: 'wrong-password' } })
  ]
  const errors: Error[] = await Promise.all(clients.map((client) => redisStore(closing(t, client)).reserve('key', issuedAt(START)).catch((error) => error)))
  for (const error of errors) {
    t.match(error, UNAVAILABLE)
    t.notMatch(inspect(error, { depth: Infinity, showHidden: true }), /wrong-password/)
  }
  for (const error of errors.slice(0, 2)) t.match(error.cause, { message: /^WRONGPASS/, name: 'ReplyError', stack: /\n +at / })
})

test('a Redis that holds something else under a key makes calls reject with its error', async (t) => {
  const server = await startRedis(t)
  const client = impatient(t, server.url)
  const store = redisStore(client, { now: () => START })
  for (const call of Object.values(calls)) await call(store)
  await client.set('fcc:{revocations}:positions', 'something else')
  await t.rejects(calls.listRevocations!(store), { name: 'StoreUnavailableError', cause: { message: /WRONGTYPE/ } })
  await client.script('FLUSH')
  await t.rejects(calls.listRevocations!(store), { name: 'StoreUnavailableError', cause: { message: /WRONGTYPE/ } })
  await client.del('fcc:{revocations}:positions')
  await client.zadd('fcc:{revocations}:positions', 1, 'no JSON')
  await t.rejects(calls.listRevocations!(store), { name: 'StoreUnavailableError', cause: { name: 'SyntaxError' } })
})

test('the prefix is fcc: by default, and the clock that of the machine', async (t) => {
  const key = randomUUID()
  const time = seconds()
  const store = redisStore(ioredis)
  t.equal(await store.reserve(key, issuedAt(time)), true)
  t.equal(await store.reserve(key, issuedAt(time)), false)
  const { forgottenAt } = await store.countFailure(key, 60)
  t.ok(forgottenAt >= Math.floor(time) + 60 && forgottenAt < time + 90)
  t.equal((await ioredis.keys('fcc:{replay-*}:sentinel')).length, 64)
})

test('redisStore works under a keyPrefix, and with replies that are texts', async (t) => {
  const client = closing(t, new Redis(redis.url, { keyPrefix: newPrefix(), stringNumbers: true, enableAutoPipelining: true }))
  const store = redisStore(client, { now: () => START })
  t.equal(await store.reserve('key', issuedAt(START)), true)
  t.equal(await store.reserve('key', issuedAt(START)), false)
  t.strictSame(await store.countFailure('key', 60), { count: 1, forgottenAt: START + 60 })
  const mark = await store.addRevocation(CLIENT_REVOCATION)
  const { entries, clock, hasMore } = await store.listRevocations()
  t.strictSame({ entries, clock, hasMore }, { entries: [{ ...CLIENT_REVOCATION, ...mark }], clock: START * 1000, hasMore: false })
  t.strictSame(await store.check(), [])
})

test('redisStore rejects another client', async (t) => {
  const nodeRedis = { isOpen: true, set () {}, del () {}, eval () {}, evalSha () {} }
  for (const client of [undefined, null, 'redis://localhost', {}, nodeRedis, { evalsha () {} }]) {
    t.throws(() => redisStore(client as any), { code: 'FST_OAUTH_INVALID_REDIS_CLIENT', message: /ioredis/ })
  }
})

test('Design E: counted failures of invented ids take a bounded place, are forgotten by themselves, and drive nobody out who fails often', async (t) => {
  const prefix = newPrefix()
  const store = redisStore(ioredis, { prefix })
  const often = 'guessed often'
  for (let count = 1; count <= 10; count++) t.equal((await store.countFailure(often, 60)).count, count)
  const fields = async () => {
    const keys = await ioredis.keys(`${prefix}failures:*`)
    const sizes = await Promise.all(keys.map((key) => ioredis.hlen(key)))
    t.ok((await Promise.all(keys.map((key) => ioredis.ttl(key)))).every((ttl) => ttl > 0 && ttl <= 120))
    return { keys: keys.length, most: Math.max(...sizes), bytes: (await Promise.all(keys.map(async (key) => Number(await ioredis.call('MEMORY', 'USAGE', key))))).reduce((sum, size) => sum + size) }
  }
  for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 1000 }, (_, index) => store.countFailure(`invented ${round} ${index}`, 60)))
  const { keys, most, bytes } = await fields()
  t.equal(keys, 64)
  t.equal(most, 64)
  t.ok(bytes < 300_000, `${bytes} bytes`)
  t.equal((await store.countFailure(often, 60)).count, 11)
  await store.forgetFailures(often)
  t.equal((await store.countFailure(often, 60)).count, 1)
})

test('A Redis that evicts keys is rejected at boot under revocations and replay protection, and nowhere else', async (t) => {
  const server = await startRedis(t)
  const client = closing(t, new Redis(server.url))
  const store = redisStore(client)
  const start = (configure: (builder: ClientCredentialsFlowBuilder) => void) => {
    const builder = new ClientCredentialsFlowBuilder()
    configure(builder)
    return builder.build().start()
  }
  const uses: Record<string, (builder: ClientCredentialsFlowBuilder) => void> = {
    revocations: (builder) => builder.useAccessTokens(new JwtAccessTokens({ issuer: 'https://as.example', audience: 'a', keys: new SigningKeys(new MemoryStore()), revocations: store })),
    proofs: (builder) => builder.setTokenType(new DPoPTokenType({ replays: store })),
    assertions: (builder) => builder.addClientAuthenticationMethod(privateKeyJwt({ issuer: 'https://as.example', keys: () => undefined, replays: store }))
  }
  const failures = (builder: ClientCredentialsFlowBuilder) => { builder.setThrottle(new FailureThrottle({ store })) }
  for (const policy of ['allkeys-lru', 'volatile-ttl', 'allkeys-random']) {
    await client.config('SET', 'maxmemory-policy', policy)
    await client.config('SET', 'maxmemory', '0')
    for (const use of Object.values(uses)) t.strictSame(await start(use), [], 'without a maximum, nothing is evicted')
    await client.config('SET', 'maxmemory', '100mb')
    for (const [name, use] of Object.entries(uses)) await t.rejects(start(use), { code: 'FST_OAUTH_REDIS_EVICTS' }, `${name}, ${policy}`)
    t.strictSame(await start(failures), [])
  }
  await client.config('SET', 'maxmemory-policy', 'noeviction')
  for (const use of Object.values(uses)) t.strictSame(await start(use), [])
  await client.call('ACL', 'SETUSER', 'plain', 'on', 'nopass', '~*', '+@all', '-info')
  const plain = redisStore(closing(t, new Redis(server.url, { username: 'plain', password: 'a' })), { prefix: 'plain:' })
  t.equal((await plain.checkEviction()).length, 1, 'one warning')
})
