// The test kit: tokens for an application under test are verified by its real guards, and so rejected for every flaw.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Fastify from 'fastify'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { decodeProtectedHeader } from 'jose'
import t from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, {
  BearerTokenType, CertificateBoundTokenType, ClientCredentialsFlowBuilder, ClientRegistry, credentialsOf, DPoPTokenType, JwtAccessTokens, MemoryStore,
  OpaqueAccessTokens, RemoteAccessTokens, SigningKeys
} from '../../plugin/index.ts'
import type { AccessTokens, ClientCredentialsFlow } from '../../plugin/index.ts'
import { proofKey, testClock, testIssuer, tokenFor } from '../../src/testing/index.ts'
import type { TokenFlaw } from '../../src/testing/index.ts'
import { makeCertificate } from '../support/certificates.ts'
import { writePrograms } from '../support/page-programs.ts'
import { runAside } from '../support/run-aside.ts'

const API = 'https://api.example.com'
const SCOPES = { 'data:read': 'Read data', 'data:write': 'Write data' }

async function appOf (t: Test, flow: ClientCredentialsFlow): Promise<FastifyInstance> {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(clientCredentialsPlugin, { flow, clientCertificate: { trustedProxies: ['127.0.0.1'], format: 'nginx', header: 'x-client-cert', verified: { 'x-client-verify': 'SUCCESS' } } })
  app.get('/data', { preHandler: app.requireScopes('data:read') }, async (request) => ({ client: credentialsOf(request).app.id }))
  return app
}

/** An application with a registry, and access tokens of a kind. */
async function registered (t: Test, makeTokens: (store: MemoryStore, now: () => number) => AccessTokens) {
  const clock = testClock()
  const store = new MemoryStore()
  const clients = new ClientRegistry(store, { now: clock.now })
  await clients.add({ id: 'billing', scopes: ['data:read'] })
  const flow = new ClientCredentialsFlowBuilder()
    .setTokenEndpoint('/oauth2/token')
    .setScopes(SCOPES)
    .setTokenType(new BearerTokenType(), new DPoPTokenType({ replays: store, nonceKey: 'n'.repeat(32) }), new CertificateBoundTokenType())
    .useClients(clients)
    .useAccessTokens(makeTokens(store, clock.now))
    .addClientAuthenticationMethod('client_secret_basic')
    .build()
  return { app: await appOf(t, flow), clients, clock }
}

const jwt = (store: MemoryStore, now: () => number) =>
  new JwtAccessTokens({ issuer: API, audience: API, keys: new SigningKeys(store, { now }), revocations: store, now })
const opaque = (store: MemoryStore, now: () => number) => new OpaqueAccessTokens({ issuer: API, audience: API, store, now })

const get = (app: FastifyInstance, token: string, headers: InjectOptions['headers'] = {}) =>
  app.inject({ url: '/data', headers: { authorization: `Bearer ${token}`, ...headers } })

for (const [kind, makeTokens] of [['JWT', jwt], ['opaque', opaque]] as const) {
  t.test(`a guard verifies ${kind} tokens of the test kit`, async (t) => {
    const { app, clients, clock } = await registered(t, makeTokens)
    const token = await tokenFor(app, { client: 'billing', scope: 'data:read' })
    t.match((await get(app, token)).json(), { client: 'billing' })
    await t.rejects(tokenFor(app, { client: 'billing', scope: 'data:write' }), { code: 'invalid_scope' }, 'the token endpoint grants the scopes')
    await t.rejects(tokenFor(app, { client: 'unknown' }), TypeError)

    await clients.update('billing', { scopes: ['data:read', 'data:write'] })
    t.equal((await get(app, await tokenFor(app, { client: 'billing', scope: ['data:write'] }))).statusCode, 403)

    const short = await tokenFor(app, { client: 'billing', lifetime: 60 })
    clock.advance(59)
    t.equal((await get(app, short)).statusCode, 200)
    clock.advance(3600)
    t.equal((await get(app, short)).statusCode, 401)

    const held = await tokenFor(app, { client: 'billing', scope: 'data:read' })
    await clients.disable('billing')
    t.equal((await get(app, held)).statusCode, 401)
    await t.rejects(tokenFor(app, { client: 'billing' }), TypeError)
  })

  t.test(`a guard rejects ${kind} tokens with a flaw, for the flaw alone`, async (t) => {
    const { app } = await registered(t, makeTokens)
    const flaws: TokenFlaw[] = kind === 'JWT' ? ['expired', 'revoked', 'audience', 'issuer', 'signature'] : ['revoked', 'signature']
    for (const flaw of flaws) {
      const response = await get(app, await tokenFor(app, { client: 'billing', scope: 'data:read', flaw }))
      t.equal(response.statusCode, 401, flaw)
      t.equal(response.json().error, 'invalid_token', flaw)
    }
    if (kind === 'opaque') await t.rejects(tokenFor(app, { client: 'billing', flaw: 'audience' }), TypeError)
  })
}

t.test('RFC 9449 §7: a token that is bound to a key needs its proof', async (t) => {
  const { app } = await registered(t, jwt)
  const key = await proofKey()
  const token = await tokenFor(app, { client: 'billing', scope: 'data:read', proofKey: key })
  t.equal((await get(app, token)).statusCode, 401)
  const send = async (dpop: string) => await app.inject({ url: '/data', headers: { authorization: `DPoP ${token}`, dpop } })
  const challenged = await send(await key.proof({ url: `${API}/data`, token }))
  const nonce = challenged.headers['dpop-nonce'] as string
  t.equal(challenged.statusCode, 401)
  t.equal((await send(await key.proof({ url: `${API}/data`, token, nonce }))).statusCode, 200)
  const other = await proofKey()
  t.equal((await send(await other.proof({ url: `${API}/data`, token, nonce }))).statusCode, 401)
})

t.test('RFC 8705 §3: a token that is bound to a certificate needs it', async (t) => {
  const { app } = await registered(t, jwt)
  const { cert } = makeCertificate()
  const token = await tokenFor(app, { client: 'billing', scope: 'data:read', certificate: cert })
  t.equal((await get(app, token)).statusCode, 401)
  t.equal((await get(app, token, { 'x-client-cert': encodeURIComponent(cert), 'x-client-verify': 'SUCCESS' })).statusCode, 200)
})

t.test('a flow with callbacks of the application gets clients as getClient returns them', async (t) => {
  const tokens = new Map<string, { id: string, scope: string[] }>()
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
    .setScopes(SCOPES)
    .addClientAuthenticationMethod('client_secret_basic')
    .getClient(() => undefined)
    .generateAccessToken(({ client, scope }) => {
      const token = `token-${tokens.size}-of-the-application`
      tokens.set(token, { id: `${client.id} of ${String(client.metadata?.['tenant'])}`, scope })
      return token
    })
    .verifyToken((token) => {
      const found = tokens.get(token)
      return found === undefined ? { isValid: false } : { isValid: true, credentials: { app: { id: found.id }, scope: found.scope } }
    })
    .build()
  const app = await appOf(t, flow as unknown as ClientCredentialsFlow)
  const token = await tokenFor(app, { client: { id: 'a', grants: ['client_credentials'], scopes: ['data:read'], metadata: { tenant: 7 } } })
  t.match((await get(app, token)).json(), { client: 'a of 7' })
  t.equal((await get(app, await tokenFor({ clientCredentials: app.clientCredentials }, { client: 'b', scope: 'data:read' }))).statusCode, 200)
  t.equal((await get(app, await tokenFor(app, { client: 'b', scope: 'data:read', flaw: 'signature' }))).statusCode, 401)
  await t.rejects(tokenFor(app, { client: 'b', flaw: 'expired' }), TypeError)
  await t.rejects(tokenFor(app, { client: 'b', flaw: 'revoked' }), TypeError)
})

for (const isElsewhere of [false, true]) {
  t.test(`an application that verifies tokens of another issuer: ${isElsewhere ? 'by fetch' : 'by a socket'}`, async (t) => {
    const issuer = await testIssuer({ audience: API, ...(isElsewhere && { issuer: 'https://auth.example.com/tenant' }) })
    t.teardown(() => issuer.close())
    const accessTokens = new RemoteAccessTokens({ issuer: issuer.issuer, audience: API, now: issuer.clock.now, ...(isElsewhere && { fetch: issuer.fetch }) })
    const flow = new ClientCredentialsFlowBuilder().setTokenEndpoint(`${issuer.issuer}/oauth2/token`).setScopes(SCOPES).useAccessTokens(accessTokens).build()
    const app = await appOf(t, flow)
    const statusOf = async (token: string) => (await get(app, token)).statusCode

    t.equal(await statusOf(await issuer.token({ client: 'billing', scope: 'data:read' })), 200)
    t.equal(await statusOf(await issuer.token({ scope: [] })), 403)
    t.equal(await statusOf(await issuer.token({ scope: 'data:read', audience: 'https://other.example.com' })), 401)
    t.equal(await statusOf(await issuer.token({ scope: 'data:read', lifetime: -3600 })), 401)
    t.equal(await statusOf(await issuer.token({ scope: 'data:read', claims: { iss: 'https://evil.example' } })), 401)
    t.equal(await statusOf(await issuer.token({ scope: 'data:read', claims: { jti: undefined } })), 401)
    t.equal(await statusOf(await issuer.token({ scope: 'data:read', header: { typ: 'JWT' } })), 401, 'an ID token is no access token')

    const old = await issuer.token({ scope: 'data:read' })
    await issuer.rotateKey()
    const renewed = await issuer.token({ scope: 'data:read' })
    t.not(decodeProtectedHeader(renewed).kid, decodeProtectedHeader(old).kid)
    t.equal(await statusOf(renewed), 200, 'a new key')
    t.equal(await statusOf(await issuer.token({ scope: 'data:read' })), 200)
    t.equal(await statusOf(old), 200, 'the key before it stays')
    const token = await issuer.token({ scope: 'data:read' })
    issuer.setAvailable(false)
    t.equal(await statusOf(token), 200, 'the keys that were read stay in use')
    issuer.clock.advance(7200)
    t.equal(await statusOf(await issuer.token({ scope: 'data:read' })), 503, 'but not longer than maxStale')
    issuer.setAvailable(true)
  })
}

t.test('the issuer introspects tokens and obeys its clock', async (t) => {
  const issuer = await testIssuer({ audience: API })
  t.teardown(() => issuer.close())
  const { secret } = await issuer.clients.add({ id: 'api', introspects: [API] })
  const introspection = { clientId: 'api', clientSecret: secret!.secret }
  const accessTokens = new RemoteAccessTokens({ issuer: issuer.issuer, audience: API, introspection, now: issuer.clock.now })
  const flow = new ClientCredentialsFlowBuilder().setTokenEndpoint(`${issuer.issuer}/oauth2/token`).setScopes(SCOPES).useAccessTokens(accessTokens).build()
  const app = await appOf(t, flow)

  const { secret: own } = await issuer.clients.add({ id: 'billing', scopes: ['data:read'] })
  const answer = await fetch(`${issuer.issuer}/oauth2/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`billing:${own!.secret}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' })
  })
  const { access_token: token } = await answer.json() as { access_token: string }
  t.equal((await get(app, token)).statusCode, 200)
  await issuer.revoke(token)
  issuer.clock.advance(62)
  t.equal((await get(app, token)).statusCode, 401)
  t.equal((await fetch(`${issuer.issuer}/oauth2/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'x' }) })).status, 400)
  await t.rejects(issuer.fetch('https://elsewhere.example/'), TypeError)
})

t.test('the programs of the page run as they stand', async (t) => {
  const folder = writePrograms('example/testing.md', 'testing')
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  const files = readdirSync(folder).filter((name) => name.endsWith('.test.js'))
  t.equal(files.length, 2)
  t.match(await runAside(process.execPath, ['--test', '--test-reporter=tap', ...files], folder), /^# fail 0$/m)
  const { readData } = await import(join(folder, 'dpop.js')) as { readData (app: FastifyInstance): Promise<{ statusCode: number }> }
  const { app } = await registered(t, (store, now) => jwt(store, now))
  t.equal((await readData(app)).statusCode, 401, 'the server of this file wants a nonce')
})
