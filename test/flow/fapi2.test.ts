// The FAPI 2.0 Security Profile, as far as the client credentials grant goes: what build() lets through, and what is served.
import { randomUUID } from 'node:crypto'
import Fastify from 'fastify'
import { calculateJwkThumbprint, CompactSign, exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { CryptoKey, JWK } from 'jose'
import { test } from 'tap'
import clientCredentialsPlugin, {
  BearerTokenType, CertificateBoundTokenType, ClientCredentialsFlowBuilder, DPoPTokenType, JwtAccessTokens, MemoryStore, privateKeyJwt,
  SigningKeys
} from '../../plugin/index.ts'
import { FLOW_ERRORS } from '../../src/errors/configuration-error.ts'
import type { Clients, OAuth2Client } from '../../plugin/index.ts'
import type { SigningAlgorithm } from '../../src/adapter.ts'
import { FORM } from '../support/demo.ts'
import { MemoryReplays } from '../support/replays.ts'

const ISSUER = 'https://as.example'
const TOKEN_URL = `${ISSUER}/oauth2/token`
const BY_ALG = 'PS256 ES256 EdDSA Ed25519'.split(' ')

function jwtTokens (algorithm: SigningAlgorithm = 'ES256') {
  return new JwtAccessTokens({ issuer: ISSUER, audience: ISSUER, keys: new SigningKeys(new MemoryStore(), { algorithm }) })
}

interface Holder { alg: string, privateKey: CryptoKey, jwk: JWK, id: string }

async function makeHolder (id: string, alg = 'ES256'): Promise<Holder> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { alg, privateKey, jwk: await exportJWK(publicKey), id }
}

function clientsOf (...holders: Holder[]): Clients {
  const clients = new Map<string, OAuth2Client>(holders.map(({ id, jwk }) => [id, {
    id, grants: ['client_credentials'], scopes: ['data:read'], metadata: { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] }, dpop_bound_access_tokens: true }
  }]))
  return {
    getClient: ({ clientId, clientSecret }) => clientSecret === undefined ? clients.get(clientId) : undefined,
    findClient: (id) => clients.get(id),
    replays: new MemoryReplays()
  }
}

const dpop = () => new DPoPTokenType({ replays: new MemoryReplays() })
const nobody = clientsOf()

/** A flow that keeps to the profile. */
function fapiBuilder (clients = nobody): ClientCredentialsFlowBuilder {
  return new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
    .setProfile('fapi2')
    .setScopes({ 'data:read': 'Read data' })
    .setTokenType(dpop())
    .addClientAuthenticationMethod('private_key_jwt')
    .useClients(clients)
    .useAccessTokens(jwtTokens())
}

test('FAPI 2.0 §5.3.2.1: a flow is built that keeps to the profile', async (t) => {
  t.ok(fapiBuilder().build())
  t.ok(fapiBuilder().setTokenType(new CertificateBoundTokenType()).build())
  t.ok(fapiBuilder().setTokenType(dpop(), new CertificateBoundTokenType()).addClientAuthenticationMethod('tls_client_auth').addClientAuthenticationMethod('self_signed_tls_client_auth').build())
  for (const algorithm of ['PS256', 'ES256', 'EdDSA'] as const) t.ok(fapiBuilder().useAccessTokens(jwtTokens(algorithm)).build(), algorithm)
})

const BROKEN: [name: string, (builder: ClientCredentialsFlowBuilder) => unknown, words: RegExp][] = [
  ['FAPI 2.0 §5.3.2.1 (6): build refuses secrets', (builder) => builder.addClientAuthenticationMethod('client_secret_basic'), /may not authenticate by client_secret_basic/],
  ['FAPI 2.0 §5.3.2.1 (6): build refuses a method of one\'s own', (builder) => builder.addClientAuthenticationMethod({ name: 'mine', carries: () => true, authenticate: () => undefined }), /may not authenticate by mine/],
  ['FAPI 2.0 §5.3.2.1 (6): build refuses the method that is set when there is none', (builder) => builder.removeClientAuthenticationMethod('private_key_jwt'), /may not authenticate by client_secret_basic/],
  ['FAPI 2.0 §5.3.2.1 (4): build refuses bearer tokens', (builder) => builder.setTokenType(new BearerTokenType()), /bearer tokens may not be issued: call setTokenType/],
  ['FAPI 2.0 §5.3.2.1 (4): build refuses bearer tokens beside bound ones', (builder) => builder.setTokenType(dpop(), new BearerTokenType()), /bearer tokens may not be issued/],
  ['FAPI 2.0 §5.3.2.1 (8): build refuses the token endpoint as audience', (builder) => builder.addClientAuthenticationMethod(privateKeyJwt({ issuer: ISSUER, clients: nobody, replays: new MemoryReplays(), algorithms: ['ES256'], tokenEndpointAudience: TOKEN_URL })), /may take the issuer only as audience/],
  ['FAPI 2.0 §5.4.1: build refuses assertions by RS256', (builder) => builder.addClientAuthenticationMethod(privateKeyJwt({ issuer: ISSUER, clients: nobody, replays: new MemoryReplays() })), /private_key_jwt may take PS256, ES256 and EdDSA only/],
  ['FAPI 2.0 §5.4.1: build refuses proofs by RS256', (builder) => builder.setTokenType(new DPoPTokenType({ replays: new MemoryReplays(), algorithms: ['ES256', 'RS256'] })), /DPoP proofs may be by PS256/],
  ['FAPI 2.0 §5.4.1: build refuses proofs by RS256 beside certificates', (builder) => builder.setTokenType(new CertificateBoundTokenType(), new DPoPTokenType({ replays: new MemoryReplays(), algorithms: ['RS256'] })), /DPoP proofs may be by PS256/],
  ['FAPI 2.0 §5.4.1: build refuses access tokens by RS256', (builder) => builder.useAccessTokens(jwtTokens('RS256')), /access tokens may be signed by PS256/]
]

for (const [name, change, words] of BROKEN) {
  test(`${name}, and names it`, async (t) => {
    const builder = fapiBuilder()
    change(builder)
    t.throws(() => builder.build(), { code: 'FST_OAUTH_PROFILE', message: words })
  })
}

test('FAPI 2.0 §5.3.2.1 (1): without metadata, build names that, and all else that is wrong', async (t) => {
  const builder = new ClientCredentialsFlowBuilder().setProfile('fapi2')
  t.throws(() => builder.build(), { message: /^The flow does not keep to its profile\. .*client_secret_basic.*; bearer tokens.*; the server must have metadata/ })
})

test('There is no other profile', async (t) => {
  for (const profile of ['fapi1', '', null]) {
    t.throws(() => fapiBuilder().setProfile(profile as 'fapi2').build(), { code: 'FST_OAUTH_UNKNOWN_PROFILE', message: FLOW_ERRORS.FST_OAUTH_UNKNOWN_PROFILE })
  }
})

test('Methods by their names need what they work with', async (t) => {
  const bare = () => new ClientCredentialsFlowBuilder()
  const { replays, ...forgetful } = nobody
  for (const [name, builder] of Object.entries({
    'no clients': bare().addClientAuthenticationMethod('private_key_jwt').useAccessTokens(jwtTokens()),
    'no issuer': bare().addClientAuthenticationMethod('private_key_jwt').useClients(nobody),
    'clients whose store remembers nothing': bare().addClientAuthenticationMethod('private_key_jwt').useClients(forgetful).useAccessTokens(jwtTokens()),
    'tls_client_auth without clients': bare().addClientAuthenticationMethod('tls_client_auth'),
    'self_signed_tls_client_auth without clients': bare().addClientAuthenticationMethod('self_signed_tls_client_auth')
  })) {
    t.throws(() => builder.build(), { code: 'FST_OAUTH_AUTH_METHOD_INCOMPLETE', message: FLOW_ERRORS.FST_OAUTH_AUTH_METHOD_INCOMPLETE }, name)
  }
})

// What is served

async function served (...holders: Holder[]) {
  const app = Fastify()
  await app.register(clientCredentialsPlugin, { flow: fapiBuilder(clientsOf(...holders)).build() })
  app.get('/data', { preHandler: app.requireScopes('data:read') }, async (request) => request.credentials?.app.id)
  return app
}

const seconds = () => Math.floor(Date.now() / 1000)

function assertionOf ({ id, alg, privateKey }: Holder, claims: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT({ iss: id, sub: id, aud: ISSUER, jti: randomUUID(), iat: seconds(), exp: seconds() + 60, ...claims }).setProtectedHeader({ alg }).sign(privateKey)
}

async function proofOf ({ alg, jwk, privateKey }: Holder, claims: Record<string, unknown> = {}): Promise<string> {
  const payload = { htm: 'POST', htu: TOKEN_URL, jti: randomUUID(), iat: seconds(), ...claims }
  return await new CompactSign(Buffer.from(JSON.stringify(payload))).setProtectedHeader({ typ: 'dpop+jwt', alg, jwk } as { alg: string }).sign(privateKey)
}

const athOf = async (token: string) => Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(token))).toString('base64url')

type App = Awaited<ReturnType<typeof served>>

function ask (app: App, form: Record<string, string>, proof?: string) {
  return app.inject({
    method: 'POST',
    url: '/oauth2/token',
    headers: { 'content-type': FORM, ...(proof && { dpop: proof }) },
    payload: new URLSearchParams({ grant_type: 'client_credentials', ...form }).toString()
  })
}

const assertion = (jwt: string) => ({ client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: jwt })

test('FAPI 2.0 §5.3.2.1 (1): discovery-end-point-verification: the metadata is what the profile wants, and nothing more is taken', async (t) => {
  const app = await served()
  const metadata = (await app.inject('/.well-known/oauth-authorization-server')).json()
  t.match(metadata, {
    issuer: ISSUER, token_endpoint: TOKEN_URL, grant_types_supported: ['client_credentials'], token_endpoint_auth_methods_supported: ['private_key_jwt'], scopes_supported: ['data:read']
  })
  t.strictSame(metadata.token_endpoint_auth_signing_alg_values_supported, BY_ALG)
  t.strictSame(metadata.dpop_signing_alg_values_supported, BY_ALG)
  t.strictSame(metadata.introspection_endpoint_auth_signing_alg_values_supported, BY_ALG)
})

test('FAPI 2.0 §5.3.2.1 (4), (5): happy-flow, two clients: a token without refresh token, and of no use to the other', async (t) => {
  const [first, second] = [await makeHolder('first'), await makeHolder('second', 'PS256')]
  const app = await served(first, second)
  const take = async (holder: Holder) => (await ask(app, assertion(await assertionOf(holder)), await proofOf(holder))).json()
  const use = async (token: string, holder: Holder, url = '/data') => await app.inject({
    url, headers: { accept: '*/*;q=0.1, x/y', authorization: `DPoP ${token}`, dpop: await proofOf(holder, { htm: 'GET', htu: `${ISSUER}/data`, ath: await athOf(token) }) }
  })
  const answer = await take(first)
  t.strictSame(Object.keys(answer).sort(), ['access_token', 'expires_in', 'scope', 'token_type'])
  const other = await take(second)
  t.equal((await use(answer.access_token, first)).statusCode, 200)
  t.equal((await use(other.access_token, second)).statusCode, 200)
  t.equal((await use(answer.access_token, second)).statusCode, 401)
  t.equal((await use(answer.access_token, first, `/data?access_token=${answer.access_token}`)).statusCode, 400, 'nor in the query')
  t.equal(await calculateJwkThumbprint(first.jwk), JSON.parse(Buffer.from(answer.access_token.split('.')[1], 'base64url').toString()).cnf.jkt)
})

test('FAPI 2.0 §5.3.2.1: the negative steps at the token endpoint', async (t) => {
  const [first, second, rs256] = [await makeHolder('first'), await makeHolder('second'), await makeHolder('rs256', 'RS256')]
  const app = await served(first, second, rs256)
  const proof = () => proofOf(first)
  const errorOf = async (form: Record<string, string>, dpop?: string) => {
    const answer = await ask(app, form, dpop)
    return [answer.statusCode, answer.json().error]
  }
  const invalid = [401, 'invalid_client']
  t.strictSame(await errorOf({ ...assertion(await assertionOf(first)), client_id: 'second' }, await proof()), invalid, 'ensure-client-id-in-token-endpoint: client 2, key of client 1')
  t.strictSame(await errorOf(assertion(await assertionOf({ ...first, id: 'second' })), await proof()), invalid, 'signed by another client')
  t.strictSame(await errorOf(assertion(await assertionOf(rs256)), await proof()), invalid, 'ensure-signed-client-assertion-with-RS256-fails')
  t.strictSame(await errorOf({ client_id: 'first' }, await proof()), invalid, 'ensure-client-assertion-in-token-endpoint')
  t.strictSame(await errorOf(assertion(await assertionOf(first, { exp: seconds() - 300 })), await proof()), invalid, 'expired five minutes ago')
  t.strictSame(await errorOf(assertion(await assertionOf(first, { aud: 'https://other.example' })), await proof()), invalid, 'another audience')
  t.strictSame(await errorOf(assertion(await assertionOf(first, { aud: TOKEN_URL })), await proof()), invalid, 'the token endpoint as audience')
  t.strictSame(await errorOf(assertion(await assertionOf(first, { aud: [ISSUER] })), await proof()), invalid, 'a list of audiences')
  t.strictSame(await errorOf(assertion(await assertionOf(first, { sub: undefined })), await proof()), invalid, 'no sub')
  t.strictSame(await errorOf(assertion(await assertionOf(first))), [400, 'invalid_dpop_proof'], 'ensure-holder-of-key-required')
  for (const shift of [-10, 10]) t.strictSame(await errorOf(assertion(await assertionOf(first, { iat: seconds() + shift, nbf: seconds() + shift })), await proof()), [200, undefined], `iat ${shift}`)
  t.strictSame(await errorOf(assertion(await assertionOf(first, { nbf: seconds() + 70 })), await proof()), invalid, 'nbf more than a minute ahead')
})
