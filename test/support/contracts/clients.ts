import { test } from 'tap'
import type { ClientStore, StoredClient } from '../../../src/stores/contracts/index.ts'
import { added, CLIENT, clientNamed, FULL_CLIENT, current, idsOfClients, NUL, START, times } from './fixtures.ts'
import type { MakeStore } from './fixtures.ts'

const imported = (client: StoredClient): StoredClient => ({ ...client, secrets: [...client.secrets, { id: 'old', hash: 'hash', isImported: true, createdAt: START }] })

export function clientContract (name: string, makeStore: MakeStore<ClientStore>): void {
  test(`${name} keeps clients whole`, async (t) => {
    const store = await makeStore(t, () => START)
    t.strictSame(await store.findClients(['reader']), [])
    t.strictSame(await store.addClients([]), { ids: [], entries: [] })
    t.strictSame(await store.addClients([FULL_CLIENT]), { ids: [FULL_CLIENT.id], entries: [] })
    t.strictSame(await store.addClients([CLIENT, FULL_CLIENT, { ...CLIENT, name: 'twice' }]), { ids: ['reader'], entries: [] }, 'no client is added twice')
    t.strictSame(await store.findClients([FULL_CLIENT.id]), [added(FULL_CLIENT)])
    t.strictSame(await store.findClients(['reader']), [added(CLIENT)])
    t.strictSame(await store.findClients([]), [])
    t.strictSame(idsOfClients(await store.findClients(['reader', 'nobody', FULL_CLIENT.id])).sort(), [FULL_CLIENT.id, 'reader'].sort())
    t.strictSame(idsOfClients(await store.findClients(['reader', 'reader'])), ['reader'], 'an id that is asked for twice')
  })

  test(`${name} finds a client by its whole id only`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.addClients([CLIENT])
    for (const id of [NUL, 'READER', 'reade', 'reader ', '', '%', "' OR ''='", 'r'.repeat(10_000)]) {
      t.strictSame(await store.findClients([id]), [], id.slice(0, 20))
      t.strictSame(idsOfClients(await store.findClients([id, 'reader'])), ['reader'])
      t.equal(await store.replaceClient({ ...CLIENT, id }), false)
      t.equal(await store.removeClient(id), false)
      t.strictSame(await store.findSecretUses([id]), [])
    }
    t.strictSame(await store.findClients(['reader']), [added(CLIENT)])
  })

  test(`${name} returns copies of clients, and keeps copies`, async (t) => {
    const store = await makeStore(t, () => START)
    const given = structuredClone(CLIENT)
    await store.addClients([given])
    for (let round = 0; round < 2; round++) {
      const [found] = await store.findClients(['reader'])
      const [listed] = await store.listClients({ limit: 1 })
      for (const client of [given, found!, listed!]) {
        client.name = 'changed'
        client.secrets[0]!.hash = 'changed'
      }
    }
    t.strictSame(await store.findClients(['reader']), [added(CLIENT)])
    const replaced = structuredClone(CLIENT)
    await store.replaceClient(replaced)
    replaced.secrets[0]!.hash = 'changed'
    t.strictSame(await store.findClients(['reader']), [added(await current(store))])
  })

  test(`${name} replaces a client that was not changed since it was read`, async (t) => {
    const store = await makeStore(t, () => START)
    t.equal(await store.replaceClient(CLIENT), false)
    await store.addClients([CLIENT, clientNamed('other')])
    t.strictSame(await store.replaceClient({ ...CLIENT, name: 'Reader' }), [])
    const changed = await current(store)
    t.ok(changed.version > CLIENT.version)
    t.strictSame(await store.findClients(['reader']), [{ ...added(changed), name: 'Reader' }])
    t.equal(await store.replaceClient({ ...CLIENT, name: 'late' }), false)
    t.equal(await store.replaceClient({ ...changed, version: changed.version + 1, name: 'early' }), false)
    t.strictSame(await store.replaceClient(changed), [])
    t.strictSame(await store.findClients(['reader']), [added(await current(store))])
    t.strictSame(await store.findClients(['other']), [added(clientNamed('other'))])
  })

  test(`${name} lets one of many succeed that replace a client at once`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.addClients([CLIENT])
    for (let round = 1; round < 4; round++) {
      const client = await current(store)
      const won = await Promise.all(times(20, (index) => store.replaceClient({ ...client, name: `${round}-${index}` })))
      t.equal(won.filter(Boolean).length, 1)
      t.strictSame(await store.findClients(['reader']), [{ ...added(await current(store)), name: `${round}-${won.findIndex(Boolean)}` }])
    }
  })

  test(`${name} adds a client once that many add at once, in whatever order`, async (t) => {
    const store = await makeStore(t, () => START)
    const clients = times(10, (index) => clientNamed(`client-${index}`))
    const results = await Promise.all(times(10, (index) => store.addClients(index % 2 === 0 ? clients : clients.toReversed())))
    t.strictSame(results.flatMap(({ ids }) => ids).sort(), idsOfClients(clients))
  })

  test(`${name} adds thousands of clients in one step`, async (t) => {
    const store = await makeStore(t, () => START)
    const clients = times(2500, (index) => clientNamed(`client-${index}`))
    t.equal((await store.addClients(clients.slice(1000, 1500))).ids.length, 500)
    t.strictSame([...(await store.addClients(clients)).ids].sort(), idsOfClients([...clients.slice(0, 1000), ...clients.slice(1500)]).sort())
    t.equal((await store.listClients({ limit: 3000 })).length, 2500)
  })

  test(`${name} removes a client, and all that belongs to it`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.addClients([CLIENT, clientNamed('other')])
    await store.saveSecretUses([{ clientId: 'reader', secretId: 'first', usedAt: START }])
    t.ok(await store.removeClient('reader'))
    t.equal(await store.removeClient('reader'), false)
    t.strictSame(await store.findClients(['reader', 'other']), [added(clientNamed('other'))])
    t.equal(await store.replaceClient(CLIENT), false)
    t.strictSame((await store.addClients([CLIENT])).ids, ['reader'])
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
    t.strictSame(await store.listClients({ after: '', limit: 1 }), [added(clientNamed(' '))])
    t.strictSame(await store.listClients({ after: 'a\u0000b', limit: 2 }), [clientNamed('a-'), clientNamed('aB')].map(added), 'behind an id that no client has')
  })

  test(`${name} finds out whether any client has an imported secret`, async (t) => {
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
    t.strictSame(await store.findClients(['reader']), [added(CLIENT)], 'the client is as it was')
    await store.replaceClient(CLIENT)
    await store.replaceClient(clientNamed('other'))
    t.strictSame(await found(['reader', 'other', 'third']), ['other first 0', 'reader first 5', 'third a 9', 'third b 9'], 'the uses of a secret that was removed are removed')
  })
}
