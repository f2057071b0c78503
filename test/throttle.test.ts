// The guessing of secrets is stopped (RFC 6749 §2.3.1), and nobody is locked out by the failures of others.
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { test } from 'tap'
import clientCredentialsPlugin, { ClientCredentialsFlowBuilder, FailureThrottle, FLOW_ERRORS } from '../plugin/index.ts'
import type { FailureThrottleOptions } from '../plugin/index.ts'
import { StoreUnavailableError } from '../src/store/unavailable.ts'
import { RecentFailures } from '../src/throttle/recent-failures.ts'
import { basic, getClient, SECRET } from './support/demo.ts'

const START = 1_800_000_000
const HERE = '192.0.2.1'
const LIMIT = 3

interface Attempt { id?: string, secret?: string, from?: string, inBody?: boolean }

async function appWith (throttle: FailureThrottle | null): Promise<{ app: FastifyInstance, asked: string[] }> {
  const asked: string[] = []
  const flow = new ClientCredentialsFlowBuilder()
    .addClientAuthenticationMethod('client_secret_basic')
    .addClientAuthenticationMethod('client_secret_post')
    .setThrottle(throttle)
    .getClient((context) => {
      asked.push(context.clientId)
      return getClient(context)
    })
    .generateAccessToken(() => 'token')
    .build()
  const app = Fastify()
  await app.register(clientCredentialsPlugin, { flow })
  return { app, asked }
}

function attempt (app: FastifyInstance, { id = 'reader', secret = 'wrong', from = HERE, inBody = false }: Attempt = {}) {
  const credentials = inBody ? `&client_id=${id}&client_secret=${encodeURIComponent(secret)}` : ''
  return app.inject({
    method: 'POST',
    url: '/token',
    remoteAddress: from,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...(!inBody && { authorization: basic(id, secret) }) },
    payload: `grant_type=client_credentials${credentials}`
  })
}

async function statuses (app: FastifyInstance, count: number, options?: Attempt): Promise<number[]> {
  const seen: number[] = []
  for (let i = 0; i < count; i++) seen.push((await attempt(app, options)).statusCode)
  return seen
}

const throttleOf = (options: FailureThrottleOptions = {}) => new FailureThrottle({ limit: LIMIT, now: () => START, ...options })

test('RFC 6749 §2.3.1: guessing is stopped by 429 with Retry-After and an OAuth body, and the secret is not compared any more', async (t) => {
  const { app, asked } = await appWith(throttleOf())
  t.strictSame(await statuses(app, LIMIT + 2), [401, 401, 401, 429, 429])
  t.equal(asked.length, LIMIT)
  const refused = await attempt(app, { secret: SECRET })
  t.equal(refused.statusCode, 429, 'the right secret among the wrong ones')
  t.equal(refused.headers['retry-after'], '60')
  t.equal(refused.headers['cache-control'], 'no-store')
  t.strictSame(refused.json(), { error: 'temporarily_unavailable', error_description: 'Client authentication has failed too often' })
})

test('The failures are forgotten after the window', async (t) => {
  let time = START
  const { app } = await appWith(throttleOf({ window: 30, now: () => time }))
  await statuses(app, LIMIT)
  time += 29
  t.equal((await attempt(app)).headers['retry-after'], '1')
  time += 1
  t.equal((await attempt(app, { secret: SECRET })).statusCode, 200)
  t.strictSame(await statuses(app, LIMIT + 1), [401, 401, 401, 429])
})

test('A client is not locked out by failures on its id from elsewhere, nor by those of others at its address', async (t) => {
  const { app } = await appWith(throttleOf())
  await statuses(app, LIMIT + 1, { from: '203.0.113.9' })
  await statuses(app, LIMIT + 1, { id: 'writer' })
  t.equal((await attempt(app, { secret: SECRET })).statusCode, 200)
})

test('A library that tries one method after the other is never stopped', async (t) => {
  const { app } = await appWith(throttleOf())
  for (let i = 0; i < LIMIT * 3; i++) {
    t.equal((await attempt(app)).statusCode, 401)
    t.equal((await attempt(app, { secret: SECRET, inBody: true })).statusCode, 200)
  }
})

test('An unknown client is counted like a known one', async (t) => {
  const { app } = await appWith(throttleOf())
  t.strictSame(await statuses(app, LIMIT + 1, { id: 'nobody' }), [401, 401, 401, 429])
})

test('Addresses count as one by the first 64 bits of IPv6, and whole otherwise', async (t) => {
  const one: [string, string][] = [
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'], ['2001:db8::1', '2001:0db8:0:0:1::'], ['2001:DB8::', '2001:db8::9'], ['::1', '::2']
  ]
  const two: [string, string][] = [
    ['2001:db8:1:2::1', '2001:db8:1:3::1'], ['192.0.2.1', '192.0.2.2'], ['::ffff:192.0.2.1', '::ffff:192.0.2.2'], ['::1', '1::'], ['10::', '1::']
  ]
  const isStopped = async (first: string, second: string) => {
    const { app } = await appWith(throttleOf())
    await statuses(app, LIMIT, { from: first })
    return (await attempt(app, { from: second })).statusCode === 429
  }
  for (const [first, second] of one) t.equal(await isStopped(first, second), true, `${first} and ${second}`)
  for (const [first, second] of two) t.equal(await isStopped(first, second), false, `${first} and ${second}`)
})

test('Several processes share their counts by a store', async (t) => {
  const store = new RecentFailures({ max: 10, now: () => START })
  const [{ app: first }, { app: second }] = [await appWith(throttleOf({ store })), await appWith(throttleOf({ store }))]
  t.strictSame(await statuses(first, LIMIT), [401, 401, 401])
  t.strictSame(await statuses(second, 2), [429, 429], 'the first failure in another process tells it of the others')
})

test('A failure that cannot be counted is answered 503, and a good client not at all by that', async (t) => {
  const away = async () => { throw new StoreUnavailableError(new Error('connection refused')) }
  const { app } = await appWith(throttleOf({ store: { countFailure: away, forgetFailures: away } }))
  const refused = await attempt(app)
  t.equal(refused.statusCode, 503)
  t.ok(refused.headers['retry-after'])
  t.equal((await attempt(app, { secret: SECRET })).statusCode, 200)
})

test('Without an address nothing is counted: a web Request has none', async (t) => {
  const flow = new ClientCredentialsFlowBuilder().setThrottle(throttleOf()).getClient(getClient).generateAccessToken(() => 'token').build()
  const ask = (secret: string) => flow.token(new Request('https://auth.example/token', {
    method: 'POST', headers: { authorization: basic('reader', secret) }, body: new URLSearchParams({ grant_type: 'client_credentials' })
  }))
  for (let i = 0; i < LIMIT * 2; i++) t.match(await ask('wrong'), { error: { code: 'invalid_client' } })
  t.match(await ask(SECRET), { success: true })
})

test('It is on unless it is taken away', async (t) => {
  const { app } = await appWith(null)
  t.strictSame(new Set(await statuses(app, 50)), new Set([401]))
  const flow = new ClientCredentialsFlowBuilder().getClient(getClient).generateAccessToken(() => 'token').build()
  const guarded = Fastify()
  await guarded.register(clientCredentialsPlugin, { flow })
  t.strictSame((await statuses(guarded, 11)).slice(-2), [401, 429], 'ten failures')
})

test('Memory is bounded, and what failed longest ago goes first', async (t) => {
  const failures = new RecentFailures({ max: 2, now: () => START })
  for (const key of ['a', 'b', 'c']) await failures.countFailure(key, 60)
  t.equal((await failures.countFailure('a', 60)).count, 1)
  t.equal((await failures.countFailure('c', 60)).count, 2)
  await failures.forgetFailures('c')
  t.equal((await failures.countFailure('c', 60)).count, 1)
})

test('A throttle is refused that would stop everybody or nobody', async (t) => {
  for (const options of [{ limit: 0 }, { limit: 1.5 }, { window: 0 }, { window: Infinity }]) {
    t.throws(() => new FailureThrottle(options), { code: 'FST_OAUTH_INVALID_THROTTLE', message: FLOW_ERRORS.FST_OAUTH_INVALID_THROTTLE })
  }
})
