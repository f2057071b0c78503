// What a server keeps is bounded: what is invalid leaves nothing behind, and what has expired is forgotten. With ten million
// invalid tokens: npm run soak:flood.
import { createHash, randomUUID } from 'node:crypto'
import { CompactSign, exportJWK, generateKeyPair } from 'jose'
import { test } from 'tap'
import type { Test } from 'tap'
import { FeedHistory } from '../../src/entries/feed-history.ts'
import { handleTokenRequest, settingsOf, verifyRequest } from '../../src/adapter.ts'
import {
  BearerTokenType, ClientCredentialsFlowBuilder, ClientRegistry, DPoPTokenType, FailureThrottle, JwtAccessTokens, MemoryStore,
  OpaqueAccessTokens, privateKeyJwt, RemoteAccessTokens, SigningKeys
} from '../../src/index.ts'
import type { FormParameters, PlainRequest } from '../../src/adapter.ts'
import type { AccessTokens } from '../../src/index.ts'
import { Attempt } from '../../src/throttle/attempt.ts'
import { RecentFailures } from '../../src/throttle/recent-failures.ts'
import { basic } from '../support/demo.ts'
import { watchEntries } from '../support/entries.ts'
import { encode } from '../support/forge.ts'
import { stopwatch } from '../support/stopwatch.ts'

const START = 1_800_000_000
const ISSUER = 'https://as.example'
const LIFETIME = 600
// How many of each kind, and how many of them a map may know when they are over: those of the last moment.
const MANY = 200
const FEW = 20
// What caches hold that strangers can fill.
const MAX_FAILED = 10_000
const MAX_PROOF_KEYS = 1000
// How many entries of a feed a process knows by their names.
const MAX_NAMES = 5000

const { privateKey, publicKey } = await generateKeyPair('ES256')
const jwk = await exportJWK(publicKey)
const NOISE = Buffer.alloc(64, 7).toString('base64url')

async function setUp () {
  const clock = { time: START }
  const now = () => clock.time
  const store = new MemoryStore({ now })
  const registry = new ClientRegistry(store, { now })
  const { client: { id }, secret } = await registry.add({ scopes: ['data:read'] })
  const { client: strong } = await registry.add({ scopes: ['data:read'], authMethods: ['private_key_jwt'], jwks: { keys: [jwk] } })
  let fetches = 0
  const remote = async (url: string | URL | Request) => {
    fetches++
    return Response.json(String(url).endsWith('/jwks') ? { keys: [jwk] } : { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` })
  }
  const build = (tokens: AccessTokens, ...types: DPoPTokenType[]) => settingsOf(new ClientCredentialsFlowBuilder({ tokenEndpoint: '/token' })
    .setScopes({ 'data:read': 'Read data' })
    .setAccessTokenLifetime(LIFETIME)
    .setTokenType(new BearerTokenType(), ...types)
    .addClientAuthenticationMethod('client_secret_basic')
    .addClientAuthenticationMethod(privateKeyJwt({ issuer: ISSUER, clients: registry, replays: store, now }))
    .setThrottle(new FailureThrottle({ now }))
    .useClients(registry)
    .useAccessTokens(tokens)
    .build())
  const expectation = { issuer: ISSUER, audience: ISSUER, now, cacheSize: FEW / 2 }
  const keys = new SigningKeys(store, { now })
  const jwt = build(new JwtAccessTokens({ ...expectation, keys, revocations: store }), new DPoPTokenType({ replays: store, now }))
  return {
    clock,
    jwt,
    opaque: build(new OpaqueAccessTokens({ ...expectation, store })),
    remote: build(new RemoteAccessTokens({ ...expectation, fetch: remote })),
    fetches: () => fetches,
    kid: (await keys.current()).kid,
    strongId: strong.id,
    authorization: basic(id, secret!.secret)
  }
}

type World = Awaited<ReturnType<typeof setUp>>
type Settings = World['jwt']

function request (fields: Record<string, string>, form?: FormParameters) {
  return { method: form ? 'POST' : 'GET', url: form ? '/token' : '/data', origin: ISSUER, address: '192.0.2.1', form: form ?? {}, header: (name: string) => fields[name] } satisfies PlainRequest & { form: FormParameters }
}

const access = async (settings: Settings, token: string) => await verifyRequest(settings, request({ authorization: `Bearer ${token}` }))
const ask = (settings: Settings, fields: Record<string, string>, form: FormParameters = {}) =>
  handleTokenRequest(settings, request(fields, { grant_type: 'client_credentials', ...form }))
const forgedJwt = (kid: string | undefined) => `${encode({ typ: 'at+jwt', alg: 'ES256', kid })}.${encode({ iss: ISSUER, aud: ISSUER, sub: 'x', client_id: 'x', iat: START, exp: START + 60, jti: randomUUID() })}.${NOISE}`
const sign = (header: object, claims: object, key = privateKey) => new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader({ alg: 'ES256', ...header }).sign(key)

async function proof ({ clock }: World, method: string, path: string, token?: string, pair = { key: privateKey, jwk }): Promise<string> {
  const ath = token && createHash('sha256').update(token).digest('base64url')
  return await sign({ typ: 'dpop+jwt', jwk: pair.jwk }, { htm: method, htu: `${ISSUER}${path}`, iat: clock.time, jti: randomUUID(), ...(ath && { ath }) }, pair.key)
}

function assertionOf (jwt: string): FormParameters {
  return { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: jwt }
}

const assertionClaims = ({ clock, strongId }: World, id = strongId) => ({ iss: id, sub: id, aud: ISSUER, exp: clock.time + 60, jti: randomUUID() })

/** Watches while something is done many times. No assertions meanwhile: tap keeps them. */
async function watch (t: Test, times: number, work: (number: number) => Promise<unknown>) {
  const entries = watchEntries()
  t.teardown(() => entries.stop())
  const growth = await entries.growthBy(async () => { for (let number = 0; number < times; number++) await work(number) })
  return { entries, growth }
}

async function refusalOf (work: Promise<unknown>): Promise<void> {
  const status: unknown = await work.then(() => 200, (error) => error.status)
  if (!(Number(status) >= 400 && Number(status) < 500)) throw new Error(`It was answered with ${status}`)
}

test('what is invalid leaves nothing behind', async (t) => {
  const world = await setUp()
  const { clock, jwt, opaque, remote, kid, authorization } = world
  const { access_token: good } = await ask(jwt, { authorization })
  await access(jwt, good)

  const kinds: Record<string, (number: number) => Promise<unknown>> = {
    'no token': () => access(jwt, ''),
    'what is no JWT': (number) => access(jwt, `${number}.x`),
    'a JWT of an unknown key': () => access(jwt, forgedJwt(randomUUID())),
    'a JWT with a bad signature': () => access(jwt, forgedJwt(kid)),
    'an unknown opaque token': () => access(opaque, randomUUID()),
    'a JWT of another issuer with an unknown key': () => access(remote, forgedJwt(randomUUID())),
    'a JWT of another issuer with a bad signature': () => access(remote, forgedJwt(undefined)),
    'a proof for a token that is none': async () => {
      const token = randomUUID()
      return await verifyRequest(jwt, request({ authorization: `DPoP ${token}`, dpop: await proof(world, 'GET', '/data', token) }))
    },
    'a forged proof': async () => ask(jwt, { authorization, dpop: `${(await proof(world, 'POST', '/token')).slice(0, -NOISE.length)}${NOISE}` }),
    'a client that names none': () => ask(jwt, {}),
    'another grant': () => ask(jwt, { authorization }, { grant_type: 'password' }),
    'an unknown scope': () => ask(jwt, { authorization }, { scope: randomUUID() }),
    'a forged assertion of an unknown client': () => ask(jwt, {}, assertionOf(`${encode({ alg: 'ES256' })}.${encode(assertionClaims(world, 'unknown'))}.${NOISE}`)),
    'a forged assertion of a client': () => ask(jwt, {}, assertionOf(`${encode({ alg: 'ES256' })}.${encode(assertionClaims(world))}.${NOISE}`)),
    'an assertion for another server': async () => ask(jwt, {}, assertionOf(await sign({}, { ...assertionClaims(world), aud: 'https://other.example' })))
  }
  const prove = async (name: string, refused: (number: number) => Promise<unknown>) => {
    // What is made once is no growth.
    await refusalOf(refused(0))
    const { entries, growth } = await watch(t, MANY, (number) => refusalOf(refused(number)))
    entries.stop()
    t.ok(growth < FEW, `${name} is kept nowhere`)
  }
  for (const [name, refused] of Object.entries(kinds)) await prove(name, refused)
  t.equal(world.fetches(), 12, 'the other issuer was asked for its metadata and its keys, and ten times for keys that were missing')

  const late = await Promise.all(Array.from({ length: MANY }, async () => (await ask(jwt, { authorization })).access_token))
  clock.time += 2 * LIFETIME
  await prove('an expired token', (number) => access(jwt, late[number]!))
})

test('what has expired is forgotten', async (t) => {
  const pass = stopwatch(t)
  const world = await setUp()
  const { clock, jwt, opaque, authorization } = world
  const kinds: Record<string, () => Promise<unknown>> = {
    'an opaque token': () => ask(opaque, { authorization }),
    'an assertion': async () => ask(jwt, {}, assertionOf(await sign({}, assertionClaims(world)))),
    'a proof': async () => ask(jwt, { authorization, dpop: await proof(world, 'POST', '/token') })
  }
  const letPass = (seconds: number) => {
    clock.time += seconds
    pass(seconds * 1000)
  }
  for (const [name, use] of Object.entries(kinds)) {
    const { entries, growth } = await watch(t, MANY, use)
    clock.time += 2 * 86_400
    for (let tries = 0; tries < FEW; tries++) await use()
    const early = await entries.largest()
    clock.time -= 2 * 86_400
    letPass(4 * 86_400)
    // Whoever comes next takes the old things away.
    for (let tries = 0; tries < 40 && await entries.largest() >= FEW; tries++) {
      await use()
      letPass(LIFETIME / 5)
    }
    const left = await entries.largest()
    entries.stop()
    t.ok(growth >= MANY, `${name} is known until it expires`)
    t.ok(early >= MANY, `${name} is known still when the wall clock alone has jumped ahead`)
    t.ok(left < FEW, `${name} is forgotten then`)
  }
})

test('what strangers can fill is bounded', async (t) => {
  const world = await setUp()
  const throttle = new FailureThrottle({ store: new RecentFailures({ max: FEW, now: () => START }), now: () => START })
  const failed = await watch(t, MAX_FAILED + MANY, (number) => throttle.failed(new Attempt(`stranger ${number}`, request({}).address)))
  failed.entries.stop()
  t.equal(failed.growth, MAX_FAILED, 'who has failed')
  const proven = await watch(t, MAX_PROOF_KEYS + MANY, async (number) => {
    // Another header by the same key.
    const dpop = await proof(world, 'GET', '/data', 'x', { key: privateKey, jwk: { ...jwk, kid: String(number) } })
    await refusalOf(ask(world.jwt, { authorization: world.authorization, dpop }))
  })
  proven.entries.stop()
  t.equal(proven.growth, MAX_PROOF_KEYS, 'the keys of proofs')
})

test('the names of entries that were read are bounded, and those that were read last are known', async (t) => {
  const history = new FeedHistory()
  const entries = watchEntries()
  t.teardown(() => entries.stop())
  const names = Array.from({ length: MAX_NAMES + MANY }, (_, index): [number, string] => [index + 1, randomUUID()])
  await entries.growthBy(async () => { for (const [position, name] of names) history.keep([{ position, name, expiresAt: 1 }]) })
  const largest = await entries.largest()
  entries.stop()
  t.equal(largest, MAX_NAMES)
  const end = { position: names.length, name: names.at(-1)![1] }
  const confirms = (count: number) => {
    const expected = names.slice(-count).map(([position, name]) => [position, { name, expiresAt: 1 }] as const)
    return history.confirms(new Map(expected), { found: new Map(), mark: end, time: 0 })
  }
  t.equal(confirms(MAX_NAMES), true)
  t.equal(confirms(MAX_NAMES + 1), false)
})
