// The admin API, as an administrator and as somebody who is none uses it.
import { generateKeyPairSync } from 'node:crypto'
import swagger from '@fastify/swagger'
import { Validator } from '@seriousme/openapi-schema-validator'
import Fastify from 'fastify'
import type { FastifyInstance, FastifyServerOptions, InjectOptions } from 'fastify'
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { test } from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, {
  clientAdminPlugin, ClientCredentialsFlowBuilder, ClientRegistry, FlowConfigurationError, JwtAccessTokens, MemoryStore,
  OpaqueAccessTokens, SigningKeys, StoreUnavailableError, workloadIdentities
} from '../../plugin/index.ts'
import type { ClientAdminPluginOptions } from '../../plugin/admin/options.ts'
import type { AccessTokens } from '../../plugin/index.ts'
import { clientUpdateSchema } from '../../schemas/index.ts'
import { basic, FORM, TOKEN_PATH } from '../support/demo.ts'
import { parsedJson, rawOnly, startPlatform } from '../support/platform.ts'
import type { Leave } from '../support/platform.ts'

const READ = 'data:read'
const MANAGE = 'clients:manage'
const ISSUER = 'https://as.example'
const RESOURCE = 'https://api.example'
const NOW = 1_800_000_000
const JSON_TYPE = 'application/json; charset=utf-8'

type Json = Record<string, any>
type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'

class FailingStore extends MemoryStore {
  isAway = false

  override async findClients (ids: readonly string[]) {
    if (this.isAway) throw new StoreUnavailableError(new Error('connect ECONNREFUSED'))
    return await super.findClients(ids)
  }

  override async removeClient (...args: Parameters<MemoryStore['removeClient']>) {
    if (this.isAway) throw new StoreUnavailableError(new Error('connect ECONNREFUSED'))
    return await super.removeClient(...args)
  }
}

interface World {
  app: FastifyInstance
  store: FailingStore
  clients: ClientRegistry
  keys: SigningKeys
  /** The header fields of the administrator. */
  admin: Record<string, string>
  lines: Json[]
  clock: { time: number }
}

interface Plan {
  tokens?: (store: MemoryStore, keys: SigningKeys, now: () => number) => AccessTokens
  scopes?: Record<string, string>
  options?: Partial<ClientAdminPluginOptions>
  prepare?: (app: FastifyInstance) => unknown
  server?: FastifyServerOptions
  openapi?: string
  tokenEndpoint?: string
}

const jwtTokens = (more: object = {}): NonNullable<Plan['tokens']> => (store, keys, now) =>
  new JwtAccessTokens({ issuer: ISSUER, audience: RESOURCE, keys, revocations: store, now, ...more })

async function world ({ tokens = jwtTokens(), scopes = { [READ]: 'Read data', [MANAGE]: 'Administer clients' }, options = {}, prepare, server: more = {}, openapi, tokenEndpoint = TOKEN_PATH }: Plan = {}): Promise<World> {
  const clock = { time: NOW }
  const now = () => clock.time
  const store = new FailingStore({ now })
  const keys = new SigningKeys(store, { now })
  const clients = new ClientRegistry(store, { now })
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint })
    .setScopes(scopes).useClients(clients).useAccessTokens(tokens(store, keys, now))
    .clientSecretBasicAuthenticationMethod().clientSecretPostAuthenticationMethod()
    .build()
  const lines: Json[] = []
  const server: FastifyServerOptions = { ...more, logger: { level: 'info', stream: { write: (line: string) => { lines.push(JSON.parse(line)) } } } }
  const app = Fastify(server)
  await prepare?.(app)
  if (openapi !== undefined) await app.register(swagger, { openapi: { openapi, info: { title: 'Demo', version: '1.0.0' } }, ...(prepare && { transform: jsonSchemaTransform }) })
  await app.register(clientCredentialsPlugin, { flow })
  await app.register(clientAdminPlugin, { clients, keys, prefix: '/admin', ...options })
  app.get('/data', { preHandler: app.requireScopes() }, async () => ({ ok: true }))
  const { secret } = await clients.add({ id: 'root', scopes: [MANAGE] })
  const admin = tokenEndpoint.startsWith('/') ? bearer(await token(app, 'root', secret!.secret)) : {}
  return { app, store, clients, keys, admin, lines, clock }
}

const bearer = (accessToken: string) => ({ authorization: `Bearer ${accessToken}` })

async function requestToken (app: FastifyInstance, id: string, secret: string) {
  return await app.inject({ method: 'POST', url: TOKEN_PATH, headers: { authorization: basic(id, secret), 'content-type': FORM }, payload: 'grant_type=client_credentials' })
}

async function token (app: FastifyInstance, id: string, secret: string): Promise<string> {
  return (await requestToken(app, id, secret)).json().access_token
}

const call = async ({ app, admin }: World, method: Method, path: string, payload?: object, more: InjectOptions = {}) => {
  const answer = await app.inject({ method, url: `/admin${path}`, headers: admin, ...(payload && { payload }), ...more })
  return { status: answer.statusCode, headers: answer.headers, body: (answer.body === '' ? undefined : answer.json()) as Json }
}

async function checkRefused (t: Test, answer: { status: number, body: Json, headers: Json }, status: number, error: string, description: string | RegExp = /./): Promise<void> {
  t.equal(answer.status, status, JSON.stringify(answer.body))
  t.equal(answer.body.error, error)
  if (typeof description === 'string') t.equal(answer.body.error_description, description)
  else t.match(answer.body.error_description, description)
  t.strictSame(Object.keys(answer.body), ['error', 'error_description'])
  t.equal(answer.headers['content-type'], JSON_TYPE)
  t.equal(answer.headers['cache-control'], 'no-store')
}

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const JWK = { ...publicKey.export({ format: 'jwk' }), kid: 'first', x5c: ['MIIB'] }

const WHOLE = {
  client_id: 'whole/one:1',
  client_name: 'Grüße, "Partner"',
  scope: `${READ} ${MANAGE}`,
  default_scope: READ,
  audiences: [RESOURCE],
  claims: { tenant: { id: 't7', tags: [1, null] }, roles: ['admin'] },
  metadata: { team: 'billing' },
  introspects: [RESOURCE],
  access_token_lifetime: 60,
  grant_types: ['client_credentials'],
  token_endpoint_auth_methods: ['client_secret_basic', 'client_secret_post'],
  jwks: { keys: [JWK] },
  tls_client_auth_san_dns: 'client.example',
  dpop_bound_access_tokens: true
}

test('A client is registered, used, read, replaced and removed', async (t) => {
  const w = await world()
  const made = await call(w, 'POST', '/clients', { client_name: 'My service', scope: READ, client_secret_lifetime: 100 })
  const { client_id: id, client_secret: secret, ...rest } = made.body
  t.equal(made.status, 201)
  t.equal(made.headers.location, `/admin/clients/${id}`)
  t.equal(made.headers['cache-control'], 'no-store')
  t.equal(made.headers['content-type'], JSON_TYPE)
  const secrets = [{ secret_id: rest.secrets[0].secret_id, created_at: NOW, expires_at: NOW + 100, imported: false }]
  const read = { client_id_issued_at: NOW, client_name: 'My service', scope: READ, grant_types: ['client_credentials'], disabled: false, updated_at: NOW, secrets }
  t.same(rest, { ...read, client_secret_expires_at: NOW + 100 })

  const used = await requestToken(w.app, id, secret)
  t.match(used.json(), { scope: READ, expires_in: 3600 })

  w.clock.time += 10
  const found = await call(w, 'GET', `/clients/${id}`)
  t.equal(found.headers['cache-control'], 'no-store')
  t.notOk('location' in found.headers, 'nothing was made')
  t.same(found.body, { ...read, client_id: id, secrets: [{ ...secrets[0], last_used_at: found.body.secrets[0].last_used_at }] })
  t.type(found.body.secrets[0].last_used_at, 'number')
  t.notMatch(JSON.stringify(found.body), secret)

  const replaced = await call(w, 'PUT', `/clients/${id}`, { client_id: id, scope: READ, access_token_lifetime: 60 })
  t.equal(replaced.status, 200)
  t.equal(replaced.body.client_name, undefined, 'what is left out is removed')
  t.match(replaced.body, { scope: READ, access_token_lifetime: 60, updated_at: NOW + 10, client_id_issued_at: NOW })
  t.match((await requestToken(w.app, id, secret)).json(), { expires_in: 60 })

  const removed = await call(w, 'DELETE', `/clients/${id}`)
  t.strictSame([removed.status, removed.headers['content-type'], removed.body], [204, undefined, undefined])
  t.equal((await requestToken(w.app, id, secret)).statusCode, 401)
  await checkRefused(t, await call(w, 'GET', `/clients/${id}`), 404, 'not_found', 'There is no such client')
  t.notMatch(JSON.stringify(w.lines), secret, 'no secret is in the log')
  t.notMatch(JSON.stringify(w.lines), w.admin.authorization!.slice(7), 'and no token')
})

test('Everything that can be said of a client comes back as it was said, and can be sent again', async (t) => {
  const w = await world()
  const path = `/clients/${encodeURIComponent(WHOLE.client_id)}`
  const made = await call(w, 'POST', '/clients', WHOLE)
  t.equal(made.status, 201)
  t.equal(made.headers.location, `/admin${path}`)
  t.notOk('client_secret' in made.body, 'a client with keys gets no secret')
  t.match(made.body, WHOLE)
  t.notOk('token_endpoint_auth_method' in made.body, 'several methods are not one')
  t.match(await w.clients.find(WHOLE.client_id), {
    name: WHOLE.client_name,
    scopes: [READ, MANAGE],
    defaultScopes: [READ],
    audiences: [RESOURCE],
    introspects: [RESOURCE],
    accessTokenLifetime: 60,
    authMethods: WHOLE.token_endpoint_auth_methods,
    jwks: WHOLE.jwks,
    certificateName: { sanDns: 'client.example' },
    senderConstraint: 'dpop'
  })
  t.match((await call(w, 'PUT', path, WHOLE)).body, WHOLE)

  const others: Json[] = [
    { token_endpoint_auth_method: 'client_secret_post' },
    { jwks_uri: 'https://client.example/jwks.json' },
    { tls_client_auth_subject_dn: 'CN=client' },
    { tls_client_auth_san_uri: 'spiffe://client' },
    { tls_client_auth_san_ip: '10.0.0.1' },
    { tls_client_auth_san_email: 'client@example.com' },
    { tls_client_certificate_bound_access_tokens: true },
    { scope: READ, default_scope: '' }
  ]
  const known = new Set(Object.keys(WHOLE))
  for (const other of others) {
    const { body } = await call(w, 'PUT', path, { client_id: WHOLE.client_id, ...other })
    t.match(body, other)
    const registered = Object.keys(body).filter((name) => name in clientUpdateSchema.properties && !['client_id', 'grant_types', 'scope'].includes(name))
    t.strictSame(registered, Object.keys(other).filter((name) => name !== 'scope'), 'and nothing else')
    Object.keys(other).forEach((name) => known.add(name))
  }
  t.strictSame([...known].sort(), Object.keys(clientUpdateSchema.properties).sort(), 'no member of the schema is left')
  const { body } = await call(w, 'PUT', path, { client_id: WHOLE.client_id, dpop_bound_access_tokens: false, scope: `${READ} ${READ}` })
  t.equal(body.dpop_bound_access_tokens, undefined)
  t.equal(body.scope, READ)
})

test('A secret that was made elsewhere is taken, and not shown', async (t) => {
  const w = await world()
  const { status, body } = await call(w, 'POST', '/clients', { client_id: 'legacy', client_secret: 'correct horse', scope: READ })
  t.equal(status, 201)
  t.equal(body.client_secret, undefined)
  t.match(body.secrets, [{ imported: true, expires_at: 0 }])
  t.equal((await requestToken(w.app, 'legacy', 'correct horse')).statusCode, 200)
})

test('Clients are listed page by page', async (t) => {
  const w = await world()
  t.equal((await call(w, 'GET', '/clients?limit=1&unknown=1')).status, 200, 'a parameter that is unknown is ignored')
  for (const id of ['a', 'b', 'c']) await w.clients.add({ id })
  const ids = ({ body }: { body: Json }) => body.clients.map((client: Json) => client.client_id)
  const first = await call(w, 'GET', '/clients?limit=3')
  t.strictSame([ids(first), first.body.next], [['a', 'b', 'c'], 'c'])
  const second = await call(w, 'GET', `/clients?limit=3&after=${first.body.next}`)
  t.strictSame([ids(second), second.body.next], [['root'], undefined])
  t.equal(ids(await call(w, 'GET', '/clients')).length, 4)
  t.equal((await call(w, 'HEAD', '/clients')).status, 200)
  for (const query of ['limit=0', 'limit=1001', 'limit=x', 'limit=1&limit=2', 'after=']) {
    await checkRefused(t, await call(w, 'GET', `/clients?${query}`), 400, 'invalid_request', /limit|after/)
  }
})

test('Secrets are made and revoked', async (t) => {
  const w = await world()
  const { secret: old } = await w.clients.add({ id: 'service', scopes: [READ] })
  const made = await call(w, 'POST', '/clients/service/secrets', { overlap: 100, lifetime: 1000 })
  t.equal(made.status, 201)
  t.equal(made.headers['cache-control'], 'no-store')
  t.same(made.body, { client_id: 'service', secret_id: made.body.secret_id, client_secret: made.body.client_secret, client_secret_expires_at: NOW + 1000 })
  for (const secret of [old!.secret, made.body.client_secret]) t.equal((await requestToken(w.app, 'service', secret)).statusCode, 200)

  t.equal((await call(w, 'DELETE', `/clients/service/secrets/${old!.id}`)).status, 204)
  t.equal((await requestToken(w.app, 'service', old!.secret)).statusCode, 401)
  t.equal((await requestToken(w.app, 'service', made.body.client_secret)).statusCode, 200)
  await checkRefused(t, await call(w, 'DELETE', `/clients/service/secrets/${old!.id}`), 404, 'not_found', 'There is no such secret')

  // No member of the body is needed: none at all, an empty one, and one that is empty for all its media type.
  const empty: InjectOptions[] = [{}, { payload: {} }, { headers: { ...w.admin, 'content-type': 'application/json' }, payload: '' }]
  for (const more of empty) t.match((await call(w, 'POST', '/clients/service/secrets', undefined, more)).body, { client_secret_expires_at: 0 })
  await checkRefused(t, await call(w, 'POST', '/clients/nobody/secrets'), 404, 'not_found', 'There is no such client')
  await checkRefused(t, await call(w, 'POST', '/clients/service/secrets', { overlap: -1, lifetime: '5' }), 400, 'invalid_client_metadata', /overlap.*lifetime/)
  await checkRefused(t, await call(w, 'POST', '/clients/service/secrets', { overlap: 1e300 }), 400, 'invalid_client_metadata', /^overlap must be/)
})

for (const [name, tokens] of Object.entries({
  JWT: jwtTokens(),
  opaque: (store, _keys, now) => new OpaqueAccessTokens({ issuer: ISSUER, audience: RESOURCE, store, now })
} satisfies Record<string, NonNullable<Plan['tokens']>>)) {
  test(`Whoever is disabled, removed or told to loses their access tokens (${name})`, async (t) => {
    const w = await world({ tokens })
    const { secret } = await w.clients.add({ id: 'service', scopes: [READ] })
    const data = async (accessToken: string) => (await w.app.inject({ url: '/data', headers: bearer(accessToken) })).statusCode
    const login = async () => await token(w.app, 'service', secret!.secret)
    const first = await login()
    t.equal(await data(first), 200)

    t.equal((await call(w, 'DELETE', '/clients/service/tokens')).status, 204)
    t.equal(await data(first), 401)
    const second = await login()
    t.equal(await data(second), 200, 'it may get others')

    t.match((await call(w, 'POST', '/clients/service/disable')).body, { client_id: 'service', disabled: true })
    t.equal(await data(second), 401)
    t.equal((await requestToken(w.app, 'service', secret!.secret)).statusCode, 401)
    t.match((await call(w, 'POST', '/clients/service/enable')).body, { client_id: 'service', disabled: false })
    t.equal(await data(second), 401, 'enabling revives no token')
    const third = await login()
    t.equal(await data(third), 200)

    t.equal((await call(w, 'DELETE', '/clients/service')).status, 204)
    t.equal(await data(third), 401)
    for (const [method, path] of [['DELETE', ''], ['DELETE', '/tokens'], ['POST', '/disable'], ['POST', '/enable']] as const) {
      await checkRefused(t, await call(w, method, `/clients/service${path}`), 404, 'not_found', 'There is no such client')
    }
  })
}

test('An administrator may shut themselves out', async (t) => {
  const w = await world()
  t.equal((await call(w, 'POST', '/clients/root/disable')).status, 200)
  await checkRefused(t, await call(w, 'GET', '/clients'), 401, 'invalid_token')
})

test('All tokens of all clients are revoked at once, that of the administrator too', async (t) => {
  const w = await world()
  const { secret } = await w.clients.add({ id: 'service', scopes: [READ] })
  const accessToken = await token(w.app, 'service', secret!.secret)
  const data = async (sent: string) => (await w.app.inject({ url: '/data', headers: bearer(sent) })).statusCode
  t.equal(await data(accessToken), 200)
  t.equal((await call(w, 'DELETE', '/tokens')).status, 204)
  t.equal(await data(accessToken), 401)
  await checkRefused(t, await call(w, 'GET', '/clients'), 401, 'invalid_token')
  t.equal(await data(await token(w.app, 'service', secret!.secret)), 200)
})

test('Tokens of a client are revoked without a store of revocations', async (t) => {
  const w = await world({ tokens: jwtTokens({ revocations: undefined }) })
  const { secret } = await w.clients.add({ id: 'service' })
  const accessToken = await token(w.app, 'service', secret!.secret)
  t.equal((await call(w, 'DELETE', '/clients/service/tokens')).status, 204)
  t.equal((await w.app.inject({ url: '/data', headers: bearer(accessToken) })).statusCode, 401)
})

test('During an upgrade, tokens are revoked for processes of 0.1.0 too', async (t) => {
  const w = await world()
  const cutOffs = async () => (await w.store.listRevocations()).entries.map(({ kind, id }) => `${kind} ${id}`)
  for (const id of ['a', 'b', 'c']) await w.clients.add({ id })
  t.equal((await call(w, 'POST', '/clients/a/disable')).status, 200)
  t.strictSame(await cutOffs(), [])
  await w.store.replaceSettings({ ...await w.store.readSettings(), isUpgrading: true })
  await new Promise((resolve) => { setTimeout(resolve, 1100) })
  t.equal((await call(w, 'POST', '/clients/a/disable')).status, 200)
  t.equal((await call(w, 'DELETE', '/clients/b/tokens')).status, 204)
  t.equal((await call(w, 'DELETE', '/clients/c')).status, 204)
  t.strictSame(await cutOffs(), ['client a', 'client b', 'client c'])
  t.equal((await call(w, 'DELETE', '/clients/c')).status, 404)
  t.equal((await call(w, 'DELETE', '/tokens')).status, 204)
  t.strictSame((await cutOffs()).slice(3), ['client a', 'client b', 'client root'])
})

test('Tokens that do not follow the store of the clients stay valid, and the API says so', async (t) => {
  const ownTokens: NonNullable<Plan['tokens']> = (...parts) => {
    const tokens = jwtTokens()(...parts)
    return { audience: [RESOURCE], issue: (context) => tokens.issue!({ ...context, generation: 2 ** 50 }), verify: (...args) => tokens.verify(...args) }
  }
  const w = await world({ tokens: ownTokens, openapi: '3.1.0' })
  await w.clients.add({ id: 'service' })
  t.equal((await call(w, 'POST', '/clients/service/disable')).status, 200)
  t.equal((await call(w, 'DELETE', '/clients/service/tokens')).status, 404)
  t.equal((await call(w, 'DELETE', '/tokens')).status, 404)
  const paths = w.app.swagger().paths as Json
  t.notOk(paths['/admin/clients/{client_id}/tokens'])
  t.match(paths['/admin/clients/{client_id}/disable'].post.description, /stay valid until they expire/)
})

test('Signing keys are listed, announced and revoked', async (t) => {
  const w = await world()
  const [current] = (await call(w, 'GET', '/keys')).body.keys
  t.same(current, { kid: current.kid, alg: 'ES256', state: 'current', created_at: NOW, active_from: NOW, sealed: false })
  const next = await call(w, 'POST', '/keys/rotate')
  t.match(next.body, { state: 'next', active_from: NOW + 3600 })
  t.strictSame((await call(w, 'GET', '/keys')).body.keys.map(({ kid }: Json) => kid), [current.kid, next.body.kid])
  await checkRefused(t, await call(w, 'DELETE', '/keys/other'), 404, 'not_found', 'There is no such key')
  t.equal((await call(w, 'DELETE', `/keys/${current.kid}`)).status, 204)
  await checkRefused(t, await call(w, 'GET', '/keys'), 401, 'invalid_token', /./)

  const without = await world({ options: { keys: undefined } as object })
  for (const [method, path] of [['GET', '/keys'], ['POST', '/keys/rotate'], ['DELETE', '/keys/x']] as const) t.equal((await call(without, method, path)).status, 404)
})

test('What is wrong with a registration is said under the names that were sent, and nothing is registered', async (t) => {
  const w = await world()
  const path = `/clients/${encodeURIComponent(WHOLE.client_id)}`
  await call(w, 'POST', '/clients', WHOLE)
  const before = JSON.stringify((await call(w, 'GET', '/clients')).body)
  const { d, ...secretJwk } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
  const wrong: [string, Json | string, string | RegExp][] = [
    ['a member that is none', { audience: [RESOURCE] }, 'audience is unknown, or not yours to set'],
    ['members of the server', { disabled: true, secrets: [] }, 'disabled is unknown, or not yours to set; secrets is unknown, or not yours to set'],
    ['another grant', { grant_types: ['authorization_code'] }, /grant_types/],
    ['a number as text', { access_token_lifetime: '60' }, 'access_token_lifetime must be integer'],
    ['a malformed scope', { scope: 'data:read  x' }, 'scope is malformed'],
    ['a scope that the server does not have', { scope: 'data:raed' }, 'The server has no scope data:raed'],
    ['a default that is no scope of it', { scope: READ, default_scope: MANAGE }, 'default_scope must be a list of some of its scopes'],
    ['a method that the server does not offer', { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [JWK] } }, 'Clients authenticate by client_secret_basic or client_secret_post here, and not by private_key_jwt'],
    ['one method and several', { token_endpoint_auth_method: 'client_secret_basic', token_endpoint_auth_methods: ['client_secret_post'] }, 'The members token_endpoint_auth_method and token_endpoint_auth_methods exclude each other'],
    ['two names in a certificate', { tls_client_auth_san_ip: '10.0.0.1', tls_client_auth_san_dns: 'x.example' }, 'The members tls_client_auth_san_dns and tls_client_auth_san_ip exclude each other'],
    ['two constraints', { dpop_bound_access_tokens: true, tls_client_certificate_bound_access_tokens: true }, /exclude each other/],
    ['keys in two places', { jwks: { keys: [JWK] }, jwks_uri: 'https://client.example/' }, /^jwks must be .* without jwks_uri beside it$/],
    ['a private key', { jwks: { keys: [{ ...secretJwk, d }] } }, /^jwks must be/],
    ['keys without TLS', { jwks_uri: 'http://client.example/' }, /^jwks_uri must be/],
    ['a member of a member', { jwks: { keys: [JWK], url: 'x' } }, 'jwks/url is unknown, or not yours to set'],
    ['a control character', { client_name: 'a\nb' }, 'client_name is malformed'],
    ['a list', [], 'The body must be object']
  ]
  for (const [name, body, description] of wrong) {
    await t.test(name, async (t) => {
      await checkRefused(t, await call(w, 'POST', '/clients', body as object), 400, 'invalid_client_metadata', description)
      const update = Array.isArray(body) ? body : { client_id: WHOLE.client_id, ...body as Json }
      await checkRefused(t, await call(w, 'PUT', path, update), 400, 'invalid_client_metadata', description)
    })
  }
  await checkRefused(t, await call(w, 'POST', '/clients', { client_id: 'with space' }), 400, 'invalid_client_metadata', 'client_id is malformed')
  await checkRefused(t, await call(w, 'POST', '/clients', { client_secret: 'x'.repeat(2000) }), 400, 'invalid_client_metadata', /^client_secret must/)
  await checkRefused(t, await call(w, 'POST', '/clients', { client_id: 'root' }), 409, 'conflict')
  await checkRefused(t, await call(w, 'PUT', path, { scope: READ }), 400, 'invalid_client_metadata', /client_id/)
  await checkRefused(t, await call(w, 'PUT', path, { client_id: 'root' }), 400, 'invalid_client_metadata', 'The client_id is not the one in the path')
  await checkRefused(t, await call(w, 'PUT', path, { client_id: WHOLE.client_id, client_secret: 'mine' }), 400, 'invalid_client_metadata', /^client_secret is/)
  await checkRefused(t, await call(w, 'PUT', '/clients/nobody', { client_id: 'nobody' }), 404, 'not_found', 'There is no such client')
  t.equal(JSON.stringify((await call(w, 'GET', '/clients')).body), before)
})

test('Bodies that are no JSON, or too large, are refused', async (t) => {
  const w = await world()
  const send = async (payload: string, type: string) => await call(w, 'POST', '/clients', undefined, { payload, headers: { ...w.admin, 'content-type': type } })
  await checkRefused(t, await send('{', 'application/json'), 400, 'invalid_request')
  await checkRefused(t, await send('{"__proto__":{}}', 'application/json'), 400, 'invalid_request')
  for (const body of ['null', '[]', '"x"']) await checkRefused(t, await send(body, 'application/json'), 400, 'invalid_client_metadata', 'The body must be object')
  t.equal((await w.clients.list()).clients.length, 1)
  await checkRefused(t, await send('scope=data:read', FORM), 415, 'invalid_request', 'The body must be sent as application/json')
  await checkRefused(t, await send(JSON.stringify({ client_name: 'x'.repeat(70_000) }), 'application/json'), 413, 'invalid_request')
})

test('What is registered can be reached: ids are any that a path has room for', async (t) => {
  for (const [maxLength, server] of [[100, {}], [200, { routerOptions: { maxParamLength: 200 } }]] as const) {
    const w = await world({ server })
    for (const id of ['a/b', '%2F', 'a?b#c', "'; DROP TABLE oauth_clients --".replaceAll(' ', '+'), '__proto__', '%'.repeat(maxLength)]) {
      const made = await call(w, 'POST', '/clients', { client_id: id })
      const read = await w.app.inject({ method: 'GET', url: made.headers['location'] as string, headers: w.admin })
      t.equal(read.json().client_id, id)
    }
    await checkRefused(t, await call(w, 'POST', '/clients', { client_id: 'x'.repeat(maxLength + 1) }), 400, 'invalid_client_metadata',
      `client_id must have ${maxLength} characters at most, for which paths have room here`)
    for (const id of ['%00', 'a%00b', '%F0%9F%98%80']) await checkRefused(t, await call(w, 'POST', `/clients/${id}/disable`), 404, 'not_found')
  }
})

test('Whoever lacks the scope is refused before the body is read, and without any token', async (t) => {
  const w = await world()
  const { secret } = await w.clients.add({ id: 'service', scopes: [READ] })
  const service = bearer(await token(w.app, 'service', secret!.secret))
  const routes: [Method, string][] = [
    ['GET', '/clients'], ['HEAD', '/clients'], ['POST', '/clients'], ['GET', '/clients/root'], ['PUT', '/clients/root'], ['DELETE', '/clients/root'],
    ['POST', '/clients/root/secrets'], ['DELETE', '/clients/root/secrets/x'], ['POST', '/clients/root/disable'], ['POST', '/clients/root/enable'],
    ['DELETE', '/clients/root/tokens'], ['DELETE', '/tokens'], ['GET', '/audit'], ['GET', '/keys'], ['POST', '/keys/rotate'], ['DELETE', '/keys/x']
  ]
  for (const [method, path] of routes) {
    for (const [headers, status, error] of [[{}, 401, 'unauthorized'], [bearer('wrong'), 401, 'invalid_token'], [service, 403, 'insufficient_scope']] as const) {
      const payload = method === 'POST' || method === 'PUT' ? { payload: '{', headers: { ...headers, 'content-type': 'application/json' } } : { headers }
      const answer = await call(w, method, path, undefined, payload)
      t.ok(answer.headers['www-authenticate'], `${method} ${path} ${status}`)
      if (method === 'HEAD') t.equal(answer.status, status)
      else await checkRefused(t, answer, status, error)
    }
  }
  t.match(await w.clients.find('root'), { isDisabled: false })
})

test('Every change is recorded once, with the client and the request that made it, and listed page by page', async (t) => {
  const w = await world()
  const old = (await w.clients.add({ id: 'elsewhere' })).secret!
  await call(w, 'GET', '/clients')
  const sent: Array<[Method, string, object?]> = [
    ['POST', '/clients', { client_id: 'service', scope: READ }],
    ['PUT', '/clients/service', { client_id: 'service', client_name: 'Service' }],
    ['POST', '/clients/elsewhere/secrets'],
    ['DELETE', `/clients/elsewhere/secrets/${old.id}`],
    ['DELETE', '/clients/service/tokens'],
    ['POST', '/clients/service/disable'],
    ['POST', '/clients/service/enable'],
    ['DELETE', '/clients/service'],
    ['POST', '/keys/rotate']
  ]
  for (const [method, path, payload] of sent) t.ok((await call(w, method, path, payload)).status < 300, `${method} ${path}`)
  for (const [method, path, payload] of [['POST', '/clients', { client_id: 'root' }], ['DELETE', '/clients/nobody'], ['DELETE', '/clients/nobody/tokens']] as const) {
    t.ok((await call(w, method, path, payload)).status >= 400, 'what has failed is no change')
  }
  const { status, body } = await call(w, 'GET', '/audit')
  t.equal(status, 200)
  t.strictSame(Object.keys(body), ['records'])
  t.strictSame(body.records.toReversed().map(({ object, id, change }: Json) => `${object} ${id.replace(/ .*/, ' ID')} ${change}`), [
    'client service added', 'client service updated', 'secret elsewhere ID added', 'secret elsewhere ID revoked', 'tokens service revoked', 'client service disabled',
    'client service enabled', 'client service removed', `key ${(await w.keys.list())[1]!.kid} added`
  ])
  for (const record of body.records) t.match(record, { time: NOW, actor: { kind: 'client', id: 'root' }, request_id: /^req-/ })
  t.equal(new Set(body.records.map(({ request_id: id }: Json) => id)).size, sent.length)
  t.match(body.records.find(({ change }: Json) => change === 'updated').details, { members: Array })
  t.notMatch(JSON.stringify(body), old!.secret, 'no secret is in a record')

  const pages: Json[] = []
  for (let next: number | undefined, path = '/audit?limit=4'; path !== ''; path = next === undefined ? '' : `/audit?limit=4&before=${next}`) {
    const page = (await call(w, 'GET', path)).body
    pages.push(page)
    next = page.next
  }
  t.strictSame(pages.map(({ records }) => records.length), [4, 4, 1])
  t.strictSame(pages.flatMap(({ records }) => records), body.records)
  for (const query of ['limit=0', 'limit=1001', 'before=0', 'before=x']) await checkRefused(t, await call(w, 'GET', `/audit?${query}`), 400, 'invalid_request', /limit|before/)
})

test('A change is in the log for a store without audit records, and the API lists none', async (t) => {
  const kept = Object.getOwnPropertyDescriptor(MemoryStore.prototype, 'followAudit')!
  t.teardown(() => { Object.defineProperty(MemoryStore.prototype, 'followAudit', kept) })
  Object.defineProperty(MemoryStore.prototype, 'followAudit', { value: undefined, configurable: true })
  const w = await world()
  await call(w, 'GET', '/clients')
  await call(w, 'POST', '/clients', { client_id: 'service' })
  await call(w, 'POST', '/clients/service/disable')
  t.strictSame(w.lines.filter(({ oauth }) => oauth).map(({ level, oauth, msg }) => [level, oauth, msg]), [
    [30, { by: 'root', location: '/admin/clients/service' }, 'OAuth administration: Register a client'],
    [30, { by: 'root', client_id: 'service' }, 'OAuth administration: Disable a client']
  ])
  t.equal((await call(w, 'GET', '/audit')).status, 404)
})

test('A store that is away is a 503, in the log once, and a removal that failed halfway can be tried again', async (t) => {
  const w = await world()
  await w.clients.add({ id: 'service' })
  w.store.isAway = true
  for (let i = 0; i < 2; i++) {
    const answer = await call(w, 'DELETE', '/clients/service')
    await checkRefused(t, answer, 503, 'temporarily_unavailable', /^The server cannot/)
    t.equal(answer.headers['retry-after'], '2')
  }
  t.equal(w.lines.filter(({ level }) => level === 50).length, 1)
  w.store.isAway = false
  t.equal((await call(w, 'DELETE', '/clients/service')).status, 204)
})

test('A fault of the server is a 500, and no word on the client', async (t) => {
  class FaultyRegistry extends ClientRegistry {
    override async list (): Promise<never> { throw new FlowConfigurationError('FST_OAUTH_INVALID_REGISTRY') }
  }
  const w = await world({ options: { clients: new FaultyRegistry(new MemoryStore()) } })
  await checkRefused(t, await call(w, 'GET', '/clients'), 500, 'server_error')
})

test('The application cannot break the API: its compilers, envelopes, error handler and prefix', async (t) => {
  const w = await world({
    prepare (app) {
      app.setValidatorCompiler(validatorCompiler).setSerializerCompiler(serializerCompiler)
      app.setReplySerializer(() => 'ours')
      app.setErrorHandler(async () => ({ envelope: true }))
      app.addHook('preSerialization', async (_request, _reply, payload) => ({ envelope: payload }))
      app.addContentTypeParser('application/json', async () => ({ parsed: 'elsewhere' }))
    }
  })
  t.match((await call(w, 'POST', '/clients', { client_id: 'service', scope: READ })).body, { client_id: 'service', scope: READ })
  t.match((await call(w, 'GET', '/clients/service')).body, { client_id: 'service' })
  await checkRefused(t, await call(w, 'GET', '/clients/nobody'), 404, 'not_found')
  await checkRefused(t, await call(w, 'POST', '/clients', { id: 1 }), 400, 'invalid_client_metadata')
  await checkRefused(t, await call(w, 'GET', '/clients', undefined, { headers: {} }), 401, 'unauthorized')
})

test('JSON that the platform has read before Fastify is answered as every other', async (t) => {
  const leaves: [string, Leave][] = [['rawBody', rawOnly], ['body', parsedJson]]
  for (const [name, leave] of leaves) {
    const w = await world()
    const sendTo = await startPlatform(t, w.app, leave)
    const send = async (method: Method, path: string, body?: string, headers = { ...w.admin, 'content-type': 'application/json' }) => {
      const answer = await sendTo(`/admin${path}`, headers, body, method)
      return { status: answer.statusCode, headers: answer.headers, body: (answer.body === '' ? undefined : JSON.parse(answer.body)) as Json }
    }
    const made = await send('POST', '/clients', JSON.stringify(WHOLE))
    t.equal(made.status, 201, name)
    t.match(made.body, WHOLE, name)
    const path = `/clients/${encodeURIComponent(WHOLE.client_id)}`
    t.match(await send('PUT', path, JSON.stringify({ client_id: WHOLE.client_id, client_name: 'Grüße' })), { status: 200, body: { client_name: 'Grüße' } }, name)
    t.match(await send('POST', `${path}/disable`), { status: 200, body: { disabled: true } }, `${name}, no body`)
    t.match(await send('POST', `${path}/enable`, undefined, w.admin as never), { status: 200, body: { disabled: false } }, `${name}, neither body nor type`)
    t.equal((await send('GET', path)).status, 200, name)
    t.equal((await send('DELETE', path)).status, 204, name)
    await checkRefused(t, await send('POST', '/clients', '{"client_id":1}'), 400, 'invalid_client_metadata')
    await checkRefused(t, await send('POST', '/clients', '{"client_id":"a","__proto__":{"scope":"data:read"}}'), 400, 'invalid_request')
    await checkRefused(t, await send('POST', '/clients', JSON.stringify({ client_name: 'x'.repeat(65_536) })), 413, 'invalid_request')
    await checkRefused(t, await send('POST', '/clients', '{}', { ...w.admin, 'content-type': 'text/plain' }), 415, 'invalid_request')
    await checkRefused(t, await send('POST', '/clients', '{}', { 'content-type': 'application/json' }), 401, 'unauthorized')
  }
  const w = await world()
  const lost = await startPlatform(t, w.app, () => {})
  const send = async (path: string, body?: string) => await lost(`/admin${path}`, { ...w.admin, 'content-type': 'application/json' }, body)
  const answer = await send('/clients', '{"client_id":"lost"}')
  await checkRefused(t, { status: answer.statusCode, headers: answer.headers, body: JSON.parse(answer.body) }, 400, 'invalid_request')
  t.strictSame((await w.clients.list()).clients.map(({ id }) => id), ['root'], 'no client is registered without what was sent')
  t.equal((await send('/clients/root/disable')).statusCode, 200, 'nothing was sent, so nothing is lost')
})

const REGISTRATION = { client_name: 'My service', scope: READ }
const CLIENT = 'path client_id'
/** Each with its summary, the statuses of its answers beside 400, 401, 403 and 503, its parameters and an example of its body. */
const OPERATIONS: Record<string, [summary: string, statuses: string[], parameters: string[], example?: object]> = {
  'GET /admin/clients': ['List clients', ['200'], ['query limit', 'query after']],
  'POST /admin/clients': ['Register a client', ['201', '409'], [], REGISTRATION],
  'GET /admin/clients/{client_id}': ['Read a client', ['200', '404'], [CLIENT]],
  'PUT /admin/clients/{client_id}': ['Replace what is registered of a client', ['200', '404'], [CLIENT], { client_id: 'my-service', ...REGISTRATION }],
  'DELETE /admin/clients/{client_id}': ['Remove a client', ['204', '404'], [CLIENT]],
  'POST /admin/clients/{client_id}/secrets': ['Make another secret for a client', ['201', '404'], [CLIENT], { overlap: 86_400 }],
  'DELETE /admin/clients/{client_id}/secrets/{secret_id}': ['Revoke a secret of a client', ['204', '404'], [CLIENT, 'path secret_id']],
  'POST /admin/clients/{client_id}/disable': ['Disable a client', ['200', '404'], [CLIENT]],
  'POST /admin/clients/{client_id}/enable': ['Enable a client', ['200', '404'], [CLIENT]],
  'DELETE /admin/clients/{client_id}/tokens': ['Revoke all access tokens of a client', ['204', '404'], [CLIENT]],
  'DELETE /admin/tokens': ['Revoke all access tokens of all clients', ['204'], []],
  'GET /admin/audit': ['List the changes that administrators have made', ['200'], ['query limit', 'query before']],
  'GET /admin/keys': ['List signing keys', ['200'], []],
  'POST /admin/keys/rotate': ['Announce another signing key', ['200'], []],
  'DELETE /admin/keys/{kid}': ['Revoke a signing key', ['204', '404'], ['path kid']]
}

for (const version of ['3.0.3', '3.1.0', '3.2.0']) {
  test(`The API describes itself in OpenAPI ${version}`, async (t) => {
    for (const prepare of [undefined, (app: FastifyInstance) => app.setValidatorCompiler(validatorCompiler).setSerializerCompiler(serializerCompiler)]) {
      const { app } = await world({ openapi: version, ...(prepare && { prepare }) })
      await app.ready()
      const document = JSON.parse(JSON.stringify(app.swagger())) as Json
      t.strictSame(await new Validator().validate(structuredClone(document)), { valid: true })
      const operations = Object.entries<Json>(document.paths).filter(([path]) => path.startsWith('/admin/'))
        .flatMap(([path, item]) => Object.entries<Json>(item).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const))
      t.strictSame(operations.map(([name]) => name).sort(), Object.keys(OPERATIONS).sort())
      for (const [name, { operationId, tags, security, summary, description, responses, parameters = [], requestBody }] of operations) {
        const [title, statuses, names, example] = OPERATIONS[name]!
        t.strictSame(tags, ['Client administration'])
        t.strictSame(security, [{ 'oauth2-flow': [MANAGE] }])
        t.equal(summary, title)
        t.strictSame(Object.keys(responses).sort(), [...statuses, '400', '401', '403', '429', '500', '503', ...(name.startsWith('GET') ? [] : ['413', '415'])].sort(), name)
        t.match(description, /\S/, name)
        t.match(operationId, /OAuth/, name)
        t.strictSame(parameters.map((parameter: Json) => `${parameter.in} ${parameter.name}`), names, name)
        t.strictSame(requestBody?.content['application/json'].example, example, name)
        if ('204' in responses) t.strictSame(responses['204'], { description: 'Done.' })
        t.ok(parameters.every((parameter: Json) => parameter.description), name)
        for (const status of ['400', '503']) t.equal(responses[status].content['application/json'].schema.title, 'OAuth2Error', name)
      }
      t.equal(new Set(operations.map(([, { operationId }]) => operationId)).size, operations.length, 'ids are unique')
      const required = operations.filter(([, { requestBody }]) => requestBody).map(([name, { requestBody }]) => [name, requestBody.required])
      t.strictSame(Object.fromEntries(required), { 'POST /admin/clients': false, 'PUT /admin/clients/{client_id}': true, 'POST /admin/clients/{client_id}/secrets': false })
      t.match(document.paths['/admin/clients/{client_id}'].delete.description, /that it has are revoked/)
      const { post } = document.paths['/admin/clients']
      t.match(post.responses['201'].content['application/json'].schema, { title: 'OAuth2ClientInformation' })
    }
  })
}

test('A flow without scopes, or whose tokens another server issues, takes any scope and method', async (t) => {
  const w = await world({ scopes: {}, openapi: '3.1.0' })
  t.match((await call(w, 'POST', '/clients', { client_id: 'service', scope: 'any thing' })).body, { scope: 'any thing' })
  const { post } = (w.app.swagger().paths as Json)['/admin/clients']
  t.strictSame(post.requestBody.content['application/json'].example, { client_name: 'My service' })

  const builder = new ClientCredentialsFlowBuilder({ tokenEndpoint: 'https://as.example/token' }).setScopes({ [MANAGE]: 'Administer' })
  const flow = builder.verifyToken(() => ({ isValid: true, credentials: { app: { id: 'root' }, scope: MANAGE } })).build()
  const app = Fastify()
  await app.register(clientCredentialsPlugin, { flow })
  await app.register(clientAdminPlugin, { clients: new ClientRegistry(new MemoryStore()) })
  const answer = await app.inject({ method: 'POST', url: '/clients', headers: bearer('any'), payload: { scope: 'elsewhere', token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [JWK] } } })
  t.equal(answer.statusCode, 201)
})

test('A client may be registered for every method of the flow, and for those that other servers on the store have declared', async (t) => {
  const ours = { name: 'badge', needs: 'nothing' as const, carries: () => false, authenticate: () => { throw new Error('unused') } }
  const workload = workloadIdentities([{ issuer: 'https://platform.example', audience: ISSUER, client: () => 'x' }])
  for (const isElsewhere of [false, true]) {
    const store = new MemoryStore()
    const clients = new ClientRegistry(store)
    const builder = (tokenEndpoint: string) => new ClientCredentialsFlowBuilder({ tokenEndpoint }).setScopes({ [MANAGE]: 'Administer' })
      .verifyToken(() => ({ isValid: true, credentials: { app: { id: 'root' }, scope: MANAGE } })).addClientAuthenticationMethod(workload)
    const server = new ClientRegistry(store)
    await builder(TOKEN_PATH).useClients(server).addClientAuthenticationMethod({ ...ours, name: isElsewhere ? 'elsewhere' : 'other' }).build().start()
    await clients.entries!.readSettings()
    const app = Fastify()
    await app.register(clientCredentialsPlugin, { flow: builder(isElsewhere ? 'https://as.example/token' : TOKEN_PATH).addClientAuthenticationMethod(ours).getClient(() => undefined).generateAccessToken(() => undefined).build() })
    await app.register(clientAdminPlugin, { clients })
    const register = async (method: string) => await app.inject({ method: 'POST', url: '/clients', headers: bearer('any'), payload: { token_endpoint_auth_method: method } })
    for (const method of ['workload_identity', 'badge', ...isElsewhere ? ['elsewhere'] : []]) {
      const answer = await register(method)
      t.equal(answer.statusCode, 201, answer.body)
      t.equal(answer.json().token_endpoint_auth_method, method)
      t.notOk('client_secret' in answer.json(), 'it needs no secret')
      const update = await app.inject({ method: 'PUT', url: `/clients/${answer.json().client_id}`, headers: bearer('any'), payload: { client_id: answer.json().client_id, token_endpoint_auth_methods: [method, 'workload_identity'] } })
      t.equal(update.statusCode, 200, update.body)
    }
    t.equal((await register('unknown')).json().error, 'invalid_client_metadata')
  }
})

test('A wrong registration of the plugin fails at boot, and says how to mend it', async (t) => {
  const store = new MemoryStore()
  const clients = new ClientRegistry(store)
  const flow = new ClientCredentialsFlowBuilder().setScopes({ [READ]: 'Read' }).useClients(clients).useAccessTokens(jwtTokens()(store, new SigningKeys(store), () => NOW)).build()
  const boot = async (options: object, isBehind = true) => {
    const app = Fastify()
    if (isBehind) await app.register(clientCredentialsPlugin, { flow })
    await app.register(clientAdminPlugin, options as ClientAdminPluginOptions)
  }
  const code = 'FST_OAUTH_ADMIN_INVALID_OPTION'
  await t.rejects(boot({ clients, scope: READ }, false), { code, message: /clientCredentialsPlugin/ })
  await t.rejects(boot({ scope: READ }), { code, message: /clients/ })
  await t.rejects(boot({ clients: {}, scope: READ }), { code, message: /clients/ })
  await t.rejects(boot({ clients, keys: {}, scope: READ }), { code, message: /keys/ })
  await t.rejects(boot({ clients }), { code: 'FST_OAUTH_UNKNOWN_SCOPE', message: /clients:manage/ })
  await t.resolves(boot({ clients, scope: READ }))
})
