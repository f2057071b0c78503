import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import Fastify from 'fastify'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import t from 'tap'
import clientCredentialsPlugin from '../../plugin/index.ts'
import { JWT_ACCESS_TOKENS } from '../../src/access-token/jwt-options.ts'
import { OPAQUE_ACCESS_TOKENS } from '../../src/access-token/opaque-access-tokens.ts'
import { REMOTE_ACCESS_TOKENS } from '../../src/access-token/remote/remote-access-tokens.ts'
import { CLIENT_SECRET_JWT } from '../../src/client-auth/client-secret-jwt.ts'
import { SELF_SIGNED_TLS_CLIENT_AUTH } from '../../src/client-auth/mutual-tls/self-signed-tls-client-auth.ts'
import { TLS_CLIENT_AUTH } from '../../src/client-auth/mutual-tls/tls-client-auth.ts'
import { PRIVATE_KEY_JWT } from '../../src/client-auth/private-key-jwt.ts'
import { WORKLOAD_IDENTITIES } from '../../src/client-auth/workload-identities.ts'
import { CLIENT_REGISTRY } from '../../src/client-registry/registry-options.ts'
import { CLIENT_CREDENTIALS_FLOW } from '../../src/flow/flow-options.ts'
import { GUARDED_FETCH } from '../../src/http-client/guarded-fetch.ts'
import { deepFreeze, parseJsonObject, withoutUndefined } from '../../src/lib/json.ts'
import {
  auditLog, ClientCredentialsFlow, ClientCredentialsFlowBuilder, ClientRegistry, clientSecretJwt, DPoPTokenType, FailureThrottle,
  guardedFetch, JwtAccessTokens, MemoryStore, OpaqueAccessTokens, openTelemetrySpans, privateKeyJwt, prometheusMetrics, RemoteAccessTokens,
  selfSignedTlsClientAuth, SigningKeys, tlsClientAuth, workloadIdentities
} from '../../src/index.ts'
import { AUDIT_LOG } from '../../src/observability/audit-log.ts'
import { OPENTELEMETRY_SPANS } from '../../src/observability/opentelemetry-spans.ts'
import { PROMETHEUS_METRICS } from '../../src/observability/prometheus-metrics.ts'
import { nearestName } from '../../src/options/check-options.ts'
import { SIGNING_KEYS } from '../../src/signing-keys/signing-keys-options.ts'
import { MEMORY_STORE } from '../../src/stores/memory.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { FAILURE_THROTTLE } from '../../src/throttle/failure-throttle.ts'
import { DPOP_TOKEN_TYPE } from '../../src/token-type/dpop/dpop-token-type.ts'

const store = new MemoryStore()
const keys = new SigningKeys(store)
const issuer = 'https://auth.example.com'
const audience = 'https://api.example.com'
const clients = { findClient: () => undefined }
const workload = { issuer, audience, client: () => undefined }
class Metric { inc (): void {} observe (): void {} }
const promClient = { register: { removeSingleMetric: () => {} }, Counter: Metric, Histogram: Metric }
const audit = ['auditRetention', 'auditMaxRecords', 'now']
const fake = { exec: () => {}, prepare: () => {}, connect: () => {}, totalCount: 0, set: () => {}, eval: () => {}, evalsha: () => {}, status: 'ready' }

type Make = (options: any) => unknown
type Options = { readonly options: object } | readonly string[]

/** Each constructor and function with options: what makes it, options that are right, and the names of all. */
const PARTS: ReadonlyArray<readonly [name: string, make: Make, right: object, options: Options]> = [
  ['ClientCredentialsFlow', (options) => new ClientCredentialsFlow(options), {}, CLIENT_CREDENTIALS_FLOW],
  ['ClientCredentialsFlowBuilder', (options) => new ClientCredentialsFlowBuilder(options), {}, CLIENT_CREDENTIALS_FLOW],
  ['JwtAccessTokens', (options) => new JwtAccessTokens(options), { issuer, audience, keys }, JWT_ACCESS_TOKENS],
  ['OpaqueAccessTokens', (options) => new OpaqueAccessTokens(options), { issuer, audience, store }, OPAQUE_ACCESS_TOKENS],
  ['RemoteAccessTokens', (options) => new RemoteAccessTokens(options), { issuer, audience }, REMOTE_ACCESS_TOKENS],
  ['SigningKeys', (options) => new SigningKeys(store, options), {}, SIGNING_KEYS],
  ['ClientRegistry', (options) => new ClientRegistry(store, options), {}, CLIENT_REGISTRY],
  ['FailureThrottle', (options) => new FailureThrottle(options), {}, FAILURE_THROTTLE],
  ['DPoPTokenType', (options) => new DPoPTokenType(options), { replays: store }, DPOP_TOKEN_TYPE],
  ['privateKeyJwt', (options) => privateKeyJwt(options), { issuer, replays: store, clients }, PRIVATE_KEY_JWT],
  ['clientSecretJwt', (options) => clientSecretJwt(options), { issuer, replays: store, secrets: () => undefined }, CLIENT_SECRET_JWT],
  ['tlsClientAuth', (options) => tlsClientAuth(options), { clients }, TLS_CLIENT_AUTH],
  ['selfSignedTlsClientAuth', (options) => selfSignedTlsClientAuth(options), { clients }, SELF_SIGNED_TLS_CLIENT_AUTH],
  ['workloadIdentities', (options) => workloadIdentities([workload], options), {}, WORKLOAD_IDENTITIES],
  ['a workload issuer', (options) => workloadIdentities([options]), workload, ['issuer', 'trustDomain', 'jwksUri', 'audience', 'client', 'algorithms', 'replays', 'dangerouslyAllowHttpIssuer']],
  ['guardedFetch', (options) => guardedFetch(options), {}, GUARDED_FETCH],
  ['auditLog', (options) => auditLog({ info: () => {} }, options), {}, AUDIT_LOG],
  ['openTelemetrySpans', (options) => openTelemetrySpans({ startSpan: () => undefined as never }, options), {}, OPENTELEMETRY_SPANS],
  ['prometheusMetrics', (options) => prometheusMetrics(promClient as never, options), {}, PROMETHEUS_METRICS],
  ['MemoryStore', (options) => new MemoryStore(options), {}, MEMORY_STORE],
  ['sqliteStore', (options) => sqliteStore(fake as never, options), {}, ['migrate', ...audit]],
  ['postgresStore', (options) => postgresStore(fake as never, options), {}, ['migrate', 'prepare', ...audit]],
  ['redisStore', (options) => redisStore(fake as never, options), {}, ['prefix', 'clockTolerance', 'now']]
]

const namesOf = (options: Options) => 'options' in options ? Object.keys(options.options) : options

t.test('An unknown option is an error at construction that names the nearest known one', async (t) => {
  for (const [name, make, right, options] of PARTS) {
    const made = make(right)
    if (typeof made === 'function' && name !== 'guardedFetch') made()
    for (const known of namesOf(options)) {
      const wrong = `${known}s`
      t.throws(() => make({ ...right, [wrong]: undefined }), { code: 'FST_OAUTH_UNKNOWN_OPTION', message: new RegExp(`${wrong}".*${known}"`) }, `${name} ${wrong}`)
    }
  }
  t.throws(() => new ClientRegistry(store, { pepper: 'of-thirty-two-characters-or-more-1' } as object), { code: 'FST_OAUTH_UNKNOWN_OPTION', message: /"pepper".*"peppers"/ })
})

t.test('An option of a wrong type is a coded error at construction, which does not repeat the value', async (t) => {
  const wrong: readonly unknown[] = [Symbol('wrong'), 3n, Number.NaN, -1.5, [[]], new Map()]
  for (const [name, make, right, options] of PARTS) {
    for (const option of namesOf(options)) {
      for (const value of wrong) t.throws(() => make({ ...right, [option]: value }), { code: /^FST_OAUTH_/ }, `${name} ${option} ${String(typeof value)}`)
    }
    for (const value of [null, 5, 'a secret', [], store]) t.throws(() => make(value), { code: /^FST_OAUTH_/ }, `${name} ${typeof value}`)
  }
  const error: unknown = (() => { try { return new SigningKeys(store, 'a-secret' as never) } catch (thrown) { return thrown } })()
  t.notMatch(String(error), /a-secret/)
})

t.test('A required option that is missing is a coded error at construction', async (t) => {
  for (const [name, make, right] of PARTS) {
    for (const option of Object.keys(right)) {
      t.throws(() => make({ ...right, [option]: undefined }), { code: /^FST_OAUTH_/ }, `${name} without ${option}`)
    }
  }
})

t.test('A wrong kind of object is a coded error at construction', async (t) => {
  const made: Array<() => unknown> = [
    () => new JwtAccessTokens({ issuer, audience, keys: store as never }),
    () => new JwtAccessTokens({ issuer, audience, keys, revocations: {} as never }),
    () => new JwtAccessTokens({ issuer, audience, keys, entries: keys as never }),
    () => new OpaqueAccessTokens({ issuer, audience, store: keys as never }),
    () => new (SigningKeys as new () => unknown)(),
    () => new SigningKeys({} as never),
    () => new (ClientRegistry as new () => unknown)(),
    () => new ClientRegistry(keys as never),
    () => new FailureThrottle({ store: keys as never }),
    () => new ClientCredentialsFlowBuilder().useAccessTokens(keys as never).build(),
    () => new ClientCredentialsFlowBuilder().useAccessTokens(undefined as never).useClients(store as never).build(),
    () => new ClientCredentialsFlowBuilder({ throttle: {} as never }),
    () => privateKeyJwt({ issuer, replays: store, clients, keys: () => undefined }),
    () => workloadIdentities([]),
    () => auditLog(undefined as never)
  ]
  for (const make of made) t.throws(make, { code: /^FST_OAUTH_/ }, String(make))
})

t.test('Implementations of the user\'s own are recognised by their methods', async (t) => {
  const own = {
    algorithm: 'ES256', maxTokenLifetime: 60, jwksMaxAge: 60, current: () => undefined as never, find: () => undefined, toJwks: async () => ({ keys: [] })
  }
  t.doesNotThrow(() => new JwtAccessTokens({ issuer, audience, keys: own }))
  class Configured { issuer = issuer; get audience (): string { return audience } store = store }
  t.doesNotThrow(() => new OpaqueAccessTokens(new Configured()))
})

t.test('The nearest name is found by edit distance', async (t) => {
  for (const [name, nearest] of [['scopes', 'scope'], ['jwks', 'jwksUri'], ['cachSize', 'cacheSize'], ['ISSUER', 'issuer'], ['aduience', 'audience'], ['xyz', undefined]] as const) {
    t.equal(nearestName(name, ['issuer', 'audience', 'scope', 'cacheSize', 'jwksUri']), nearest, name)
  }
})

t.test('RFC 6749 §3.2, §5.1: further parameters reach the callback, and further members the response, but for those of the RFC', async (t) => {
  let seen: unknown
  const flow = new ClientCredentialsFlowBuilder().addClientAuthenticationMethod('client_secret_post')
    .getClient(({ clientId }) => ({ id: clientId, grants: ['client_credentials'] }))
    .generateAccessToken(({ parameters }) => {
      seen = parameters
      return { accessToken: 'token', parameters: { tenant: { id: 7 }, access_token: 'another', scope: 'admin', refresh_token: 'one', toJSON: undefined } }
    })
    .build()
  const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: 'a', client_secret: 'b', tenant: 'acme', empty: '' })
  const answer = await flow.token(new Request('https://auth.example.com/token', { method: 'POST', body }))
  t.strictSame(seen, { tenant: 'acme' })
  t.strictSame(answer.success && answer.tokenResponse, { tenant: { id: 7 }, access_token: 'token', token_type: 'Bearer', expires_in: 3600 })
})

t.test('dangerouslyAllowHttpIssuer is on both sides of every pair', async (t) => {
  const http = 'http://auth:3000'
  const makers: Array<(more: object) => unknown> = [
    (more) => new JwtAccessTokens({ issuer: http, audience, keys, ...more }),
    (more) => new OpaqueAccessTokens({ issuer: http, audience, store, ...more }),
    (more) => new RemoteAccessTokens({ issuer: http, audience, ...more }),
    (more) => privateKeyJwt({ issuer: http, replays: store, clients, ...more }),
    (more) => workloadIdentities([{ ...workload, issuer: http, ...more }]),
    (more) => new ClientCredentialsFlow({ tokenEndpoint: `${http}/token`, ...more })
  ]
  for (const make of makers) {
    t.throws(() => make({}), { code: /^FST_OAUTH_INVALID_/ }, String(make))
    t.doesNotThrow(() => make({ dangerouslyAllowHttpIssuer: true }), String(make))
  }
})

t.test('A registry takes the methods of its flows, and a workload gets no secret', async (t) => {
  const registry = new ClientRegistry(new MemoryStore())
  await t.rejects(registry.add({ authMethods: ['spiffe_proxy'] }), { code: 'FST_OAUTH_INVALID_CLIENT' })
  new ClientCredentialsFlowBuilder().useClients(registry)
    .addClientAuthenticationMethod({ name: 'spiffe_proxy', needs: 'nothing', carries: () => false, authenticate: () => undefined }).build()
  t.equal((await registry.add({ authMethods: ['spiffe_proxy'] })).secret, undefined)
  t.equal((await registry.add({ authMethods: ['workload_identity'] })).secret, undefined)
  t.ok((await registry.add({ authMethods: ['workload_identity', 'client_secret_basic'] })).secret)
})

t.test('The metadata is where OpenID Connect Discovery has it, and says nothing untrue, if the option says so', async (t) => {
  const flow = new ClientCredentialsFlowBuilder().getClient(() => undefined).useAccessTokens(new JwtAccessTokens({ issuer: `${issuer}/tenant`, audience, keys })).build()
  const app = Fastify()
  await app.register(clientCredentialsPlugin, { flow, openIdConfiguration: true })
  const answer = await app.inject('/tenant/.well-known/openid-configuration')
  const metadata = (await app.inject('/.well-known/oauth-authorization-server/tenant')).json()
  t.strictSame(answer.json(), { subject_types_supported: ['public'], id_token_signing_alg_values_supported: [], ...metadata })
  t.ok(metadata.jwks_uri)
  const other = Fastify()
  await other.register(clientCredentialsPlugin, { flow })
  t.equal((await other.inject('/tenant/.well-known/openid-configuration')).statusCode, 404)
  for (const option of ['flows', 'origins', 'acceptJSON']) await t.rejects(async () => await Fastify().register(clientCredentialsPlugin, { flow, [option]: true }), { code: 'FST_OAUTH_UNKNOWN_OPTION' })
})

t.test('RFC 7523bis §4: the issuer may be the only value of an aud array, but under FAPI 2.0', async (t) => {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const jwks = { keys: [{ ...await exportJWK(publicKey), alg: 'ES256' }] }
  const method = privateKeyJwt({ issuer, replays: store, keys: () => jwks })
  const request = async (aud: unknown) => {
    const jwt = await new SignJWT({ iss: 'a', sub: 'a', aud: aud as string, jti: randomUUID() }).setProtectedHeader({ alg: 'ES256' }).setIssuedAt().setExpirationTime('1 minute').sign(privateKey)
    const form = { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: jwt }
    return { form, header: () => undefined } as never
  }
  t.match(await method.authenticate(await request([issuer])), { clientId: 'a' })
  t.match(await method.authenticate(await request(issuer), { isAudienceString: true }), { clientId: 'a' })
  for (const aud of [[issuer, audience], [], [[issuer]], [audience]]) await t.rejects(async () => await method.authenticate(await request(aud)), { code: 'invalid_client' })
  await t.rejects(async () => await method.authenticate(await request([issuer]), { isAudienceString: true }), { code: 'invalid_client' })
})

// JSON objects

const nested = (levels: number) => `${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`

t.test('A JSON object is parsed as the parser of the language does it, whatever brackets its strings contain', async (t) => {
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.constantFrom('[[[['.repeat(20), '}}}}', '\\"{', '"['))), (object) => {
    const text = JSON.stringify(object)
    t.strictSame(parseJsonObject(text), JSON.parse(text))
  }), { numRuns: 300 })
})

t.test('What is no JSON object is none', async (t) => {
  for (const text of ['', 'x', 'null', '5', '"a"', '[]', '[{}]', '{', '{"a"', ']', '}{']) t.equal(parseJsonObject(text), undefined, text)
})

t.test('An object of more than 32 levels is rejected before it is parsed, by its brackets alone', async (t) => {
  t.ok(parseJsonObject(nested(32)))
  t.equal(parseJsonObject(nested(33)), undefined)
  t.equal(parseJsonObject(`{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`), undefined)
  const parse = JSON.parse
  let calls = 0
  JSON.parse = (...args) => { calls++; return parse(...args) }
  parseJsonObject(nested(33))
  JSON.parse = parse
  t.equal(calls, 0)
})

t.test('An object is frozen with everything in it, and written without members that are undefined', async (t) => {
  const value = deepFreeze({ a: [{ b: 1 }] })
  t.ok(Object.isFrozen(value) && Object.isFrozen(value.a) && Object.isFrozen(value.a[0]))
  t.strictSame(withoutUndefined({ a: undefined, b: null, c: 0 }), { b: null, c: 0 })
})
