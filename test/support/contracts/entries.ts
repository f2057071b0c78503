import { test } from 'tap'
import { FEED_START } from '../../../src/stores/contracts/index.ts'
import type { ClientStore, Entry, EntryStore, SettingsStore } from '../../../src/stores/contracts/index.ts'
import { CLIENT, DAY, idsOf, markOf, movedClock, readOn, START, times, unmarked } from './fixtures.ts'
import type { MakeStore } from './fixtures.ts'

const EXPIRY = START + 400 * DAY
// The last second of the year 9999.
const NEVER = 253_402_300_799
const KINDS: readonly Entry[] = [
  { kind: 'client', id: "o'neill é\u{1f600}", generation: START * 1000, isDisabled: true, expiresAt: EXPIRY },
  { kind: 'client', id: 'reader', generation: 1, isDisabled: false, expiresAt: START + 1 },
  { kind: 'all', id: '', generation: 7, expiresAt: EXPIRY },
  { kind: 'secret', id: 'reader first', expiresAt: EXPIRY },
  { kind: 'key', id: 'kid', expiresAt: EXPIRY }
]
const keyEntry = (id: string, expiresAt = EXPIRY): Entry => ({ kind: 'key', id, expiresAt })
const generationsOf = (entries: readonly Entry[]) => entries.map((entry) => 'generation' in entry ? entry.generation : undefined)

export function entryContract (name: string, makeStore: MakeStore<ClientStore & EntryStore & SettingsStore>): void {
  test(`${name} keeps entries as they are, and lists those behind a mark, each with its place`, async (t) => {
    const store = await makeStore(t, () => START)
    const none = await store.listEntries()
    t.strictSame({ ...none, storeId: '' }, { storeId: '', clock: START * 1000, isContinued: true, entries: [], hasMore: false, settingsVersion: 0 })
    t.equal(none.storeId, (await store.readSettings()).storeId)
    t.strictSame(await store.addEntries([]), [])
    const written = await store.addEntries(KINDS)
    t.strictSame(written.map(unmarked), KINDS)
    t.equal(new Set(written.map((entry) => entry.name)).size, KINDS.length)
    t.strictSame(await store.listEntries(), { ...none, entries: written })
    t.strictSame(await store.listEntries(FEED_START), { ...none, entries: written })
    const again = await store.addEntries(KINDS.slice(1, 2))
    t.strictSame(await store.listEntries(markOf(written[2]!)), { ...none, entries: [...written.slice(3), ...again] })
    t.strictSame(await store.listEntries(markOf(again[0]!)), none)
    t.ok(again[0]!.position > written[4]!.position)
  })

  test(`${name} says so when the entry of a mark is not there under its name`, async (t) => {
    const store = await makeStore(t, () => START)
    const [first, second] = await store.addEntries(KINDS)
    for (const mark of [{ ...markOf(first!), name: second!.name }, { position: first!.position + 99, name: first!.name }, { position: 0, name: 'x' }]) {
      const { isContinued, entries, hasMore } = await store.listEntries(mark)
      t.strictSame({ isContinued, entries, hasMore }, { isContinued: false, entries: [], hasMore: false })
    }
  })

  test(`${name} adds thousands of entries in one step, and lists a few hundred at once`, async (t) => {
    const store = await makeStore(t, () => START)
    const written = await store.addEntries(times(2500, (index) => keyEntry(`kid-${index}`)))
    const sizes: number[] = []
    const { entries } = await readOn(async (after) => {
      const page = await store.listEntries(after)
      sizes.push(page.entries.length)
      return page
    })
    t.ok(Math.max(...sizes) <= 1000)
    t.equal(new Set(sizes.slice(0, -1)).size, 1)
    const [size] = sizes as [number, ...number[]]
    t.strictSame(entries, written)
    t.strictSame((await store.listEntries(markOf(written[2499 - size]!))).hasMore, false)
    t.strictSame((await store.listEntries(markOf(written[2498 - size]!))).hasMore, true)
  })

  test(`${name} lists none of the entries that are added at once before another of a lower position`, async (t) => {
    const store = await makeStore(t, () => START)
    const adding = Promise.all(times(40, (index) => index % 2 === 0 ? store.addEntries([keyEntry(`kid-${index}`), keyEntry(`kid+${index}`)]) : store.raiseAll()))
    const seen: string[] = []
    let mark = FEED_START
    const look = async () => {
      const read = await readOn((after) => store.listEntries(after), mark)
      seen.push(...read.entries.map((entry) => entry.name))
      mark = read.mark
    }
    for (let round = 0; round < 10; round++) await look()
    const added = await adding
    await look()
    t.strictSame(seen, added.flat().sort((one, other) => one.position - other.position).map((entry) => entry.name))
    for (const written of added) t.ok(written.every(({ position }, index) => position === written[0]!.position + index), 'entries of one step follow each other')
    const generations = generationsOf((await readOn((after) => store.listEntries(after))).entries).filter((generation) => generation !== undefined)
    t.strictSame(generations, times(20, (index) => START * 1000 + index), 'each raise of all is above the one before')
  })

  test(`${name} raises the generation of all clients above every number`, async (t) => {
    const store = await makeStore(t, () => START)
    const raised = await store.raiseAll()
    t.strictSame(raised.map(unmarked), [{ kind: 'all', id: '', generation: START * 1000, expiresAt: NEVER }])
    t.strictSame((await store.listEntries()).entries, raised)
    t.strictSame(generationsOf(await store.raiseAll()), [START * 1000 + 1])
    t.strictSame(generationsOf(await store.raiseAll({ above: START * 1000 + 9 })), [START * 1000 + 10])
    t.strictSame(generationsOf(await store.raiseAll({ above: 5 })), [START * 1000 + 11])
    await store.addEntries([{ kind: 'client', id: 'reader', generation: START * 2000, isDisabled: false, expiresAt: EXPIRY }])
    t.strictSame(generationsOf(await store.raiseAll()), [START * 2000 + 1])
    await store.addEntries([{ kind: 'all', id: '', generation: START * 3000, expiresAt: EXPIRY }])
    t.strictSame(generationsOf(await store.raiseAll()), [START * 3000 + 1])
  })

  test(`${name} lets the entry of a client expire with the last token by the longest lifetime, and after 35 days at the earliest`, async (t) => {
    const store = await makeStore(t, () => START)
    for (const [longestTokenLifetime, expected] of [[3600, 35 * DAY], [50 * DAY, 50 * DAY]] as const) {
      await store.replaceSettings({ ...await store.readSettings(), longestTokenLifetime })
      await store.addClients([{ ...CLIENT, id: `client ${longestTokenLifetime}` }])
      const written = await store.removeClient(`client ${longestTokenLifetime}`)
      t.equal(written && written[0]!.expiresAt, START + expected)
      t.equal((await store.listEntries()).settingsVersion, (await store.readSettings()).version)
    }
  })

  test(`${name} does not count the number of an entry that was deleted`, async (t) => {
    const { now, move } = movedClock(t)
    const store = await makeStore(t, now)
    await store.addEntries([{ kind: 'all', id: '', generation: START * 9000, expiresAt: START + 60 }, keyEntry('last', START + 60)])
    move(DAY)
    for (let round = 0; round < 3; round++, move(61)) await store.addEntries([keyEntry('new')])
    t.strictSame(generationsOf(await store.raiseAll()), [now() * 1000])
  })

  for (const [title, largestClockTolerance] of [['of 300 seconds before settings were stored', undefined], ['of the settings', 20], ['of the settings if it is none', 0]] as const) {
    test(`${name} deletes an entry that expired more than twice the clock tolerance ago, ${title}, but never the last one`, async (t) => {
      const { now, move } = movedClock(t)
      const store = await makeStore(t, now)
      if (largestClockTolerance !== undefined) await store.replaceSettings({ ...await store.readSettings(), largestClockTolerance })
      const kept = 2 * (largestClockTolerance ?? 300)
      await store.addEntries([keyEntry('short', START + 60), keyEntry('long'), keyEntry('last', START + 60)])
      move(60 + kept)
      // Searches are a minute apart.
      for (let round = 0; round < 2; round++) await store.addEntries([keyEntry('new')])
      t.strictSame(idsOf(await store.listEntries()), ['short', 'long', 'last', 'new', 'new'])
      move(61)
      const written = await store.addEntries([keyEntry('end', now())])
      t.strictSame(idsOf(await store.listEntries()), ['long', 'last', 'new', 'new', 'end'])
      move(1000)
      for (let round = 0; round < 3; round++, move(61)) {
        t.equal((await store.listEntries(markOf(written[0]!))).isContinued, true)
        await store.addEntries([keyEntry('new')])
      }
      t.strictSame(idsOf(await store.listEntries()), ['long', 'new', 'new', 'end', 'new', 'new', 'new'])
    })
  }

  test(`${name} returns copies of entries, and keeps copies`, async (t) => {
    const store = await makeStore(t, () => START)
    const entry = { kind: 'key' as const, id: 'kid', expiresAt: EXPIRY }
    const written = await store.addEntries([entry])
    for (let round = 0; round < 2; round++) {
      const { entries } = await store.listEntries()
      for (const copy of [entry, written[0]!, entries[0]!]) Object.assign(copy, { id: 'changed' })
    }
    t.strictSame(idsOf(await store.listEntries()), ['kid'])
  })
}
