import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, {
  ClientCredentialsFlowBuilder, InvalidClientError, JwtAccessTokens, MemoryStore, OpaqueAccessTokens, SigningKeys, StoreUnavailableError
} from '../../plugin/index.ts'
import type { AccessTokens, ClientCredentialsFlow } from '../../plugin/index.ts'
import { OutageLog } from '../../plugin/outage-log.ts'
import { isStoreUnavailable, TemporarilyUnavailableError } from '../../src/adapter.ts'
import { StrategyUnavailableError } from '../../src/errors/strategy-error.ts'
import { basic, demoBuilder, FORM, form, getClient, TOKEN_PATH, tokenOf } from '../support/demo.ts'

const ISSUER = 'https://as.example'
const UNAVAILABLE = { error: 'temporarily_unavailable', error_description: 'The server cannot handle the request now' }
const UNVERIFIABLE = { error: 'temporarily_unavailable', error_description: 'The server cannot verify the access token now' }
const NOT_COMPARED = 'The settings of this process could not be compared with those of the others, since a store is not available'
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
  t.strictSame(linesAt(ERROR), [NOT_COMPARED, '/.well-known/jwks.json: the store is not available', 'The token endpoint: the store is not available'])
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
  const options = { issuer: ISSUER, audience: ISSUER, keys, revocations: store }
  const good = await takeToken((await serve(t, flowOf(new JwtAccessTokens(options)))).app)
  power.isAway = true
  const { app } = await serve(t, flowOf(new JwtAccessTokens(options)))
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
    t.equal(isStoreUnavailable(error), status === 503, title)
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
  const { app, linesAt } = await serve(t, flowOf(tokens, power))
  const visitAll = async (token: string) => [
    await ask(app), await visit(app, token), await app.inject('/.well-known/jwks.json'), await post(app, '/oauth2/introspect', { token }), await post(app, '/oauth2/revoke', { token: 'any' })
  ].map(({ statusCode }) => statusCode)
  t.strictSame(await visitAll('any'), [503, 503, 503, 503, 503])
  const NAMES = ['The token endpoint', 'Guarded routes', '/.well-known/jwks.json', 'The introspection endpoint', 'The revocation endpoint']
  t.strictSame(linesAt(ERROR), [NOT_COMPARED, ...NAMES.map((name) => `${name}: the store is not available`)])
  power.isAway = false
  const token = await takeToken(app)
  t.strictSame(await visitAll(token), [200, 200, 200, 200, 200])
  const told = () => linesAt(INFO).filter((message) => message.endsWith('again'))
  t.strictSame(told(), [], 'it might be one that is remembered')
  time += 5000
  for (let i = 0; i < 2; i++) t.strictSame(await visitAll(token), [200, 200, 200, 200, 200])
  t.strictSame(told(), NAMES.map((name) => `${name}: the store is available again`))
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
  const outage = new OutageLog('The token endpoint', log, () => time)
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
