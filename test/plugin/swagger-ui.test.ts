import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import helmet from '@fastify/helmet'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin from '../../plugin/index.ts'
import { answerFrom, launchBrowser, storedBy, visit } from '../support/browser.ts'
import type { Visit } from '../support/browser.ts'
import { CLIENTS, demoBuilder, rawBasic, TOKEN_PATH } from '../support/demo.ts'
import { startNginx } from '../support/nginx.ts'
import { freePort, startProgram } from '../support/program.ts'
import { authorize, closeAuthorized, failed, isClean, logout, tryOut } from '../support/swagger-ui.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const browser = await launchBrowser()
t.teardown(() => browser.close())
const program = await startProgram([process.execPath, '--import', 'tsx', 'example/server.ts'], {
  cwd: root, env: { PORT: String(await freePort()), DATABASE: ':memory:' }, ready: 'curl -i'
})
t.teardown(() => program.stop('SIGTERM'))

const [, docs = '', clientId = '', secret = ''] = /(http\S+\/docs)\s+client_id: (\S+)\s+client_secret: (\S+)/.exec(program.output) ?? []

async function open (t: Test, url: string = docs): Promise<Visit> {
  const visited = await visit(browser, url)
  t.teardown(() => visited.page.close())
  return visited
}

t.test('Authorize in /docs gets a token, by which a route answers', async (t) => {
  const visited = await open(t)
  const { page } = visited
  const response = await authorize(page, { id: clientId, secret }, ['notes:read', 'notes:write'])

  t.equal(response.status(), 200)
  t.match(await response.json(), { token_type: 'Bearer', scope: 'notes:read notes:write' })
  const request = response.request()
  t.equal(request.method(), 'POST')
  t.equal(await request.headerValue('authorization'), rawBasic(`${clientId}:${secret}`))
  t.same(Object.fromEntries(new URLSearchParams(request.postData() ?? '')), { grant_type: 'client_credentials', scope: 'notes:read notes:write' })

  await closeAuthorized(page)
  const readNotes = await tryOut(page, 'get', '/notes')
  t.same(await readNotes(), { status: 200, shown: { caller: clientId, notes: ['Buy milk'] } })
  t.notMatch(await storedBy(page), secret)
  isClean(t, visited)
})

t.test('A token without the scope of a route is refused there, and the page shows why', async (t) => {
  const visited = await open(t)
  const { page } = visited
  await authorize(page, { id: clientId, secret }, ['notes:read', 'notes:write'])
  await closeAuthorized(page)
  await logout(page)
  const response = await authorize(page, { id: clientId, secret }, ['notes:read'])
  t.match(await response.json(), { scope: 'notes:read' })
  await closeAuthorized(page)

  const writeNote = await tryOut(page, 'post', '/notes')
  t.match(await writeNote(), { status: 403, shown: { error: 'insufficient_scope', error_description: String } })
  const readNotes = await tryOut(page, 'get', '/notes')
  t.match(await readNotes(), { status: 200 })
  isClean(t, visited, [failed('403 (Forbidden)', '/notes')])
})

t.test('Without a token, and after logout, a guarded route is refused', async (t) => {
  const visited = await open(t)
  const { page } = visited
  const refused = { status: 401, shown: { error: 'unauthorized', error_description: String } }
  const readNotes = await tryOut(page, 'get', '/notes')
  t.match(await readNotes(), refused)

  await authorize(page, { id: clientId, secret }, [])
  await closeAuthorized(page)
  t.match(await readNotes(), { status: 200 })

  await logout(page)
  t.match(await readNotes(), refused)
  isClean(t, visited, [failed('401 (Unauthorized)', '/notes'), failed('401 (Unauthorized)', '/notes')])
})

t.test('A wrong secret shows its error in the dialog, and no sign-in dialog of the browser', async (t) => {
  const visited = await open(t)
  const { page } = visited
  // While the browser's own dialog is open, which no locator can see, there is no answer to wait for.
  const response = await authorize(page, { id: clientId, secret: 'wrong' }, ['notes:read'])

  t.equal(response.status(), 401)
  t.equal(await response.headerValue('www-authenticate'), null, 'nothing asks the browser to sign in')
  t.match(await response.json(), { error: 'invalid_client' })
  const error = page.locator('.dialog-ux .errors')
  await error.waitFor()
  t.match(await error.innerText(), /invalid_client.*Client authentication failed/s)

  // The page is not stuck: the same dialog takes the right secret.
  const dialog = page.locator('.dialog-ux')
  await dialog.getByLabel('client_secret').fill(secret)
  const second = await answerFrom(page, TOKEN_PATH, () => dialog.getByRole('button', { name: 'Apply given OAuth2 credentials' }).click())
  t.equal(second.status(), 200)
  await closeAuthorized(page)
  isClean(t, visited, [failed('401 (Unauthorized)', TOKEN_PATH)])
})

t.test('The page lists the token route under the tag OAuth 2.0', async (t) => {
  const visited = await open(t)
  const section = visited.page.locator('.opblock-tag-section', { has: visited.page.getByRole('link', { name: 'OAuth 2.0', exact: true }) })
  const operation = section.locator(`.opblock-post:has([data-path="${TOKEN_PATH}"])`)
  t.match(await operation.innerText(), 'Get an access token')
  t.equal(await visited.page.locator(`[data-path="${TOKEN_PATH}"]`).count(), 1, 'and nowhere else')
  isClean(t, visited)
})

const credentials = { id: 'reader', secret: 'only-for-this-test' }
const demoFlow = () => demoBuilder()
  .getClient(({ clientId, clientSecret }) => clientSecret === credentials.secret ? CLIENTS[clientId] : undefined)
  .build()

t.test('Authorize works where the plugin is registered under a prefix', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'Demo', version: '1.0.0' } } })
  await app.register(swaggerUi, { routePrefix: '/docs' })
  await app.register(async (api) => {
    await api.register(clientCredentialsPlugin, { flow: demoFlow() })
    api.get('/data', { preHandler: api.requireScopes('data:read') }, async (request) => request.credentials)
  }, { prefix: '/api' })
  await app.listen({ port: 0, host: '127.0.0.1' })

  const visited = await open(t, `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/docs`)
  const response = await authorize(visited.page, credentials, ['data:read'], `/api${TOKEN_PATH}`)
  t.equal(response.status(), 200)
  await closeAuthorized(visited.page)
  const readData = await tryOut(visited.page, 'get', '/api/data')
  t.same(await readData(), { status: 200, shown: { app: { id: 'reader' }, scope: ['data:read'] } })
  isClean(t, visited)
})

for (const [whose, options] of [['@fastify/helmet', {}], ['@fastify/swagger-ui', { staticCSP: true, transformStaticCSP: (header: string) => header }]] as const) {
  t.test(`Authorize works under the content security policy of ${whose}`, async (t) => {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(helmet)
    await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'Demo', version: '1.0.0' } } })
    await app.register(swaggerUi, { routePrefix: '/docs', ...options })
    await app.register(clientCredentialsPlugin, { flow: demoFlow() })
    app.get('/data', { preHandler: app.requireScopes('data:read') }, async (request) => request.credentials)
    await app.listen({ port: 0, host: '127.0.0.1' })

    const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/docs`
    t.match((await fetch(url)).headers.get('content-security-policy'), /default-src 'self'/)
    const visited = await open(t, url)
    t.equal((await authorize(visited.page, credentials, ['data:read'])).status(), 200)
    await closeAuthorized(visited.page)
    const readData = await tryOut(visited.page, 'get', '/data')
    t.same(await readData(), { status: 200, shown: { app: { id: 'reader' }, scope: ['data:read'] } })
    // Swagger UI sets styles that the policy of @fastify/swagger-ui does not let it set. It does without.
    isClean(t, { ...visited, errors: visited.errors.filter((error) => !error.startsWith('Applying inline style')) })
  })
}

t.test('Authorize works behind nginx that takes a prefix away', async (t) => {
  const upstream = await freePort()
  const port = await startNginx(t, { server: `location /auth/ { proxy_pass http://127.0.0.1:${upstream}/; }` })
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'Demo', version: '1.0.0' }, servers: [{ url: '/auth' }] } })
  await app.register(swaggerUi, { routePrefix: '/docs', indexPrefix: '/auth' })
  await app.register(clientCredentialsPlugin, { flow: demoFlow(), origin: `http://127.0.0.1:${port}/auth` })
  app.get('/data', { preHandler: app.requireScopes('data:read') }, async (request) => request.credentials)
  await app.listen({ port: upstream, host: '127.0.0.1' })

  const visited = await open(t, `http://127.0.0.1:${port}/auth/docs`)
  t.equal((await authorize(visited.page, credentials, ['data:read'], `/auth${TOKEN_PATH}`)).status(), 200)
  await closeAuthorized(visited.page)
  const readData = await tryOut(visited.page, 'get', '/data', undefined, '/auth')
  t.same(await readData(), { status: 200, shown: { app: { id: 'reader' }, scope: ['data:read'] } })
  isClean(t, visited)
})
