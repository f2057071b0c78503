// The lines of RFC 8414 and RFC 9728 that this server is judged by, through the plugin. A document says what is true:
// whatever it names is used here, and whatever it does not name is refused.
import { settingsOf } from '../../src/adapter.ts'
import jwt from '@fastify/jwt'
import Fastify from 'fastify'
import type { FastifyInstance, FastifyServerOptions, InjectOptions } from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { test } from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, { fastifyJwtTokens, FlowConfigurationError, JwtAccessTokens, OpaqueAccessTokens } from '../../plugin/index.ts'
import type { AccessTokens, ClientCredentialsFlow, ClientCredentialsFlowBuilder, ClientCredentialsPluginOptions, OAuth2Client } from '../../plugin/index.ts'
import type { JwtAccessTokensOptions } from '../../src/access-token/jwt-access-tokens.ts'
import { SigningKeys } from '../../src/signing-keys/signing-keys.ts'
import { MemoryStore } from '../../src/stores/memory.ts'
import { basic, demoApp, demoBuilder, exchange, FORM, form, SECRET, TOKEN_PATH } from '../support/demo.ts'
import type { Answer } from '../support/demo.ts'
import { pairs, PUBLIC_ALGORITHMS } from '../support/forge.ts'

const ISSUER = 'https://as.example'
const RESOURCE = 'https://api.example'
const SERVER_METADATA = '/.well-known/oauth-authorization-server'
const RESOURCE_METADATA = '/.well-known/oauth-protected-resource'
const JWKS = '/.well-known/jwks.json'
const JSON_TYPE = 'application/json; charset=utf-8'
const READ = 'data:read'
const WRITE = 'data:write'
const SCOPES = [READ, WRITE]

type Document = Record<string, any>

const store = new MemoryStore()
const keys = new SigningKeys(store)
const CLIENTS: Readonly<Record<string, OAuth2Client>> = {
  all: { id: 'all', grants: ['client_credentials', 'password', 'refresh_token'], scopes: [...SCOPES, 'data:delete'], introspects: [RESOURCE] },
  reader: { id: 'reader', grants: ['client_credentials'], scopes: [READ] }
}

const jwtTokens = (options: Partial<JwtAccessTokensOptions> = {}) => new JwtAccessTokens({
  issuer: ISSUER,
  audience: RESOURCE,
  // All processes on one store of keys must keep revocations in the same place.
  keys: options.revocations === undefined ? keys : new SigningKeys(new MemoryStore()),
  ...options
})
const opaqueTokens = () => new OpaqueAccessTokens({ issuer: ISSUER, audience: RESOURCE, store: new MemoryStore() })

function flowOf (accessTokens: AccessTokens, adapt = (builder: ClientCredentialsFlowBuilder) => builder): ClientCredentialsFlow {
  const builder = demoBuilder().getClient(({ clientId, clientSecret }) => clientSecret === SECRET ? CLIENTS[clientId] : undefined)
  return adapt(builder.useAccessTokens(accessTokens)).build()
}

const appOf = (accessTokens: AccessTokens, options: Partial<ClientCredentialsPluginOptions> = {}, server: FastifyServerOptions = {}) =>
  demoApp({ flow: flowOf(accessTokens), ...options }, server)

/** Reads a document, and checks what holds of every one. */
async function read (t: Test, app: FastifyInstance, url: string, maxAge = 300): Promise<Document> {
  const { statusCode, headers, body } = await app.inject(url)
  t.equal(statusCode, 200, url)
  t.equal(headers['content-type'], JSON_TYPE)
  t.equal(headers['cache-control'], `public, max-age=${maxAge}`)
  t.notMatch(body, /null/)
  return JSON.parse(body)
}

const pathOf = (url: string) => new URL(url).pathname

function post (app: FastifyInstance, url: string, parameters: Record<string, string>, headers: Record<string, string> = { authorization: basic('all') }): Promise<Answer> {
  return app.inject({ method: 'POST', url, headers: { 'content-type': FORM, ...headers }, payload: form(parameters) })
}

const requestToken = (app: FastifyInstance, parameters: Record<string, string> = {}, headers?: Record<string, string>, url = TOKEN_PATH) =>
  post(app, url, { grant_type: 'client_credentials', ...parameters }, headers)

async function tokenFor (app: FastifyInstance, parameters?: Record<string, string>, headers?: Record<string, string>): Promise<string> {
  return JSON.parse((await requestToken(app, parameters, headers)).body).access_token
}

async function hasNone (t: Test, app: FastifyInstance, urls: string[]): Promise<void> {
  for (const url of urls) t.equal((await app.inject(url)).statusCode, 404, url)
}

// RFC 8414 §3.1

const INSERTIONS: [issuer: string, path: string][] = [
  ['https://as.example', ''],
  ['https://as.example/', ''],
  ['https://as.example:8443', ''],
  ['https://as.example/tenant', '/tenant'],
  ['https://as.example/tenant/', '/tenant'],
  ['https://as.example/realms/one', '/realms/one'],
  ['https://as.example/tenant:one', '/tenant:one'],
  ['https://as.example/urn:a:b/c', '/urn:a:b/c'],
  ['https://as.example/a%20b', '/a%20b'],
  ['https://as.example/caf%C3%A9', '/caf%C3%A9'],
  ['http://localhost:3000/tenant', '/tenant']
]

test('RFC 8414 §3.1, §3.3: the well-known name stands before the path of the issuer, which is written as it was set and as tokens say it', async (t) => {
  for (const [issuer, path] of INSERTIONS) {
    const app = await appOf(jwtTokens({ issuer }))
    t.equal((await read(t, app, `${SERVER_METADATA}${path}`)).issuer, issuer)
    const { payload } = await jwtVerify(await tokenFor(app), createLocalJWKSet(await keys.toJwks()))
    t.equal(payload.iss, issuer)
    if (path !== '') await hasNone(t, app, [SERVER_METADATA, `${path}${SERVER_METADATA}`, `${SERVER_METADATA}${path}/`, `${SERVER_METADATA}/x${path}`])
  }
})

test('RFC 8414 §3.1: a colon in the issuer is no pattern', async (t) => {
  const app = await appOf(jwtTokens({ issuer: `${ISSUER}/tenant:one` }))
  await hasNone(t, app, [`${SERVER_METADATA}/tenantwhatever`, `${SERVER_METADATA}/tenant::one`])
})

test('RFC 8414 §2: an issuer with a query, a fragment or without TLS is refused when tokens are set up', (t) => {
  for (const issuer of [`${ISSUER}?a=b`, `${ISSUER}?`, `${ISSUER}#a`, `${ISSUER}/#`, 'http://as.example', 'as.example', '']) {
    t.throws(() => jwtTokens({ issuer }), FlowConfigurationError, issuer)
  }
  t.end()
})

// RFC 8414 §2, §3.2

const SIGNED = { introspection_signing_alg_values_supported: ['ES256'] }
const METHODS = ['client_secret_basic', 'client_secret_post']
const REVOCATION = { revocation_endpoint: `${ISSUER}/oauth2/revoke`, revocation_endpoint_auth_methods_supported: METHODS }
const MEMBERS = {
  issuer: ISSUER,
  token_endpoint: `${ISSUER}${TOKEN_PATH}`,
  jwks_uri: `${ISSUER}${JWKS}`,
  scopes_supported: SCOPES,
  response_types_supported: [],
  grant_types_supported: ['client_credentials'],
  token_endpoint_auth_methods_supported: METHODS,
  introspection_endpoint: `${ISSUER}/oauth2/introspect`,
  introspection_endpoint_auth_methods_supported: METHODS,
  ...SIGNED,
  protected_resources: [RESOURCE]
}

function without (members: Document, ...names: string[]): Document {
  return Object.fromEntries(Object.entries(members).filter(([name]) => !names.includes(name)))
}

const BASIC_ONLY = {
  token_endpoint_auth_methods_supported: ['client_secret_basic'],
  introspection_endpoint_auth_methods_supported: ['client_secret_basic']
}
const { revoke, ...irrevocable } = boundParts(opaqueTokens())
const { introspect, ...unknowable } = boundParts(opaqueTokens())

/** Tokens as an object of parts, of which some can be left out. */
function boundParts (tokens: OpaqueAccessTokens): Required<Omit<AccessTokens, 'ready' | 'revokeClient' | 'start' | 'entries' | 'audience' | 'cached'>> {
  return {
    metadata: tokens.metadata,
    issue: (context) => tokens.issue(context),
    verify: (token) => tokens.verify(token),
    introspect: (token) => tokens.introspect(token),
    revoke: (token) => tokens.revoke(token)
  }
}

const SERVERS: [name: string, flow: () => ClientCredentialsFlow, members: Document][] = [
  ['JWT without revocations', () => flowOf(jwtTokens()), MEMBERS],
  ['JWT with revocations', () => flowOf(jwtTokens({ revocations: store })), { ...MEMBERS, ...REVOCATION }],
  ['opaque', () => flowOf(opaqueTokens()), { ...without(MEMBERS, 'jwks_uri', ...Object.keys(SIGNED)), ...REVOCATION }],
  ['opaque without revocation', () => flowOf(irrevocable), without(MEMBERS, 'jwks_uri', ...Object.keys(SIGNED))],
  ['tokens of which nothing can be told', () => flowOf(unknowable), {
    ...without(MEMBERS, 'jwks_uri', ...Object.keys(MEMBERS).filter((name) => name.startsWith('introspection'))),
  }],
  ['no declared scopes', () => flowOf(jwtTokens(), (builder) => builder.setScopes({})), without(MEMBERS, 'scopes_supported')],
  ['Basic only', () => flowOf(jwtTokens(), (builder) => builder.removeClientAuthenticationMethod('client_secret_post')), { ...MEMBERS, ...BASIC_ONLY }],
  ['an audience that is no URL', () => flowOf(jwtTokens({ audience: 'api' })), without(MEMBERS, 'protected_resources')],
  ['a URL among the audiences', () => flowOf(jwtTokens({ audience: ['api', RESOURCE, 'https://other.example'] })), MEMBERS],
  ['a token endpoint at the root', () => flowOf(jwtTokens(), (builder) => builder.setTokenEndpoint('/token')), {
    ...MEMBERS, token_endpoint: `${ISSUER}/token`, introspection_endpoint: `${ISSUER}/introspect`
  }]
]

test('RFC 8414 §2, §3.2: the document has the members of what is there and no other', async (t) => {
  for (const [name, flow, members] of SERVERS) {
    t.strictSame(await read(t, await demoApp({ flow: flow() }), SERVER_METADATA), members, name)
  }
})

test('RFC 8414 §2: response_types_supported is there and empty, and there is no authorization_endpoint', async (t) => {
  const document = await read(t, await appOf(jwtTokens()), SERVER_METADATA)
  t.strictSame(document.response_types_supported, [])
  t.notOk('authorization_endpoint' in document)
})

test('RFC 8414 §2: members that the plugin is given take the place of ours, and undefined takes one away', async (t) => {
  const metadata = { response_types_supported: ['none'], service_documentation: 'https://docs.example', protected_resources: undefined }
  const app = await appOf(jwtTokens(), { metadata })
  const { protected_resources: _, ...others } = MEMBERS
  t.strictSame(await read(t, app, SERVER_METADATA), { ...others, response_types_supported: ['none'], service_documentation: 'https://docs.example' })
  t.strictSame(metadata, { response_types_supported: ['none'], service_documentation: 'https://docs.example', protected_resources: undefined })
})

test('RFC 8414 §3: this server is not taken for an OpenID provider', async (t) => {
  await hasNone(t, await appOf(jwtTokens()), ['/.well-known/openid-configuration'])
})

test('RFC 8414 §2: a flow without accessTokens has no document, no keys, no introspection and no revocation', async (t) => {
  const app = Fastify()
  await app.register(jwt, { secret: 'a secret of more than thirty-two characters', sign: { algorithm: 'HS256', header: { alg: 'HS256', typ: 'at+jwt' } } })
  const withoutMetadata = fastifyJwtTokens(app.jwt, { issuer: ISSUER, audience: RESOURCE })
  for (const flow of [demoBuilder().build(), flowOf(withoutMetadata)]) {
    const app = await demoApp({ flow })
    await hasNone(t, app, [SERVER_METADATA, RESOURCE_METADATA, JWKS])
    for (const url of ['/oauth2/introspect', '/oauth2/revoke']) t.equal((await post(app, url, { token: 'aaa' })).statusCode, 404, url)
    t.equal((await app.inject('/data')).headers['www-authenticate'], `Bearer realm="demo", scope="${READ}"`)
  }
})

// The JWKS (RFC 7517)

const PUBLIC_MEMBERS: Readonly<Record<string, string[]>> = {
  ES256: ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'],
  EdDSA: ['alg', 'crv', 'kid', 'kty', 'use', 'x'],
  RS256: ['alg', 'e', 'kid', 'kty', 'n', 'use'],
  PS256: ['alg', 'e', 'kid', 'kty', 'n', 'use']
}

test('RFC 7517 §5: the JWKS has public members only, verifies tokens, and may be kept for as long as its keys say', async (t) => {
  for (const algorithm of PUBLIC_ALGORITHMS) {
    const keys = new SigningKeys(new MemoryStore(), { algorithm, announceFor: 600 })
    const app = await appOf(jwtTokens({ keys }))
    const { keys: jwks } = await read(t, app, JWKS, 300)
    t.equal(jwks.length, 1, algorithm)
    t.strictSame(Object.keys(jwks[0]).sort(), PUBLIC_MEMBERS[algorithm], algorithm)
    t.strictSame([jwks[0].alg, jwks[0].use], [algorithm, 'sig'])
    const { protectedHeader } = await jwtVerify(await tokenFor(app), createLocalJWKSet({ keys: jwks }), { issuer: ISSUER, audience: RESOURCE, typ: 'at+jwt' })
    t.strictSame(protectedHeader, { alg: algorithm, typ: 'at+jwt', kid: jwks[0].kid })
  }
})

test('RFC 7517 §5: a key is in the JWKS from its announcement on', async (t) => {
  const keys = new SigningKeys(new MemoryStore())
  const app = await appOf(jwtTokens({ keys }))
  t.equal((await read(t, app, JWKS, 900)).keys.length, 1)
  const { kid } = await keys.rotate()
  t.strictSame((await read(t, app, JWKS, 900)).keys.map((key: Document) => key.kid).includes(kid), true)
})

test('A store of keys that is away is a 500 that is not cached, its cause for the log only', async (t) => {
  const lines: string[] = []
  const away = new MemoryStore()
  away.readKeys = async () => { throw new Error('no route to 10.0.0.7') }
  const app = await appOf(jwtTokens({ keys: new SigningKeys(away) }), {}, { logger: { stream: { write: (line) => { lines.push(line) } } } })
  for (const url of [JWKS, SERVER_METADATA]) {
    const { statusCode, headers, body } = await app.inject(url)
    t.equal(statusCode, 500)
    t.equal(body, JSON.stringify({ error: 'server_error', error_description: 'The server failed to handle the request' }))
    t.strictSame([headers['cache-control'], headers['content-type']], ['no-store', JSON_TYPE])
  }
  t.equal(lines.filter((line) => JSON.parse(line).level === 50 && line.includes('10.0.0.7')).length, 2)
  await read(t, app, RESOURCE_METADATA)
})

// RFC 9728

test('RFC 9728 §2, §3.2: the document of the resource has these members', async (t) => {
  const members = { resource: RESOURCE, authorization_servers: [ISSUER], scopes_supported: SCOPES, bearer_methods_supported: ['header'] }
  t.strictSame(await read(t, await appOf(jwtTokens()), RESOURCE_METADATA), members)
  t.strictSame(await read(t, await appOf(opaqueTokens()), RESOURCE_METADATA), members)
  const app = await demoApp({ flow: flowOf(jwtTokens(), (builder) => builder.setScopes({})) })
  t.strictSame(await read(t, app, RESOURCE_METADATA), without(members, 'scopes_supported'))
})

test('RFC 9728 §3.1, §3.3: the well-known name stands before the path of the resource, which is written as it was set', async (t) => {
  for (const [resource, path] of INSERTIONS) {
    const app = await appOf(jwtTokens({ audience: resource }))
    t.equal((await read(t, app, `${RESOURCE_METADATA}${path}`)).resource, resource)
    t.strictSame((await read(t, app, SERVER_METADATA)).protected_resources, [resource], '§4')
    const { origin } = new URL(resource)
    t.match((await app.inject('/data')).headers['www-authenticate'], `resource_metadata="${origin}${RESOURCE_METADATA}${path}"`, '§5.1')
    if (path !== '') await hasNone(t, app, [RESOURCE_METADATA, `${path}${RESOURCE_METADATA}`])
  }
})

const BAD_TOKEN = 'Bearer aaa.bbb.ccc'
const challenge = (scope: string, code?: string, description?: string) =>
  `Bearer realm="demo", scope="${scope}"${code === undefined ? '' : `, error="${code}", error_description="${description}"`}, resource_metadata="${RESOURCE}${RESOURCE_METADATA}"`

test('RFC 9728 §5.1: every challenge of a guarded route leads to the resource, its authorization server and its endpoint', async (t) => {
  const app = await appOf(jwtTokens())
  const readOnly = `Bearer ${await tokenFor(app, { scope: READ })}`
  const secondToken = { 'content-type': FORM, authorization: `Bearer ${await tokenFor(app)}` }
  const REFUSALS: [name: string, status: number, challenge: string, request: InjectOptions][] = [
    ['no token', 401, challenge(READ), {}],
    ['another scheme', 401, challenge(READ), { headers: { authorization: basic('all') } }],
    ['a bad token', 401, challenge(READ, 'invalid_token', 'The access token is invalid'), { headers: { authorization: BAD_TOKEN } }],
    ['a scope too few', 403, challenge(WRITE, 'insufficient_scope', 'The access token lacks a scope'), { method: 'POST', headers: { authorization: readOnly } }],
    ['a malformed header', 400, challenge(READ, 'invalid_request', 'The Authorization header is malformed'), { headers: { authorization: 'Bearer a b' } }],
    ['a second token in the URL', 400, challenge(READ, 'invalid_request', 'The access token is sent in more than one way'), { url: '/data?access_token=aaa', headers: { authorization: readOnly } }],
    ['a second token in the body', 400, challenge(WRITE, 'invalid_request', 'The access token is sent in more than one way'), { method: 'POST', headers: secondToken, payload: 'access_token=aaa' }]
  ]
  for (const [name, status, challenge, request] of REFUSALS) {
    const app = await appOf(jwtTokens())
    app.addContentTypeParser(FORM, { parseAs: 'string' }, (_request, body, done) => { done(null, Object.fromEntries(new URLSearchParams(body as string))) })
    const { statusCode, headers } = await app.inject({ url: '/data', ...request })
    t.equal(statusCode, status, name)
    t.equal(headers['www-authenticate'], challenge, name)
    const [, url = ''] = /resource_metadata="([^"]*)"/.exec(String(headers['www-authenticate'])) ?? []
    t.equal(new URL(url).origin, RESOURCE)

    const resource = await read(t, app, pathOf(url))
    t.equal(resource.resource, RESOURCE)
    const server = await read(t, app, `${SERVER_METADATA}${pathOf(resource.authorization_servers[0]).replace(/\/$/, '')}`)
    t.equal(server.issuer, resource.authorization_servers[0])
    t.strictSame(server.protected_resources, [resource.resource])
    const granted = await requestToken(app, { resource: resource.resource }, undefined, pathOf(server.token_endpoint))
    const authorization = `Bearer ${JSON.parse(granted.body).access_token}`
    t.equal((await app.inject({ url: '/data', headers: { authorization } })).statusCode, 200, `${name}: and then in`)
  }
})

test('RFC 9728 §5.1: a failure of ours, and the token endpoint, have no resource_metadata', async (t) => {
  const tokens = jwtTokens()
  const app = await demoApp({ flow: flowOf(Object.assign(Object.create(tokens), { metadata: tokens.metadata, verify: () => { throw new Error('away') } })) })
  const failed = await app.inject({ url: '/data', headers: { authorization: BAD_TOKEN } })
  t.equal(failed.statusCode, 500)
  t.equal(failed.headers['www-authenticate'], undefined)
  t.equal((await requestToken(app, {}, {})).headers['www-authenticate'], 'Basic realm="demo", error="invalid_client"')
})

test('RFC 9728 §2: an audience that is no https URL without query and fragment is no resource', async (t) => {
  for (const audience of ['api', 'urn:example:api', 'http://api.example', `${RESOURCE}?a=b`, `${RESOURCE}#a`]) {
    const app = await appOf(jwtTokens({ audience }))
    await hasNone(t, app, [RESOURCE_METADATA])
    t.equal((await app.inject('/data')).headers['www-authenticate'], `Bearer realm="demo", scope="${READ}"`, audience)
    t.notOk('protected_resources' in await read(t, app, SERVER_METADATA), audience)
  }
})

test('RFC 9728 §1: a resource server whose tokens another server issues has the document of the resource only', async (t) => {
  const app = await demoApp({ flow: flowOf(jwtTokens({ revocations: store }), (builder) => builder.setTokenEndpoint(`${ISSUER}/token`)) })
  t.strictSame((await read(t, app, RESOURCE_METADATA)).authorization_servers, [ISSUER])
  await hasNone(t, app, [SERVER_METADATA, JWKS])
  for (const url of ['/token', '/introspect', '/revoke']) t.equal((await post(app, url, { token: 'aaa' })).statusCode, 404, url)
  t.equal((await app.inject('/data')).headers['www-authenticate'], challenge(READ))
})

test('RFC 9728 §7.4: a token for another resource of the same server is refused, as MCP wants it', async (t) => {
  const other = 'https://other.example'
  const server = await appOf(jwtTokens({ audience: [RESOURCE, other] }))
  const api = await appOf(jwtTokens())
  for (const [resource, status] of [[RESOURCE, 200], [other, 401]] as const) {
    const authorization = `Bearer ${await tokenFor(server, { resource })}`
    t.equal((await api.inject({ url: '/data', headers: { authorization } })).statusCode, status, resource)
  }
})

// Where the plugin is registered

const PLACES: [name: string, prefix: string | undefined, scope: string | undefined, base: string][] = [
  ['the option prefix', '/auth', undefined, '/auth'],
  ['a scope', undefined, '/api', '/api'],
  ['a scope and the option prefix', '/auth', '/api', '/api/auth'],
  ['a scope in a scope', undefined, '/api/v1', '/api/v1']
]

test('RFC 8615 §3: under a prefix endpoints move, as the document says, and documents do not', async (t) => {
  for (const [name, prefix, scope, base] of PLACES) {
    const app = Fastify()
    const options = { flow: flowOf(jwtTokens({ issuer: `${ISSUER}/tenant`, revocations: new MemoryStore() })), ...(prefix !== undefined && { prefix }) }
    const registerPlugin = async (instance: FastifyInstance) => {
      await instance.register(clientCredentialsPlugin, options)
      instance.get('/data', { preHandler: instance.requireScopes(READ) }, async () => 'fine')
    }
    if (scope === undefined) await registerPlugin(app)
    else await app.register(async (outer) => { await outer.register(registerPlugin, { prefix: scope.slice(4) }) }, { prefix: scope.slice(0, 4) })

    const document = await read(t, app, `${SERVER_METADATA}/tenant`)
    t.strictSame(document, {
      ...MEMBERS,
      ...REVOCATION,
      issuer: `${ISSUER}/tenant`,
      token_endpoint: `${ISSUER}${base}${TOKEN_PATH}`,
      introspection_endpoint: `${ISSUER}${base}/oauth2/introspect`,
      revocation_endpoint: `${ISSUER}${base}/oauth2/revoke`,
      jwks_uri: `${ISSUER}${base}${JWKS}`
    }, name)
    const { body } = await requestToken(app, {}, undefined, pathOf(document.token_endpoint))
    const token = JSON.parse(body).access_token
    await jwtVerify(token, createLocalJWKSet(await read(t, app, pathOf(document.jwks_uri), 900) as never))
    t.equal(JSON.parse((await post(app, pathOf(document.introspection_endpoint), { token })).body).active, true, name)
    t.equal((await post(app, pathOf(document.revocation_endpoint), { token })).statusCode, 200, name)
    const refused = await app.inject(`${scope ?? ''}/data`)
    t.equal(refused.headers['www-authenticate'], challenge(READ), name)
    await read(t, app, RESOURCE_METADATA)
    await hasNone(t, app, [`${base}${SERVER_METADATA}/tenant`, `${base}${RESOURCE_METADATA}`])
  }
})

test('Servers with issuers of their own share a host, each in a scope', async (t) => {
  const app = Fastify()
  for (const tenant of ['/one', '/two']) {
    const flow = flowOf(jwtTokens({ issuer: `${ISSUER}${tenant}`, audience: `${RESOURCE}${tenant}`, keys: new SigningKeys(new MemoryStore()) }))
    await app.register(async (scope) => { await scope.register(clientCredentialsPlugin, { flow }) }, { prefix: tenant })
  }
  for (const tenant of ['/one', '/two']) {
    const { issuer, token_endpoint: tokenEndpoint, jwks_uri: jwksUri } = await read(t, app, `${SERVER_METADATA}${tenant}`)
    t.strictSame([issuer, tokenEndpoint, jwksUri], [`${ISSUER}${tenant}`, `${ISSUER}${tenant}${TOKEN_PATH}`, `${ISSUER}${tenant}${JWKS}`])
    t.strictSame((await read(t, app, `${RESOURCE_METADATA}${tenant}`)).authorization_servers, [issuer])
    const { body } = await requestToken(app, {}, undefined, pathOf(tokenEndpoint))
    await jwtVerify(JSON.parse(body).access_token, createLocalJWKSet(await read(t, app, pathOf(jwksUri), 900) as never), { issuer })
  }
})

test('A server and its resource server, each in a scope, share the document of the resource', async (t) => {
  const app = Fastify()
  const tokens = jwtTokens()
  await app.register(async (scope) => { await scope.register(clientCredentialsPlugin, { flow: flowOf(tokens) }) })
  for (const prefix of ['/v1', '/v2']) {
    await app.register(async (scope) => {
      await scope.register(clientCredentialsPlugin, { flow: flowOf(tokens, (builder) => builder.setTokenEndpoint(`${ISSUER}${TOKEN_PATH}`)) })
      scope.get('/data', { preHandler: scope.requireScopes(READ) }, async () => 'fine')
    }, { prefix })
  }
  t.equal((await read(t, app, RESOURCE_METADATA)).resource, RESOURCE)
  const authorization = `Bearer ${await tokenFor(app)}`
  for (const prefix of ['/v1', '/v2']) {
    t.equal((await app.inject(`${prefix}/data`)).headers['www-authenticate'], challenge(READ))
    t.equal((await app.inject({ url: `${prefix}/data`, headers: { authorization } })).statusCode, 200)
  }
})

test('A hook of the scope that the plugin is in does not stand before the documents', async (t) => {
  const app = Fastify()
  await app.register(async (scope) => {
    scope.addHook('onRequest', async () => { throw new Error('not for you') })
    await scope.register(clientCredentialsPlugin, { flow: flowOf(jwtTokens()) })
  }, { prefix: '/api' })
  await read(t, app, SERVER_METADATA)
  await read(t, app, RESOURCE_METADATA)
})

// The host application

const HOSTS: Record<string, (app: FastifyInstance) => unknown> = {
  'an error handler': (app) => app.setErrorHandler((_error, _request, reply) => { reply.code(418).send('mine') }),
  'zod compilers': (app) => app.setValidatorCompiler(validatorCompiler).setSerializerCompiler(serializerCompiler),
  'a reply serializer': (app) => app.setReplySerializer((payload) => JSON.stringify({ mine: payload })),
  'a preSerialization envelope': (app) => app.addHook('preSerialization', async (_request, _reply, payload) => ({ data: payload })),
  'a preValidation hook that replaces the body': (app) => app.addHook('preValidation', async (request) => { request.body = undefined }),
  'no parsers at all': (app) => app.removeAllContentTypeParsers()
}

test('What the application has set for its own routes does not touch the documents', async (t) => {
  for (const [name, host] of Object.entries(HOSTS)) {
    const app = Fastify()
    await host(app)
    await app.register(clientCredentialsPlugin, { flow: flowOf(jwtTokens()) })
    t.strictSame(await read(t, app, SERVER_METADATA), MEMBERS, name)
    t.strictSame(Object.keys(await read(t, app, RESOURCE_METADATA)), ['resource', 'authorization_servers', 'scopes_supported', 'bearer_methods_supported'], name)
    t.strictSame(await read(t, app, JWKS, 900), await keys.toJwks(), name)
  }
})

test('An error handler of the application does not see a store of keys that is away', async (t) => {
  const app = Fastify()
  app.setErrorHandler((_error, _request, reply) => { reply.code(418).send('mine') })
  await app.register(clientCredentialsPlugin, { flow: flowOf(jwtTokens({ keys: Object.assign(Object.create(keys), { jwksMaxAge: 60, toJwks: async () => { throw new Error('away') } }) })) })
  t.equal((await app.inject(JWKS)).statusCode, 500)
})

test('RFC 9110 §9.3.2: HEAD answers as GET does, without a body', async (t) => {
  const app = await appOf(jwtTokens())
  t.teardown(() => app.close())
  for (const url of [SERVER_METADATA, RESOURCE_METADATA, JWKS]) {
    const get = await app.inject(url)
    const head = await exchange(app, `HEAD ${url}`)
    t.strictSame([head.statusCode, head.body], [200, ''])
    for (const name of ['content-type', 'cache-control', 'content-length']) t.equal(head.headers[name], get.headers[name], `${url}: ${name}`)
  }
})

test('A document is not there for other methods, as it is with every GET route of Fastify', async (t) => {
  const app = await appOf(jwtTokens())
  for (const url of [SERVER_METADATA, RESOURCE_METADATA, JWKS]) {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const) t.equal((await app.inject({ method, url })).statusCode, 404, `${method} ${url}`)
  }
})

test('RFC 9110 §15.5.6: the endpoints that a document names answer another method than POST with 405, Allow and their name', async (t) => {
  const app = await appOf(jwtTokens({ revocations: store }))
  const document = await read(t, app, SERVER_METADATA)
  for (const name of ['token', 'introspection', 'revocation']) {
    for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'] as const) {
      const { statusCode, headers, body } = await app.inject({ method, url: pathOf(document[`${name}_endpoint`]) })
      t.strictSame([statusCode, headers.allow, headers['cache-control']], [405, 'POST', 'no-store'], `${method} ${name}`)
      if (method !== 'HEAD') t.strictSame(JSON.parse(body), { error: 'invalid_request', error_description: `The ${name} endpoint takes POST only` })
    }
  }
})

// Metadata tells the truth: each of these is used, and works if and only if it is named.

/** Every way to authenticate at a token endpoint that is registered with IANA, as far as it can be tried from here. */
const AUTH_METHODS: Readonly<Record<string, [parameters: Record<string, string>, headers: Record<string, string>]>> = {
  client_secret_basic: [{}, { authorization: basic('all') }],
  client_secret_post: [{ client_id: 'all', client_secret: SECRET }, {}],
  client_secret_jwt: [{ client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: 'aaa.bbb.ccc' }, {}],
  private_key_jwt: [{ client_id: 'all', client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: 'aaa.bbb.ccc' }, {}],
  none: [{ client_id: 'all' }, {}]
}
const GRANTS: Readonly<Record<string, Record<string, string>>> = {
  client_credentials: {},
  password: { username: 'all', password: SECRET },
  authorization_code: { code: 'aaa' },
  refresh_token: { refresh_token: 'aaa' },
  implicit: {},
  'urn:ietf:params:oauth:grant-type:jwt-bearer': { assertion: 'aaa.bbb.ccc' },
  'urn:ietf:params:oauth:grant-type:token-exchange': { subject_token: 'aaa' },
  'urn:ietf:params:oauth:grant-type:device_code': { device_code: 'aaa' }
}
const RESOURCES = [RESOURCE, 'https://other.example', `${RESOURCE}/path`]
const METHOD_LISTS: Readonly<Record<string, string>> = { token_endpoint: 'token', introspection_endpoint: 'introspect', revocation_endpoint: 'revoke' }

const TRUTHS: typeof SERVERS = [
  ...SERVERS.filter(([name]) => name !== 'a token endpoint at the root'),
  ['secrets in the body only', () => flowOf(jwtTokens({ revocations: new MemoryStore() }), (builder) => builder.removeClientAuthenticationMethod('client_secret_basic')), {}],
  ['one scope', () => flowOf(opaqueTokens(), (builder) => builder.setScopes({ [READ]: 'Read data' })), {}]
]

for (const [name, flow] of TRUTHS) {
  test(`RFC 8414 §2: what the document names works, and nothing else: ${name}`, async (t) => {
    const app = Fastify()
    const built = flow()
    await app.register(clientCredentialsPlugin, { flow: built })
    app.get('/data', { preHandler: app.requireScopes() }, async () => 'fine')
    app.post('/data', { preHandler: app.requireScopes() }, async () => 'fine')
    const document = await read(t, app, SERVER_METADATA)
    const methods: string[] = document.token_endpoint_auth_methods_supported
    const [parameters, headers] = AUTH_METHODS[methods[0]!]!
    const grant = (more: Record<string, string> = {}) => requestToken(app, { ...parameters, ...more }, headers, pathOf(document.token_endpoint))
    const token = JSON.parse((await grant()).body).access_token

    for (const [endpoint, path] of Object.entries(METHOD_LISTS)) {
      const url = document[endpoint] === undefined ? `/oauth2/${path}` : pathOf(document[endpoint])
      for (const [method, [parameters, headers]] of Object.entries(AUTH_METHODS)) {
        const { statusCode } = await post(app, url, { grant_type: 'client_credentials', token: 'aaa', ...parameters }, headers)
        const expected = document[endpoint] === undefined ? 404 : document[`${endpoint}_auth_methods_supported`].includes(method) ? 200 : 401
        t.equal(statusCode, expected, `${endpoint}: ${method}`)
      }
    }

    for (const [grantType, more] of Object.entries(GRANTS)) {
      const { statusCode, body } = await grant({ grant_type: grantType, ...more })
      if (document.grant_types_supported.includes(grantType)) t.equal(statusCode, 200, grantType)
      else t.strictSame([statusCode, JSON.parse(body).error], [400, 'unsupported_grant_type'], grantType)
    }

    for (const scope of [...SCOPES, 'data:delete']) {
      const { statusCode, body } = await grant({ scope })
      const isNamed = document.scopes_supported === undefined || document.scopes_supported.includes(scope)
      t.strictSame([statusCode, JSON.parse(body).error], isNamed ? [200, undefined] : [400, 'invalid_scope'], scope)
    }

    // That there are others in `audience` is for who operates them to say (RFC 9728 §4).
    const { audience } = settingsOf(built).accessTokens!.metadata!
    for (const resource of RESOURCES) {
      const { statusCode, body } = await grant({ resource })
      const isGranted = document.protected_resources?.includes(resource) === true || audience.includes(resource)
      t.strictSame([statusCode, JSON.parse(body).error], isGranted ? [200, undefined] : [400, 'invalid_target'], resource)
    }

    // The keys, and the algorithms they are used with.
    if (document.jwks_uri === undefined) {
      await hasNone(t, app, [JWKS])
      t.throws(() => decodeProtectedHeader(token))
    } else {
      const jwks = await read(t, app, pathOf(document.jwks_uri), 900)
      await jwtVerify(token, createLocalJWKSet(jwks as never), { issuer: document.issuer })
    }

    // Introspection: signed by an algorithm that is named, or never.
    if (document.introspection_endpoint !== undefined) {
      const accept = { accept: 'application/token-introspection+jwt' }
      const answer = await post(app, pathOf(document.introspection_endpoint), { token, ...parameters }, { ...headers, ...accept })
      const algorithms: string[] | undefined = document.introspection_signing_alg_values_supported
      if (algorithms === undefined) t.equal(JSON.parse(answer.body).active, true)
      else t.ok(algorithms.includes(String(decodeProtectedHeader(answer.body).alg)))
    }

    // RFC 9728 §2: one method to send a token, in each place where RFC 6750 §2 knows one.
    const resource = document.protected_resources === undefined ? undefined : await read(t, app, RESOURCE_METADATA)
    const BEARER: Record<string, InjectOptions> = {
      header: { url: '/data', headers: { authorization: `Bearer ${token}` } },
      query: { url: `/data?access_token=${token}` }
    }
    for (const [method, request] of Object.entries(BEARER)) {
      const isNamed = (resource?.bearer_methods_supported ?? ['header']).includes(method)
      t.equal((await app.inject(request)).statusCode, isNamed ? 200 : 401, method)
    }

    if (document.revocation_endpoint !== undefined) {
      t.equal((await post(app, pathOf(document.revocation_endpoint), { token, ...parameters }, headers)).statusCode, 200)
      t.equal((await app.inject(BEARER.header!)).statusCode, 401, 'what is revoked is')
    }
  })
}

test('RFC 9728 §2: a token in a form body opens nothing, as bearer_methods_supported says', async (t) => {
  const app = await appOf(jwtTokens())
  app.addContentTypeParser(FORM, { parseAs: 'string' }, (_request, body, done) => { done(null, Object.fromEntries(new URLSearchParams(body as string))) })
  t.strictSame((await read(t, app, RESOURCE_METADATA)).bearer_methods_supported, ['header'])
  t.equal((await post(app, '/data', { access_token: await tokenFor(app) }, {})).statusCode, 401)
})

test('RFC 8414 §2: while the algorithm of the keys changes, the document names the old one beside the new one', async (t) => {
  const store = new MemoryStore()
  await new SigningKeys(store).refresh()
  const app = await appOf(jwtTokens({ keys: new SigningKeys(store, { algorithm: 'EdDSA' }) }))
  const { introspection_signing_alg_values_supported: algorithms } = await read(t, app, SERVER_METADATA)
  t.strictSame(algorithms, ['EdDSA', 'ES256'])
  const answer = await post(app, '/oauth2/introspect', { token: await tokenFor(app) }, { authorization: basic('all'), accept: 'application/token-introspection+jwt' })
  t.equal(decodeProtectedHeader(answer.body).alg, 'ES256')
})

test('RFC 8414 §2: a key set that does not say its algorithms adds none', async (t) => {
  const silent = Object.assign(Object.create(keys), {
    algorithm: 'ES256', jwksMaxAge: 60, toJwks: async () => ({ keys: [pairs.ES256.publicKey.export({ format: 'jwk' })] })
  })
  const document = await read(t, await appOf(jwtTokens({ keys: silent })), SERVER_METADATA)
  t.strictSame(document.introspection_signing_alg_values_supported, ['ES256'])
})

test('Two servers never share a document: what would hide one of them fails at boot', async (t) => {
  const others = new SigningKeys(new MemoryStore())
  const PAIRS: [string, Partial<JwtAccessTokensOptions>, string, string][] = [
    ['keys', { issuer: `${ISSUER}/b`, audience: `${RESOURCE}/b`, keys: others }, '', JWKS],
    ['issuers on two hosts', { issuer: 'https://b.example', audience: `${RESOURCE}/b` }, '/b', SERVER_METADATA],
    ['resources on two hosts', { issuer: `${ISSUER}/b`, audience: 'https://b.example' }, '/b', RESOURCE_METADATA]
  ]
  for (const [what, options, prefix, path] of PAIRS) {
    const app = Fastify()
    app.register(async (scope) => { await scope.register(clientCredentialsPlugin, { flow: flowOf(jwtTokens()) }) })
    app.register(async (scope) => {
      await scope.register(clientCredentialsPlugin, { flow: flowOf(jwtTokens(options), (builder) => builder.setTokenEndpoint('/b/token')) })
    }, { prefix })
    await t.rejects(async () => { await app.ready() }, { code: 'FST_OAUTH_WELL_KNOWN_TAKEN', message: new RegExp(path) }, what)
  }
})

test('A prefix is written with or without its slashes', async (t) => {
  for (const prefix of ['/auth', 'auth', '/auth/', 'auth/']) {
    const app = await appOf(jwtTokens(), { prefix })
    const { token_endpoint: url } = await read(t, app, SERVER_METADATA)
    t.equal(url, `${ISSUER}/auth${TOKEN_PATH}`, prefix)
    t.equal((await requestToken(app, {}, undefined, pathOf(url))).statusCode, 200, prefix)
  }
  const app = Fastify()
  await app.register(async (scope) => { await scope.register(clientCredentialsPlugin, { flow: flowOf(jwtTokens()) }) }, { prefix: '/api/' })
  const { token_endpoint: url } = await read(t, app, SERVER_METADATA)
  t.equal((await requestToken(app, {}, undefined, pathOf(url))).statusCode, 200, 'of a scope')
})
