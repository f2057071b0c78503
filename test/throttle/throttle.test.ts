// The guessing of secrets is stopped (RFC 6749 §2.3.1), and nobody is locked out by the failures of others.
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { test } from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, { ClientCredentialsFlowBuilder, ClientRegistry, DPoPTokenType, FailureThrottle, JwtAccessTokens, MemoryStore, SigningKeys } from '../../plugin/index.ts'
import { FLOW_ERRORS } from '../../src/errors/configuration-error.ts'
import type { ClientAuthMethod } from '../../plugin/index.ts'
import type { FailureThrottleOptions } from '../../src/throttle/failure-throttle.ts'
import { SecretHashes } from '../../src/client-registry/secrets/fast-secrets.ts'
import { SlowHashBudget } from '../../src/client-registry/secrets/slow-hash-budget.ts'
import { SlowSecretHashes } from '../../src/client-registry/secrets/slow-secret-hash.ts'
import { StoreUnavailableError } from '../../src/errors/store-unavailable.ts'
import { RecentFailures } from '../../src/throttle/recent-failures.ts'
import { ProofKeys } from '../../src/token-type/dpop/proof-key.ts'
import { basic, getClient, SECRET } from '../support/demo.ts'

const START = 1_800_000_000
const HERE = '192.0.2.1'
const LIMIT = 3

interface Attempt { id?: string, secret?: string, from?: string, inBody?: boolean }

async function appWith (throttle: FailureThrottle | null, compare = async () => {}): Promise<{ app: FastifyInstance, asked: string[] }> {
  const asked: string[] = []
  const flow = new ClientCredentialsFlowBuilder()
    .addClientAuthenticationMethod('client_secret_basic')
    .addClientAuthenticationMethod('client_secret_post')
    .setThrottle(throttle)
    .setRejectionDelay(0)
    .getClient(async (context) => {
      asked.push(context.clientId)
      await compare()
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
    ['192.0.2.1', '::ffff:192.0.2.1'], ['192.0.2.1', '0:0:0:0:0:FFFF:c000:201'], ['fe80::1%eth0', 'fe80::2'],
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'], ['2001:db8::1', '2001:0db8:0:0:1::'], ['2001:DB8::', '2001:db8::9'], ['::1', '::2']
  ]
  const two: [string, string][] = [
    ['2001:db8:1:2::1', '2001:db8:1:3::1'], ['192.0.2.1', '192.0.2.2'], ['::ffff:192.0.2.1', '::ffff:192.0.2.2'], ['0:0:0:0:0:ffff:192.0.2.1', '0:0:0:0:0:ffff:192.0.2.2'], ['::1', '1::'], ['10::', '1::']
  ]
  const isStopped = async (first: string, second: string) => {
    const { app } = await appWith(throttleOf())
    await statuses(app, LIMIT, { from: first })
    return (await attempt(app, { from: second })).statusCode === 429
  }
  for (const [first, second] of one) t.equal(await isStopped(first, second), true, `${first} and ${second}`)
  for (const [first, second] of two) t.equal(await isStopped(first, second), false, `${first} and ${second}`)
})

test('A client is one in any case of its id: some databases know it by each', async (t) => {
  const { app } = await appWith(throttleOf())
  t.strictSame(await Promise.all(['writer', 'Writer', 'WRITER', 'wRiTeR'].map(async (id) => (await attempt(app, { id })).statusCode)), [401, 401, 401, 429])
})

test('Of many guesses at once, no more are answered than of those in a row, wherever they are counted', async (t) => {
  const secrets = [...Array<string>(LIMIT + 2).fill('wrong'), SECRET]
  const failures = new RecentFailures({ max: 10, now: () => START })
  let count = () => {}
  const counting = new Promise<void>((resolve) => { count = resolve })
  const store = {
    async countFailure (key: string, window: number) {
      await counting
      return await failures.countFailure(key, window)
    },
    forgetFailures: (key: string) => failures.forgetFailures(key)
  }
  for (const throttle of [throttleOf({ store }), throttleOf()]) {
    // All secrets are compared before one failure is known; the right one is the last of them.
    let compare = () => {}
    const comparing = new Promise<void>((resolve) => { compare = resolve })
    const { app, asked } = await appWith(throttle, async () => {
      if (asked.length === secrets.length) compare()
      await comparing
    })
    // Asynchronous, since a request is not sent before somebody waits for it.
    const answers = secrets.map(async (secret) => (await attempt(app, { secret })).statusCode)
    t.equal(await answers.at(-1), 429)
    count()
    t.strictSame(await Promise.all(answers), [401, 401, 401, 429, 429, 429])
    t.equal((await attempt(app, { secret: SECRET })).statusCode, 429)
  }
})

test('Whoever has proven a key is not stopped by the guesses of others, nor counted', async (t) => {
  const proven: ClientAuthMethod = {
    name: 'proven',
    carries: (request) => request.header('x-proven') !== undefined,
    authenticate (request) {
      const clientId = request.header('x-proven')
      return clientId === undefined ? undefined : { kind: 'verified', clientId }
    }
  }
  const flow = new ClientCredentialsFlowBuilder()
    .addClientAuthenticationMethod('client_secret_basic')
    .addClientAuthenticationMethod(proven)
    .setThrottle(throttleOf())
    .getClient((context) => getClient({ ...context, clientSecret: context.clientAuthMethod === 'proven' ? SECRET : context.clientSecret }))
    .generateAccessToken(() => 'token')
    .build()
  const app = Fastify()
  await app.register(clientCredentialsPlugin, { flow })
  const prove = async (id: string) => (await app.inject({
    method: 'POST', url: '/token', remoteAddress: HERE, headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-proven': id }, payload: 'grant_type=client_credentials'
  })).statusCode
  await statuses(app, LIMIT + 1)
  t.equal(await prove('reader'), 200)
  t.equal((await attempt(app, { secret: SECRET })).statusCode, 429, 'which forgets no guesses')
  for (let i = 0; i < LIMIT * 2; i++) t.equal(await prove('nobody'), 401)
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

test('A success is one even if the failures before it cannot be forgotten', async (t) => {
  const counting = new RecentFailures({ max: 10, now: () => START })
  const store = { countFailure: (key: string, window: number) => counting.countFailure(key, window), forgetFailures: async () => { throw new StoreUnavailableError(new Error('connection refused')) } }
  const { app } = await appWith(throttleOf({ store }))
  t.equal((await attempt(app)).statusCode, 401)
  t.equal((await attempt(app, { secret: SECRET })).statusCode, 200)
  t.strictSame(await statuses(app, LIMIT), [401, 401, 429], 'they count on')
})

test('A failure is counted though the client has hung up before its secret was compared', async (t) => {
  const failures = new RecentFailures({ max: 10, now: () => START })
  let tell = (_count: number) => {}
  const counted = new Promise<number>((resolve) => { tell = resolve })
  const store = {
    async countFailure (key: string, window: number) {
      const counting = await failures.countFailure(key, window)
      tell(counting.count)
      return counting
    },
    forgetFailures: (key: string) => failures.forgetFailures(key)
  }
  let hangUp = async () => {}
  const { app } = await appWith(throttleOf({ store }), () => hangUp())
  t.teardown(() => app.close())
  const accepted = once(app.server, 'connection') as Promise<[Socket]>
  await app.listen({ port: 0, host: '127.0.0.1' })
  const client = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  const [socket] = await accepted
  hangUp = async () => {
    client.destroy()
    if (!socket.destroyed) await once(socket, 'close')
  }
  const body = 'grant_type=client_credentials'
  client.write(`POST /token HTTP/1.1\r\nhost: localhost\r\nauthorization: ${basic('reader', 'wrong')}\r\n` +
    `content-type: application/x-www-form-urlencoded\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  t.equal(await counted, 1)
})

test('Without an address nothing is counted: a web Request has none', async (t) => {
  const throttle = throttleOf()
  const { app } = await appWith(throttle)
  t.strictSame(await statuses(app, LIMIT + 1), [401, 401, 401, 429], 'with one, it is')
  const flow = new ClientCredentialsFlowBuilder().setThrottle(throttle).getClient(getClient).generateAccessToken(() => 'token').build()
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

test('An id that is a secret, since both were taken for each other, is not told to the log', async (t) => {
  const { secret } = await new ClientRegistry(new MemoryStore()).add()
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'trace', stream: { write: (line: string) => { lines.push(line) } } } })
  await app.register(clientCredentialsPlugin, { flow: new ClientCredentialsFlowBuilder().getClient(getClient).generateAccessToken(() => 'token').build() })
  t.equal((await attempt(app, { id: secret!.secret, secret: 'reader' })).statusCode, 401)
  t.ok(lines.some((line) => line.includes('whose id is a secret')))
  t.notOk(lines.some((line) => line.includes(secret!.secret)))
})

const IMPORTED = 'correct horse battery staple'

async function importedWorld (t: Test, count: number) {
  const lines: Array<{ level: number, msg: string, oauth?: { count?: number } }> = []
  const clients = new ClientRegistry(new MemoryStore())
  const { secret } = await clients.add({ id: 'good' })
  const hash = new SlowSecretHashes(new SecretHashes())
  const stored = await hash.hash(IMPORTED)
  t.intercept(SlowSecretHashes.prototype, 'hash', { value: async () => stored })
  await clients.addAll(Array.from({ length: count }, (_, index) => ({ id: `legacy${index}`, secret: IMPORTED })))
  const flow = new ClientCredentialsFlowBuilder().clientSecretBasicAuthenticationMethod().useClients(clients).setRejectionDelay(0).generateAccessToken(() => 'token').build()
  const app = Fastify({ logger: { level: 'info', stream: { write: (line: string) => { lines.push(JSON.parse(line)) } } } })
  t.teardown(() => app.close())
  await app.register(clientCredentialsPlugin, { flow })
  return { app, good: secret!.secret, lines }
}

test('Design E: with slow hashes in the registry, a flood of invented ids from one address fails no good client, and computes no hash', async (t) => {
  const { app, good, lines } = await importedWorld(t, 4)
  const login = async (id: string, secret: string, from = HERE) => (await attempt(app, { id, secret, from })).statusCode
  t.equal(await login('legacy0', IMPORTED), 200)
  const verify = t.capture(SlowSecretHashes.prototype, 'verify', SlowSecretHashes.prototype.verify)
  const flood = Promise.all(Array.from({ length: 500 }, (_, index) => login(`nobody${index}`, 'guess')))
  const served = Promise.all([
    ...Array.from({ length: 50 }, () => login('good', good)), ...Array.from({ length: 50 }, () => login('legacy0', IMPORTED)), ...[1, 2, 3].map((index) => login(`legacy${index}`, IMPORTED))
  ])
  t.strictSame([...new Set(await served)], [200])
  t.strictSame([...new Set(await flood)], [401])
  t.equal(verify().length, 3, 'a hash for each first login of an imported client')
  t.equal(lines.filter(({ level }) => level > 30).length, 0)
})

test('Design E: the budget of slow hashes is per address, answers known and unknown ids alike, and clients seen before pass', async (t) => {
  const { app, good, lines } = await importedWorld(t, 32)
  const ask = (id: string, secret: string, from = HERE) => attempt(app, { id, secret, from })
  const login = async (...given: Parameters<typeof ask>) => (await ask(...given)).statusCode
  t.equal(await login('legacy0', IMPORTED), 200)
  for (let index = 1; index <= 30; index++) t.equal(await login(`legacy${index}`, 'guess'), 401)
  const [known, unknown] = await Promise.all([ask('legacy31', IMPORTED), ask('nobody', 'guess')])
  t.equal(known.statusCode, 429)
  t.same([unknown.statusCode, unknown.json(), unknown.headers['retry-after']], [429, known.json(), known.headers['retry-after']])
  t.equal(await login('legacy0', IMPORTED), 200, 'seen before')
  t.equal(await login('good', good), 200, 'a generated secret')
  t.equal(await login('legacy31', IMPORTED, '198.51.100.7'), 200, 'another address')
  for (let index = 0; index < 50; index++) await login(`nobody${index}`, 'guess')
  const warnings = lines.filter(({ level }) => level === 40)
  t.equal(warnings.length, 1, 'one line')
  t.match(warnings[0], { msg: /429: more than 30 slow hashes/ })
  await app.close()
  t.match(lines.at(-1), { level: 40, oauth: { count: 52 } }, 'and their number')
})

function thrownBy (work: () => void): unknown {
  try {
    work()
    return undefined
  } catch (error) {
    return error
  }
}

test('RFC 6749 §2.3.1: the prefix of an IPv6 site has a budget of slow hashes, too', (t) => {
  let time = START
  const budget = new SlowHashBudget(() => time)
  const fail = (address: string) => {
    budget.check(address)
    budget.begin(address)
    budget.end(address, false)
  }
  for (let network = 0; network < 120; network++) fail(`2001:db8:1:${network.toString(16)}::1`)
  t.match(thrownBy(() => fail('2001:db8:1:ffff::1')), { status: 429, retryAfter: 60 })
  fail('2001:db8:2::1')
  for (let count = 0; count < 30; count++) fail('192.0.2.1')
  t.match(thrownBy(() => fail('::ffff:192.0.2.1')), { status: 429 })
  fail('192.0.2.2')
  time += 60
  fail('192.0.2.1')
  for (let count = 0; count < 64; count++) budget.begin('192.0.2.9')
  t.match(thrownBy(() => budget.check('192.0.2.9')), { status: 429, retryAfter: 2 })
  budget.end('192.0.2.9', true)
  budget.check('192.0.2.9')
  for (let count = 0; count < 200; count++) fail(undefined as unknown as string)
  t.end()
})

test('Nobody is locked out who has a secret that cannot be guessed', async (t) => {
  const clients = new ClientRegistry(new MemoryStore())
  const { secret } = await clients.add({ id: 'billing' })
  const flow = new ClientCredentialsFlowBuilder().useClients(clients).setThrottle(throttleOf()).setRejectionDelay(0).generateAccessToken(() => 'token').build()
  const app = Fastify()
  await app.register(clientCredentialsPlugin, { flow })
  t.strictSame(await statuses(app, LIMIT + 2, { id: 'billing' }), [401, 401, 401, 429, 429])
  t.equal((await attempt(app, { id: 'billing', secret: secret!.secret })).statusCode, 200)
  const { secret: other } = await clients.add({ id: 'other' })
  await statuses(app, LIMIT + 2, { id: 'billing' })
  t.equal((await attempt(app, { id: 'billing', secret: other!.secret })).statusCode, 429, 'the secret of another client counts')
})

test('A proxy that trustProxy does not name is warned of once', async (t) => {
  const warningsOf = async (server: object, fields: Array<Record<string, string>>, throttle: FailureThrottle | null = new FailureThrottle()) => {
    const lines: string[] = []
    const app = Fastify({ ...server, logger: { level: 'warn', stream: { write: (line: string) => { lines.push(line) } } } })
    t.teardown(() => app.close())
    await app.register(clientCredentialsPlugin, { flow: new ClientCredentialsFlowBuilder().getClient(getClient).generateAccessToken(() => 'token').setThrottle(throttle).build() })
    for (const headers of fields) {
      await app.inject({ method: 'POST', url: '/token', headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: basic('reader'), ...headers }, payload: 'grant_type=client_credentials' })
    }
    return lines.filter((line) => line.includes('trustProxy')).length
  }
  for (const field of ['forwarded', 'x-forwarded-for', 'x-real-ip', 'cf-connecting-ip']) t.equal(await warningsOf({}, [{ [field]: '192.0.2.1' }, { [field]: '192.0.2.1' }]), 1, field)
  t.equal(await warningsOf({}, [{}]), 0)
  t.equal(await warningsOf({ trustProxy: true }, [{ 'x-forwarded-for': '192.0.2.1' }]), 0)
  t.equal(await warningsOf({}, [{ 'x-forwarded-for': '192.0.2.1' }], null), 0, 'nothing is counted')
})

test('Design E: a form of more than 100 parameters is rejected before it is parsed, by the plugin and by the core', async (t) => {
  const flow = new ClientCredentialsFlowBuilder().getClient(getClient).generateAccessToken(() => 'token').setRejectionDelay(0).build()
  const app = Fastify()
  await app.register(clientCredentialsPlugin, { flow })
  for (const [count, status] of [[99, 200], [100, 400], [10_000, 400]] as const) {
    const body = `grant_type=client_credentials${Array.from({ length: count }, (_, index) => `&p${index}`).join('')}`
    const headers = { authorization: basic('reader'), 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await app.inject({ method: 'POST', url: '/token', headers, payload: body })
    t.equal(answer.statusCode, status, `${count} more`)
    if (status === 400) t.match(answer.json(), { error: 'invalid_request' })
    const result = await flow.token(new Request('https://as.example/token', { method: 'POST', headers, body }))
    t.equal(result.success ? 200 : result.error.status, status)
  }
})

test('Design E: the proof of a caller without a valid token is not read, and RSA keys of more than 4096 bits are not taken', async (t) => {
  const read = t.capture(ProofKeys.prototype, 'read', ProofKeys.prototype.read)
  const store = new MemoryStore()
  const tokens = new JwtAccessTokens({ issuer: 'https://as.example', audience: 'https://as.example', keys: new SigningKeys(store) })
  const flow = new ClientCredentialsFlowBuilder().getClient(getClient).useAccessTokens(tokens).setTokenType(new DPoPTokenType({ replays: store })).build()
  const result = await flow.verifyToken(new Request('https://as.example/', { headers: { authorization: 'DPoP eyJhbGciOiJFUzI1NiJ9.e30.AAAA', dpop: 'a.b.c' } }))
  t.match(result, { success: false, error: { code: 'invalid_token', status: 401 } })
  t.equal(read().length, 0)

  const { n = '' } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' })
  // Products of this length have no small factors.
  const modulus = BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`)
  const rsa = (bits: number, e = 'AQAB') => ({ kty: 'RSA', n: Buffer.from((modulus ** BigInt(bits / 2048)).toString(16).padStart(bits / 4, '0'), 'hex').toString('base64url'), e })
  const isRegistered = (jwk: object) => new ClientRegistry(store).add({ jwks: { keys: [jwk] } }).then(() => true, () => false)
  t.equal(await isRegistered(rsa(4096)), true)
  for (const key of [rsa(8192), rsa(2048, 'AQAAAQ')]) t.equal(await isRegistered(key), false)
})
