// What every store must do, whatever it keeps things in. A store that is added runs through the same.
import { test } from 'tap'
import type { Test } from 'tap'
import type { Clock } from '../src/clock.ts'
import type { KeySet, KeyStore, Revocation, RevocationStore, StoredKey, StoredToken, TokenStore } from '../src/store/index.ts'
import { MemoryStore } from '../src/store/memory.ts'

type Store = KeyStore & RevocationStore & TokenStore
/** Opens an empty store. What must be closed is closed by t.teardown. */
type MakeStore = (t: Test, now: Clock) => Promise<Store>

const START = 1_800_000_000
const KEY: StoredKey = { kid: 'a', alg: 'EdDSA', privateJwk: { kty: 'OKP', crv: 'Ed25519', x: 'x', d: 'd' }, createdAt: START, activeFrom: START + 60 }
const TOKEN: StoredToken = { clientId: 'reader', scope: ['a', 'b'], audience: ['https://api.example'], issuedAt: START, expiresAt: START + 100 }
const TOKEN_REVOCATION: Revocation = { kind: 'token', id: 'jti-1', expiresAt: START + 100 }
const CLIENT_REVOCATION: Revocation = { kind: 'client', id: 'reader', issuedBefore: START + 1, expiresAt: START + 200 }

const keyNamed = (kid: string): StoredKey => ({ ...KEY, kid })
const kidsOf = ({ keys }: KeySet) => keys.map(({ kid }) => kid).sort()
const idsOf = ({ revocations }: { revocations: readonly Revocation[] }) => revocations.map(({ id }) => id)

function storeContract (name: string, makeStore: MakeStore): void {
  test(`${name} keeps keys as they are, and counts their versions`, async (t) => {
    const store = await makeStore(t, () => START)
    t.strictSame(await store.readKeys(), { version: 0, keys: [] })
    t.equal(await store.replaceKeys({ version: 0, keys: [KEY] }), true)
    t.strictSame(await store.readKeys(), { version: 1, keys: [KEY] })
    t.equal(await store.replaceKeys({ version: 1, keys: [keyNamed('b'), keyNamed('c')] }), true)
    const set = await store.readKeys()
    t.equal(set.version, 2)
    t.strictSame(kidsOf(set), ['b', 'c'])
    t.equal(await store.replaceKeys({ version: 2, keys: [] }), true)
    t.strictSame(await store.readKeys(), { version: 3, keys: [] })
  })

  test(`${name} refuses keys that were decided on what is no longer true`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.replaceKeys({ version: 0, keys: [KEY] })
    for (const version of [0, 2]) t.equal(await store.replaceKeys({ version, keys: [keyNamed('late')] }), false)
    t.strictSame(await store.readKeys(), { version: 1, keys: [KEY] })
  })

  test(`${name} lets one of many through who replace the keys at once`, async (t) => {
    const store = await makeStore(t, () => START)
    for (let version = 0; version < 3; version++) {
      const won = await Promise.all(Array.from({ length: 20 }, (_, index) => store.replaceKeys({ version, keys: [keyNamed(`${version}-${index}`)] })))
      t.equal(won.filter(Boolean).length, 1)
      t.strictSame(kidsOf(await store.readKeys()), [`${version}-${won.indexOf(true)}`])
    }
  })

  test(`${name} hands out copies and keeps copies`, async (t) => {
    const store = await makeStore(t, () => START)
    const key = structuredClone(KEY)
    const token = structuredClone(TOKEN)
    await store.replaceKeys({ version: 0, keys: [key] })
    await store.saveToken('hash', token)
    for (let round = 0; round < 2; round++) {
      const [given] = (await store.readKeys()).keys
      key.privateJwk.d = given!.privateJwk.d = 'changed'
      const found = await store.findToken('hash')
      token.clientId = found!.clientId = 'changed'
    }
    t.strictSame((await store.readKeys()).keys, [KEY])
    t.strictSame(await store.findToken('hash'), TOKEN)
  })

  test(`${name} lists the revocations since a cursor`, async (t) => {
    const store = await makeStore(t, () => START)
    const none = await store.listRevocations(undefined)
    t.strictSame(none.revocations, [])
    t.type(none.cursor, 'string')

    await store.addRevocation(TOKEN_REVOCATION)
    await store.addRevocation(CLIENT_REVOCATION)
    const both = await store.listRevocations(undefined)
    t.strictSame(both.revocations, [TOKEN_REVOCATION, CLIENT_REVOCATION])
    t.strictSame((await store.listRevocations(none.cursor)).revocations, both.revocations, 'the cursor of an empty list')

    // What was there just before may be listed again.
    const third: Revocation = { ...TOKEN_REVOCATION, id: 'jti-2' }
    await store.addRevocation(third)
    const more = await store.listRevocations(both.cursor)
    t.strictSame(more.revocations.at(-1), third)
    const again = await store.listRevocations(more.cursor)
    await store.addRevocation({ ...third, id: 'jti-3' })
    t.ok(idsOf(await store.listRevocations(again.cursor)).includes('jti-3'), 'the cursor of a list without news')
  })

  test(`${name} misses none of the revocations that are added at once`, async (t) => {
    const store = await makeStore(t, () => START)
    const ids = Array.from({ length: 50 }, (_, index) => `jti-${index}`)
    const seen = new Set<string>()
    let cursor: string | undefined
    const look = async () => {
      const list = await store.listRevocations(cursor)
      cursor = list.cursor
      idsOf(list).forEach((id) => seen.add(id))
    }
    const adding = Promise.all(ids.map((id) => store.addRevocation({ ...TOKEN_REVOCATION, id })))
    for (let round = 0; round < 5; round++) await look()
    await adding
    await look()
    t.strictSame([...seen].sort(), ids.sort())
  })

  test(`${name} forgets a revocation when it has expired`, async (t) => {
    let time = START
    const store = await makeStore(t, () => time)
    await store.addRevocation(TOKEN_REVOCATION)
    await store.addRevocation(CLIENT_REVOCATION)
    time = TOKEN_REVOCATION.expiresAt - 1
    t.strictSame(idsOf(await store.listRevocations(undefined)), ['jti-1', 'reader'])
    time = TOKEN_REVOCATION.expiresAt
    t.strictSame(idsOf(await store.listRevocations(undefined)), ['reader'])
    time = CLIENT_REVOCATION.expiresAt
    t.strictSame(idsOf(await store.listRevocations(undefined)), [])
  })

  test(`${name} keeps a token until it is removed`, async (t) => {
    const store = await makeStore(t, () => START)
    const bound: StoredToken = { ...TOKEN, scope: [], confirmation: { jkt: 'thumbprint' } }
    t.equal(await store.findToken('hash'), undefined)
    await store.saveToken('hash', TOKEN)
    await store.saveToken('other', bound)
    t.strictSame(await store.findToken('hash'), TOKEN)
    t.strictSame(await store.findToken('other'), bound)
    await store.removeToken('hash')
    await store.removeToken('hash')
    t.equal(await store.findToken('hash'), undefined)
    t.strictSame(await store.findToken('other'), bound)
  })

  test(`${name} forgets a token when it has expired`, async (t) => {
    let time = START
    const store = await makeStore(t, () => time)
    await store.saveToken('hash', TOKEN)
    time = TOKEN.expiresAt - 1
    t.strictSame(await store.findToken('hash'), TOKEN)
    time = TOKEN.expiresAt
    t.equal(await store.findToken('hash'), undefined)
  })
}

storeContract('MemoryStore', async (_, now) => new MemoryStore({ now }))

test('MemoryStore drops what has expired, and not only hides it', async (t) => {
  let time = START
  const store = new MemoryStore({ now: () => time })
  const lasting = { ...TOKEN, expiresAt: START + 1000 }
  await store.saveToken('hash', TOKEN)
  await store.saveToken('lasting', lasting)
  await store.addRevocation(TOKEN_REVOCATION)
  await store.addRevocation(CLIENT_REVOCATION)
  time = TOKEN.expiresAt
  await store.saveToken('trigger', lasting)
  time = START
  t.equal(await store.findToken('hash'), undefined)
  t.strictSame(await store.findToken('lasting'), lasting)
  t.strictSame(idsOf(await store.listRevocations(undefined)), ['reader'])
})

test('MemoryStore counts revocations, and lists each once', async (t) => {
  const store = new MemoryStore({ now: () => START })
  await store.addRevocation(TOKEN_REVOCATION)
  await store.addRevocation(CLIENT_REVOCATION)
  t.strictSame(await store.listRevocations('0'), { revocations: [TOKEN_REVOCATION, CLIENT_REVOCATION], cursor: '2' })
  t.strictSame(await store.listRevocations('1'), { revocations: [CLIENT_REVOCATION], cursor: '2' })
  t.strictSame(await store.listRevocations('2'), { revocations: [], cursor: '2' })
})

test('MemoryStore takes the clock of the machine unless told', async (t) => {
  const store = new MemoryStore()
  await store.saveToken('old', TOKEN)
  await store.saveToken('new', { ...TOKEN, expiresAt: Math.floor(Date.now() / 1000) + 60 })
  t.ok(await store.findToken('new'))
  t.ok(await new MemoryStore({}).readKeys())
})
