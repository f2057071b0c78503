// What design §3.2 promises of revocation (R) and of outages (A), clause by clause: what was revoked is rejected, in every
// process, whatever fails.
import { createHook } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import Fastify from 'fastify'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { test } from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, { ClientCredentialsFlowBuilder, ClientRegistry, JwtAccessTokens, MemoryStore, OpaqueAccessTokens, SigningKeys } from '../../plugin/index.ts'
import type { JwtAccessTokensOptions } from '../../src/access-token/jwt-access-tokens.ts'
import { gate, ISSUER, requestToken, START, use, useAll, worldOf } from '../support/revocation-world.ts'
import type { Process, TokenKind, World } from '../support/revocation-world.ts'

const HUMAN = 'correct horse battery staple'
const KINDS = ['jwt', 'opaque'] satisfies TokenKind[]
const MAX_STALE = 600
const DAY = 86_400

const kidOf = (token: string): string => JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()).kid

/** Two processes that accept two tokens of each of two clients. */
async function twoProcesses (t: Test, kind: TokenKind) {
  const world = worldOf(t)
  const [here, elsewhere] = [world.start({ kind }), world.start({ kind })]
  const secrets: Record<string, string> = {}
  const tokens: Record<string, string> = {}
  for (const id of ['victim', 'other']) {
    secrets[id] = (await here.clients.add({ id, scopes: ['read'] })).secret!.secret
    tokens[id] = (await requestToken(here, id, secrets[id])).token
    t.strictSame(await useAll([here, elsewhere], tokens[id]!), [200, 200])
  }
  return { ...world, here, elsewhere, secrets, tokens }
}

// R: every revocation, in every process

type Revoke = (process: Process, token: string) => Promise<unknown>
const REVOCATIONS: ReadonlyArray<[what: string, kinds: readonly TokenKind[], revoke: Revoke, isOtherValid: boolean]> = [
  ['a token', KINDS, ({ tokens }, token) => tokens.revoke!(token), true],
  ['all tokens of a client, by the registry', KINDS, ({ clients }) => clients.revokeTokens('victim'), true],
  ['all tokens of a client, by the access tokens', KINDS, ({ tokens }) => tokens.revokeClient('victim'), true],
  ['all tokens of all clients', KINDS, ({ clients }) => clients.revokeAllTokens(), false],
  ['a client that is disabled', KINDS, ({ clients }) => clients.disable('victim'), true],
  ['a client that is removed', KINDS, ({ clients }) => clients.remove('victim'), true],
  ['a signing key', ['jwt'], ({ keys }, token) => keys.revoke(kidOf(token)), false]
]

for (const [what, kinds, revoke, isOtherValid] of REVOCATIONS) {
  for (const kind of kinds) {
    test(`R: the revocation of ${what} is in force here at once and in every process after a second (${kind})`, async (t) => {
      const { here, elsewhere, tokens, pass, start } = await twoProcesses(t, kind)
      await revoke(here, tokens['victim']!)
      t.equal(await use(here, tokens['victim']!), 401)
      t.equal(await here.tokens.introspect(tokens['victim']!), undefined)
      pass(1)
      t.equal(await use(elsewhere, tokens['victim']!), 401)
      t.equal(await elsewhere.tokens.introspect(tokens['victim']!), undefined)
      for (const process of [here, elsewhere]) t.equal(await use(process, tokens['other']!), isOtherValid ? 200 : 401)
      // In a process that has just started, too.
      for (const process of [here, elsewhere, start({ kind })]) t.equal(await use(process, tokens['victim']!), 401)
    })
  }
}

test('R: tokens that are issued after all were revoked are accepted at once, in every process', async (t) => {
  const { here, elsewhere, secrets, pass } = await twoProcesses(t, 'jwt')
  for (const revoke of [() => here.clients.revokeTokens('victim'), () => here.clients.revokeAllTokens()]) {
    await revoke()
    t.strictSame(await useAll([here, elsewhere], (await requestToken(here, 'victim', secrets['victim'])).token), [200, 200])
    pass(1)
    t.strictSame(await useAll([here, elsewhere], (await requestToken(elsewhere, 'victim', secrets['victim'])).token), [200, 200])
  }
})

test('R: a revoked secret obtains no token after a second, tokens that were obtained with it stay valid, and other secrets work', async (t) => {
  const { here, elsewhere, secrets, tokens, pass } = await twoProcesses(t, 'jwt')
  await requestToken(elsewhere, 'victim', secrets['victim'])
  const other = (await here.clients.rotateSecret('victim'))!
  const { secrets: listed } = (await here.clients.find('victim'))!
  await here.clients.revokeSecret('victim', listed.find(({ id }) => id !== other.id)!.id)
  t.match(await requestToken(here, 'victim', secrets['victim']), { status: 401, code: 'invalid_client' })
  pass(1)
  t.match(await requestToken(elsewhere, 'victim', secrets['victim']), { status: 401, code: 'invalid_client' })
  for (const process of [here, elsewhere]) {
    t.match(await requestToken(process, 'victim', other.secret), { status: 200 })
    t.equal(await use(process, tokens['victim']!), 200)
  }
})

for (const kind of KINDS) {
  test(`R: enabling a client revives no token, in a process that has not read that it was disabled either (${kind})`, async (t) => {
    const { here, elsewhere, secrets, tokens, pass } = await twoProcesses(t, kind)
    await here.clients.disable('victim')
    await here.clients.enable('victim')
    t.equal(await use(here, tokens['victim']!), 401)
    pass(1)
    t.equal(await use(elsewhere, tokens['victim']!), 401)
    t.strictSame(await useAll([here, elsewhere], (await requestToken(elsewhere, 'victim', secrets['victim'])).token), [200, 200])
  })

  test(`R: tokens of a client that was removed stay invalid when its id is added again (${kind})`, async (t) => {
    const { here, elsewhere, tokens, pass } = await twoProcesses(t, kind)
    await here.clients.remove('victim')
    const { secret } = await here.clients.add({ id: 'victim', scopes: ['read'] })
    t.equal(await use(here, tokens['victim']!), 401)
    pass(1)
    t.equal(await use(elsewhere, tokens['victim']!), 401)
    t.strictSame(await useAll([here, elsewhere], (await requestToken(elsewhere, 'victim', secret!.secret)).token), [200, 200])
  })
}

test('R: a token without a generation counts as one of generation 0', async (t) => {
  const { here, elsewhere, pass } = await twoProcesses(t, 'jwt')
  const { accessToken } = await here.tokens.issue({
    client: { id: 'victim', grants: [] }, grantType: '', scope: ['read'], tokenType: 'Bearer', accessTokenLifetime: 600, origin: '', resource: [], audience: [ISSUER], confirmation: undefined
  })
  t.strictSame(await useAll([here, elsewhere], accessToken), [200, 200])
  await here.clients.revokeTokens('victim')
  pass(1)
  t.strictSame(await useAll([here, elsewhere], accessToken), [401, 401])
})

test('R: while a client is disabled, a token of its very generation is rejected, and one of a greater generation is not', async (t) => {
  const { store, here, pass } = await twoProcesses(t, 'jwt')
  await store.addEntries([{ kind: 'client', id: 'victim', generation: 5, isDisabled: true, expiresAt: START + DAY }])
  pass(1)
  const statuses: number[] = []
  for (const generation of [4, 5, 6]) {
    const { accessToken } = await here.tokens.issue({
      client: { id: 'victim', grants: [] }, grantType: '', scope: [], tokenType: 'Bearer', accessTokenLifetime: 60, origin: '', resource: [], audience: [ISSUER], confirmation: undefined, generation
    })
    statuses.push(await use(here, accessToken))
  }
  t.strictSame(statuses, [401, 401, 200])
})

test('R: what a store has again, such as a restored backup, stays revoked in every process that has read its revocation', async (t) => {
  const { store, here, elsewhere, secrets, tokens, pass } = await twoProcesses(t, 'jwt')
  const [[victim], keySet] = [await store.findClients(['victim']), await store.readKeys()]
  await here.clients.rotateSecret('victim')
  await here.clients.revokeSecret('victim', victim!.secrets[0]!.id)
  await here.keys.revoke(kidOf(tokens['victim']!))
  pass(1)
  t.equal(await use(elsewhere, tokens['victim']!), 401)
  // The rows of before, beside entries that say more.
  await store.replaceClient({ ...victim!, version: (await store.findClients(['victim']))[0]!.version })
  await store.replaceKeys({ ...keySet, version: (await store.readKeys()).version })
  pass(1)
  for (const process of [here, elsewhere]) {
    t.match(await requestToken(process, 'victim', secrets['victim']), { status: 401, code: 'invalid_client' })
    t.equal(await use(process, tokens['other']!), 401, 'signed with the key')
  }
})

test('R: where the changes of clients cannot be read, no client is taken from the cache', async (t) => {
  const { here, elsewhere, secrets, pass } = await twoProcesses(t, 'jwt')
  for (let round = 0; round < 2; round++) await requestToken(elsewhere, 'victim', secrets['victim'])
  elsewhere.line.hold = (method) => method === 'listClientChanges' ? Promise.reject(new Error('ECONNREFUSED')) : undefined
  await here.clients.update('victim', { scopes: ['write'] })
  pass(1)
  t.match(await requestToken(elsewhere, 'victim', secrets['victim']), { status: 200, scope: 'write' })
})

test('R: clocks that differ by four seconds neither keep a token valid nor make one invalid', async (t) => {
  const world = worldOf(t)
  const both = [world.start(), world.start({ ahead: 4 })] as const
  const { secret } = await both[0].clients.add({ id: 'victim', scopes: ['read'] })
  const askBoth = async () => await Promise.all(both.map(async (process) => (await requestToken(process, 'victim', secret!.secret)).token))
  let valid = await askBoth()
  for (const revoking of [both[0], both[1], both[0]]) {
    for (const token of valid) t.strictSame(await useAll(both, token), [200, 200])
    await revoking.clients.revokeTokens('victim')
    world.pass(1)
    for (const token of valid) t.strictSame(await useAll(both, token), [401, 401])
    valid = await askBoth()
  }
  for (const token of valid) t.strictSame(await useAll(both, token), [200, 200])
})

// R: token requests that are under way

/** A client is disabled, or removed, at a moment of a token request, in the process of the request or in another one. */
const ENDINGS: ReadonlyArray<[how: string, end: (process: Process) => Promise<unknown>]> = [
  ['disabled', ({ clients }) => clients.disable('victim')],
  ['removed', ({ clients }) => clients.remove('victim')],
  ['disabled and enabled', async ({ clients }) => { await clients.disable('victim'); await clients.enable('victim') }],
  ['removed and added', async ({ clients }) => { await clients.remove('victim'); await clients.add({ id: 'victim', scopes: ['read'] }) }]
]

/** Whatever the request was answered with, no process accepts its token a second later. */
async function checkUseless (t: Test, { pass }: World, processes: readonly Process[], answer: { status: number, token: string }, title: string): Promise<void> {
  pass(1)
  if (answer.status === 200) t.strictSame(await useAll(processes, answer.token), processes.map(() => 401), title)
  else t.equal(answer.status, 401, title)
}

for (const [how, end] of ENDINGS) {
  test(`R: a client that is ${how} while its slow secret is hashed obtains no token that works`, async (t) => {
    for (const seconds of [0, 14]) {
      const world = worldOf(t)
      const processes = [world.start(), world.start()] as const
      const [here, elsewhere] = processes
      await here.clients.add({ id: 'victim', scopes: ['read'], secret: HUMAN })
      const hashing = gate()
      const hook = createHook({ init: (_, type) => { if (type === 'SCRYPTREQUEST') hashing.open() } }).enable()
      const request = requestToken(here, 'victim', HUMAN)
      await hashing.opened
      hook.disable()
      await end(elsewhere)
      world.pass(seconds)
      const answer = await request
      if (seconds > 0 && !how.endsWith('enabled')) t.match(answer, { status: 401, code: 'invalid_client' })
      await checkUseless(t, world, processes, answer, `${seconds} s`)
    }
  })

  test(`R: a client that is ${how} between its authentication and the issuance obtains no token that works`, async (t) => {
    for (const kind of KINDS) {
      for (const [where, seconds] of [['here', 0], ['here', 2], ['elsewhere', 0], ['elsewhere', 0.999], ['elsewhere', 2]] as const) {
        const world = worldOf(t)
        const processes = [world.start({ kind }), world.start({ kind })] as const
        const [here, elsewhere] = processes
        const { secret } = await here.clients.add({ id: 'victim', scopes: ['read'] })
        // Once from the store, and once from the cache.
        for (let round = 0; round < 2; round++) t.match(await requestToken(here, 'victim', secret!.secret), { status: 200 })
        here.between.work = async () => {
          await end(where === 'here' ? here : elsewhere)
          world.pass(seconds)
        }
        await checkUseless(t, world, processes, await requestToken(here, 'victim', secret!.secret), `${kind}, ${where}, ${seconds} s`)
      }
    }
  })
}

test('R: a client that is disabled while its row is read obtains no token that works', async (t) => {
  for (const seconds of [0, 14]) {
    const world = worldOf(t)
    const [here, elsewhere] = [world.start(), world.start()]
    const { secret } = await here.clients.add({ id: 'victim', scopes: ['read'] })
    const [reading, answer] = [gate(), gate()]
    here.line.hold = (method) => {
      if (method !== 'findClients') return undefined
      here.line.hold = undefined
      reading.open()
      return answer.opened
    }
    const request = requestToken(here, 'victim', secret!.secret)
    await reading.opened
    await elsewhere.clients.disable('victim')
    world.pass(seconds)
    answer.open()
    await checkUseless(t, world, [here, elsewhere], await request, `${seconds} s`)
  }
})

test('R: a secret that is revoked between the authentication and the issuance obtains no token', async (t) => {
  for (const where of ['here', 'elsewhere']) {
    const world = worldOf(t)
    const [here, elsewhere] = [world.start(), world.start()]
    const { client, secret } = await here.clients.add({ id: 'victim', scopes: ['read'] })
    await here.clients.rotateSecret('victim')
    here.between.work = async () => {
      await (where === 'here' ? here : elsewhere).clients.revokeSecret('victim', client.secrets[0]!.id)
      world.pass(1)
    }
    t.match(await requestToken(here, 'victim', secret!.secret), { status: 401, code: 'invalid_client' }, where)
  }
})

test('R: a key of private_key_jwt that is removed between the authentication and the issuance obtains no token', async (t) => {
  const [mine, another] = [await generateKeyPair('ES256'), await generateKeyPair('ES256')]
  const jwks = async ({ publicKey }: typeof mine) => ({ keys: [await exportJWK(publicKey)] })
  const world = worldOf(t)
  const [here, elsewhere] = [world.start(), world.start()]
  await here.clients.add({ id: 'victim', scopes: ['read'], authMethods: ['private_key_jwt'], jwks: await jwks(mine) })
  let time = START
  const ask = async () => {
    const assertion = await new SignJWT({ jti: randomUUID() }).setProtectedHeader({ alg: 'ES256' })
      .setIssuer('victim').setSubject('victim').setAudience(ISSUER).setIssuedAt(time).setExpirationTime(time + 60).sign(mine.privateKey)
    return await requestToken(here, 'victim', undefined, { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: assertion })
  }
  const wait = () => {
    time++
    world.pass(1)
  }
  here.between.work = async () => { wait() }
  t.match(await ask(), { status: 200 }, 'nothing has changed')
  here.between.work = async () => {
    await elsewhere.clients.update('victim', { name: 'Another name' })
    wait()
  }
  t.match(await ask(), { status: 200 }, 'another member has changed')
  here.between.work = async () => {
    await elsewhere.clients.update('victim', { jwks: await jwks(another) })
    wait()
  }
  t.match(await ask(), { status: 401, code: 'invalid_client' })
})

test('R: a scope that is taken away between the authentication and the issuance is not granted', async (t) => {
  const world = worldOf(t)
  const [here, elsewhere] = [world.start(), world.start()]
  const { secret } = await here.clients.add({ id: 'victim', scopes: ['read', 'write'] })
  const ask = async (scope?: string) => {
    await elsewhere.clients.update('victim', { scopes: ['read', 'write'] })
    world.pass(1)
    here.between.work = async () => {
      await elsewhere.clients.update('victim', { scopes: ['read'] })
      world.pass(1)
    }
    return await requestToken(here, 'victim', secret!.secret, scope === undefined ? {} : { scope })
  }
  t.match(await ask(), { status: 200, scope: 'read' })
  t.match(await ask('write'), { status: 400, code: 'invalid_scope' })
})

// R: what fails in between

test('R: after one failed read and a silence, the next request waits for a read, and rejects what was revoked meanwhile', async (t) => {
  for (const kind of KINDS) {
    const { here, elsewhere, tokens, pass } = await twoProcesses(t, kind)
    pass(1)
    elsewhere.line.isCut = true
    t.equal(await use(elsewhere, tokens['victim']!), 200, 'it cannot be read now')
    elsewhere.line.isCut = false
    await here.clients.disable('victim')
    pass(30)
    t.equal(await use(elsewhere, tokens['victim']!), 401, 'the first request')
    t.equal(await use(elsewhere, tokens['other']!), 200)
  }
})

test('R: a read that began before a process was suspended, and ends after it, says nothing about what was revoked meanwhile', async (t) => {
  const CASES: ReadonlyArray<[method: string, revoke: Revoke]> = [
    ['listEntries', ({ clients }) => clients.disable('victim')],
    ['listRevocations', ({ tokens }, token) => tokens.revoke!(token)],
    ['readKeys', ({ keys }, token) => keys.revoke(kidOf(token))]
  ]
  for (const [held, revoke] of CASES) {
    const { here, elsewhere, tokens, pass } = await twoProcesses(t, 'jwt')
    pass(1)
    const [reading, suspension] = [gate(), gate()]
    elsewhere.line.hold = (method) => {
      if (method !== held) return undefined
      elsewhere.line.hold = undefined
      reading.open()
      return suspension.opened
    }
    const answer = use(elsewhere, tokens['victim']!)
    await reading.opened
    await revoke(here, tokens['victim']!)
    pass(3600)
    suspension.open()
    t.equal(await answer, 401, held)
  }
})

test('R: a process that is suspended while it verifies a token reads anew before it accepts the token', async (t) => {
  const { here, elsewhere, secrets, tokens, pass } = await twoProcesses(t, 'jwt')
  await here.keys.revoke(kidOf(tokens['victim']!))
  const { token } = await requestToken(here, 'victim', secrets['victim'])
  pass(0.6)
  const [reading, suspension] = [gate(), gate()]
  elsewhere.line.hold = (method) => {
    if (method !== 'readKeys') return undefined
    elsewhere.line.hold = undefined
    reading.open()
    return suspension.opened
  }
  // It has read everything but the new key.
  const answer = use(elsewhere, token)
  await reading.opened
  await here.clients.disable('victim')
  pass(3600)
  suspension.open()
  t.equal(await answer, 401)
})

for (const where of ['of a process', 'of all processes and the store'] as const) {
  test(`R: when the wall clock ${where} jumps ahead and back, no process forgets a revocation`, async (t) => {
    const CASES: ReadonlyArray<[TokenKind, Revoke]> = [
      ['jwt', ({ clients }) => clients.disable('victim')], ['jwt', ({ tokens }, token) => tokens.revoke!(token)], ['opaque', ({ tokens }, token) => tokens.revoke!(token)]
    ]
    for (const [kind, revoke] of CASES) {
      const { store, here, elsewhere, tokens, pass, jump, start } = await twoProcesses(t, kind)
      const jumpThere = (seconds: number) => {
        if (where !== 'of a process') jump(seconds)
        else here.clock.ahead += seconds
      }
      await revoke(here, tokens['victim']!)
      pass(1)
      t.equal(await use(elsewhere, tokens['victim']!), 401)
      jumpThere(1000 * DAY)
      // Each reads and writes by the wrong clock: then entries that have expired are deleted.
      for (const process of [here, elsewhere, here, elsewhere]) {
        pass(61)
        for (let write = 0; write < 3; write++) await process.clients.revokeTokens('other')
        await store.addRevocation({ kind: 'token', id: 'any', expiresAt: START })
        await process.tokens.introspect(tokens['victim']!)
      }
      jumpThere(-1000 * DAY)
      pass(61)
      t.strictSame(await useAll([here, elsewhere, start({ kind })], tokens['victim']!), [401, 401, 401], kind)
    }
  })
}

test('R: a shorter maxTokenLifetime after a restart is an error at boot that names both values and the command', async (t) => {
  const store = new MemoryStore()
  const appWith = async (maxTokenLifetime: number) => {
    const clients = new ClientRegistry(store)
    const tokens = new JwtAccessTokens({ issuer: ISSUER, audience: ISSUER, keys: new SigningKeys(store, { maxTokenLifetime }), revocations: store })
    const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/token' }).useClients(clients).useAccessTokens(tokens).build()
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(clientCredentialsPlugin, { flow })
    await app.ready()
  }
  await appWith(7200)
  await appWith(7200)
  await t.rejects(appWith(3600), { code: 'FST_OAUTH_SETTINGS_DIFFER', detail: /^keys\.maxTokenLifetime is 3600 .* 7200\..*settings change keys\.maxTokenLifetime=3600$/ })
})

test('R: while the lifetime of tokens is being made shorter, a revocation is kept for the longest that was ever configured', async (t) => {
  const world = worldOf(t)
  const before = world.start({ keys: { maxTokenLifetime: 100 * DAY } })
  await before.tokens.start()
  const { secret } = await before.clients.add({ id: 'victim', scopes: ['read'], accessTokenLifetime: 100 * DAY })
  const { token } = await requestToken(before, 'victim', secret!.secret)
  t.equal(await use(before, token), 200)
  await world.store.replaceSettings({ ...await world.store.readSettings(), pending: { 'keys.maxTokenLifetime': 60 } })
  const after = world.start({ keys: { maxTokenLifetime: 60 } })
  await after.tokens.start()
  await after.clients.disable('victim')
  let now = START
  for (const days of [30, 65, 95]) {
    world.pass(START + days * DAY - now)
    now = START + days * DAY
    // Each write deletes some of the entries that have expired.
    for (let write = 0; write < 3; write++) await after.clients.add({ id: `new-${days}-${write}` })
    for (let write = 0; write < 3; write++) await after.clients.revokeTokens(`new-${days}-${write}`)
    t.strictSame(await useAll([before, after, world.start({ keys: { maxTokenLifetime: 60 } })], token), [401, 401, 401], `${days} days later`)
  }
})

test('R: a cut-off is kept for the longest lifetime that was ever configured, though the process that writes it has read nothing before', async (t) => {
  const { store, start } = worldOf(t)
  await start({ keys: { maxTokenLifetime: 100 * DAY } }).tokens.start()
  await store.replaceSettings({ ...await store.readSettings(), pending: { 'keys.maxTokenLifetime': 60 } })
  const after = start({ keys: { maxTokenLifetime: 60 } })
  await after.tokens.start()
  await after.tokens.revokeClient('in no registry')
  const [{ expiresAt } = { expiresAt: 0 }] = (await store.listRevocations()).entries
  t.ok(expiresAt >= START + 100 * DAY)
})

test('a process with a shorter maxTokenLifetime drops no key that the tokens of the others need', async (t) => {
  const rotation = { rotateEvery: DAY, announceFor: 3600 }
  const { store, start, pass } = worldOf(t)
  const before = start({ keys: { ...rotation, maxTokenLifetime: 100 * DAY } })
  await before.tokens.start()
  const { secret } = await before.clients.add({ id: 'client', scopes: ['read'], accessTokenLifetime: 100 * DAY })
  const { token } = await requestToken(before, 'client', secret!.secret)
  await store.replaceSettings({ ...await store.readSettings(), pending: { 'keys.maxTokenLifetime': 60 } })
  for (let days = 0; days < 3; days++) {
    pass(DAY)
    await before.keys.refresh()
  }
  const after = start({ keys: { ...rotation, maxTokenLifetime: 60 } })
  t.strictSame(await useAll([after, before], token), [200, 200])
  await after.keys.refresh()
  t.ok((await store.readKeys()).keys.some(({ kid }) => kid === kidOf(token)))
})

// A: outages

test('A: while the store is unavailable, tokens are accepted by what was read last for maxStale, then they are answered with 503', async (t) => {
  const { here, elsewhere, secrets, tokens, pass } = await twoProcesses(t, 'jwt')
  const unseen = (await requestToken(here, 'other', secrets['other'])).token
  await here.clients.disable('victim')
  pass(1)
  t.equal(await use(elsewhere, tokens['victim']!), 401)
  elsewhere.line.isCut = true
  for (let seconds = 0; seconds < MAX_STALE; seconds += 60) {
    pass(60)
    t.equal(await use(elsewhere, tokens['other']!), 200, `after ${seconds + 60} s`)
    t.equal(await use(elsewhere, tokens['victim']!), 401, 'what is known to be revoked stays so')
  }
  t.equal(await use(elsewhere, unseen), 200, 'never seen before')
  pass(1)
  for (const token of [tokens['other']!, unseen, tokens['victim']!]) t.equal(await use(elsewhere, token), 503)
  elsewhere.line.isCut = false
  t.strictSame([await use(elsewhere, tokens['other']!), await use(elsewhere, tokens['victim']!)], [200, 401])
})

test('A: each store counts: that of the revocations, that of the keys, that of the clients', async (t) => {
  const CUT = ['listEntries', 'listRevocations', 'readKeys'] as const
  for (const cut of CUT) {
    const world = worldOf(t)
    const process = world.start()
    const { secret } = await process.clients.add({ id: 'reader', scopes: ['read'] })
    const { token } = await requestToken(process, 'reader', secret!.secret)
    t.equal(await use(process, token), 200)
    process.line.hold = (method) => method === cut ? Promise.reject(new Error('ECONNREFUSED')) : undefined
    world.pass(MAX_STALE)
    t.equal(await use(process, token), 200, cut)
    world.pass(1)
    t.ok([500, 503].includes(await use(process, token)), cut)
  }
})

test('A: with maxStale 0, a state is used until it is a second old, and no longer', async (t) => {
  const world = worldOf(t)
  const process = world.start({ tokens: { maxStale: 0 } })
  const { secret } = await process.clients.add({ id: 'reader', scopes: ['read'] })
  const { token } = await requestToken(process, 'reader', secret!.secret)
  t.equal(await use(process, token), 200)
  process.line.isCut = true
  world.pass(0.999)
  t.equal(await use(process, token), 200)
  world.pass(0.001)
  t.equal(await use(process, token), 503)
})

test('A: no option makes anything fail open', async (t) => {
  const keys = new SigningKeys(new MemoryStore())
  for (const maxStale of [-1, 0.5, NaN, Infinity, '600', null]) {
    const options = { issuer: ISSUER, audience: ISSUER, maxStale } as unknown as JwtAccessTokensOptions
    t.throws(() => new JwtAccessTokens({ ...options, keys }), { code: 'FST_OAUTH_INVALID_MAX_STALE' })
    t.throws(() => new OpaqueAccessTokens({ ...options, store: new MemoryStore() }), { code: 'FST_OAUTH_INVALID_MAX_STALE' })
  }
})

test('A: what needs the store to be correct is answered with 503 at once: clients, opaque tokens, assertions', async (t) => {
  const world = worldOf(t)
  const [process, opaque] = [world.start(), world.start({ kind: 'opaque' })]
  const pair = await generateKeyPair('ES256')
  const { secret } = await process.clients.add({ id: 'reader', scopes: ['read'] })
  await process.clients.add({ id: 'signer', scopes: ['read'], jwks: { keys: [await exportJWK(pair.publicKey)] } })
  const assertion = async () => await new SignJWT({ jti: randomUUID() }).setProtectedHeader({ alg: 'ES256' })
    .setIssuer('signer').setSubject('signer').setAudience(ISSUER).setIssuedAt(START).setExpirationTime(START + 60).sign(pair.privateKey)
  const prove = async () => await requestToken(process, 'signer', undefined, {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: await assertion()
  })
  t.match([await prove(), await requestToken(process, 'reader', secret!.secret)], [{ status: 200 }, { status: 200 }])
  const [seen, unseen] = [(await requestToken(opaque, 'reader', secret!.secret)).token, (await requestToken(opaque, 'reader', secret!.secret)).token]
  t.equal(await use(opaque, seen), 200)

  for (const { line } of [process, opaque]) line.isCut = true
  t.strictSame([await use(opaque, seen), await use(opaque, unseen)], [200, 503])
  t.match(await prove(), { status: 503, code: 'temporarily_unavailable' }, 'an assertion cannot be reserved')
  t.match(await requestToken(process, 'nobody', 'guess'), { status: 503, code: 'temporarily_unavailable' }, 'a client is never rejected by what is cached')
  world.pass(1)
  t.match(await requestToken(process, 'reader', secret!.secret), { status: 503, code: 'temporarily_unavailable' }, 'a client that was confirmed a second ago')
})

// Where the entries are

test('FST_OAUTH_ENTRIES_ELSEWHERE: access tokens that do not follow the store of the clients are an error when the flow is built', async (t) => {
  const [clientStore, keyStore] = [new MemoryStore(), new MemoryStore()]
  const clients = new ClientRegistry(clientStore)
  const builder = () => new ClientCredentialsFlowBuilder({ tokenEndpoint: '/token' }).useClients(clients)
  const common = { issuer: ISSUER, audience: ISSUER }
  const keys = new SigningKeys(keyStore)
  for (const tokens of [new JwtAccessTokens({ ...common, keys }), new JwtAccessTokens({ ...common, keys, revocations: clientStore }), new OpaqueAccessTokens({ ...common, store: keyStore })]) {
    t.throws(() => builder().useAccessTokens(tokens).build(), { name: 'FlowConfigurationError', code: 'FST_OAUTH_ENTRIES_ELSEWHERE' })
  }
  for (const tokens of [
    new JwtAccessTokens({ ...common, keys: new SigningKeys(clientStore) }), new JwtAccessTokens({ ...common, keys, entries: clientStore }),
    new OpaqueAccessTokens({ ...common, store: clientStore }), new OpaqueAccessTokens({ ...common, store: keyStore, entries: clientStore })
  ]) t.doesNotThrow(() => builder().useAccessTokens(tokens).build())
})

test('R: tokens whose keys are elsewhere are rejected once their client is disabled in the store that is named as entries', async (t) => {
  const [clientStore, keyStore] = [new MemoryStore(), new MemoryStore()]
  const clients = new ClientRegistry(clientStore)
  const common = { issuer: ISSUER, audience: ISSUER }
  for (const tokens of [
    new JwtAccessTokens({ ...common, keys: new SigningKeys(keyStore), entries: clientStore }), new OpaqueAccessTokens({ ...common, store: keyStore, entries: clientStore })
  ]) {
    const { client: { id } } = await clients.add({ scopes: ['read'] })
    const { accessToken } = await tokens.issue({
      client: { id, grants: [] }, grantType: '', scope: [], tokenType: 'Bearer', accessTokenLifetime: 60, origin: '', resource: [], audience: [ISSUER], confirmation: undefined
    })
    t.match(await tokens.verify(accessToken), { isValid: true })
    await clients.disable(id)
    t.match(await tokens.verify(accessToken), { isValid: false })
  }
})

test('N: without a place for a revocation there is no success', async (t) => {
  const tokens = new JwtAccessTokens({ issuer: ISSUER, audience: ISSUER, keys: new SigningKeys(new MemoryStore()) })
  await t.rejects(tokens.revokeClient('of no registry'), TypeError)
  t.equal(tokens.revoke, undefined, 'there is no revocation endpoint')
  const world = worldOf(t)
  const process = world.start()
  await process.clients.add({ id: 'victim', scopes: ['read'] })
  process.line.isCut = true
  const changes: Array<Promise<unknown>> = [
    process.clients.disable('victim'), process.clients.remove('victim'), process.clients.revokeTokens('victim'), process.clients.revokeAllTokens(),
    process.clients.revokeSecret('victim', 'any'), process.tokens.revokeClient('victim')
  ]
  for (const result of await Promise.allSettled(changes)) t.match(result, { status: 'rejected', reason: { name: 'StoreUnavailableError' } })
  process.line.isCut = false
  t.strictSame([
    await process.clients.disable('nobody'), await process.clients.remove('nobody'), await process.clients.revokeTokens('nobody'), await process.clients.revokeSecret('victim', 'none')
  ], [undefined, false, false, false])
})
