// The preset authorizationServer, and the health of the process.
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import Database from 'libsql'
import t from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, { authorizationServer, credentialsOf, MemoryStore, StoreUnavailableError } from '../../plugin/index.ts'
import type { AuthorizationServer, AuthorizationServerOptions } from '../../plugin/index.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { proofKey, testClock, tokenFor } from '../../src/testing/index.ts'
import { FORM } from '../support/demo.ts'

const ISSUER = 'https://auth.example.com'

async function start (t: Test, server: AuthorizationServer, lines: Array<Record<string, unknown>> = []): Promise<FastifyInstance> {
  const app = Fastify({ logger: { level: 'info', stream: { write: (line: string) => { lines.push(JSON.parse(line) as Record<string, unknown>) } } } })
  t.teardown(() => app.close())
  await app.register(clientCredentialsPlugin, server)
  app.get('/data', { preHandler: app.requireScopes('data:read') }, async (request) => ({ client: credentialsOf(request).app.id }))
  await app.ready()
  return app
}

/** A store in memory whose reads fail while `isAway`. */
class FailingStore extends MemoryStore {
  isAway = false
  override async readKeys (): ReturnType<MemoryStore['readKeys']> {
    if (this.isAway) throw new StoreUnavailableError(new Error('away'))
    return await super.readKeys()
  }
}

t.test('one call makes a server whose parts belong together', async (t) => {
  const db = new Database(':memory:')
  const server = authorizationServer({
    issuer: ISSUER,
    scopes: { 'data:read': 'Read data' },
    store: sqliteStore(db),
    tokenTypes: ['Bearer', 'DPoP'],
    accessTokenLifetime: 60,
    health: true,
    claims: () => ({ tenant: 7 }),
    algorithm: 'EdDSA',
    securitySchemeName: 'service',
    description: 'Services'
  })
  const app = await start(t, server)
  const { secret } = await server.clients.add({ id: 'billing', scopes: ['data:read'] })
  const answer = await app.inject({
    method: 'POST', url: '/oauth2/token', headers: { 'content-type': FORM, authorization: `Basic ${btoa(`billing:${secret!.secret}`)}` }, payload: 'grant_type=client_credentials'
  })
  t.match(answer.json(), { token_type: 'Bearer', expires_in: 60, scope: 'data:read' })
  const token = answer.json().access_token as string
  t.match(JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()), { iss: ISSUER, aud: ISSUER, tenant: 7 })
  t.equal(JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()).alg, 'EdDSA')
  const get = (authorization: string) => app.inject({ url: '/data', headers: { authorization } })
  t.match((await get(`Bearer ${token}`)).json(), { client: 'billing' })

  const bound = await tokenFor(app, { client: 'billing', proofKey: await proofKey() })
  t.equal((await get(`Bearer ${bound}`)).statusCode, 401)
  await server.accessTokens.revoke?.(token)
  t.equal((await get(`Bearer ${token}`)).statusCode, 401, 'revocations are in the store of the clients unless told otherwise')
  const held = await tokenFor(app, { client: 'billing' })
  await server.clients.disable('billing')
  t.equal((await get(`Bearer ${held}`)).statusCode, 401)
  t.equal((await server.keys.list()).length, 1, 'a key signs before the first request')
  t.match((await app.inject('/.well-known/oauth-authorization-server')).json(), { issuer: ISSUER, dpop_signing_alg_values_supported: Array })
})

t.test('wrong options are errors of the part that takes them', async (t) => {
  const store = new MemoryStore()
  const wrong: Array<[Record<string, unknown>, string]> = [
    [{ isuer: ISSUER }, 'FST_OAUTH_UNKNOWN_OPTION'],
    [{ issuer: undefined }, 'FST_OAUTH_INVALID_OPTION'],
    [{ issuer: 'http://auth.example.com' }, 'FST_OAUTH_INVALID_ISSUER'],
    [{ store: {} }, 'FST_OAUTH_INVALID_OPTION'],
    [{ revocations: {} }, 'FST_OAUTH_INVALID_OPTION'],
    [{ tokenTypes: [] }, 'FST_OAUTH_INVALID_OPTION'],
    [{ tokenTypes: ['dpop'] }, 'FST_OAUTH_INVALID_OPTION'],
    [{ algorithm: 'HS256' }, 'FST_OAUTH_INVALID_SIGNING_KEYS'],
    [{ sealingKeys: ['short'] }, 'FST_OAUTH_INVALID_SEALING_KEYS'],
    [{ peppers: ['short'] }, 'FST_OAUTH_INVALID_REGISTRY'],
    [{ maxStale: -1 }, 'FST_OAUTH_INVALID_MAX_STALE'],
    [{ accessTokenLifetime: 0 }, 'FST_OAUTH_INVALID_LIFETIME'],
    [{ authMethods: ['basic'] }, 'FST_OAUTH_INVALID_AUTH_METHOD'],
    [{ health: 'yes' }, 'FST_OAUTH_INVALID_OPTION'],
    [{ profile: 'fapi2' }, 'FST_OAUTH_PROFILE']
  ]
  for (const [options, code] of wrong) {
    t.throws(() => authorizationServer({ issuer: ISSUER, store, ...options } as AuthorizationServerOptions), { code }, JSON.stringify(options))
  }
  await t.rejects(start(t, authorizationServer({ issuer: ISSUER, store, origin: 'http://example.com' })), { code: 'FST_OAUTH_ORIGIN' })
})

t.test('options of the plugin reach it', async (t) => {
  const app = await start(t, authorizationServer({ issuer: ISSUER, store: new MemoryStore(), prefix: '/v1', openIdConfiguration: true, metadata: { service_documentation: 'https://docs.example.com' } }))
  t.equal((await app.inject({ method: 'POST', url: '/v1/oauth2/token', headers: { 'content-type': FORM }, payload: 'grant_type=client_credentials' })).statusCode, 401)
  t.match((await app.inject('/.well-known/openid-configuration')).json(), { service_documentation: 'https://docs.example.com' })
  t.equal((await app.inject('/health/live')).statusCode, 404, 'health is opt-in')
})

t.test('a server is ready as long as it can sign and verify tokens', async (t) => {
  const store = new FailingStore()
  const lines: Array<Record<string, unknown>> = []
  const app = await start(t, authorizationServer({ issuer: ISSUER, store, maxStale: 0, health: true }), lines)
  const ready = async () => await app.inject('/health/ready')
  t.match((await ready()).json(), { status: 'ready' })
  t.equal((await ready()).headers['cache-control'], 'no-store')
  store.isAway = true
  // The state at hand is used for a second, whatever maxStale says.
  await sleep(1100)
  t.equal((await ready()).statusCode, 503)
  t.match((await ready()).json(), { status: 'unavailable' })
  t.equal((await app.inject('/health/live')).statusCode, 200)
  t.ok(lines.some(({ level }) => level === 50), 'the outage is in the log')
  store.isAway = false
  await sleep(600)
  t.equal((await ready()).statusCode, 200)
})

t.test('a server starts while its store is unavailable, and says so', async (t) => {
  const store = new FailingStore()
  store.isAway = true
  const lines: Array<Record<string, unknown>> = []
  const app = await start(t, authorizationServer({ issuer: ISSUER, store, health: true }), lines)
  t.equal((await app.inject('/health/ready')).statusCode, 503)
  t.ok(lines.some(({ level, err }) => level === 50 && err !== undefined))
  t.notMatch(JSON.stringify(lines), /"d":/, 'no private key is in the log')
})

t.test('the clock of a test reaches no part that was not given it', async (t) => {
  const clock = testClock()
  clock.advance(10)
  t.ok(clock.now() - Date.now() / 1000 > 8)
  t.throws(() => { clock.advance(NaN) }, TypeError)
})
