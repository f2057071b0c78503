// The client library against our own server on real sockets: every credential, Bearer and DPoP, by fetch, undici and Fastify.
import { generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify from 'fastify'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import promClient from 'prom-client'
import t from 'tap'
import type { Test } from 'tap'
import { Agent, interceptors, request as undiciRequest } from 'undici'
import oauthClientPlugin from '../../plugin/client/index.ts'
import clientCredentialsPlugin, {
  BearerTokenType, CertificateBoundTokenType, ClientCredentialsFlowBuilder, DPoPTokenType, JwtAccessTokens, MemoryStore, privateKeyJwt,
  SigningKeys, workloadIdentities
} from '../../plugin/index.ts'
import type { OAuth2Client, TokenType } from '../../plugin/index.ts'
import {
  fileToken, githubActionsToken, gitlabToken, kubernetesToken, oauthClient, oauthClientMetrics, oauthClientSpans, oauthInterceptor
} from '../../src/client/index.ts'
import type { OAuthClientOptions } from '../../src/client/index.ts'
import { makeCertificate } from '../support/certificates.ts'
import { json, PlainServer } from '../support/token-server.ts'

const SECRET = 'a secret: with %, + and ü'
const KEYS = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: generateKeyPairSync('ed25519'),
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 })
}
const WORKLOAD = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const platform: PlainServer = await PlainServer.start(({ path }, response) => {
  json(response, path === '/jwks' ? jwksOf(WORKLOAD.publicKey) : { issuer: platform.origin, jwks_uri: `${platform.origin}/jwks` })
})
t.teardown(() => platform.close())
const PLATFORM = platform.origin
const certificate = makeCertificate({ subject: '/CN=partner' })
const x509 = new X509Certificate(certificate.cert)
const jwksOf = (...keys: KeyObject[]) => ({ keys: keys.map((key, index) => ({ ...key.export({ format: 'jwk' }), kid: String(index) })) })
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const seconds = () => Math.floor(Date.now() / 1000)

/** What a platform issues to a workload. */
function workloadToken (audience: string): string {
  const input = `${encode({ alg: 'ES256', kid: '0' })}.${encode({ iss: PLATFORM, sub: 'orders', aud: audience, iat: seconds(), exp: seconds() + 600, jti: randomBytes(8).toString('hex') })}`
  return `${input}.${sign('sha256', Buffer.from(input), { key: WORKLOAD.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

interface Running {
  origin: string
  app: FastifyInstance
  requests: Array<{ url: string, headers: Record<string, unknown> }>
}

/** A server with all ways to authenticate, whose clients are those of this file. */
async function serve (t: Test, tokenType: TokenType, server: object = {}, scheme = 'http'): Promise<Running> {
  // The issuer has the port, which has to be known first.
  const app = Fastify(server as FastifyServerOptions) as FastifyInstance
  const requests: Running['requests'] = []
  app.addHook('onRequest', async (request) => { requests.push({ url: request.url, headers: request.headers }) })
  const probe = await PlainServer.start()
  const port = new URL(probe.origin).port
  probe.close()
  const origin = `${scheme}://localhost:${port}`
  const replays = new MemoryStore()
  const known: Readonly<Record<string, OAuth2Client>> = {
    billing: { id: 'billing', grants: ['client_credentials'], scopes: ['data:read'] },
    signer: { id: 'signer', grants: ['client_credentials'], scopes: ['data:read'], metadata: { token_endpoint_auth_method: 'private_key_jwt', jwks: jwksOf(...Object.values(KEYS).map(({ publicKey }) => publicKey)) } },
    partner: {
      id: 'partner',
      grants: ['client_credentials'],
      scopes: ['data:read'],
      metadata: { token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks: { keys: [{ ...x509.publicKey.export({ format: 'jwk' }), x5c: [x509.raw.toString('base64')] }] } }
    },
    orders: { id: 'orders', grants: ['client_credentials'], scopes: ['data:read'] }
  }
  const findClient = (id: string) => known[id]
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/token' })
    .setScopes({ 'data:read': 'Read data' })
    .setRejectionDelay(0)
    .addClientAuthenticationMethod('client_secret_basic').addClientAuthenticationMethod('client_secret_post')
    .addClientAuthenticationMethod(privateKeyJwt({ issuer: origin, clients: { findClient }, replays }))
    .addClientAuthenticationMethod('self_signed_tls_client_auth')
    .addClientAuthenticationMethod(workloadIdentities([{ issuer: PLATFORM, audience: origin, client: ({ sub }) => String(sub) }]))
    .useClients({ findClient, getClient: ({ clientId, clientSecret }) => clientSecret === undefined || (clientId === 'billing' && clientSecret === SECRET) ? known[clientId] : undefined })
    .setTokenType(tokenType)
    .useAccessTokens(new JwtAccessTokens({ issuer: origin, audience: origin, keys: new SigningKeys(new MemoryStore()) }))
    .build()
  await app.register(clientCredentialsPlugin, { flow })
  app.all('/data', { preHandler: app.requireScopes('data:read') }, async (request) => ({ caller: request.credentials?.app?.id, body: request.body ?? null }))
  await app.listen({ port: Number(port), host: 'localhost' })
  t.teardown(() => app.close())
  return { origin, app, requests }
}

const nonces = () => new DPoPTokenType({ replays: new MemoryStore(), nonceKey: randomBytes(32).toString('base64url') })
const pem = (key: KeyObject) => key.export({ format: 'pem', type: 'pkcs8' }) as string

/** Each way to authenticate. */
function credentials (origin: string, folder: string): Record<string, Partial<OAuthClientOptions>> {
  const signer = { clientId: 'signer' }
  const cryptoKey = crypto.subtle.importKey('pkcs8', KEYS.ES256.privateKey.export({ format: 'der', type: 'pkcs8' }), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
  writeFileSync(join(folder, 'token'), `${workloadToken(origin)}\n`)
  return {
    client_secret_basic: { clientId: 'billing', clientSecret: SECRET },
    client_secret_post: { clientId: 'billing', clientSecret: async () => SECRET, clientAuthMethod: 'client_secret_post' },
    'private_key_jwt, KeyObject': { ...signer, privateKey: KEYS.ES256.privateKey },
    'private_key_jwt, KeyObject with kid': { ...signer, privateKey: { key: KEYS.EdDSA.privateKey, kid: '1' } },
    'private_key_jwt, EdDSA': { ...signer, privateKey: { ...KEYS.EdDSA.privateKey.export({ format: 'jwk' }), kid: '1' } as never },
    'private_key_jwt, JWK': { ...signer, privateKey: { ...KEYS.RS256.privateKey.export({ format: 'jwk' }), kid: '2', alg: 'PS256' } as never },
    'private_key_jwt, PEM': { ...signer, privateKey: pem(KEYS.RS256.privateKey) },
    'private_key_jwt, CryptoKey': { ...signer, privateKey: () => cryptoKey as never },
    'private_key_jwt, external signer': { ...signer, privateKey: { alg: 'ES256', kid: '0', sign: async (data) => sign('sha256', data, { key: KEYS.ES256.privateKey, dsaEncoding: 'ieee-p1363' }) } },
    'workload token, function': { workloadToken: async () => workloadToken(origin) },
    'workload token, file': { workloadToken: kubernetesToken(join(folder, 'token')) },
    'workload token, GitLab': { workloadToken: gitlabToken({ OAUTH: workloadToken(origin) }, 'OAUTH') }
  }
}

const folder = mkdtempSync(join(tmpdir(), 'client-'))
t.teardown(() => rmSync(folder, { recursive: true }))

for (const [name, create] of [['Bearer', () => new BearerTokenType()], ['DPoP', nonces]] as const) {
  t.test(`every credential gets a ${name} token, which the API accepts`, async (t) => {
    const { origin } = await serve(t, create())
    for (const [method, options] of Object.entries(credentials(origin, folder))) {
      const client = oauthClient({ issuer: origin, scope: 'data:read', resource: origin, dpop: name === 'DPoP', ...options })
      for (const init of [{}, { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } }]) {
        const response = await client.fetch(`${origin}/data?x=1`, init)
        t.equal(response.status, 200, method)
        t.match(await response.json(), { caller: /billing|signer|orders/ })
      }
      t.equal((await client.token()).tokenType, name)
    }
  })
}

t.test('a certificate authenticates, and its tokens are bound to it (RFC 8705)', async (t) => {
  const server = makeCertificate({ subject: '/CN=localhost', subjectAltName: 'DNS:localhost' })
  for (const tokenType of [new CertificateBoundTokenType(), nonces()]) {
    const { origin } = await serve(t, tokenType, { https: { ...server, requestCert: true, rejectUnauthorized: false } }, 'https')
    let present = { ...certificate, ca: server.cert }
    const client = oauthClient({ issuer: origin, clientId: 'partner', certificate: () => present, resource: origin, dpop: tokenType instanceof DPoPTokenType })
    t.teardown(() => client.close())
    t.strictSame(await (await client.fetch(`${origin}/data`)).json(), { caller: 'partner', body: null })
    const form = new FormData()
    form.set('a', 'b')
    for (const body of [form, new URLSearchParams('a=b'), new Blob(['x'], { type: 'image/png' })]) {
      t.equal((await client.fetch(`${origin}/data`, { method: 'POST', body })).status, 415, 'it arrives with its media type')
    }
    present = { ...makeCertificate({ subject: '/CN=other' }), ca: server.cert }
    if (tokenType instanceof CertificateBoundTokenType) await t.rejects(client.fetch(`${origin}/data`), { code: 'OAUTH_CLIENT_TOKEN_DENIED' }, 'another certificate')
    await client.close()
  }
})

t.test('fault elsewhere: the DPoP key changes while tokens that are bound to it are cached; a nonce that came with a failed retry is lost', async (t) => {
  const { origin, requests } = await serve(t, nonces())
  let key = pem(KEYS.ES256.privateKey)
  const client = oauthClient({ issuer: origin, clientId: 'billing', clientSecret: SECRET, resource: origin, dpop: () => key })
  t.equal((await client.fetch(`${origin}/data`)).status, 200)
  key = pem(KEYS.EdDSA.privateKey)
  t.equal((await client.fetch(`${origin}/data`)).status, 200, 'the cached token goes with the key that it is bound to')
  t.equal((await client.with({ scope: 'data:read' }).fetch(`${origin}/data`)).status, 200, 'the next token is bound to the new key')
  t.equal(requests.filter(({ url }) => url === '/token').length, 4, 'each key needs one nonce')
  const keys = requests.map(({ headers }) => typeof headers.dpop === 'string' ? JSON.parse(Buffer.from(headers.dpop.split('.')[0]!, 'base64url').toString()).jwk.crv : undefined)
  t.strictSame(keys.filter((curve) => curve !== undefined), ['P-256', 'P-256', 'P-256', 'P-256', 'Ed25519', 'Ed25519', 'Ed25519'])

  let expected = 0
  const seen: string[] = []
  const api = await PlainServer.start(({ headers }, response) => {
    const { nonce } = JSON.parse(Buffer.from(String(headers.dpop).split('.')[1]!, 'base64url').toString()) as { nonce?: string }
    seen.push(String(nonce))
    // The nonce changes with every answer, the failed ones too.
    if (nonce === `n${expected}` && expected !== 1) response.writeHead(200, { 'dpop-nonce': `n${++expected}` }).end()
    else response.writeHead(401, { 'dpop-nonce': `n${++expected}`, 'www-authenticate': 'DPoP error="use_dpop_nonce"' }).end()
  })
  t.teardown(() => api.close())
  const other = client.with({ allowedOrigins: [api.origin] })
  t.equal((await other.fetch(api.origin)).status, 401, 'one retry')
  t.equal((await other.fetch(api.origin)).status, 200, 'the next call has the nonce of the failed retry')
  t.strictSame(seen, ['undefined', 'n1', 'n2'])
})

t.test('a token that is not bound to the key is rejected', async (t) => {
  const { origin } = await serve(t, new BearerTokenType())
  const server = await PlainServer.start((_received, response) => { json(response, { access_token: 'x', token_type: 'Bearer', expires_in: 60 }) })
  t.teardown(() => server.close())
  const client = oauthClient({ issuer: origin, tokenEndpoint: `${server.origin}/token`, clientId: 'billing', clientSecret: SECRET, dpop: true })
  await t.rejects(client.token(), { code: 'OAUTH_CLIENT_INVALID_RESPONSE' })
})

t.test('the Date of the server corrects the times in assertions and proofs, by at most 5 minutes', async (t) => {
  for (const [ahead, corrected] of [[120, 120], [-120, -120], [4000, 300], [-4000, -300], [0, 0]] as const) {
    const times: number[] = []
    const timeOf = (jwt: string) => (JSON.parse(Buffer.from(jwt.split('.')[1]!, 'base64url').toString()) as { iat: number }).iat - seconds()
    const server: PlainServer = await PlainServer.start(({ path, headers, body }, response) => {
      const date = { date: new Date(Date.now() + ahead * 1000).toUTCString() }
      if (path !== '/token') return json(response, { issuer: server.origin, token_endpoint: `${server.origin}/token` }, 200, date)
      times.push(timeOf(new URLSearchParams(body).get('client_assertion')!), timeOf(String(headers.dpop)))
      json(response, { access_token: 'x', token_type: 'DPoP', expires_in: 600 }, 200, date)
    })
    t.teardown(() => server.close())
    for (const privateKey of [KEYS.ES256.privateKey, { alg: 'ES256', sign: async () => new Uint8Array(64) }]) {
      const before = Date.now()
      const { expiresAt } = await oauthClient({ issuer: server.origin, clientId: 'signer', privateKey, dpop: true }).token()
      t.ok(Math.abs(expiresAt.getTime() - before - 600_000) < 5000, 'it corrects nothing else')
    }
    for (const time of times) t.ok(Math.abs(time - corrected) <= 3, `${ahead} s: ${time}`)
  }
})

t.test('a clock that the first rejection shows to be wrong is corrected at once', async (t) => {
  const server = await PlainServer.start(({ body }, response) => {
    const { iat } = JSON.parse(Buffer.from(new URLSearchParams(body).get('client_assertion')!.split('.')[1]!, 'base64url').toString()) as { iat: number }
    const now = seconds() - 90
    if (Math.abs(iat - now) > 10) json(response, { error: 'invalid_client' }, 401, { date: new Date(now * 1000).toUTCString() })
    else json(response, { access_token: 'x', token_type: 'Bearer', expires_in: 600 })
  })
  t.teardown(() => server.close())
  const client = oauthClient({ issuer: 'https://auth.example', tokenEndpoint: `${server.origin}/token`, clientId: 'signer', privateKey: KEYS.ES256.privateKey })
  t.equal((await client.token()).accessToken, 'x')
  t.equal(server.received.length, 2)
})

t.test('workload tokens: a file is read again, GitHub is asked with the audience, and what is missing is named', async (t) => {
  const path = join(folder, 'rotating')
  writeFileSync(path, 'one\n')
  const read = fileToken(path)
  t.equal(await read(), 'one')
  writeFileSync(path, 'two\n')
  t.equal(await read(), 'two')

  const github = await PlainServer.start((_received, response) => { json(response, { value: 'id-token' }) })
  t.teardown(() => github.close())
  const environment = { ACTIONS_ID_TOKEN_REQUEST_URL: `${github.origin}/token?api-version=2.0`, ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-token' }
  t.equal(await githubActionsToken(environment, 'https://auth.example')(), 'id-token')
  t.match(github.received[0], { path: '/token?api-version=2.0&audience=https%3A%2F%2Fauth.example', headers: { authorization: 'Bearer request-token' } })
  github.answer = (_received, response) => { response.writeHead(302, { location: 'https://evil.example' }).end() }
  await t.rejects(githubActionsToken(environment, 'x')())
  await t.rejects(githubActionsToken({ ...environment, ACTIONS_ID_TOKEN_REQUEST_URL: 'http://evil.example' }, 'x')(), /https/)
  for (const load of [githubActionsToken({}, 'x'), gitlabToken({}, 'TOKEN'), fileToken(join(folder, 'missing'))]) {
    const client = oauthClient({ issuer: 'https://auth.example', tokenEndpoint: `${github.origin}/token`, workloadToken: load, timeout: 1 })
    await t.rejects(client.token(), { code: 'OAUTH_CLIENT_CREDENTIAL_UNAVAILABLE', cause: Error })
  }
})

t.test('a key that cannot sign is an error with its cause', async (t) => {
  for (const privateKey of ['-----BEGIN PRIVATE KEY-----', KEYS.ES256.publicKey, generateKeyPairSync('x25519').privateKey]) {
    const client = oauthClient({ issuer: 'https://auth.example', tokenEndpoint: 'http://localhost:1/token', clientId: 'signer', privateKey })
    await t.rejects(client.token(), { code: 'OAUTH_CLIENT_CREDENTIAL_UNAVAILABLE', cause: Error })
  }
})

for (const [name, create] of [['Bearer', () => new BearerTokenType()], ['DPoP', nonces]] as const) {
  t.test(`the interceptor of undici adds ${name} tokens, and retries`, async (t) => {
    const { origin } = await serve(t, create())
    const client = oauthClient({ issuer: origin, clientId: 'billing', clientSecret: SECRET, resource: origin, dpop: name === 'DPoP' })
    const agent = new Agent()
    t.teardown(() => agent.close())
    const dispatcher = agent.compose(oauthInterceptor(client), interceptors.redirect({ maxRedirections: 3 }))
    const responses = await Promise.all(Array.from({ length: 10 }, () => undiciRequest(`${origin}/data?x=1`, { dispatcher })))
    for (const { statusCode, body } of responses) {
      t.equal(statusCode, 200)
      t.strictSame(await body.json(), { caller: 'billing', body: null })
    }
    const posted = await undiciRequest(`${origin}/data`, { dispatcher, method: 'POST', body: '{"a":1}', headers: ['content-type', 'application/json', 'Authorization', 'Bearer other'] })
    t.strictSame(await posted.body.json(), { caller: 'billing', body: { a: 1 } })

    const foreign = await PlainServer.start()
    t.teardown(() => foreign.close())
    await (await undiciRequest(foreign.origin, { dispatcher, headers: { 'x-a': 'b' } })).body.dump()
    t.match(foreign.received[0]?.headers, { authorization: undefined, dpop: undefined, 'x-a': 'b' })

    let isFirst = true
    const api = await PlainServer.start(({ path }, response) => {
      if (path === '/moved') response.writeHead(302, { location: `${foreign.origin}/x` })
      else if (isFirst) response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' })
      isFirst = path === '/always'
      response.end('body')
    })
    t.teardown(() => api.close())
    const elsewhere = agent.compose(oauthInterceptor(client.with({ allowedOrigins: [api.origin] })), interceptors.redirect({ maxRedirections: 3 }))
    const retried = await undiciRequest(`${api.origin}/once`, { dispatcher: elsewhere, method: 'PUT', body: Buffer.from('bytes'), headers: { 'x-a': ['b', 'c'] } })
    t.equal(retried.statusCode, 200)
    t.equal(await retried.body.text(), 'body')
    t.strictSame(api.received.map(({ body }) => body), ['bytes', 'bytes'])
    t.not(api.received[0]?.headers.authorization, api.received[1]?.headers.authorization)
    isFirst = true
    const rejected = await undiciRequest(`${api.origin}/always`, { dispatcher: elsewhere })
    t.equal(rejected.statusCode, 401)
    t.equal(await rejected.body.text(), 'body')
    isFirst = false
    await (await undiciRequest(`${api.origin}/moved`, { dispatcher: elsewhere })).body.dump()
    t.match(foreign.received.at(-1)?.headers, { authorization: undefined, dpop: undefined })

    const failing = agent.compose(oauthInterceptor(oauthClient({ issuer: origin, clientId: 'billing', clientSecret: 'wrong', resource: origin })))
    await t.rejects(undiciRequest(`${origin}/data`, { dispatcher: failing }), { code: 'OAUTH_CLIENT_TOKEN_DENIED', error: 'invalid_client' })
    t.throws(() => oauthInterceptor({} as never), TypeError)
  })
}

t.test('an application-wide dispatcher sends the requests, such as a proxy', async (t) => {
  const { origin } = await serve(t, new BearerTokenType())
  let count = 0
  const agent = new Agent()
  t.teardown(() => agent.close())
  const dispatcher = agent.compose((dispatch) => (options, handler) => { count++; return dispatch(options, handler) })
  const client = oauthClient({ issuer: origin, clientId: 'billing', clientSecret: SECRET, resource: origin, dispatcher })
  t.equal((await client.fetch(new Request(`${origin}/data`))).status, 200)
  t.equal(count, 3)
})

t.test('the plugin decorates a Fastify server, once for each client', async (t) => {
  const { origin } = await serve(t, new BearerTokenType())
  const app = Fastify()
  const options = { issuer: origin, clientId: 'billing', clientSecret: SECRET, resource: origin }
  await app.register(oauthClientPlugin, options)
  await app.register(oauthClientPlugin, { ...options, scope: 'data:read', decoratorName: 'reader' })
  app.get('/', async () => await (await app.oauth.fetch(`${origin}/data`)).json())
  t.strictSame((await app.inject('/')).json(), { caller: 'billing', body: null })
  t.equal((await app.getDecorator<typeof app.oauth>('reader').token()).scope, 'data:read')
  await app.close()
  const broken = Fastify()
  broken.register(oauthClientPlugin, { ...options, issuers: 'x' } as never)
  await t.rejects(async () => { await broken.ready() }, { code: 'OAUTH_CLIENT_UNKNOWN_OPTION' })
})

t.test('metrics count, spans cover, and both end', async (t) => {
  const { origin } = await serve(t, new BearerTokenType())
  const register = new promClient.Registry()
  const spans: Array<{ name: string, isError: boolean, attributes: object }> = []
  const stopMetrics = oauthClientMetrics(promClient, { register })
  const stopSpans = oauthClientSpans({
    startSpan (name, { attributes }) {
      const span = { name, isError: false, attributes }
      spans.push(span)
      return { setStatus () { span.isError = true }, end () {} }
    }
  })
  const options = { issuer: origin, clientId: 'billing', clientSecret: SECRET, resource: origin }
  const client = oauthClient(options)
  await client.fetch(`${origin}/data`)
  await client.fetch(`${origin}/data`)
  await t.rejects(oauthClient({ ...options, clientSecret: 'wrong' }).token())
  const text = await register.metrics()
  const labels = `issuer="${origin}",client_id="billing"`
  for (const line of [`oauth_client_token_request_seconds_count{${labels}} 1`, `oauth_client_tokens_reused_total{${labels}} 1`, `oauth_client_token_failures_total{${labels},error="invalid_client"} 1`]) t.ok(text.includes(line), line)
  t.match(spans, [{ name: 'oauth.client.token', isError: false }, { name: 'oauth.client.token', isError: true, attributes: { 'error.type': 'invalid_client' } }])
  stopMetrics()
  stopSpans()
  await client.with({ scope: 'data:read' }).token()
  t.equal(spans.length, 2)
  t.equal(await register.metrics(), '\n')
})
