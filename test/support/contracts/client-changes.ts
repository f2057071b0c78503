import { test } from 'tap'
import { FEED_START } from '../../../src/stores/contracts/index.ts'
import type { ClientStore } from '../../../src/stores/contracts/index.ts'
import { CLIENT, clientNamed, DAY, current, idsOfClients, movedClock, START, times } from './fixtures.ts'
import type { MakeStore } from './fixtures.ts'

export function clientChangeContract (name: string, makeStore: MakeStore<ClientStore>): void {
  test(`${name} lists which clients were replaced or removed behind a mark`, async (t) => {
    const store = await makeStore(t, () => START)
    t.strictSame(await store.listClientChanges(), { ids: [], mark: FEED_START, isContinued: true, hasMore: false }, 'an empty feed')
    await store.addClients([CLIENT, clientNamed('other'), clientNamed('third')])
    await store.replaceClient(clientNamed('third'))
    const { mark, ...end } = await store.listClientChanges()
    t.strictSame(end, { ids: [], isContinued: true, hasMore: false })
    t.strictSame(await store.listClientChanges(mark), { ...end, mark })

    await store.addClients([clientNamed('new')])
    await store.replaceClient(CLIENT)
    await store.replaceClient({ ...CLIENT, version: 1 })
    await store.removeClient('other')
    await store.removeClient('nobody')
    const both = await store.listClientChanges(mark)
    t.strictSame({ ...both, mark }, { ...end, ids: ['reader', 'other'], mark })

    await store.replaceClient(clientNamed('new'))
    t.strictSame((await store.listClientChanges(both.mark)).ids, ['new'])
    t.strictSame((await store.listClientChanges(FEED_START)).ids, ['third', 'reader', 'other', 'new'])
  })

  test(`${name} says so when the change of a mark is not there under its name`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.addClients([CLIENT])
    for (let count = 0; count < 2; count++) await store.replaceClient(await current(store))
    const { mark } = await store.listClientChanges()
    for (const other of [{ ...mark, name: 'other' }, { ...mark, position: mark.position - 1 }, { ...mark, position: mark.position + 1 }]) {
      t.strictSame(await store.listClientChanges(other), { ids: [], mark: other, isContinued: false, hasMore: false })
    }
  })

  test(`${name} lists a change of a client for an hour, deletes it some time later, but never the last one`, async (t) => {
    const { now, move } = movedClock(t)
    const store = await makeStore(t, now)
    await store.addClients([CLIENT, clientNamed('other')])
    await store.replaceClient(CLIENT)
    move(3600)
    await store.replaceClient(clientNamed('other'))
    t.strictSame((await store.listClientChanges(FEED_START)).ids, ['reader', 'other'])
    const { mark } = await store.listClientChanges()
    move(DAY)
    t.strictSame(await store.listClientChanges(), { ids: [], mark, isContinued: true, hasMore: false })
    for (let count = 0; count < 2; count++) await store.replaceClient(await current(store))
    t.strictSame((await store.listClientChanges(mark)).ids, ['reader', 'reader'])
    t.strictSame((await store.listClientChanges(FEED_START)).ids, ['other', 'reader', 'reader'])
  })

  test(`${name} misses no change of clients that change at once`, async (t) => {
    const store = await makeStore(t, () => START)
    const clients = times(40, (index) => clientNamed(`client-${index}`))
    await store.addClients(clients)
    const seen = new Set<string>()
    let { mark } = await store.listClientChanges()
    const look = async () => {
      const page = await store.listClientChanges(mark)
      t.equal(page.isContinued, true)
      mark = page.mark
      page.ids.forEach((id) => seen.add(id))
    }
    const changing = Promise.all(clients.map((client, index) => index % 2 === 0 ? store.replaceClient(client) : store.removeClient(client.id)))
    for (let round = 0; round < 5; round++) await look()
    t.ok((await changing).every(Boolean))
    await look()
    t.strictSame([...seen].sort(), idsOfClients(clients).sort())
  })
}

export function clientChangePageContract (name: string, makeStore: MakeStore<ClientStore>): void {
  test(`${name} lists changes of clients in pages`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.addClients(times(1010, (index) => clientNamed(`client-${index}`)))
    for (let index = 0; index < 1010; index += 101) {
      await Promise.all(times(101, (offset) => store.replaceClient(clientNamed(`client-${index + offset}`))))
    }
    const first = await store.listClientChanges(FEED_START)
    t.ok(first.ids.length > 0 && first.ids.length <= 1000 && first.hasMore)
    const ids = [...first.ids]
    for (let page = first; page.hasMore;) {
      page = await store.listClientChanges(page.mark)
      ids.push(...page.ids)
    }
    t.equal(new Set(ids).size, 1010)
    t.equal(ids.length, 1010)
  })
}
