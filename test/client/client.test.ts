// The client library against servers on real sockets: caching, concurrency, retries and where tokens may go.
import { execFileSync } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import type { Test } from 'tap'
import { oauthClient, OAuthClientError } from '../../src/client/index.ts'
import type { OAuthClientErrorCode, OAuthClientEvents, OAuthClientOptions } from '../../src/client/index.ts'
import { issuing, json, PlainServer } from '../support/token-server.ts'
import type { Answer } from '../support/token-server.ts'

const SECRET = 'fccs_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGH'
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CHALLENGE = { 'www-authenticate': 'Bearer error="invalid_token"' }

/** An authorization server, an API that takes every token, and a client of both, with a clock that can be moved. */
async function world (t: Test, options: Partial<OAuthClientOptions> = {}, members: Record<string, unknown> = {}) {
  const server: PlainServer = await PlainServer.start(issuing(() => server, members))
  const api = await PlainServer.start()
  t.teardown(() => { server.close(); api.close() })
  const clock = { ahead: 0 }
  const client = oauthClient({
    issuer: server.origin,
    clientId: 'billing',
    clientSecret: SECRET,
    allowedOrigins: [api.origin],
    now: () => Math.floor(Date.now() / 1000) + clock.ahead,
    ...options
  })
  return { server, api, client, clock, data: `${api.origin}/data` }
}

async function rejects (t: Test, work: Promise<unknown>, code: OAuthClientErrorCode, members: Partial<OAuthClientError> = {}): Promise<void> {
  const error = await work.then(() => undefined, (reason: unknown) => reason)
  t.ok(error instanceof OAuthClientError, inspect(error))
  t.match(error, { code, ...members })
}

function listen<N extends keyof OAuthClientEvents> (t: Test, name: N): Array<OAuthClientEvents[N]> {
  const events: Array<OAuthClientEvents[N]> = []
  const listener = (event: unknown) => { events.push(event as OAuthClientEvents[N]) }
  subscribe(`fastify-client-credentials.client.${name}`, listener)
  t.teardown(() => unsubscribe(`fastify-client-credentials.client.${name}`, listener))
  return events
}

const bearerOf = ({ received }: PlainServer) => received.map(({ headers }) => headers.authorization)
const pause = (milliseconds: number) => new Promise((resolve) => { setTimeout(resolve, milliseconds) })

t.test('fault elsewhere: concurrent callers each request a token', async (t) => {
  const { server, api, client, clock, data } = await world(t)
  await Promise.all(Array.from({ length: 10_000 }, () => client.token()))
  t.equal(server.tokenRequests.length, 1, '10,000 callers at a cold start')
  clock.ahead += 3600
  const tokens = await Promise.all(Array.from({ length: 10_000 }, () => client.token()))
  t.equal(server.tokenRequests.length, 2, '10,000 callers at expiry')
  t.strictSame(new Set(tokens.map(({ accessToken }) => accessToken)), new Set(['token-2']))
  await Promise.all(Array.from({ length: 50 }, () => client.fetch(data)))
  t.strictSame(new Set(bearerOf(api)), new Set(['Bearer token-2']))
})

t.test('fault elsewhere: concurrent renewals hand one caller\'s token to another', async (t) => {
  const { server, client } = await world(t)
  server.answer = ({ path, body }, response) => {
    if (path !== '/token') return json(response, { issuer: server.origin, token_endpoint: `${server.origin}/token` })
    // The answers come in another order than the requests.
    setTimeout(() => json(response, { access_token: String(new URLSearchParams(body).get('scope')), token_type: 'bearer', expires_in: 60 }), 20 * Math.random())
  }
  const scopes = Array.from({ length: 20 }, (_, index) => `scope:${index}`)
  const tokens = await Promise.all(scopes.flatMap((scope) => [client.with({ scope }), client.with({ scope })]).map(async (one) => (await one.token()).accessToken))
  t.strictSame(tokens, scopes.flatMap((scope) => [scope, scope]))
  t.equal(server.tokenRequests.length, 20)
})

t.test('fault elsewhere: a token that expires on its way is sent; the server hands out a cached token with seconds left', async (t) => {
  const { server, api, client, clock, data } = await world(t)
  await client.fetch(data)
  clock.ahead += 3539
  await client.fetch(data)
  t.equal(bearerOf(api).at(-1), 'Bearer token-1', 'it is sent until a minute before it expires')
  await pause(50)
  clock.ahead += 2
  await client.fetch(data)
  t.equal(bearerOf(api).at(-1), 'Bearer token-2')
  let left = 3
  server.answer = (_received, response) => { json(response, { access_token: `cached-${left}`, token_type: 'bearer', expires_in: Math.max(left--, 0) }) }
  const other = client.with({ scope: 'other' })
  t.equal((await other.token()).accessToken, 'cached-3')
  clock.ahead += 3
  t.equal((await other.token()).accessToken, 'cached-2')
  left = 0
  clock.ahead += 3
  await rejects(t, other.token(), 'OAUTH_CLIENT_SERVER_UNAVAILABLE')
})

t.test('fault elsewhere: expired tokens are used permanently; the second token gets a default lifetime instead of its own', async (t) => {
  const lifetimes = [100, 200, undefined, 100]
  const { server, client, clock } = await world(t)
  let count = 0
  server.answer = ({ path }, response) => {
    if (path !== '/token') return json(response, { issuer: server.origin, token_endpoint: `${server.origin}/token` })
    json(response, { access_token: `token-${count}`, token_type: 'bearer', expires_in: lifetimes[count++] })
  }
  const lifetimeOf = async () => {
    const { expiresAt } = await client.token()
    return Math.round(expiresAt.getTime() / 1000 - Date.now() / 1000 - clock.ahead)
  }
  for (const [index, lifetime] of [100, 200, 60, 100].entries()) {
    t.ok(Math.abs(await lifetimeOf() - lifetime) <= 1, `${lifetime} s`)
    t.equal(server.tokenRequests.length, index + 1)
    clock.ahead += lifetime
  }
})

t.test('fault elsewhere: the cache key ignores scope, resource or claims', async (t) => {
  const { server, client } = await world(t)
  const targets = [{ scope: 'a' }, { scope: 'b' }, { scope: ['a', 'b'] }, { resource: 'https://one.example' }, { resource: 'https://two.example' }, { parameters: { audience: 'x' } }]
  const tokens = await Promise.all(targets.map(async (target) => (await client.with(target).token()).accessToken))
  t.equal(new Set(tokens).size, targets.length)
  t.equal((await client.with({ scope: 'b a b' }).token()).accessToken, tokens[2], 'the order of scopes makes no other token')
  t.equal(server.tokenRequests.length, targets.length)
  t.match(server.tokenRequests.map(({ body }) => body).join(' '), /resource=https%3A%2F%2Fone.example/)
})

t.test('fault elsewhere: when the one request in flight fails, all callers fail together and retry together', async (t) => {
  const { server, client } = await world(t)
  await client.token()
  server.answer = (_received, response) => { response.writeHead(503, { 'retry-after': '2' }).end() }
  const other = client.with({ scope: 'other' })
  const failed = listen(t, 'token.failed')
  const started = performance.now()
  const before = server.tokenRequests.length
  const storm = Array.from({ length: 100 }, async () => {
    while (performance.now() - started < 3000) {
      await other.token().catch((error: OAuthClientError) => { t.equal(error.code, 'OAUTH_CLIENT_SERVER_UNAVAILABLE') })
      await pause(20)
    }
  })
  await Promise.all(storm)
  const allowed = 1 + Math.floor((performance.now() - started) / 2000)
  t.ok(server.tokenRequests.length - before <= allowed, `100 callers that try 50 times a second cause one request in 2 s: ${server.tokenRequests.length - before}`)
  t.match(failed[0], { scope: 'other', error: 'OAUTH_CLIENT_SERVER_UNAVAILABLE', status: 503 })
  server.answer = issuing(() => server)
  t.ok((await other.token()).accessToken, 'a caller waits for the rest of the time')
})

t.test('a transient failure is retried for the callers that wait', async (t) => {
  const { server, client } = await world(t)
  const issue = server.answer
  let failures = 2
  server.answer = (received, response) => {
    if (received.path === '/token' && failures-- > 0) response.socket?.destroy()
    else return issue(received, response)
  }
  const tokens = await Promise.all(Array.from({ length: 10 }, () => client.token()))
  t.equal(new Set(tokens.map(({ accessToken }) => accessToken)).size, 1)
  t.equal(server.tokenRequests.length, 3)
})

t.test('a hostile Retry-After stops nothing permanently', async (t) => {
  for (const value of ['999999999', 'Fri, 31 Dec 9999 23:59:59 GMT', '-5', 'never', '1e9']) {
    const { server, client } = await world(t)
    server.answer = (_received, response) => { response.writeHead(429, { 'retry-after': value }).end() }
    const error = await client.token().catch((reason: unknown) => reason) as OAuthClientError
    t.equal(error.code, 'OAUTH_CLIENT_SERVER_UNAVAILABLE')
    t.ok((error.retryAfter ?? 0) <= 301, value)
  }
})

t.test('a caller that aborts leaves the others alone', async (t) => {
  const { server, client, data } = await world(t)
  const issue = server.answer
  server.answer = async (received, response) => {
    await pause(100)
    await issue(received, response)
  }
  const abort = new AbortController()
  const aborted = client.fetch(data, { signal: abort.signal })
  const other = client.fetch(data)
  setTimeout(() => abort.abort(), 20)
  await t.rejects(aborted, { name: 'AbortError' })
  t.equal((await other).status, 200)
  t.equal(server.tokenRequests.length, 1)
  await t.rejects(client.token({ signal: AbortSignal.abort(new Error('mine')) }), { message: 'mine' })
})

t.test('a rejected token is renewed once for all concurrent callers (RFC 6750 §3.1)', async (t) => {
  const { server, api, client, data } = await world(t)
  await client.token()
  api.answer = ({ headers }, response) => {
    if (headers.authorization === 'Bearer token-1') response.writeHead(401, CHALLENGE).end()
    else response.end('ok')
  }
  const retried = listen(t, 'request.retried')
  const responses = await Promise.all(Array.from({ length: 20 }, () => client.fetch(data, { method: 'POST', body: 'kept' })))
  t.strictSame(new Set(responses.map(({ status }) => status)), new Set([200]))
  t.equal(server.tokenRequests.length, 2)
  t.strictSame(new Set(api.received.map(({ body }) => body)), new Set(['kept']))
  t.equal(retried.length, 20)
  t.match(retried[0], { origin: api.origin, method: 'POST', reason: 'invalid_token', isReplayed: true })
})

t.test('an API that rejects every token gets two requests, and the authorization server one more', async (t) => {
  const { server, api, client, data } = await world(t)
  await client.token()
  api.answer = (_received, response) => { response.writeHead(401, CHALLENGE).end('no') }
  for (let count = 0; count < 10; count++) {
    const response = await client.fetch(data)
    t.equal(response.status, 401)
    t.equal(await response.text(), 'no')
  }
  t.equal(server.tokenRequests.length, 2)
})

t.test('401 without invalid_token, and 403, are for the caller', async (t) => {
  const { server, api, client, data } = await world(t)
  for (const fields of ['Basic realm="x"', 'Bearer', 'Bearer error="insufficient_scope"', '"', 'Bearer error="invalid_token', `Bearer ${'a="b", '.repeat(2000)}`]) {
    api.answer = (_received, response) => { response.writeHead(401, { 'www-authenticate': fields }).end() }
    t.equal((await client.fetch(data)).status, 401, fields.slice(0, 40))
  }
  t.equal(server.tokenRequests.length, 1)
  t.equal(api.received.length, 6)
})

t.test('a body that can be read once is not sent again, but reported', async (t) => {
  const { api, client, clock, data } = await world(t)
  const stream = (size: number) => new ReadableStream({ start (controller) { controller.enqueue(new Uint8Array(size)); controller.close() } })
  const send = (size: number, kind: 'init' | 'request') => {
    const init = { method: 'POST', body: stream(size), duplex: 'half' } as RequestInit
    return kind === 'init' ? client.fetch(data, init) : client.fetch(new Request(data, init))
  }
  const isRejected = (count: number) => {
    let left = count
    api.answer = (_received, response) => {
      if (left-- > 0) response.writeHead(401, CHALLENGE).end('reason')
      else response.end()
    }
  }
  isRejected(1)
  const error = await send(10, 'init').catch((reason: unknown) => reason) as OAuthClientError
  t.match(error, { code: 'OAUTH_CLIENT_BODY_NOT_REPLAYABLE', status: 401 })
  t.equal(await error.response?.text(), 'reason')
  t.equal((await send(100_000, 'init')).status, 200, 'the next call has another token')
  t.strictSame(bearerOf(api), ['Bearer token-1', 'Bearer token-2'])

  clock.ahead += 6
  isRejected(1)
  await rejects(t, send(100_000, 'request'), 'OAUTH_CLIENT_BODY_NOT_REPLAYABLE')
  t.equal(api.received.at(-1)?.body.length, 100_000, 'the whole body of a Request was sent')
  t.equal((await client.token()).accessToken, 'token-3')

  clock.ahead += 6
  isRejected(1)
  t.equal((await client.fetch(new Request(data, { method: 'PUT', body: 'small' }))).status, 200, 'a small body of a Request is kept')
  t.strictSame(api.received.slice(-2).map(({ method, body }) => [method, body]), [['PUT', 'small'], ['PUT', 'small']])
})

t.test('invalid_client is cached, and another secret ends that at once', async (t) => {
  let secret = 'wrong'
  const { server, client } = await world(t, { clientSecret: () => secret })
  const issue = server.answer
  server.answer = (received, response) => {
    if (received.path !== '/token' || received.headers.authorization === `Basic ${btoa(`billing:${SECRET}`)}`.replace('_', '%5F')) return issue(received, response)
    if (Buffer.from(String(received.headers.authorization).slice(6), 'base64').toString().endsWith('wrong')) {
      return json(response, { error: 'invalid_client', error_description: `bad secret ${secret}` }, 401, { 'www-authenticate': 'Basic realm="x"' })
    }
    return issue(received, response)
  }
  for (let count = 0; count < 5; count++) await rejects(t, client.token(), 'OAUTH_CLIENT_TOKEN_DENIED', { error: 'invalid_client', status: 401 })
  t.equal(server.tokenRequests.length, 1)
  secret = SECRET
  t.ok((await client.token()).accessToken)
  t.equal(server.tokenRequests.length, 2)
})

t.test('a secret that is rotated fails no call', async (t) => {
  let valid = 'one'
  let known = 'one'
  const { server, api, client, clock, data } = await world(t, { clientSecret: async () => known })
  const issue = server.answer
  server.answer = (received, response) => {
    const secret = Buffer.from(String(received.headers.authorization).slice(6), 'base64').toString().split(':')[1]
    if (received.path === '/token' && secret !== valid) {
      // The new secret arrives while the old one is being rejected.
      known = valid
      return json(response, { error: 'invalid_client' }, 401)
    }
    return issue(received, response)
  }
  for (const next of ['two', 'three', 'four']) {
    await Promise.all(Array.from({ length: 10 }, async () => { t.equal((await client.fetch(data)).status, 200) }))
    valid = next
    clock.ahead += 3600
  }
  await client.fetch(data)
  t.equal(new Set(bearerOf(api)).size, 4)
})

t.test('tokens go to the allowed origins only', async (t) => {
  const { api, client } = await world(t)
  for (const url of ['https://evil.example/', api.origin.replace('127.0.0.1', 'localhost'), `${api.origin}@evil.example/`, 'http://127.0.0.1:1/', 'data:text/plain,x']) {
    await rejects(t, client.fetch(url), 'OAUTH_CLIENT_ORIGIN_NOT_ALLOWED')
  }
  await rejects(t, client.with({ allowedOrigins: ['https://other.example'] }).fetch(api.origin), 'OAUTH_CLIENT_ORIGIN_NOT_ALLOWED')
  t.equal((await client.with({ resource: `${api.origin}/api`, allowedOrigins: ['https://other.example'] }).fetch(`${api.origin}/x`)).status, 200)
})

t.test('a redirect to another origin loses the token, permanently', async (t) => {
  const { api, client, data } = await world(t, { dpop: false })
  const foreign = await PlainServer.start((_received, response) => { response.writeHead(302, { location: `${api.origin}/back` }).end() })
  t.teardown(() => foreign.close())
  const allowed = client.with({ allowedOrigins: [api.origin, foreign.origin] })
  for (const status of [301, 302, 303, 307, 308]) {
    api.received.length = foreign.received.length = 0
    api.answer = ({ path }, response) => {
      if (path === '/back') response.end('back')
      else response.writeHead(status, { location: path === '/data' ? '/same' : `${foreign.origin}/x` }).end()
    }
    const response = await allowed.fetch(data, { method: 'POST', body: 'x', headers: { cookie: 'a=b', 'content-type': 'text/plain' } })
    t.equal(await response.text(), 'back')
    t.strictSame(api.received.map(({ path, headers }) => [path, headers.authorization]), [['/data', 'Bearer token-1'], ['/same', 'Bearer token-1'], ['/back', undefined]])
    t.strictSame(foreign.received.map(({ method, headers, body }) => [method, body, headers.authorization, headers.cookie]), [[status < 307 ? 'GET' : 'POST', status < 307 ? '' : 'x', undefined, undefined]])
  }
  t.equal((await client.fetch(data, { redirect: 'manual' })).status, 308)
  await t.rejects(client.fetch(data, { redirect: 'error' }), TypeError)
  api.answer = (_received, response) => { response.writeHead(302, { location: '/again' }).end() }
  await t.rejects(client.fetch(data), TypeError)
})

t.test('the issuer of the metadata must be the one that was configured (RFC 8414 §3.3)', async (t) => {
  const { server, client } = await world(t)
  for (const metadata of [{ issuer: 'https://evil.example', token_endpoint: `${server.origin}/token` }, { issuer: server.origin, token_endpoint: 'http://evil.example/token' }, { issuer: server.origin }]) {
    server.answer = (_received, response) => { json(response, metadata) }
    const error = await client.with({ scope: JSON.stringify(metadata).length.toString() }).token().catch((reason: unknown) => reason) as OAuthClientError
    t.match(error.code, /^OAUTH_CLIENT_(?:DISCOVERY_FAILED|INVALID_RESPONSE)$/)
  }
  t.equal(server.tokenRequests.length, 0)
})

t.test('redirects of the authorization server are not followed', async (t) => {
  const { server, api, client } = await world(t)
  server.answer = ({ path }, response) => {
    if (path === '/token') response.writeHead(307, { location: `${api.origin}/steal` }).end()
    else json(response, { issuer: server.origin, token_endpoint: `${server.origin}/token` })
  }
  await rejects(t, client.token(), 'OAUTH_CLIENT_INVALID_RESPONSE')
  server.answer = (_received, response) => { response.writeHead(302, { location: `${api.origin}/metadata` }).end() }
  await rejects(t, client.with({ scope: 'other' }).token(), 'OAUTH_CLIENT_INVALID_RESPONSE')
  t.equal(api.received.length, 0)
})

t.test('metadata of servers that know OpenID Connect Discovery only are found', async (t) => {
  const { server, client } = await world(t)
  const issue = server.answer
  server.answer = (received, response) => received.path.endsWith('oauth-authorization-server') ? json(response, {}, 404) : issue(received, response)
  t.equal((await client.token()).accessToken, 'token-1')
})

t.test('metadata that cannot be fetched again stay in use', async (t) => {
  const { server, client, clock } = await world(t)
  await client.token()
  clock.ahead += 7200
  const issue = server.answer
  server.answer = (received, response) => received.path === '/token' ? issue(received, response) : json(response, {}, 500)
  t.equal((await client.token()).accessToken, 'token-2')
})

t.test('the issuer is found by the metadata of the resource (RFC 9728), if it is an allowed one', async (t) => {
  const server: PlainServer = await PlainServer.start(issuing(() => server))
  const api: PlainServer = await PlainServer.start(({ path }, response) => {
    if (path.startsWith('/.well-known/oauth-protected-resource')) json(response, { resource: api.origin, authorization_servers: ['https://evil.example', server.origin] })
    else response.end('ok')
  })
  t.teardown(() => { server.close(); api.close() })
  const options = { clientId: 'billing', clientSecret: SECRET, resource: api.origin }
  t.equal((await oauthClient({ ...options, allowedIssuers: [server.origin] }).fetch(`${api.origin}/data`)).status, 200)
  await rejects(t, oauthClient({ ...options, allowedIssuers: ['https://other.example'] }).token(), 'OAUTH_CLIENT_DISCOVERY_FAILED')
  t.equal(server.tokenRequests.length, 1)
})

t.test('responses of the authorization server are bounded in size and time', async (t) => {
  const { server, client } = await world(t, { timeout: 0.2 })
  server.answer = (_received, response) => { response.writeHead(200, { 'content-type': 'application/json' }).end(`"${'x'.repeat(300_000)}"`) }
  await rejects(t, client.token(), 'OAUTH_CLIENT_INVALID_RESPONSE')
  server.answer = () => {}
  await rejects(t, client.with({ scope: 'other' }).token(), 'OAUTH_CLIENT_SERVER_UNAVAILABLE')
})

t.test('a malformed token response is none', async (t) => {
  for (const members of [{ access_token: '' }, { access_token: 'a b' }, { access_token: 'a\nb' }, { access_token: 7 }, { token_type: 'mac' }, { token_type: 'DPoP' }, { expires_in: 'soon' }, { expires_in: -1 }]) {
    const { client } = await world(t, {}, members)
    await rejects(t, client.token(), 'OAUTH_CLIENT_INVALID_RESPONSE')
  }
})

t.test('no secret and no token is in an error, an event or what util.inspect shows', async (t) => {
  const events = (['token.requested', 'token.reused', 'token.failed', 'request.retried'] as const).map((name) => listen(t, name))
  const texts: string[] = []
  const hostile = (secret: string): Answer[] => [
    (received, response) => { json(response, { error: 'invalid_client', error_description: `${received.headers.authorization} ${received.body} ${SECRET} fccs_other` }, 400) },
    (_received, response) => { json(response, { error: `x ${SECRET}` }, 400) },
    (_received, response) => { json(response, { error: secret, error_description: `try ${secret}, ${encodeURIComponent(secret).replace(/^./, '%68')}` }, 400) },
    (_received, response) => { json(response, { access_token: `${SECRET}-token`, token_type: 'mac' }) },
    (_received, response) => { json(response, { access_token: `${SECRET} token`, token_type: 'bearer' }) },
    (_received, response) => { json(response, { access_token: `${SECRET}-token` }, 500) },
    (_received, response) => { response.socket?.destroy() }
  ]
  for (const clientAuthMethod of ['client_secret_basic', 'client_secret_post'] as const) {
    for (const clientSecret of [SECRET, 'hunter']) {
      for (const answer of hostile(clientSecret)) {
        const { server, client } = await world(t, { clientSecret, clientAuthMethod })
        const issue = server.answer
        server.answer = (received, response) => received.path === '/token' ? answer(received, response) : issue(received, response)
        texts.push(inspect(await client.token().catch((error: unknown) => error), { depth: 10, showHidden: true }))
        texts.push(inspect(client, { depth: 10, showHidden: true }))
      }
    }
  }
  const { client, data } = await world(t, {}, { access_token: SECRET })
  await client.fetch(data)
  texts.push(inspect(client, { depth: 10, showHidden: true }), inspect(events, { depth: 10 }))
  t.ok(events[0]!.length > 0 && events[1]!.length === 0 && events[2]!.length > 0)
  for (const text of texts) t.notMatch(text, /hunter|unter|0123456789abcdef|aHVudGVy|Omh1bnRlc/)
})

t.test('events tell what was requested and reused', async (t) => {
  const [requested, reused] = [listen(t, 'token.requested'), listen(t, 'token.reused')]
  const { server, client, data } = await world(t, { scope: 'a b' })
  await client.fetch(data)
  await client.fetch(data)
  t.match(requested, [{ issuer: server.origin, clientId: 'billing', scope: 'a b', expiresIn: 3600, tokenType: 'Bearer' }])
  t.strictSame(reused, [{ issuer: server.origin, clientId: 'billing', scope: 'a b' }])
})

t.test('renewal begins in the background before the token expires', async (t) => {
  const { api, server, client, clock, data } = await world(t)
  await client.fetch(data)
  clock.ahead += 3540 * 0.69
  await client.fetch(data)
  t.equal(server.tokenRequests.length, 1)
  clock.ahead += 3540 * 0.17
  await Promise.all(Array.from({ length: 20 }, () => client.fetch(data)))
  t.equal(server.tokenRequests.length, 2)
  t.strictSame(new Set(bearerOf(api)), new Set(['Bearer token-1']))
  await pause(50)
  await client.fetch(data)
  t.equal(bearerOf(api).at(-1), 'Bearer token-2')
})

t.test('a clock that is set back keeps no expired token alive', async (t) => {
  const { client, clock } = await world(t, {}, { expires_in: 1 })
  const first = await client.token()
  clock.ahead -= 86_400
  t.equal((await client.token()).accessToken, first.accessToken)
  await pause(950)
  t.not((await client.token()).accessToken, first.accessToken)
})

t.test('the library is small, and what only some credentials need is loaded when it is used', async (t) => {
  const bundle = (...args: string[]) => execFileSync('npx', ['esbuild', 'src/client/oauth-client.ts', '--bundle', '--minify', '--format=esm', '--platform=node', '--external:oauth4webapi', '--external:undici', ...args], { cwd: ROOT, encoding: 'utf8' })
  const whole = bundle()
  const first = bundle('--external:*/private-key-jwt.ts', '--external:*/dpop.ts', '--external:*/mutual-tls.ts')
  t.ok(first.length < 22_000, `${first.length} bytes`)
  t.ok(gzipSync(first).length < 9_000, `${gzipSync(first).length} bytes, compressed`)
  t.ok(whole.length < 27_000, `${whole.length} bytes with all credentials`)
  t.notMatch(whole, /from"(?:@fastify|fastify)/)
})

t.test('options are checked at once, and unknown ones have a suggestion', async (t) => {
  const base = { issuer: 'https://auth.example', clientId: 'a', clientSecret: 'b' }
  const refused = (options: object, code: OAuthClientErrorCode = 'OAUTH_CLIENT_INVALID_OPTION', message = /./) => {
    t.throws(() => oauthClient(options as OAuthClientOptions), { code, message })
  }
  refused({ ...base, clientSecrets: 'b' }, 'OAUTH_CLIENT_UNKNOWN_OPTION', /Did you mean "clientSecret"/)
  refused({ ...base, constructor: 'b' }, 'OAUTH_CLIENT_UNKNOWN_OPTION')
  refused({ ...base, issuer: 'http://auth.example' })
  refused({ ...base, issuer: undefined })
  refused({ ...base, clientId: undefined })
  refused({ ...base, clientSecret: undefined })
  refused({ ...base, clientSecret: '' })
  refused({ ...base, clientSecret: 7 })
  refused({ ...base, privateKey: 'x' })
  refused({ ...base, timeout: 0 })
  refused({ ...base, timeout: NaN })
  refused({ ...base, allowedOrigins: ['https://api.example/path'] })
  refused({ ...base, allowedOrigins: ['http://api.example'] })
  refused({ ...base, allowedOrigins: [] })
  refused({ ...base, allowedIssuers: ['https://auth.example'] })
  refused({ ...base, parameters: { grant_type: 'password' } })
  refused({ ...base, fetch, dispatcher: { dispatch () {} } })
  refused({ ...base, clientAuthMethod: 'none' })
  t.doesNotThrow(() => oauthClient({ ...base, issuer: 'http://auth.example', dangerouslyAllowHttp: true }))
  t.throws(() => oauthClient(base).with({ scopes: 'x' } as object), { code: 'OAUTH_CLIENT_UNKNOWN_OPTION' })
})
