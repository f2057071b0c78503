import { test } from 'tap'
import type { ClientStore, Entry, EntryStore, SettingsStore, StoredClient, Written } from '../../../src/stores/contracts/index.ts'
import { CLIENT, clientNamed, DAY, current, movedClock, readOn, START, times, unmarked } from './fixtures.ts'
import type { MakeStore } from './fixtures.ts'

const CLOCK = START * 1000
const EXPIRY = START + 400 * DAY
type Store = ClientStore & EntryStore & SettingsStore

const clientEntry = (generation: number, isDisabled = false, id = 'reader'): Entry => ({ kind: 'client', id, generation, isDisabled, expiresAt: EXPIRY })
const entriesOf = (written: Written | false) => written && written.map(unmarked)
const generationOf = async (store: Store, id = 'reader') => (await store.findClients([id]))[0]?.generation

export function generationContract (name: string, makeStore: MakeStore<Store>): void {
  test(`${name} raises the generation of a client that is replaced, above all numbers that it has`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.addClients([CLIENT])
    const raise = async (changes: Partial<StoredClient> = {}) => await store.replaceClient({ ...await current(store), ...changes }, { raises: true })
    t.equal(await generationOf(store), CLOCK)
    const first = await raise({ isDisabled: true })
    t.strictSame(entriesOf(first), [clientEntry(CLOCK + 1, true)], 'above that which it was added with')
    t.strictSame((await store.listEntries()).entries, first)
    t.strictSame(await store.findClients(['reader']), [{ ...await current(store), isDisabled: true, generation: CLOCK + 1 }])
    t.strictSame(entriesOf(await raise()), [clientEntry(CLOCK + 2)], 'above its own')
    t.strictSame(entriesOf(await raise({ generation: CLOCK + 50 })), [clientEntry(CLOCK + 50)], 'to what the caller gives')
    t.strictSame(entriesOf(await raise({ generation: CLOCK + 50 })), [clientEntry(CLOCK + 51)], 'not to its own')
    await store.addEntries([clientEntry(CLOCK + 100, true)])
    t.strictSame(entriesOf(await raise()), [clientEntry(CLOCK + 101)], 'above its entries')
    await store.raiseAll()
    t.strictSame(entriesOf(await raise()), [clientEntry(CLOCK + 103)], 'above that of all')
    await store.addEntries([clientEntry(CLOCK + 999, false, 'other'), { kind: 'all', id: '', generation: CLOCK + 200, expiresAt: EXPIRY }])
    t.equal(await raise({ generation: 7 }), false, 'who has read an earlier generation of this version has read a history that was lost')
    t.strictSame(entriesOf(await raise()), [clientEntry(CLOCK + 201)], 'not above those of others')
    t.equal(await generationOf(store), CLOCK + 201)
    t.strictSame(await store.listClients({ limit: 1 }), await store.findClients(['reader']))
  })

  test(`${name} does to its clients what entries say that were lost`, async (t) => {
    const store = await makeStore(t, () => START)
    const secrets = [{ id: 'one', hash: 'sha256:1', createdAt: START }, { id: 'two', hash: 'sha256:2', createdAt: START }]
    await store.addClients([{ ...CLIENT, secrets }, clientNamed('other')])
    const secretEntry = { kind: 'secret' as const, id: 'reader one', expiresAt: EXPIRY }
    const lost = [clientEntry(CLOCK + 5), clientEntry(CLOCK + 5, true, 'gone'), secretEntry, clientEntry(CLOCK + 7, true)]
    const written = await store.addEntries(lost)
    t.strictSame(written.map((entry) => JSON.stringify(unmarked(entry))).sort(), lost.map((entry) => JSON.stringify(entry)).sort(), 'each as it was, once')
    const rowOf = async (id = 'reader') => (await store.findClients([id]))[0]
    t.strictSame(await rowOf(), { ...await current(store), secrets: secrets.slice(1), isDisabled: true, generation: CLOCK + 7 })
    t.equal(await rowOf('gone'), undefined)
    t.match(await rowOf('other'), { version: 1, generation: CLOCK })
    await store.addEntries([clientEntry(CLOCK + 6)])
    t.match(await rowOf(), { isDisabled: true, generation: CLOCK + 7 }, 'a generation only grows, and nothing is enabled')
    await store.addEntries([clientEntry(CLOCK, false, 'other')])
    t.notMatch(await rowOf('other'), { isDisabled: true })
    await store.addEntries([clientEntry(CLOCK, true, 'other')])
    t.match(await rowOf('other'), { isDisabled: true, generation: CLOCK }, 'of two histories that used one generation, the client counts as disabled')
  })

  test(`${name} raises a generation with its clock`, async (t) => {
    const { now, move } = movedClock(t)
    const store = await makeStore(t, now)
    await store.addClients([CLIENT])
    await store.replaceClient(CLIENT, { raises: true })
    move(10)
    const written = await store.replaceClient(await current(store), { raises: true })
    t.strictSame(entriesOf(written), [{ ...clientEntry(CLOCK + 10_000), expiresAt: EXPIRY + 10 }])
  })

  test(`${name} leaves the generation as it is without a raise, unless a greater one is given`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.addClients([CLIENT])
    t.strictSame(await store.replaceClient(CLIENT), [])
    t.equal(await generationOf(store), CLOCK)
    await store.replaceClient(await current(store), { raises: true })
    t.strictSame(await store.replaceClient(await current(store)), [])
    t.equal(await generationOf(store), CLOCK + 1)
    t.equal(await store.replaceClient({ ...await current(store), generation: CLOCK }), false, 'an earlier one was read in a history that was lost')
    t.equal(await generationOf(store), CLOCK + 1)
    t.strictSame(await store.replaceClient({ ...await current(store), generation: CLOCK + 2 }), [])
    t.equal(await generationOf(store), CLOCK + 2)
    t.equal((await store.listEntries()).entries.length, 1)
  })

  test(`${name} writes the entries of a change with it, or nothing`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.addClients([CLIENT])
    const lost: Entry[] = [clientEntry(CLOCK + 5, true), { kind: 'secret', id: 'reader old', expiresAt: START + 9 }]
    const change = { raises: true, entries: lost }
    t.equal(await store.replaceClient({ ...CLIENT, version: 2 }, change), false)
    t.equal(await store.replaceClient({ ...CLIENT, id: 'nobody' }, change), false)
    t.strictSame((await store.listEntries()).entries, [])
    const written = await store.replaceClient(CLIENT, change)
    const same = (entries: readonly object[]) => entries.map((entry) => JSON.stringify(entry, Object.keys(entry).sort())).sort()
    t.strictSame(same(entriesOf(written) as object[]), same([...lost, clientEntry(CLOCK + 6)]))
    t.strictSame((await store.listEntries()).entries, written)
    t.equal(await generationOf(store), CLOCK + 6, 'above that of an entry of the same change')
    t.strictSame(entriesOf(await store.replaceClient(await current(store), { entries: [{ kind: 'secret', id: 'reader second', expiresAt: EXPIRY }] })), [{ kind: 'secret', id: 'reader second', expiresAt: EXPIRY }])
    t.equal(await generationOf(store), CLOCK + 6)
    await store.replaceClient(await current(store), { raises: true, entries: [{ kind: 'all', id: '', generation: CLOCK + 70, expiresAt: EXPIRY }, clientEntry(CLOCK + 90, true, 'other')] })
    t.equal(await generationOf(store), CLOCK + 71, 'above that of all of the same change')
  })

  test(`${name} raises the generation of a client that is removed, and of one that is added under its id`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.addClients([CLIENT, clientNamed('other'), clientNamed('third')])
    t.strictSame(entriesOf(await store.removeClient('third')), [clientEntry(CLOCK + 1, true, 'third')])
    await store.replaceClient(CLIENT, { raises: true })
    const removed = await store.removeClient('reader')
    t.strictSame(entriesOf(removed), [clientEntry(CLOCK + 2, true)])
    t.strictSame((await store.listEntries()).entries.at(-1), (removed as Written)[0])
    t.equal(await store.removeClient('reader'), false)
    t.strictSame(entriesOf(await store.removeClient('other', { above: CLOCK + 20 })), [clientEntry(CLOCK + 21, true, 'other')])

    const added = await store.addClients([clientNamed('new'), CLIENT, { ...clientNamed('other'), isDisabled: true }, { ...CLIENT, name: 'twice' }])
    t.strictSame([...added.ids].sort(), ['new', 'other', 'reader'])
    t.strictSame(added.entries.map(unmarked).sort((one, other) => one.id < other.id ? -1 : 1), [clientEntry(CLOCK + 22, true, 'other'), clientEntry(CLOCK + 3)])
    t.strictSame((await store.listEntries()).entries.slice(-2), added.entries)
    t.strictSame([await generationOf(store, 'new'), await generationOf(store, 'other'), await generationOf(store)], [CLOCK, CLOCK + 22, CLOCK + 3])
    t.strictSame((await store.findClients(['reader']))[0]!.name, undefined, 'the first of two counts')
  })

  test(`${name} raises the generation of a client that comes with one`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.addEntries([clientEntry(CLOCK + 30, true, 'c'), { kind: 'all', id: '', generation: CLOCK + 7, expiresAt: EXPIRY }])
    const { entries } = await store.addClients([{ ...clientNamed('a'), generation: 5 }, { ...clientNamed('b'), generation: CLOCK + 9 }, { ...clientNamed('c'), generation: 0 }])
    t.strictSame(entries.map(unmarked), [clientEntry(CLOCK + 8, false, 'a'), clientEntry(CLOCK + 9, false, 'b'), clientEntry(CLOCK + 31, false, 'c')])
    t.equal(await generationOf(store, 'b'), CLOCK + 9)
    t.strictSame(await store.addClients([{ ...clientNamed('a'), generation: CLOCK + 99 }]), { ids: [], entries: [] }, 'one that is there already')
    t.equal(await generationOf(store, 'a'), CLOCK + 8)
    const many = await store.addClients(times(1500, (index) => ({ ...clientNamed(`many-${index}`), generation: index })))
    t.equal(many.entries.length, 1500)
    t.equal(await generationOf(store, 'many-1499'), CLOCK + 8)
  })

  test(`${name} raises that of all above the generation of a client whose entries were deleted`, async (t) => {
    const { now, move } = movedClock(t)
    const store = await makeStore(t, now)
    await store.replaceSettings({ ...await store.readSettings(), longestTokenLifetime: 60 })
    await store.addClients([{ ...CLIENT, generation: CLOCK * 2 }])
    move(36 * DAY)
    for (let round = 0; round < 3; round++, move(61)) await store.addEntries([{ kind: 'key', id: 'kid', expiresAt: now() + 60 }])
    t.notOk((await store.listEntries()).entries.some(({ kind }) => kind === 'client'))
    t.strictSame((await store.raiseAll()).map((entry) => 'generation' in entry && entry.generation), [CLOCK * 2 + 1])
    t.strictSame(await store.removeClient('reader').then((written) => written && written.map((entry) => 'generation' in entry && entry.generation)), [CLOCK * 2 + 2])
  })

  test(`${name} raises one generation after the other, whatever changes at once`, async (t) => {
    const store = await makeStore(t, () => START)
    const ids = times(5, (index) => `client-${index}`)
    await store.addClients(ids.map(clientNamed))
    const raise = async (id: string): Promise<Written> => {
      for (;;) {
        const [client = clientNamed(id)] = await store.findClients([id])
        const written = await store.replaceClient(client, { raises: true, entries: [{ kind: 'secret', id: `${id} x`, expiresAt: EXPIRY }], audit: { time: START, actor: { kind: 'client', id: 'admin' }, object: 'client', id, change: 'disabled' } })
        if (written !== false) return written
        await store.addClients([clientNamed(id)])
      }
    }
    const remove = async (id: string) => await store.removeClient(id) || []
    const use = async () => {
      await store.saveSecretUses(ids.map((clientId) => ({ clientId, secretId: 'first', usedAt: START })))
      return []
    }
    const add = async () => (await store.addClients(ids.toReversed().map((id) => ({ ...clientNamed(id), generation: 0 })))).entries
    const written = (await Promise.all(times(8, () => [
      ...ids.map(raise), ...ids.map(remove), ...ids.map(raise), add(), use(), store.raiseAll(), store.addEntries([{ kind: 'key', id: 'kid', expiresAt: EXPIRY }])
    ]).flat())).flat()
    const { entries } = await readOn((after) => store.listEntries(after))
    const byPosition = new Map(entries.map((entry) => [entry.position, entry]))
    for (const entry of written) t.strictSame(byPosition.get(entry.position), entry)
    let ofAll = 0
    const ofClients = new Map<string, number>()
    for (const entry of entries) {
      if (entry.kind !== 'client' && entry.kind !== 'all') continue
      const before = entry.kind === 'all' ? Math.max(ofAll, ...ofClients.values()) : Math.max(ofAll, ofClients.get(entry.id) ?? 0)
      if (entry.generation <= before) t.fail(`${JSON.stringify(entry)} is not above ${before}`)
      if (entry.kind === 'all') ofAll = entry.generation
      else ofClients.set(entry.id, entry.generation)
    }
    for (const client of await store.findClients(ids)) t.equal(client.generation ?? 0, entries.findLast((entry) => entry.kind === 'client' && entry.id === client.id && !entry.isDisabled && entry.generation === client.generation) ? ofClients.get(client.id) : NaN)
  })
}
