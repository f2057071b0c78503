// The lines of RFC 7521 and RFC 7523 that a token endpoint is judged by, through the plugin, and clients that are not ours.
import { createHmac, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import fc from 'fast-check'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import type { JSONWebKeySet } from 'jose'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import t from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, {
  clientSecretJwt, FlowConfigurationError, guardedFetch, InvalidClientError, InvalidRequestError, JwtAccessTokens, privateKeyJwt,
  SigningKeys
} from '../../plugin/index.ts'
import type { ClientAuthMethod, OAuth2Client } from '../../plugin/index.ts'
import type { VerifiedClient } from '../../src/client-auth/client-auth-method.ts'
import type { ClientSecretJwtOptions } from '../../src/client-auth/client-secret-jwt.ts'
import type { PrivateKeyJwtOptions } from '../../src/client-auth/private-key-jwt.ts'
import { StoreUnavailableError } from '../../src/errors/store-unavailable.ts'
import { MemoryStore } from '../../src/stores/memory.ts'
import { basic, demoBuilder, form, FORM, TOKEN_PATH } from '../support/demo.ts'
import { encode, pairs, publicPem, signatureOf, strangers } from '../support/forge.ts'
import type { Algorithm, PublicAlgorithm } from '../support/forge.ts'
import { HttpsServer } from '../support/https-server.ts'
import { freePort } from '../support/program.ts'
import { MemoryReplays, SlowReplays } from '../support/replays.ts'

const ISSUER = 'https://as.example'
const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const SECRET = 'a secret of the client that has more than sixty-four characters, for HS512'
const START = 1_800_000_000
let time = START
const now = () => time

type Members = Record<string, unknown>

const jwkOf = (alg: PublicAlgorithm, members: Members = {}, from = pairs) => ({ ...from[alg].publicKey.export({ format: 'jwk' }), kid: alg, ...members })
const jwks = { keys: [jwkOf('ES256'), jwkOf('RS256'), jwkOf('PS256'), jwkOf('EdDSA')] }
const clientOf = (id: string, metadata: Record<string, unknown>): OAuth2Client => ({ id, grants: ['client_credentials'], scopes: ['data:read'], metadata })

/** The clients, all of which have the same keys. */
const CLIENTS: Record<string, OAuth2Client> = Object.fromEntries([
  clientOf('signer', { jwks }),
  clientOf('other', { jwks: { keys: [jwkOf('ES256', {}, strangers)] } }),
  clientOf('bound', { jwks, token_endpoint_auth_signing_alg: 'ES256' }),
  clientOf('edwards', { jwks, token_endpoint_auth_signing_alg: 'Ed25519' }),
  clientOf('named', { jwks: { keys: [jwkOf('EdDSA', { alg: 'EdDSA' }), jwkOf('RS256', { alg: 'PS256' })] } }),
  clientOf('poster', { jwks, token_endpoint_auth_method: 'client_secret_post' }),
  clientOf('nameless', { jwks: { keys: [jwkOf('ES256', { kid: undefined }, strangers), jwkOf('ES256', { kid: undefined })] } }),
  clientOf('keyless', {}),
  clientOf('broken', { jwks: 'none' }),
  clientOf('weak', { jwks: { keys: [generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' })] } }),
  clientOf('secretive', { jwks: { keys: [{ kty: 'oct', k: encode(SECRET), kid: 'HS256' }, pairs.ES256.privateKey.export({ format: 'jwk' })] } }),
  clientOf('crowded', { jwks: { keys: Array.from({ length: 101 }, () => jwkOf('ES256', { kid: undefined })) } }),
  // The same key, with an exponent that is long to look at.
  clientOf('costly', { jwks: { keys: [jwkOf('RS256', { e: 'AQAAAAEAAQ' }), jwkOf('ES256')] } }),
  clientOf('hs512', { token_endpoint_auth_signing_alg: 'HS512' })
].map((client) => [client.id, client]))
const findClient = (id: string) => Object.hasOwn(CLIENTS, id) ? CLIENTS[id] : undefined

let serial = 0
const claimsOf = (id: string, members: Members = {}): Members => ({ iss: id, sub: id, aud: ISSUER, iat: time, exp: time + 60, jti: `jti-${++serial}`, ...members })

/** Signs an assertion, or what is none. */
function assert (claims: unknown, header: Members = {}, key?: KeyObject | string): string {
  const alg = (header.alg ?? 'ES256') as Algorithm
  const input = `${encode({ alg, kid: alg, ...header })}.${encode(claims)}`
  return `${input}.${signatureOf(alg, input, key ?? (alg in pairs ? pairs[alg as PublicAlgorithm].privateKey : SECRET))}`
}
const assertion = (id = 'signer', claims: Members = {}, header: Members = {}, key?: KeyObject | string) => assert(claimsOf(id, claims), header, key)
const hmac = (id = 'signer', claims: Members = {}, header: Members = {}, key = SECRET) => assertion(id, claims, { alg: 'HS256', kid: undefined, ...header }, key)

const PROVEN = { clientId: 'signer', signingAlgorithm: 'ES256' }
// As a client that does not exist.
const UNAVAILABLE = { name: 'InvalidClientError', status: 401, cause: { message: /^The jwks_uri of the client is unavailable/ } }

interface Setting {
  app: FastifyInstance
  replays: MemoryReplays
  send (parameters: Record<string, string> | [string, string][], headers?: Record<string, string>): Promise<{ statusCode: number, body: string, headers: Members }>
}

async function setUp (methods: (replays: MemoryReplays) => ClientAuthMethod[] = bothMethods): Promise<Setting> {
  const replays = new MemoryReplays()
  const builder = demoBuilder().setThrottle(null).getClient(({ clientId, clientSecret }) => clientSecret === undefined ? findClient(clientId) : undefined)
  for (const method of methods(replays)) builder.addClientAuthenticationMethod(method)
  const app = Fastify()
  await app.register(clientCredentialsPlugin, { flow: builder.build() })
  return {
    app,
    replays,
    send: (parameters, headers) => app.inject({
      method: 'POST', url: TOKEN_PATH, headers: { 'content-type': FORM, ...headers }, payload: `grant_type=client_credentials&${form(parameters)}`
    })
  }
}

const privateKeys = (options: Partial<PrivateKeyJwtOptions> = {}) => privateKeyJwt({ issuer: ISSUER, replays: new MemoryReplays(), clients: { findClient }, now, ...options })
const secretKeys = (options: Partial<ClientSecretJwtOptions> = {}) => clientSecretJwt({
  issuer: ISSUER, replays: new MemoryReplays(), secrets: (id) => id in CLIENTS ? SECRET : undefined, now, ...options
})
const bothMethods = (replays: MemoryReplays) => [privateKeys({ replays }), secretKeys({ replays })]
const setting = await setUp()
t.beforeEach(() => { time = START })

const presented = (jwt: string, parameters: Record<string, string> = {}) => ({ client_assertion_type: TYPE, client_assertion: jwt, ...parameters })

async function isTaken (t: Test, jwt: string, name = '', parameters = {}, { send } = setting): Promise<void> {
  const { statusCode, body } = await send(presented(jwt, parameters))
  t.match({ statusCode, ...JSON.parse(body) }, { statusCode: 200, token_type: 'Bearer', access_token: String }, name)
}

/** Every refusal is the same to whoever is refused. */
async function isRefused (t: Test, jwt: string, name = '', parameters = {}, { send } = setting): Promise<void> {
  const { statusCode, body, headers } = await send(presented(jwt, parameters))
  t.strictSame({ statusCode, body, challenge: headers['www-authenticate'] }, {
    statusCode: 401, body: '{"error":"invalid_client","error_description":"Client authentication failed"}', challenge: 'Basic realm="demo", error="invalid_client"'
  }, name)
}

async function isInvalidRequest (t: Test, answer: ReturnType<Setting['send']>, name = ''): Promise<void> {
  const { statusCode, body } = await answer
  t.match({ statusCode, ...JSON.parse(body) }, { statusCode: 400, error: 'invalid_request' }, name)
}

/** A request without HTTP, for methods on their own. */
const requestWith = (parameters: Record<string, string | string[]>) => ({ method: 'POST', url: TOKEN_PATH, header: () => undefined, form: parameters })
const ask = async (method: ClientAuthMethod, jwt: string, parameters = {}) => {
  const { recheck: _, kind, ...proven } = await method.authenticate(requestWith(presented(jwt, parameters))) as Partial<VerifiedClient> | undefined ?? {}
  return kind === 'verified' ? proven : undefined
}
const causeOf = async (method: ClientAuthMethod, jwt: string): Promise<unknown> => ask(method, jwt).then(() => 'taken', (error) => {
  if (error instanceof InvalidClientError) return error.cause
  throw error
})

t.test('RFC 7523 §2.2: the client_assertion_type is exactly the URN', async (t) => {
  await isTaken(t, assertion())
  const types = [`${TYPE} `, TYPE.toUpperCase(), TYPE.slice(0, -1), `${TYPE}r`, 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer', 'urn:ietf:params:oauth:grant-type:jwt-bearer', 'jwt-bearer', '']
  for (const type of types) await isRefused(t, assertion(), type, { client_assertion_type: type })
  for (const parameters of [{ client_assertion: assertion() }, { client_assertion_type: TYPE }, { client_assertion_type: TYPE, client_assertion: '' }]) {
    const { statusCode } = await setting.send(parameters as Record<string, string>)
    t.equal(statusCode, 401, Object.keys(parameters).join())
  }
})

t.test('RFC 7521 §4.2: one assertion per request', async (t) => {
  const twice: [string, string][] = [['client_assertion_type', TYPE], ['client_assertion', assertion()], ['client_assertion', assertion()]]
  await isInvalidRequest(t, setting.send(twice))
  await isInvalidRequest(t, setting.send([['client_assertion_type', TYPE], ...twice.slice(0, 2)]))
  await isRefused(t, `${assertion()} ${assertion()}`)
  t.equal(await privateKeys().authenticate(requestWith({ client_assertion_type: TYPE, client_assertion: [assertion(), assertion()] })), undefined)
})

t.test('RFC 6749 §2.3: an assertion beside another mechanism is invalid_request', async (t) => {
  await isInvalidRequest(t, setting.send(presented(assertion()), { authorization: basic('signer') }), 'Authorization')
  await isInvalidRequest(t, setting.send(presented(assertion()), { authorization: 'Bearer x' }), 'Authorization of another scheme')
  await isInvalidRequest(t, setting.send(presented(assertion(), { client_secret: SECRET, client_id: 'signer' })), 'client_secret')
  const { statusCode } = await setting.app.inject({ method: 'POST', url: `${TOKEN_PATH}?${form(presented(assertion()))}`, headers: { 'content-type': FORM }, payload: 'grant_type=client_credentials' })
  t.equal(statusCode, 400, 'in the URL')
})

t.test('RFC 7521 §4.2: client_id is optional, and equal to sub', async (t) => {
  await isTaken(t, assertion(), 'the same', { client_id: 'signer' })
  await isTaken(t, assertion(), 'empty', { client_id: '' })
  const unused = assertion()
  for (const id of ['other', 'Signer', 'signer ', 'nobody']) await isRefused(t, unused, id, { client_id: id })
  await isTaken(t, unused, 'a refusal uses nothing up')
})

t.test('RFC 7523 §3: iss and sub are the client_id', async (t) => {
  const names = [undefined, null, '', 'other', ISSUER, 5, true, ['signer'], { id: 'signer' }, 'signer\0', 'sig\nner', '\u007F', '\uD800']
  for (const name of names) {
    await isRefused(t, assertion('signer', { iss: name }), `iss ${JSON.stringify(name)}`)
    await isRefused(t, assertion('signer', { sub: name }), `sub ${JSON.stringify(name)}`)
    await isRefused(t, assertion('signer', { iss: name, sub: name }), `both ${JSON.stringify(name)}`)
  }
  await isRefused(t, assert({ ...claimsOf('signer'), iss: undefined, sub: undefined, client_id: 'signer' }), 'neither')
  for (const name of ['__proto__', 'constructor', 'toString']) await isRefused(t, assertion(name), name)
})

t.test('RFC 7523 §3, FAPI 2.0 §5.3.2.1 (8): aud is the issuer identifier alone', async (t) => {
  const others = [undefined, null, '', 5, {}, [], [[ISSUER]], [ISSUER, ISSUER], [ISSUER, 'https://other.example'], `${ISSUER}/`, ISSUER.toUpperCase(), `${ISSUER}${TOKEN_PATH}`, 'https://other.example', ` ${ISSUER}`]
  for (const aud of others) await isRefused(t, assertion('signer', { aud }), JSON.stringify(aud))
})

t.test('RFC 7523 §3: further values of aud by choice, and still no list of several', async (t) => {
  const endpoint = `${ISSUER}${TOKEN_PATH}`
  for (const tokenEndpointAudience of [endpoint, [endpoint]]) {
    const compatible = await setUp((replays) => [privateKeys({ replays, tokenEndpointAudience })])
    await isTaken(t, assertion('signer', { aud: endpoint }), 'the endpoint', {}, compatible)
    await isTaken(t, assertion(), 'the issuer', {}, compatible)
    for (const aud of [[endpoint, endpoint], [ISSUER, endpoint], `${endpoint}/`, undefined]) await isRefused(t, assertion('signer', { aud }), JSON.stringify(aud), {}, compatible)
  }
})

t.test('RFC 7523 §3: exp is required, and near', async (t) => {
  await isTaken(t, assertion('signer', { exp: time + 310 }), 'the longest')
  await isTaken(t, assertion('signer', { exp: time + 0.5 }), 'a fraction')
  await isTaken(t, assertion('signer', { exp: time - 9 }), 'within the tolerance of clocks')
  for (const exp of [undefined, null, '', String(time + 60), [time + 60], {}, true, -1, 0, time - 10, time - 300, time + 311, time + 86_400, 1e300]) {
    await isRefused(t, assertion('signer', { exp }), `exp ${JSON.stringify(exp)}`)
  }
  await isRefused(t, assert(JSON.stringify(claimsOf('signer')).replace(/"exp":\d+/, '"exp":1e999')), 'beyond all numbers')
  const short = await setUp((replays) => [privateKeys({ replays, maxLifetime: 60, clockTolerance: 0 })])
  await isTaken(t, assertion(), 'as long as it may be', {}, short)
  await isRefused(t, assertion('signer', { exp: time + 61 }), 'longer', {}, short)
  await isRefused(t, assertion('signer', { exp: time }), 'without tolerance', {}, short)
})

t.test('RFC 7523 §3, FAPI 2.0 §5.3.2.1 (13): nbf and iat are honoured: 10 seconds ahead are good, 60 are not', async (t) => {
  for (const name of ['nbf', 'iat']) {
    for (const value of [undefined, time, time - 300, time + 1, time + 10, time - 0.5]) await isTaken(t, assertion('signer', { [name]: value }), `${name} ${value}`)
    for (const value of [time + 11, time + 61, time + 3600, null, '', String(time), [time], {}, true, -1, 1e300]) await isRefused(t, assertion('signer', { [name]: value }), `${name} ${JSON.stringify(value)}`)
  }
  const tolerant = await setUp((replays) => [privateKeys({ replays, clockTolerance: 60 })])
  await isTaken(t, assertion('signer', { iat: time + 60 }), 'the most that can be chosen', {}, tolerant)
  await isRefused(t, assertion('signer', { iat: time + 61 }), 'more', {}, tolerant)
})

t.test('RFC 7523 §3: jti is required, and its length is capped', async (t) => {
  await isTaken(t, assertion('signer', { jti: 'x'.repeat(256) }), 'the longest')
  for (const jti of [undefined, null, '', 5, true, ['x'], {}, 'x'.repeat(257)]) await isRefused(t, assertion('signer', { jti }), `jti ${JSON.stringify(jti)?.slice(0, 20)}`)
})

t.test('RFC 7523 §3: every algorithm that is allowed', async (t) => {
  for (const alg of ['ES256', 'RS256', 'PS256', 'EdDSA']) await isTaken(t, assertion('signer', {}, { alg }), alg)
  for (const alg of ['ES256', 'RS256', 'PS256', 'EdDSA']) await isTaken(t, assertion('signer', {}, { alg, kid: undefined }), `${alg} without kid`)
  await isTaken(t, assertion('nameless', {}, { kid: undefined }), 'the second of two keys without names')
  await isTaken(t, hmac())
  for (const id of ['signer', 'named', 'edwards']) {
    for (const alg of ['EdDSA', 'Ed25519']) await isTaken(t, ed25519(id, alg), `${alg}, one algorithm under two names (RFC 9864), ${id}`)
  }
  const edwards = await setUp((replays) => [privateKeys({ replays, algorithms: ['Ed25519'] })])
  await isTaken(t, ed25519('signer', 'EdDSA'), 'both names are allowed by either', {}, edwards)
  await isRefused(t, assertion(), 'ES256 is not', {}, edwards)
})

function ed25519 (id: string, alg: string): string {
  const input = `${encode({ alg, kid: 'EdDSA' })}.${encode(claimsOf(id))}`
  return `${input}.${signatureOf('EdDSA', input, pairs.EdDSA.privateKey)}`
}

t.test('RFC 7523 §3: none is refused, and whatever is not on the list', async (t) => {
  for (const alg of ['none', 'None', 'NONE', '', 'es256', 'ES512', 'ES256K', 'HS1', 'RSA-OAEP', 'dir', '__proto__']) {
    const input = `${encode({ alg })}.${encode(claimsOf('signer'))}`
    await isRefused(t, `${input}.`, `${alg} without a signature`)
    await isRefused(t, `${input}.${encode('x')}`, `${alg} with one`)
    await isRefused(t, `${input}.${signatureOf('ES256', input, pairs.ES256.privateKey)}`, `${alg} with a good one`)
  }
  for (const alg of [undefined, null, 5, ['ES256'], {}]) await isRefused(t, assertWith({ alg }), JSON.stringify(alg))
  const strict = await setUp((replays) => [privateKeys({ replays, algorithms: ['PS256', 'ES256', 'EdDSA'] })])
  await isRefused(t, assertion('signer', {}, { alg: 'RS256' }), 'RS256 where FAPI 2.0 rules (section 5.4.1)', {}, strict)
  await isTaken(t, assertion('signer', {}, { alg: 'PS256' }), 'PS256', {}, strict)
})

function assertWith (header: Members): string {
  const input = `${encode({ alg: 'ES256', ...header })}.${encode(claimsOf('signer'))}`
  return `${input}.${signatureOf('ES256', input, pairs.ES256.privateKey)}`
}

t.test('RFC 8725 §3.1: the algorithm is bound to the registration of the client, and to the key', async (t) => {
  await isTaken(t, assertion('bound'))
  for (const alg of ['RS256', 'PS256', 'EdDSA']) await isRefused(t, assertion('bound', {}, { alg }), alg)
  await isRefused(t, hmac('bound'), 'HS256, with the secret of the client')
  await isRefused(t, assertion('edwards'), 'registered for Ed25519')
  await isRefused(t, assertion('named', {}, { alg: 'RS256' }), 'a key for PS256')
  await isRefused(t, assertion('weak', {}, { kid: undefined }), 'a key of another curve')
  await isTaken(t, hmac('signer'), 'not bound')
  await isRefused(t, hmac('hs512'), 'HS256 for HS512')
  const input = `${encode({ alg: 'HS512' })}.${encode(claimsOf('hs512'))}`
  await isTaken(t, `${input}.${createHmac('sha512', SECRET).update(input).digest('base64url')}`, 'HS512')
})

t.test('RFC 7523 §3: an RSA key that costs too much to verify by is none', async (t) => {
  await isRefused(t, assertion('costly', {}, { alg: 'RS256' }))
  await isTaken(t, assertion('costly'), 'the others are there')
})

t.test('RFC 8725 §2.1: a public key is never a secret', async (t) => {
  const only = await setUp((replays) => [privateKeys({ replays })])
  for (const alg of ['ES256', 'RS256', 'EdDSA'] as const) {
    const { publicKey } = pairs[alg]
    for (const secret of [publicPem(publicKey), publicPem(publicKey).trim(), JSON.stringify(jwkOf(alg)), JSON.stringify(publicKey.export({ format: 'jwk' }))]) {
      await isRefused(t, hmac('signer', {}, { kid: alg }, secret), alg, {}, only)
      await isRefused(t, hmac('signer', {}, { kid: alg }, secret), `${alg}, with both methods`)
    }
  }
  await isRefused(t, hmac('secretive', {}, { kid: 'HS256' }, SECRET), 'a secret in the JWKS', {}, only)
  await isRefused(t, assertion('secretive', {}, { kid: undefined }), 'a private key in the JWKS', {}, only)
  await isTaken(t, assertion(), 'a key', {}, only)
})

t.test('RFC 7523 §3.2: a wrong signature is invalid_client', async (t) => {
  const { ES256 } = strangers
  await isRefused(t, assertion('signer', {}, {}, ES256.privateKey), 'the key of another')
  await isRefused(t, assertion('other'), 'our key, for another')
  await isRefused(t, assertion('signer', {}, { jwk: jwkOf('ES256', {}, strangers), kid: undefined }, ES256.privateKey), 'an embedded key')
  await isRefused(t, assertion('signer', {}, { jku: 'https://other.example', x5u: 'https://other.example' }, ES256.privateKey), 'keys elsewhere')
  await isRefused(t, assertion('signer', {}, { kid: 'unknown' }), 'an unknown kid')
  for (const kid of [null, 5, ['ES256'], {}, '__proto__']) await isRefused(t, assertion('signer', {}, { kid }), `kid ${JSON.stringify(kid)}`)
  const [header, payload, signature] = assertion().split('.')
  for (const jwt of [`${header}.${encode(claimsOf('signer'))}.${signature}`, `${header}.${payload}.`, `${header}.${payload}`, `${header}.${payload}.${signature}.${signature}`,
    `${header}.${payload}.${signature}=`, `${header}.${payload}.${signature?.slice(0, -4)}`, `.${payload}.${signature}`, 'x', '..', 'a.b.c', 'x'.repeat(20_000)]) {
    await isRefused(t, jwt, jwt.slice(0, 10))
  }
})

t.test('RFC 7523 §3.2: a JWT that is none is invalid_client, and no exception', async (t) => {
  for (const claims of [null, [], 5, 'text', '{', '"text"', [claimsOf('signer')]]) await isRefused(t, assert(claims), JSON.stringify(claims))
  for (const header of [{ crit: ['exp'], exp: 1 }, { crit: [] }, { crit: 'exp' }, { b64: false, crit: ['b64'] }, { zip: 'DEF' }]) {
    const answer = await setting.send(presented(assertWith(header)))
    t.equal(answer.statusCode, header.zip === undefined ? 401 : 200, JSON.stringify(header))
  }
  for (const [at, mark] of [[0, '='], [0, ' '], [1, '='], [1, '+']] as const) {
    const segments = [encode({ alg: 'ES256', kid: 'ES256' }), encode(claimsOf('signer'))]
    for (const marked of [segments[at] + mark, mark + segments[at]]) {
      const input = segments.with(at, marked).join('.')
      t.match(await causeOf(privateKeys(), `${input}.${signatureOf('ES256', input, pairs.ES256.privateKey)}`), /no signed JWT/, `${marked}, signed as it is`)
    }
  }
  for (const header of ['null', '[]', '5', '"ES256"', '{', '']) await isRefused(t, `${encode(header)}.${encode(claimsOf('signer'))}.${encode('x')}`, header)
})

t.test('RFC 7523 §3: what is longer than 16384 characters is no assertion, however well it is signed', async (t) => {
  const filled = (length: number) => hmac('signer', { jti: 'long', filler: 'x'.repeat(length) })
  // Of three characters, base64url makes four.
  const longest = filled(Math.round((16_384 - filled(0).length) * 3 / 4))
  t.equal(longest.length, 16_384)
  t.strictSame(await ask(secretKeys(), longest), { ...PROVEN, signingAlgorithm: 'HS256' })
  t.match(await causeOf(secretKeys(), `${longest}A`), /too long/)
})

t.test('RFC 7523 §3.2: who is unknown costs one verification of the same algorithm, like a wrong signature: the time tells nothing', async (t) => {
  const verified = t.capture(crypto.subtle, 'verify', crypto.subtle.verify)
  const algorithmsOf = async (method: ClientAuthMethod, jwt: string) => {
    t.not(await causeOf(method, jwt), 'taken')
    return verified().map(({ args: [algorithm] }) => (algorithm as { name: string }).name)
  }
  for (const [alg, name] of [['ES256', 'ECDSA'], ['RS256', 'RSASSA-PKCS1-v1_5'], ['PS256', 'RSA-PSS'], ['EdDSA', 'Ed25519']] as const) {
    t.strictSame(await algorithmsOf(privateKeys(), assertion('signer', {}, { alg }, strangers[alg].privateKey)), [name], `a wrong signature by ${alg}`)
    t.strictSame(await algorithmsOf(privateKeys(), assertion('nobody', {}, { alg })), [name], `an unknown client, ${alg}`)
    t.strictSame(await algorithmsOf(privateKeys(), assertion('keyless', {}, { alg })), [name], `a client without keys, ${alg}`)
    t.strictSame(await algorithmsOf(privateKeys(), assertion('signer', {}, { alg, kid: 'unknown' })), [name], `an unknown key, ${alg}`)
  }
  t.strictSame(await algorithmsOf(secretKeys(), hmac('signer', {}, {}, `${SECRET}.`)), ['HMAC'], 'a wrong secret')
  t.strictSame(await algorithmsOf(secretKeys(), hmac('nobody')), ['HMAC'], 'an unknown client, HS256')
})

t.test('RFC 7523 §3.2: unknown clients, clients without keys and wrong keys are refused alike', async (t) => {
  for (const alg of ['ES256', 'RS256', 'PS256', 'EdDSA', 'HS256']) await isRefused(t, assertion('nobody', {}, { alg }), alg)
  for (const id of ['keyless', 'broken', 'crowded']) await isRefused(t, assertion(id), id)
  await isRefused(t, assertion('poster'), 'registered for another method')
  const causes = await Promise.all([
    causeOf(privateKeys(), assertion('nobody')), causeOf(privateKeys(), assertion('signer', {}, {}, strangers.ES256.privateKey)),
    causeOf(privateKeys(), assertion('broken')), causeOf(secretKeys(), hmac('nobody'))
  ])
  t.match(causes, [/no client nobody is known/, /signature verification failed/, { message: /is no JWKS/, cause: { message: /malformed/ } }, /no secret of the client/], 'but the log tells them apart')
})

t.test('RFC 7523 §3: typ is absent, JWT or client-authentication+jwt', async (t) => {
  for (const typ of [undefined, 'JWT', 'jwt', 'client-authentication+jwt', 'Client-Authentication+JWT', 'application/client-authentication+jwt']) await isTaken(t, assertion('signer', {}, { typ }), typ)
  for (const typ of ['at+jwt', 'dpop+jwt', 'logout+jwt', 'token-introspection+jwt', '', ' JWT', 'text/jwt', 'application/application/jwt', 'japplication/wt', null, 5, ['JWT']]) {
    await isRefused(t, assertion('signer', {}, { typ }), JSON.stringify(typ))
  }
})

t.test('RFC 7523 §3: an assertion is good once, per client, until it has expired', async (t) => {
  const { replays, ...fresh } = await setUp()
  const used = { replays, ...fresh }
  const jwt = assertion('signer', { jti: 'same' })
  await isTaken(t, jwt, 'first', {}, used)
  await isRefused(t, jwt, 'again', {}, used)
  await isRefused(t, assertion('signer', { jti: 'same', exp: time + 200 }), 'another with the same jti', {}, used)
  await isRefused(t, hmac('signer', { jti: 'same' }), 'by another method', {}, used)
  await isTaken(t, assertion('bound', { jti: 'same' }), 'another client', {}, used)
  t.strictSame([...replays.reserved.values()], [time + 70, time + 70], 'kept for as long as clocks may differ')
  t.ok([...replays.reserved.keys()].every((key) => /^[\w-]{43}$/.test(key)), 'as a hash')
  time += 69
  await isRefused(t, jwt, 'in its last second', {}, used)
  time += 1
  replays.reserved.clear()
  await isRefused(t, jwt, 'when it is forgotten, it has expired', {}, used)
})

t.test('RFC 7523 §3: one that expires on the way to the store is not taken: nobody remembers then whether it was used', async (t) => {
  const clock = { now: START }
  const options = { replays: new SlowReplays(clock), now: () => clock.now }
  const slow = await setUp(() => [privateKeys(options), secretKeys(options)])
  for (const sign of [assertion, hmac]) {
    clock.now = START
    const jwt = sign()
    await isTaken(t, jwt, 'first', {}, slow)
    for (const before of [2, 1]) {
      clock.now = START + 70 - before
      await isRefused(t, jwt, 'again', {}, slow)
    }
    clock.now = START + 68
    await isTaken(t, sign(), 'just in time', {}, slow)
    clock.now = START + 69
    await isRefused(t, sign(), 'too late, and never used', {}, slow)
  }
})

t.test('RFC 7523 §3: no two names of client and jti are one', async (t) => {
  const replays = new MemoryReplays()
  const method = privateKeyJwt({ issuer: ISSUER, replays, keys: () => jwks as JSONWebKeySet, now })
  for (const [id, jti] of [['a', 'b","c'], ['a","b', 'c'], ['a', 'b'], ['ab', ''], ['a:b', 'c'], ['a', 'b:c']]) await ask(method, assertion(id, { jti: `${jti}.` }))
  t.equal(replays.reserved.size, 6)
})

t.test('RFC 7523 §3: of many at once, one gets in', async (t) => {
  const jwt = assertion()
  const answers = await Promise.all(Array.from({ length: 20 }, () => setting.send(presented(jwt))))
  t.equal(answers.filter(({ statusCode }) => statusCode === 200).length, 1)
})

t.test('RFC 7523 §3: it is used up behind the signature: a stranger uses up nothing', async (t) => {
  const claims = claimsOf('signer')
  await isRefused(t, assert(claims, {}, strangers.ES256.privateKey))
  await isTaken(t, assert(claims))
})

t.test('a store that is away is a 503, never a 401', async (t) => {
  const away = { reserve: async () => { throw new StoreUnavailableError(new Error('ECONNREFUSED')) } }
  const unavailable = await setUp(() => [privateKeys({ replays: away }), secretKeys({ replays: away })])
  for (const jwt of [assertion(), hmac()]) {
    const { statusCode, body, headers } = await unavailable.send(presented(jwt))
    t.match({ statusCode, ...JSON.parse(body) }, { statusCode: 503, error: 'temporarily_unavailable' })
    t.ok(headers['retry-after'])
  }
  await isRefused(t, assertion('nobody'), 'who is unknown does not get there', {}, unavailable)

  const findNothing = async () => { throw new StoreUnavailableError(new Error('ECONNREFUSED')) }
  const lost = await setUp((replays) => [privateKeys({ replays, clients: { findClient: findNothing } }), secretKeys({ replays, secrets: findNothing })])
  for (const jwt of [assertion(), hmac()]) t.equal((await lost.send(presented(jwt))).statusCode, 503, 'the store of clients')
})

t.test('what a callback throws is a 500', async (t) => {
  const failing = () => { throw new Error('a bug') }
  const broken = await setUp((replays) => [privateKeys({ replays, clients: { findClient: failing } }), secretKeys({ replays, secrets: failing })])
  for (const jwt of [assertion(), hmac()]) t.equal((await broken.send(presented(jwt))).statusCode, 500)
})

t.test('keys by a callback, and secrets of which any is good', async (t) => {
  const method = privateKeyJwt({ issuer: ISSUER, replays: new MemoryReplays(), now, keys: async (id) => id === 'signer' ? jwks as JSONWebKeySet : undefined })
  t.strictSame(await ask(method, assertion()), PROVEN)
  t.match(await causeOf(method, assertion('nobody')), /no client nobody/)

  const secrets = ['a new secret of more than thirty-two characters', 'an old secret of more than thirty-two characters', 'short']
  const several = secretKeys({ secrets: async () => secrets })
  for (const secret of secrets.slice(0, 2)) t.strictSame(await ask(several, hmac('signer', {}, {}, secret)), { ...PROVEN, signingAlgorithm: 'HS256' })
  for (const secret of ['short', '', 'another secret of more than thirty-two characters']) t.match(await causeOf(several, hmac('signer', {}, {}, secret || 'x')), /no secret of the client/, secret)
  t.match(await causeOf(secretKeys({ secrets: () => secrets.slice(0, 1), algorithms: ['HS512'] }), hmac()), /alg is not among HS512/)
  t.match(await causeOf(secretKeys({ secrets: () => [] }), hmac()), /no secret of the client/)
  const [shortest, shorter] = ['x'.repeat(32), 'x'.repeat(31)]
  t.strictSame(await ask(secretKeys({ secrets: () => shortest }), hmac('signer', {}, {}, shortest)), { ...PROVEN, signingAlgorithm: 'HS256' }, 'as long as the hash')
  t.match(await causeOf(secretKeys({ secrets: () => shorter }), hmac('signer', {}, {}, shorter)), /as long as its alg needs/)
})

t.test('methods share the parameter: each takes its own, and leaves the rest', async (t) => {
  t.equal(await ask(privateKeys(), hmac()), undefined)
  t.equal(await ask(secretKeys(), assertion()), undefined)
  t.equal(await ask(privateKeys(), assertion('signer', { iss: 'https://issuer.example' })), undefined)
  t.equal(await ask(secretKeys(), hmac('signer', { iss: 'https://issuer.example' })), undefined)
  t.strictSame([privateKeys().name, secretKeys().name], ['private_key_jwt', 'client_secret_jwt'])
  t.strictSame(privateKeys().signingAlgorithms, ['PS256', 'ES256', 'EdDSA', 'Ed25519', 'RS256'])
  t.strictSame(secretKeys().signingAlgorithms, ['HS256', 'HS384', 'HS512'])
})

t.test('no client is looked for whose name a store could not take', async (t) => {
  const looked: string[] = []
  const method = privateKeys({ clients: { findClient: (id) => { looked.push(id) } } } as Partial<PrivateKeyJwtOptions>)
  for (const id of ['a\0', 'a\n', '\u007F', '', 5, true]) t.match(await causeOf(method, assertion('', { iss: id, sub: id })), /are no client_id/)
  t.strictSame(looked, [])
})

t.test('the log says of an assertion that nobody takes what may be wrong with it', async (t) => {
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'info', stream: { write: (line: string) => { lines.push(line) } } } })
  t.teardown(() => app.close())
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().addClientAuthenticationMethod(privateKeys()).build() })
  await app.inject({ method: 'POST', url: TOKEN_PATH, headers: { 'content-type': FORM }, payload: `grant_type=client_credentials&${form(presented(hmac()))}` })
  t.match(lines.join(''), /no credentials of .*private_key_jwt: the client_assertion_type, the kind of its alg, or iss and sub/)
})

t.test('no cause has anything of an assertion that would get somebody in', async (t) => {
  const jwts = [assertion('signer', {}, {}, strangers.ES256.privateKey), assertion('signer', { exp: 1 }), assertion('nobody'), assert('{"secret'), `${assertion()}.x`, hmac('nobody')]
  for (const jwt of jwts) {
    const cause = String(await causeOf(jwt === jwts[5] ? secretKeys() : privateKeys(), jwt))
    t.notOk(jwt.split('.').some((segment) => segment.length > 1 && cause.includes(segment)), cause)
  }
})

t.test('wrong options are refused at construction', async (t) => {
  const wrongKeys = [{ issuer: 'x' }, { issuer: 'http://as.example' }, { issuer: undefined }]
  for (const options of wrongKeys as Partial<PrivateKeyJwtOptions>[]) t.throws(() => privateKeys(options), { code: 'FST_OAUTH_INVALID_ISSUER' })
  t.doesNotThrow(() => privateKeys({ issuer: 'http://as.example', dangerouslyAllowHttpIssuer: true }))
  const wrong = [
    { replays: undefined }, { replays: {} }, { algorithms: [] }, { algorithms: ['none'] }, { maxLifetime: 0 }, { maxLifetime: NaN }, { maxLifetime: '60' }, { clockTolerance: -1 }, { clockTolerance: 61 }
  ]
  for (const options of wrong as Members[]) {
    for (const make of [() => privateKeys(options), () => secretKeys(options)]) t.throws(make, { code: 'FST_OAUTH_INVALID_CLIENT_ASSERTION' }, JSON.stringify(options))
  }
  t.throws(() => privateKeys({ algorithms: ['HS256'] }), FlowConfigurationError)
  for (const algorithms of [['ES256'], ['HS256', 'ES256']]) t.throws(() => secretKeys({ algorithms }), FlowConfigurationError)
  const byName = (issuer: string) => demoBuilder().addClientAuthenticationMethod('private_key_jwt')
    .useClients({ getClient: () => undefined, findClient, replays: new MemoryReplays() })
    .useAccessTokens(new JwtAccessTokens({ issuer, audience: issuer, keys: new SigningKeys(new MemoryStore()), dangerouslyAllowHttpIssuer: true }))
  t.strictSame(byName('http://as.example').build().getTokenEndpointAuthMethods(), ['client_secret_basic', 'client_secret_post', 'private_key_jwt'], 'by its name, with the issuer that the access tokens allow')
  t.throws(() => privateKeys({ clients: {} } as Partial<PrivateKeyJwtOptions>), FlowConfigurationError)
  t.throws(() => secretKeys({ secrets: SECRET } as unknown as Partial<ClientSecretJwtOptions>), FlowConfigurationError)
  t.doesNotThrow(() => privateKeyJwt({ issuer: ISSUER, replays: new MemoryReplays(), keys: () => undefined }), 'with the clock of the machine')
})

t.test('keys at a jwks_uri', async (t) => {
  const server = await HttpsServer.start()
  t.teardown(() => server.close())
  const fetch = guardedFetch({ ca: server.certificate, dangerouslyAllowPrivateAddresses: true })
  const errors: Error[] = []
  const registered: Record<string, OAuth2Client> = {}
  const method = privateKeys({ clients: { findClient: (id) => registered[id] }, fetch, onError: (error) => { errors.push(error) } })
  const register = (id: string, path = `/${id}`) => { registered[id] = clientOf(id, { jwks_uri: server.url(path, 'localhost') }) }
  t.beforeEach(() => {
    time = START
    server.requests.length = errors.length = 0
    server.serve({ keys: [jwkOf('ES256')] })
  })

  await t.test('are fetched once, however many ask', async (t) => {
    register('first')
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(method, assertion('first'))))
    t.strictSame(answers, Array(10).fill({ clientId: 'first', signingAlgorithm: 'ES256' }))
    t.strictSame(server.requests.map(({ url, headers }) => [url, headers.accept]), [['/first', 'application/jwk-set+json, application/json']])
    registered.sharer = clientOf('sharer', registered.first!.metadata!)
    t.strictSame(await ask(method, assertion('sharer')), { clientId: 'sharer', signingAlgorithm: 'ES256' }, 'one set for those with the same jwks_uri')
    t.equal(server.requests.length, 1)
  })

  await t.test('are fetched again for a key that is missing, and not for each', async (t) => {
    register('rotating')
    await ask(method, assertion('rotating'))
    server.serve({ keys: [jwkOf('ES256'), jwkOf('EdDSA')] })
    const next = () => assertion('rotating', {}, { alg: 'EdDSA' })
    t.strictSame(await ask(method, next()), { clientId: 'rotating', signingAlgorithm: 'EdDSA' })
    for (let turn = 0; turn < 20; turn++) t.match(await causeOf(method, assertion('rotating', {}, { kid: `made up ${turn}` })), /no applicable key/)
    t.equal(server.requests.length, 1 + 10)
    time += 10
    for (let turn = 20; turn < 25; turn++) t.match(await causeOf(method, assertion('rotating', {}, { kid: `made up ${turn}` })), /no applicable key/)
    t.equal(server.requests.length, 1 + 10 + 1)
  })

  await t.test('that were dropped, or are too old, when the assertion has been reserved are not accepted', async (t) => {
    let reserving = async () => {}
    const replays = { reserve: async () => { await reserving(); return true } }
    const slow = privateKeys({ clients: { findClient: (id) => registered[id] }, fetch, replays, maxLifetime: 3000 })
    const unavailable: typeof server.handler = (_request, response) => { response.writeHead(500).end() }
    const meanwhile: Array<[name: string, seconds: number, handler: typeof server.handler | object[], expected: object]> = [
      ['dropped', 600, [jwkOf('EdDSA')], { name: 'InvalidClientError' }],
      ['replaced', 600, [jwkOf('EdDSA'), jwkOf('ES256')], { proven: { clientId: 'replaced', signingAlgorithm: 'ES256' } }],
      ['unavailable', 1206, unavailable, UNAVAILABLE],
      ['stale', 1000, unavailable, { proven: { clientId: 'stale', signingAlgorithm: 'ES256' } }]
    ]
    for (const [id, seconds, next, expected] of meanwhile) {
      time = START
      register(id)
      server.serve({ keys: [jwkOf('ES256'), jwkOf('RS256')] })
      reserving = async () => {
        time += seconds
        if (typeof next === 'function') server.handler = next
        else server.serve({ keys: next })
      }
      t.match(await ask(slow, assertion(id, { exp: START + 2000 })).then((proven) => ({ proven }), (error) => error), expected, id)
    }
  })

  await t.test('that were dropped while the token was made obtain none', async (t) => {
    let making = async () => {}
    register('maker')
    const flow = demoBuilder()
      .getClient(({ clientId }) => ({ ...registered[clientId]!, grants: ['client_credentials'] }))
      .generateAccessToken(async () => { await making(); return { accessToken: 'token' } })
      .addClientAuthenticationMethod(method)
      .build()
    const issue = async () => await flow.token(new Request(`https://as.example${TOKEN_PATH}`, {
      method: 'POST', headers: { 'content-type': FORM }, body: form({ grant_type: 'client_credentials', ...presented(assertion('maker')) })
    }))
    t.match(await issue(), { success: true })
    making = async () => {
      time += 600
      server.serve({ keys: [jwkOf('EdDSA')] })
    }
    t.match(await issue(), { success: false, error: { code: 'invalid_client', status: 401 } })
  })

  await t.test('that could never be loaded are invalid_client, and cost one request at a time', async (t) => {
    register('away')
    server.handler = (_request, response) => { response.writeHead(500).end() }
    for (let turn = 0; turn < 3; turn++) await t.rejects(ask(method, assertion('away')), UNAVAILABLE)
    t.equal(server.requests.length, 1)
    server.serve({ keys: [jwkOf('ES256')] })
    time += 5
    t.strictSame(await ask(method, assertion('away')), { clientId: 'away', signingAlgorithm: 'ES256' })
  })

  await t.test('that were known stay in use while it is away', async (t) => {
    register('stale')
    await ask(method, assertion('stale'))
    server.handler = (_request, response) => { response.writeHead(500).end() }
    const unheard = privateKeys({ clients: { findClient: (id) => registered[id] }, fetch })
    await t.rejects(ask(unheard, assertion('stale')), UNAVAILABLE)
    server.serve({ keys: [jwkOf('ES256')] })
    time += 5
    await ask(unheard, assertion('stale'))
    server.handler = (_request, response) => { response.writeHead(500).end() }
    // Ten minutes until they must be read again, and ten more while they cannot be.
    time = START + 1200
    for (const each of [method, unheard]) t.strictSame(await ask(each, assertion('stale')), { clientId: 'stale', signingAlgorithm: 'ES256' })
    time = START + 1205
    await t.rejects(ask(method, assertion('stale')), UNAVAILABLE)
    t.strictSame(await ask(unheard, assertion('stale')), { clientId: 'stale', signingAlgorithm: 'ES256' })
    time = START + 1206
    await t.rejects(ask(unheard, assertion('stale')), UNAVAILABLE)
    t.equal(errors.length, 1)
  })

  await t.test('that are no JWKS, or elsewhere, are none', async (t) => {
    const answers: Record<string, typeof server.handler> = {
      text: (_request, response) => { response.end('keys') },
      list: (_request, response) => { response.end('[]') },
      'no list': (_request, response) => { response.end('{"keys":{}}') },
      redirect: (_request, response) => { response.writeHead(302, { location: server.url('/first', 'localhost') }).end() },
      endless: (_request, response) => { response.end(JSON.stringify({ keys: [], filler: 'x'.repeat(600_000) })) }
    }
    for (const [id, handler] of Object.entries(answers)) {
      register(id, `/${encodeURIComponent(id)}`)
      server.handler = handler
      await t.rejects(ask(method, assertion(id)), UNAVAILABLE, id)
    }
    t.equal(server.requests.length, Object.keys(answers).length, 'no redirect was followed')
    registered.private = clientOf('private', { jwks_uri: server.url('/', '127.0.0.1') })
    const guarded = privateKeys({ clients: { findClient: (id) => registered[id] } })
    await t.rejects(ask(guarded, assertion('private')), { ...UNAVAILABLE, cause: { cause: { cause: { cause: { message: /not on the public internet/ } } } } })
    for (const uri of ['http://localhost/jwks', 'file:///etc/passwd', 'jwks', 5]) {
      registered.odd = clientOf('odd', { jwks_uri: uri })
      await t.rejects(ask(guarded, assertion('odd')), Error, String(uri))
    }
  })

  await t.test('of a client that has jwks too are not asked', async (t) => {
    registered.both = clientOf('both', { jwks, jwks_uri: server.url('/both', 'localhost') })
    t.strictSame(await ask(method, assertion('both')), { clientId: 'both', signingAlgorithm: 'ES256' })
    registered.both = clientOf('both', { jwks: null, jwks_uri: server.url('/both', 'localhost') })
    t.strictSame(await ask(method, assertion('both')), { clientId: 'both', signingAlgorithm: 'ES256' })
    t.equal(server.requests.length, 1)
  })
})

t.test('whatever is sent as an assertion is taken or refused, and never an exception', async () => {
  const methods = [privateKeys(), secretKeys()]
  const json = fc.jsonValue({ maxDepth: 2 })
  const member = fc.oneof(json, fc.constantFrom('signer', ISSUER, 'ES256', 'HS256', 'EdDSA', 'JWT', START + 60, START, 'x'))
  const record = (names: string[]) => fc.record(Object.fromEntries(names.map((name) => [name, member])), { requiredKeys: [] })
  const header = fc.oneof(json, record(['alg', 'typ', 'kid', 'crit', 'b64', 'jwk', 'zip']), fc.record({ alg: fc.constantFrom('ES256', 'RS256', 'EdDSA', 'HS256', 'none') }))
  const claims = fc.oneof(json, record(['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti']), record(['exp', 'nbf', 'iat', 'jti']).map((some) => ({ ...claimsOf('signer'), ...some })))
  const segments = fc.tuple(header.map(encode), claims.map(encode), fc.oneof(fc.base64String(), fc.constant('')))
  const unsigned = segments.map((parts) => parts.join('.'))
  const signed = segments.map(([head, body]) => `${head}.${body}.${signatureOf('ES256', `${head}.${body}`, pairs.ES256.privateKey)}`)
  const sent = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('.', 'e', 'y', 'J', '0', '=', '-') }), unsigned, signed)
  const parameters = fc.record({
    client_assertion: fc.oneof({ weight: 9, arbitrary: sent }, { weight: 1, arbitrary: fc.array(sent) }),
    client_assertion_type: fc.oneof({ weight: 9, arbitrary: fc.constant(TYPE) }, { weight: 1, arbitrary: fc.string() }),
    client_id: fc.oneof(fc.constant('signer'), fc.string())
  }, { requiredKeys: ['client_assertion', 'client_assertion_type'] })

  await fc.assert(fc.asyncProperty(parameters, async (sent) => {
    for (const method of methods) {
      try {
        const answer = await method.authenticate(requestWith(sent as Record<string, string>))
        if (answer !== undefined && answer.clientId !== 'signer') return false
      } catch (error) {
        if (!(error instanceof InvalidClientError || error instanceof InvalidRequestError)) throw error
      }
    }
    return true
  }), { numRuns: 1000 })
})

t.test('clients that are not ours', async (t) => {
  const port = await freePort()
  const issuer = `http://localhost:${port}`
  const store = new MemoryStore()
  const replays = new MemoryReplays()
  const builder = demoBuilder()
    .getClient(({ clientId, clientSecret }) => clientSecret === undefined ? findClient(clientId) : undefined)
    .addClientAuthenticationMethod(privateKeyJwt({ issuer, replays, clients: { findClient } }))
    .addClientAuthenticationMethod(clientSecretJwt({ issuer, replays, secrets: () => SECRET }))
    .useAccessTokens(new JwtAccessTokens({ issuer, audience: issuer, keys: new SigningKeys(store) }))
  const app = Fastify()
  await app.register(clientCredentialsPlugin, { flow: builder.build() })
  await app.listen({ port })
  t.teardown(() => app.close())
  const insecure = { [oauth.allowInsecureRequests]: true }
  const scope = 'data:read'

  const importKey = async (alg: PublicAlgorithm) => ({
    kid: alg,
    key: await crypto.subtle.importKey('pkcs8', pairs[alg].privateKey.export({ type: 'pkcs8', format: 'der' }), {
      ES256: { name: 'ECDSA', namedCurve: 'P-256' }, EdDSA: { name: 'Ed25519' }, RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, PS256: { name: 'RSA-PSS', hash: 'SHA-256' }
    }[alg], false, ['sign'])
  })

  for (const alg of ['ES256', 'EdDSA', 'RS256', 'PS256'] as const) {
    await t.test(`openid-client and oauth4webapi, private_key_jwt with ${alg}`, async (t) => {
      const key = await importKey(alg)
      const config = await openid.discovery(new URL(issuer), 'signer', undefined, openid.PrivateKeyJwt(key), { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] })
      t.match(await openid.clientCredentialsGrant(config, { scope }), { token_type: 'bearer', scope })
      t.match(await openid.clientCredentialsGrant(config, { scope }), { token_type: 'bearer', scope })

      const url = new URL(issuer)
      const server = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { ...insecure, algorithm: 'oauth2' }))
      const response = await oauth.clientCredentialsGrantRequest(server, { client_id: 'signer' }, oauth.PrivateKeyJwt(key), { scope }, insecure)
      t.match(await oauth.processClientCredentialsResponse(server, { client_id: 'signer' }, response), { token_type: 'bearer', scope })
    })
  }

  await t.test('openid-client and oauth4webapi, client_secret_jwt', async (t) => {
    const config = await openid.discovery(new URL(issuer), 'signer', SECRET, openid.ClientSecretJwt(SECRET), { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] })
    t.match(await openid.clientCredentialsGrant(config, { scope }), { token_type: 'bearer', scope })
    const server: oauth.AuthorizationServer = { issuer, token_endpoint: `${issuer}${TOKEN_PATH}` }
    const request = (secret: string) => oauth.clientCredentialsGrantRequest(server, { client_id: 'signer' }, oauth.ClientSecretJwt(secret), { scope }, insecure)
    t.match(await oauth.processClientCredentialsResponse(server, { client_id: 'signer' }, await request(SECRET)), { token_type: 'bearer' })
    await t.rejects(async () => oauth.processClientCredentialsResponse(server, { client_id: 'signer' }, await request(`${SECRET}.`)), Error)
  })
})
