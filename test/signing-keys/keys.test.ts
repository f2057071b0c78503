// The life of signing keys, by a clock that stands still until told.
import { generateKeyPair } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { calculateJwkThumbprint, createLocalJWKSet, jwtVerify, SignJWT } from 'jose'
import type { JWK } from 'jose'
import { test } from 'tap'
import type { Test } from 'tap'
import type { SigningAlgorithm } from '../../src/jws/algorithms.ts'
import type { SigningKey } from '../../src/jws/signing-key.ts'
import { SigningKeys } from '../../src/signing-keys/signing-keys.ts'
import type { SigningKeysOptions } from '../../src/signing-keys/signing-keys.ts'
import type { KeyChangeDetails, KeySet, KeyStore } from '../../src/stores/contracts/index.ts'
import { MemoryStore } from '../../src/stores/memory.ts'
import { stopwatch } from '../support/stopwatch.ts'

const START = 1_800_000_000
const ROTATE_EVERY = 10_000
const ANNOUNCE_FOR = 1000
const LIFETIME = 500
const TOLERANCE = 50
const KEEP_FOR = LIFETIME + TOLERANCE
const ALGORITHMS: readonly SigningAlgorithm[] = ['ES256', 'EdDSA', 'RS256', 'PS256']
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

/** A store that counts, and that can be slow, away, or lose races. */
class TestStore implements KeyStore {
  readonly inner = new MemoryStore()
  reads = 0
  writes = 0
  readError: Error | undefined
  writeError: Error | undefined
  /** What readings wait for after they have read. */
  gate: Promise<void> | undefined
  /** What somebody else does just before a write. */
  beforeWrite: (() => Promise<unknown>) | undefined

  async readKeys (): Promise<KeySet> {
    this.reads++
    if (this.readError !== undefined) throw this.readError
    const set = await this.inner.readKeys()
    await this.gate
    return set
  }

  async replaceKeys (set: KeySet, change?: KeyChangeDetails): ReturnType<KeyStore['replaceKeys']> {
    this.writes++
    if (this.writeError !== undefined) throw this.writeError
    const before = this.beforeWrite
    this.beforeWrite = undefined
    await before?.()
    return await this.inner.replaceKeys(set, change)
  }
}

/** A world with one clock and one store, and as many processes as are asked for. */
function world () {
  const clock = { time: START }
  const store = new TestStore()
  const open = (options: SigningKeysOptions = {}) => new SigningKeys(store, {
    algorithm: 'EdDSA', rotateEvery: ROTATE_EVERY, announceFor: ANNOUNCE_FOR, maxTokenLifetime: LIFETIME, clockTolerance: TOLERANCE, now: () => clock.time, ...options
  })
  return { clock, store, open }
}

const kidOf = async (keys: SigningKeys) => (await keys.current()).kid
const statesOf = async (keys: SigningKeys) => (await keys.list()).map(({ state }) => state)
const jwksKidsOf = async (keys: SigningKeys) => (await keys.toJwks()).keys.map(({ kid }) => kid)
const storedKidsOf = async ({ inner }: TestStore) => (await inner.readKeys()).keys.map(({ kid }) => kid)
/** Lets everything happen that waits for nothing but its turn. */
const settled = () => new Promise((resolve) => { setTimeout(resolve, 100) })

function opened (): { promise: Promise<void>, open: () => void } {
  let open = () => {}
  const promise = new Promise<void>((resolve) => { open = resolve })
  return { promise, open }
}

function notPromised<T> (t: Test, value: T | Promise<T>): T {
  if (value instanceof Promise) throw new Error('It must be waited for')
  t.pass('at once')
  return value
}

// Keys from elsewhere

const generate = promisify(generateKeyPair)
const pem = (key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1' = 'pkcs8') => key.export({ format: 'pem', type } as { format: 'pem', type: 'pkcs8' }) as string
const jwk = (key: KeyObject) => key.export({ format: 'jwk' }) as JWK
const p256 = await generate('ec', { namedCurve: 'P-256' })
const otherP256 = await generate('ec', { namedCurve: 'P-256' })
const p384 = await generate('ec', { namedCurve: 'P-384' })
const ed25519 = await generate('ed25519')
const ed448 = await generate('ed448')
const x25519 = await generate('x25519')
const rsa = await generate('rsa', { modulusLength: 2048 })
const otherRsa = await generate('rsa', { modulusLength: 2048 })
const weakRsa = await generate('rsa', { modulusLength: 2047 })
const pss = await generate('rsa-pss', { modulusLength: 2048 })

// Options

test('The defaults are ES256, a day for tokens and a quarter of an hour for caches', async (t) => {
  const keys = new SigningKeys(new MemoryStore())
  t.strictSame([keys.algorithm, keys.maxTokenLifetime, keys.jwksMaxAge], ['ES256', 86_400, 900])
  const { alg } = await keys.current()
  t.equal(alg, 'ES256')
  const { activeFrom } = await keys.rotate()
  t.ok(Math.abs(activeFrom - Date.now() / 1000 - 3600) < 5, 'announced for an hour')
})

test('A JWKS may be cached for half of the time that a key is announced', async (t) => {
  for (const [announceFor, jwksMaxAge] of [[1, 0], [2, 1], [600, 300], [1799, 899], [1800, 900], [86_400, 900]] as const) {
    t.equal(new SigningKeys(new MemoryStore(), { announceFor }).jwksMaxAge, jwksMaxAge)
  }
})

test('Wrong options are refused', async (t) => {
  const wrong: Record<string, unknown>[] = [
    { algorithm: 'HS256' }, { algorithm: 'none' }, { algorithm: 'toString' }, { algorithm: null }, { algorithm: ['ES256'] },
    { rotateEvery: 0 }, { rotateEvery: -1 }, { rotateEvery: 1e6 + 0.5 }, { rotateEvery: Infinity }, { rotateEvery: '86400' }, { rotateEvery: 3600 },
    { announceFor: 0 }, { announceFor: NaN }, { announceFor: 30 * 86_400 },
    { maxTokenLifetime: 0 }, { maxTokenLifetime: '1' }, { clockTolerance: -1 }, { clockTolerance: 0.5 }, { clockTolerance: '1' }
  ]
  for (const options of wrong) {
    t.throws(() => new SigningKeys(new MemoryStore(), options), { name: 'FlowConfigurationError', code: 'FST_OAUTH_INVALID_SIGNING_KEYS' }, JSON.stringify(options))
  }
  t.ok(new SigningKeys(new MemoryStore(), { clockTolerance: 0, rotateEvery: 3601 }))
})

// Keys

test('Every algorithm signs, and everybody can verify by the JWKS alone', async (t) => {
  for (const algorithm of ALGORITHMS) {
    const keys = world().open({ algorithm })
    const { kid, alg, privateKey, publicKey } = await keys.current()
    t.equal(alg, algorithm)
    t.equal(privateKey.type, 'private')
    t.equal(publicKey.type, 'public')
    t.equal(kid, await calculateJwkThumbprint(publicKey), 'RFC 7638')
    const token = await new SignJWT({ sub: 'a' }).setProtectedHeader({ alg, kid }).sign(privateKey)
    const { payload } = await jwtVerify(token, createLocalJWKSet(await keys.toJwks()), { algorithms: [alg] })
    t.equal(payload.sub, 'a')
    if (algorithm.endsWith('S256') && algorithm !== 'ES256') t.equal(publicKey.asymmetricKeyDetails?.modulusLength, 2048)
  }
})

test('The JWKS has the public members, and never a private one', async (t) => {
  const members = { ES256: ['crv', 'kty', 'x', 'y'], EdDSA: ['crv', 'kty', 'x'], RS256: ['e', 'kty', 'n'], PS256: ['e', 'kty', 'n'] }
  for (const algorithm of ALGORITHMS) {
    const { clock, store, open } = world()
    const keys = open({ algorithm })
    await keys.current()
    await keys.rotate()
    clock.time += ANNOUNCE_FOR
    await keys.import({ ...jwk(p256.privateKey), kid: 'mine', key_ops: ['sign'], use: 'sig' } as JWK, { algorithm: 'ES256' })
    const jwks = await keys.toJwks()
    t.strictSame(await statesOf(keys), ['retired', 'current', 'next'])
    t.equal(jwks.keys.length, 3, 'retired, current and next')
    for (const key of jwks.keys) {
      t.strictSame(Object.keys(key).sort(), [...members[key.alg as SigningAlgorithm], 'alg', 'kid', 'use'].sort())
      t.equal(key.use, 'sig')
      t.equal(key.kid, await calculateJwkThumbprint(key))
      for (const member of PRIVATE_MEMBERS) t.notOk(member in key, member)
    }
    const published = JSON.stringify(jwks) + JSON.stringify(await keys.list())
    for (const { privateJwk } of (await store.inner.readKeys()).keys) {
      const members = privateJwk as Record<string, unknown>
      for (const member of PRIVATE_MEMBERS.filter((name) => name in members)) t.notOk(published.includes(String(members[member])))
    }
    jwks.keys[0]!.kid = 'changed'
    t.notOk((await jwksKidsOf(keys)).includes('changed'), 'each caller has a copy')
  }
})

test('Key objects are made once, however often the store is read', async (t) => {
  const { clock, store, open } = world()
  const keys = open()
  const first = await keys.current()
  for (let second = 0; second < 20; second++) {
    clock.time += 5
    t.equal(await keys.current(), first)
    t.equal(await keys.find(first.kid), first)
  }
  t.ok(store.reads > 20)
})

// The life of a key

test('A key is announced, signs, retires and is dropped, to the second', async (t) => {
  const { clock, store, open } = world()
  const keys = open()
  const first = await kidOf(keys)
  t.match(await keys.list(), [{ kid: first, alg: 'EdDSA', state: 'current', createdAt: START, activeFrom: START }])

  clock.time = START + ROTATE_EVERY - ANNOUNCE_FOR - 1
  await keys.refresh()
  t.strictSame(await statesOf(keys), ['current'])

  const announcedAt = clock.time = START + ROTATE_EVERY - ANNOUNCE_FOR
  await keys.refresh()
  const [, next] = await keys.list()
  t.match(next, { state: 'next', createdAt: announcedAt, activeFrom: START + ROTATE_EVERY })
  t.strictSame(await jwksKidsOf(keys), [first, next!.kid])
  t.equal((await keys.find(next!.kid))?.kid, next!.kid, 'another process may be ahead')

  clock.time = START + ROTATE_EVERY - 1
  t.equal(await kidOf(keys), first)
  clock.time = START + ROTATE_EVERY
  store.readError = new Error('away')
  t.equal(await kidOf(keys), next!.kid, 'by the clock, whatever the store')
  store.readError = undefined
  t.strictSame(await statesOf(keys), ['retired', 'current'])
  t.strictSame(await jwksKidsOf(keys), [first, next!.kid])

  clock.time = START + ROTATE_EVERY + KEEP_FOR
  t.equal((await keys.find(first))?.kid, first)
  store.writeError = new Error('read only')
  clock.time++
  t.strictSame(await jwksKidsOf(keys), [next!.kid], 'whatever the store still has')
  t.equal(await keys.find(first), undefined)
  t.strictSame(await statesOf(keys), ['current'])
  t.strictSame(await storedKidsOf(store), [first, next!.kid])
  store.writeError = undefined
  await keys.refresh()
  t.strictSame(await storedKidsOf(store), [next!.kid])
})

test('A server that runs for years rotates by itself, and keeps no old keys', async (t) => {
  const { clock, store, open } = world()
  const keys = open()
  const signed = new Set<string>()
  for (let time = START; time <= START + 10 * ROTATE_EVERY; time += 100) {
    clock.time = time
    const { kid } = await keys.current()
    signed.add(kid)
    t.ok((await jwksKidsOf(keys)).includes(kid))
    t.ok((await storedKidsOf(store)).length <= 3)
  }
  await settled()
  t.equal(signed.size, 11)
})

test('A key that was due long ago still announces its successor before that signs', async (t) => {
  const { clock, open } = world()
  const keys = open()
  const first = await kidOf(keys)
  clock.time += 5 * ROTATE_EVERY
  t.equal(await kidOf(keys), first)
  t.match(await keys.list(), [{ state: 'current' }, { state: 'next', activeFrom: clock.time + ANNOUNCE_FOR }])
})

test('Another algorithm takes over as in any rotation', async (t) => {
  const { clock, open } = world()
  const first = await kidOf(open())
  const keys = open({ algorithm: 'ES256' })
  t.equal(await kidOf(keys), first, 'until the new key was announced for long enough')
  await keys.refresh()
  t.match(await keys.list(), [{ alg: 'EdDSA', state: 'current' }, { alg: 'ES256', state: 'next', activeFrom: START + ANNOUNCE_FOR }])
  clock.time += ANNOUNCE_FOR
  t.equal((await keys.current()).alg, 'ES256')
  t.strictSame(await statesOf(keys), ['retired', 'current'])
})

// Several processes

test('Processes that start at once make one key', async (t) => {
  const { store, open } = world()
  const processes = Array.from({ length: 10 }, () => open())
  const kids = await Promise.all(processes.flatMap((keys) => [kidOf(keys), kidOf(keys)]))
  t.equal(new Set(kids).size, 1)
  t.strictSame(await storedKidsOf(store), [kids[0]])
})

test('Fifty rotations at once announce one key', async (t) => {
  const { clock, store, open } = world()
  const processes = Array.from({ length: 5 }, () => open())
  for (let round = 1; round <= 3; round++) {
    const known = await storedKidsOf(store)
    const announced = await Promise.all(Array.from({ length: 50 }, (_, index) => processes[index % 5]!.rotate()))
    t.equal(new Set(announced.map(({ kid }) => kid)).size, 1)
    t.strictSame((await storedKidsOf(store)).filter((kid) => !known.includes(kid)), [announced[0]!.kid])
    clock.time += ANNOUNCE_FOR
    for (const keys of processes) t.equal(await kidOf(keys), announced[0]!.kid)
  }
})

test('Imports at once are all kept, and sign one after another', async (t) => {
  const { clock, store, open } = world()
  const processes = [open(), open(), open()]
  const pairs = await Promise.all(Array.from({ length: 9 }, () => generate('ed25519')))
  const imported = await Promise.all(pairs.map(({ privateKey }, index) => processes[index % 3]!.import(pem(privateKey))))
  t.equal((await storedKidsOf(store)).length, 9)
  t.equal(new Set(imported.map(({ activeFrom }) => activeFrom)).size, 9)
  t.match((await processes[0]!.list()).map(({ state }) => state), ['current', ...Array<string>(8).fill('next')])
  clock.time += ANNOUNCE_FOR + 100
  const last = (await processes[0]!.list()).at(-1)!
  for (const keys of processes) t.equal(await kidOf(keys), last.kid)
})

test('A lost race is decided again, on what the winner has left', async (t) => {
  const { store, open } = world()
  const [loser, winner] = [open(), open()]
  store.beforeWrite = () => kidOf(winner)
  t.equal(await kidOf(loser), await kidOf(winner))
  store.beforeWrite = () => winner.rotate()
  const { kid } = await loser.rotate()
  t.strictSame(await storedKidsOf(store), [await kidOf(winner), kid])

  store.beforeWrite = () => winner.revoke(kid)
  t.equal(await loser.revoke(kid), true, 'it was there')
  t.equal(await loser.revoke(kid), false)
  const current = await kidOf(loser)
  store.beforeWrite = () => winner.import(pem(ed25519.privateKey))
  await loser.revoke(current)
  t.strictSame(await statesOf(loser), ['current'], 'the imported key takes the place')
  t.equal(await kidOf(loser), await calculateJwkThumbprint(ed25519.publicKey))
})

test('A key that another process has revoked is refused two seconds later, in a process that nobody has asked since too', async (t) => {
  const { clock, open } = world()
  const [here, there] = [open(), open()]
  const first = await kidOf(here)
  t.equal((await there.find(first))?.kid, first)
  await here.revoke(first)
  clock.time += 2
  t.equal(await there.find(first), undefined)
})

test('A store that refuses every change is given up', async (t) => {
  const { store, open } = world()
  store.replaceKeys = async () => false
  await t.rejects(open().rotate(), { message: /rejected 100 changes/ })
  t.equal(store.reads, 100)
})

test('What another process changes is known within a second, a key that was revoked too', async (t) => {
  const elapse = stopwatch(t)
  const { open } = world()
  const [here, there] = [open(), open()]
  const first = await kidOf(here)
  await there.current()
  await here.revoke(first)
  t.equal(notPromised(t, there.current()).kid, first, 'it does not know yet')
  elapse(500)
  t.equal(notPromised(t, there.current()).kid, first, 'it is told to look')
  await settled()
  const second = notPromised(t, there.current()).kid
  t.equal(second, await kidOf(here))
  t.equal(await there.find(first), undefined)

  await here.revoke(second)
  elapse(1000)
  t.equal(await there.find(second), undefined, 'it looks before it answers, though nobody has asked for a while')
})

// When the store is read

test('What is fresh needs no reading, what is old one in the background, and what is very old one that is waited for', async (t) => {
  const elapse = stopwatch(t)
  const { store, open } = world()
  const keys = open()
  const asked = keys.current()
  t.type(asked, Promise, 'at first')
  const { kid } = await asked
  const { reads } = store
  elapse(499)
  for (let round = 0; round < 100; round++) {
    notPromised(t, keys.current())
    t.ok(notPromised(t, keys.find(kid)))
  }
  t.equal(store.reads, reads)

  elapse(500)
  for (let round = 0; round < 100; round++) notPromised(t, keys.current())
  t.ok(notPromised(t, keys.find(kid)))
  t.equal(store.reads, reads + 1, 'one reading, however many ask')
  await settled()

  elapse(1000)
  const late = [keys.current(), keys.find(kid), keys.toJwks()]
  for (const value of late) t.type(value, Promise)
  await Promise.all(late)
  t.equal(store.reads, reads + 2)
  notPromised(t, keys.current())
})

test('Tokens of unknown keys wait for one read, which begins a tenth of a second after the last one', async (t) => {
  const { store, open } = world()
  const keys = open()
  await keys.current()
  for (let round = 1; round <= 3; round++) {
    const { reads } = store
    const asked = Array.from({ length: 100 }, (_, index) => keys.find(`unknown-${index}`))
    t.equal(store.reads, reads, 'none at once')
    t.strictSame(new Set(await Promise.all(asked)), new Set([undefined]))
    t.equal(store.reads, reads + 1)
  }
})

test('A key that another process has generated, and that signs at once, is found by the first token of it', async (t) => {
  const { open } = world()
  const [here, there] = [open(), open()]
  const first = await kidOf(here)
  await there.current()
  await there.revoke(first)
  const second = await kidOf(there)
  t.equal((await here.find(second))?.kid, second)
})

test('A key that is unknown here is looked for in the store', async (t) => {
  const { clock, open } = world()
  const [here, there] = [open(), open()]
  await here.current()
  const { kid } = await there.rotate()
  clock.time++
  t.equal((await here.find(kid))?.kid, kid)
  t.equal((await open().find(kid))?.kid, kid, 'by a process that has just started')
})

test('A slow store is asked once, and nobody waits while the keys are not very old', async (t) => {
  const elapse = stopwatch(t)
  const { store, open } = world()
  const keys = open()
  const { kid } = await keys.current()
  const { reads } = store
  const gate = opened()
  store.gate = gate.promise
  elapse(500)
  for (let round = 0; round < 3; round++) {
    t.equal(notPromised(t, keys.current()).kid, kid)
    await settled()
  }
  elapse(500)
  const waiting = [kidOf(keys), kidOf(keys)]
  t.equal(store.reads, reads + 1)
  gate.open()
  t.strictSame(await Promise.all(waiting), [kid, kid])
  t.equal(store.reads, reads + 1)
})

test('R: keys that were read count, however long the key that is due takes to be written', async (t) => {
  const { clock, store, open } = world()
  const keys = open()
  const kid = await kidOf(keys)
  clock.time += ROTATE_EVERY - ANNOUNCE_FOR
  const gate = opened()
  store.beforeWrite = async () => { await gate.promise }
  t.equal(await keys.state.renew(), undefined)
  t.equal(await kidOf(keys), kid)
  t.strictSame(await storedKidsOf(store), [kid])
  gate.open()
  await settled()
  t.equal((await storedKidsOf(store)).length, 2)
})

test('A slow reading does not bring back a key that was revoked meanwhile', async (t) => {
  const { clock, store, open } = world()
  const keys = open()
  const { kid } = await keys.current()
  const gate = opened()
  store.gate = gate.promise
  clock.time++
  const asked = keys.current()
  await settled()
  store.gate = undefined
  await keys.revoke(kid)
  const successor = await kidOf(keys)
  gate.open()
  t.equal((await asked).kid, successor)
  t.equal(await keys.find(kid), undefined)
  t.equal(await kidOf(keys), successor)
})

test('A store that was set back is believed', async (t) => {
  const { clock, store, open } = world()
  const keys = open()
  await keys.current()
  await keys.rotate()
  const backup = await store.inner.readKeys()
  const { kid } = await keys.import(pem(ed25519.privateKey))
  for (const keySet of [backup, { version: 0, keys: [] }]) {
    Object.assign(store, { inner: new MemoryStore() })
    await store.inner.replaceKeys({ version: 0, keys: keySet.keys })
    clock.time += 5
    t.equal(await keys.find(kid), undefined)
    t.strictSame(await jwksKidsOf(keys), await storedKidsOf(store))
    t.ok((await storedKidsOf(store)).includes(await kidOf(keys)))
  }
})

test('A store that has lost its keys is given new ones, and until then the known ones sign', async (t) => {
  const { clock, store, open } = world()
  const keys = open()
  const { kid } = await keys.current()
  Object.assign(store, { inner: new MemoryStore() })
  store.writeError = new Error('read only')
  clock.time += 5
  t.equal(await kidOf(keys), kid)
  store.writeError = undefined
  await keys.refresh()
  t.strictSame(await storedKidsOf(store), [await kidOf(keys)])
  t.not(await kidOf(keys), kid)
})

// When the store fails

test('Without keys a store that fails is an error, until it works again', async (t) => {
  const errors: Error[] = []
  const { store, open } = world()
  const keys = open({ onError: (error) => errors.push(error) })
  const away = store.readError = new Error('away')
  await t.rejects(async () => await keys.current(), away)
  await t.rejects(async () => await keys.find('unknown'), away)
  await t.rejects(keys.toJwks(), away)
  for (const refused of ['refresh', 'rotate', 'list'] as const) await t.rejects(async () => await keys[refused](), away)
  await t.rejects(keys.revoke('a'), away)
  await t.rejects(keys.import(pem(ed25519.privateKey)), away)
  t.strictSame(errors, [], 'the callers were told')
  store.readError = undefined
  t.ok(await keys.current())
})

test('With keys a store that fails changes nothing, and is told once per outage', async (t) => {
  const errors: Error[] = []
  const unhandled: unknown[] = []
  const listener = (reason: unknown) => { unhandled.push(reason) }
  process.on('unhandledRejection', listener)
  t.teardown(() => process.off('unhandledRejection', listener))

  const { clock, store, open } = world()
  const keys = open({ onError: (error) => errors.push(error) })
  const { kid } = await keys.current()
  for (let outage = 1; outage <= 2; outage++) {
    store.readError = new Error(`outage ${outage}`)
    const { reads } = store
    for (let second = 1; second <= 3; second++) {
      clock.time++
      t.equal((await keys.current()).kid, kid)
      t.equal((await keys.find(kid))?.kid, kid)
      for (const unknown of ['one', 'two']) await t.rejects(async () => await keys.find(unknown), { message: `outage ${outage}` }, 'nobody can tell whether there is such a key')
      await settled()
    }
    t.equal(store.reads, reads + 3 * 3, 'once a second, and once for each unknown key')
    clock.time += 100
    t.equal((await keys.current()).kid, kid, 'an attempt that failed long ago says nothing: another one is waited for')
    t.equal(notPromised(t, keys.current()).kid, kid, 'once it has failed, nobody waits')
    store.readError = undefined
    clock.time += 1
    t.equal((await keys.current()).kid, kid)
    await settled()
    t.equal(errors.length, outage)
    t.equal(errors.at(-1)?.message, `outage ${outage}`)
  }
  t.strictSame(unhandled, [])
})

test('While the store is unavailable, the keys that were read last are used for ten minutes', async (t) => {
  const { clock, store, open } = world()
  const keys = open()
  const { kid } = await keys.current()
  store.readError = new Error('away')
  clock.time += 100
  const asked = keys.current()
  t.type(asked, Promise)
  t.equal((await asked).kid, kid)
  t.equal(notPromised(t, keys.current()).kid, kid)
  clock.time += 501
  await t.rejects(async () => await keys.current(), { message: 'away' }, 'for ten minutes')
})

test('A listener that throws harms nobody', async (t) => {
  const { clock, store, open } = world()
  const keys = open({ onError: () => { throw new Error('listener') } })
  const { kid } = await keys.current()
  store.readError = new Error('away')
  for (const seconds of [1, 10]) {
    clock.time += seconds
    t.equal((await keys.current()).kid, kid)
    await settled()
  }
})

test('A store that can only be read still tells what others have changed', async (t) => {
  const errors: Error[] = []
  const { clock, store, open } = world()
  const keys = open({ onError: (error) => errors.push(error) })
  await keys.current()
  const other = new SigningKeys(store.inner, { now: () => clock.time })
  const { kid } = await other.rotate()
  store.writeError = new Error('read only')
  clock.time += ROTATE_EVERY * 2
  t.equal(await kidOf(keys), kid)
  t.match(errors, [{ message: 'read only' }])
})

test('A stored key that cannot be read is an error, and the others sign until its time comes', async (t) => {
  const errors: Error[] = []
  const { clock, store, open } = world()
  const keys = open({ onError: (error) => errors.push(error) })
  const { kid } = await keys.current()
  const { version, keys: [stored] } = await store.inner.readKeys()
  const broken = { ...stored!, kid: 'broken', privateJwk: { kty: 'OKP' }, activeFrom: START + ANNOUNCE_FOR }
  await store.inner.replaceKeys({ version, keys: [stored!, broken] })
  clock.time += 5
  t.equal(await kidOf(keys), kid)
  t.match(errors, [{ code: 'FST_OAUTH_WRONG_SIGNING_KEY' }])
  t.equal(errors.length, 1)
  clock.time = START + ANNOUNCE_FOR
  await t.rejects(async () => await keys.current(), { code: 'FST_OAUTH_WRONG_SIGNING_KEY' })
  await settled()
  t.equal(await keys.revoke('broken'), true)
  t.equal(await kidOf(keys), (await keys.list()).find(({ state }) => state === 'current')?.kid)
})

// The clock

test('A clock that is set back, or behind the others, leaves no server without a key', async (t) => {
  const { clock, open } = world()
  const keys = open()
  const { kid } = await keys.current()
  clock.time -= 3600
  t.equal(notPromised(t, keys.current()).kid, kid)
  t.equal(await kidOf(open()), kid)
  t.strictSame(await statesOf(keys), ['current'])
  const next = await keys.rotate()
  t.equal(next.activeFrom, START + 1, 'behind the first, whatever the time')
  t.equal(await keys.revoke(kid), true)
  t.equal(await kidOf(keys), next.kid)
})

// Operators

test('A rotation announces a key that signs later', async (t) => {
  const { clock, open } = world()
  const keys = open()
  t.match(await keys.rotate(), { state: 'current', activeFrom: START }, 'the first ever signs at once')
  const first = await kidOf(keys)
  const announced = await keys.rotate()
  t.match(announced, { alg: 'EdDSA', state: 'next', createdAt: START, activeFrom: START + ANNOUNCE_FOR })
  t.strictSame(await keys.rotate(), announced, 'one at a time')
  t.strictSame(await jwksKidsOf(keys), [first, announced.kid])
  clock.time += ANNOUNCE_FOR - 1
  t.equal(await kidOf(keys), first)
  clock.time += 1
  t.equal(await kidOf(keys), announced.kid)
})

test('A key that is revoked is gone at once, and a new one signs if it did', async (t) => {
  const { clock, open } = world()
  const keys = open()
  const retired = await kidOf(keys)
  await keys.rotate()
  clock.time += ANNOUNCE_FOR
  const leaked = await kidOf(keys)
  t.strictSame(await statesOf(keys), ['retired', 'current'])

  t.equal(await keys.revoke(leaked), true)
  t.equal(await keys.find(leaked), undefined)
  const successor = notPromised(t, keys.current()).kid
  t.notOk([retired, leaked].includes(successor), 'what has retired does not come back')
  t.match(await keys.list(), [{ kid: retired, state: 'retired' }, { kid: successor, state: 'current', activeFrom: clock.time }])
  t.strictSame(await jwksKidsOf(keys), [retired, successor])

  t.equal(await keys.revoke(retired), true)
  t.equal(await keys.find(retired), undefined)
  t.equal(await kidOf(keys), successor)
  t.equal(await keys.revoke(leaked), false)
  t.equal(await keys.revoke('unknown'), false)
  t.equal((await keys.list()).length, 1)
})

test('The key that is announced takes the place of one that is revoked', async (t) => {
  const { clock, open } = world()
  const keys = open()
  const first = await kidOf(keys)
  const next = await keys.rotate()
  const later = await keys.import(pem(ed25519.privateKey))
  clock.time += 10
  await keys.revoke(first)
  t.equal(await kidOf(keys), next.kid)
  t.match(await keys.list(), [
    { kid: next.kid, state: 'current', createdAt: START, activeFrom: clock.time }, { kid: later.kid, state: 'next', activeFrom: START + ANNOUNCE_FOR + 1 }
  ])
  await keys.revoke(later.kid)
  t.equal(await kidOf(keys), next.kid)
})

test('A key from elsewhere is taken as PEM and as JWK', async (t) => {
  const cases: [string, string | JWK, SigningAlgorithm | undefined, SigningAlgorithm, KeyObject][] = [
    ['PKCS #8', pem(ed25519.privateKey), undefined, 'EdDSA', ed25519.publicKey],
    ['SEC 1', pem(p256.privateKey, 'sec1'), 'ES256', 'ES256', p256.publicKey],
    ['PKCS #1', pem(rsa.privateKey, 'pkcs1'), 'RS256', 'RS256', rsa.publicKey],
    ['RSA for PSS signatures', pem(rsa.privateKey), 'PS256', 'PS256', rsa.publicKey],
    ['JWK', jwk(ed25519.privateKey), undefined, 'EdDSA', ed25519.publicKey],
    ['JWK that names its algorithm', { ...jwk(p256.privateKey), alg: 'ES256', use: 'sig' }, undefined, 'ES256', p256.publicKey],
    ['JWK and the same algorithm', { ...jwk(rsa.privateKey), alg: 'PS256' }, 'PS256', 'PS256', rsa.publicKey]
  ]
  for (const [title, key, algorithm, alg, publicKey] of cases) {
    const keys = world().open()
    const imported = await keys.import(key, algorithm && { algorithm })
    t.match(imported, { kid: await calculateJwkThumbprint(publicKey), alg, state: 'current', activeFrom: START }, title)
    const current = await keys.current() as SigningKey
    t.ok(current.publicKey.equals(publicKey))
    t.equal(current.alg, alg)
  }
})

test('A key from elsewhere is the next one, and is announced before it signs', async (t) => {
  const { clock, open } = world()
  const keys = open()
  const first = await kidOf(keys)
  const imported = await keys.import(pem(p256.privateKey), { algorithm: 'ES256' })
  t.match(imported, { alg: 'ES256', state: 'next', createdAt: START, activeFrom: START + ANNOUNCE_FOR })
  t.strictSame(await keys.import(jwk(p256.privateKey), { algorithm: 'ES256' }), imported, 'twice is once')
  t.strictSame(await statesOf(keys), ['current', 'next'])
  t.equal(await kidOf(keys), first)
  clock.time += ANNOUNCE_FOR
  t.equal(await kidOf(keys), imported.kid)
  await keys.refresh()
  t.match(await keys.list(), [{ state: 'retired' }, { state: 'current' }, { alg: 'EdDSA', state: 'next' }], 'another algorithm is on its way out')
})

test('A key is used with one algorithm', async (t) => {
  const { clock, open } = world()
  const keys = open()
  const { kid } = await keys.import(pem(rsa.privateKey), { algorithm: 'RS256' })
  await t.rejects(keys.import(pem(rsa.privateKey), { algorithm: 'PS256' }), { name: 'TypeError', message: /there already, for RS256/ })
  const other = open()
  await other.current()
  await keys.revoke(kid)
  await keys.import(pem(rsa.privateKey), { algorithm: 'PS256' })
  clock.time++
  await other.refresh()
  t.equal((await other.find(kid))?.alg, 'PS256', 'nothing is left of the former')
})

test('What is no private key, is too weak, or does not fit is refused', async (t) => {
  const { store, open } = world()
  const keys = open({ algorithm: 'ES256' })
  const encrypted = p256.privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'secret' }) as string
  const mixed = { ...jwk(p256.privateKey), x: jwk(otherP256.publicKey).x!, y: jwk(otherP256.publicKey).y! }
  const { d: _, ...halfJwk } = jwk(p256.privateKey)
  const NO_KEY = /not an unencrypted private key/
  // OpenSSL of newer versions of Node.js does not read such a JWK at all.
  const NO_PAIR = /not a pair|not an unencrypted private key/
  const refused: [string, unknown, unknown, RegExp][] = [
    ['public PEM', p256.publicKey.export({ format: 'pem', type: 'spki' }), undefined, NO_KEY],
    ['public JWK', jwk(p256.publicKey), undefined, NO_KEY],
    ['public RSA JWK', jwk(rsa.publicKey), 'RS256', NO_KEY],
    ['public Ed25519 JWK', jwk(ed25519.publicKey), 'EdDSA', NO_KEY],
    ['private JWK without d', halfJwk, undefined, NO_KEY],
    ['symmetric JWK', { kty: 'oct', k: 'c2VjcmV0' }, undefined, NO_KEY],
    ['encrypted PEM', encrypted, undefined, NO_KEY],
    ['text', 'secret', undefined, NO_KEY],
    ['empty text', '', undefined, NO_KEY],
    ['nothing', {}, undefined, NO_KEY],
    ['a number', 5, undefined, NO_KEY],
    ['malformed JWK', { ...jwk(p256.privateKey), d: 5 }, undefined, NO_KEY],
    ['a point that is not on the curve', { ...jwk(p256.privateKey), x: jwk(otherP256.publicKey).x }, undefined, NO_KEY],
    ['the halves of two keys', mixed, undefined, NO_PAIR],
    ['the halves of two RSA keys', { ...jwk(rsa.privateKey), n: jwk(otherRsa.publicKey).n }, 'RS256', NO_PAIR],
    ['an RSA JWK that cannot sign', { ...jwk(rsa.privateKey), q: 'AA' }, 'RS256', NO_PAIR],
    ['RSA of 2047 bits', pem(weakRsa.privateKey), 'RS256', /does not fit RS256, which needs an RSA key of at least 2048 bits/],
    ['RSA of 2047 bits for PSS', pem(weakRsa.privateKey), 'PS256', /does not fit PS256/],
    ['RSA-PSS key', pem(pss.privateKey), 'PS256', /does not fit PS256/],
    ['RSA for the default algorithm', pem(rsa.privateKey), undefined, /does not fit ES256, which needs an EC key on the curve P-256/],
    ['P-384', pem(p384.privateKey), undefined, /does not fit ES256/],
    ['EC for EdDSA', pem(p256.privateKey), 'EdDSA', /does not fit EdDSA, which needs an Ed25519 key/],
    ['EC for RS256', pem(p256.privateKey), 'RS256', /does not fit RS256/],
    ['Ed25519 for ES256', pem(ed25519.privateKey), 'ES256', /does not fit ES256/],
    ['Ed448', pem(ed448.privateKey), 'EdDSA', /does not fit EdDSA/],
    ['X25519', pem(x25519.privateKey), 'EdDSA', /does not fit EdDSA/],
    ['another algorithm', pem(p256.privateKey), 'HS256', /must be ES256/],
    ['a member of every object', pem(p256.privateKey), 'toString', /must be ES256/],
    ['a JWK of another algorithm', { ...jwk(p256.privateKey), alg: 'ECDH-ES' }, undefined, /must be ES256/],
    ['a JWK that names one of two', { ...jwk(rsa.privateKey), alg: 'RS256' }, 'PS256', /not for PS256/],
    ['a JWK for encryption', { ...jwk(p256.privateKey), use: 'enc' }, undefined, /not for ES256/]
  ]
  for (const [title, key, algorithm, message] of refused) {
    const error: unknown = await keys.import(key as string, { algorithm: algorithm as SigningAlgorithm }).catch((reason: unknown) => reason)
    t.match(error, { name: 'TypeError', message, cause: undefined }, title)
    const text = String((error as Error).stack)
    for (const secret of [jwk(p256.privateKey).d!, 'c2VjcmV0']) t.notOk(text.includes(secret), 'the key is not quoted')
  }
  t.strictSame(await storedKidsOf(store), [])
})

test('A list shows the keys of the store, and makes none', async (t) => {
  const { clock, store, open } = world()
  const keys = open()
  t.strictSame(await keys.list(), [])
  const first = await kidOf(keys)
  const other = open()
  const { kid } = await other.rotate()
  t.strictSame(await keys.list(), [
    { kid: first, alg: 'EdDSA', state: 'current', createdAt: START, activeFrom: START, isSealed: false },
    { kid, alg: 'EdDSA', state: 'next', createdAt: START, activeFrom: START + ANNOUNCE_FOR, isSealed: false }
  ], 'what another process has done, too')
  clock.time += ANNOUNCE_FOR + KEEP_FOR + 1
  t.match(await keys.list(), [{ kid, state: 'current' }])
  t.equal((await storedKidsOf(store)).length, 2)
})

test('Keys are the same in whatever order the store has them', async (t) => {
  const { clock, store, open } = world()
  const keys = open()
  await keys.rotate()
  await keys.rotate()
  await keys.import(pem(ed25519.privateKey))
  const listed = await keys.list()
  const { version, keys: stored } = await store.inner.readKeys()
  await store.inner.replaceKeys({ version, keys: stored.toReversed() })
  t.strictSame(await open().list(), listed)
  clock.time += ANNOUNCE_FOR
  t.equal(await kidOf(open()), listed[1]!.kid)
  // Two that sign from the same second, as nobody here makes them.
  const same = stored.map((key) => ({ ...key, activeFrom: START }))
  const [one, two] = [new MemoryStore(), new MemoryStore()]
  await one.replaceKeys({ version: 0, keys: same })
  await two.replaceKeys({ version: 0, keys: same.toReversed() })
  t.equal(await kidOf(new SigningKeys(one, { now: () => START })), await kidOf(new SigningKeys(two, { now: () => START })))
})
