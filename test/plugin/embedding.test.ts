// The plugin inside of what users build: their options, hooks, handlers and scopes of Fastify, HTTP/2, and a proxy in front.
import { exec } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:http2'
import type { OutgoingHttpHeaders } from 'node:http2'
import { request as sendHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import swagger from '@fastify/swagger'
import Fastify, { LogController } from 'fastify'
import type { FastifyError, FastifyInstance, FastifyServerOptions } from 'fastify'
import { decodeJwt } from 'jose'
import * as oauth from 'oauth4webapi'
import { test } from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, { BearerTokenType, CertificateBoundTokenType, credentialsOf, DPoPTokenType, JwtAccessTokens, MemoryStore, SigningKeys } from '../../plugin/index.ts'
import type { ClientCredentialsFlow } from '../../plugin/index.ts'
import { makeCertificate } from '../support/certificates.ts'
import { basic, demoBuilder, FORM, SECRET, tokenOf, TOKEN_PATH } from '../support/demo.ts'
import { startNginx } from '../support/nginx.ts'
import { freePort } from '../support/program.ts'
import { proofFor } from '../support/proof.ts'
import { MemoryReplays } from '../support/replays.ts'

const READ = 'data:read'
const CHALLENGE = 'Bearer realm="demo", scope="data:read"'
const ISSUER = 'https://as.example'
const reader = { authorization: `Bearer ${tokenOf('reader', [READ])}` }
const caller = async (request: Parameters<typeof credentialsOf>[0]) => ({ caller: credentialsOf(request).app.id })
const tokenRequest = (secret?: string, url = TOKEN_PATH) => ({
  method: 'POST', url, headers: { authorization: basic('reader', secret), 'content-type': FORM }, payload: 'grant_type=client_credentials'
}) as const

async function register (app: FastifyInstance): Promise<void> {
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
  app.route({ method: ['GET', 'POST'], url: '/data', preHandler: app.requireScopes(READ), handler: caller })
}

/** What answers as it does in an application that has set nothing. */
async function checkAnswers (t: Test, app: FastifyInstance, name: string): Promise<void> {
  const issued = await app.inject(tokenRequest())
  t.equal(issued.statusCode, 200, name)
  t.strictSame(issued.json(), { access_token: tokenOf('reader', [READ]), token_type: 'Bearer', expires_in: 3600, scope: READ }, name)
  t.match(issued.headers, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' }, name)
  const refused = await app.inject(tokenRequest('wrong'))
  t.equal(refused.statusCode, 401, name)
  t.strictSame(refused.json(), { error: 'invalid_client', error_description: 'Client authentication failed' }, name)
  t.equal((await app.inject({ ...tokenRequest(), payload: 'grant_type=password' })).json().error, 'unsupported_grant_type', name)
  t.equal((await app.inject({ ...tokenRequest(), payload: '' })).json().error, 'invalid_request', name)
  t.equal((await app.inject(TOKEN_PATH)).statusCode, 405, name)
  for (const method of ['GET', 'POST'] as const) {
    const answer = await app.inject({ method, url: '/data' })
    t.equal(answer.statusCode, 401, name)
    t.equal(answer.headers['www-authenticate'], CHALLENGE, name)
    t.equal((await app.inject({ method, url: '/data', headers: reader })).statusCode, 200, name)
  }
}

const SERVER_OPTIONS: Record<string, FastifyServerOptions & Record<string, unknown>> = {
  'bodyLimit: 10': { bodyLimit: 10 },
  'logger: false': { logger: false },
  'no logging of requests, and ids of a header': { logController: new LogController({ disableRequestLogging: true }), requestIdHeader: 'x-request-id', logger: { level: 'silent' } },
  'no HEAD routes': { exposeHeadRoutes: false },
  'a lenient router': { routerOptions: { caseSensitive: false, ignoreTrailingSlash: true, ignoreDuplicateSlashes: true } },
  'ajv that coerces, removes and fills in': { ajv: { customOptions: { coerceTypes: 'array', removeAdditional: 'all', useDefaults: true, allErrors: true } } },
  'errors of prototype poisoning': { onProtoPoisoning: 'error', onConstructorPoisoning: 'error' },
  'time limits': { requestTimeout: 1000, connectionTimeout: 1000, pluginTimeout: 500, handlerTimeout: 1000 },
  trustProxy: { trustProxy: true },
  'a query parser': { routerOptions: { querystringParser: () => ({ access_token: 'x' }) } }
}

for (const [name, options] of Object.entries(SERVER_OPTIONS)) {
  test(`Fastify with ${name}`, async (t) => {
    const app = Fastify(options)
    await register(app)
    await checkAnswers(t, app, name)
  })
}

test('A router that is lenient with paths is so with ours, and every spelling is guarded', async (t) => {
  const app = Fastify({ routerOptions: { caseSensitive: false, ignoreTrailingSlash: true } })
  await register(app)
  for (const url of ['/OAuth2/Token', `${TOKEN_PATH}/`]) t.equal((await app.inject(tokenRequest(undefined, url))).statusCode, 200, url)
  for (const url of ['/DATA', '/data/', '/Data?page=1']) {
    t.equal((await app.inject({ url, headers: {} })).statusCode, 401, url)
    t.equal((await app.inject({ url, headers: reader })).statusCode, 200, url)
  }
})

const envelope = async (_request: unknown, _reply: unknown, payload: unknown) => ({ envelope: payload })
const teapot = () => { throw new Error('never') }
const HABITS: Record<string, (app: FastifyInstance) => void> = {
  'handlers of its own for errors and for what is not there': (app) => {
    app.setErrorHandler((error: FastifyError, _request, reply) => reply.code(error.statusCode ?? 500).send({ oops: true }))
    app.setNotFoundHandler(async (_request, reply) => reply.code(404).send({ oops: true }))
  },
  'a reply serializer': (app) => { app.setReplySerializer((payload) => JSON.stringify({ envelope: payload })) },
  'an envelope in preSerialization': (app) => { app.addHook('preSerialization', envelope) },
  'compilers that refuse every schema': (app) => { app.setValidatorCompiler(teapot).setSerializerCompiler(teapot).setSchemaErrorFormatter(teapot) },
  'a parser of its own for every type': (app) => {
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', async () => 'not a form')
  },
  'hooks of every kind': (app) => {
    app.addHook('preParsing', async (_request, _reply, payload) => payload)
    app.addHook('preValidation', async () => {})
    app.addHook('preHandler', async (_request, reply) => { reply.header('x-hook', 'yes') })
    app.addHook('onSend', async (_request, _reply, payload) => payload)
    app.addHook('onResponse', async () => {})
    app.addHook('onError', async () => {})
    app.addHook('onTimeout', async () => {})
  }
}

for (const [name, set] of Object.entries(HABITS)) {
  for (const order of ['before', 'after'] as const) {
    test(`An application that sets ${name}, ${order} the plugin`, async (t) => {
      const app = Fastify()
      if (order === 'before') set(app)
      await register(app)
      if (order === 'after') set(app)
      await checkAnswers(t, app, name)
    })
  }
}

test('An onSend hook that changes payloads changes ours too, and nothing fails', async (t) => {
  const app = Fastify()
  app.addHook('onSend', async (_request, reply, payload) => {
    reply.removeHeader('content-length')
    return `)]}'${payload}`
  })
  await register(app)
  const issued = await app.inject(tokenRequest())
  t.equal(issued.statusCode, 200)
  t.match(issued.body, /^\)\]\}'\{"access_token"/)
})

test("The user's not-found handler answers what is not there, guarded or not", async (t) => {
  const app = Fastify()
  await register(app)
  app.setNotFoundHandler({ preHandler: app.requireScopes(READ) }, async (request, reply) => reply.code(404).send({ nowhere: request.credentials?.app.id }))
  const refused = await app.inject('/nowhere')
  t.equal(refused.statusCode, 401)
  t.equal(refused.headers['www-authenticate'], CHALLENGE)
  const answer = await app.inject({ url: '/nowhere', headers: reader })
  t.strictSame([answer.statusCode, answer.json()], [404, { nowhere: 'reader' }])
})

// HTTP/2

type Fields = OutgoingHttpHeaders & { ':path': string }
interface Answer { status: number, headers: Record<string, unknown>, json: Record<string, unknown> }

/** Sends requests over one connection of HTTP/2. */
function sessionTo (t: Test, url: string, options: object = {}) {
  const session = connect(url, options)
  t.teardown(() => { session.close() })
  return async (fields: Fields, body?: string): Promise<Answer> => {
    const stream = session.request(fields, { endStream: body === undefined })
    if (body !== undefined) stream.end(body)
    const [[headers], answer] = await Promise.all([once(stream, 'response'), text(stream)])
    return { status: headers[':status'], headers, json: answer === '' ? {} : JSON.parse(answer) }
  }
}

const asking = (more: Record<string, string> = {}) => ({ ':method': 'POST', ':path': TOKEN_PATH, authorization: basic('reader'), 'content-type': FORM, ...more })
const BODY = 'grant_type=client_credentials'

function boundFlow (): ClientCredentialsFlow {
  return demoBuilder()
    .setTokenType(new BearerTokenType(), new DPoPTokenType({ replays: new MemoryReplays() }))
    .useAccessTokens(new JwtAccessTokens({ issuer: ISSUER, audience: ISSUER, keys: new SigningKeys(new MemoryStore()) }))
    .build()
}

test('HTTP/2 without TLS: token requests, guarded routes and DPoP, of which a proof names the origin that is configured', async (t) => {
  const app = Fastify({ http2: true })
  t.teardown(() => app.close())
  await app.register(clientCredentialsPlugin, { flow: boundFlow() })
  app.get('/data', { preHandler: app.requireScopes(READ) }, caller)
  app.post('/data', { preHandler: app.requireScopes(READ) }, caller)
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const send = sessionTo(t, url)

  const issued = await send(asking(), BODY)
  t.match(issued, { status: 200, headers: { 'cache-control': 'no-store' }, json: { token_type: 'Bearer', scope: READ } })
  t.match(await send(asking({ authorization: basic('reader', 'wrong') }), BODY), { status: 401, headers: { 'www-authenticate': /^Basic / }, json: { error: 'invalid_client' } })
  t.match(await send({ ':path': TOKEN_PATH }), { status: 405, headers: { allow: 'POST' } })
  const authorization = `Bearer ${issued.json.access_token}`
  t.match(await send({ ':path': '/data', authorization }), { status: 200, json: { caller: 'reader' } })
  t.match(await send({ ':path': '/data', ':method': 'HEAD' }), { status: 401, headers: { 'www-authenticate': /^Bearer realm="demo"/ } })
  t.match(await send({ ':path': '/data', ':method': 'POST', 'content-type': 'application/json' }, '{'), { status: 401, json: { error: 'unauthorized' } })
  t.match(await send({ ':path': '/data?access_token=x', authorization }), { status: 400, json: { error: 'invalid_request' } })

  const bound = await send(asking({ dpop: await proofFor('POST', `${ISSUER}${TOKEN_PATH}`) }), BODY)
  const token = String(bound.json.access_token)
  t.match(bound, { status: 200, json: { token_type: 'DPoP' } })
  const use = async (htu: string, token: string, more: object = {}) => send({ ':path': '/data', authorization: `DPoP ${token}`, dpop: await proofFor('GET', htu, { token }), ...more })
  t.match(await use(`${ISSUER}/data`, token), { status: 200, json: { caller: 'reader' } })
  t.match(await use(`${url}/data`, token), { status: 401, json: { error: 'invalid_dpop_proof' } }, 'not what :authority says')
  t.match(await use(`${ISSUER}/data`, token, { ':authority': 'as.example', ':scheme': 'https' }), { status: 200 })
  t.match(await use(`${ISSUER}/data`, token, { dpop: [await proofFor('GET', `${ISSUER}/data`, { token }), 'x'] }), { status: 401 }, 'two proofs')
  t.match(await send({ ':path': '/data', authorization: `Bearer ${token}` }), { status: 401, json: { error: 'invalid_token' } })

  // Node.js does not send two, curl does.
  const { stdout } = await promisify(exec)(`curl -s --http2-prior-knowledge -H '${`Authorization: ${authorization}`}' -H 'authorization: Bearer x' ${url}/data`)
  t.strictSame(JSON.parse(stdout), { error: 'invalid_request', error_description: 'The Authorization header is malformed' })
})

test('HTTP/2 with TLS and allowHTTP1: both versions on one port, each with the certificate of its connection', async (t) => {
  const authority = makeCertificate({ subject: '/CN=Authority' })
  const server = makeCertificate({ subject: '/CN=localhost', subjectAltName: 'DNS:localhost' })
  const client = makeCertificate({ subject: '/CN=reader', by: authority })
  const flow = demoBuilder()
    .setTokenType(new CertificateBoundTokenType())
    .useAccessTokens(new JwtAccessTokens({ issuer: ISSUER, audience: ISSUER, keys: new SigningKeys(new MemoryStore()) }))
    .build()
  const app = Fastify({ http2: true, https: { ...server, ca: authority.cert, allowHTTP1: true, requestCert: true, rejectUnauthorized: false } })
  t.teardown(() => app.close())
  await app.register(clientCredentialsPlugin, { flow })
  app.get('/data', { preHandler: app.requireScopes(READ) }, caller)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo

  const certified = { ca: server.cert, servername: 'localhost', ...client }
  const sendOld = async (fields: Fields, body?: string, tls: object = certified): Promise<Answer> => {
    const { ':path': path, ':method': method = 'GET', ...headers } = fields
    const [response] = await once(sendHttps({ host: '127.0.0.1', port, path, method: String(method), headers, agent: false, ...tls }).end(body), 'response')
    return { status: response.statusCode, headers: response.headers, json: JSON.parse(await text(response)) }
  }
  const sendNew = sessionTo(t, `https://127.0.0.1:${port}`, certified)
  const sendPlain = sessionTo(t, `https://127.0.0.1:${port}`, { ca: server.cert, servername: 'localhost' })

  for (const [name, send] of [['HTTP/1.1', sendOld], ['HTTP/2', sendNew]] as const) {
    const issued = await send(asking(), BODY)
    t.equal(issued.status, 200, name)
    t.type((decodeJwt(String(issued.json.access_token)).cnf as Record<string, unknown>)['x5t#S256'], 'string', name)
    const use: Fields = { ':path': '/data', authorization: `Bearer ${issued.json.access_token}` }
    for (const other of [sendOld, sendNew]) t.match(await other(use), { status: 200, json: { caller: 'reader' } }, name)
    t.match(await sendPlain(use), { status: 401, json: { error: 'invalid_token' } }, `${name}: without the certificate`)
    t.match(await sendOld(use, undefined, { ca: server.cert, servername: 'localhost' }), { status: 401 }, name)
  }
})

// Behind nginx, which takes a prefix away

test('Behind nginx that takes a prefix away, every URL that is told is one that clients reach', async (t) => {
  const upstream = await freePort()
  const port = await startNginx(t, {
    server: `
      location /auth/ { proxy_pass http://127.0.0.1:${upstream}/; }
      location /.well-known/ { proxy_pass http://127.0.0.1:${upstream}; }`
  })
  const origin = `http://127.0.0.1:${port}/auth`
  const flow = demoBuilder()
    .setTokenType(new BearerTokenType(), new DPoPTokenType({ replays: new MemoryReplays() }))
    .useAccessTokens(new JwtAccessTokens({ issuer: origin, audience: origin, keys: new SigningKeys(new MemoryStore()), revocations: new MemoryStore() }))
    .build()
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'Demo', version: '1' }, servers: [{ url: '/auth' }] } })
  await app.register(clientCredentialsPlugin, { flow, origin })
  app.get('/data', { preHandler: app.requireScopes(READ) }, caller)
  app.get('/openapi.json', async () => app.swagger())
  await app.listen({ port: upstream, host: '127.0.0.1' })

  // From a refusal to the token, as a client finds its way.
  const refused = await fetch(`${origin}/data`)
  t.equal(refused.status, 401)
  const [, resourceMetadata = ''] = /resource_metadata="([^"]+)"/.exec(refused.headers.get('www-authenticate') ?? '') ?? []
  const resource = await (await fetch(resourceMetadata)).json() as Record<string, string[]>
  t.match(resource, { resource: origin, authorization_servers: [origin] })
  const insecure = { [oauth.allowInsecureRequests]: true }
  const issuer = new URL(String(resource.authorization_servers?.[0]))
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' }))
  t.match(as, {
    token_endpoint: `${origin}${TOKEN_PATH}`,
    introspection_endpoint: `${origin}/oauth2/introspect`,
    revocation_endpoint: `${origin}/oauth2/revoke`,
    jwks_uri: `${origin}/.well-known/jwks.json`
  })
  t.equal((await (await fetch(String(as.jwks_uri))).json() as { keys: unknown[] }).keys.length, 1)

  const client = { client_id: 'reader' }
  const authenticate = oauth.ClientSecretBasic(SECRET)
  for (const DPoP of [undefined, oauth.DPoP({}, await oauth.generateKeyPair('ES256'))]) {
    const options = { ...insecure, ...(DPoP && { DPoP }) }
    const { access_token: token } = await oauth.processClientCredentialsResponse(as, client, await oauth.clientCredentialsGrantRequest(as, client, authenticate, {}, options))
    const answer = await oauth.protectedResourceRequest(token, 'GET', new URL(`${origin}/data`), undefined, undefined, options)
    t.strictSame(await answer.json(), { caller: 'reader' }, DPoP ? 'DPoP' : 'Bearer')
    const introspected = await oauth.introspectionRequest(as, client, authenticate, token, insecure)
    t.equal((await introspected.json() as { active: boolean }).active, true)
    t.equal((await oauth.revocationRequest(as, client, authenticate, token, insecure)).status, 200)
  }

  const documentUrl = `${origin}/openapi.json`
  const document = await (await fetch(documentUrl)).json() as { servers: { url: string }[], components: { securitySchemes: Record<string, any> }, paths: object }
  const server = new URL(document.servers[0]!.url, documentUrl)
  t.equal(new URL(document.components.securitySchemes.demo.flows.clientCredentials.tokenUrl, server).href, as.token_endpoint, 'what Authorize asks')
  t.strictSame(Object.keys(document.paths).filter((path) => path.startsWith('/oauth2')).map((path) => `${server.href}${path}`), [as.token_endpoint, as.introspection_endpoint, as.revocation_endpoint])

  const spoofed = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', 'x-forwarded-prefix': '/evil', forwarded: 'host=evil.example;proto=https', 'x-original-url': '/evil' }
  t.equal((await fetch(`${origin}/data`, { headers: spoofed })).headers.get('www-authenticate'), refused.headers.get('www-authenticate'))
  t.strictSame(await (await fetch(resourceMetadata, { headers: spoofed })).json(), resource)
  for (const htu of [`https://evil.example${TOKEN_PATH}`, `http://127.0.0.1:${upstream}${TOKEN_PATH}`, `http://127.0.0.1:${port}${TOKEN_PATH}`]) {
    const answer = await fetch(`${origin}${TOKEN_PATH}`, { method: 'POST', body: BODY, headers: { ...spoofed, authorization: basic('reader'), 'content-type': FORM, dpop: await proofFor('POST', htu) } })
    t.match(await answer.json(), { error: 'invalid_dpop_proof' }, htu)
  }
})

// Scopes of one application

test('A plugin in a scope with a prefix leaves the scopes beside it alone', async (t) => {
  const app = Fastify()
  await app.register(async (api) => {
    await api.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
    api.get('/data', { preHandler: api.requireScopes(READ) }, caller)
    await api.register(async (admin) => {
      admin.addHook('onRequest', admin.requireScopes('data:write'))
      admin.get('/', caller)
      admin.get('/both', { preHandler: admin.requireScopes(READ) }, caller)
    }, { prefix: '/admin' })
  }, { prefix: '/api' })
  await app.register(async (site) => {
    site.setErrorHandler((_error, _request, reply) => reply.code(500).send('site'))
    site.get('/', async (request) => ({ hasCredentials: 'credentials' in request, hasGuards: site.hasDecorator('requireScopes') }))
    site.get('/fails', () => { throw new Error('fails') })
  }, { prefix: '/site' })

  const writer = { authorization: `Bearer ${tokenOf('writer', ['data:write'])}` }
  const both = { authorization: `Bearer ${tokenOf('writer', [READ, 'data:write'])}` }
  const CASES: [string, Record<string, string>, number][] = [
    ['/api/data', {}, 401], ['/api/data', reader, 200], ['/api/admin', {}, 401], ['/api/admin', reader, 403], ['/api/admin', writer, 200],
    ['/api/admin/both', writer, 403], ['/api/admin/both', both, 200], ['/site', reader, 200], ['/site/nowhere', {}, 404], ['/site/fails', {}, 500]
  ]
  for (const [url, headers, status] of CASES) t.equal((await app.inject({ url, headers })).statusCode, status, url)
  t.strictSame((await app.inject('/site')).json(), { hasCredentials: false, hasGuards: false })
  t.equal((await app.inject('/site/fails')).body, 'site')
  t.equal((await app.inject(tokenRequest(undefined, `/api${TOKEN_PATH}`))).statusCode, 200)
})

for (const hook of ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const) {
  test(`A guard in ${hook} of the whole application leaves the endpoints open by which clients come to a token`, async (t) => {
    for (const prefix of ['', '/api']) {
      const app = Fastify()
      const tokens = new JwtAccessTokens({ issuer: ISSUER, audience: ISSUER, keys: new SigningKeys(new MemoryStore()), revocations: new MemoryStore() })
      await app.register(async (scope) => {
        await scope.register(clientCredentialsPlugin, { flow: demoBuilder().useAccessTokens(tokens).build() })
        scope.addHook(hook as 'onRequest', scope.requireScopes('data:write'))
        scope.addHook(hook as 'onRequest', scope.requireScopes(READ))
        scope.get('/data', caller)
      }, prefix === '' ? {} : { prefix })

      t.equal((await app.inject(`${prefix}/data`)).statusCode, 401)
      for (const [url, status] of [['/.well-known/oauth-authorization-server', 200], ['/.well-known/oauth-protected-resource', 200], [`${prefix}/.well-known/jwks.json`, 200], [`${prefix}${TOKEN_PATH}`, 405]] as const) {
        t.equal((await app.inject(url)).statusCode, status, url)
        t.equal((await app.inject({ method: 'HEAD', url })).statusCode, status, `HEAD ${url}`)
      }
      const issued = await app.inject(tokenRequest(undefined, `${prefix}${TOKEN_PATH}`))
      t.equal(issued.statusCode, 200)
      const { access_token: token } = issued.json()
      t.equal((await app.inject({ url: `${prefix}/data`, headers: { authorization: `Bearer ${token}` } })).statusCode, 403, 'it lacks a scope')
      for (const name of ['introspect', 'revoke']) {
        const answer = await app.inject({ ...tokenRequest(undefined, `${prefix}/oauth2/${name}`), payload: `token=${token}` })
        t.equal(answer.statusCode, 200, name)
      }
      const asked = await app.inject({ ...tokenRequest(undefined, `${prefix}${TOKEN_PATH}`), headers: { authorization: `Bearer ${token}`, 'content-type': FORM } })
      t.strictSame([asked.statusCode, asked.json().error], [401, 'invalid_client'], 'who the client is, the endpoint says')
    }
  })
}

test('A hook of the application that refuses is asked at the token endpoint too, whenever it was added', async (t) => {
  for (const order of ['before', 'after']) {
    const app = Fastify()
    const addHook = () => { app.addHook('onRequest', async () => { throw Object.assign(new Error('No session'), { statusCode: 403 }) }) }
    if (order === 'before') addHook()
    await register(app)
    if (order === 'after') addHook()
    const answer = await app.inject(tokenRequest())
    t.strictSame([answer.statusCode, answer.json().error], [403, 'invalid_request'], order)
  }
})

interface Told { issuer: string, audience: string }
const SHARED: [name: string, tokens: string, status: number, options: (name: string) => Told][] = [
  ['one issuer, an audience each', 'refuses', 401, (name) => ({ issuer: ISSUER, audience: `${ISSUER}/${name}` })],
  ['an issuer each, one audience', 'refuses', 401, (name) => ({ issuer: `${ISSUER}/${name}`, audience: ISSUER })],
  ['one issuer, one audience', 'takes', 200, () => ({ issuer: ISSUER, audience: ISSUER })]
]

for (const [shared, verb, status, optionsOf] of SHARED) {
  test(`Two flows with one store, ${shared}: each ${verb} the tokens of the other, and one document describes both`, async (t) => {
    const store = new MemoryStore()
    const app = Fastify()
    await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'Demo', version: '1' } } })
    for (const name of ['blue', 'green']) {
      const flow = demoBuilder().setSecuritySchemeName(name)
        .useAccessTokens(new JwtAccessTokens({ ...optionsOf(name), keys: new SigningKeys(store), revocations: store })).build()
      await app.register(async (scope) => {
        await scope.register(clientCredentialsPlugin, { flow })
        scope.get('/data', { preHandler: scope.requireScopes(READ) }, caller)
      }, { prefix: `/${name}` })
    }

    await app.ready()
    const document = app.swagger() as Record<string, any>
    const schemes = document.components.securitySchemes
    t.strictSame(Object.keys(schemes), ['blue', 'green'])
    for (const [mine, other] of [['blue', 'green'], ['green', 'blue']] as const) {
      const { tokenUrl } = schemes[mine].flows.clientCredentials
      t.equal(tokenUrl, `/${mine}${TOKEN_PATH}`)
      t.strictSame(document.paths[`/${mine}/data`].get.security, [{ [mine]: [READ] }])
      const headers = { authorization: `Bearer ${(await app.inject(tokenRequest(undefined, tokenUrl))).json().access_token}` }
      t.equal((await app.inject({ url: `/${mine}/data`, headers })).statusCode, 200)
      const answer = await app.inject({ url: `/${other}/data`, headers })
      t.equal(answer.statusCode, status)
      if (status === 401) t.match(answer.headers['www-authenticate'], new RegExp(`realm="${other}", scope="data:read", error="invalid_token"`))
    }
    const issuers = new Set(['blue', 'green'].map((name) => optionsOf(name).issuer))
    for (const issuer of issuers) {
      const { token_endpoint: tokenEndpoint } = (await app.inject(`/.well-known/oauth-authorization-server${new URL(issuer).pathname.replace(/\/$/, '')}`)).json()
      t.equal(tokenEndpoint, `${ISSUER}/${issuer.endsWith('green') ? 'green' : 'blue'}${TOKEN_PATH}`, 'one issuer has one document, that of the flow which came first')
    }
  })
}
