import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import t from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, {
  ClientCredentialsFlowBuilder, dpopRequestInterceptor, DPoPTokenType, JwtAccessTokens, MemoryStore, RemoteAccessTokens, SigningKeys
} from '../../plugin/index.ts'
import type { DPoPTokenTypeOptions } from '../../src/token-type/dpop/dpop-token-type.ts'
import { answerFrom, launchBrowser, storedBy, visit } from '../support/browser.ts'
import type { Visit } from '../support/browser.ts'
import { basic, CLIENTS, demoBuilder, FORM, TOKEN_PATH } from '../support/demo.ts'
import { freePort, plainEnvironment } from '../support/program.ts'
import { MemoryReplays } from '../support/replays.ts'
import { authorize, closeAuthorized, failed, isClean, tryOut } from '../support/swagger-ui.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const browser = await launchBrowser()
t.teardown(() => browser.close())

const NONCE_KEY = 'n'.repeat(32)
const reader = { id: 'reader', secret: 'only-for-this-test' }
const READER = basic(reader.id, reader.secret)

/** A server whose tokens are bound to keys, with /docs, its API under a prefix. */
async function serve (t: Test, options: Partial<DPoPTokenTypeOptions> = {}, prefix = ''): Promise<{ origin: string, replays: MemoryReplays }> {
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const replays = new MemoryReplays()
  const flow = demoBuilder()
    .getClient(({ clientId, clientSecret }) => clientSecret === reader.secret ? CLIENTS[clientId] : undefined)
    .setTokenType(new DPoPTokenType({ replays, ...options }))
    .useAccessTokens(new JwtAccessTokens({ issuer: `${origin}${prefix}`, audience: `${origin}${prefix}`, keys: new SigningKeys(new MemoryStore()) }))
    .build()
  const app: FastifyInstance = Fastify()
  t.teardown(() => app.close())
  // With its content security policy: the interceptor is a script of the page.
  await app.register(helmet)
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'Demo', version: '1.0.0' } } })
  await app.register(swaggerUi, { routePrefix: '/docs', uiConfig: { requestInterceptor: dpopRequestInterceptor } })
  await app.register(async (api) => {
    await api.register(clientCredentialsPlugin, { flow })
    const querystring = { type: 'object', properties: { page: { type: 'string', default: 'a?b' } } }
    api.get('/data', { preHandler: api.requireScopes('data:read'), schema: { querystring } }, async (request) => request.credentials)
    api.post('/data', { preHandler: api.requireScopes('data:write') }, async (request) => request.credentials)
    api.get('/open', async () => ({ ok: true }))
  }, { prefix })
  await app.listen({ port, host: 'localhost' })
  return { origin, replays }
}

interface Sent { method: string, url: string, status: number, authorization: string | undefined, proof: string | undefined }

/** Opens /docs, and notes what the page sends to the API, in the order of the answers. */
async function open (t: Test, origin: string): Promise<Visit & { sent: Sent[] }> {
  const visited = await visit(browser, `${origin}/docs`)
  t.teardown(() => visited.page.close())
  const sent: Sent[] = []
  visited.page.on('response', async (response) => {
    const request = response.request()
    const { authorization, dpop: proof } = request.headers()
    if (!request.url().includes('/docs')) sent.push({ method: request.method(), url: request.url(), status: response.status(), authorization, proof })
  })
  return { ...visited, sent }
}

const athOf = (authorization = '') => createHash('sha256').update(authorization.replace(/^DPoP /, '')).digest('base64url')

t.test('Authorize in /docs gets a DPoP token, and each call proves the key of the page', async (t) => {
  const { origin, replays } = await serve(t)
  const visited = await open(t, origin)
  const { page, sent } = visited
  const response = await authorize(page, reader, ['data:read'])
  t.equal(response.status(), 200)
  t.match(await response.json(), { token_type: 'DPoP', scope: 'data:read' })
  await closeAuthorized(page)

  const readData = await tryOut(page, 'get', '/data')
  t.match(await readData(), { status: 200, shown: { app: { id: 'reader' }, scope: ['data:read'] } })
  t.match(await readData(), { status: 200 }, 'again, with another proof')
  const writeData = await tryOut(page, 'post', '/data')
  t.match(await writeData(), { status: 403, shown: { error: 'insufficient_scope' } })

  t.match(sent, [
    { method: 'POST', url: `${origin}${TOKEN_PATH}`, status: 200, authorization: /^Basic / },
    { method: 'GET', url: `${origin}/data?page=a%3Fb`, status: 200, authorization: /^DPoP / },
    { method: 'GET', url: `${origin}/data?page=a%3Fb`, status: 200, authorization: /^DPoP / },
    { method: 'POST', url: `${origin}/data`, status: 403, authorization: /^DPoP / }
  ])
  const proofs = sent.map(({ proof = '' }) => ({ ...decodeProtectedHeader(proof), ...decodeJwt(proof) }))
  t.strictSame(proofs.map(({ htm, htu, ath, nonce }) => ({ htm, htu, ath, nonce })), [
    { htm: 'POST', htu: `${origin}${TOKEN_PATH}`, ath: undefined, nonce: undefined },
    { htm: 'GET', htu: `${origin}/data`, ath: athOf(sent[1]!.authorization), nonce: undefined },
    { htm: 'GET', htu: `${origin}/data`, ath: athOf(sent[1]!.authorization), nonce: undefined },
    { htm: 'POST', htu: `${origin}/data`, ath: athOf(sent[1]!.authorization), nonce: undefined }
  ])
  t.equal(new Set(proofs.map(({ jti }) => jti)).size, 4)
  t.equal(new Set(proofs.map(({ jwk }) => JSON.stringify(jwk))).size, 1)
  t.equal(replays.reserved.size, 4)

  t.equal(await page.locator('.curl-command').first().innerText().then((text) => text.includes('DPoP: ey')), true, 'the curl line shows what was sent')
  t.notMatch(await storedBy(page), reader.secret)
  isClean(t, visited, [failed('403 (Forbidden)', '/data')])
})

t.test('A route without a guard is called as it is, and so is one before Authorize', async (t) => {
  const { origin } = await serve(t)
  const { page, sent } = await open(t, origin)
  const readOpen = await tryOut(page, 'get', '/open')
  t.match(await readOpen(), { status: 200 })
  const readData = await tryOut(page, 'get', '/data')
  t.match(await readData(), { status: 401 })
  t.strictSame(sent.map(({ proof, authorization }) => [proof, authorization]), [[undefined, undefined], [undefined, undefined]])
})

t.test('Where the server wants nonces, the page asks again by itself, once for each side', async (t) => {
  const { origin } = await serve(t, { nonceKey: NONCE_KEY })
  const { page, sent } = await open(t, origin)
  await authorize(page, reader, ['data:read'])
  await closeAuthorized(page)
  const readData = await tryOut(page, 'get', '/data', (response) => response.ok())
  t.match(await readData(), { status: 200 })
  t.match(await readData(), { status: 200 })

  t.strictSame(sent.map(({ method, status }) => `${method} ${status}`), ['POST 400', 'POST 200', 'GET 401', 'GET 200', 'GET 200'])
  const nonces = sent.map(({ proof = '' }) => decodeJwt(proof).nonce)
  t.match(nonces, [undefined, /./, undefined, /./, nonces[3]])
})

t.test('A wrong secret shows its error in the dialog, under DPoP and nonces too', async (t) => {
  const { origin } = await serve(t, { nonceKey: NONCE_KEY })
  const { page } = await open(t, origin)
  await authorize(page, { ...reader, secret: 'wrong' }, [])
  const error = page.locator('.dialog-ux .errors')
  await error.waitFor()
  t.match(await error.innerText(), /invalid_client/)
  const dialog = page.locator('.dialog-ux')
  await dialog.getByLabel('client_secret').fill(reader.secret)
  await answerFrom(page, TOKEN_PATH, () => dialog.getByRole('button', { name: 'Apply given OAuth2 credentials' }).click())
  await closeAuthorized(page)
})

t.test('Authorize works where the plugin is registered under a prefix', async (t) => {
  const { origin } = await serve(t, {}, '/api')
  const visited = await open(t, origin)
  const response = await authorize(visited.page, reader, ['data:read'], `/api${TOKEN_PATH}`)
  t.equal(response.status(), 200)
  await closeAuthorized(visited.page)
  const readData = await tryOut(visited.page, 'get', '/api/data')
  t.match(await readData(), { status: 200, shown: { app: { id: 'reader' } } })
  isClean(t, visited)
})

t.test('Authorize works with a token endpoint of another origin, nonces on both sides', async (t) => {
  const [authPort, apiPort] = [await freePort(), await freePort()]
  const [issuer, audience] = [`http://localhost:${authPort}`, `http://localhost:${apiPort}`]
  const scopes = { 'data:read': 'Read data' }
  const dpop = () => new DPoPTokenType({ replays: new MemoryReplays(), nonceKey: NONCE_KEY })

  const auth = Fastify()
  t.teardown(() => auth.close())
  await auth.register(cors, { origin: audience })
  await auth.register(clientCredentialsPlugin, {
    flow: new ClientCredentialsFlowBuilder({ tokenEndpoint: TOKEN_PATH, scopes })
      .getClient(({ clientId, clientSecret }) => clientSecret === reader.secret ? CLIENTS[clientId] : undefined)
      .setTokenType(dpop())
      .useAccessTokens(new JwtAccessTokens({ issuer, audience, keys: new SigningKeys(new MemoryStore()) }))
      .build()
  })
  await auth.listen({ port: authPort, host: 'localhost' })

  const api = Fastify()
  t.teardown(() => api.close())
  await api.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'Demo', version: '1.0.0' } } })
  await api.register(swaggerUi, { routePrefix: '/docs', uiConfig: { requestInterceptor: dpopRequestInterceptor } })
  await api.register(clientCredentialsPlugin, {
    flow: new ClientCredentialsFlowBuilder({ tokenEndpoint: `${issuer}${TOKEN_PATH}`, scopes })
      .setTokenType(dpop())
      .useAccessTokens(new RemoteAccessTokens({ issuer, audience }))
      .build()
  })
  api.get('/data', { preHandler: api.requireScopes('data:read') }, async (request) => request.credentials)
  await api.listen({ port: apiPort, host: 'localhost' })

  const { page, sent } = await open(t, audience)
  await authorize(page, reader, ['data:read'])
  await closeAuthorized(page)
  const readData = await tryOut(page, 'get', '/data', (response) => response.ok())
  t.match(await readData(), { status: 200, shown: { app: { id: 'reader' } } })
  t.strictSame(sent.filter(({ method }) => method !== 'OPTIONS').map(({ method, url, status }) => `${method} ${url} ${status}`), [
    `POST ${issuer}${TOKEN_PATH} 400`, `POST ${issuer}${TOKEN_PATH} 200`, `GET ${audience}/data 401`, `GET ${audience}/data 200`
  ])
})

t.test('The key of a page cannot be read, and another page has another', async (t) => {
  const { origin } = await serve(t)
  const pages = [await open(t, origin), await open(t, origin)]
  for (const { page } of pages) await authorize(page, reader, [])
  const [first, second] = pages.map(({ sent }) => JSON.stringify(decodeProtectedHeader(sent[0]!.proof ?? '').jwk))
  t.match(first, '"kty":"EC"')
  t.not(first, second)
  t.notMatch(first, '"d"')
})

// The same function outside of a page.
t.test('The interceptor leaves requests as they are that need no proof', async (t) => {
  for (const request of [
    { url: 'http://localhost/docs/json', loadSpec: true, headers: { Accept: 'application/json' } },
    { url: 'http://localhost/data', method: 'GET', headers: { Authorization: 'Bearer abc' } },
    { url: 'http://localhost/form', method: 'POST', headers: {}, body: 'text=no_grant_type' }
  ]) {
    const before = structuredClone(request)
    t.equal(await dpopRequestInterceptor(request), request)
    t.strictSame(request, before)
  }
})

t.test('The interceptor does nothing where there are no keys, as in pages of plain http', async (t) => {
  t.intercept(globalThis, 'crypto', { value: {} })
  const request = { url: 'http://api.example/token', method: 'post', headers: {}, body: 'grant_type=client_credentials' }
  await dpopRequestInterceptor(request)
  t.strictSame(request.headers, {})
})

t.test('The interceptor sends by the fetch that a request has, and takes nonces from any answer', async (t) => {
  const { origin } = await serve(t, { nonceKey: NONCE_KEY })
  const statuses: number[] = []
  async function userFetch (...parameters: Parameters<typeof fetch>): Promise<Response> {
    const response = await fetch(...parameters)
    statuses.push(response.status)
    return response
  }
  const token = { url: `${origin}${TOKEN_PATH}`, method: 'post', headers: { Authorization: READER, 'content-type': FORM }, body: 'grant_type=client_credentials', userFetch }
  const sent = await dpopRequestInterceptor(token)
  const answer = await (await sent.userFetch(sent.url, sent)).json() as { access_token: string }
  t.strictSame(statuses, [400, 200])

  const request: { url: string, method: string, headers: Record<string, string>, userFetch?: typeof fetch } = { url: `${origin}/data?page=1`, method: 'GET', headers: { Authorization: `DPoP ${answer.access_token}` } }
  await dpopRequestInterceptor(request)
  t.equal((await request.userFetch!(request.url, request)).status, 200)

  // RFC 9449 §8.2: the next one, with an answer that refuses nothing.
  const next = { ...request, userFetch: async () => new Response('', { headers: { 'dpop-nonce': 'next' } }) }
  await dpopRequestInterceptor(next)
  t.equal((await next.userFetch()).status, 200)
  const last = { url: request.url, method: 'GET', headers: { Authorization: request.headers.Authorization, DPoP: '' } }
  await dpopRequestInterceptor(last)
  t.equal(decodeJwt(last.headers.DPoP).nonce, 'next')
})

t.test('The text of the interceptor stays whole under tools that keep the names of functions', async (t) => {
  const code = "import { dpopRequestInterceptor } from './plugin/index.ts'; console.log(dpopRequestInterceptor.toString())"
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], { cwd: root, env: plainEnvironment() })
  t.match(stdout, /^async function dpopRequestInterceptor/)
  t.notMatch(stdout, '__name')
})
