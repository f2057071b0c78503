// The one synchronous path of verification: what it accepts, and what it leaves to verifyRequest.
import { test } from 'tap'
import type { AccessTokens, ClientCredentialsFlowBuilder } from '../../src/index.ts'
import { credentialsFromCache, settingsOf as settingsOfFlow, verifyRequest } from '../../src/adapter.ts'
import { BearerTokenType, CertificateBoundTokenType, ClientCredentialsFlow, JwtAccessTokens, MemoryStore, OpaqueAccessTokens, SigningKeys } from '../../src/index.ts'
import { demoBuilder } from '../support/demo.ts'
import { AUDIENCE, ISSUER } from '../support/forge.ts'

const START = 1_800_000_000
const CREDENTIALS = { app: { id: 'reader' }, scope: ['data:read'] }
const requestWith = (token: string, { url = '/data', scheme = 'Bearer' } = {}) =>
  ({ method: 'GET', url, header: (name: string) => name === 'authorization' ? `${scheme} ${token}` : undefined })
const settingsOf = (accessTokens: AccessTokens, adapt: (builder: ClientCredentialsFlowBuilder) => unknown = () => {}) => {
  const builder = demoBuilder().useAccessTokens(accessTokens)
  adapt(builder as never)
  return settingsOfFlow(builder.build())
}
const grantOf = (client: string) => ({
  client: { id: client, grants: ['client_credentials'] }, grantType: 'client_credentials', scope: ['data:read'], tokenType: 'Bearer', accessTokenLifetime: 600, origin: '', resource: [], audience: [AUDIENCE], confirmation: undefined
})

/** Both kinds of access token on one store, by a clock that can be moved. */
async function worlds () {
  const world = { time: START, reads: 0 }
  const now = () => world.time
  const store = new MemoryStore({ now })
  const list = store.listEntries.bind(store)
  store.listEntries = async (after) => { world.reads++; return await list(after) }
  const keys = new SigningKeys(store, { now })
  return {
    world,
    store,
    keys,
    JWT: new JwtAccessTokens({ issuer: ISSUER, audience: AUDIENCE, keys, revocations: store, now }),
    opaque: new OpaqueAccessTokens({ issuer: ISSUER, audience: AUDIENCE, store, now })
  }
}

for (const kind of ['JWT', 'opaque'] as const) {
  test(`${kind}: a verified token is cached until it expires or is revoked, or the state is too old`, async (t) => {
    const { world, [kind]: tokens } = await worlds()
    const settings = settingsOf(tokens)
    const issue = async () => (await tokens.issue(grantOf('reader') as never)).accessToken
    const [token, other] = [await issue(), await issue()]
    t.equal(tokens.cached(token), undefined, 'not verified yet')
    t.equal((await verifyRequest(settings, requestWith(token))).app.id, 'reader')
    t.match(tokens.cached(token), { isValid: true, credentials: { app: { id: 'reader' } } })
    t.strictSame(credentialsFromCache(settings, requestWith(token))?.scope, ['data:read'])
    await verifyRequest(settings, requestWith(other))

    t.equal(tokens.cached(`${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`), undefined, 'another token')
    await tokens.revoke?.(other)
    t.equal(tokens.cached(other), undefined, 'revoked')
    t.equal(tokens.cached(other), undefined, 'and it stays so')
    t.ok(tokens.cached(token), 'the other one is checked again')
    await t.rejects(verifyRequest(settings, requestWith(other)), { code: 'invalid_token' })

    world.time += 2
    t.equal(tokens.cached(token), undefined, 'the state is older than a second: it is read before the token is accepted')
    t.ok(await verifyRequest(settings, requestWith(token)))
    t.ok(tokens.cached(token))
    await tokens.revokeClient('reader').catch(() => {})
    world.time += 601 + 5
    t.equal(tokens.cached(token), undefined, 'expired')
    await t.rejects(verifyRequest(settings, requestWith(token)), { code: 'invalid_token' })
  })
}

test('A state of more than half a second starts a read in the background, and the cached token is accepted meanwhile', async (t) => {
  const { world, JWT } = await worlds()
  const settings = settingsOf(JWT)
  const { accessToken: token } = await JWT.issue(grantOf('reader') as never)
  await verifyRequest(settings, requestWith(token))
  const before = world.reads
  world.time += 0.7
  t.ok(credentialsFromCache(settings, requestWith(token)))
  await new Promise((resolve) => { setTimeout(resolve, 5) })
  t.ok(world.reads > before)
})

test('A token whose key was revoked is not accepted from the cache', async (t) => {
  const { keys, JWT } = await worlds()
  const settings = settingsOf(JWT)
  const { accessToken: token } = await JWT.issue(grantOf('reader') as never)
  await verifyRequest(settings, requestWith(token))
  const [key] = await keys.list()
  await keys.revoke(key!.kid)
  t.equal(JWT.cached(token), undefined)
})

test('A cache is not asked where verify alone was replaced, which may check more', async (t) => {
  const refuse = async () => ({ isValid: false as const })
  class Stricter extends JwtAccessTokens { override verify = refuse }
  class Strict extends JwtAccessTokens { override async verify () { return await refuse() } }
  const { keys, store, world } = await worlds()
  const options = { issuer: ISSUER, audience: AUDIENCE, keys, revocations: store, now: () => world.time }
  const replaced = new JwtAccessTokens(options)
  const patched = new JwtAccessTokens(options)
  replaced.verify = refuse
  const target = new JwtAccessTokens(options)
  const proxy = new Proxy(target, { get: (_, name) => name === 'verify' ? refuse : typeof target[name as never] === 'function' ? (target[name as never] as () => unknown).bind(target) : target[name as never] })
  const settingsOfPatched = settingsOf(patched)
  patched.verify = refuse
  const cases: Array<[string, JwtAccessTokens, ReturnType<typeof settingsOf>]> = [
    ['a field', new Stricter(options), settingsOf(new Stricter(options))],
    ['a method', new Strict(options), settingsOf(new Strict(options))],
    ['an assignment', replaced, settingsOf(replaced)],
    ['a later assignment', patched, settingsOfPatched],
    ['a proxy', proxy, settingsOf(proxy)]
  ]
  for (const [name, tokens, settings] of cases) {
    const token = (await tokens.issue(grantOf('reader') as never)).accessToken
    await JwtAccessTokens.prototype.verify.call(name === 'a proxy' ? target : tokens, token)
    t.ok(JwtAccessTokens.prototype.cached.call(name === 'a proxy' ? target : tokens, token), `${name}: it is cached`)
    t.equal(credentialsFromCache(settings, requestWith(token)), undefined, name)
    await t.rejects(verifyRequest(settings, requestWith(token)), { code: 'invalid_token' })
  }
})

test('A verifyToken of the application is never bypassed by a cache', async (t) => {
  const { JWT } = await worlds()
  const flow = new ClientCredentialsFlow({ accessTokens: JWT, verifyToken: async () => ({ isValid: false }) })
  const { accessToken: token } = await JWT.issue(grantOf('reader') as never)
  await JWT.verify(token)
  t.ok(JWT.cached(token))
  t.equal(credentialsFromCache(settingsOfFlow(flow), requestWith(token)), undefined)
})

test('Answers of a cache that accept nothing are left to verify, and so is an exception', async (t) => {
  const answers: Array<() => unknown> = [
    () => undefined, () => null, () => true, () => ({}), () => ({ isValid: false }), () => ({ isValid: true }), () => ({ credentials: CREDENTIALS }),
    () => ({ isValid: 1, credentials: CREDENTIALS }), async () => ({ isValid: true, credentials: CREDENTIALS }),
    () => ({ isValid: true, credentials: Promise.resolve(CREDENTIALS) }), () => ({ isValid: true, credentials: { ...CREDENTIALS, scope: 1 } }),
    () => ({ isValid: true, credentials: CREDENTIALS, confirmation: { jkt: 'key' } }), () => ({ isValid: true, credentials: CREDENTIALS, confirmation: {} }),
    () => { throw new Error('broken') }
  ]
  for (const [index, answer] of answers.entries()) {
    const settings = settingsOf({ verify: async () => ({ isValid: false }), cached: answer as never })
    t.equal(credentialsFromCache(settings, requestWith('token')), undefined, `${index}`)
    await t.rejects(verifyRequest(settings, requestWith('token')), { code: 'invalid_token' })
  }
})

test('Only one token in the header, of a type without a proof, is looked up', async (t) => {
  const asked: string[] = []
  const tokens: AccessTokens = { verify: async () => ({ isValid: false }), cached: (token) => { asked.push(token); return { isValid: true, credentials: CREDENTIALS } } }
  const settings = settingsOf(tokens)
  for (const request of [requestWith(''), requestWith('a b'), requestWith('a,b'), requestWith('token', { scheme: 'Basic' }), requestWith('token', { url: '/data?access_token=x' })]) {
    t.equal(credentialsFromCache(settings, request), undefined)
  }
  t.strictSame(asked, [])
  t.ok(credentialsFromCache(settings, requestWith('token')))
  t.strictSame(asked, ['token'])
  const bound = settingsOf(tokens, (builder) => builder.setTokenType(new CertificateBoundTokenType()))
  t.equal(credentialsFromCache(bound, requestWith('token')), undefined)
  const both = settingsOf(tokens, (builder) => builder.setTokenType(new CertificateBoundTokenType(), new BearerTokenType()))
  t.ok(credentialsFromCache(both, requestWith('token')), 'without a certificate, it is a bearer token')
})
