import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { Cluster, Redis } from 'ioredis'
import { Cluster as ValkeyCluster, Redis as Valkey } from 'iovalkey'
import t, { test } from 'tap'
import type { Test } from 'tap'
import type { Revocation } from '../src/store/index.ts'
import { redisStore } from '../src/store/redis.ts'
import type { RedisClient, RedisStore } from '../src/store/redis.ts'
import { messageFrom } from './support/program.ts'
import { startRedis } from './support/redis.ts'
import type { Reservations } from './support/reserving-process.ts'
import { CLIENT_REVOCATION, failureContract, idsOf, inTurns, replayContract, revocationContract, START, TOKEN_REVOCATION } from './support/store-contract.ts'

const redis = await startRedis(t)
const clusterNode = await startRedis(t, { args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'] })
const ioredis = closing(t, new Redis(redis.url))
const iovalkey = closing(t, new Valkey(redis.url))
await formCluster()
// A node of a cluster refuses a script that touches keys of several slots, even if all are its own.
const clusters = {
  ioredis: closing(t, new Cluster([clusterNode.url])),
  iovalkey: closing(t, new ValkeyCluster([clusterNode.url]))
}

function closing<Client extends { on (event: 'error', listener: () => void): unknown, disconnect (): void }> (t: Test, client: Client): Client {
  client.on('error', () => {})
  t.teardown(() => { client.disconnect() })
  return client
}

async function formCluster (): Promise<void> {
  const node = new Redis(clusterNode.url)
  await node.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  while (!String(await node.call('CLUSTER', 'INFO')).includes('cluster_state:ok')) await new Promise(setImmediate)
  node.disconnect()
}

const UNAVAILABLE = { name: 'StoreUnavailableError', message: 'The store is not available' }
const newPrefix = () => `${randomUUID()}:`
const tokenRevocation = (id: string): Revocation => ({ ...TOKEN_REVOCATION, id })
/** A client that tries again soon, whatever the server does. */
const impatient = (t: Test, url: string) => closing(t, new Redis(url, { retryStrategy: () => 20 }))
async function statusOf (client: RedisClient, wanted: RegExp): Promise<void> {
  while (!wanted.test(client.status)) await new Promise(setImmediate)
}

const worlds: Record<string, readonly RedisClient[]> = {
  ioredis: [ioredis],
  iovalkey: [iovalkey],
  'a Cluster of ioredis': [clusters.ioredis],
  'a Cluster of iovalkey': [clusters.iovalkey],
  'two clients in turns': [ioredis, iovalkey]
}
for (const [name, clients] of Object.entries(worlds)) {
  const makeStore = async (_: Test, now: () => number) => {
    const prefix = newPrefix()
    return inTurns(clients.map((client) => redisStore(client, { prefix, now })))
  }
  replayContract(`redisStore by ${name}`, makeStore)
  revocationContract(`redisStore by ${name}`, makeStore)
  failureContract(`redisStore by ${name}`, makeStore)
}

test('of 400 reservations of one key by two processes at once, one wins, in each of ten rounds', async (t) => {
  const file = fileURLToPath(new URL('support/reserving-process.ts', import.meta.url))
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
    const order = { key: `${newPrefix()}${round}`, expiresAt: Math.ceil(Date.now() / 1000) + 60, attempts: 200 }
    const answers = await Promise.all(processes.map((child) => tell(child, order)))
    t.equal(answers.reduce((sum, { won = NaN }) => sum + won, 0), 1, JSON.stringify(answers))
    winners.add(answers.findIndex(({ won }) => won === 1))
  }
  t.comment(`won by process ${[...winners].join(' and ')}`)
})

test('a reservation is in force for a process whose clock is slow, and over for one whose clock is fast', async (t) => {
  const prefix = newPrefix()
  const at = (time: number) => redisStore(ioredis, { prefix, now: () => time })
  t.equal(await at(START).reserve('key', START + 10), true)
  t.equal(await at(START - 30).reserve('key', START + 10), false)
  t.equal(await at(START + 10).reserve('key', START + 20), true)
  t.equal(await at(START).reserve('other', START), true, 'one that has expired already')
  t.equal(await at(START - 30).reserve('other', START), false)
  t.equal(await at(START).reserve('fraction', START + 0.5), true)
})

test('nothing of a key is in Redis but its hash, and everything goes by itself', async (t) => {
  const prefix = newPrefix()
  const store = redisStore(ioredis, { prefix, now: () => START })
  await store.reserve('assertion', START + 10.5)
  await store.countFailure('assertion', 30)
  const keys = (await ioredis.keys(`${prefix}*`)).sort()
  t.match(keys, [new RegExp(`^${prefix}failures:[\\w-]{43}$`), new RegExp(`^${prefix}replay:[\\w-]{43}$`)])
  t.equal(keys.length, 2)
  t.notMatch(await ioredis.get(keys[1]!), /assertion/)
  t.ok(await ioredis.ttl(keys[0]!) > 30 && await ioredis.ttl(keys[0]!) <= 90)
  t.ok(await ioredis.ttl(keys[1]!) > 10 && await ioredis.ttl(keys[1]!) <= 71)
})

test('a reservation whose answer was lost with the connection is not taken for a replay of itself', async (t) => {
  const wire = await startWire(t, redis.port)
  const client = impatient(t, `redis://127.0.0.1:${wire.port}`)
  const store = redisStore(client, { prefix: newPrefix(), now: () => START })
  await client.ping()
  wire.cutBeforeAnswer()
  t.equal(await store.reserve('key', START + 10), true)
  t.equal(wire.cuts(), 1)
  t.equal(await store.reserve('key', START + 10), false)
})

test('revocations that have expired are removed, and one that comes twice is kept once', async (t) => {
  const prefix = newPrefix()
  let time = START
  const store = redisStore(ioredis, { prefix, now: () => time })
  for (let index = 0; index < 250; index++) await store.addRevocation(tokenRevocation(`jti-${index}`))
  await Promise.all(Array.from({ length: 50 }, () => store.addRevocation(CLIENT_REVOCATION)))
  const sizes = () => Promise.all(['positions', 'expiries'].map((name) => ioredis.zcard(`${prefix}{revocations}:${name}`)))
  t.strictSame(await sizes(), [251, 251])
  t.strictSame((await store.listRevocations(undefined)).revocations.at(-1), CLIENT_REVOCATION)

  time = TOKEN_REVOCATION.expiresAt + 59
  await store.addRevocation(CLIENT_REVOCATION)
  t.strictSame(await sizes(), [251, 251], 'a minute is left for processes whose clock is slow')
  time++
  for (const left of [151, 51, 1, 1]) {
    await store.addRevocation(CLIENT_REVOCATION)
    t.strictSame(await sizes(), [left, left])
  }
  t.strictSame((await store.listRevocations(undefined)).revocations, [CLIENT_REVOCATION])
})

test('a cursor from long ago lists all, in pages, since the positions before the last thousand have no names', async (t) => {
  const prefix = newPrefix()
  const store = redisStore(ioredis, { prefix, now: () => START })
  await store.addRevocation(tokenRevocation('first'))
  const { cursor: old } = await store.listRevocations(undefined)
  await store.addRevocation(tokenRevocation('second'))
  const { cursor } = await store.listRevocations(old)
  await Promise.all(Array.from({ length: 999 }, (_, index) => store.addRevocation(tokenRevocation(`jti-${index}`))))
  t.equal((await store.listRevocations(cursor)).revocations.length, 999)
  const all = await store.listRevocations(old)
  t.strictSame(all, await store.listRevocations(undefined))
  t.equal(new Set(idsOf(all)).size, 1001)
  t.strictSame((await store.listRevocations(all.cursor)).revocations, [])
  t.equal(await ioredis.zcard(`${prefix}{revocations}:names`), 1000)
})

test('a cursor misses nothing after a replica took over that had not heard of all', async (t) => {
  const prefix = newPrefix()
  const store = redisStore(ioredis, { prefix, now: () => START })
  await store.addRevocation(tokenRevocation('kept'))
  const keys = await ioredis.keys(`${prefix}*`)
  const heard = await Promise.all(keys.map((key) => ioredis.dumpBuffer(key)))
  await store.addRevocation(tokenRevocation('lost'))
  await store.addRevocation(tokenRevocation('lost too'))
  const { cursor } = await store.listRevocations(undefined)
  await Promise.all(keys.map((key, index) => ioredis.restore(key, 0, heard[index]!, 'REPLACE')))
  await store.addRevocation(tokenRevocation('new'))
  await store.addRevocation(tokenRevocation('lost too'))
  t.strictSame(idsOf(await store.listRevocations(cursor)), ['kept', 'new', 'lost too'])
})

const calls: Record<string, (store: RedisStore) => Promise<unknown>> = {
  reserve: (store) => store.reserve(randomUUID(), START + 10),
  countFailure: (store) => store.countFailure('key', 60),
  forgetFailures: (store) => store.forgetFailures('key'),
  addRevocation: (store) => store.addRevocation(TOKEN_REVOCATION),
  listRevocations: (store) => store.listRevocations(undefined)
}

test('every call rejects while Redis is down, and works again by itself when it is back', async (t) => {
  const server = await startRedis(t)
  const client = impatient(t, server.url)
  const store = redisStore(client, { now: () => START })
  for (const call of Object.values(calls)) await call(store)
  t.equal(await store.reserve('key', START + 10), true)

  await server.stop()
  await statusOf(client, /^(?:close|reconnecting)$/)
  for (const [name, call] of Object.entries(calls)) await t.rejects(call(store), UNAVAILABLE, name)
  await t.rejects(calls.reserve!(store), { cause: { message: /^The client has no connection: its status is (?:close|reconnecting)$/ } })

  await server.start()
  await statusOf(client, /^ready$/)
  for (const call of Object.values(calls)) await call(store)
  t.equal(await store.reserve('key', START + 10), false, 'what was reserved before still is')
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
  await store.reserve('key', START + 10)
  await server.kill('SIGSTOP')
  const pending = store.reserve('other', START + 10)
  await server.kill('SIGKILL')
  await server.start()
  t.equal(await pending, true)
  t.equal(await store.reserve('other', START + 10), false)
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

test('no password is in what is told of a Redis that refuses it', async (t) => {
  const server = await startRedis(t, { args: ['--requirepass', 'right password'] })
  const url = server.url.replace('//', '//:wrong-password@')
  const clients = [
    new Redis(url), new Valkey(url),
    new Cluster([server.url], { redisOptions: { password: 'wrong-password' } }), new ValkeyCluster([server.url], { redisOptions: { password: 'wrong-password' } })
  ]
  const errors: Error[] = await Promise.all(clients.map((client) => redisStore(closing(t, client)).reserve('key', START + 10).catch((error) => error)))
  for (const error of errors) {
    t.match(error, UNAVAILABLE)
    t.notMatch(inspect(error, { depth: Infinity, showHidden: true }), /wrong-password/)
  }
  for (const error of errors.slice(0, 2)) t.match(error.cause, { message: /^WRONGPASS/, name: 'ReplyError', stack: /\n +at / })
})

test('a cursor misses nothing that comes after Redis lost all of its data', async (t) => {
  const server = await startRedis(t, { isPersistent: false })
  const client = impatient(t, server.url)
  const store = redisStore(client, { now: () => START })
  for (const id of ['one', 'two']) await store.addRevocation(tokenRevocation(id))
  const { cursor } = await store.listRevocations(undefined)
  await store.reserve('key', START + 10)

  await server.kill('SIGKILL')
  await server.start()
  await statusOf(client, /^ready$/)
  t.strictSame((await store.listRevocations(cursor)).revocations, [])
  for (const id of ['three', 'four', 'five']) await store.addRevocation(tokenRevocation(id))
  t.strictSame(idsOf(await store.listRevocations(cursor)), ['three', 'four', 'five'])
  t.equal(await store.reserve('key', START + 10), true, 'what was reserved is forgotten too')
})

test('a Redis that is full, or holds something else under a key, makes calls reject with what it said', async (t) => {
  const server = await startRedis(t)
  const client = impatient(t, server.url)
  const store = redisStore(client, { now: () => START })
  for (const call of Object.values(calls)) await call(store)
  await store.forgetFailures('key')
  await client.config('SET', 'maxmemory', '1')
  for (const name of ['reserve', 'countFailure', 'addRevocation']) {
    await t.rejects(calls[name]!(store), { name: 'StoreUnavailableError', cause: { message: /OOM/ } }, name)
  }
  await client.config('SET', 'maxmemory', '0')
  await client.set('fcc:{revocations}:positions', 'something else')
  await t.rejects(calls.listRevocations!(store), { name: 'StoreUnavailableError', cause: { message: /WRONGTYPE/ } })
  await client.script('FLUSH')
  await t.rejects(calls.listRevocations!(store), { name: 'StoreUnavailableError', cause: { message: /WRONGTYPE/ } })
  await client.del('fcc:{revocations}:positions')
  await client.zadd('fcc:{revocations}:positions', 1, 'no JSON')
  await t.rejects(calls.listRevocations!(store), { name: 'StoreUnavailableError', cause: { name: 'SyntaxError' } })
})

test('redisStore takes the clock of the machine and the prefix fcc: unless told', async (t) => {
  const key = randomUUID()
  const time = Math.floor(Date.now() / 1000)
  const store = redisStore(ioredis)
  t.equal(await store.reserve(key, time + 60), true)
  t.equal(await store.reserve(key, time + 60), false)
  const { forgottenAt } = await store.countFailure(key, 60)
  t.ok(forgottenAt >= time + 60)
  t.ok((await ioredis.keys('fcc:replay:*')).length > 0)
})

test('redisStore works under a keyPrefix, and with replies that are texts', async (t) => {
  const client = closing(t, new Redis(redis.url, { keyPrefix: newPrefix(), stringNumbers: true, enableAutoPipelining: true }))
  const store = redisStore(client, { now: () => START })
  t.equal(await store.reserve('key', START + 10), true)
  t.equal(await store.reserve('key', START + 10), false)
  t.strictSame(await store.countFailure('key', 60), { count: 1, forgottenAt: START + 60 })
  await store.addRevocation(CLIENT_REVOCATION)
  t.strictSame((await store.listRevocations(undefined)).revocations, [CLIENT_REVOCATION])
})

test('redisStore refuses what is no such client', async (t) => {
  const nodeRedis = { isOpen: true, set () {}, del () {}, eval () {}, evalSha () {} }
  for (const client of [undefined, null, 'redis://localhost', {}, nodeRedis, { evalsha () {} }]) {
    t.throws(() => redisStore(client as any), { code: 'FST_OAUTH_INVALID_REDIS_CLIENT', message: /ioredis/ })
  }
})

/** A wire to a server that can be cut after a command went through, before its answer comes back. */
async function startWire (t: Test, port: number): Promise<{ port: number, cutBeforeAnswer (): void, cuts (): number }> {
  let isToCut = false
  let cuts = 0
  const sockets = new Set<Socket>()
  const wire = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
    }
    near.pipe(far)
    far.on('data', (answer) => {
      if (!isToCut) {
        near.write(answer)
        return
      }
      isToCut = false
      cuts++
      near.destroy()
      far.destroy()
    })
  }).listen(0, '127.0.0.1')
  t.teardown(() => {
    sockets.forEach((socket) => { socket.destroy() })
    wire.close()
  })
  await once(wire, 'listening')
  return { port: (wire.address() as AddressInfo).port, cutBeforeAnswer: () => { isToCut = true }, cuts: () => cuts }
}
