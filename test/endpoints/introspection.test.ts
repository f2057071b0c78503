// The lines of RFC 7662, RFC 9701 and RFC 7009 that this server is judged by, through the plugin.
import Fastify from 'fastify'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { test } from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, { JwtAccessTokens, OpaqueAccessTokens } from '../../plugin/index.ts'
import { INTROSPECTION_JWT_MEDIA_TYPE, TemporarilyUnavailableError } from '../../src/adapter.ts'
import type { AccessTokens, ClientCredentialsFlow, ClientCredentialsFlowBuilder, ClientCredentialsPluginOptions, OAuth2Client } from '../../plugin/index.ts'
import { createSigner } from '../../src/jws/sign.ts'
import { SigningKeys } from '../../src/signing-keys/signing-keys.ts'
import { basic, demoApp, demoBuilder, FORM, form, SECRET, TOKEN_PATH } from '../support/demo.ts'
import type { Answer } from '../support/demo.ts'
import { AUDIENCE, ISSUER, now, READ, TestStore } from '../support/forge.ts'
import { parsedForm, rawOnly, startPlatform } from '../support/platform.ts'
import { issue, memoryStore, present, revoke as revokeAt, startProcess } from '../support/server-world.ts'
import { stopwatch } from '../support/stopwatch.ts'

const INTROSPECT = '/oauth2/introspect'
const REVOKE = '/oauth2/revoke'
const ENDPOINTS = [INTROSPECT, REVOKE]
const OTHER = 'https://other.example'
const WRITE = 'data:write'
const LIFETIME = 600
const TOLERANCE = 5
const INACTIVE = '{"active":false}'

const CLIENTS: Readonly<Record<string, OAuth2Client>> = {
  reader: { id: 'reader', grants: ['client_credentials'], scopes: [READ] },
  writer: { id: 'writer', grants: ['client_credentials'], scopes: [READ, WRITE] },
  scopeless: { id: 'scopeless', grants: ['client_credentials'] },
  api: { id: 'api', grants: [], introspects: [AUDIENCE] },
  other: { id: 'other', grants: [], introspects: [OTHER] },
  gateway: { id: 'gateway', grants: [], introspects: [OTHER, AUDIENCE] },
  poster: { id: 'poster', grants: [], introspects: [AUDIENCE], metadata: { token_endpoint_auth_method: 'client_secret_post' } },
  unlisted: { id: 'unlisted', grants: [], introspects: `${AUDIENCE}, ${OTHER}` as never }
}

type Parameters = Record<string, string> | [string, string][]

/** A server whose clock a test may turn. */
interface World {
  name: string
  store: TestStore
  keys: SigningKeys
  tokens: AccessTokens
  time: number
  flow: ClientCredentialsFlow
  app: FastifyInstance
  /** The tokens that were looked up. */
  lookedUp: string[]
}

interface WorldOptions {
  adapt?: (builder: ClientCredentialsFlowBuilder) => ClientCredentialsFlowBuilder
  server?: FastifyServerOptions
  plugin?: Partial<ClientCredentialsPluginOptions>
  revocable?: boolean
}

const KINDS: Readonly<Record<string, (world: World, revocable: boolean) => AccessTokens>> = {
  JWT: (world, revocable) => new JwtAccessTokens({
    issuer: ISSUER, audience: [AUDIENCE, OTHER], keys: world.keys, now: () => world.time, ...(revocable && { revocations: world.store })
  }),
  opaque: (world) => new OpaqueAccessTokens({ issuer: ISSUER, audience: [AUDIENCE, OTHER], store: world.store, now: () => world.time })
}

async function worldOf (name: string, { adapt = (builder) => builder, server = {}, plugin = {}, revocable = true }: WorldOptions = {}): Promise<World> {
  const store = new TestStore()
  const world = { name, store, keys: new SigningKeys(store), time: now(), lookedUp: [] as string[] } as World
  const tokens = world.tokens = KINDS[name]!(world, revocable)
  const introspect = tokens.introspect!.bind(tokens)
  tokens.introspect = (token) => {
    world.lookedUp.push(token)
    return introspect(token)
  }
  const builder = demoBuilder().setAccessTokenLifetime(LIFETIME)
    .getClient(({ clientId, clientSecret }) => clientSecret === SECRET && Object.hasOwn(CLIENTS, clientId) ? CLIENTS[clientId] : undefined)
  world.flow = adapt(builder.useAccessTokens(tokens)).build()
  world.app = await demoApp({ flow: world.flow, ...plugin }, server)
  return world
}

/** Runs a test with both kinds of token. */
function testBoth (title: string, run: (t: Test, name: string) => Promise<void>): void {
  test(title, async (t) => { for (const name of Object.keys(KINDS)) await run(t, name) })
}

function post (app: FastifyInstance, url: string, parameters: Parameters | string, headers: Record<string, string> = { authorization: basic('api') }): Promise<Answer> {
  return app.inject({ method: 'POST', url, headers: { 'content-type': FORM, ...headers }, payload: typeof parameters === 'string' ? parameters : form(parameters) })
}

const as = (clientId: string, more: Record<string, string> = {}) => ({ authorization: basic(clientId), ...more })
const introspect = ({ app }: World, token: string, clientId = 'api') => post(app, INTROSPECT, { token }, as(clientId))
const introspectSigned = ({ app }: World, token: string, clientId = 'api', accept: string = INTROSPECTION_JWT_MEDIA_TYPE) =>
  post(app, INTROSPECT, { token }, as(clientId, { accept }))
const revoke = ({ app }: World, token: string, clientId = 'reader') => post(app, REVOKE, { token }, as(clientId))
const use = async ({ app }: World, token: string) => (await app.inject({ url: '/data', headers: { authorization: `Bearer ${token}` } })).statusCode

async function tokenFor ({ app }: World, clientId = 'reader', parameters: Parameters = {}): Promise<string> {
  const answer = await post(app, TOKEN_PATH, `grant_type=client_credentials&${form(parameters)}`, as(clientId))
  return JSON.parse(answer.body).access_token
}

/** Claims that are signed with the key of the server, whatever they say. */
async function sign ({ keys, time }: World, claims: object, typ = 'at+jwt'): Promise<string> {
  const genuine = { iss: ISSUER, aud: AUDIENCE, sub: 'reader', client_id: 'reader', jti: 'one', iat: time, exp: time + LIFETIME, scope: READ }
  return createSigner('batch')(await keys.current(), typ, { ...genuine, ...claims })
}

function saying ({ statusCode, headers, body }: Answer) {
  const { 'www-authenticate': challenge, 'content-type': type, 'cache-control': cacheControl, pragma } = headers
  return { statusCode, challenge, type, cacheControl, pragma, body }
}

const UNCACHED_JSON = { type: 'application/json; charset=utf-8', cacheControl: 'no-store', pragma: 'no-cache' }

function isAnswered (t: Test, answer: Answer, body: string, name = ''): void {
  t.strictSame(saying(answer), { ...UNCACHED_JSON, statusCode: 200, challenge: undefined, body }, name)
}

interface Refusal { status: number, error: string, description: string, challenge?: string }

function isRefused (t: Test, answer: Answer, { status, error, description, challenge }: Refusal, name = ''): void {
  t.strictSame(saying(answer), { ...UNCACHED_JSON, statusCode: status, challenge, body: JSON.stringify({ error, error_description: description }) }, name)
}

const invalidRequest = (description: string, status = 400): Refusal => ({ status, error: 'invalid_request', description })
const INVALID_CLIENT: Refusal = { status: 401, error: 'invalid_client', description: 'Client authentication failed', challenge: 'Basic realm="demo", error="invalid_client"' }
const SERVER_ERROR: Refusal = { status: 500, error: 'server_error', description: 'The server failed to handle the request' }
const NO_TOKEN = invalidRequest('The parameter token is missing')
const REPEATED = invalidRequest('A parameter was sent more than once')
const NOT_A_FORM = invalidRequest('The parameters must be sent in the body as application/x-www-form-urlencoded')
const FOREIGN = invalidRequest('The token was not issued to this client')

// Both endpoints

testBoth('RFC 7662 §2.1, §4, RFC 7009 §2.1: the client authenticates before anything is looked up', async (t, name) => {
  const world = await worldOf(name)
  const token = await tokenFor(world)
  const STRANGERS: [string, Record<string, string>, Parameters][] = [
    ['nobody', {}, {}],
    ['an unknown client', as('nobody'), {}],
    ['a wrong secret', { authorization: basic('reader', 'wrong') }, {}],
    ['a wrong secret in the body', {}, { client_id: 'reader', client_secret: 'wrong' }],
    ['a client_id alone', {}, { client_id: 'reader' }],
    ['the token itself', { authorization: `Bearer ${token}` }, {}],
    ['a method that the client is not registered for', as('poster'), {}],
    ['a wrong secret, and an empty token', { authorization: basic('reader', 'wrong') }, { token: '' }]
  ]
  for (const url of ENDPOINTS) {
    for (const [who, headers, parameters] of STRANGERS) {
      isRefused(t, await post(world.app, url, { token, ...parameters }, headers), INVALID_CLIENT, `${name} ${url}: ${who}`)
    }
  }
  t.strictSame(world.lookedUp, [])
  t.equal(await use(world, token), 200, 'and nothing was revoked')
})

testBoth('RFC 6749 §2.3.1: a client authenticates by HTTP Basic or in the body, as the flow says', async (t, name) => {
  const world = await worldOf(name)
  const basicOnly = await worldOf(name, { adapt: (builder) => builder.removeClientAuthenticationMethod('client_secret_post') })
  for (const url of ENDPOINTS) {
    const answer = url === INTROSPECT ? INACTIVE : '{}'
    isAnswered(t, await post(world.app, url, { token: 'aaa' }, as('api')), answer)
    isAnswered(t, await post(world.app, url, { token: 'aaa', client_id: 'api', client_secret: SECRET }, {}), answer)
    isAnswered(t, await post(world.app, url, { token: 'aaa', client_id: 'poster', client_secret: SECRET }, {}), answer)
    isAnswered(t, await post(world.app, url, { token: 'aaa', client_id: 'api' }, as('api')), answer, 'client_id beside HTTP Basic')
    isRefused(t, await post(basicOnly.app, url, { token: 'aaa', client_id: 'api', client_secret: SECRET }, {}), INVALID_CLIENT)
  }
})

const MALFORMED: [name: string, parameters: Parameters | string, headers: Record<string, string>, refusal: Refusal][] = [
  ['no token', {}, as('api'), NO_TOKEN],
  ['an empty token', { token: '' }, as('api'), NO_TOKEN],
  ['an empty body', '', as('api'), NO_TOKEN],
  ['no token, and nobody', {}, {}, NO_TOKEN],
  ['token twice', [['token', 'aaa'], ['token', 'bbb']], as('api'), REPEATED],
  ['the same token twice', [['token', 'aaa'], ['token', 'aaa']], as('api'), REPEATED],
  ['hint twice', [['token', 'aaa'], ['token_type_hint', 'access_token'], ['token_type_hint', 'access_token']], as('api'), REPEATED],
  ['an unknown parameter twice', [['token', 'aaa'], ['x', '1'], ['x', '2']], as('api'), REPEATED],
  ['client_id twice', [['token', 'aaa'], ['client_id', 'api'], ['client_id', 'api'], ['client_secret', SECRET]], {}, REPEATED],
  ['resource twice', [['token', 'aaa'], ['resource', AUDIENCE], ['resource', OTHER]], as('api'), REPEATED],
  ['two mechanisms', { token: 'aaa', client_id: 'api', client_secret: SECRET }, as('api'), invalidRequest('The client authenticates in more than one way')],
  ['another client_id', { token: 'aaa', client_id: 'reader' }, as('api'), invalidRequest('The client_id differs from the client that authenticates')]
]

testBoth('RFC 7662 §2.1, RFC 7009 §2.1: one token, each parameter once, and one client', async (t, name) => {
  const world = await worldOf(name)
  for (const url of ENDPOINTS) {
    for (const [what, parameters, headers, refusal] of MALFORMED) isRefused(t, await post(world.app, url, parameters, headers), refusal, `${url}: ${what}`)
    const inUrl = await post(world.app, `${url}?token=aaa`, {})
    isRefused(t, inUrl, NO_TOKEN, 'a token in the URL')
    isRefused(t, await post(world.app, `${url}?client_secret=${SECRET}`, { token: 'aaa' }, {}), invalidRequest('Client credentials must not be in the URL'))
  }
  t.strictSame(world.lookedUp, [])
})

testBoth('RFC 7662 §2.1, RFC 7009 §2.1: POST only', async (t, name) => {
  const { app } = await worldOf(name)
  for (const [url, endpoint] of [[INTROSPECT, 'introspection'], [REVOKE, 'revocation']] as const) {
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE'] as const) {
      const answer = await app.inject({ method, url: `${url}?token=aaa`, headers: as('api') })
      isRefused(t, answer, invalidRequest(`The ${endpoint} endpoint takes POST only`, 405), method)
      t.equal(answer.headers.allow, 'POST')
    }
    t.equal((await app.inject({ method: 'HEAD', url })).statusCode, 405)
  }
})

test('RFC 7662 §2.1, RFC 7009 §2.1: a form only, unless the plugin is told to take JSON', async (t) => {
  const { app } = await worldOf('JWT')
  const lenient = await worldOf('JWT', { plugin: { acceptJson: true } })
  const token = await tokenFor(lenient)
  for (const url of ENDPOINTS) {
    for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=a', 'application/x-www-form-urlencoded-not']) {
      isRefused(t, await post(app, url, '{"token":"aaa"}', as('api', { 'content-type': type })), NOT_A_FORM, type)
    }
    isRefused(t, await post(app, url, `token=${'a'.repeat(65_536)}`), invalidRequest('The request body is too large', 413))
    isRefused(t, await post(lenient.app, url, '{"token":5}', as('api', { 'content-type': 'application/json' })), invalidRequest('A parameter is not a string'))
  }
  const taken = await post(lenient.app, INTROSPECT, JSON.stringify({ token }), as('api', { 'content-type': 'application/json' }))
  t.equal(JSON.parse(taken.body).active, true)
})

testBoth('RFC 7662 §2.1, RFC 7009 §2.1: an unknown token_type_hint, and a wrong one, is ignored', async (t, name) => {
  for (const hint of ['access_token', 'refresh_token', 'unknown', '']) {
    const world = await worldOf(name)
    const token = await tokenFor(world)
    t.equal(JSON.parse((await post(world.app, INTROSPECT, { token, token_type_hint: hint })).body).active, true, hint)
    isAnswered(t, await post(world.app, REVOKE, { token, token_type_hint: hint, unknown: '1' }, as('reader')), '{}', hint)
    t.equal(await use(world, token), 401)
  }
})

testBoth('RFC 7009 §2.2.1: an OAuth error of a callback is answered as it is, Retry-After included', async (t, name) => {
  const { app } = await worldOf(name, { adapt: (builder) => builder.getClient(() => { throw new TemporarilyUnavailableError(undefined, { retryAfter: 7 }) }) })
  for (const url of ENDPOINTS) {
    const answer = await post(app, url, { token: 'aaa' })
    isRefused(t, answer, { status: 503, error: 'temporarily_unavailable', description: 'The server cannot handle the request now' })
    t.equal(answer.headers['retry-after'], '7')
  }
})

const HOSTS: Record<string, (app: FastifyInstance) => unknown> = {
  'an error handler': (app) => app.setErrorHandler((_error, _request, reply) => { reply.code(418).send('mine') }),
  'zod compilers': (app) => app.setValidatorCompiler(validatorCompiler).setSerializerCompiler(serializerCompiler),
  'a reply serializer': (app) => app.setReplySerializer((payload) => JSON.stringify({ mine: payload })),
  'a preSerialization envelope': (app) => app.addHook('preSerialization', async (_request, _reply, payload) => ({ data: payload })),
  'a parser of its own': (app) => app.addContentTypeParser(FORM, (_request, _payload, done) => { done(null, 'mine') })
}

testBoth('What the application has set for its own routes does not touch the answers', async (t, name) => {
  for (const [host, adapt] of Object.entries(HOSTS)) {
    const world = await worldOf(name)
    const token = await tokenFor(world)
    const app = Fastify()
    await adapt(app)
    await app.register(clientCredentialsPlugin, { flow: world.flow })
    isAnswered(t, await post(app, INTROSPECT, { token: 'aaa' }), INACTIVE, host)
    isAnswered(t, await post(app, REVOKE, { token: 'aaa' }), '{}', host)
    isRefused(t, await post(app, INTROSPECT, {}), NO_TOKEN, host)
    isRefused(t, await post(app, REVOKE, { token }, {}), INVALID_CLIENT, host)
    t.equal(JSON.parse((await post(app, INTROSPECT, { token })).body).client_id, 'reader', host)
    if (name === 'JWT') t.equal(decodeProtectedHeader((await post(app, INTROSPECT, { token }, as('api', { accept: INTROSPECTION_JWT_MEDIA_TYPE }))).body).typ, 'token-introspection+jwt', host)
  }
})

testBoth('RFC 7662 §2.1, RFC 7009 §2.1: a form that the platform has read before Fastify is answered as every other', async (t, name) => {
  for (const leave of [rawOnly, parsedForm]) {
    const world = await worldOf(name)
    const token = await tokenFor(world)
    const sendTo = await startPlatform(t, world.app, leave)
    const send = (path: string, parameters: Parameters, clientId: string, secret?: string) => sendTo(path, { authorization: basic(clientId, secret), 'content-type': FORM }, form(parameters))
    for (const path of ENDPOINTS) {
      isRefused(t, await send(path, { token }, 'reader', 'wrong'), INVALID_CLIENT, path)
      isRefused(t, await send(path, [['token', token], ['token', token]], 'reader'), REPEATED, path)
      isRefused(t, await send(path, {}, 'reader'), NO_TOKEN, path)
      isRefused(t, await sendTo(path, { ...as('reader'), 'content-type': 'application/json' }, JSON.stringify({ token })), NOT_A_FORM, path)
    }
    t.equal(JSON.parse((await send(INTROSPECT, { token }, 'api')).body).active, true)
    isAnswered(t, await send(REVOKE, { token }, 'reader'), '{}')
    isAnswered(t, await send(INTROSPECT, { token }, 'api'), INACTIVE)
  }
})

// RFC 7662

testBoth('RFC 7662 §2.2: an active token is told with these members', async (t, name) => {
  const world = await worldOf(name)
  const token = await tokenFor(world, 'writer')
  const answer = await introspect(world, token)
  const { jti, ...members } = JSON.parse(answer.body)
  t.strictSame(members, {
    active: true,
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'writer',
    client_id: 'writer',
    scope: `${READ} ${WRITE}`,
    iat: world.time,
    exp: world.time + LIFETIME,
    token_type: 'Bearer'
  })
  t.equal(typeof jti, name === 'JWT' ? 'string' : 'undefined')
  t.equal(answer.statusCode, 200)
  isAnswered(t, answer, answer.body)
})

testBoth('RFC 7662 §2.2: a token without scope has no scope member, and one for several resources a list as aud', async (t, name) => {
  const world = await worldOf(name)
  t.notOk('scope' in JSON.parse((await introspect(world, await tokenFor(world, 'scopeless'))).body))
  const token = await tokenFor(world, 'reader', [['resource', OTHER], ['resource', AUDIENCE]])
  t.strictSame(JSON.parse((await introspect(world, token)).body).aud, [OTHER, AUDIENCE])
})

testBoth('RFC 8705 §3.2, RFC 9449 §6.2: what a token is bound to is told, and so is its type', async (t, name) => {
  const BINDINGS: [cnf: Record<string, string>, tokenType: string][] = [[{ jkt: 'aaa' }, 'DPoP'], [{ 'x5t#S256': 'aaa' }, 'Bearer']]
  for (const [cnf, tokenType] of BINDINGS) {
    const world = await worldOf(name, { adapt: (builder) => builder.setTokenType({ name: tokenType, confirmTokenRequest: () => cnf, confirmAccess: () => ({ confirmation: cnf }) }) })
    const { active, cnf: told, token_type: type } = JSON.parse((await introspect(world, await tokenFor(world))).body)
    t.strictSame([active, told, type], [true, cnf, tokenType])
  }
})

testBoth('RFC 7662 §2.2, §4: a token that is unknown, expired, revoked or not for the caller is exactly {"active":false}', async (t, name) => {
  const world = await worldOf(name)
  const token = await tokenFor(world)
  for (const unknown of ['aaa', 'aaa.bbb.ccc', token.slice(0, -1), `${token}a`, ' ', '\u0000', 'é'.repeat(100), 'a'.repeat(30_000)]) {
    isAnswered(t, await introspect(world, unknown), INACTIVE, `unknown: ${encodeURIComponent(unknown.slice(0, 20))}`)
  }

  const foreign = await tokenFor(world, 'reader', { resource: OTHER })
  isAnswered(t, await introspect(world, foreign, 'api'), INACTIVE, 'for another audience')
  isAnswered(t, await introspect(world, token, 'other'), INACTIVE, 'for another audience')
  isAnswered(t, await introspect(world, token, 'writer'), INACTIVE, 'of another client')

  const revoked = await tokenFor(world)
  await revoke(world, revoked)
  isAnswered(t, await introspect(world, revoked), INACTIVE, 'revoked')
  isAnswered(t, await introspect(world, revoked, 'reader'), INACTIVE, 'revoked, and asked for by its own client')

  t.equal(JSON.parse((await introspect(world, token)).body).active, true)
  world.time += LIFETIME + TOLERANCE
  isAnswered(t, await introspect(world, token), INACTIVE, 'expired')
  isAnswered(t, await introspect(world, token, 'reader'), INACTIVE, 'expired, and asked for by its own client')
})

test('RFC 7662 §4: a JWT that is not yet valid, has expired, or is of another key, type, issuer or audience is inactive', async (t) => {
  const world = await worldOf('JWT')
  const { time } = world
  const stranger = await worldOf('JWT')
  t.equal(JSON.parse((await introspect(world, await sign(world, {}))).body).active, true, 'a genuine one')
  const BAD: Record<string, string> = {
    'nbf to come': await sign(world, { nbf: time + 60 }),
    'iat to come': await sign(world, { iat: time + 60 }),
    'exp over': await sign(world, { exp: time - TOLERANCE }),
    'exp now: the issuer needs no tolerance for its own clock': await sign(world, { exp: time }),
    'another key': await tokenFor(stranger),
    'another type': await sign(world, {}, 'JWT'),
    'another issuer': await sign(world, { iss: OTHER }),
    'another audience than any of ours': await sign(world, { aud: 'https://elsewhere.example' }),
    'no client': await sign(world, { client_id: undefined })
  }
  for (const [name, token] of Object.entries(BAD)) {
    for (const clientId of ['api', 'reader']) isAnswered(t, await introspect(world, token, clientId), INACTIVE, name)
  }
})

testBoth('RFC 7662 §4: a caller learns of its own tokens and of those for the audiences that it introspects', async (t, name) => {
  const world = await worldOf(name)
  const both: [string, string][] = [['resource', AUDIENCE], ['resource', OTHER]]
  const TOKENS: [name: string, token: string, known: string[]][] = [
    ['for the API', await tokenFor(world), ['reader', 'api', 'gateway']],
    ['for another API', await tokenFor(world, 'reader', { resource: OTHER }), ['reader', 'other', 'gateway']],
    ['for both', await tokenFor(world, 'reader', both), ['reader', 'api', 'other', 'gateway']],
    ['of another client', await tokenFor(world, 'writer'), ['writer', 'api', 'gateway']]
  ]
  for (const [what, token, known] of TOKENS) {
    for (const clientId of ['reader', 'writer', 'scopeless', 'api', 'other', 'gateway']) {
      const { active } = JSON.parse((await introspect(world, token, clientId)).body)
      t.equal(active, known.includes(clientId), `${name} ${what}: ${clientId}`)
    }
  }
})

testBoth('RFC 7662 §4: introspects that is no list is a failure of ours, and no part of it is a name', async (t, name) => {
  const world = await worldOf(name)
  isRefused(t, await introspect(world, await tokenFor(world), 'unlisted'), SERVER_ERROR)
})

test('Tokens of which nothing can be told have neither introspection nor revocation', async (t) => {
  const world = await worldOf('opaque')
  const { metadata, issue, verify, revoke } = world.tokens
  const bind = <F extends (...args: any[]) => any>(method: F) => method.bind(world.tokens) as F
  const app = await demoApp({ flow: demoBuilder().useAccessTokens({ metadata: metadata!, issue: bind(issue!), verify: bind(verify), revoke: bind(revoke!) }).build() })
  for (const url of ENDPOINTS) t.equal((await post(app, url, { token: 'aaa' })).statusCode, 404, url)
})

// RFC 9701

test('RFC 9701 §5: a signed answer is of its own type, for the caller, and verified by the JWKS', async (t) => {
  const world = await worldOf('JWT')
  const token = await tokenFor(world)
  const TOLD: [string, string, string][] = [['an active token', token, 'api'], ['to another caller', token, 'gateway'], ['to its own client', token, 'reader'],
    ['an unknown token', 'aaa', 'api'], ['a token that the caller may not know', token, 'other']]
  const jwks = createLocalJWKSet((await world.app.inject('/.well-known/jwks.json')).json())
  for (const [name, token, clientId] of TOLD) {
    const answer = await introspectSigned(world, token, clientId)
    t.strictSame({ ...saying(answer), body: '' }, { statusCode: 200, challenge: undefined, type: INTROSPECTION_JWT_MEDIA_TYPE, cacheControl: 'no-store', pragma: 'no-cache', body: '' }, name)
    const { payload, protectedHeader } = await jwtVerify(answer.body, jwks, { typ: 'token-introspection+jwt', issuer: ISSUER, audience: clientId })
    t.strictSame(protectedHeader, { alg: 'ES256', typ: 'token-introspection+jwt', kid: (await world.keys.current()).kid })
    t.strictSame(Object.keys(payload).sort(), ['aud', 'iat', 'iss', 'token_introspection'], 'no exp and no sub (§5)')
    t.equal(payload.aud, clientId)
    t.ok(Math.abs(payload.iat! - now()) <= 2)
    t.strictSame(payload.token_introspection, JSON.parse((await introspect(world, token, clientId)).body), name)
  }
})

const ACCEPTS: [accept: string, signed: boolean][] = [
  ['application/token-introspection+jwt', true],
  ['Application/Token-Introspection+JWT', true],
  ['application/json, application/token-introspection+jwt', true],
  ['application/token-introspection+jwt;q=0.5, application/json;q=0.1', true],
  ['application/json;q=0.9 , application/token-introspection+jwt ; q=1.0', true],
  ['application/token-introspection+jwt;q=0.001', true],
  ['application/token-introspection+jwt;q=0', false],
  ['application/json, application/token-introspection+jwt; q=0.000', false],
  ['application/token-introspection+jwt-not', false],
  ['x-application/token-introspection+jwt', false],
  ['application/json', false],
  ['application/jwt', false],
  ['application/*', false],
  ['*/*', false],
  ['', false]
]

test('RFC 9701 §4: an answer is signed only for who accepts that by name', async (t) => {
  const world = await worldOf('JWT')
  const token = await tokenFor(world)
  for (const [accept, signed] of ACCEPTS) {
    const { headers, body } = await introspectSigned(world, token, 'api', accept)
    t.equal(headers['content-type'], signed ? INTROSPECTION_JWT_MEDIA_TYPE : UNCACHED_JSON.type, accept)
    t.equal(body.startsWith('{'), !signed, accept)
  }
})

test('RFC 9701 §5: opaque tokens have no keys, so their answers are not signed', async (t) => {
  const world = await worldOf('opaque')
  const answer = await introspectSigned(world, await tokenFor(world))
  t.equal(answer.headers['content-type'], UNCACHED_JSON.type)
  t.equal(JSON.parse(answer.body).active, true)
})

test('RFC 9701 §8.1: a signed answer is no access token, and no token to introspect or revoke', async (t) => {
  const world = await worldOf('JWT')
  const token = await tokenFor(world)
  const { body } = await introspectSigned(world, token)
  t.equal(await use(world, body), 401)
  isAnswered(t, await introspect(world, body), INACTIVE)
  isAnswered(t, await revoke(world, body, 'api'), '{}')
  t.equal(await use(world, await sign(world, {}, 'token-introspection+jwt')), 401, 'not even with the claims of one')
  t.equal(await use(world, await sign(world, {})), 200, 'which are good under the right type')
})

test('RFC 9701 §5, RFC 7662 §2.3: an error is JSON, whatever is accepted', async (t) => {
  const world = await worldOf('JWT')
  isRefused(t, await post(world.app, INTROSPECT, {}, as('api', { accept: INTROSPECTION_JWT_MEDIA_TYPE })), NO_TOKEN)
  isRefused(t, await introspectSigned(world, 'aaa', 'nobody'), INVALID_CLIENT)
  Object.assign(world.keys, { current: () => { throw new Error('away') } })
  isRefused(t, await introspectSigned(world, 'aaa'), SERVER_ERROR)
})

// RFC 7009

testBoth('RFC 7009 §2, §2.1: a client revokes its own token, and guarded routes refuse it at once', async (t, name) => {
  const world = await worldOf(name)
  const [token, other] = [await tokenFor(world), await tokenFor(world)]
  t.equal(await use(world, token), 200, 'and remembered')
  isAnswered(t, await revoke(world, token), '{}')
  const refused = await world.app.inject({ url: '/data', headers: { authorization: `Bearer ${token}` } })
  t.equal(refused.statusCode, 401)
  t.match(refused.headers['www-authenticate'], 'error="invalid_token"')
  t.equal(await use(world, other), 200, 'another token of the client is untouched')
})

testBoth('RFC 7009 §2.2: an unknown token, an expired one, and one that was revoked, are no error', async (t, name) => {
  const world = await worldOf(name)
  const token = await tokenFor(world)
  for (const unknown of ['aaa', 'aaa.bbb.ccc', `${token}a`, 'é']) isAnswered(t, await revoke(world, unknown), '{}', unknown)
  t.equal(await use(world, token), 200)
  for (let i = 0; i < 3; i++) isAnswered(t, await revoke(world, token), '{}')
  isAnswered(t, await revoke(world, token, 'writer'), '{}', 'whoever asks')
  const late = await tokenFor(world)
  world.time += LIFETIME + TOLERANCE
  isAnswered(t, await revoke(world, late), '{}')
})

testBoth('RFC 7009 §2.1: the token of another client is refused and stays valid', async (t, name) => {
  const world = await worldOf(name)
  const token = await tokenFor(world)
  for (const clientId of ['writer', 'api', 'gateway']) isRefused(t, await revoke(world, token, clientId), FOREIGN, clientId)
  t.equal(await use(world, token), 200)
  t.equal(JSON.parse((await introspect(world, token)).body).active, true)
})

testBoth('RFC 7009 §2.1: requests that come together revoke once and are all told so', async (t, name) => {
  const world = await worldOf(name)
  const token = await tokenFor(world)
  const answers = await Promise.all(Array.from({ length: 10 }, () => revoke(world, token)))
  for (const answer of answers) isAnswered(t, answer, '{}')
  t.equal(await use(world, token), 401)
})

testBoth('RFC 7009 §2: another process on the same store refuses a revoked token', async (t, name) => {
  const world = await worldOf(name)
  const token = await tokenFor(world)
  await revoke(world, token)
  const tokens = KINDS[name]!(world, true)
  t.equal((await tokens.verify(token, { tokenType: 'Bearer', confirmation: undefined }))?.isValid, false)
})

test('RFC 7009 §2.2.1: where tokens cannot be revoked the endpoint is not there, and not in the metadata', async (t) => {
  const world = await worldOf('JWT', { revocable: false })
  t.equal((await revoke(world, await tokenFor(world))).statusCode, 404)
  const metadata = (await world.app.inject('/.well-known/oauth-authorization-server')).json()
  t.strictSame(Object.keys(metadata).filter((name) => name.startsWith('revocation')), [])
  t.equal(JSON.parse((await introspect(world, await tokenFor(world))).body).active, true, 'introspection is')
})

// Failures of ours

const FAILURES: [name: string, what: string, ask: (world: World, token: string) => Promise<Answer>][] = [
  ['opaque', 'introspection', (world, token) => introspect(world, token)],
  ['opaque', 'revocation', (world, token) => revoke(world, token)],
  ['JWT', 'revocation', (world, token) => revoke(world, token)]
]

test('A store that is away is a server_error, its cause in the log only, and neither token nor secret there', async (t) => {
  for (const [name, what, ask] of FAILURES) {
    const lines: string[] = []
    const world = await worldOf(name, { server: { logger: { level: 'trace', stream: { write: (line) => { lines.push(line) } } } } })
    const token = await tokenFor(world)
    world.store.isAway = true
    isRefused(t, await ask(world, token), SERVER_ERROR, `${name} ${what}`)
    const errors = lines.map((line) => JSON.parse(line)).filter(({ level }) => level >= 50)
    t.equal(errors.length, 1)
    t.match(JSON.stringify(errors), /the store is away/, `${name} ${what}`)

    await post(world.app, `${INTROSPECT}?token=${token}`, {})
    await post(world.app, `${REVOKE}?token=${token}&client_secret=${encodeURIComponent(SECRET)}`, { token }, as('writer'))
    world.store.isAway = false
    await revoke(world, token, 'writer')
    t.ok(lines.some((line) => line.includes('[redacted]')))
    t.ok(lines.some((line) => line.includes('invalid_request')))
    for (const secret of [token, encodeURIComponent(token), SECRET, encodeURIComponent(SECRET), basic('api').slice(6), basic('reader').slice(6)]) {
      t.notOk(lines.some((line) => line.includes(secret)), `${name} ${what}: the log is clean`)
    }
    t.equal(await use(world, token), 200, 'and what was not revoked is valid')
  }
})

test('RFC 7662 §4: introspection of JWTs goes on while the store of revocations is away', async (t) => {
  const world = await worldOf('JWT')
  const token = await tokenFor(world)
  t.equal(JSON.parse((await introspect(world, token)).body).active, true)
  world.store.isAway = true
  t.equal(JSON.parse((await introspect(world, token)).body).active, true)
})

testBoth('A getClient that throws is a server_error at both endpoints', async (t, name) => {
  const { app } = await worldOf(name, { adapt: (builder) => builder.getClient(() => { throw new Error('away') }) })
  for (const url of ENDPOINTS) isRefused(t, await post(app, url, { token: 'aaa' }), SERVER_ERROR)
})

test('RFC 7009 §2.1: a token whose key another process has just made is revoked', async (t) => {
  const elapse = stopwatch(t)
  const store = memoryStore(now)
  const [here, there] = [startProcess(store, 'jwt', now), startProcess(store, 'jwt', now)]
  const { secret } = await here.clients.add({ id: 'reader', scopes: [READ] })
  const old = await issue(here, 'reader', secret!.secret, undefined, undefined)
  const [leaked] = await there.keys.list()
  await there.keys.revoke(leaked!.kid)
  const { token } = await issue(there, 'reader', secret!.secret, undefined, undefined)
  t.equal(await revokeAt(here, 'reader', secret!.secret, token), undefined, 'it does not know the key yet')
  t.equal(await revokeAt(here, 'reader', secret!.secret, old.token), undefined)
  elapse(1000)
  for (const process of [here, there]) t.equal(await present(process, token), undefined)
})
