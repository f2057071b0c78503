// What users register beside the plugin, each as its own documentation has it.
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
import clientCredentialsPlugin, { credentialsOf, DPoPTokenType, JwtAccessTokens, MemoryStore, SigningKeys } from '../plugin/index.ts'
import type { AuthCredentials, Guard } from '../plugin/index.ts'
import { basic, demoBuilder, FORM, tokenOf, TOKEN_PATH } from './support/demo.ts'
import { MemoryReplays } from './support/replays.ts'
import { startRedis } from './support/redis.ts'

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

test('@fastify/cors shows pages what is exposed on refusals too, and the nonce of DPoP beside it', async (t) => {
  const exposedHeaders = ['WWW-Authenticate', 'DPoP-Nonce', 'Retry-After', 'X-Total']
  const flow = demoBuilder().setTokenType(new DPoPTokenType({ replays: new MemoryReplays(), nonceKey: 'n'.repeat(32) })).build()
  const app = await appWith((app) => app.register(cors, { origin: PAGE, exposedHeaders }), flow)
  for (const request of [{ url: '/data', headers: { origin: PAGE } }, { ...tokenRequest(), headers: { ...tokenRequest().headers, origin: PAGE } }]) {
    const answer = await app.inject(request)
    t.ok(answer.statusCode >= 400)
    t.equal(answer.headers['access-control-allow-origin'], PAGE)
    t.equal(answer.headers['access-control-expose-headers'], exposedHeaders.join(', '))
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
    app.get('/composed', { preHandler: compose(app, app.requireScopes(READ)) as Guard, config: { oauth: { scopes: [READ] } } }, async (request) => ({ credentials: request.credentials }))
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
  const oauth = { scopes: [READ] }
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
