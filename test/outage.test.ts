import { setTimeout as delay } from 'node:timers/promises'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import pg from 'pg'
import t from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, {
  ClientCredentialsFlowBuilder, ClientRegistry, InvalidClientError, isStoreAway, JwtAccessTokens, MemoryStore, OpaqueAccessTokens, SigningKeys,
  StoreUnavailableError, StrategyUnavailableError, TemporarilyUnavailableError
} from '../plugin/index.ts'
import type { AccessTokens, ClientCredentialsFlow } from '../plugin/index.ts'
import { Outage } from '../plugin/outage.ts'
import { postgresStore } from '../src/store/postgres.ts'
import { redisStore } from '../src/store/redis.ts'
import { basic, demoBuilder, FORM, form, getClient, TOKEN_PATH, tokenOf } from './support/demo.ts'
import { startPostgres } from './support/postgres.ts'
import { startRedis } from './support/redis.ts'

const ISSUER = 'https://as.example'
const UNAVAILABLE = { error: 'temporarily_unavailable', error_description: 'The server cannot handle the request now' }
const UNVERIFIABLE = { error: 'temporarily_unavailable', error_description: 'The server cannot verify the access token now' }
const DRIVER_ERROR = 'connect ECONNREFUSED 192.0.2.1:5432'

/** Something that is there, or away. */
interface Switch { isAway: boolean }
const away = async (): Promise<never> => { throw new StoreUnavailableError(new Error(DRIVER_ERROR)) }

/** A store in memory that can be away. */
function switchedStore (power: Switch): MemoryStore {
  return new Proxy(new MemoryStore(), {
    get (store, name) {
      const method = Reflect.get(store, name)
      return (...args: unknown[]) => power.isAway ? away() : method.apply(store, args)
    }
  })
}

interface Line { level: number, msg: string, err?: { message: string, stack: string }, oauth?: { failures: number } }
const [DEBUG, INFO, ERROR] = [20, 30, 50]

interface Setup {
  app: FastifyInstance
  lines: Line[]
  /** Those of the plugin, at this level. */
  linesAt: (level: number) => string[]
}

async function serve (t: Test, flow: ClientCredentialsFlow, prepare = async (_app: FastifyInstance) => {}): Promise<Setup> {
  const lines: Line[] = []
  const app = Fastify({ logger: { level: 'trace', stream: { write: (line) => { lines.push(JSON.parse(line)) } } } })
  t.teardown(() => app.close())
  await prepare(app)
  await app.register(clientCredentialsPlugin, { flow })
  app.get('/data', { preHandler: app.requireScopes('data:read') }, async (request) => request.credentials?.app.id)
  return { app, lines, linesAt: (level) => lines.filter((line) => line.level === level).map(({ msg }) => msg) }
}

const flowOf = (accessTokens: AccessTokens, power: Switch = { isAway: false }) => new ClientCredentialsFlowBuilder({ tokenEndpoint: TOKEN_PATH })
  .setScopes({ 'data:read': 'Read data', 'data:write': 'Write data' })
  .getClient((context) => power.isAway ? away() : getClient(context))
  .useAccessTokens(accessTokens)
  .build()

const post = (app: FastifyInstance, url: string, parameters: Record<string, string>, headers = {}) => app.inject({
  method: 'POST', url, headers: { authorization: basic('reader'), 'content-type': FORM, ...headers }, payload: form(parameters)
})
const ask = (app: FastifyInstance, headers = {}) => post(app, TOKEN_PATH, { grant_type: 'client_credentials' }, headers)
const takeToken = async (app: FastifyInstance): Promise<string> => (await ask(app)).json().access_token
const visit = (app: FastifyInstance, token: string) => app.inject({ url: '/data', headers: { authorization: `Bearer ${token}` } })

t.test('an endpoint answers 503 while a store is away, with Retry-After and without a challenge, and needs no restart', async (t) => {
  const power = { isAway: false }
  const store = switchedStore(power)
  const tokens = new JwtAccessTokens({ issuer: ISSUER, audience: ISSUER, keys: new SigningKeys(store), revocations: store })
  const clientPower = { isAway: false }
  const { app } = await serve(t, flowOf(tokens, clientPower))
  const token = await takeToken(app)

  const requests: [string, () => ReturnType<typeof ask>][] = [
    ['the token endpoint', () => ask(app)],
    ['introspection', () => post(app, '/oauth2/introspect', { token })],
    ['introspection as a JWT', () => post(app, '/oauth2/introspect', { token }, { accept: 'application/token-introspection+jwt' })],
    ['revocation', () => post(app, '/oauth2/revoke', { token: 'unknown' })]
  ]
  clientPower.isAway = true
  for (const [title, request] of requests) {
    const answer = await request()
    t.match(answer, { statusCode: 503, headers: { 'retry-after': '2', 'cache-control': 'no-store', 'www-authenticate': undefined } }, title)
    t.strictSame(answer.json(), UNAVAILABLE, title)
  }
  clientPower.isAway = false
  for (const [title, request] of requests) t.match(await request(), { statusCode: 200 }, title)

  // The client is known, but what it asks for cannot be written.
  power.isAway = true
  t.match(await post(app, '/oauth2/revoke', { token }), { statusCode: 503, headers: { 'retry-after': '2' } })
  t.match(await visit(app, token), { statusCode: 200 }, 'a revocation that was answered by 503 is none')
  power.isAway = false
  t.match(await post(app, '/oauth2/revoke', { token }), { statusCode: 200 })
  t.match(await visit(app, token), { statusCode: 401 })
})

t.test('the JWKS is served from what is known, and is a 503 when nothing is', async (t) => {
  const power = { isAway: true }
  const tokens = new JwtAccessTokens({ issuer: ISSUER, audience: ISSUER, keys: new SigningKeys(switchedStore(power)) })
  const { app, linesAt } = await serve(t, flowOf(tokens))
  const jwks = () => app.inject('/.well-known/jwks.json')
  for (let i = 0; i < 3; i++) t.match(await jwks(), { statusCode: 503, headers: { 'retry-after': '2', 'cache-control': 'no-store' } })
  t.strictSame((await jwks()).json(), UNAVAILABLE)
  t.match(await ask(app), { statusCode: 503 }, 'nothing can be signed')
  t.strictSame(linesAt(ERROR), ['/.well-known/jwks.json: the store is not available', 'The token endpoint: the store is not available'])
  power.isAway = false
  t.match(await jwks(), { statusCode: 200 })
  power.isAway = true
  t.match(await jwks(), { statusCode: 200 })
})

t.test('while a store is away, JWTs that can be verified are accepted, and revocations that are known stay in force', async (t) => {
  const power = { isAway: false }
  const store = switchedStore(power)
  const tokens = new JwtAccessTokens({ issuer: ISSUER, audience: ISSUER, keys: new SigningKeys(store), revocations: store })
  const { app, linesAt } = await serve(t, flowOf(tokens))
  const [good, unseen, revoked] = await Promise.all([takeToken(app), takeToken(app), takeToken(app)])
  await visit(app, good)
  await post(app, '/oauth2/revoke', { token: revoked })
  power.isAway = true
  for (let i = 0; i < 3; i++) {
    t.match(await visit(app, good), { statusCode: 200, body: 'reader' })
    t.match(await visit(app, unseen), { statusCode: 200, body: 'reader' }, 'never seen before')
    t.match(await visit(app, revoked), { statusCode: 401 })
  }
  t.match(await ask(app), { statusCode: 200 }, 'the keys that are known sign')
  t.strictSame(linesAt(ERROR), [])
})

t.test('a process that could never read the revocations lets nobody in, and says that it is its own fault', async (t) => {
  const power = { isAway: false }
  const store = switchedStore(power)
  const keys = new SigningKeys(new MemoryStore())
  const options = { issuer: ISSUER, audience: ISSUER, keys }
  const good = await takeToken((await serve(t, flowOf(new JwtAccessTokens(options)))).app)
  power.isAway = true
  const { app } = await serve(t, flowOf(new JwtAccessTokens({ ...options, revocations: store })))
  const answer = await visit(app, good)
  t.match(answer, { statusCode: 503, headers: { 'retry-after': '2', 'www-authenticate': undefined } })
  t.strictSame(answer.json(), UNVERIFIABLE)
  power.isAway = false
  t.match(await visit(app, good), { statusCode: 200 })
})

t.test('an opaque token that must be looked up is a 503 while the store is away', async (t) => {
  const power = { isAway: false }
  const { app, linesAt } = await serve(t, flowOf(new OpaqueAccessTokens({ issuer: ISSUER, audience: ISSUER, store: switchedStore(power) })))
  const token = await takeToken(app)
  power.isAway = true
  for (const presented of [token, 'unknown', token]) {
    const answer = await visit(app, presented)
    t.match(answer, { statusCode: 503, headers: { 'retry-after': '2', 'www-authenticate': undefined } })
    t.strictSame(answer.json(), UNVERIFIABLE)
  }
  t.strictSame(linesAt(ERROR), ['Guarded routes: the store is not available'])
  t.match(await ask(app), { statusCode: 503 })
  power.isAway = false
  t.match(await visit(app, token), { statusCode: 200 })
})

t.test('a store that is away is found among the causes of what a callback throws', async (t) => {
  const wrapped = new Error('no client can be read', { cause: new StoreUnavailableError(new Error(DRIVER_ERROR)) })
  const circle = new Error('round')
  circle.cause = new Error('and round', { cause: circle })
  const CASES: [string, unknown, number, string | undefined][] = [
    ['itself', new StoreUnavailableError(undefined), 503, '2'],
    ['wrapped', wrapped, 503, '2'],
    ['wrapped twice', new Error('more', { cause: wrapped }), 503, '2'],
    ['behind a refusal', new InvalidClientError(undefined, { cause: wrapped }), 503, '2'],
    ['behind an answer that waits longer', new TemporarilyUnavailableError(undefined, { cause: wrapped, retryAfter: 60 }), 503, '60'],
    ['not there', new Error('a mistake', { cause: 'none' }), 500, undefined],
    ['not there, in a circle', circle, 500, undefined]
  ]
  for (const [title, error, status, retryAfter] of CASES) {
    const { app } = await serve(t, demoBuilder().getClient(() => { throw error }).build())
    const answer = await ask(app)
    t.match(answer, { statusCode: status, headers: { 'retry-after': retryAfter } }, title)
    t.equal(isStoreAway(error), status === 503, title)
  }

  const longer = new StrategyUnavailableError(undefined, { cause: wrapped, retryAfter: 60 })
  const VERDICTS: [string, () => any, number, string | undefined][] = [
    ['wrapped', () => { throw wrapped }, 503, '2'],
    ['rejected', () => Promise.reject(wrapped), 503, '2'],
    ['behind a refusal', () => ({ isValid: false, cause: wrapped }), 503, '2'],
    ['behind an answer that waits longer', () => { throw longer }, 503, '60'],
    ['not there', () => { throw circle }, 500, undefined]
  ]
  for (const [title, verifyToken, status, retryAfter] of VERDICTS) {
    const { app } = await serve(t, demoBuilder().verifyToken(verifyToken).build())
    t.match(await visit(app, 'any'), { statusCode: status, headers: { 'retry-after': retryAfter, 'www-authenticate': undefined } }, title)
  }
})

t.test('without Fastify, the errors of a store that is away know their answer too', async (t) => {
  const flow = demoBuilder().getClient(away).verifyToken(away).build()
  const request = (authorization: string) => new Request(`${ISSUER}${TOKEN_PATH}`, { method: 'POST', headers: { authorization }, body: new URLSearchParams({ grant_type: 'client_credentials' }) })
  t.match(await flow.token(request(basic('reader'))), { success: false, error: { status: 503, body: UNAVAILABLE, headers: { 'retry-after': '2' } } })
  t.match(await flow.verifyToken(request('Bearer any')), { success: false, error: { status: 503, body: UNVERIFIABLE, headers: { 'retry-after': '2' } } })
})

t.test('an outage is in the log once, with its cause, and its requests at debug', async (t) => {
  const flow = demoBuilder().getClient(away).verifyToken(away).build()
  const { app, lines, linesAt } = await serve(t, flow)
  app.get('/own', { preHandler: app.requireScopes(), errorHandler: async () => 'my own answer' }, async () => 'served')
  for (let i = 0; i < 3; i++) {
    await ask(app)
    await visit(app, tokenOf('reader', ['data:read']))
    await app.inject({ url: '/own', headers: { authorization: 'Bearer any' } })
  }
  t.strictSame(linesAt(ERROR), ['The token endpoint: the store is not available', 'Guarded routes: the store is not available'])
  for (const { err } of lines.filter(({ level }) => level === ERROR)) t.match(err?.stack, DRIVER_ERROR)
  t.strictSame(linesAt(INFO).filter((message) => message.includes('store')), [])
  t.equal(linesAt(DEBUG).filter((message) => message.startsWith('OAuth temporarily_unavailable')).length, 6)
})

t.test('each endpoint, and the guards, say that the store is available again', async (t) => {
  let time = Date.now()
  t.intercept(Date, 'now', { value: () => time })
  const power = { isAway: true }
  const store = switchedStore(power)
  const tokens = new JwtAccessTokens({ issuer: ISSUER, audience: ISSUER, keys: new SigningKeys(store), revocations: store })
  const { app, linesAt } = await serve(t, flowOf(tokens))
  const visitAll = async (token: string) => [await ask(app), await visit(app, token), await app.inject('/.well-known/jwks.json')].map(({ statusCode }) => statusCode)
  t.strictSame(await visitAll('any'), [503, 503, 503])
  power.isAway = false
  const token = await takeToken(app)
  t.strictSame(await visitAll(token), [200, 200, 200])
  const told = () => linesAt(INFO).filter((message) => message.endsWith('again'))
  t.strictSame(told(), [], 'it might be one that is remembered')
  time += 5000
  for (let i = 0; i < 2; i++) t.strictSame(await visitAll(token), [200, 200, 200])
  t.strictSame(told(), ['The token endpoint', 'Guarded routes', '/.well-known/jwks.json'].map((name) => `${name}: the store is available again`))
})

t.test('a hook of the application that needs a store which is away has an OAuth answer and one line as well', async (t) => {
  const { app, linesAt } = await serve(t, demoBuilder().build(), async (host) => { host.addHook('onRequest', away) })
  for (let i = 0; i < 3; i++) {
    const answer = await ask(app)
    t.match(answer, { statusCode: 503, headers: { 'retry-after': '2' } })
    t.strictSame(answer.json(), UNAVAILABLE)
  }
  t.match(await app.inject(TOKEN_PATH), { statusCode: 503 })
  t.strictSame(linesAt(ERROR), ['The token endpoint: the store is not available'])
})

t.test('an outage begins with its first failure, and is over when a request goes well and none has failed for a while', async (t) => {
  const lines: Line[] = []
  const { log } = Fastify({ logger: { level: 'trace', stream: { write: (line) => { lines.push(JSON.parse(line)) } } } })
  let time = 1000
  const outage = new Outage('The token endpoint', log, () => time)
  const fail = () => outage.failed(new Error('no client', { cause: new StoreUnavailableError(new Error(DRIVER_ERROR)) }))
  const told = () => lines.splice(0).map(({ level, msg, oauth }) => [level, msg, ...(oauth ? [oauth.failures] : [])])

  outage.succeeded()
  outage.failed(new Error('a mistake'))
  t.strictSame(told(), [], 'no outage')
  fail()
  fail()
  t.strictSame(told(), [[ERROR, 'The token endpoint: the store is not available']])
  for (let second = 0; second < 10; second++) {
    // A client that is remembered between two that are not.
    time += 1
    outage.succeeded()
    fail()
  }
  time += 4
  outage.succeeded()
  t.strictSame(told(), [])
  time += 1
  outage.succeeded()
  outage.succeeded()
  t.strictSame(told(), [[INFO, 'The token endpoint: the store is available again', 12]])
  fail()
  t.strictSame(told(), [[ERROR, 'The token endpoint: the store is not available']], 'the next outage')
})

/** One kind of request under load, and the statuses that are right for it: while all is well, and at any time. */
interface Kind { send: () => Promise<number>, well: number, always: readonly number[] }

/** Sends requests of every kind, again and again, and counts what comes back. */
// Of 20 ms: a minute, on a machine that has much else to do.
const MAX_WAITS = 3000

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
  const { app, linesAt } = await serve(t, flow)
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
      client: { id: 'known', grants: [] }, grantType: '', scope: [], tokenType: 'Bearer', accessTokenLifetime: 60, resource: [], confirmation: undefined
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
  const toldOfPostgres = linesAt(ERROR).sort()
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
  t.strictSame(toldAgain(), ENDPOINTS.map((name) => `${name}: the store is available again`))
  t.strictSame(linesAt(ERROR).slice(toldOfPostgres.length), ['The revocation endpoint: the store is not available'], 'of Redis')
  t.match(await statusOf(read(await tokenFor('seldom-1'))), 200)
})

const sum = (counts: Record<number, number> = {}) => Object.values(counts).reduce((total, count) => total + count, 0)
