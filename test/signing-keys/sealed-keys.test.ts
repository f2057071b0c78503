// Private keys at rest, sealed, and what becomes of those that cannot be opened.
import { createHash, generateKeyPair, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { compactDecrypt, CompactEncrypt, decodeProtectedHeader } from 'jose'
import type { JWK } from 'jose'
import { test } from 'tap'
import { StoreUnavailableError } from '../../src/errors/store-unavailable.ts'
import { JwtAccessTokens, MemoryStore, SigningKeys } from '../../src/index.ts'
import type { SigningKeysOptions } from '../../src/adapter.ts'
import type { KeyChangeDetails, KeySet, KeyStore, StoredKey, Written } from '../../src/stores/contracts/index.ts'
import { basic, demoBuilder, TOKEN_PATH } from '../support/demo.ts'

const START = 1_800_000_000
const ROTATE_EVERY = 10_000
const ANNOUNCE_FOR = 1000
const KEEP_FOR = 550
const SEALED = { name: 'FlowConfigurationError', code: 'FST_OAUTH_SEALED_SIGNING_KEY' }
const WRONG = { name: 'FlowConfigurationError', code: 'FST_OAUTH_WRONG_SIGNING_KEY' }

const newSealingKey = () => randomBytes(32).toString('base64url')
const [A, B, C] = [newSealingKey(), newSealingKey(), newSealingKey()] as const
const thumbprintOf = (k: string) => createHash('sha256').update(`{"k":"${k}","kty":"oct"}`).digest('base64url')

/** A store that counts its writings. */
class TestStore implements KeyStore {
  readonly inner = new MemoryStore()
  writes = 0
  // Of these, those that no other writer was faster than.
  accepted = 0
  isReadOnly = false
  isAway = false
  beforeWrite: (() => Promise<unknown>) | undefined

  async readKeys (): Promise<KeySet> {
    if (this.isAway) throw new StoreUnavailableError(new Error('driver'))
    return await this.inner.readKeys()
  }

  async replaceKeys (set: KeySet, change?: KeyChangeDetails): Promise<Written | false> {
    if (this.isReadOnly) throw new StoreUnavailableError(new Error('read only'))
    this.writes++
    const before = this.beforeWrite
    this.beforeWrite = undefined
    await before?.()
    const written = await this.inner.replaceKeys(set, change)
    if (written !== false) this.accepted++
    return written
  }

  /** What somebody with access to the store does to a key. */
  async edit (change: (keys: readonly StoredKey[]) => readonly StoredKey[]): Promise<void> {
    const { version, keys } = await this.inner.readKeys()
    await this.inner.replaceKeys({ version, keys: change(keys) })
  }
}

function world () {
  const clock = { time: START }
  const store = new TestStore()
  const open = (sealingKeys?: readonly string[], options: SigningKeysOptions = {}) => new SigningKeys(store, {
    algorithm: 'EdDSA', rotateEvery: ROTATE_EVERY, announceFor: ANNOUNCE_FOR, maxTokenLifetime: 500, clockTolerance: 50, now: () => clock.time, ...(sealingKeys && { sealingKeys }), ...options
  })
  return { clock, store, open }
}

const kidOf = async (keys: SigningKeys) => (await keys.current()).kid
const storedIn = async ({ inner }: TestStore) => (await inner.readKeys()).keys
/** Which sealing key each stored key is sealed with. */
const sealersIn = async (store: TestStore) => (await storedIn(store)).map(({ privateJwk }) => {
  if (typeof privateJwk !== 'string') return 'plain'
  const { kid } = decodeProtectedHeader(privateJwk)
  return [A, B, C].find((key) => thumbprintOf(key) === kid)
})
const settled = () => new Promise((resolve) => { setTimeout(resolve, 20) })

/** Seals whatever is to be sealed, in whatever way. */
async function seal (text: string, sealingKey: string, header: Record<string, string> = {}): Promise<string> {
  return await new CompactEncrypt(Buffer.from(text))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', cty: 'jwk+json', kid: thumbprintOf(sealingKey), ...header })
    .encrypt(Buffer.from(sealingKey, 'base64url'))
}

// Sealing keys

test('A sealing key is taken as base64url, base64, with and without padding, and hex', async (t) => {
  // Both alphabets differ in these bytes.
  const bytes = Buffer.concat([Buffer.from([0xfb, 0xff, 0xfe]), randomBytes(29)])
  const hex = bytes.toString('hex')
  const { store, open } = world()
  const kid = await kidOf(open([bytes.toString('base64url')]))
  for (const text of [bytes.toString('base64'), bytes.toString('base64').replace('=', ''), `${bytes.toString('base64url')}=`, hex, hex.toUpperCase()]) {
    t.equal(await kidOf(open([text])), kid, text)
  }
  t.equal(store.writes, 1, 'all are the same key')
})

test('Anything else is refused, and not quoted', async (t) => {
  const hex = randomBytes(32).toString('hex')
  const secret = 'correct horse battery staple'
  const wrong: unknown[] = [
    [], '', A, null, { 0: A, length: 1 }, [undefined], [''], [A, ''], [A, undefined], [5], [randomBytes(32)], [secret], [secret.repeat(3).slice(0, 43)],
    [randomBytes(16).toString('base64url')], [randomBytes(31).toString('base64')], [randomBytes(33).toString('base64url')], [randomBytes(64).toString('hex')],
    [hex.slice(1)], [`${hex}0`], [`${hex.slice(1)}g`], [`${A}\n`], [` ${A}`], [`${A}==`], [`${A.slice(0, 42)}B`], [`=${A.slice(1)}`]
  ]
  for (const sealingKeys of wrong) {
    const { store } = world()
    try {
      t.ok(new SigningKeys(store, { sealingKeys: sealingKeys as string[] }) === undefined, 'refused')
    } catch (error) {
      t.match(error, { name: 'FlowConfigurationError', code: 'FST_OAUTH_INVALID_SEALING_KEYS', message: /openssl rand -base64 32/ })
      t.notOk(String((error as Error).stack).includes(secret))
    }
  }
})

// What is in the store

test('Every key is stored as an encrypted JWK, and nothing private beside it', async (t) => {
  for (const algorithm of ['ES256', 'EdDSA', 'RS256', 'PS256'] as const) {
    const { store, open } = world()
    const keys = open([A], { algorithm })
    const { kid, privateKey } = await keys.current()
    await keys.rotate()
    const { privateKey: mine } = await promisify(generateKeyPair)('ed25519')
    await keys.import(mine.export({ format: 'jwk' }) as JWK, { algorithm: 'EdDSA' })
    const stored = await storedIn(store)
    t.strictSame(await sealersIn(store), [A, A, A])
    t.strictSame((await keys.list()).map(({ isSealed }) => isSealed), [true, true, true])
    const jwe = stored[0]!.privateJwk as string
    t.strictSame(decodeProtectedHeader(jwe), { alg: 'dir', enc: 'A256GCM', cty: 'jwk+json', kid: thumbprintOf(A) }, 'RFC 7517 section 7')
    const { plaintext } = await compactDecrypt(jwe, Buffer.from(A, 'base64url'))
    t.strictSame(JSON.parse(Buffer.from(plaintext).toString()), privateKey.export({ format: 'jwk' }), kid)
    t.equal(new Set(stored.map(({ privateJwk }) => String(privateJwk).split('.')[2])).size, 3, 'an IV for each')
    const text = JSON.stringify(stored)
    for (const member of ['d', 'p', 'q']) t.notOk(text.includes(`"${member}"`))
    t.notOk(text.includes(A))
  }
})

test('Each key is opened once, however often the store is read', async (t) => {
  const { clock, store, open } = world()
  await open([A]).rotate()
  const keys = open([A])
  const first = await keys.current()
  await store.edit((stored) => stored.map((key) => ({ ...key, privateJwk: 'unreadable by now' })))
  for (let second = 0; second < 20; second++) {
    clock.time += 5
    t.equal(await keys.current(), first)
    t.equal(await keys.find(first.kid), first)
  }
})

// Change of sealing keys

test('Keys that are stored plain are sealed by the first process that has a sealing key, and others go on', async (t) => {
  const { clock, store, open } = world()
  const old = open()
  const kid = await kidOf(old)
  t.match(await old.list(), [{ isSealed: false }])
  const keys = open([A])
  t.equal(await kidOf(keys), kid)
  t.strictSame(await sealersIn(store), [A])
  clock.time += 5
  t.equal(await kidOf(old), kid, 'a process without sealing keys knows it already')

  // What such a process adds is sealed as soon as it is seen.
  await old.rotate()
  t.strictSame(await sealersIn(store), [A, 'plain'], 'what is sealed stays so')
  clock.time++
  await keys.refresh()
  t.strictSame(await sealersIn(store), [A, A])
  t.equal(store.writes, 4)
})

test('Keys that an older sealing key has sealed are sealed with the first when a process starts', async (t) => {
  const { store, open } = world()
  const kid = await kidOf(open([A]))
  await open([A]).rotate()
  t.equal(await kidOf(open([B, A])), kid)
  t.strictSame(await sealersIn(store), [B, B])
  t.equal(await kidOf(open([B])), kid, 'the older one may go')
  t.equal(store.writes, 3)
  await Promise.all(Array.from({ length: 8 }, async () => t.equal(await kidOf(open([C, A, B])), kid)))
  t.strictSame(await sealersIn(store), [C, C])
  t.equal(store.accepted, 4, 'one of eight has written')
})

test('Processes whose lists begin with different keys do not write in turns', async (t) => {
  const { clock, store, open } = world()
  const [one, two] = [open([A, B]), open([B, A])]
  const kid = await kidOf(one)
  t.equal(await kidOf(two), kid)
  t.strictSame(await sealersIn(store), [B])
  const { writes } = store
  for (let second = 0; second < 50; second++) {
    clock.time++
    await Promise.all([one.refresh(), two.refresh()])
  }
  t.equal(store.writes, writes)

  // What is written anyway is sealed with the first of whoever writes.
  await one.rotate()
  t.strictSame(await sealersIn(store), [A, A])
  await two.refresh()
  t.equal(store.writes, writes + 1)
})

test('A process that loses the race to seal anew seals what the winner has left', async (t) => {
  const { store, open } = world()
  const kid = await kidOf(open([A]))
  const other = open([C, A])
  store.beforeWrite = () => other.rotate()
  t.equal(await kidOf(open([B, A, C])), kid)
  t.strictSame(await sealersIn(store), [B, B])
  t.equal((await storedIn(store)).length, 2)
})

test('A store that can only be read is used as it is', async (t) => {
  const { store, open } = world()
  const kid = await kidOf(open([A]))
  store.isReadOnly = true
  t.equal(await kidOf(open([B, A])), kid)
  await t.rejects(open([B, A]).refresh(), { name: 'StoreUnavailableError' })
})

// Keys that cannot be opened

test('A key that no sealing key opens is refused at start, and neither replaced nor dropped', async (t) => {
  const { clock, store, open } = world()
  const first = open([A])
  const kid = await kidOf(first)
  await first.rotate()
  const before = await store.inner.readKeys()
  for (const time of [START, START + 100 * ROTATE_EVERY]) {
    clock.time = time
    for (const sealingKeys of [undefined, [B], [C, B]]) {
      const keys = open(sealingKeys)
      await t.rejects(async () => await keys.current(), SEALED)
      await t.rejects(async () => await keys.find(kid), SEALED)
      await t.rejects(async () => await keys.find('unknown'), SEALED)
      await t.rejects(keys.toJwks(), SEALED)
      await t.rejects(keys.refresh(), SEALED)
      await t.rejects(keys.rotate(), { ...SEALED, message: /Pass the key that sealed it to SigningKeys/ })
      await t.rejects(keys.import((await promisify(generateKeyPair)('ed25519')).privateKey.export({ format: 'jwk' }) as JWK), SEALED)
      t.match(await keys.list(), [{ kid, isSealed: true }, { isSealed: true }].slice(time === START ? 0 : 1), 'a list helps to find out')
    }
  }
  t.strictSame(await store.inner.readKeys(), before)
  clock.time = START
  t.equal(await kidOf(open([B, A])), kid, 'it was never lost')
})

test('One key that cannot be opened is enough, whether it signs, has signed or is announced', async (t) => {
  for (const [turn, age] of [['next', 0], ['current', ANNOUNCE_FOR], ['retired', 0]] as const) {
    const { clock, store, open } = world()
    const keys = open()
    await keys.current()
    const { kid } = await keys.rotate()
    clock.time = turn === 'retired' ? START + ANNOUNCE_FOR + KEEP_FOR : START + age
    const foreign = await Promise.all((await storedIn(store)).map(async (key) => {
      return (key.kid === kid) === (turn !== 'retired') ? { ...key, privateJwk: await seal(JSON.stringify(key.privateJwk), B) } : key
    }))
    await store.edit(() => foreign)
    await t.rejects(async () => await open([A]).current(), SEALED, turn)
    t.strictSame(await storedIn(store), foreign)
  }
})

test('In a process that runs, known keys go on, and nothing signs in the place of one that cannot be opened', async (t) => {
  const errors: Error[] = []
  const { clock, store, open } = world()
  const keys = open([A], { onError: (error) => errors.push(error) })
  const kid = await kidOf(keys)
  const ahead = open([B, A])
  const { kid: next } = await ahead.rotate()
  t.strictSame(await sealersIn(store), [B, B])

  clock.time = START + 1
  await t.rejects(async () => await keys.find(next), SEALED)
  t.match(errors, [SEALED], 'told when it is announced, long before it signs')
  t.equal(await kidOf(keys), kid)
  t.equal((await keys.find(kid))?.kid, kid)
  await t.rejects(async () => await keys.find(next), SEALED, 'its tokens are not called invalid')
  await t.rejects(keys.toJwks(), SEALED, 'a part of the keys is not announced as all of them')
  await t.rejects(keys.rotate(), SEALED)

  clock.time = START + ANNOUNCE_FOR
  await t.rejects(async () => await keys.current(), SEALED)
  t.equal((await keys.find(kid))?.kid, kid, 'its tokens are good still')
  await settled()

  await ahead.revoke(kid)
  clock.time++
  await t.rejects(keys.refresh(), SEALED)
  t.equal(await keys.find(kid), undefined, 'what is revoked elsewhere is not used here')
  t.equal(errors.length, 1, 'once')
})

test('A key whose sealing key is lost can be revoked', async (t) => {
  const { store, open } = world()
  const lost = open([A])
  const kid = await kidOf(lost)
  const { kid: next } = await lost.rotate()
  const keys = open([B])
  t.equal(await keys.revoke(kid), true)
  await t.rejects(async () => await keys.current(), SEALED, 'the other one is there')
  t.equal(await keys.revoke(next), true)
  t.equal(await keys.revoke(next), false)
  t.not(await kidOf(keys), next)
  t.strictSame(await sealersIn(store), [B])
})

test('A revocation leaves as it is what it cannot open', async (t) => {
  const { store, open } = world()
  const keys = open([A])
  await keys.current()
  const { kid } = await keys.rotate()
  const [first, second] = await storedIn(store)
  const damaged = `${String(first!.privateJwk).slice(0, -4)}AAAA`
  await store.edit(() => [{ ...first!, privateJwk: damaged }, second!])
  t.equal(await open([B, A]).revoke(kid), true)
  t.match(await storedIn(store), [{ privateJwk: damaged }])
})

test('What was exchanged, damaged or forged in the store is refused', async (t) => {
  const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
  const other = privateKey.export({ format: 'jwk' }) as JWK
  const { store: plain, open: openPlain } = world()
  await openPlain().current()
  const stored = (await storedIn(plain))[0]!
  const genuine = stored.privateJwk as JWK
  const text = JSON.stringify(genuine)
  const sealed = await seal(text, A)
  const [header, key, iv, ciphertext, tag] = sealed.split('.') as [string, string, string, string, string]
  const damage = (part: string) => `${part.startsWith('A') ? 'B' : 'A'}${part.slice(1)}`
  const { d: _, ...publicHalf } = genuine
  const cases: [string, { [member in keyof StoredKey]?: unknown }, object][] = [
    ['another key', { privateJwk: await seal(JSON.stringify(other), A) }, WRONG],
    ['another key, plain', { privateJwk: other }, WRONG],
    ['another kid', { privateJwk: sealed, kid: 'another' }, WRONG],
    ['another algorithm', { privateJwk: sealed, alg: 'ES256' }, WRONG],
    ['no algorithm of ours', { privateJwk: sealed, alg: 'none' }, WRONG],
    ['a public key', { privateJwk: await seal(JSON.stringify(publicHalf), A) }, WRONG],
    ['no JWK', { privateJwk: await seal('"secret"', A) }, WRONG],
    ['null', { privateJwk: await seal('null', A) }, WRONG],
    ['nothing plain', { privateJwk: null }, WRONG],
    ['no JSON', { privateJwk: await seal('secret', A) }, WRONG],
    ['another content', { privateJwk: await seal(text, A, { cty: 'jwk-set+json' }) }, WRONG],
    ['another encryption', { privateJwk: await seal(text, A, { enc: 'A128CBC-HS256' }) }, WRONG],
    ['another way to the key', {
      privateJwk: await new CompactEncrypt(Buffer.from(text)).setProtectedHeader({ alg: 'A256KW', enc: 'A256GCM', cty: 'jwk+json', kid: thumbprintOf(A) }).encrypt(Buffer.from(A, 'base64url'))
    }, WRONG],
    ['a changed text', { privateJwk: [header, key, iv, damage(ciphertext), tag].join('.') }, WRONG],
    ['a changed tag', { privateJwk: [header, key, iv, ciphertext, damage(tag)].join('.') }, WRONG],
    ['a changed IV', { privateJwk: [header, key, damage(iv), ciphertext, tag].join('.') }, WRONG],
    ['cut off', { privateJwk: sealed.slice(0, -10) }, WRONG],
    ['sealed with another that says it is ours', { privateJwk: await seal(text, B, { kid: thumbprintOf(A) }) }, WRONG],
    ['sealed with another', { privateJwk: await seal(text, B) }, SEALED],
    ['a header without kid', { privateJwk: await seal(text, A, { kid: '' }) }, SEALED],
    ['no JWE', { privateJwk: 'secret' }, SEALED],
    ['empty', { privateJwk: '' }, SEALED]
  ]
  for (const [title, change, expected] of cases) {
    const { store, open } = world()
    await store.edit(() => [{ ...stored, ...change } as StoredKey])
    const before = await store.inner.readKeys()
    const error = await (async () => await open([A]).current())().catch((reason: unknown) => reason)
    t.match(error, { ...expected, cause: undefined }, title)
    for (const secret of [A, genuine.d!, other.d!, 'secret']) t.notOk(String((error as Error).stack).includes(secret), 'nothing is quoted')
    t.strictSame(await store.inner.readKeys(), before)
  }
})

// A store that is away

test('A store that is away at start is a 503 of the token endpoint, later nobody notices for maxStale, and then it is a 503 again', async (t) => {
  const { clock, store, open } = world()
  const keys = open([A])
  const tokens = new JwtAccessTokens({ issuer: 'https://as.example', audience: 'https://api.example', keys, now: () => clock.time })
  const flow = demoBuilder().useAccessTokens(tokens).build()
  const ask = () => flow.token(new Request(`https://as.example${TOKEN_PATH}`, {
    method: 'POST', headers: { authorization: basic('reader') }, body: new URLSearchParams({ grant_type: 'client_credentials' })
  }))
  store.isAway = true
  await t.rejects(async () => await keys.current(), { name: 'StoreUnavailableError' })
  await t.rejects(async () => await keys.find('a'), { name: 'StoreUnavailableError' })
  t.match(await ask(), { success: false, error: { status: 503, code: 'temporarily_unavailable' } })
  store.isAway = false
  t.match(await ask(), { success: true })
  store.isAway = true
  const issued: string[] = []
  for (let round = 0; round < 3; round++) {
    clock.time += 200
    const answer = await ask()
    t.match(answer, { success: true })
    if (answer.success) issued.push(answer.tokenResponse.access_token)
    t.match(await tokens.verify(issued.at(-1)!), { isValid: true })
  }
  clock.time += 1
  t.match(await ask(), { success: false, error: { status: 503, code: 'temporarily_unavailable' } })
  for (const token of issued) await t.rejects(async () => await tokens.verify(token), { name: 'StoreUnavailableError' })
  await t.rejects(keys.toJwks(), { name: 'StoreUnavailableError' })
  store.isAway = false
  t.match(await ask(), { success: true })
  t.match(await tokens.verify(issued.at(-1)!), { isValid: true })
  await settled()
})

test('A key that cannot be opened is an error of the server, never of the client or its token', async (t) => {
  const { clock, store, open } = world()
  const options = { issuer: 'https://as.example', audience: 'https://api.example', now: () => clock.time }
  const tokensOf = (sealingKeys: readonly string[]) => new JwtAccessTokens({ ...options, keys: open(sealingKeys) })
  const builder = (sealingKeys: readonly string[]) => demoBuilder().useAccessTokens(tokensOf(sealingKeys)).build()
  const ask = () => new Request(`https://as.example${TOKEN_PATH}`, {
    method: 'POST', headers: { authorization: basic('reader') }, body: new URLSearchParams({ grant_type: 'client_credentials' })
  })
  const good = await builder([A]).token(ask())
  t.match(good, { success: true })
  t.match(await builder([B]).token(ask()), { success: false, error: { status: 500, code: 'server_error' } })
  if (good.success) await t.rejects(async () => await tokensOf([B]).verify(good.tokenResponse.access_token), SEALED)
  t.strictSame(await sealersIn(store), [A])
})
