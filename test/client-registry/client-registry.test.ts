// The registry of clients: what it keeps, whom it lets in, and what it does for that.
import { createHook } from 'node:async_hooks'
import { createHmac, generateKeyPair, hash, scryptSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { promisify } from 'node:util'
import fc from 'fast-check'
import Database from 'libsql'
import { test } from 'tap'
import type { Test } from 'tap'
import { ClientSecrets } from '../../src/client-registry/secrets/client-secrets.ts'
import { SecretUses } from '../../src/client-registry/secrets/secret-uses.ts'
import { TemporarilyUnavailableError } from '../../src/adapter.ts'
import { ClientCredentialsFlowBuilder, ClientRegistry, FlowConfigurationError, MemoryStore, StoreUnavailableError } from '../../src/index.ts'
import type { ClientRegistration, ClientRegistryOptions } from '../../src/adapter.ts'
import type { NewClient, OAuth2Client } from '../../src/index.ts'
import type { ClientStore } from '../../src/stores/contracts/index.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { generateSecret, isGeneratedSecret } from '../../src/lib/generated-secret.ts'
import { basic, FORM } from '../support/demo.ts'
import { stopwatch } from '../support/stopwatch.ts'

const START = 1_800_000_000
const HUMAN = 'correct horse battery staple'
const PEPPERS = ['old pepper, of 32 characters: 123', 'new pepper, of 32 characters: 456'] as const
const BASIC = 'client_secret_basic'
const RELEASE_010_SCRYPT = /^scrypt:15,8,3:[\w-]{22}:[\w-]{43}$/
// What the code of release 0.1.0 has generated and stored.
const GENERATED_010 = 'fccs_lHWbNGA2E6N8dr8Tph8FF9hDVrw4eMXaqTZlDWaZb8P1Sv3op'
const HUMAN_010 = 'correct horse battery'
const PEPPER_010 = 'a pepper of thirty-two characters'
const ROWS_010 = [
  ['generated', 0, '{"scopes":["data:read"],"id":"generated","version":135840823,"secrets":[{"id":"A8unZZ6l","createdAt":1800000000,"hash":"sha256:p7Q4BqoOjTBaUFqEiVwOcGwEIC5Vax55TlQBbWPR-z4"}],"createdAt":1800000000,"updatedAt":1800000000}'],
  ['legacy', 1, '{"scopes":["data:read"],"id":"legacy","version":733054434,"secrets":[{"id":"HaQB1VVi","createdAt":1800000000,"hash":"scrypt:15,8,3:Llp_OnYHkMxNQu14JDqetA:y7j0TKU71ZGzSjDjOASK3FQuw-idJiRtSBgyxRhCSpk","isImported":true}],"createdAt":1800000000,"updatedAt":1800000000}'],
  ['peppered', 1, '{"scopes":["data:read"],"id":"peppered","version":31891755,"secrets":[{"id":"JP3x0Pn9","createdAt":1800000000,"hash":"scrypt:D-ztNGFV:15,8,3:wBmQtlDnajpgoTsHybsvrQ:-9oiyAevEmBpbOrR8QQqPaKBA8pSuoD2gHDbRtLE4SU","isImported":true}],"createdAt":1800000000,"updatedAt":1800000000}']
] as const

type Calls = Partial<Record<keyof ClientStore, number>>

/** A store that tells how often it is asked, and can be away. */
function spy (store: MemoryStore): { store: MemoryStore, calls: Calls, asked: unknown[][], power: { isAway: boolean } } {
  const calls: Calls = {}
  const asked: unknown[][] = []
  const power = { isAway: false }
  const proxy = new Proxy(store, {
    get: (_, name: keyof ClientStore) => async (...args: unknown[]) => {
      calls[name] = (calls[name] ?? 0) + 1
      asked.push([name, ...args])
      if (power.isAway) throw new StoreUnavailableError(new Error('ECONNREFUSED'))
      return await (store[name] as (...args: unknown[]) => unknown).apply(store, args)
    }
  })
  return { store: proxy, calls, asked, power }
}

interface World {
  registry: ClientRegistry
  /** As in another process. */
  other: ClientRegistry
  store: MemoryStore
  calls: Calls
  asked: unknown[][]
  power: { isAway: boolean }
  errors: Error[]
  /** Seconds of the clock. */
  pass: (seconds: number) => void
  /** Milliseconds of the stopwatch. */
  wait: (milliseconds: number) => void
  now: () => number
}

function worldOf (t: Test, options: ClientRegistryOptions = {}): World {
  let time = START
  const memory = new MemoryStore({ now: () => time })
  const errors: Error[] = []
  const spied = spy(memory)
  const now = () => time
  const registry = new ClientRegistry(spied.store, { now, onError: (error) => { errors.push(error) }, ...options })
  return { ...spied, store: memory, registry, other: new ClientRegistry(memory, { ...options, now }), errors, now, pass: (seconds) => { time += seconds }, wait: stopwatch(t) }
}

const context = (clientId: string, clientSecret: string | undefined, clientAuthMethod = BASIC) => ({ clientId, clientSecret, clientAuthMethod, grantType: 'client_credentials', scope: undefined, origin: '' })
const authenticate = async (registry: ClientRegistry, id: string, secret: string | undefined, clientAuthMethod?: string) => await registry.getClient(context(id, secret, clientAuthMethod))
const idOf = (client: OAuth2Client | undefined) => client?.id

async function addReader (registry: ClientRegistry, client: NewClient = {}): Promise<string> {
  return (await registry.add({ id: 'reader', scopes: ['a', 'b'], ...client })).secret!.secret
}

/** Makes the registry remember a client: it follows the changes first. */
async function remember (registry: ClientRegistry, id: string, secret: string): Promise<void> {
  for (let round = 0; round < 2; round++) await authenticate(registry, id, secret)
}

async function codeOf (promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(() => undefined, (reason: unknown) => reason)
  return error instanceof FlowConfigurationError ? error.message.split(': ')[1] ?? error.code : String(error)
}

/** Counts scrypt in the thread pool, whoever asked for it. */
function scryptCounter (t: Test): () => number {
  let count = 0
  const hook = createHook({ init: (_, type) => { if (type === 'SCRYPTREQUEST') count++ } }).enable()
  t.teardown(() => hook.disable())
  return () => count
}

// Generated secrets

test('A generated secret has a prefix, 256 random bits and a checksum, and none is like another', async (t) => {
  const secrets = Array.from({ length: 500 }, generateSecret)
  for (const secret of secrets) t.ok(/^fccs_[0-9A-Za-z]{49}$/.test(secret) && isGeneratedSecret(secret), secret)
  t.equal(new Set(secrets).size, secrets.length)
  const characters = new Set(secrets.flatMap((secret) => [...secret.slice(5, 48)]))
  t.equal(characters.size, 62)
})

test('No secret with a typing error has the form of a generated one', async (t) => {
  const alphabet = [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz']
  fc.assert(fc.property(fc.nat(53), fc.constantFrom(...alphabet), fc.nat(52), (index, character, other) => {
    const secret = generateSecret()
    const replaced = secret.slice(0, index) + character + secret.slice(index + 1)
    const swapped = [...secret]
    swapped.splice(other, 2, secret[other + 1]!, secret[other]!)
    return [replaced, swapped.join(''), secret.slice(1), secret + character].every((text) => isGeneratedSecret(text) === (text === secret))
  }), { numRuns: 500 })
  for (const text of ['', 'fccs_', HUMAN, generateSecret() + '\n', 'x'.repeat(54), generateSecret().toUpperCase()]) t.equal(isGeneratedSecret(text), false)
})

test('A secret that release 0.1.0 has generated has the same checksum', async (t) => {
  t.equal(isGeneratedSecret(GENERATED_010), true)
  t.equal(isGeneratedSecret(GENERATED_010.replace(/.$/, '0')), false)
})

// Adding, finding, listing

test('A client is added with a secret that is shown once and stored as a hash', async (t) => {
  const { registry, store } = worldOf(t)
  const { client, secret } = await registry.add({ name: 'Reader', scopes: ['a'] })
  t.match(client.id, /^fcc_[0-9A-Za-z]{16}$/)
  t.match(secret, { id: /^[0-9A-Za-z]{8}$/, secret: /^fccs_/, expiresAt: undefined })
  const shown = {
    id: client.id,
    name: 'Reader',
    scopes: ['a'],
    isDisabled: false,
    secrets: [{ id: secret!.id, isImported: false, createdAt: START, expiresAt: undefined, lastUsedAt: undefined }],
    createdAt: START,
    updatedAt: START
  }
  t.strictSame(client, shown)
  t.strictSame(await registry.find(client.id), shown)
  t.equal(await registry.find('nobody'), undefined)
  const [stored] = await store.findClients([client.id])
  t.strictSame(stored?.secrets, [{ id: secret!.id, createdAt: START, hash: `sha256:${hash('sha256', secret!.secret, 'base64url')}` }])
  t.equal(idOf(await authenticate(registry, client.id, secret!.secret)), client.id)
  t.match(await registry.add(), { client: { scopes: [] }, secret: { secret: /^fccs_/ } })
  t.match(await new ClientRegistry(store).add({ lifetime: 60 }), { secret: { expiresAt: Number } }, 'by the clock of the machine')
})

test('A client gets no secret when it has another proof, or shall have none', async (t) => {
  const { registry } = worldOf(t)
  for (const client of [{ secret: null }, { jwksUri: 'https://a.example/jwks' }, { certificateName: { sanDns: 'a.example' } }]) {
    t.match(await registry.add(client), { client: { secrets: [] }, secret: undefined })
  }
  const brought = { jwksUri: 'https://a.example/jwks', secret: generateSecret() }
  t.match(await registry.add(brought), { client: { secrets: [{ isImported: false }] }, secret: undefined }, 'one that was brought along is not given back')
})

test('Clients are added in one step, and none that is there is changed', async (t) => {
  const { registry, calls } = worldOf(t)
  const secret = await addReader(registry)
  const issuedBefore: string[] = []
  const added = await registry.addAll([{ id: 'new' }, { id: 'reader' }, { id: 'new', scopes: ['late'] }, { id: 'bare', secret: null }], {
    beforeCommit: async (issued) => { issuedBefore.push(...issued.map(({ id }) => id)) }
  })
  t.match(added, [
    { id: 'new', isAdded: true, secret: { secret: /^fccs_/ } }, { id: 'reader', isAdded: false, secret: undefined },
    { id: 'new', isAdded: false, secret: undefined }, { id: 'bare', isAdded: true, secret: undefined }
  ])
  t.strictSame(issuedBefore, ['new', 'reader'])
  t.equal(calls.addClients, 2)
  t.equal(idOf(await authenticate(registry, 'reader', secret)), 'reader')
  t.equal(idOf(await authenticate(registry, 'new', added[0]!.secret!.secret)), 'new')
  t.strictSame((await registry.find('new'))?.scopes, [])

  t.strictSame(await registry.addAll([]), [])
  await t.rejects(registry.addAll([{ id: 'fine' }, { id: 'b d' }]), { code: 'FST_OAUTH_INVALID_CLIENT' })
  await t.rejects(registry.addAll([{ id: 'fine' }], { beforeCommit: async () => { throw new Error('disk full') } }), { message: 'disk full' })
  t.equal(await registry.find('fine'), undefined)
  t.equal(await codeOf(registry.add({ id: 'reader' })), 'there is a client with this id already')
})

test('Clients are listed in pages', async (t) => {
  const { registry } = worldOf(t)
  await registry.addAll(Array.from({ length: 120 }, (_, index) => ({ id: `c${String(index).padStart(3, '0')}` })))
  const first = await registry.list()
  t.equal(first.clients.length, 100)
  t.equal(first.next, 'c099')
  t.strictSame((await registry.list({ after: first.next!, limit: 20 })), { clients: (await registry.list({ limit: 1000 })).clients.slice(100), next: undefined })
  t.strictSame(await registry.list({ after: 'c119' }), { clients: [], next: undefined })
  t.equal((await registry.list({ limit: 1 })).next, first.clients[0]?.id)
  for (const limit of [0, 1.5, 1001, -1, NaN]) await t.rejects(registry.list({ limit }), RangeError)
})

// What a registration may be

const PUBLIC_KEY = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
const FULL: Required<ClientRegistration> = {
  name: 'Zoë',
  scopes: ['a', 'b'],
  defaultScopes: ['a'],
  audiences: ['https://api.example'],
  introspects: ['https://api.example'],
  accessTokenLifetime: 60,
  authMethods: ['private_key_jwt'],
  jwks: { keys: [{ ...PUBLIC_KEY, kid: 'one' }, { ...PUBLIC_KEY, kid: 'two' }, PUBLIC_KEY] },
  jwksUri: 'https://client.example/jwks.json',
  certificateName: { subjectDn: 'CN=client' },
  senderConstraint: 'dpop',
  claims: { tenant: { id: 't7' } },
  metadata: { team: 'billing' }
}
const withoutUri = () => { const { jwksUri, ...client } = FULL; return client }

test('A registration is kept whole, and is frozen metadata for the token endpoint', async (t) => {
  const { registry } = worldOf(t)
  const { client } = await registry.add({ id: 'full', ...withoutUri() })
  t.match(client, withoutUri())
  const found = await registry.findClient('full')
  t.strictSame(found, {
    id: 'full',
    grants: ['client_credentials'],
    scopes: ['a', 'b'],
    defaultScopes: ['a'],
    audiences: ['https://api.example'],
    introspects: ['https://api.example'],
    accessTokenLifetime: 60,
    claims: { tenant: { id: 't7' } },
    metadata: { team: 'billing', token_endpoint_auth_method: 'private_key_jwt', jwks: FULL.jwks, tls_client_auth_subject_dn: 'CN=client', dpop_bound_access_tokens: true },
    generation: START * 1000
  })
  for (const part of [found, found?.scopes, found?.metadata, (found?.metadata?.jwks as typeof FULL.jwks).keys[0]]) t.ok(Object.isFrozen(part))

  const METADATA: [NewClient, OAuth2Client['metadata']][] = [
    [{}, undefined],
    [{ authMethods: [BASIC, 'client_secret_post'] }, undefined],
    [{ authMethods: ['client_secret_post'] }, { token_endpoint_auth_method: 'client_secret_post' }],
    [{ jwksUri: FULL.jwksUri, senderConstraint: 'mtls' }, { jwks_uri: FULL.jwksUri, tls_client_certificate_bound_access_tokens: true }],
    [{ certificateName: { sanDns: 'a' } }, { tls_client_auth_san_dns: 'a' }],
    [{ certificateName: { sanUri: 'a:b' } }, { tls_client_auth_san_uri: 'a:b' }],
    [{ certificateName: { sanIp: '::1' } }, { tls_client_auth_san_ip: '::1' }],
    [{ certificateName: { sanEmail: 'a@b' } }, { tls_client_auth_san_email: 'a@b' }]
  ]
  for (const [given, metadata] of METADATA) t.strictSame((await registry.findClient((await registry.add(given)).client.id))?.metadata, metadata)
})

const HASH = `sha256:${'A'.repeat(43)}`
const wrong = (client: object) => client as NewClient
const nested = (depth: number): object => depth === 1 ? {} : { a: nested(depth - 1) }
const NO_JSON = [null, 'a', [], new Date(0), { a: undefined }, { a: NaN }, { a: () => {} }, JSON.parse('{ "__proto__": 1 }'), nested(17), { a: 'é'.repeat(2045) }]
const WRONG: Record<string, NewClient[]> = {
  claims: [
    ...NO_JSON.map((claims) => wrong({ claims })),
    ...['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'client_id', 'scope', 'cnf', 'gen', 'acr', 'amr', 'auth_time', 'act', 'active', 'token_type'].map((name) => ({ claims: { [name]: 'x' } }))
  ],
  metadata: [
    ...NO_JSON.map((metadata) => wrong({ metadata })),
    ...['jwks', 'scope', 'metadata', 'dpop_bound_access_tokens', 'token_endpoint_auth_method', 'token_endpoint_auth_signing_alg', 'tls_client_auth_san_ip', 'client_secret'].map((name) => ({ metadata: { [name]: 'x' } }))
  ],
  name: [{ name: '' }, { name: 'a\u0000' }, { name: '\u0000a' }, wrong({ name: 1 })],
  scopes: [{ scopes: ['a b'] }, { scopes: [''] }, wrong({ scopes: 'a' }), wrong({ scopes: null })],
  defaultScopes: [{ defaultScopes: ['a'] }, { scopes: ['a'], defaultScopes: ['a', 'b'] }, wrong({ defaultScopes: ['a'], scopes: null })],
  audiences: [{ audiences: [] }, { audiences: [''] }, { audiences: ['a\n'] }],
  introspects: [{ introspects: [''] }],
  accessTokenLifetime: [{ accessTokenLifetime: 0 }, { accessTokenLifetime: 1.5 }, wrong({ accessTokenLifetime: '60' })],
  authMethods: [
    { authMethods: [] }, { authMethods: ['none'] }, { authMethods: ['toString'] }, { authMethods: ['client_secret_jwt'] }, { authMethods: ['private_key_jwt'] },
    { authMethods: ['self_signed_tls_client_auth'] }, { authMethods: ['tls_client_auth'], jwks: { keys: [PUBLIC_KEY] } }
  ],
  jwks: [
    ...['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'].map((member) => ({ jwks: { keys: [{ ...PUBLIC_KEY, [member]: 'AAAA' }] } })),
    { jwks: { keys: [PUBLIC_KEY, { ...PUBLIC_KEY, d: 'x' }] } }, wrong({ jwks: { keys: ['x'] } }),
    wrong({ jwks: null }), wrong({ jwks: [] }), { jwks: { keys: [] } }, wrong({ jwks: { keys: [null] } }), { jwks: { keys: [{ ...PUBLIC_KEY, d: 'x' }] } },
    { jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } }, { jwks: { keys: [{ ...PUBLIC_KEY, x: 'AA' }] } }, wrong({ jwks: { keys: [{ ...PUBLIC_KEY, kid: 1 }] } }),
    { jwks: { keys: [{ ...PUBLIC_KEY, kid: 'a' }, { ...PUBLIC_KEY, kid: 'a' }] } }, { jwks: { keys: [PUBLIC_KEY] }, jwksUri: FULL.jwksUri }
  ],
  jwksUri: [{ jwksUri: 'http://client.example/jwks.json' }, { jwksUri: 'jwks.json' }, wrong({ jwksUri: 1 })],
  certificateName: [
    wrong({ certificateName: {} }), wrong({ certificateName: null }), wrong({ certificateName: { sanDns: 'a', sanUri: 'b' } }),
    wrong({ certificateName: { cn: 'a' } }), { certificateName: { sanDns: '' } }
  ],
  senderConstraint: [wrong({ senderConstraint: 'tls' })],
  id: [{ id: '' }, { id: 'a b' }, { id: 'a"' }, { id: 'a\\' }, { id: 'é' }, { id: 'a\n' }, { id: 'x'.repeat(256) }],
  secret: [{ secret: '' }, { secret: 'a\n' }, { secret: 'x'.repeat(1025) }, { secret: HUMAN, secretHash: 'sha256:' }, wrong({ secret: 1 })],
  secretHash: [
    ...[`x${HASH}`, `${HASH}x`, `\n${HASH}`, `${HASH}\n`, `sha256:${'0'.repeat(65)}`].map((secretHash) => ({ secretHash })),
    { secretHash: 'sha256:abc' }, { secretHash: 'md5:abc' }, wrong({ secretHash: 1 })
  ],
  lifetime: [{ lifetime: 0 }, { lifetime: 1.5 }],
  'there is no member "scope"': [wrong({ scope: 'a' })]
}

test('A wrong registration is refused by the name of what is wrong', async (t) => {
  const { registry, calls } = worldOf(t)
  for (const [name, clients] of Object.entries(WRONG)) {
    for (const client of clients) t.ok((await codeOf(registry.add(client))).startsWith(name), `${name}: ${JSON.stringify(client)}`)
  }
  const { publicKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 1024 })
  t.match(await codeOf(registry.add(wrong({ jwks: { keys: [publicKey.export({ format: 'jwk' })] } }))), /^jwks/)
  t.equal(calls.addClients, undefined)
  t.match(await registry.add({ id: 'x'.repeat(255), authMethods: ['self_signed_tls_client_auth'], jwks: { keys: [PUBLIC_KEY] } }), { secret: undefined })
  t.match(await registry.add({ authMethods: ['tls_client_auth'], certificateName: { sanDns: 'a' } }), { secret: undefined })
})

test('A registry with wrong options is refused', async (t) => {
  const options: ClientRegistryOptions[] = [
    { peppers: [] }, { peppers: ['short'] }, { peppers: ['x'.repeat(31)] }, { peppers: [PEPPERS[0], 'short'] }, { peppers: [PEPPERS[0].split('')] as unknown as string[] }, { peppers: [''] }, { peppers: 'x'.repeat(40) as unknown as string[] }, { cacheSize: -1 }, { cacheSize: 1.5 },
    { cacheMaxAge: -1 }, { cacheMaxAge: 3601 }, { cacheMaxAge: NaN }
  ]
  for (const right of [{ peppers: ['x'.repeat(32), null] }, { cacheSize: 0 }, { cacheMaxAge: 0 }, { cacheMaxAge: 3600 }]) t.doesNotThrow(() => new ClientRegistry(new MemoryStore(), right))
  for (const wrongOptions of options) t.throws(() => new ClientRegistry(new MemoryStore(), wrongOptions), { code: 'FST_OAUTH_INVALID_REGISTRY' })
})

// Changing

test('An update changes what is named, and takes back what is undefined', async (t) => {
  const { registry, pass } = worldOf(t)
  const secret = await addReader(registry, { defaultScopes: ['a'], name: 'Reader' })
  await remember(registry, 'reader', secret)
  pass(5)
  t.match(await registry.update('reader', { scopes: ['a', 'c'], name: undefined }), { scopes: ['a', 'c'], defaultScopes: ['a'], updatedAt: START + 5, createdAt: START, secrets: [{ isImported: false }] })
  t.notOk('name' in (await registry.find('reader'))!)
  t.strictSame((await authenticate(registry, 'reader', secret))?.scopes, ['a', 'c'], 'at once')
  t.match(await codeOf(registry.update('reader', { scopes: ['b'] })), /^defaultScopes/, 'the whole is checked')
  t.match(await codeOf(registry.update('reader', { isDisabled: false } as ClientRegistration)), /^there is no member/)
  await registry.disable('reader')
  t.match(await registry.update('reader', { scopes: undefined, defaultScopes: undefined }), { scopes: [], isDisabled: true })
  t.equal(await registry.update('nobody', {}), undefined)
})

test('A client is disabled, enabled and removed, at once', async (t) => {
  const { registry, errors } = worldOf(t)
  const secret = await addReader(registry)
  await remember(registry, 'reader', secret)
  t.match(await registry.disable('reader'), { isDisabled: true })
  t.equal(await authenticate(registry, 'reader', secret), undefined)
  t.equal(await registry.findClient('reader'), undefined)
  t.match(await registry.enable('reader'), { isDisabled: false })
  t.equal(idOf(await authenticate(registry, 'reader', secret)), 'reader')
  await remember(registry, 'reader', secret)
  t.equal(await registry.remove('reader'), true)
  t.equal(await authenticate(registry, 'reader', secret), undefined)
  t.equal(await registry.remove('reader'), false)
  t.strictSame([await registry.disable('reader'), await registry.enable('reader'), await registry.find('reader')], [undefined, undefined, undefined])
  t.strictSame(errors, [])
})

test('Secrets overlap for as long as is wanted, and no longer than they would have lived', async (t) => {
  const { registry, pass } = worldOf(t)
  const first = await addReader(registry, { lifetime: 1000 })
  const second = await registry.rotateSecret('reader')
  t.match(second, { secret: /^fccs_/, expiresAt: undefined })
  const third = await registry.rotateSecret('reader', { overlap: 500, lifetime: 50_000 })
  t.equal(third?.expiresAt, START + 50_000)
  const works = async () => (await Promise.all([first, second!.secret, third!.secret].map((secret) => authenticate(registry, 'reader', secret)))).map(idOf)
  const isIn = 'reader'
  t.strictSame((await registry.find('reader'))?.secrets.map(({ expiresAt }) => expiresAt), [START + 500, START + 500, START + 50_000])
  t.strictSame(await works(), [isIn, isIn, isIn])
  pass(499)
  t.strictSame(await works(), [isIn, isIn, isIn])
  pass(1)
  t.strictSame(await works(), [undefined, undefined, isIn])
  const fourth = await registry.rotateSecret('reader', { overlap: 0 })
  t.strictSame(await works(), [undefined, undefined, undefined])
  t.strictSame((await registry.find('reader'))?.secrets.map(({ id }) => id), [fourth!.id], 'what has expired is gone')
  t.equal(idOf(await authenticate(registry, 'reader', fourth!.secret)), isIn)
  await registry.rotateSecret('reader')
  t.equal((await registry.find('reader'))?.secrets[0]?.expiresAt, START + 500 + 86_400)

  t.equal(await registry.rotateSecret('nobody'), undefined)
  for (const overlap of [-1, 0.5]) t.match(await codeOf(registry.rotateSecret('reader', { overlap })), /^overlap/)
  t.match(await codeOf(registry.rotateSecret('reader', { lifetime: 0 })), /^lifetime/)
})

test('A secret is revoked, and the others stay', async (t) => {
  const { registry } = worldOf(t)
  const first = await addReader(registry)
  const second = await registry.rotateSecret('reader')
  await remember(registry, 'reader', first)
  const { id } = (await registry.find('reader'))!.secrets[0]!
  t.equal(await registry.revokeSecret('reader', id), true)
  t.equal(await authenticate(registry, 'reader', first), undefined)
  t.equal(idOf(await authenticate(registry, 'reader', second!.secret)), 'reader')
  t.strictSame([await registry.revokeSecret('reader', id), await registry.revokeSecret('nobody', id)], [false, false])
})

test('No change is lost that many make at once', async (t) => {
  const { registry, other, store } = worldOf(t)
  await addReader(registry)
  const issued = await Promise.all(Array.from({ length: 19 }, (_, index) => (index % 2 === 0 ? registry : other).rotateSecret('reader')))
  t.equal((await registry.find('reader'))?.secrets.length, 20)
  for (const secret of issued) t.equal(idOf(await authenticate(registry, 'reader', secret!.secret)), 'reader')

  let attempts = 0
  store.replaceClient = async () => { attempts++; return false }
  await t.rejects(registry.disable('reader'), { message: /The client reader could not be changed/ })
  t.equal(attempts, 100)
})

// Secrets from elsewhere

test('A secret that was made elsewhere is hashed with scrypt, and remembered for an hour', async (t) => {
  const { registry, store, pass, wait } = worldOf(t)
  const scrypts = scryptCounter(t)
  await registry.add({ id: 'legacy', secret: HUMAN })
  t.equal(scrypts(), 1)
  const [stored] = await store.findClients(['legacy'])
  t.match(stored?.secrets, [{ hash: /^\$scrypt\$ln=15,r=8,p=3\$[\w+/]{22}\$[\w+/]{43}$/, isImported: true }])

  t.equal(idOf(await authenticate(registry, 'legacy', HUMAN)), 'legacy')
  t.equal(scrypts(), 2)
  for (let round = 0; round < 3; round++) t.equal(idOf(await authenticate(registry, 'legacy', HUMAN)), 'legacy')
  t.equal(scrypts(), 2, 'remembered')
  t.notOk(registry.getClient(context('legacy', HUMAN)) instanceof Promise, 'at once')
  t.equal(await authenticate(registry, 'legacy', HUMAN + ' '), undefined)
  t.equal(scrypts(), 3, 'a wrong one is not')
  pass(3600)
  wait(10_000)
  t.equal(idOf(await authenticate(registry, 'legacy', HUMAN)), 'legacy')
  t.equal(scrypts(), 4)

  const issued = await registry.rotateSecret('legacy', { overlap: 30 })
  t.equal(idOf(await authenticate(registry, 'legacy', issued!.secret)), 'legacy')
  t.equal(idOf(await authenticate(registry, 'legacy', HUMAN)), 'legacy')
  pass(30)
  t.equal(await authenticate(registry, 'legacy', HUMAN), undefined, 'expired, though remembered')
  t.equal(scrypts(), 5)
})

test('Slow hashes of release 0.1.0 are read, and written while its processes may run', async (t) => {
  const { registry, store, pass } = worldOf(t)
  const hashOf = async (id: string) => (await store.findClients([id]))[0]!.secrets[0]!.hash
  const settings = await store.readSettings()
  await store.replaceSettings({ ...settings, isUpgrading: true })
  await registry.add({ id: 'during', secret: HUMAN })
  t.match(await hashOf('during'), RELEASE_010_SCRYPT)
  await store.replaceSettings({ ...await store.readSettings(), isUpgrading: false })
  await registry.add({ id: 'after', secret: HUMAN })
  t.match(await hashOf('after'), /^\$scrypt\$ln=15,/)
  for (const id of ['during', 'after']) {
    t.equal(idOf(await authenticate(registry, id, HUMAN)), id)
    t.equal(await authenticate(registry, id, `${HUMAN}.`), undefined)
    pass(10)
  }
})

test('The secrets in a database of release 0.1.0 are still right', async (t) => {
  const db = new Database(':memory:')
  t.teardown(() => { db.close() })
  db.exec(readFileSync(new URL('../support/release-0.1.0-sqlite.sql', import.meta.url), 'utf8'))
  for (const [id, hasImported, body] of ROWS_010) db.prepare('INSERT INTO oauth_clients VALUES (?, ?, ?, ?)').run(id, JSON.parse(body).version, hasImported, body)
  const registry = new ClientRegistry(sqliteStore(db), { now: () => START, peppers: [PEPPER_010, null] })
  for (const [id, secret] of [['generated', GENERATED_010], ['legacy', HUMAN_010], ['peppered', HUMAN_010]] as const) {
    t.equal(idOf(await authenticate(registry, id, secret)), id)
    t.equal(await authenticate(registry, id, `${secret}.`), undefined)
  }
  await registry.add({ id: 'during', secret: HUMAN })
  t.match(db.prepare("SELECT body FROM oauth_clients WHERE id = 'during'").get(), { body: /"scrypt:D-ztNGFV:15,8,3:/ }, 'its processes may run still')
})

test('A secret of the generated form, or a hash, is taken over without slow hashing', async (t) => {
  const { registry } = worldOf(t)
  const scrypts = scryptCounter(t)
  const secret = generateSecret()
  const random = 'f'.repeat(32)
  await registry.add({ id: 'moved', secret })
  await registry.add({ id: 'hex', secretHash: `sha256:${hash('sha256', random, 'hex').toUpperCase()}` })
  await registry.add({ id: 'base64url', secretHash: `sha256:${hash('sha256', random, 'base64url')}` })
  t.equal(idOf(await authenticate(registry, 'moved', secret)), 'moved')
  for (const id of ['hex', 'base64url']) {
    t.equal(idOf(await authenticate(registry, id, random)), id)
    t.equal(await authenticate(registry, id, random + 'f'), undefined)
    t.match(await registry.find(id), { secrets: [{ isImported: false }] })
  }
  t.equal(scrypts(), 0)
})

test('A pepper takes the place of another, without a secret that stops working', async (t) => {
  const { registry: plain, store } = worldOf(t)
  const registryWith = (...peppers: (string | null)[]) => new ClientRegistry(store, { peppers, now: () => START })
  const secrets = { plain: await addReader(plain, { id: 'plain' }), old: await addReader(registryWith(PEPPERS[0]), { id: 'old' }), legacy: HUMAN }
  await registryWith(PEPPERS[0]).add({ id: 'legacy', secret: HUMAN })
  const [old, legacy] = await store.findClients(['old', 'legacy'])
  t.match(old?.secrets[0]?.hash, /^hmac-sha256:[\w-]{8}:[\w-]{43}$/)
  const mac = (text: string) => createHmac('sha256', PEPPERS[0]).update(text).digest()
  const fingerprint = mac('fingerprint').toString('base64url').slice(0, 8)
  t.equal(old?.secrets[0]?.hash, `hmac-sha256:${fingerprint}:${mac(secrets.old).toString('base64url')}`)
  const [, , , salt] = legacy!.secrets[0]!.hash.split('$')
  const digest = scryptSync(mac(HUMAN), Buffer.from(salt!, 'base64'), 32, { N: 2 ** 15, r: 8, p: 3, maxmem: 2 ** 26 })
  const keyId = Buffer.from(fingerprint, 'base64url').toString('base64')
  t.equal(legacy?.secrets[0]?.hash, `$scrypt$ln=15,r=8,p=3,keyid=${keyId}$${salt}$${digest.toString('base64').replace(/=$/, '')}`)

  const letsIn = async (registry: ClientRegistry) => {
    const ids: string[] = []
    for (const [id, secret] of Object.entries(secrets)) if (await authenticate(registry, id, secret)) ids.push(id)
    return ids
  }
  t.strictSame(await letsIn(registryWith(PEPPERS[1], PEPPERS[0], null)), ['plain', 'old', 'legacy'])
  t.strictSame(await letsIn(registryWith(PEPPERS[1], PEPPERS[0])), ['old', 'legacy'], 'a hash that anybody could write is worth nothing')
  t.strictSame(await letsIn(registryWith(PEPPERS[1], null)), ['plain'])
  t.strictSame(await letsIn(registryWith(PEPPERS[1])), [])
  t.strictSame(await letsIn(plain), ['plain'])
  t.match(await codeOf(registryWith(PEPPERS[0]).add({ secretHash: `sha256:${'A'.repeat(43)}` })), /^secretHash/)
})

test('What is stored in another form than hashes have lets nobody in', async (t) => {
  const { registry, store } = worldOf(t)
  const secret = generateSecret()
  await registry.add({ id: 'fast', secret })
  await registry.add({ id: 'slow', secret: HUMAN })
  for (const [id, presented] of [['fast', secret], ['slow', HUMAN]] as const) {
    const [good] = await store.findClients([id])
    const { hash: stored } = good!.secrets[0]!
    for (const [index, hash] of [stored, `x${stored}`, `${stored}x`, `\n${stored}`, `${stored}\n`, '', `${stored.split(':')[0]}:`].entries()) {
      const copy = `${id}-${index}`
      await store.addClients([{ ...good!, id: copy, secrets: [{ ...good!.secrets[0]!, hash }] }])
      t.equal(idOf(await authenticate(registry, copy, presented)), index === 0 ? copy : undefined, JSON.stringify(hash))
    }
  }
})

test('The id of a client without a secret that is hashed slowly, or of none, costs no slow hash', async (t) => {
  const mixed = [{ id: 'moved', secret: generateSecret() }, { id: 'legacy', secret: HUMAN }]
  for (const add of [(registry: ClientRegistry) => registry.add(mixed[1]), (registry: ClientRegistry) => registry.addAll(mixed)]) {
    const { registry } = worldOf(t)
    await authenticate(registry, 'nobody', HUMAN)
    await add(registry)
    const scrypts = scryptCounter(t)
    await registry.add({ id: 'generated' })
    for (const id of ['nobody', 'generated']) t.equal(await authenticate(registry, id, HUMAN), undefined)
    t.equal(scrypts(), 0)
    await authenticate(registry, 'legacy', HUMAN + 'x')
    t.equal(scrypts(), 1)
  }
})

/** A client with a secret from elsewhere that was hashed when that cost less, which is stored with it. */
async function addCheap (store: MemoryStore): Promise<void> {
  const salt = Buffer.alloc(16, 'salt')
  const digest = scryptSync(HUMAN, salt, 32, { N: 2 ** 10, r: 8, p: 1 })
  const secret = { id: 's', hash: `scrypt:10,8,1:${salt.toString('base64url')}:${digest.toString('base64url')}`, isImported: true, createdAt: START }
  await store.addClients([{ id: 'cheap', version: 1, scopes: [], secrets: [secret], createdAt: START, updatedAt: START }])
}

test('Slow hashing is bounded: those beyond are told to come again', async (t) => {
  const { registry, store } = worldOf(t)
  await addCheap(store)
  const results = await Promise.allSettled(Array.from({ length: 24 }, (_, index) => authenticate(registry, 'cheap', `${HUMAN}${index}`)))
  const refused = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason)
  t.equal(refused.length, 24 - 18, 'two are hashed, and sixteen wait')
  for (const error of refused) t.match(error, { status: 503, retryAfter: 2 })
  t.ok(refused.every((error) => error instanceof TemporarilyUnavailableError && !JSON.stringify([error.headers, error.body, error.cause]).includes(HUMAN)))
  t.equal(idOf(await authenticate(registry, 'cheap', HUMAN)), 'cheap', 'and then there is room again')
})

// Who is let in, and what that costs

test('A client may use the methods that it is registered for', async (t) => {
  const { registry } = worldOf(t)
  await registry.add({ id: 'reader', authMethods: [BASIC, 'private_key_jwt'], jwks: { keys: [PUBLIC_KEY] } })
  const issued = await registry.rotateSecret('reader')
  for (let round = 0; round < 3; round++) {
    t.equal(idOf(await authenticate(registry, 'reader', issued!.secret)), 'reader')
    t.equal(await authenticate(registry, 'reader', issued!.secret, 'client_secret_post'), undefined)
    t.equal(idOf(await authenticate(registry, 'reader', undefined, 'private_key_jwt')), 'reader', 'proven by the method')
    t.equal(await authenticate(registry, 'reader', undefined, 'tls_client_auth'), undefined)
    t.equal(idOf(await registry.findClient('reader')), 'reader')
  }
  await registry.add({ id: 'any' })
  t.equal(idOf(await authenticate(registry, 'any', undefined, 'of my own')), 'any')
  await registry.disable('any')
  t.equal(await authenticate(registry, 'any', undefined, 'of my own'), undefined)
  t.equal(await authenticate(registry, 'nobody', undefined, 'of my own'), undefined)
})

/** What a refusal costs: look-ups, slow hashes, fast hashes and recognitions. */
function costs (t: Test, { registry, calls }: World) {
  const scrypts = scryptCounter(t)
  const count = { present: 0, recognise: 0, compareSlowly: 0 }
  for (const name of ['present', 'recognise', 'compareSlowly'] as const) {
    const method = ClientSecrets.prototype[name] as (...args: unknown[]) => unknown
    t.intercept(ClientSecrets.prototype, name, { value (this: ClientSecrets, ...args: unknown[]) { count[name]++; return method.apply(this, args) } })
  }
  return async (id: string, secret: string) => {
    const before = { ...count, scrypts: scrypts(), lookups: calls.findClients ?? 0, imported: calls.hasImportedSecrets ?? 0 }
    t.equal(await authenticate(registry, id, secret), undefined, id)
    return {
      present: count.present - before.present,
      recognise: count.recognise - before.recognise,
      compareSlowly: count.compareSlowly - before.compareSlowly,
      scrypts: scrypts() - before.scrypts,
      lookups: (calls.findClients ?? 0) - before.lookups,
      imported: (calls.hasImportedSecrets ?? 0) - before.imported
    }
  }
}

test('A rejection costs a slow hash for a client with an imported secret only, and the same otherwise', async (t) => {
  const world = worldOf(t)
  const { registry, pass } = world
  const secrets: Record<string, string> = {}
  for (const id of ['cached', 'two', 'disabled', 'cold']) secrets[id] = await addReader(registry, { id })
  secrets.expired = await addReader(registry, { id: 'expired', lifetime: 1 })
  secrets.bound = await addReader(registry, { id: 'bound', authMethods: ['client_secret_post'] })
  await registry.add({ id: 'keys', jwks: { keys: [PUBLIC_KEY] } })
  await registry.rotateSecret('two')
  await registry.disable('disabled')
  await registry.addAll([{ id: 'legacy', secret: HUMAN }, { id: 'old', secret: HUMAN, lifetime: 1 }, { id: 'off', secret: HUMAN }])
  await registry.disable('off')
  pass(1)
  for (const id of ['cached', 'two']) await remember(registry, id, secrets[id]!)
  await remember(registry, 'legacy', HUMAN)

  const costOf = costs(t, world)
  const fast = { present: 1, recognise: 2, compareSlowly: 1, scrypts: 0, lookups: 1, imported: 0 }
  const slow = { ...fast, scrypts: 1 }
  for (const id of [...Object.keys(secrets), 'keys', 'nobody', 'legacy', 'old', 'off']) {
    t.strictSame(await costOf(id, generateSecret()), fast, `generated, ${id}`)
  }
  for (const id of ['cached', 'disabled', 'keys', 'nobody']) t.strictSame(await costOf(id, 'wrong'), fast, `of another form, ${id}`)
  t.strictSame(await costOf('legacy', 'wrong'), slow)
  for (const secret of [generateSecret().slice(0, -1) + '-', 'x'.repeat(100_000), '']) t.strictSame(await costOf('nobody', secret), fast, `${secret.length} characters`)
  for (const id of ['old', 'off']) t.strictSame(await costOf(id, HUMAN), slow, `right, but ${id}`)
  for (const id of ['disabled', 'bound']) t.strictSame(await costOf(id, secrets[id]!), { ...fast, compareSlowly: 0 }, `right, but ${id}`)
  t.strictSame(await costOf('expired', secrets.expired), fast)
  t.strictSame(await costOf('b d', 'wrong'), { ...fast, lookups: 0 }, 'what is no client_id is not looked for')
})

test('Nothing is hashed slowly where nobody has an imported secret', async (t) => {
  const world = worldOf(t)
  const { registry, other, store, wait, power, errors, calls } = world
  const secret = await addReader(registry)
  await remember(registry, 'reader', secret)
  const costOf = costs(t, world)
  t.match(await costOf('reader', 'wrong'), { scrypts: 0, imported: 1 })
  t.match(await costOf('nobody', 'wrong'), { scrypts: 0, imported: 0 })

  // A client that is added elsewhere tells by itself.
  await other.add({ id: 'legacy', secret: HUMAN })
  t.match(await costOf('nobody', 'wrong'), { scrypts: 0, imported: 0 })
  t.equal(idOf(await authenticate(registry, 'legacy', HUMAN)), 'legacy')
  t.match(await costOf('legacy', 'wrong'), { scrypts: 1, imported: 0 })

  await other.remove('legacy')
  wait(5000)
  t.match(await costOf('nobody', 'wrong'), { imported: 1 }, 'asked again behind')
  await turn()
  t.match(await costOf('nobody', 'wrong'), { scrypts: 0, imported: 0 })

  wait(5000)
  store.hasImportedSecrets = async () => { throw new StoreUnavailableError('away') }
  t.match(await costOf('nobody', 'wrong'), { scrypts: 0, imported: 1 }, 'what is known is good enough')
  await turn()
  t.match(errors, [{ name: 'StoreUnavailableError' }])
  const fresh = new ClientRegistry(store)
  await t.rejects(authenticate(fresh, 'reader', 'wrong'), StoreUnavailableError, 'nothing is known')
  t.equal(idOf(await authenticate(fresh, 'reader', secret)), 'reader')
  t.notOk(power.isAway)
  t.ok(calls.findClients)
})

test('A stored hash that cannot be read lets nobody in', async (t) => {
  const { registry, store } = worldOf(t)
  const addWith = (id: string, hashes: readonly string[], isImported: boolean) => {
    const secrets = hashes.map((hash, index) => ({ id: String(index), hash, isImported, createdAt: START }))
    return store.addClients([{ id, version: 1, scopes: [], secrets, createdAt: START, updatedAt: START }])
  }
  const digest = 'A'.repeat(43)
  const fast = ['', 'sha256', 'sha256:', `sha256:${digest}A`, `md5:${digest}`, HUMAN, `scrypt:15,8,3:AAAA:${digest}`, `$scrypt$ln=15,r=8,p=3$AAAA$${digest}`]
  await addWith('fast', fast, false)
  for (const secret of ['', HUMAN, ...fast]) t.equal(await authenticate(registry, 'fast', secret), undefined)
  // The second would take all memory.
  await addWith('slow', [`sha256:${digest}`, `scrypt:30,8,1:AAAA:${digest}`, `scrypt:00000000:15,8,3:AAAA:${digest}`, `$scrypt$ln=30,r=8,p=1$AAAA$${digest}`, `$scrypt$ln=15,r=8,p=3,keyid=00000000$AAAA$${digest}`, `$scrypt$ln=15,r=8,p=3$A_AA$${digest}`], true)
  t.equal(await authenticate(registry, 'slow', ''), undefined)
})

test('Who is remembered is let in at once, without the store', async (t) => {
  const { registry, calls, wait } = worldOf(t)
  const secret = await addReader(registry)
  t.ok(registry.getClient(context('reader', secret)) instanceof Promise)
  await turn()
  await remember(registry, 'reader', secret)
  const before = { ...calls }
  const first = registry.getClient(context('reader', secret)) as OAuth2Client
  for (let round = 0; round < 5; round++) t.equal(registry.getClient(context('reader', secret)), first, 'the same object')
  t.equal(registry.findClient('reader'), first)
  t.strictSame(calls, before)

  // Twice a second the changes are read, and nobody waits.
  for (let round = 1; round <= 4; round++) {
    wait(500)
    t.equal(registry.getClient(context('reader', secret)), first)
    await turn()
    t.equal(calls.listClientChanges, before.listClientChanges! + round)
  }
  t.equal(calls.findClients, before.findClients)
})

test('Look-ups of one turn are one question, and each client is asked for once', async (t) => {
  const { registry, asked, power } = worldOf(t, { cacheSize: 0 })
  const secrets = new Map((await registry.addAll(['a', 'b', 'c'].map((id) => ({ id })))).map(({ id, secret }) => [id, secret!.secret]))
  const together = () => Promise.allSettled(['a', 'b', 'a', 'nobody', 'c', 'a'].map((id) => authenticate(registry, id, secrets.get(id) ?? secrets.get('a'))))
  asked.length = 0
  t.match(await together(), ['a', 'b', 'a', undefined, 'c', 'a'].map((id) => ({ value: id === undefined ? undefined : { id } })))
  t.strictSame(asked.filter(([name]) => name === 'findClients'), [['findClients', ['a', 'b', 'nobody', 'c']]])
  t.notOk(asked.some(([name]) => name === 'listClientChanges'), 'nothing is remembered, nothing is followed')
  power.isAway = true
  for (const result of await together()) t.match(result, { status: 'rejected', reason: { name: 'StoreUnavailableError' } })
})

// Changes elsewhere

test('What changes in another process is seen within a second, and a new secret at once', async (t) => {
  const { registry, other, wait } = worldOf(t)
  const secret = await addReader(registry)
  await remember(registry, 'reader', secret)
  const rotated = await other.rotateSecret('reader', { overlap: 0 })
  t.equal(idOf(await authenticate(registry, 'reader', secret)), 'reader', 'not known yet')
  t.equal(idOf(await authenticate(registry, 'reader', rotated!.secret)), 'reader', 'nobody is refused from memory')
  t.equal(await authenticate(registry, 'reader', secret), undefined)

  for (const change of [() => other.disable('reader'), () => other.enable('reader').then(() => other.remove('reader'))]) {
    await other.enable('reader')
    wait(1000)
    await remember(registry, 'reader', rotated!.secret)
    t.equal(idOf(await authenticate(registry, 'reader', rotated!.secret)), 'reader')
    await change()
    wait(1000)
    t.equal(await authenticate(registry, 'reader', rotated!.secret), undefined)
    t.equal(await registry.findClient('reader'), undefined)
  }
})

test('A client that was removed elsewhere is forgotten with the first look', async (t) => {
  const { registry, other } = worldOf(t)
  const secret = await addReader(registry)
  await remember(registry, 'reader', secret)
  await other.remove('reader')
  t.equal(await authenticate(registry, 'reader', 'wrong'), undefined)
  t.equal(await authenticate(registry, 'reader', secret), undefined)
})

test('A reading that a change overtakes is not remembered', async (t) => {
  const { registry, other, store, wait } = worldOf(t)
  const secret = await addReader(registry)
  await remember(registry, 'reader', secret)
  const findClients = store.findClients.bind(store)
  /** Changes the client while a reading of it is under way. @returns what comes of that reading */
  const overtake = async (change: () => Promise<unknown>): Promise<OAuth2Client | undefined> => {
    await registry.update('reader', { name: 'forgotten' })
    wait(600)
    let release = () => {}
    const held = new Promise<void>((resolve) => { release = resolve })
    store.findClients = async (ids) => { const found = await findClients(ids); await held; return found }
    const reading = authenticate(registry, 'reader', secret)
    await turn()
    await turn()
    store.findClients = findClients
    await change()
    release()
    return await reading
  }
  const changeElsewhere = async (change: () => Promise<unknown>) => {
    await change()
    wait(600)
    // Has the changes read.
    await authenticate(registry, 'nobody', secret)
  }
  t.strictSame((await overtake(() => registry.update('reader', { scopes: ['c'] })))?.scopes, ['a', 'b'], 'it was asked for before')
  t.strictSame((await authenticate(registry, 'reader', secret))?.scopes, ['c'])
  t.strictSame((await overtake(() => changeElsewhere(() => other.update('reader', { scopes: ['d'] }))))?.scopes, ['c'], 'it was asked for before')
  t.strictSame((await authenticate(registry, 'reader', secret))?.scopes, ['d'])

  for (const change of [() => registry.disable('reader'), () => changeElsewhere(() => other.disable('reader'))]) {
    t.equal(await overtake(change), undefined, 'that it is disabled is known by its entry')
    t.equal(await authenticate(registry, 'reader', secret), undefined)
    await registry.enable('reader')
    t.equal(idOf(await authenticate(registry, 'reader', secret)), 'reader')
  }
})

test('A remembered client is read again after its time, and the one that was used longest ago goes first', async (t) => {
  const { registry, calls, pass } = worldOf(t, { cacheSize: 2, cacheMaxAge: 10 })
  const secrets = new Map((await registry.addAll(['a', 'b', 'c'].map((id) => ({ id })))).map(({ id, secret }) => [id, secret!.secret]))
  await remember(registry, 'a', secrets.get('a')!)
  const isRemembered = (id: string) => !(registry.getClient(context(id, secrets.get(id))) instanceof Promise)
  /** When the clock jumps, what is known is old, and the first request waits until it was read again. */
  const letPass = async (seconds: number) => {
    pass(seconds)
    await authenticate(registry, 'nobody', 'wrong')
  }
  await letPass(9)
  t.ok(isRemembered('a'))
  await letPass(1)
  t.notOk(isRemembered('a'))
  await turn()
  t.ok(isRemembered('a'))
  pass(-1)
  t.notOk(isRemembered('a'), 'a clock that was set back tells nothing')
  await turn()
  for (const id of ['b', 'a', 'c']) await remember(registry, id, secrets.get(id)!)
  t.strictSame(['b', 'a', 'c'].map(isRemembered), [false, true, true])
  t.ok(calls.findClients)
})

test('When the store is away for a second nobody is let in and nobody refused, and afterwards all is well', async (t) => {
  const { registry, power, wait, errors } = worldOf(t)
  const secret = await addReader(registry)
  await remember(registry, 'reader', secret)
  power.isAway = true
  wait(999)
  t.equal(idOf(await authenticate(registry, 'reader', secret)), 'reader', 'confirmed less than a second ago')
  await turn()
  for (let round = 0; round < 5; round++) {
    wait(200)
    for (const [id, presented] of [['reader', secret], ['reader', 'wrong'], ['reader', undefined], ['nobody', secret]] as const) {
      await t.rejects(authenticate(registry, id, presented), StoreUnavailableError)
    }
    await t.rejects(Promise.resolve(registry.findClient('reader')), StoreUnavailableError)
  }
  await t.rejects(registry.add(), StoreUnavailableError)
  await t.rejects(registry.disable('reader'), StoreUnavailableError)
  await t.rejects(registry.remove('reader'), StoreUnavailableError)
  t.equal(errors.length, 1, 'once per outage')
  power.isAway = false
  t.equal(idOf(await authenticate(registry, 'reader', secret)), 'reader')
  wait(500)
  await remember(registry, 'reader', secret)
  t.notOk(registry.getClient(context('reader', secret)) instanceof Promise)
})

test('A store that fails while a client changes may have changed it: it is read again', async (t) => {
  const { registry, store } = worldOf(t)
  const secret = await addReader(registry)
  await remember(registry, 'reader', secret)
  const replaceClient = store.replaceClient.bind(store)
  store.replaceClient = async (client) => { await replaceClient(client); throw new StoreUnavailableError('timeout') }
  await t.rejects(registry.disable('reader'), StoreUnavailableError)
  t.equal(await authenticate(registry, 'reader', secret), undefined)
})

// Last uses

test('The last use of a secret is written once a minute, on the way of a request', async (t) => {
  const { registry, asked, pass, calls } = worldOf(t)
  /** When the clock jumps, what is known of the client is old, and the first request has it read again. */
  const letPass = async (seconds: number) => {
    pass(seconds)
    await authenticate(registry, 'nobody', 'wrong')
  }
  const secret = await addReader(registry)
  const lastUse = async () => (await registry.find('reader'))?.secrets[0]?.lastUsedAt
  const written = () => asked.filter(([name]) => name === 'saveSecretUses').flatMap(([, uses]) => uses as object[])
  t.equal(await lastUse(), undefined)
  await authenticate(registry, 'reader', 'wrong')
  t.equal(await lastUse(), undefined)
  await remember(registry, 'reader', secret)
  await turn()
  t.match(written(), [{ clientId: 'reader', usedAt: START }])
  await letPass(59)
  await remember(registry, 'reader', secret)
  t.equal(calls.saveSecretUses, 1)
  const other = await registry.rotateSecret('reader')
  await remember(registry, 'reader', other!.secret)
  t.equal(calls.saveSecretUses, 1, 'waits')
  t.strictSame((await registry.list()).clients[0]?.secrets.map(({ lastUsedAt }) => lastUsedAt), [START, START + 59], 'what waits is known')
  await letPass(1)
  await remember(registry, 'reader', secret)
  await turn()
  t.match(written().slice(1), [{ usedAt: START + 59 }, { usedAt: START + 60 }])
  await registry.flush()
  t.equal(calls.saveSecretUses, 2, 'nothing waits')
  await letPass(59)
  await remember(registry, 'reader', other!.secret)
  await registry.flush()
  t.equal(calls.saveSecretUses, 3)
  t.equal((await registry.find('reader'))?.secrets[1]?.lastUsedAt, START + 119)
})

test('Last uses are written in steps; what failed is written from there, and what is later waits on', async (t) => {
  const { store } = worldOf(t)
  await store.addClients([{ id: 'a', version: 1, scopes: [], secrets: [], createdAt: START, updatedAt: START }])
  let time = START
  let stepsLeft = 0
  let turns = 0
  const steps: Array<{ size: number, turns: number }> = []
  const uses = new SecretUses({
    findSecretUses: (ids) => store.findSecretUses(ids),
    async saveSecretUses (batch) {
      if (stepsLeft-- <= 0) throw new StoreUnavailableError(new Error('refused'))
      setImmediate(() => { turns++ })
      steps.push({ size: batch.length, turns })
      if (steps.length === 1) uses.note('a', { id: '0', notedAt: -Infinity })
      await store.saveSecretUses(batch)
    }
  }, { now: () => time, onError: undefined })
  for (let index = 0; index < 1200; index++) uses.note('a', { id: String(index), notedAt: -Infinity })
  await turn()
  time++
  stepsLeft = 1
  await t.rejects(uses.flush(), StoreUnavailableError)
  stepsLeft = 2
  await uses.flush()
  t.strictSame(steps.map(({ size }) => size), [500, 500, 201], 'each once, and the later use of one')
  t.ok(steps[2]!.turns > steps[1]!.turns, 'others come between')
  const lastUseOf = await uses.find(['a'])
  t.strictSame([lastUseOf('a', '0'), lastUseOf('a', '1')], [START + 1, START])
  t.equal((await store.findSecretUses(['a'])).length, 1200)
})

test('Last uses wait for a store that is away, and no request does', async (t) => {
  const { store } = worldOf(t)
  const { store: spied, power } = spy(store)
  let time = START
  const errors: Error[] = []
  const uses = new SecretUses(spied, { now: () => time, onError: (error) => { errors.push(error) } })
  await store.addClients([{ id: 'a', version: 1, scopes: [], secrets: [], createdAt: START, updatedAt: START }])
  const secret = { id: 's', notedAt: -Infinity }
  power.isAway = true
  for (; time < START + 300; time += 60) {
    uses.note('a', secret)
    await turn()
  }
  t.equal(errors.length, 1, 'told once')
  await t.rejects(uses.flush(), StoreUnavailableError)
  power.isAway = false
  await uses.flush()
  t.equal((await uses.find(['a']))('a', 's'), START + 240)
  t.equal((await uses.find([]))('a', 's'), undefined)

  // What waits is bounded.
  power.isAway = true
  for (let index = 0; index < 50_010; index++) uses.note('a', { id: String(index), notedAt: -Infinity })
  power.isAway = false
  await uses.flush()
  t.equal((await store.findSecretUses(['a'])).length, 50_001)

  time -= 100
  secret.notedAt = START + 300
  uses.note('a', secret)
  t.equal(secret.notedAt, time, 'a clock that was set back does not stop the notes')
})

// In a flow

test('A registry fills getClient of a flow, whole: default scopes, refusals, outages', async (t) => {
  const { registry, power, wait } = worldOf(t)
  const secret = await addReader(registry, { defaultScopes: ['b'] })
  const flow = new ClientCredentialsFlowBuilder().useClients(registry).generateAccessToken(() => 'token').build()
  const ask = async (presented: string, scope?: string) => await flow.token(new Request('https://as.example/token', {
    method: 'POST',
    headers: { authorization: basic('reader', presented), 'content-type': FORM },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...scope && { scope } })
  }))
  t.match(await ask(secret), { success: true, tokenResponse: { scope: 'b' } })
  t.match(await ask(secret, 'a b'), { success: true, tokenResponse: { scope: 'a b' } })
  t.match(await ask(secret, 'c'), { success: false, error: { code: 'invalid_scope' } })
  t.match(await ask(generateSecret()), { success: false, error: { code: 'invalid_client', status: 401 } })
  power.isAway = true
  wait(1000)
  t.match(await ask(secret), { success: false, error: { code: 'temporarily_unavailable', status: 503, retryAfter: 2 } })
})

// The store in memory

test('MemoryStore drops what nobody asks for any more, and not only hides it', async (t) => {
  const pass = stopwatch(t)
  let time = START
  const store = new MemoryStore({ now: () => time })
  // So that twice the clock tolerance is 10 seconds.
  const { storeId, ...settings } = await store.readSettings()
  await store.replaceSettings({ ...settings, storeId, largestClockTolerance: 5, longestTokenLifetime: 60 })
  const client = { id: 'a', version: 1, scopes: [], secrets: [{ id: 's', hash: '', createdAt: START }], createdAt: START, updatedAt: START }
  await store.addClients([client])
  await store.saveSecretUses([{ clientId: 'a', secretId: 's', usedAt: START }])
  const { mark } = await store.listClientChanges()
  await store.replaceClient(client)
  t.equal((await store.findSecretUses(['a'])).length, 1)
  await store.replaceClient({ ...(await store.findClients(['a']))[0]!, secrets: [] })
  t.strictSame(await store.findSecretUses(['a']), [], 'the uses of a secret that is gone')
  const reservation = { window: 10, issuedAt: START, expiresAt: START + 10, clockTolerance: 5 }
  t.equal(await store.reserve('key', reservation), true)
  t.equal(await store.reserve('key', reservation), false)
  t.strictSame(await store.countFailure('key', 60), { count: 1, forgottenAt: START + 60 })
  t.strictSame(await store.countFailure('key', 60), { count: 2, forgottenAt: START + 60 })
  // Each write drops some of what has expired, and some come to the end of all.
  const write = async () => {
    for (const name of ['first', 'second', 'third']) {
      await store.reserve(`${name} at ${performance.now()}`, reservation)
      await store.countFailure(name, 60)
      await store.replaceClient((await store.findClients(['a']))[0]!)
    }
  }
  time += 3700
  await write()
  time = START
  t.equal((await store.listClientChanges(mark)).ids.length, 2 + 3, 'a wall clock that jumps ahead and back drops nothing')
  t.equal(await store.reserve('key', reservation), false)

  time += 3700
  pass(3_700_000)
  await write()
  time = START
  t.equal((await store.listClientChanges(mark)).ids.length, 1 + 3 + 3, 'the last of those that have expired stays')
  t.equal(await store.reserve('key', reservation), true)
  t.strictSame(await store.countFailure('key', 60), { count: 1, forgottenAt: START + 60 })
  await store.forgetFailures('key')
  t.strictSame(await store.countFailure('key', 60), { count: 1, forgottenAt: START + 60 })
})

test('A client with an imported secret who comes again gets in while strangers fill the queue of slow hashes', async (t) => {
  let time = START
  const registry = new ClientRegistry(new MemoryStore({ now: () => time }), { now: () => time })
  await registry.add({ id: 'imported', secret: 'chosen by a human' })
  const come = async () => await registry.getClient(context('imported', 'chosen by a human'))
  t.ok(await come())
  time += 3599
  const strangers = Array.from({ length: 18 }, async (_, index) => await registry.getClient(context(`stranger-${index}`, 'guess')))
  t.ok(await come())
  time += 3599
  t.ok(await come(), 'an hour counts from the last use')
  await Promise.allSettled(strangers)
})

test('A change that has read a client before it was removed changes none that was added under its id since', async (t) => {
  const store = new MemoryStore()
  const registry = new ClientRegistry(store)
  const { secret } = await registry.add({ id: 'same' })
  const [before] = await store.findClients(['same'])
  await registry.remove('same')
  await registry.add({ id: 'same' })
  t.equal(await store.replaceClient({ ...before!, name: 'changed' }), false)
  t.equal(await registry.getClient(context('same', secret!.secret)), undefined, 'the secret of the one that was removed')
})

test('A client has twenty secrets at most, and what has expired does not count', async (t) => {
  let time = START
  const registry = new ClientRegistry(new MemoryStore({ now: () => time }), { now: () => time })
  await registry.add({ id: 'busy' })
  for (let index = 0; index < 19; index++) await registry.rotateSecret('busy')
  await t.rejects(registry.rotateSecret('busy'), { code: 'FST_OAUTH_INVALID_CLIENT', message: /20 secrets already: choose a shorter overlap/ })
  t.ok(await registry.rotateSecret('busy', { overlap: 0 }))
  for (let index = 0; index < 19; index++) await registry.rotateSecret('busy')
  time += 86_400
  t.ok(await registry.rotateSecret('busy'))
})

test('A lifetime that no date can hold is refused', async (t) => {
  const registry = new ClientRegistry(new MemoryStore())
  await t.rejects(registry.add({ lifetime: 3_155_760_001 }), { message: /100 years/ })
  t.ok(await registry.add({ lifetime: 3_155_760_000 }))
})

test('What was used once is remembered in the store of the clients, where that can', async (t) => {
  const store = new MemoryStore()
  t.equal(new ClientRegistry(store).replays, store)
  const forgetful = Object.assign(Object.create(store), { reserve: undefined }) as ClientStore
  t.equal(new ClientRegistry(forgetful).replays, undefined)
})
