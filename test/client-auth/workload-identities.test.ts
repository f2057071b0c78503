// Workloads that prove who they are by what their platform issued to them: Kubernetes, CI, SPIFFE.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, { FlowConfigurationError, InvalidClientError, privateKeyJwt, workloadIdentities } from '../../plugin/index.ts'
import type { OAuth2Client } from '../../plugin/index.ts'
import type { WorkloadIssuer } from '../../src/client-auth/assertion/trusted-issuers.ts'
import type { WorkloadIdentitiesOptions } from '../../src/client-auth/workload-identities.ts'
import { StoreUnavailableError } from '../../src/errors/store-unavailable.ts'
import { demoBuilder, form, FORM, TOKEN_PATH } from '../support/demo.ts'
import { encode, pairs, signatureOf, strangers } from '../support/forge.ts'
import type { PublicAlgorithm } from '../support/forge.ts'
import { MemoryReplays } from '../support/replays.ts'

const AUDIENCE = 'https://as.example'
const BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const SPIFFE = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe'
const START = 1_800_000_000
let time = START
const now = () => time

type Members = Record<string, unknown>

/** A platform that issues tokens: its keys, and what it says where they are. */
const documents: Record<string, unknown> = {}
const requests: string[] = []
let isAway = false
const platform = createServer((request, response: ServerResponse) => {
  requests.push(request.url as string)
  const document = documents[request.url as string]
  response.writeHead(isAway ? 500 : document === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(document))
}).listen(0)
await once(platform, 'listening')
t.teardown(() => {
  platform.close()
  platform.closeAllConnections()
})
const PLATFORM = `http://localhost:${(platform.address() as AddressInfo).port}`
const jwk = (alg: PublicAlgorithm, members: Members = {}) => ({ ...pairs[alg].publicKey.export({ format: 'jwk' }), kid: alg, ...members })

t.beforeEach(() => {
  time = START
  isAway = false
  requests.length = 0
  for (const path of Object.keys(documents)) delete documents[path]
  documents['/.well-known/openid-configuration'] = { issuer: PLATFORM, jwks_uri: `${PLATFORM}/jwks` }
  documents['/jwks'] = { keys: [jwk('ES256'), jwk('RS256', { alg: 'RS256', use: 'sig' }), jwk('EdDSA')] }
})

/** What a service account token of Kubernetes says. */
const claimsOf = (members: Members = {}): Members => ({
  iss: PLATFORM,
  sub: 'system:serviceaccount:shop:orders',
  aud: [AUDIENCE],
  iat: time,
  nbf: time,
  exp: time + 3600,
  jti: 'ea28ed49',
  'kubernetes.io': { namespace: 'shop', serviceaccount: { name: 'orders', uid: '1' } },
  ...members
})

function tokenOf (members: Members = {}, header: Members = {}, key = pairs[(header.alg ?? 'RS256') as PublicAlgorithm].privateKey): string {
  const alg = (header.alg ?? 'RS256') as PublicAlgorithm
  const input = `${encode({ alg, kid: alg, ...header })}.${encode(claimsOf(members))}`
  return `${input}.${signatureOf(alg, input, key)}`
}

const ACCOUNTS: Readonly<Record<string, string>> = { 'system:serviceaccount:shop:orders': 'orders', 'system:serviceaccount:shop:ghost': 'ghost' }
const cluster = (members: Partial<WorkloadIssuer> = {}) => ({
  issuer: PLATFORM,
  audience: AUDIENCE,
  client: ({ sub }: Members) => Object.hasOwn(ACCOUNTS, String(sub)) ? ACCOUNTS[String(sub)] : undefined,
  ...members
}) as WorkloadIssuer
const methodOf = (members: Partial<WorkloadIssuer> = {}, options: WorkloadIdentitiesOptions = {}) => workloadIdentities([cluster(members)], { now, ...options })

const sent = (jwt: string, parameters: Record<string, string> = {}) => ({ client_assertion_type: BEARER, client_assertion: jwt, ...parameters })
const ask = async (method: ReturnType<typeof methodOf>, jwt: string, parameters = {}) => {
  const proven = await method.authenticate({ method: 'POST', url: TOKEN_PATH, header: () => undefined, form: sent(jwt, parameters) })
  return proven && { clientId: proven.clientId }
}

async function isRefused (t: Test, method: ReturnType<typeof methodOf>, jwt: string, cause: RegExp, parameters = {}): Promise<void> {
  await t.rejects(ask(method, jwt, parameters), { name: 'InvalidClientError', status: 401, message: 'Client authentication failed', cause }, String(cause))
}

const spiffe = (members: Partial<WorkloadIssuer> = {}) => ({
  trustDomain: 'example.org', jwksUri: `${PLATFORM}/bundle`, audience: AUDIENCE, client: ({ sub }: Members) => String(sub), ...members
}) as WorkloadIssuer

t.test('a token of the platform is the client that it is mapped to, at a real endpoint', async (t) => {
  const clients: Record<string, OAuth2Client> = {
    orders: { id: 'orders', grants: ['client_credentials'], scopes: ['data:read'] },
    signer: { id: 'signer', grants: ['client_credentials'], scopes: ['data:read'], metadata: { jwks: { keys: [jwk('ES256')] }, token_endpoint_auth_method: 'private_key_jwt' } }
  }
  const asked: unknown[] = []
  const flow = demoBuilder()
    .getClient(({ clientId, clientSecret, clientAuthMethod }) => {
      asked.push([clientId, clientSecret, clientAuthMethod])
      return clients[clientId]
    })
    .addClientAuthenticationMethod(privateKeyJwt({ issuer: AUDIENCE, replays: new MemoryReplays(), clients: { findClient: (id) => clients[id] }, now }))
    .addClientAuthenticationMethod(methodOf())
    .build()
  const app = Fastify()
  await app.register(clientCredentialsPlugin, { flow })
  t.teardown(() => app.close())
  const url = await app.listen({ port: 0 })
  const send = async (jwt: string) => {
    const response = await fetch(`${url}${TOKEN_PATH}`, { method: 'POST', headers: { 'content-type': FORM }, body: form({ grant_type: 'client_credentials', ...sent(jwt) }) })
    return { status: response.status, ...await response.json() as Members }
  }

  t.match(await send(tokenOf()), { status: 200, scope: 'data:read' })
  t.match(await send(tokenOf()), { status: 200 }, 'again: the token of a workload is a file')
  t.strictSame(asked.at(-1), ['orders', undefined, 'workload_identity'])
  t.match(await send(tokenOf({ iss: 'signer', sub: 'signer', aud: AUDIENCE, exp: time + 60, jti: 'x' }, { alg: 'ES256' })), { status: 200 }, 'beside clients that sign their own')

  t.match(await send(tokenOf({ sub: 'system:serviceaccount:shop:ghost' })), { status: 401, error: 'invalid_client' }, 'getClient must know the client')
  ;(clients.signer as OAuth2Client).id = 'signer'
  t.match(await send(tokenOf({ iss: 'https://other.example' })), { status: 401, error: 'invalid_client' }, 'an issuer that nobody trusts')
  clients.orders = { ...clients.signer as OAuth2Client, id: 'orders' }
  t.match(await send(tokenOf()), { status: 401, error: 'invalid_client' }, 'a client that is registered for private_key_jwt')
  clients.orders = { id: 'orders', grants: ['client_credentials'], metadata: { token_endpoint_auth_method: 'workload_identity', token_endpoint_auth_signing_alg: 'ES256' } }
  t.match(await send(tokenOf()), { status: 200 }, 'a client that is registered for this')
  isAway = true
  t.match(await send(tokenOf()), { status: 200 }, 'keys that are held stay in use')
  t.match(await send(tokenOf({}, { kid: 'new' })), { status: 503 }, 'nothing is known of another key')
})

t.test('an issuer that is not trusted, and another type, are of another method', async (t) => {
  const method = methodOf()
  for (const iss of ['https://other.example', `${PLATFORM}/`, PLATFORM.toUpperCase(), '', null, undefined, 5, [PLATFORM], '__proto__']) t.equal(await ask(method, tokenOf({ iss })), undefined, JSON.stringify(iss))
  t.equal(await ask(method, tokenOf(), { client_assertion_type: SPIFFE }), undefined)
  t.equal(await ask(method, tokenOf(), { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer' }), undefined)
  await isRefused(t, method, 'x', /no signed JWT/)
  t.strictSame(requests, [], 'and nobody is asked')
})

t.test('aud holds this server, exp is required, times are honoured', async (t) => {
  const method = methodOf({ audience: [AUDIENCE, 'urn:as'] })
  for (const aud of [AUDIENCE, 'urn:as', [AUDIENCE], ['https://other.example', AUDIENCE]]) t.strictSame(await ask(method, tokenOf({ aud })), { clientId: 'orders' }, JSON.stringify(aud))
  for (const aud of ['https://other.example', '', null, undefined, 5, {}, [], [[AUDIENCE]], `${AUDIENCE}/`]) await isRefused(t, method, tokenOf({ aud }), /aud is not this server/)
  for (const exp of [undefined, null, '', '1', -1, 2 ** 53, 1e300]) await isRefused(t, method, tokenOf({ exp }), /exp is missing/)
  for (const exp of [0, time - 10]) await isRefused(t, method, tokenOf({ exp }), /expired/)
  for (const name of ['nbf', 'iat']) await isRefused(t, method, tokenOf({ [name]: time + 11 }), /in the future/)
  t.strictSame(await ask(method, tokenOf({ exp: time + 365 * 86_400, nbf: undefined, iat: undefined, jti: undefined })), { clientId: 'orders' }, 'the platform says how long')
})

t.test('the signature is of a key of the issuer, with an algorithm that is allowed', async (t) => {
  const method = methodOf()
  for (const alg of ['RS256', 'ES256', 'EdDSA']) t.strictSame(await ask(method, tokenOf({}, { alg })), { clientId: 'orders' }, alg)
  await isRefused(t, method, tokenOf({}, {}, strangers.RS256.privateKey), /signature verification failed/)
  await isRefused(t, method, tokenOf({}, { kid: 'unknown' }), /no applicable key/)
  await isRefused(t, method, `${encode({ alg: 'none' })}.${encode(claimsOf())}.${encode('x')}`, /alg is not among/)
  await isRefused(t, method, `${encode({ alg: 'HS256' })}.${encode(claimsOf())}.${encode('x')}`, /alg is not among/)
  await isRefused(t, methodOf({ algorithms: ['RS256'] }), tokenOf({}, { alg: 'ES256' }), /alg is not among RS256/)
  for (const typ of ['JWT', 'JOSE', undefined]) t.strictSame(await ask(method, tokenOf({}, { typ })), { clientId: 'orders' }, String(typ))
  for (const typ of ['at+jwt', 'logout+jwt', null]) await isRefused(t, method, tokenOf({}, { typ }), /typ is that of something else/)
})

t.test('the mapping is strict', async (t) => {
  const seen: Members[] = []
  const method = methodOf({
    client: async (claims) => {
      seen.push(claims)
      return 'orders'
    }
  })
  t.strictSame(await ask(method, tokenOf()), { clientId: 'orders' })
  t.match(seen, [{ iss: PLATFORM, 'kubernetes.io': { namespace: 'shop' } }])
  t.ok(Object.isFrozen(seen[0]))
  await isRefused(t, method, tokenOf({}, {}, strangers.RS256.privateKey), /verification failed/)
  t.equal(seen.length, 1, 'asked of verified claims only')
  for (const answer of [undefined, null, '', 5, true, {}, ['orders'], 'orders\0']) await isRefused(t, methodOf({ client: () => answer as string }), tokenOf(), /a workload that is no client/)
  await isRefused(t, methodOf(), tokenOf({ sub: 'system:serviceaccount:shop:other' }), /a workload that is no client/)
  await t.rejects(ask(methodOf({ client: () => { throw new RangeError('a bug') } }), tokenOf()), RangeError)
})

t.test('client_id is optional, and that of the mapped client', async (t) => {
  t.strictSame(await ask(methodOf(), tokenOf(), { client_id: 'orders' }), { clientId: 'orders' })
  await isRefused(t, methodOf(), tokenOf(), /client_id of the request is another/, { client_id: 'signer' })
})

t.test('a token is good as often as it is used, unless there is a store of replays', async (t) => {
  const replays = new MemoryReplays()
  const once = methodOf({ replays })
  const jwt = tokenOf()
  await isRefused(t, once, tokenOf({ sub: 'nobody' }), /no client/)
  t.strictSame(await ask(once, jwt), { clientId: 'orders' })
  await isRefused(t, once, jwt, /used before/)
  t.strictSame([...replays.reserved.values()], [START + 3610])
  await isRefused(t, once, tokenOf({ jti: undefined }), /jti is missing/)
  for (let turn = 0; turn < 2; turn++) t.strictSame(await ask(methodOf(), jwt), { clientId: 'orders' })
  await t.rejects(ask(methodOf({ replays: { reserve: async () => { throw new StoreUnavailableError(new Error('ECONNREFUSED')) } } }), jwt), StoreUnavailableError)
})

t.test('keys are found by the metadata of the issuer', async (t) => {
  await t.test('of OpenID Connect, once', async (t) => {
    const method = methodOf()
    await Promise.all(Array.from({ length: 5 }, () => ask(method, tokenOf())))
    t.strictSame(requests, ['/.well-known/openid-configuration', '/jwks'])
  })
  await t.test('of an issuer with a path', async (t) => {
    documents['/realms/a/.well-known/openid-configuration'] = { issuer: `${PLATFORM}/realms/a/`, jwks_uri: `${PLATFORM}/jwks` }
    t.strictSame(await ask(methodOf({ issuer: `${PLATFORM}/realms/a/` }), tokenOf({ iss: `${PLATFORM}/realms/a/` })), { clientId: 'orders' })
  })
  await t.test('of RFC 8414', async (t) => {
    delete documents['/.well-known/openid-configuration']
    documents['/.well-known/oauth-authorization-server'] = { issuer: PLATFORM, jwks_uri: `${PLATFORM}/jwks` }
    t.strictSame(await ask(methodOf(), tokenOf()), { clientId: 'orders' })
  })
  await t.test('or at a given URL', async (t) => {
    t.strictSame(await ask(methodOf({ jwksUri: `${PLATFORM}/jwks` }), tokenOf()), { clientId: 'orders' })
    t.strictSame(requests, ['/jwks'])
  })
  await t.test('by a fetch of your own', async (t) => {
    const fields: unknown[] = []
    const withToken: typeof fetch = (url, init) => {
      fields.push(new Headers(init?.headers).get('accept'))
      return fetch(url, { ...init, headers: { ...init?.headers as Record<string, string>, authorization: 'Bearer x' } })
    }
    t.strictSame(await ask(methodOf({}, { fetch: withToken }), tokenOf()), { clientId: 'orders' })
    t.equal(fields.length, 2)
  })
})

t.test('an issuer whose keys could never be read is a 503, and one that is away is held on to', async (t) => {
  const errors: Error[] = []
  const method = methodOf({}, { onError: (error) => { errors.push(error) } })
  isAway = true
  await t.rejects(ask(method, tokenOf()), { name: 'TemporarilyUnavailableError', status: 503 })
  t.strictSame(requests, ['/.well-known/openid-configuration'])
  isAway = false
  time += 5
  t.strictSame(await ask(method, tokenOf()), { clientId: 'orders' })
  documents['/jwks'] = { keys: [jwk('ES256', { kid: 'new' })] }
  t.strictSame(await ask(method, tokenOf({}, { alg: 'ES256', kid: 'new' })), { clientId: 'orders' }, 'a new key')
  isAway = true
  time += 1200
  t.strictSame(await ask(method, tokenOf({}, { alg: 'ES256', kid: 'new' })), { clientId: 'orders' })
  t.equal(errors.length, 1)
  documents['/.well-known/openid-configuration'] = { issuer: 'https://other.example', jwks_uri: `${PLATFORM}/jwks` }
  isAway = false
  await t.rejects(ask(methodOf(), tokenOf()), { status: 503, cause: { message: /of another issuer/ } }, 'the metadata of another')
})

t.test('JWT-SVIDs of a SPIFFE trust domain (draft-ietf-oauth-spiffe-client-auth)', async (t) => {
  documents['/bundle'] = { keys: [jwk('ES256', { use: 'jwt-svid' }), jwk('RS256', { use: 'x509-svid' }), jwk('EdDSA')], spiffe_sequence: 1, spiffe_refresh_hint: 300 }
  const ID = 'spiffe://example.org/shop/orders'
  const svid = (members: Members = {}, header: Members = {}) => tokenOf({ iss: undefined, sub: ID, jti: undefined, ...members }, { alg: 'ES256', ...header })
  const type = { client_assertion_type: SPIFFE }
  const method = workloadIdentities([cluster(), spiffe()], { now })

  t.strictSame(await ask(method, svid(), type), { clientId: ID })
  t.strictSame(await ask(method, svid({ iss: 'spire' }), { ...type, client_id: ID }), { clientId: ID })
  t.strictSame(await ask(method, tokenOf()), { clientId: 'orders' }, 'beside another issuer')
  for (const alg of ['RS256', 'EdDSA']) await isRefused(t, method, svid({}, { alg }), /no applicable key/, type)
  await isRefused(t, method, svid({ aud: 'other' }), /aud/, type)
  await isRefused(t, method, svid(), /client_id of the request/, { ...type, client_id: 'orders' })
  const others = ['spiffe://other.org/shop/orders', 'spiffe://example.org', 'spiffe://example.org/', 'spiffe://example.org.evil/x', 'spiffe://EXAMPLE.org/x', 'https://example.org/x', ` ${ID}`, '', null, 5, undefined, [ID]]
  for (const sub of others) t.equal(await ask(method, svid({ sub }), type), undefined, JSON.stringify(sub))
  t.equal(await ask(method, svid()), undefined, 'not as a jwt-bearer')
  t.equal(await ask(method, svid({ iss: 'spiffe://example.org', sub: 'spiffe://other.org/shop/orders' })), undefined, 'nor with the trust domain as its issuer')
})

t.test('wrong issuers are refused at construction', async (t) => {
  const wrong: Record<string, unknown[]> = {
    none: [],
    'the same twice': [cluster(), cluster()],
    'no issuer': [cluster({ issuer: undefined } as never)],
    'no URL': [cluster({ issuer: 'kubernetes' })],
    'no TLS': [cluster({ issuer: 'http://issuer.example' })],
    'a query': [cluster({ issuer: `${PLATFORM}?a=b` })],
    'keys without TLS': [cluster({ jwksUri: 'http://issuer.example/jwks' })],
    'no audience': [cluster({ audience: [] })],
    'an empty audience': [cluster({ audience: '' })],
    'an empty audience beside another': [cluster({ audience: [AUDIENCE, ''] })],
    'an audience that is no text': [cluster({ audience: undefined } as never)],
    'no mapping': [cluster({ client: undefined } as never)],
    'no algorithm': [cluster({ algorithms: [] })],
    'a secret algorithm': [cluster({ algorithms: ['HS256'] })],
    'a secret algorithm beside another': [cluster({ algorithms: ['ES256', 'HS256'] })],
    'a trust domain as a URL': [spiffe({ trustDomain: 'spiffe://example.org' } as never)],
    'a trust domain without keys': [spiffe({ jwksUri: undefined } as never)],
    'a trust domain with an issuer': [spiffe({ issuer: PLATFORM } as never)]
  }
  for (const [name, issuers] of Object.entries(wrong)) t.throws(() => workloadIdentities(issuers as WorkloadIssuer[]), { code: 'FST_OAUTH_INVALID_WORKLOAD_ISSUER' }, name)
  t.throws(() => workloadIdentities([]), FlowConfigurationError)
  for (const alg of ['PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'RS256', 'RS384', 'RS512']) t.doesNotThrow(() => methodOf({ algorithms: [alg] }), alg)
  const method = workloadIdentities([cluster()])
  t.equal(method.name, 'workload_identity')
  await t.rejects(ask(method, 'x'), InvalidClientError, 'with the clock of the machine')
})
