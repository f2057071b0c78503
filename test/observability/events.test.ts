// What is published on the channels of node:diagnostics_channel: every decision, once.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import formbody from '@fastify/formbody'
import Fastify from 'fastify'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { test } from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, { ClientRegistry, FailureThrottle, JwtAccessTokens, MemoryStore, OpaqueAccessTokens, SigningKeys, StoreUnavailableError } from '../../plugin/index.ts'
import { credentialsFromCache, FORM_BODY_LIMIT, settingsOf, verifyRequest } from '../../src/adapter.ts'
import type { AccessTokens, ClientAuthMethod, ClientCredentialsFlowBuilder } from '../../plugin/index.ts'
import type { AuditOrigin } from '../../src/adapter.ts'
import { basic, demoApp, demoBuilder, FORM, form, SECRET, TOKEN_PATH, tokenOf } from '../support/demo.ts'
import { recordEvents } from '../support/events.ts'
import type { Published } from '../support/events.ts'
import { AUDIENCE, ISSUER, now, READ } from '../support/forge.ts'

const grant = (parameters: Record<string, string> = {}) => form({ grant_type: 'client_credentials', ...parameters })
const ask = (payload: string, headers: Record<string, string> = { authorization: basic('reader') }): InjectOptions =>
  ({ method: 'POST', url: TOKEN_PATH, headers: { 'content-type': FORM, ...headers }, payload })
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const good = tokenOf('reader', [READ])

/** Sends a request, and compares all that was published because of it. */
async function expectEvents (t: Test, app: FastifyInstance, events: Published[], title: string, sent: InjectOptions, expected: object[]): Promise<void> {
  events.length = 0
  const { statusCode } = await app.inject(sent)
  t.equal(events.length, expected.length, `${title}: ${events.map(({ is }) => is).join(', ')}`)
  t.match(events, expected, title)
  for (const { is, status, flow, address, requestId, duration } of events) {
    t.match({ flow, address, requestId, duration }, { flow: 'demo', address: '127.0.0.1', requestId: /^req-/, duration: Number }, title)
    t.ok((duration as number) >= 0 && (duration as number) < 60, `${title}: seconds`)
    if (is === 'token.denied' || is === 'token.rejected') t.equal(status, statusCode, `${title}: the status of the answer`)
  }
}

const fail = (error: Error) => { throw error }
const breaking = (error: () => Error) => (builder: ClientCredentialsFlowBuilder) => builder.generateAccessToken(() => fail(error())).verifyToken(() => fail(error()))
const appOf = (adapt: (builder: ClientCredentialsFlowBuilder) => ClientCredentialsFlowBuilder) => demoApp({ flow: adapt(demoBuilder()).build() })
const denied = (status: number, error: string, more: object = {}) => [{ is: 'token.denied', endpoint: 'token', status, error, ...more }]

test('Every token request is one event', async (t) => {
  const app = await demoApp()
  const events = recordEvents(t)
  const expect = (title: string, sent: InjectOptions, expected: object[]) => expectEvents(t, app, events, title, sent, expected)

  await expect('a token', ask(grant({ scope: READ })), [{
    is: 'token.issued', clientId: 'reader', method: 'client_secret_basic', scope: [READ], tokenType: 'Bearer', expiresIn: 3600, audience: undefined
  }])
  await expect('a token by another method', ask(grant({ client_id: 'writer', client_secret: SECRET }), {}), [{ is: 'token.issued', clientId: 'writer', method: 'client_secret_post' }])

  const stranger = { clientId: undefined, presentedClientId: 'reader', method: 'client_secret_basic' }
  const nobody = { clientId: undefined, presentedClientId: undefined, method: undefined }
  const known = { clientId: 'reader', presentedClientId: undefined, method: 'client_secret_basic' }
  await expect('a wrong secret', ask(grant(), { authorization: basic('reader', 'wrong') }), denied(401, 'invalid_client', stranger))
  await expect('no credentials', ask(grant(), {}), denied(401, 'invalid_client', nobody))
  await expect('another client_id', ask(grant({ client_id: 'writer' })), denied(400, 'invalid_request', stranger))
  await expect('a scope too many', ask(grant({ scope: 'data:write' })), denied(400, 'invalid_scope', known))
  await expect('a client without the grant', ask(grant(), { authorization: basic('browser') }), denied(400, 'unauthorized_client', { clientId: 'browser' }))
  await expect('another grant type', ask(form({ grant_type: 'password' })), denied(400, 'unsupported_grant_type', nobody))
  await expect('what the schema refuses', ask(form({ scope: READ })), denied(400, 'invalid_request', nobody))
  await expect('a repeated parameter', ask(`${grant()}&scope=a&scope=b`), denied(400, 'invalid_request', nobody))
  for (const method of ['GET', 'HEAD', 'PUT'] as const) await expect(method, { method, url: TOKEN_PATH }, denied(405, 'invalid_request', nobody))
  await expect('JSON', ask('{}', { 'content-type': 'application/json' }), denied(400, 'invalid_request', nobody))
  await expect('no media type', { method: 'POST', url: TOKEN_PATH, payload: Buffer.from(grant()) }, denied(400, 'invalid_request', nobody))
  await expect('a body too large', ask(grant({ a: 'x'.repeat(FORM_BODY_LIMIT) })), denied(413, 'invalid_request', nobody))
  await expect('what is no business of ours', { method: 'OPTIONS', url: TOKEN_PATH }, [])
})

test('A stranger chooses neither length nor characters of what is published, and no secret gets there by mistake', async (t) => {
  const method: ClientAuthMethod = {
    name: 'own', carries: ({ form: { id } }) => typeof id === 'string', authenticate: ({ form: { id } }) => ({ kind: 'secret', clientId: id as string, clientSecret: 'wrong' })
  }
  const app = await appOf((builder) => builder.addClientAuthenticationMethod(method))
  const events = recordEvents(t)
  const presentedBy = async (id: string) => {
    events.length = 0
    await app.inject(ask(grant({ id }), {}))
    return events[0]!.presentedClientId
  }
  t.equal(await presentedBy('x'.repeat(5000)), 'x'.repeat(100))
  t.equal(await presentedBy('a\r\nb\u001b[31m\u2028é'), 'a??b?[31m??')
  const registry = new ClientRegistry(new MemoryStore())
  const { secret } = await registry.add()
  t.equal(await presentedBy(secret!.secret), undefined)
  t.equal(await presentedBy(` ${secret!.secret}\n`), undefined)
})

test('What fails is an event, and what comes behind a decision is none', async (t) => {
  const events = recordEvents(t)
  for (const [error, status, code] of [
    [() => new Error('boom'), 500, 'server_error'],
    [() => new StoreUnavailableError(new Error('down')), 503, 'temporarily_unavailable']
  ] as const) {
    const app = await appOf(breaking(error))
    await expectEvents(t, app, events, code, ask(grant()), denied(status, code, { clientId: 'reader' }))
    await expectEvents(t, app, events, code, { url: '/data', headers: bearer(good) }, [{ is: 'token.rejected', status, error: code, clientId: undefined, tokenType: 'Bearer', needed: [READ] }])
    const late = await appOf((builder) => breaking(error)(builder).verifyToken(async () => fail(error())))
    await expectEvents(t, late, events, code, { url: '/data', headers: bearer(good) }, [{ is: 'token.rejected', status, error: code, clientId: undefined }])
  }

  const throttled = await appOf((builder) => builder.setThrottle(new FailureThrottle({ limit: 1 })))
  await throttled.inject(ask(grant(), { authorization: basic('reader', 'wrong') }))
  await throttled.inject(ask(grant(), { authorization: basic('reader', 'wrong') }))
  await expectEvents(t, throttled, events, 'throttled', ask(grant()), denied(429, 'temporarily_unavailable', { clientId: undefined, presentedClientId: 'reader' }))

  const hooked = Fastify()
  hooked.addHook('onRequest', async ({ headers }) => { if (headers['x-fail'] === 'early') throw Object.assign(new Error('limit'), { statusCode: 429 }) })
  hooked.addHook('onSend', async ({ headers }, _reply, payload) => headers['x-fail'] === 'late' ? fail(new Error('late')) : payload)
  await hooked.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
  await expectEvents(t, hooked, events, 'a hook', ask(grant(), { 'x-fail': 'early' }), denied(429, 'temporarily_unavailable'))
  await expectEvents(t, hooked, events, 'a hook behind the answer', ask(grant(), { authorization: basic('reader'), 'x-fail': 'late' }), [{ is: 'token.issued' }])
})

test('Every request with a token is one event, and a second where a valid token is not enough', async (t) => {
  const app = await demoApp()
  await app.register(formbody)
  app.post('/form', { preHandler: app.requireScopes(READ) }, async () => 'done')
  app.post('/hook', { onRequest: app.requireScopes(READ) }, async () => 'done')
  app.get('/twice', { preHandler: [app.requireScopes(READ), app.requireScopes()] }, async () => 'done')
  const events = recordEvents(t)
  const expect = (title: string, sent: InjectOptions, expected: object[]) => expectEvents(t, app, events, title, sent, expected)
  const verified = { is: 'token.verified', clientId: 'reader', scope: [READ], tokenType: 'Bearer' }
  const rejected = (status: number, error: string, more: object = {}) => ({ is: 'token.rejected', status, error, clientId: undefined, tokenType: 'Bearer', needed: [READ], ...more })

  await expect('a good token', { url: '/data', headers: bearer(good) }, [verified])
  await expect('two guards', { url: '/twice', headers: bearer(good) }, [verified])
  await expect('no token', { url: '/data' }, [rejected(401, 'unauthorized', { tokenType: undefined })])
  await expect('another scheme', { url: '/data', headers: { authorization: basic('reader') } }, [rejected(401, 'unauthorized', { tokenType: undefined })])
  await expect('a malformed header', { url: '/data', headers: bearer('"a"') }, [rejected(400, 'invalid_request')])
  await expect('a bad token', { url: '/data', headers: bearer('bad') }, [rejected(401, 'invalid_token')])
  await expect('a second token in the query', { url: '/data?access_token=a', headers: bearer(good) }, [rejected(400, 'invalid_request')])
  await expect('too few scopes', { method: 'POST', url: '/data', headers: bearer(good) }, [
    verified, rejected(403, 'insufficient_scope', { clientId: 'reader', needed: ['data:write'], duration: 0 })
  ])
  for (const url of ['/form', '/hook']) {
    await expect('a second token in the body', { method: 'POST', url, headers: { ...bearer(good), 'content-type': FORM }, payload: 'access_token=a' }, [
      verified, rejected(400, 'invalid_request', { clientId: 'reader' })
    ])
  }
  await expect('an open route', { url: '/open', headers: bearer(good) }, [])

  const anonymous = await appOf((builder) => builder.verifyToken(async () => ({ isValid: true, credentials: { scope: READ } as never })))
  await expectEvents(t, anonymous, events, 'credentials of nobody', { url: '/data', headers: bearer('a') }, [{ is: 'token.verified', clientId: undefined }])
  await expectEvents(t, anonymous, events, 'credentials of nobody', { method: 'POST', url: '/data', headers: bearer('a') }, [{ is: 'token.verified' }, { is: 'token.rejected', clientId: undefined }])
})

test('Web Requests are events too, of which neither name nor address is known', async (t) => {
  const flow = demoBuilder().build()
  const events = recordEvents(t)
  const request = (init: RequestInit = {}) => new Request(`https://as.example${TOKEN_PATH}`, {
    method: 'POST', headers: { 'content-type': FORM, authorization: basic('reader') }, body: grant(), ...init
  })
  const expect = async (title: string, decide: () => Promise<unknown>, expected: object) => {
    events.length = 0
    await decide()
    t.match(events, [{ flow: 'demo', requestId: undefined, address: undefined, ...expected }], title)
    t.equal(events.length, 1, title)
  }
  await expect('a token', () => flow.token(request()), { is: 'token.issued', clientId: 'reader' })
  await expect('a refusal', () => flow.token(request({ headers: { 'content-type': FORM } })), { is: 'token.denied', error: 'invalid_client' })
  await expect('GET', () => flow.token(request({ method: 'GET', body: null })), { is: 'token.denied', status: 405, endpoint: 'token', duration: 0 })
  await expect('JSON', () => flow.token(request({ headers: { 'content-type': 'application/json' } })), { is: 'token.denied', status: 400 })
  await expect('a large body', () => flow.token(request({ body: 'a'.repeat(FORM_BODY_LIMIT + 1) })), { is: 'token.denied', status: 413 })
  await expect('nothing at all', () => flow.token(null as unknown as Request), { is: 'token.denied', status: 500 })
  await expect('a good token', () => flow.verifyToken(request({ headers: bearer(good) })), { is: 'token.verified', clientId: 'reader' })
  await expect('a bad token', () => flow.verifyToken(request({ headers: bearer('bad') })), { is: 'token.rejected', error: 'invalid_token', needed: [] })
})

test('Introspection and revocation tell of what they refuse, and of the tokens that are revoked', async (t) => {
  for (const tokens of [
    new JwtAccessTokens({ issuer: ISSUER, audience: [AUDIENCE], keys: new SigningKeys(new MemoryStore()), revocations: new MemoryStore() }),
    new OpaqueAccessTokens({ issuer: ISSUER, audience: [AUDIENCE], store: new MemoryStore() })
  ]) {
    const app = Fastify()
    const flow = demoBuilder().generateAccessToken((context) => tokens.issue(context)).useAccessTokens(tokens).build()
    await app.register(clientCredentialsPlugin, { flow })
    const events = recordEvents(t)
    const expect = (title: string, url: string, payload: Record<string, string>, expected: object[], headers?: Record<string, string>) =>
      expectEvents(t, app, events, title, { ...ask(form(payload), headers), url }, expected)

    const { access_token: token } = (await app.inject(ask(grant()))).json() as { access_token: string }
    t.match(events.filter(({ is }) => is.startsWith('token')), [{ is: 'token.issued', audience: [AUDIENCE] }])
    for (const endpoint of ['introspection', 'revocation']) {
      const url = endpoint === 'introspection' ? '/oauth2/introspect' : '/oauth2/revoke'
      await expect('a stranger', url, { token }, [{ is: 'token.denied', endpoint, error: 'invalid_client', presentedClientId: 'reader' }], { authorization: basic('reader', 'wrong') })
      await expect('no token', url, {}, [{ is: 'token.denied', endpoint, error: 'invalid_request', clientId: undefined }])
      await expect('an unknown token', url, { token: 'unknown' }, [])
    }
    await expect('introspection', '/oauth2/introspect', { token }, [])
    await expect('introspection as a JWT', '/oauth2/introspect', { token }, [], { authorization: basic('reader'), accept: 'application/token-introspection+jwt' })
    await expect('the token of another', '/oauth2/revoke', { token }, [{ is: 'token.denied', endpoint: 'revocation', error: 'invalid_request', clientId: 'writer' }], { authorization: basic('writer') })
    const tokenId = tokens instanceof JwtAccessTokens ? String : undefined
    await expect('revocation', '/oauth2/revoke', { token }, [{ is: 'token.revoked', clientId: 'reader', method: 'client_secret_basic', tokenId }])
    await expect('revocation again', '/oauth2/revoke', { token }, [])

    events.length = 0
    await tokens.revokeClient('reader')
    t.strictSame(events, [{ is: 'client.changed', clientId: 'reader', change: 'tokens_revoked', secretId: undefined, actor: undefined, requestId: undefined }])
  }
})

const ORIGIN: AuditOrigin = { actor: { kind: 'client', id: 'administrator' }, requestId: 'req-1' }

test('Each change to clients is an event that says who has made it, and what changes nothing is none', async (t) => {
  for (const by of [ORIGIN, undefined]) {
    const registry = new ClientRegistry(new MemoryStore())
    const events = recordEvents(t)
    const who = { actor: by?.actor, requestId: by?.requestId }
    const expect = async (change: string, work: Promise<unknown>, more: object = { secretId: undefined }) => {
      await work
      t.strictSame(events.splice(0), [{ is: 'client.changed', clientId: 'billing', change, ...more, ...who }], change)
    }
    await expect('added', registry.add({ id: 'billing' }, { by }))
    await expect('updated', registry.update('billing', { name: 'Billing' }, { by }))
    await expect('disabled', registry.disable('billing', { by }))
    await expect('enabled', registry.enable('billing', { by }))
    await expect('tokens_revoked', registry.revokeTokens('billing', { by }))
    const issued = await registry.rotateSecret('billing', { by })
    await expect('secret_added', Promise.resolve(), { secretId: issued!.id })
    await expect('secret_revoked', registry.revokeSecret('billing', issued!.id, { by }), { secretId: issued!.id })
    await registry.revokeSecret('billing', issued!.id, { by })
    await registry.disable('nobody', { by })
    await registry.revokeTokens('nobody', { by })
    await registry.remove('nobody', { by })
    await t.rejects(registry.add({ id: 'billing' }, { by }))
    t.strictSame(events, [])
    await expect('removed', registry.remove('billing', { by }))
    await registry.addAll([{ id: 'a' }, { id: 'b' }, { id: 'a' }], { by })
    t.strictSame(events.splice(0).map(({ clientId, change, actor, requestId }) => ({ clientId, change, actor, requestId })), [
      { clientId: 'a', change: 'added', ...who }, { clientId: 'b', change: 'added', ...who }
    ])
    await registry.addAll([{ id: 'a' }], { by })
    t.strictSame(events, [])
  }
})

test('Each new signing key is an event, whoever makes it, and so is one that is revoked', async (t) => {
  const store = new MemoryStore()
  let time = now()
  const [keys, others] = [0, 1].map(() => new SigningKeys(store, { rotateEvery: 1000, announceFor: 100, now: () => time })) as [SigningKeys, SigningKeys]
  const events = recordEvents(t)
  const first = await keys.current()
  t.strictSame(events.splice(0), [{ is: 'key.rotated', kid: first.kid, alg: 'ES256', activeFrom: time }], 'the first')
  await others.current()
  t.strictSame(events, [], 'in another process there is nothing to tell')

  const next = await keys.rotate()
  t.strictSame(events.splice(0), [{ is: 'key.rotated', kid: next.kid, alg: 'ES256', activeFrom: time + 100 }])
  await keys.rotate()
  await others.rotate()
  t.strictSame(events, [], 'it is announced already')

  await others.revoke(next.kid, { by: ORIGIN })
  t.strictSame(events.splice(0), [{ is: 'key.revoked', kid: next.kid, ...ORIGIN }])
  await keys.revoke(next.kid)
  t.strictSame(events, [], 'it is gone already')
  await keys.revoke(first.kid)
  t.match(events.splice(0), [{ is: 'key.rotated' }, { is: 'key.revoked', kid: first.kid, actor: undefined, requestId: undefined }], 'another takes its place')

  time += 950
  await keys.refresh()
  t.match(events.splice(0), [{ is: 'key.rotated', activeFrom: Number }], 'the clock makes one, too')
})

test('An event is made for those who listen to it', async (t) => {
  const app = await demoApp()
  const send = async () => {
    for (const sent of [ask(grant()), ask(grant({ scope: 'unknown' })), { url: '/data', headers: bearer(good) }, { url: '/data' }]) await app.inject(sent)
  }
  const names = ['issued', 'denied', 'verified', 'rejected']
  for (const name of names) {
    const heard: unknown[] = []
    const listener = (event: unknown) => { heard.push(event) }
    subscribe(`fastify-client-credentials.token.${name}`, listener)
    await send()
    t.equal(heard.length, 1, name)
    unsubscribe(`fastify-client-credentials.token.${name}`, listener)
    await send()
    t.equal(heard.length, 1, `${name}, no more`)
  }

  const request = { method: 'GET', url: '/data', header: (name: string) => name === 'authorization' ? `Bearer ${good}` : undefined }
  const settings = settingsOf(demoBuilder().build())
  t.equal(credentialsFromCache(settings, request), undefined, 'a verifyToken of the application has no cache')
  t.equal((await verifyRequest(settings, request)).app.id, 'reader')
  const seen = recordEvents(t)
  const tokens: AccessTokens = { verify: async () => await Promise.reject(new Error('not asked')), cached: () => ({ isValid: true, credentials: { app: { id: 'cached' }, scope: ['a'] } }) }
  const cachedSettings = settingsOf(demoBuilder().useAccessTokens(tokens).build())
  t.equal(credentialsFromCache(cachedSettings, request)?.app.id, 'cached')
  t.match(seen, [{ is: 'token.verified', clientId: 'cached', tokenType: 'Bearer' }], 'a cached token is an event, too')
})

test('A subscriber that throws breaks no request: Node.js makes it an uncaughtException', async (t) => {
  const app = await demoApp()
  const caught: Error[] = []
  const listener = () => { throw new Error('a subscriber of mine') }
  subscribe('fastify-client-credentials.token.verified', listener)
  process.setUncaughtExceptionCaptureCallback((error) => { caught.push(error) })
  t.teardown(() => { process.setUncaughtExceptionCaptureCallback(null) })
  const { statusCode } = await app.inject({ url: '/data', headers: bearer(good) })
  unsubscribe('fastify-client-credentials.token.verified', listener)
  t.equal(statusCode, 200)
  t.match(caught, [{ message: 'a subscriber of mine' }])
})
