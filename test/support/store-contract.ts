// What every store must do, whatever it keeps things in: one contract for each interface of src/store/index.ts. A store that
// is added runs through those that it implements.
import { test } from 'tap'
import type { Test } from 'tap'
import type { Clock } from '../../src/clock.ts'
import type {
  ClientStore, FailureStore, KeySet, KeyStore, ReplayStore, Revocation, RevocationStore, StoredClient, StoredKey, StoredToken, TokenStore
} from '../../src/store/index.ts'

/** Opens an empty store. What must be closed is closed by t.teardown. */
export type MakeStore<Store> = (t: Test, now: Clock) => Promise<Store>

/** The time of the frozen clocks, in seconds since 1970. */
export const START = 1_800_000_000
export const KEY: StoredKey = { kid: 'a', alg: 'EdDSA', privateJwk: { kty: 'OKP', crv: 'Ed25519', x: 'x', d: 'd' }, createdAt: START, activeFrom: START + 60 }
export const TOKEN: StoredToken = { clientId: 'reader', scope: ['a', 'b'], audience: ['https://api.example'], issuedAt: START, expiresAt: START + 100 }
export const TOKEN_REVOCATION: Revocation = { kind: 'token', id: 'jti-1', expiresAt: START + 100 }
export const CLIENT_REVOCATION: Revocation = { kind: 'client', id: 'reader', issuedBefore: START + 1, expiresAt: START + 200 }
export const CLIENT: StoredClient = {
  id: 'reader', version: 1, scopes: ['a'], secrets: [{ id: 'first', hash: 'hash', createdAt: START }], createdAt: START, updatedAt: START
}
// Every member, and text that is awkward in SQL, in JSON and in UTF-8.
const FULL_CLIENT: StoredClient = {
  id: "o'neill\"$1;--%_?é\u{1f600}",
  version: 1,
  name: 'Zoë \u0000 \\ \n " \' $1 \u{1f600}',
  isDisabled: true,
  scopes: [],
  defaultScopes: [],
  audiences: ['https://api.example'],
  introspects: ['https://other.example'],
  accessTokenLifetime: 60,
  authMethods: ['private_key_jwt'],
  jwks: { keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'x' }] },
  jwksUri: 'https://client.example/jwks.json',
  certificateName: { sanDns: 'client.example' },
  senderConstraint: 'mtls',
  secrets: [{ id: 'one', hash: 'hash', isImported: false, createdAt: START, expiresAt: START + 9 }],
  createdAt: START,
  updatedAt: START + 1
}
// PostgreSQL takes no NUL in text, and C ends a string at one.
const NUL = 'reader\u0000'

const keyNamed = (kid: string): StoredKey => ({ ...KEY, kid })
const kidsOf = ({ keys }: KeySet) => keys.map(({ kid }) => kid).sort()
export const idsOf = ({ revocations }: { revocations: readonly Revocation[] }) => revocations.map(({ id }) => id)
const clientNamed = (id: string): StoredClient => ({ ...CLIENT, id })
const idsOfClients = (clients: readonly StoredClient[]) => clients.map(({ id }) => id)
const imported = (client: StoredClient): StoredClient => ({ ...client, secrets: [...client.secrets, { id: 'old', hash: 'hash', isImported: true, createdAt: START }] })
const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index))

/** Several stores over the same things, as one: each call goes to the next of them. */
export function inTurns<Store extends object> (stores: readonly Store[]): Store {
  let turn = 0
  return new Proxy(stores[0]!, {
    get: (_, name) => {
      const store = stores[turn++ % stores.length]!
      const member: unknown = Reflect.get(store, name, store)
      return typeof member === 'function' ? member.bind(store) : member
    }
  })
}

export function keyContract (name: string, makeStore: MakeStore<KeyStore>): void {
  test(`${name} keeps keys as they are, and counts their versions`, async (t) => {
    const store = await makeStore(t, () => START)
    t.strictSame(await store.readKeys(), { version: 0, keys: [] })
    t.equal(await store.replaceKeys({ version: 0, keys: [KEY] }), true)
    t.strictSame(await store.readKeys(), { version: 1, keys: [KEY] })
    const sealed = { ...keyNamed('c'), privateJwk: 'a.b.c.d.e' }
    t.equal(await store.replaceKeys({ version: 1, keys: [keyNamed('b'), sealed] }), true)
    const set = await store.readKeys()
    t.equal(set.version, 2)
    t.strictSame(kidsOf(set), ['b', 'c'])
    t.strictSame(set.keys.find(({ kid }) => kid === 'c'), sealed)
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
      const won = await Promise.all(times(20, (index) => store.replaceKeys({ version, keys: [keyNamed(`${version}-${index}`)] })))
      t.equal(won.filter(Boolean).length, 1)
      t.strictSame(kidsOf(await store.readKeys()), [`${version}-${won.indexOf(true)}`])
    }
  })

  test(`${name} hands out copies of keys, and keeps copies`, async (t) => {
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

export function revocationContract (name: string, makeStore: MakeStore<RevocationStore>): void {
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
    const ids = times(50, (index) => `jti-${index}`)
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
    const { cursor } = await store.listRevocations(undefined)
    // What is added drops what has expired: the cursor must outlive it.
    const late = { ...TOKEN_REVOCATION, id: 'late', expiresAt: time + 100 }
    await store.addRevocation(late)
    t.strictSame((await store.listRevocations(undefined)).revocations, [late])
    t.strictSame((await store.listRevocations(cursor)).revocations, [late])
  })
}

export function tokenContract (name: string, makeStore: MakeStore<TokenStore>): void {
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

  test(`${name} knows a token by its whole hash`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.saveToken('reader', TOKEN)
    for (const hash of [NUL, 'READER', 'reade', '', '%']) {
      t.equal(await store.findToken(hash), undefined)
      await store.removeToken(hash)
    }
    t.strictSame(await store.findToken('reader'), TOKEN)
  })

  test(`${name} hands out copies of tokens, and keeps copies`, async (t) => {
    const store = await makeStore(t, () => START)
    const token = structuredClone(TOKEN)
    await store.saveToken('hash', token)
    for (let round = 0; round < 2; round++) {
      const found = await store.findToken('hash')
      token.clientId = found!.clientId = 'changed'
    }
    t.strictSame(await store.findToken('hash'), TOKEN)
  })

  test(`${name} forgets a token when it has expired`, async (t) => {
    let time = START
    const store = await makeStore(t, () => time)
    await store.saveToken('hash', TOKEN)
    time = TOKEN.expiresAt - 1
    t.strictSame(await store.findToken('hash'), TOKEN)
    time = TOKEN.expiresAt
    t.equal(await store.findToken('hash'), undefined)
    time = START + 300
    await store.saveToken('hash', { ...TOKEN, expiresAt: time + 1 })
    t.strictSame(await store.findToken('hash'), { ...TOKEN, expiresAt: time + 1 }, 'one that has the place of another')
  })
}

export function clientContract (name: string, makeStore: MakeStore<ClientStore>): void {
  test(`${name} keeps clients whole`, async (t) => {
    const store = await makeStore(t, () => START)
    t.strictSame(await store.findClients(['reader']), [])
    t.strictSame(await store.addClients([]), [])
    t.strictSame(await store.addClients([FULL_CLIENT]), [FULL_CLIENT.id])
    t.strictSame([...await store.addClients([CLIENT, FULL_CLIENT, { ...CLIENT, name: 'twice' }])], ['reader'], 'no client is added twice')
    t.strictSame(await store.findClients([FULL_CLIENT.id]), [FULL_CLIENT])
    t.strictSame(await store.findClients(['reader']), [CLIENT])
    t.strictSame(await store.findClients([]), [])
    t.strictSame(idsOfClients(await store.findClients(['reader', 'nobody', FULL_CLIENT.id])).sort(), [FULL_CLIENT.id, 'reader'].sort())
    t.strictSame(idsOfClients(await store.findClients(['reader', 'reader'])), ['reader'], 'an id that is asked for twice')
  })

  test(`${name} knows a client by its whole id`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.addClients([CLIENT])
    for (const id of [NUL, 'READER', 'reade', 'reader ', '', '%', "' OR ''='", 'r'.repeat(10_000)]) {
      t.strictSame(await store.findClients([id]), [], id.slice(0, 20))
      t.strictSame(idsOfClients(await store.findClients([id, 'reader'])), ['reader'])
      t.equal(await store.replaceClient({ ...CLIENT, id }), false)
      t.equal(await store.removeClient(id), false)
      t.strictSame(await store.findSecretUses([id]), [])
    }
    t.strictSame(await store.findClients(['reader']), [CLIENT])
  })

  test(`${name} hands out copies of clients, and keeps copies`, async (t) => {
    const store = await makeStore(t, () => START)
    const added = structuredClone(CLIENT)
    await store.addClients([added])
    for (let round = 0; round < 2; round++) {
      const [found] = await store.findClients(['reader'])
      const [listed] = await store.listClients({ limit: 1 })
      for (const client of [added, found!, listed!]) {
        client.name = 'changed'
        client.secrets[0]!.hash = 'changed'
      }
    }
    t.strictSame(await store.findClients(['reader']), [CLIENT])
    const replaced = structuredClone(CLIENT)
    await store.replaceClient(replaced)
    replaced.secrets[0]!.hash = 'changed'
    t.strictSame(await store.findClients(['reader']), [{ ...CLIENT, version: 2 }])
  })

  test(`${name} replaces a client that nobody has changed since it was read`, async (t) => {
    const store = await makeStore(t, () => START)
    t.equal(await store.replaceClient(CLIENT), false)
    await store.addClients([CLIENT, clientNamed('other')])
    t.equal(await store.replaceClient({ ...CLIENT, name: 'Reader' }), true)
    t.strictSame(await store.findClients(['reader']), [{ ...CLIENT, version: 2, name: 'Reader' }])
    t.equal(await store.replaceClient({ ...CLIENT, name: 'late' }), false)
    t.equal(await store.replaceClient({ ...CLIENT, version: 3, name: 'early' }), false)
    t.equal(await store.replaceClient({ ...CLIENT, version: 2 }), true)
    t.strictSame(await store.findClients(['reader']), [{ ...CLIENT, version: 3 }])
    t.strictSame(await store.findClients(['other']), [clientNamed('other')])
  })

  test(`${name} lets one of many through who replace a client at once`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.addClients([CLIENT])
    for (let version = 1; version < 4; version++) {
      const won = await Promise.all(times(20, (index) => store.replaceClient({ ...CLIENT, version, name: `${version}-${index}` })))
      t.equal(won.filter(Boolean).length, 1)
      t.strictSame(await store.findClients(['reader']), [{ ...CLIENT, version: version + 1, name: `${version}-${won.indexOf(true)}` }])
    }
  })

  test(`${name} adds a client once that many add at once, in whatever order`, async (t) => {
    const store = await makeStore(t, () => START)
    const clients = times(10, (index) => clientNamed(`client-${index}`))
    const added = await Promise.all(times(10, (index) => store.addClients(index % 2 === 0 ? clients : clients.toReversed())))
    t.strictSame(added.flat().sort(), idsOfClients(clients))
  })

  test(`${name} removes a client, and all that is known of it`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.addClients([CLIENT, clientNamed('other')])
    await store.saveSecretUses([{ clientId: 'reader', secretId: 'first', usedAt: START }])
    t.equal(await store.removeClient('reader'), true)
    t.equal(await store.removeClient('reader'), false)
    t.strictSame(await store.findClients(['reader', 'other']), [clientNamed('other')])
    t.equal(await store.replaceClient(CLIENT), false)
    t.strictSame(await store.addClients([CLIENT]), ['reader'])
    t.strictSame(await store.findSecretUses(['reader']), [])
  })

  test(`${name} lists clients in pages, in the order of the UTF-8 bytes of their ids`, async (t) => {
    const store = await makeStore(t, () => START)
    // UTF-16 would have the emoji before the last one; a locale would mix upper and lower case.
    const ids = ['', ' ', '-', '0', '10', '9', 'A', 'Z', '_', 'a', 'a-', 'aB', 'ab', 'b', '~', 'é', '\u4e00', '\uff5e', '\u{1f600}']
    t.strictSame(await store.listClients({ limit: 10 }), [])
    await store.addClients(ids.toReversed().map(clientNamed))
    t.strictSame(idsOfClients(await store.listClients({ limit: 100 })), ids)
    for (const limit of [1, 7, ids.length]) {
      const found: StoredClient[] = []
      for (let page = await store.listClients({ limit }); page.length > 0; page = await store.listClients({ after: page.at(-1)!.id, limit })) {
        t.ok(page.length <= limit)
        found.push(...page)
      }
      t.strictSame(idsOfClients(found), ids)
    }
    t.strictSame(await store.listClients({ after: '', limit: 1 }), [clientNamed(' ')])
    t.strictSame(await store.listClients({ after: 'a\u0000b', limit: 2 }), [clientNamed('a-'), clientNamed('aB')], 'behind an id that nobody has')
  })

  test(`${name} lists which clients were replaced or removed since a cursor`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.addClients([CLIENT, clientNamed('other'), clientNamed('third')])
    await store.replaceClient(clientNamed('third'))
    const first = await store.listClientChanges(undefined)
    t.strictSame(first.ids, [])
    t.type(first.cursor, 'string')

    await store.addClients([clientNamed('new')])
    await store.replaceClient(CLIENT)
    await store.replaceClient({ ...CLIENT, version: 1 })
    await store.removeClient('other')
    await store.removeClient('nobody')
    const both = await store.listClientChanges(first.cursor)
    t.ok(both.ids.includes('reader') && both.ids.includes('other'))
    t.notOk(both.ids.includes('new') || both.ids.includes('nobody'))

    const again = await store.listClientChanges(both.cursor)
    await store.replaceClient(clientNamed('new'))
    t.ok((await store.listClientChanges(again.cursor)).ids.includes('new'), 'the cursor of a list without news')
    const all = await store.listClientChanges(first.cursor)
    t.strictSame([...new Set(all.ids)].filter((id) => id !== 'third').sort(), ['new', 'other', 'reader'])
  })

  test(`${name} forgets a change of a client after an hour, and no cursor`, async (t) => {
    let time = START
    const store = await makeStore(t, () => time)
    await store.addClients([CLIENT, clientNamed('other')])
    const { cursor } = await store.listClientChanges(undefined)
    await store.replaceClient(CLIENT)
    time += 3600
    t.ok((await store.listClientChanges(cursor)).ids.includes('reader'))
    time += 3601
    await store.replaceClient(clientNamed('other'))
    const late = await store.listClientChanges(cursor)
    t.ok(late.ids.includes('other'))
    time += 7200
    await store.replaceClient({ ...CLIENT, version: 2 })
    t.ok((await store.listClientChanges(late.cursor)).ids.includes('reader'))
  })

  test(`${name} misses no change of clients that change at once`, async (t) => {
    const store = await makeStore(t, () => START)
    const clients = times(40, (index) => clientNamed(`client-${index}`))
    await store.addClients(clients)
    const seen = new Set<string>()
    let { cursor } = await store.listClientChanges(undefined)
    const look = async () => {
      const list = await store.listClientChanges(cursor)
      cursor = list.cursor
      list.ids.forEach((id) => seen.add(id))
    }
    const changing = Promise.all(clients.map((client, index) => index % 2 === 0 ? store.replaceClient(client) : store.removeClient(client.id)))
    for (let round = 0; round < 5; round++) await look()
    t.strictSame(await changing, clients.map(() => true))
    await look()
    t.strictSame([...seen].sort(), idsOfClients(clients).sort())
  })

  test(`${name} knows whether any client has an imported secret`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.addClients([CLIENT, FULL_CLIENT])
    t.equal(await store.hasImportedSecrets(), false)
    await store.addClients([imported(clientNamed('old'))])
    t.equal(await store.hasImportedSecrets(), true)
    await store.replaceClient(clientNamed('old'))
    t.equal(await store.hasImportedSecrets(), false)
    await store.replaceClient(imported(CLIENT))
    t.equal(await store.hasImportedSecrets(), true)
    await store.removeClient('reader')
    t.equal(await store.hasImportedSecrets(), false)
  })

  test(`${name} keeps the last use of each secret`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.addClients([CLIENT, clientNamed('other'), clientNamed('third')])
    const use = (clientId: string, secretId: string, usedAt: number) => ({ clientId, secretId, usedAt })
    await store.saveSecretUses([])
    await store.saveSecretUses([use('reader', 'first', START + 5), use('reader', 'second', START), use('other', 'first', START), use('nobody', 'first', START)])
    await store.saveSecretUses([use('reader', 'first', START + 4), use('reader', 'second', START + 1), use('reader', 'second', START)])
    await Promise.all(times(10, (index) => store.saveSecretUses([use('third', 'b', START + index), use('third', 'a', START + 9 - index)])))
    const found = async (ids: string[]) => (await store.findSecretUses(ids)).map(({ clientId, secretId, usedAt }) => `${clientId} ${secretId} ${usedAt - START}`).sort()
    t.strictSame(await found(['reader', 'nobody', 'other']), ['other first 0', 'reader first 5', 'reader second 1'])
    t.strictSame(await found(['third']), ['third a 9', 'third b 9'])
    t.strictSame(await found([]), [])
    t.strictSame(await store.findClients(['reader']), [CLIENT], 'the client is as it was')
    await store.replaceClient(CLIENT)
    await store.replaceClient(clientNamed('other'))
    t.strictSame(await found(['reader', 'other', 'third']), ['other first 0', 'reader first 5', 'third a 9', 'third b 9'], 'the uses of a secret that is gone are gone')
  })
}

export function replayContract (name: string, makeStore: MakeStore<ReplayStore>): void {
  test(`${name} reserves a key once, until it expires`, async (t) => {
    let time = START
    const store = await makeStore(t, () => time)
    t.equal(await store.reserve('key', START + 10), true)
    t.equal(await store.reserve('key', START + 99), false)
    for (const other of ['other', 'KEY', 'key ', '', 'key\u0000', 'é\u{1f600}', 'k'.repeat(10_000)]) {
      t.equal(await store.reserve(other, START + 10), true, other.slice(0, 20))
      t.equal(await store.reserve(other, START + 10), false)
    }
    // The exp of an assertion may be one (RFC 7519 §2).
    for (const isFirst of [true, false]) t.equal(await store.reserve('fraction', START + 8.5), isFirst)
    time = START + 9
    t.equal(await store.reserve('fraction', START + 99), true)
    t.equal(await store.reserve('key', START + 99), false, 'an attempt makes it last no longer')
    time = START + 10
    t.equal(await store.reserve('key', START + 200), true)
    time = START + 199
    t.equal(await store.reserve('key', START + 300), false)
    time = START + 200
    t.equal(await store.reserve('key', START + 300), true)
  })

  test(`${name} lets one of many through who reserve a key at once`, async (t) => {
    let time = START
    const store = await makeStore(t, () => time)
    for (let round = 0; round < 3; round++, time += 10) {
      const won = await Promise.all(times(20, () => store.reserve('key', time + 10)))
      t.equal(won.filter(Boolean).length, 1)
    }
  })
}

export function failureContract (name: string, makeStore: MakeStore<FailureStore>): void {
  test(`${name} counts failures for a time after the first`, async (t) => {
    let time = START
    const store = await makeStore(t, () => time)
    t.strictSame(await store.countFailure('key', 60), { count: 1, forgottenAt: START + 60 })
    time += 30
    t.strictSame(await store.countFailure('key', 60), { count: 2, forgottenAt: START + 60 })
    t.strictSame(await store.countFailure('other', 60), { count: 1, forgottenAt: START + 90 })
    time = START + 59
    t.strictSame(await store.countFailure('key', 60), { count: 3, forgottenAt: START + 60 })
    time = START + 60
    t.strictSame(await store.countFailure('key', 60), { count: 1, forgottenAt: START + 120 })
    t.strictSame(await store.countFailure('other', 60), { count: 2, forgottenAt: START + 90 })
  })

  test(`${name} forgets the failures of a key when told`, async (t) => {
    const store = await makeStore(t, () => START)
    for (const key of ['key', 'key', 'other']) await store.countFailure(key, 60)
    await store.forgetFailures('key')
    await store.forgetFailures('nobody')
    t.strictSame(await store.countFailure('key', 60), { count: 1, forgottenAt: START + 60 })
    t.strictSame(await store.countFailure('other', 60), { count: 2, forgottenAt: START + 60 })
  })

  test(`${name} counts each of the failures that happen at once`, async (t) => {
    const store = await makeStore(t, () => START)
    const counted = await Promise.all(times(50, () => store.countFailure('key', 60)))
    t.strictSame(counted.map(({ count }) => count).sort((one, other) => one - other), times(50, (index) => index + 1))
  })
}
