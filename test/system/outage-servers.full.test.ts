import { setTimeout as delay } from 'node:timers/promises'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import pg from 'pg'
import t from 'tap'
import clientCredentialsPlugin, { ClientCredentialsFlowBuilder, ClientRegistry, JwtAccessTokens, SigningKeys } from '../../plugin/index.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { basic, TOKEN_PATH } from '../support/demo.ts'
import { startPostgres } from '../support/postgres.ts'
import { startRedis } from '../support/redis.ts'

const ISSUER = 'https://as.example'
const [INFO, ERROR] = [30, 50]

/** One kind of request under load, and the statuses that are right for it: while all is well, and at any time. */
interface Kind { send: () => Promise<number>, well: number, always: readonly number[] }

// Of 20 ms: a minute, on a machine that has much else to do.
const MAX_WAITS = 3000

/** Sends requests of every kind, again and again, and counts what comes back. */
class Load {
  readonly counts: Record<string, Record<string, Record<number, number>>> = {}
  /** In milliseconds, by phase and kind. */
  readonly slowest: Record<string, Record<string, number>> = {}
  #phase = ''
  #isOver = false
  readonly #loops: Promise<void>[]

  constructor (kinds: Record<string, Kind>) {
    this.#loops = Object.entries(kinds).map(async ([name, { send }]) => {
      while (!this.#isOver) {
        const phase = this.#phase
        const startedAt = performance.now()
        const status = await send()
        // One that was under way when the phase changed belongs to neither.
        if (phase !== '' && phase === this.#phase) this.#count(phase, name, status, performance.now() - startedAt)
        await delay(2)
      }
    })
  }

  /** Begins a phase, and waits until it has seen enough. */
  async phase (name: string, isEnough: (counts: Record<string, Record<number, number>>) => boolean): Promise<void> {
    this.counts[name] = {}
    this.slowest[name] = {}
    this.#phase = name
    for (let wait = 0; !isEnough(this.counts[name]); wait++) {
      if (wait > MAX_WAITS) throw new Error(`${name}: it never came to what was waited for: ${JSON.stringify(this.counts[name])}`)
      await delay(20)
    }
    this.#phase = ''
  }

  async stop (): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#loops)
  }

  #count (phase: string, kind: string, status: number, time: number): void {
    const counts = this.counts[phase]![kind] ??= {}
    counts[status] = (counts[status] ?? 0) + 1
    const slowest = this.slowest[phase]!
    slowest[kind] = Math.max(slowest[kind] ?? 0, Math.round(time))
  }
}

t.test('under load, PostgreSQL and then Redis go away and come back', async (t) => {
  const [postgres, redisServer] = await Promise.all([startPostgres(t), startRedis(t)])
  const driverErrors: Error[] = []
  const onError = (error: Error) => { driverErrors.push(error) }
  const pool = new pg.Pool({ connectionString: postgres.url, connectionTimeoutMillis: 2000, query_timeout: 2000 }).on('error', onError)
  const connect = () => {
    const redis = new Redis(redisServer.url).on('error', onError)
    t.teardown(() => redis.disconnect())
    return redis
  }
  t.teardown(() => pool.end())

  const store = postgresStore(pool)
  const registry = new ClientRegistry(store, { onError })
  const keys = new SigningKeys(store, { onError })
  const tokensOver = (redis: Redis) => new JwtAccessTokens({ issuer: ISSUER, audience: ISSUER, keys, revocations: redisStore(redis), onError })
  const tokens = tokensOver(connect())
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: TOKEN_PATH })
    .setScopes({ 'data:read': 'Read data' })
    // Here, wrong secrets are to be told from a store that is away.
    .setThrottle(null)
    .useClients(registry)
    .useAccessTokens(tokens)
    .build()
  const lines: { level: number, msg: string }[] = []
  const linesAt = (level: number) => lines.filter((line) => line.level === level).map(({ msg }) => msg)
  const app = Fastify({ logger: { stream: { write: (line) => { lines.push(JSON.parse(line)) } } } })
  t.teardown(() => app.close())
  await app.register(clientCredentialsPlugin, { flow })
  app.get('/data', { preHandler: app.requireScopes('data:read') }, async (request) => request.credentials?.app.id)
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })

  // --- Clients: one that everybody knows, one that is disabled, and many of which each comes for the first time.
  const seldom = Array.from({ length: 3000 }, (_, index) => `seldom-${index}`)
  const added = await registry.addAll(['known', 'disabled', ...seldom].map((id) => ({ id, scopes: ['data:read'] })))
  const secrets = new Map(added.map(({ id, secret }) => [id, secret!.secret]))
  const send = (path: string, id: string, secret: string, parameters: Record<string, string>) => fetch(`${origin}${path}`, {
    method: 'POST', headers: { authorization: basic(id, secret) }, body: new URLSearchParams(parameters)
  })
  const take = (id: string, secret = secrets.get(id)!) => send(TOKEN_PATH, id, secret, { grant_type: 'client_credentials' })
  const tokenFor = async (id: string) => (await (await take(id)).json() as { access_token: string }).access_token
  const statusOf = async (answer: Promise<Response>) => {
    const { status, headers, body } = await answer
    await body?.cancel()
    if (status === 503) t.equal(headers.get('retry-after'), '2')
    return status
  }
  const read = (token: string) => fetch(`${origin}/data`, { headers: { authorization: `Bearer ${token}` } })

  const [good, revoked, ofDisabled] = [await tokenFor('known'), await tokenFor('known'), await tokenFor('disabled')]
  // As another process would.
  const elsewhere = tokensOver(connect())
  await elsewhere.revoke!(revoked)
  await elsewhere.revokeClient('disabled')
  await new ClientRegistry(store).disable('disabled')
  await delay(1000)

  let next = 0
  const revokeNew = async () => {
    // Not from the token endpoint, so that there is one at any time.
    const { accessToken } = await tokens.issue({
      client: { id: 'known', grants: [] }, grantType: '', scope: [], tokenType: 'Bearer', accessTokenLifetime: 60, origin: '', resource: [], audience: [ISSUER], confirmation: undefined
    })
    return await statusOf(send('/oauth2/revoke', 'known', secrets.get('known')!, { token: accessToken }))
  }
  const kinds: Record<string, Kind> = {
    'token, known client': { send: () => statusOf(take('known')), well: 200, always: [200, 503] },
    'token, seldom client': { send: () => statusOf(take(seldom[next++ % seldom.length]!)), well: 200, always: [200, 503] },
    'token, disabled client': { send: () => statusOf(take('disabled')), well: 401, always: [401, 503] },
    'token, wrong secret': { send: () => statusOf(take('known', secrets.get('disabled'))), well: 401, always: [401, 503] },
    'route, good token': { send: () => statusOf(read(good)), well: 200, always: [200] },
    'route, revoked token': { send: () => statusOf(read(revoked)), well: 401, always: [401] },
    'route, token of a disabled client': { send: () => statusOf(read(ofDisabled)), well: 401, always: [401] },
    introspection: { send: () => statusOf(send('/oauth2/introspect', 'known', secrets.get('known')!, { token: good })), well: 200, always: [200, 503] },
    revocation: { send: revokeNew, well: 200, always: [200, 503] }
  }
  const many = (counts: Record<string, Record<number, number>>) => Object.keys(kinds).every((kind) => sum(counts[kind]) >= 30)
  const has = (kind: string, status: number) => (counts: Record<string, Record<number, number>>) => many(counts) && (counts[kind]?.[status] ?? 0) >= 10

  const load = new Load(kinds)
  await load.phase('all is well', many)
  await postgres.stop()
  // Until each endpoint has seen it: clients that are known are let in for a second.
  await load.phase('PostgreSQL is away', (counts) => ['token, seldom client', 'introspection', 'revocation'].every((kind) => has(kind, 503)(counts)))
  await postgres.start()
  await load.phase('PostgreSQL comes back', has('token, seldom client', 200))
  const toldAgain = () => linesAt(INFO).filter((line) => line.endsWith('again')).sort()
  await load.phase('PostgreSQL is back', (counts) => many(counts) && toldAgain().length >= 3)
  const [toldOfPostgres, againAfterPostgres] = [linesAt(ERROR).sort(), toldAgain()]
  await redisServer.stop()
  await load.phase('Redis is away', has('revocation', 503))
  await redisServer.start()
  await load.phase('Redis comes back', has('revocation', 200))
  await load.phase('Redis is back', many)
  await load.stop()

  for (const [phase, counts] of Object.entries(load.counts)) {
    for (const [kind, { well, always }] of Object.entries(kinds)) {
      t.comment(`${phase}; ${kind}: ${JSON.stringify(counts[kind])}, the slowest in ${load.slowest[phase]![kind]} ms`)
      const right = phase.endsWith(' away') || phase.endsWith('comes back') ? always : [well]
      t.strictSame(Object.keys(counts[kind]!).filter((status) => !right.includes(Number(status))), [], `${phase}; ${kind}`)
    }
  }
  const ENDPOINTS = ['The introspection endpoint', 'The revocation endpoint', 'The token endpoint']
  t.strictSame(toldOfPostgres, ENDPOINTS.map((name) => `${name}: the store is not available`))
  t.strictSame(againAfterPostgres, ENDPOINTS.map((name) => `${name}: the store is available again`))
  t.strictSame(linesAt(ERROR).slice(toldOfPostgres.length), ['The revocation endpoint: the store is not available'], 'of Redis')
  t.match(await statusOf(read(await tokenFor('seldom-1'))), 200)
})

const sum = (counts: Record<number, number> = {}) => Object.values(counts).reduce((total, count) => total + count, 0)
