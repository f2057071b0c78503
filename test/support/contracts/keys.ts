import { test } from 'tap'
import type { EntryStore, KeySet, KeyStore } from '../../../src/stores/contracts/index.ts'
import { DAY, KEY, START, times, unmarked } from './fixtures.ts'
import type { MakeStore } from './fixtures.ts'

const keyNamed = (kid: string) => ({ ...KEY, kid })
const kidsOf = ({ keys }: KeySet) => keys.map(({ kid }) => kid).sort()

export function keyContract (name: string, makeStore: MakeStore<KeyStore & EntryStore>): void {
  test(`${name} keeps keys as they are, and gives them another version with each change`, async (t) => {
    const store = await makeStore(t, () => START)
    t.strictSame(await store.readKeys(), { version: 0, keys: [] })
    t.strictSame(await store.replaceKeys({ version: 0, keys: [KEY] }), [])
    const first = await store.readKeys()
    t.strictSame(first.keys, [KEY])
    t.ok(first.version > 0)
    const sealed = { ...keyNamed('c'), privateJwk: 'a.b.c.d.e' }
    t.strictSame(await store.replaceKeys({ ...first, keys: [keyNamed('b'), sealed] }), [])
    const set = await store.readKeys()
    t.ok(set.version > first.version)
    t.strictSame(kidsOf(set), ['b', 'c'])
    t.strictSame(set.keys.find(({ kid }) => kid === 'c'), sealed)
    t.strictSame(await store.replaceKeys({ ...set, keys: [] }), [])
    t.strictSame((await store.readKeys()).keys, [])
  })

  test(`${name} rejects keys that were derived from another version`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.replaceKeys({ version: 0, keys: [KEY] })
    const set = await store.readKeys()
    for (const version of [0, set.version - 1, set.version + 1]) t.equal(await store.replaceKeys({ version, keys: [keyNamed('late')] }, { revokedKids: ['a'] }), false)
    t.strictSame(await store.readKeys(), set)
    t.strictSame((await store.listEntries()).entries, [], 'nothing else was written either')
  })

  test(`${name} lets one of many succeed that replace the keys at once`, async (t) => {
    const store = await makeStore(t, () => START)
    for (let round = 0; round < 3; round++) {
      const { version } = await store.readKeys()
      const won = await Promise.all(times(20, (index) => store.replaceKeys({ version, keys: [keyNamed(`${version}-${index}`)] }, { revokedKids: [`${version}-${index}`] })))
      t.equal(won.filter(Boolean).length, 1)
      t.strictSame(kidsOf(await store.readKeys()), [`${version}-${won.findIndex(Boolean)}`])
      t.strictSame((await store.listEntries()).entries.at(-1), (won.find(Boolean) as object[])[0])
    }
    t.equal((await store.listEntries()).entries.length, 3)
  })

  test(`${name} makes an entry of each key that is revoked`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.replaceKeys({ version: 0, keys: [keyNamed('a'), keyNamed('b'), keyNamed('c')] })
    const written = await store.replaceKeys({ ...await store.readKeys(), keys: [keyNamed('c')] }, { revokedKids: ['a', 'b'] })
    t.ok(written)
    t.strictSame(written && written.map(unmarked), ['a', 'b'].map((id) => ({ kind: 'key', id, expiresAt: START + 400 * DAY })))
    t.strictSame((await store.listEntries()).entries, written)
  })

  test(`${name} returns copies of keys, and keeps copies`, async (t) => {
    const store = await makeStore(t, () => START)
    const key = structuredClone(KEY)
    await store.replaceKeys({ version: 0, keys: [key] })
    for (let round = 0; round < 2; round++) {
      const [given] = (await store.readKeys()).keys
      key.kid = given!.kid = 'changed'
      Object.assign(given!.privateJwk, { d: 'changed' })
      Object.assign(key.privateJwk, { d: 'changed' })
    }
    t.strictSame((await store.readKeys()).keys, [KEY])
  })
}
