// Rejections leave at a fixed time after the request has arrived: their time does not tell which clients exist.
import { once } from 'node:events'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { test } from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, { ClientRegistry, JwtAccessTokens, MemoryStore, SigningKeys } from '../../plugin/index.ts'
import type { ClientAuthMethod, ClientCredentialsFlowBuilder, GetClient } from '../../plugin/index.ts'
import { settingsOf } from '../../src/adapter.ts'
import { InvalidClientError } from '../../src/errors/oauth-error.ts'
import { RejectionDelay } from '../../src/throttle/rejection-delay.ts'
import { basic, demoBuilder, FORM, getClient, TOKEN_PATH } from '../support/demo.ts'

const DELAY = 40

async function appOf (t: Test, configure: (builder: ClientCredentialsFlowBuilder) => void, server = {}): Promise<FastifyInstance> {
  const store = new MemoryStore()
  const tokens = new JwtAccessTokens({ issuer: 'https://as.example', audience: 'https://as.example', keys: new SigningKeys(store), revocations: store })
  const builder = demoBuilder().useAccessTokens(tokens).setRejectionDelay(DELAY).setThrottle(null)
  configure(builder)
  const app = Fastify(server)
  t.teardown(() => app.close())
  await app.register(clientCredentialsPlugin, { flow: builder.build() })
  await app.ready()
  return app
}

const sent = (url: string, payload: string, headers = {}) => ({ method: 'POST' as const, url, headers: { 'content-type': FORM, ...headers }, payload })

async function timed (app: FastifyInstance, request: ReturnType<typeof sent>): Promise<{ status: number, milliseconds: number }> {
  const begunAt = performance.now()
  const { statusCode } = await app.inject(request)
  return { status: statusCode, milliseconds: performance.now() - begunAt }
}

test('RFC 6749 §5.2: every rejection by the endpoints at which clients authenticate is held, by whatever method, and no success is', async (t) => {
  const own: ClientAuthMethod = {
    name: 'own',
    carries: (request) => request.header('x-own') !== undefined,
    authenticate (request) {
      const name = request.header('x-own')
      if (name === 'wrong') throw new InvalidClientError()
      return name === undefined ? undefined : { kind: 'verified', clientId: name }
    }
  }
  const app = await appOf(t, (builder) => builder.addClientAuthenticationMethod(own))
  const slow = await appOf(t, (builder) => builder.setRejectionDelay(60_000))
  const grant = 'grant_type=client_credentials'
  for (const [url, payload] of [[TOKEN_PATH, grant], ['/oauth2/introspect', 'token=a'], ['/oauth2/revoke', 'token=a']] as const) {
    for (const headers of [{}, { authorization: basic('reader', 'wrong') }, { authorization: basic('nobody') }, { authorization: 'Basic !' }, { 'x-own': 'wrong' }, { 'x-own': 'nobody' }]) {
      const { status, milliseconds } = await timed(app, sent(url, payload, headers))
      t.equal(status, 401)
      t.ok(milliseconds >= DELAY, `${url} ${JSON.stringify(headers)}: ${milliseconds} ms`)
    }
    const { status, milliseconds } = await timed(slow, sent(url, payload, { authorization: basic('reader') }))
    t.equal(status, 200)
    t.ok(milliseconds < 30_000, `${url}: a success after ${milliseconds} ms`)
  }
})

test('A rejection that is decided late leaves after twice the time, and one of the core without a framework is held too', async (t) => {
  const late: GetClient = async () => { await new Promise((resolve) => setTimeout(resolve, DELAY * 1.5)) }
  const flow = demoBuilder().setRejectionDelay(DELAY).getClient(late).build()
  const begunAt = performance.now()
  const { success } = await flow.token(new Request('https://as.example/token', { method: 'POST', headers: { authorization: basic('reader') }, body: new URLSearchParams({ grant_type: 'client_credentials' }) }))
  t.equal(success, false)
  t.ok(performance.now() - begunAt >= DELAY * 2)
})

test('The time does not depend on the work: in virtual time, all rejections leave in one tick', async (t) => {
  let tick: (() => void) | undefined
  t.intercept(globalThis, 'setTimeout', {
    value: (callback: () => void, milliseconds: number) => {
      t.equal(milliseconds, 11)
      tick = callback
      return { unref () { return this }, ref () { return this } }
    }
  })
  t.intercept(globalThis, 'clearTimeout', { value: () => {} })
  const delay = new RejectionDelay(() => 10)
  const arrival = delay.arrive()!
  tick!()
  let hasLeft = false
  const leaving = arrival.reject(undefined).then(() => { hasLeft = true })
  await new Promise(setImmediate)
  t.equal(hasLeft, false, 'the tick was before the decision')
  tick!()
  await leaving
  t.equal(delay.held, 0)
  t.equal(new RejectionDelay(() => 0).arrive(), undefined)
})

test('A request that is never decided wakes the process ever less often', async (t) => {
  const waits: number[] = []
  let tick: (() => void) | undefined
  t.intercept(globalThis, 'setTimeout', {
    value: (callback: () => void, milliseconds: number) => {
      waits.push(milliseconds)
      tick = callback
      return { unref () { return this }, ref () { return this } }
    }
  })
  new RejectionDelay(() => 10).arrive()
  for (let i = 0; i < 5; i++) tick!()
  t.same(waits, [11, 11, 21, 41, 81, 161])
})

test('At most 1,000 rejections are held, those beyond leave at once, and one whose client has gone frees its place', async (t) => {
  const delay = new RejectionDelay(() => 60_000)
  const controllers = Array.from({ length: 1000 }, () => new AbortController())
  const held = controllers.map(({ signal }) => delay.arrive()!.reject(signal))
  t.equal(delay.held, 1000)
  await delay.arrive()!.reject(undefined)
  controllers[0]!.abort()
  await held[0]
  t.equal(delay.held, 999)
  const next = new AbortController()
  const rejecting = delay.arrive()!.reject(next.signal)
  t.equal(delay.held, 1000)
  await Promise.all([...controllers, next].map((controller) => controller.abort()))
  await Promise.all([...held, rejecting])
  t.equal(delay.held, 0)
  await delay.arrive()!.reject(AbortSignal.abort())
})

test('A connection that the client has closed frees its place, and a server that closes sends what it holds', async (t) => {
  const app = await appOf(t, (builder) => builder.setRejectionDelay(60_000))
  const holding = settingsOf(app.clientCredentials).heldRejections!
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const body = 'grant_type=client_credentials'
  const request = `POST ${TOKEN_PATH} HTTP/1.1\r\nhost: a\r\nauthorization: ${basic('reader', 'wrong')}\r\ncontent-type: ${FORM}\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  const until = async (count: number) => { while (holding.held !== count) await new Promise((resolve) => setTimeout(resolve, 2)) }
  const socket = connect(port, '127.0.0.1')
  socket.write(request)
  await until(1)
  socket.destroy()
  await until(0)
  t.pass('freed')

  const closing = await appOf(t, () => {})
  await closing.listen({ port: 0, host: '127.0.0.1' })
  const waiting = connect((closing.server.address() as AddressInfo).port, '127.0.0.1')
  waiting.write(request)
  while (settingsOf(closing.clientCredentials).heldRejections!.held !== 1) await new Promise(setImmediate)
  const answering = once(waiting, 'data') as Promise<[Buffer]>
  const closed = closing.close()
  const [answer] = await answering
  t.match(String(answer), /^HTTP\/1\.1 401 /)
  waiting.destroy()
  await closed
})

test('The delay is twice the time of a slow hash once a client has a secret that is hashed slowly', async (t) => {
  const store = new MemoryStore()
  const clients = new ClientRegistry(store)
  const keys = new SigningKeys(store)
  const flow = demoBuilder().setRejectionDelay(undefined as unknown as number).getClient((context) => clients.getClient(context)).useClients(clients)
    .useAccessTokens(new JwtAccessTokens({ issuer: 'https://as.example', audience: 'https://as.example', keys, revocations: store })).build()
  await flow.start()
  t.equal(clients.slowHashTime, 0)
  await clients.add({ id: 'imported', secret: 'correct horse battery staple' })
  const restarted = new ClientRegistry(store)
  await restarted.start()
  t.ok(restarted.slowHashTime > 10)
  while (clients.slowHashTime === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  const begunAt = performance.now()
  await flow.token(new Request('https://as.example/token', { method: 'POST', headers: { authorization: basic('nobody', 'x') }, body: new URLSearchParams({ grant_type: 'client_credentials' }) }))
  t.ok(performance.now() - begunAt >= 2 * clients.slowHashTime * 0.9)
})

test('A delay that is none is rejected when the flow is built', async (t) => {
  for (const rejectionDelay of [-1, 1.5, 60_001, NaN, '10' as unknown as number]) {
    t.throws(() => demoBuilder().setRejectionDelay(rejectionDelay).build(), { code: 'FST_OAUTH_INVALID_REJECTION_DELAY' })
  }
})

test('RFC 6749 §2.3.1: failed proofs count in the throttle, apart from secrets, and lock nobody out', async (t) => {
  const app = await appOf(t, (builder) => {
    builder.setThrottle(undefined as unknown as null)
    builder.setRejectionDelay(0)
    builder.addClientAuthenticationMethod({
      name: 'own',
      mechanism: 'client_assertion',
      carries: ({ form }) => form.client_assertion !== undefined,
      authenticate ({ form }) {
        if (form.client_assertion !== 'right') throw new InvalidClientError()
        return { kind: 'verified', clientId: 'reader' }
      }
    })
    builder.getClient((context) => context.clientAuthMethod === 'own' ? { id: 'reader', grants: ['client_credentials'] } : getClient(context))
  })
  const prove = async (assertion: string) => (await app.inject(sent(TOKEN_PATH, `grant_type=client_credentials&client_id=reader&client_assertion=${assertion}`))).statusCode
  const statuses: number[] = []
  for (let count = 0; count < 12; count++) statuses.push(await prove('wrong'))
  t.strictSame(statuses, [...Array<number>(10).fill(401), 429, 429])
  t.equal(await prove('right'), 200, 'a right proof')
  t.equal((await app.inject(sent(TOKEN_PATH, 'grant_type=client_credentials', { authorization: basic('reader') }))).statusCode, 200, 'a right secret')
})
