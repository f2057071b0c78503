// What users register beside the plugin, each as its own documentation has it.
import { settingsOf } from '../../src/adapter.ts'
import auth from '@fastify/auth'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import { FastifyOtelInstrumentation } from '@fastify/otel'
import rateLimit from '@fastify/rate-limit'
import type { RateLimitPluginOptions } from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import underPressure from '@fastify/under-pressure'
import { context } from '@opentelemetry/api'
import type { Span } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import Fastify from 'fastify'
import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { Redis } from 'ioredis'
import { test } from 'tap'
import type { Test } from 'tap'
import { Type } from 'typebox'
import { z } from 'zod'
import { seeRoutesFirst } from '../../plugin/fastify-internals.ts'
import clientCredentialsPlugin, { credentialsOf, DPoPTokenType, JwtAccessTokens, MemoryStore, SigningKeys } from '../../plugin/index.ts'
import type { AuthCredentials, Guard } from '../../plugin/index.ts'
import { basic, demoBuilder, FORM, tokenOf, TOKEN_PATH } from '../support/demo.ts'
import { proofFor } from '../support/proof.ts'
import { startRedis } from '../support/redis.ts'
import { MemoryReplays } from '../support/replays.ts'

const READ = 'data:read'
const WRITE = 'data:write'
const CHALLENGE = 'Bearer realm="demo", scope="data:read"'
const ISSUER = 'https://as.example'
const bearer = (id: string, ...scopes: string[]) => ({ authorization: `Bearer ${tokenOf(id, scopes)}` })
const reader = bearer('reader', READ)
const writer = bearer('writer', READ, WRITE)
const tokenRequest = (secret?: string) => ({
  method: 'POST', url: TOKEN_PATH, headers: { authorization: basic('reader', secret), 'content-type': FORM }, payload: 'grant_type=client_credentials'
}) as const
const credentials = async (request: FastifyRequest) => request.credentials

/** An application that a plugin is registered in before ours, with a guarded and an open route. */
async function appWith (register: (app: FastifyInstance) => unknown, flow = demoBuilder().build()): Promise<FastifyInstance> {
  const app = Fastify()
  await register(app)
  await app.register(clientCredentialsPlugin, { flow, origin: ISSUER })
  app.get('/data', { preHandler: app.requireScopes(READ) }, credentials)
  app.get('/open', async () => 'open')
  return app
}

// @fastify/rate-limit

const TOO_MANY = { error: 'temporarily_unavailable', error_description: 'The server cannot handle the request now' }
const LIMIT_STORES: Record<string, (t: Test) => Promise<RateLimitPluginOptions>> = {
  memory: async () => ({}),
  Redis: async (t) => {
    const redis = new Redis((await startRedis(t)).url)
    t.teardown(() => redis.disconnect())
    return { redis }
  }
}

for (const [name, storeOf] of Object.entries(LIMIT_STORES)) {
  test(`@fastify/rate-limit in ${name} counts clients by their credentials, and the token requests of an address`, async (t) => {
    const app = Fastify()
    t.teardown(() => app.close())
    const perAddress = { max: 2, hook: 'onRequest', keyGenerator: ({ ip }: FastifyRequest) => `token ${ip}` }
    app.addHook('onRoute', (route: RouteOptions) => { if (route.url === TOKEN_PATH) route.config = { ...route.config, rateLimit: perAddress } as object })
    await app.register(rateLimit, {
      max: 3, timeWindow: '1 minute', hook: 'preHandler', keyGenerator: (request) => request.credentials?.app.id ?? request.ip, ...await storeOf(t)
    })
    await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
    app.get('/data', { preHandler: app.requireScopes(READ) }, credentials)
    const guards = [app.requireScopes(READ)]
    app.get('/few', { preHandler: guards, config: { rateLimit: { max: 1 } } }, credentials)
    const statuses = async (times: number, request: object) => {
      const answers = []
      for (let i = 0; i < times; i++) answers.push((await app.inject(request)).statusCode)
      return answers
    }

    t.strictSame(await statuses(4, { url: '/data', headers: reader }), [200, 200, 200, 429])
    t.strictSame(await statuses(1, { url: '/data', headers: writer }), [200], 'another client from the same address')
    t.strictSame(await statuses(5, { url: '/data' }), [401, 401, 401, 401, 401], 'refused before it is counted')
    t.strictSame(await statuses(2, { url: '/few', headers: reader }), [200, 429], 'a limit of its own')
    t.strictSame(await statuses(1, { url: '/few', headers: writer }), [200])
    t.strictSame(await statuses(2, tokenRequest()), [200, 200])

    const refused = await app.inject(tokenRequest())
    t.equal(refused.statusCode, 429)
    t.strictSame(refused.json(), TOO_MANY)
    t.match(refused.headers, { 'retry-after': '60', 'x-ratelimit-limit': '2', 'cache-control': 'no-store', 'content-type': 'application/json; charset=utf-8' })
    const few = await app.inject({ url: '/few', headers: reader })
    t.strictSame(few.json(), { statusCode: 429, error: 'Too Many Requests', message: 'Rate limit exceeded, retry in 1 minute' }, 'at a route, the answer of the limit')
  })
}

test('@fastify/rate-limit with an answer of the user, or a ban, is an OAuth error at the token endpoint alone', async (t) => {
  const own = { statusCode: 429, error: 'Too Many Requests', message: 'Come back later', expiresIn: 60 }
  const limit: RateLimitPluginOptions = { max: 1, timeWindow: '1 minute', errorResponseBuilder: () => own }
  const plain = Fastify()
  await plain.register(rateLimit, limit)
  plain.get('/open', async () => 'open')
  const app = await appWith((app) => app.register(rateLimit, limit))
  const second = async (app: FastifyInstance, request: object) => {
    await app.inject(request)
    return app.inject(request)
  }

  const refused = await second(app, tokenRequest())
  t.equal(refused.statusCode, 429)
  t.strictSame(refused.json(), TOO_MANY)
  t.equal(refused.headers['retry-after'], '60')
  const [expected, answer] = [await second(plain, { url: '/open' }), await second(app, { url: '/open' })]
  t.strictSame([answer.statusCode, answer.json()], [expected.statusCode, expected.json()])

  const banning = await appWith((app) => app.register(rateLimit, { max: 0, ban: 0 }))
  const banned = await banning.inject(tokenRequest())
  t.equal(banned.statusCode, 403)
  t.strictSame(banned.json(), { error: 'invalid_request', error_description: 'The request is malformed' })
})

test('@fastify/rate-limit in its default hook counts before anybody is known, and registered after the plugin it misses the token endpoint', async (t) => {
  const seen: unknown[] = []
  const app = await appWith((app) => app.register(rateLimit, { keyGenerator: (request) => { seen.push(request.credentials); return request.ip } }))
  await app.inject({ url: '/data', headers: reader })
  t.strictSame(seen, [null])

  const late = Fastify()
  await late.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
  await late.register(rateLimit, { max: 0 })
  late.get('/data', { preHandler: late.requireScopes(READ) }, credentials)
  t.equal((await late.inject(tokenRequest())).statusCode, 200)
  t.equal((await late.inject('/data')).statusCode, 429)
})

// @fastify/helmet

test('@fastify/helmet, in any order, has its fields on every answer of ours', async (t) => {
  const flow = demoBuilder().useAccessTokens(new JwtAccessTokens({ issuer: ISSUER, audience: ISSUER, keys: new SigningKeys(new MemoryStore()) })).build()
  const before = await appWith((app) => app.register(helmet), flow)
  const after = await appWith(() => {}, flow)
  await after.register(helmet)
  for (const app of [before, after]) {
    for (const [url, status] of [['/.well-known/oauth-authorization-server', 200], ['/.well-known/jwks.json', 200], ['/.well-known/oauth-protected-resource', 200], ['/data', 401], [TOKEN_PATH, 405]] as const) {
      const answer = await app.inject(url)
      t.equal(answer.statusCode, status, url)
      t.match(answer.headers, { 'content-security-policy': /default-src/, 'x-content-type-options': 'nosniff' }, url)
    }
    for (const [secret, status] of [[undefined, 200], ['wrong', 401]] as const) {
      const answer = await app.inject(tokenRequest(secret))
      t.equal(answer.statusCode, status)
      t.match(answer.headers, { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
    }
  }
})

// @fastify/cors

const PAGE = 'https://page.example'
const preflightOf = (url: string, method: string, headers: string) => ({
  method: 'OPTIONS', url, headers: { origin: PAGE, 'access-control-request-method': method, 'access-control-request-headers': headers }
}) as const

test('@fastify/cors answers the preflight of guarded routes without a token, in a guarded scope too', async (t) => {
  const app = await appWith((app) => app.register(cors, { origin: PAGE, allowedHeaders: ['authorization', 'dpop', 'content-type'] }))
  await app.register(async (scope) => {
    scope.addHook('onRequest', scope.requireScopes(READ))
    scope.get('/scope', credentials)
  })
  for (const url of ['/data', '/scope', TOKEN_PATH]) {
    const answer = await app.inject(preflightOf(url, 'GET', 'authorization,dpop'))
    t.equal(answer.statusCode, 204, url)
    t.match(answer.headers, { 'access-control-allow-origin': PAGE, 'access-control-allow-headers': 'authorization, dpop, content-type' }, url)
    t.equal(answer.headers['www-authenticate'], undefined, url)
  }
  for (const url of ['/data', '/scope']) t.equal((await app.inject({ url, headers: { origin: PAGE } })).statusCode, 401, url)
})

test('@fastify/cors answers preflights in front of a guard that is a hook of the whole application, if it was registered before', async (t) => {
  for (const [order, status] of [['before', 204], ['after', 401]] as const) {
    const app = Fastify()
    if (order === 'before') await app.register(cors, { origin: PAGE })
    await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
    app.addHook('onRequest', app.requireScopes(READ))
    if (order === 'after') await app.register(cors, { origin: PAGE })
    app.get('/data', credentials)
    t.equal((await app.inject(preflightOf('/data', 'GET', 'authorization'))).statusCode, status, order)
    t.equal((await app.inject(tokenRequest())).statusCode, 200)
  }
})

test('@fastify/cors shows pages what it exposes on refusals too, beside the nonce that a refusal brings', async (t) => {
  const flow = demoBuilder().setTokenType(new DPoPTokenType({ replays: new MemoryReplays(), nonceKey: 'n'.repeat(32) })).build()
  const exposing = await appWith((app) => app.register(cors, { origin: PAGE, exposedHeaders: ['X-Total', 'WWW-Authenticate'] }), flow)
  const silent = await appWith((app) => app.register(cors, { origin: PAGE }), flow)
  const REQUESTS = [
    { url: '/data', headers: { authorization: `DPoP ${tokenOf('reader', [READ])}`, dpop: await proofFor('GET', `${ISSUER}/data`, { token: tokenOf('reader', [READ]) }) } },
    { ...tokenRequest(), headers: { ...tokenRequest().headers, dpop: await proofFor('POST', `${ISSUER}${TOKEN_PATH}`) } }
  ]
  for (const [app, exposed] of [[exposing, 'X-Total, WWW-Authenticate, DPoP-Nonce'], [silent, 'DPoP-Nonce, WWW-Authenticate']] as const) {
    for (const request of REQUESTS) {
      const answer = await app.inject({ ...request, headers: { ...request.headers, origin: PAGE } })
      t.equal(answer.json().error, 'use_dpop_nonce')
      t.type(answer.headers['dpop-nonce'], 'string')
      t.equal(answer.headers['access-control-allow-origin'], PAGE)
      t.equal(answer.headers['access-control-expose-headers'], exposed)
    }
  }
})

// @fastify/auth

async function needsApiKey (request: FastifyRequest): Promise<void> {
  if (request.headers['x-api-key'] !== 'key') throw new Error('No API key')
}

const key = { 'x-api-key': 'key' }
const COMPOSITIONS: Record<string, (app: FastifyInstance, guard: Guard) => unknown> = {
  'guard or key': (app, guard) => app.auth([guard, needsApiKey]),
  'guard or key, both asked': (app, guard) => app.auth([guard, needsApiKey], { run: 'all' }),
  'a group or key': (app, guard) => app.auth([[guard, app.requireScopes(WRITE)], needsApiKey])
}

for (const [name, compose] of Object.entries(COMPOSITIONS)) {
  test(`@fastify/auth, ${name}: who comes in by the key is not told to bring a token`, async (t) => {
    const app = await appWith((app) => app.register(auth))
    app.get('/composed', { preHandler: compose(app, app.requireScopes(READ)) as Guard, config: { oauth: { documentedScopes: [READ] } } }, async (request) => ({ credentials: request.credentials }))
    for (const method of ['GET', 'HEAD'] as const) {
      const answer = await app.inject({ method, url: '/composed', headers: { ...key, authorization: 'Bearer nonsense' } })
      t.equal(answer.statusCode, 200, method)
      t.equal(answer.headers['www-authenticate'], undefined, method)
    }
    const refused = await app.inject('/composed')
    t.equal(refused.statusCode, 401)
    t.equal(refused.headers['www-authenticate'], CHALLENGE, 'who comes in by neither is')
    t.equal((await app.inject({ url: '/composed', headers: writer })).headers['www-authenticate'], undefined)
  })
}

test('A challenge that the user has set stays on a success, and one of a route without config.oauth as well', async (t) => {
  const app = await appWith((app) => app.register(auth))
  const oauth = { documentedScopes: [READ] }
  app.get('/own', { preHandler: app.auth([app.requireScopes(READ), needsApiKey]), config: { oauth } }, async (_request, reply) => {
    reply.header('www-authenticate', 'Negotiate')
    return 'own'
  })
  app.get('/silent', { preHandler: app.auth([app.requireScopes(READ), needsApiKey]) }, async () => 'silent')
  const seen: unknown[] = []
  app.get('/hook', {
    preHandler: app.auth([app.requireScopes(READ), needsApiKey]),
    config: { oauth },
    onSend: async (_request, reply) => { seen.push(reply.getHeader('www-authenticate')) }
  }, async () => 'hook')
  t.equal((await app.inject({ url: '/own', headers: key })).headers['www-authenticate'], 'Negotiate')
  t.equal((await app.inject({ url: '/silent', headers: key })).headers['www-authenticate'], CHALLENGE)
  t.equal((await app.inject({ url: '/hook', headers: key })).headers['www-authenticate'], undefined)
  t.strictSame(seen, [CHALLENGE], "the user's own onSend hook runs")
})

// @fastify/under-pressure

test('@fastify/under-pressure, in any order, is a 503 of OAuth at the token endpoint, and its status route stays open', async (t) => {
  let isHealthy = true
  const options = { healthCheck: async () => isHealthy, healthCheckInterval: 1e6, exposeStatusRoute: '/status', retryAfter: 50 }
  const flow = demoBuilder().build()
  const before = await appWith((app) => app.register(underPressure, options), flow)
  const after = await appWith(() => {}, flow)
  await after.register(underPressure, options)
  for (const app of [before, after]) {
    t.teardown(() => app.close())
    t.equal((await app.inject('/status')).statusCode, 200, 'without a token')
    t.equal((await app.inject(tokenRequest())).statusCode, 200)
  }

  isHealthy = false
  const sick = await appWith((app) => app.register(underPressure, options), flow)
  t.teardown(() => sick.close())
  const refused = await sick.inject(tokenRequest())
  t.equal(refused.statusCode, 503)
  t.equal(refused.headers['retry-after'], '50')
  t.strictSame(refused.json(), TOO_MANY)
  const data = await sick.inject({ url: '/data', headers: reader })
  t.strictSame([data.statusCode, data.headers['retry-after'], data.json().code], [503, '50', 'FST_UNDER_PRESSURE'], 'at a route, the answer of the plugin')
})

// @fastify/otel

const spans = new InMemorySpanExporter()
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })

/** Traces applications until a test ends. */
function traced (t: Test, options: object = {}): FastifyOtelInstrumentation {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const instrumentation = new FastifyOtelInstrumentation(options)
  instrumentation.setTracerProvider(tracerProvider)
  t.teardown(() => {
    instrumentation.disable()
    context.disable()
    spans.reset()
  })
  return instrumentation
}

const OTEL_ORDERS: Record<string, (t: Test) => (app: FastifyInstance, register: () => Promise<void>) => Promise<void>> = {
  'registered before': (t) => {
    const instrumentation = traced(t)
    return async (app, register) => {
      await app.register(instrumentation.plugin())
      await register()
    }
  },
  'registered after': (t) => {
    const instrumentation = traced(t)
    return async (app, register) => {
      await register()
      await app.register(instrumentation.plugin())
    }
  },
  'registered by itself, before all else': (t) => {
    traced(t, { registerOnInitialization: true })
    return (_app, register) => register()
  }
}

for (const [order, prepare] of Object.entries(OTEL_ORDERS)) {
  test(`@fastify/otel, ${order}, traces our routes, and guards are known as without it`, async (t) => {
    const compose = prepare(t)
    let verified = 0
    const { verifyToken } = settingsOf(demoBuilder().build())
    const flow = demoBuilder().verifyToken((token, context) => {
      verified++
      return verifyToken(token, context)
    }).build()
    const app = Fastify()
    await app.register(swagger, { openapi: {} })
    await compose(app, async () => { await app.register(clientCredentialsPlugin, { flow }) })
    app.post('/handler', { preHandler: app.requireScopes(READ) }, credentials)
    app.post('/list', { preHandler: [async () => {}, app.requireScopes(READ)] }, credentials)
    app.post('/request', { onRequest: app.requireScopes(READ) }, credentials)
    app.get('/get', { preHandler: app.requireScopes(READ) }, credentials)
    app.setNotFoundHandler({ preHandler: app.requireScopes(READ) }, async () => 'nothing here')

    for (const url of ['/handler', '/list', '/request']) {
      const post = (headers: object, payload = '{}') => app.inject({ method: 'POST', url, headers: { 'content-type': 'application/json', ...headers }, payload })
      const refused = await post({}, '{')
      t.equal(refused.statusCode, 401, `${url}: refused before the body is read`)
      t.equal(refused.headers['www-authenticate'], CHALLENGE)
      t.strictSame(refused.json(), { error: 'unauthorized', error_description: 'An access token is required' })
      t.equal((await post(bearer('scopeless'))).statusCode, 403, url)
      verified = 0
      t.strictSame((await post(reader)).json(), { app: { id: 'reader' }, scope: [READ] }, url)
      t.equal(verified, 1, `${url}: verified once`)
    }
    for (const method of ['GET', 'HEAD'] as const) t.equal((await app.inject({ method, url: '/get' })).statusCode, 401, method)
    t.equal((await app.inject('/nowhere')).statusCode, 401)
    const paths = app.swagger().paths as Record<string, Record<string, { security: unknown }>>
    for (const [path, method] of [['/handler', 'post'], ['/list', 'post'], ['/request', 'post'], ['/get', 'get']] as const) t.strictSame(paths[path]?.[method]?.security, [{ demo: [READ] }], path)

    spans.reset()
    t.equal((await app.inject(tokenRequest())).statusCode, 200)
    t.equal((await app.inject(tokenRequest('wrong'))).statusCode, 401)
    t.equal((await app.inject({ url: '/get', headers: reader })).statusCode, 200)
    const seen = spans.getFinishedSpans().filter(({ name }) => name === 'request').map(({ attributes }) => [attributes['http.route'], attributes['http.response.status_code']])
    t.strictSame(seen, [[TOKEN_PATH, 200], [TOKEN_PATH, 401], ['/get', 200]])
    t.notMatch(JSON.stringify(spans.getFinishedSpans().map(({ attributes, events }) => [attributes, events])), reader.authorization.slice(7))
  })
}

test('@fastify/otel writes the query of a URL into spans, unless its requestHook takes it out', async (t) => {
  const paths = async (options: object) => {
    const instrumentation = traced(t, options)
    const app = await appWith((app) => app.register(instrumentation.plugin()))
    spans.reset()
    t.equal((await app.inject('/data?access_token=s3cret')).statusCode, 401)
    return spans.getFinishedSpans().filter(({ name }) => name === 'request').map(({ attributes }) => attributes['url.path'])
  }
  t.strictSame(await paths({}), ['/data?access_token=s3cret'])
  const requestHook = (span: Span, { url }: FastifyRequest) => { span.setAttribute('url.path', url.split('?', 1)[0]!) }
  t.strictSame(await paths({ requestHook }), ['/data'])
})

test('A guard that another plugin adds to a route before ours sees it is known', async (t) => {
  const app = Fastify()
  await app.register(swagger, { openapi: {} })
  app.addHook('onRoute', function (route) {
    if (route.url === '/data') route.preHandler = this.requireScopes(READ) as NonNullable<RouteOptions['preHandler']>
  })
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
  app.get('/data', credentials)
  t.equal((await app.inject('/data')).statusCode, 401)
  t.strictSame((app.swagger().paths?.['/data'] as Record<string, { security: unknown }>).get?.security, [{ demo: [READ] }])
})

test('Where Fastify does not have its hooks, no route is seen first, and nothing fails', async (t) => {
  const routes: unknown[] = []
  seeRoutesFirst({} as FastifyInstance, (route) => { routes.push(route) })
  const app = Fastify()
  seeRoutesFirst(app, (route) => { routes.push(route.url) })
  app.get('/data', { exposeHeadRoute: false }, credentials)
  t.strictSame(routes, ['/data'])
})

// Type providers

test('TypeBox: schemas of guarded routes are validated by it, and the token request is not', async (t) => {
  const app = Fastify().withTypeProvider<TypeBoxTypeProvider>().setValidatorCompiler(TypeBoxValidatorCompiler)
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
  const schema = { body: Type.Object({ count: Type.Number() }), response: { 200: Type.Object({ doubled: Type.Number(), caller: Type.String() }) } }
  app.post('/double', { schema, preHandler: app.requireScopes(READ) }, async (request) => ({ doubled: request.body.count * 2 satisfies number, caller: credentialsOf(request).app.id }))
  const post = (headers: object, count: unknown) => app.inject({ method: 'POST', url: '/double', headers: { ...headers }, payload: { count } })
  t.equal((await post({}, 'one')).statusCode, 401)
  t.equal((await post(reader, 'one')).statusCode, 400)
  t.strictSame((await post(reader, 21)).json(), { doubled: 42, caller: 'reader' })
  t.equal((await app.inject(tokenRequest())).statusCode, 200)
  t.equal((await app.inject({ ...tokenRequest(), payload: 'grant_type=password' })).json().error, 'unsupported_grant_type')
})

test('zod: compilers on the root that were set before the plugin leave our endpoints alone', async (t) => {
  const app = Fastify().withTypeProvider<ZodTypeProvider>().setValidatorCompiler(validatorCompiler).setSerializerCompiler(serializerCompiler)
  const flow = demoBuilder().useAccessTokens(new JwtAccessTokens({ issuer: ISSUER, audience: ISSUER, keys: new SigningKeys(new MemoryStore()) })).build()
  await app.register(clientCredentialsPlugin, { flow })
  app.get('/page', { schema: { querystring: z.object({ page: z.coerce.number() }) }, onRequest: app.requireScopes(READ) }, async (request) => ({ page: request.query.page satisfies number }))
  const { access_token: token } = (await app.inject(tokenRequest())).json()
  t.strictSame((await app.inject({ url: '/page?page=2', headers: { authorization: `Bearer ${token}` } })).json(), { page: 2 })
  t.equal((await app.inject({ url: '/page?page=two', headers: { authorization: `Bearer ${token}` } })).statusCode, 400)
  const introspected = await app.inject({ ...tokenRequest(), url: '/oauth2/introspect', payload: `token=${token}` })
  t.equal(introspected.json().active, true)
  t.equal((await app.inject('/.well-known/jwks.json')).statusCode, 200)
})

// From here on it is enough that it compiles.

export function typeProviders (app: FastifyInstance): void {
  const guard = app.requireScopes(READ)
  const schema = { params: Type.Object({ id: Type.String() }), body: Type.Object({ count: Type.Integer() }) }
  app.withTypeProvider<TypeBoxTypeProvider>().put('/:id', { schema, onRequest: guard, preHandler: [guard, async (request) => { request.body.count satisfies number }] }, async (request) => {
    request.credentials satisfies AuthCredentials | null
    // @ts-expect-error the schema says that it is a number
    request.body.count satisfies string
    return request.params.id satisfies string
  })
  app.withTypeProvider<ZodTypeProvider>().get('/:id', { schema: { params: z.object({ id: z.uuid() }) }, preValidation: [guard] }, async (request) => {
    // @ts-expect-error credentials are null until a guard has run
    request.credentials.app.id satisfies string
    return request.params.id satisfies string
  })
  app.withTypeProvider<ZodTypeProvider>().addHook('onRequest', guard)
  app.get('/', { preHandler: app.auth([guard, needsApiKey]) }, credentials)
  app.get('/limited', { preHandler: guard, config: { rateLimit: { keyGenerator: (request: FastifyRequest) => request.credentials?.app.id ?? request.ip } } }, credentials)
}
