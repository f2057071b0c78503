import fc from 'fast-check'
import { test } from 'tap'
import type { Test } from 'tap'
import { RevocationState } from '../../src/access-token/revocation-state.ts'
import { Revocations } from '../../src/access-token/revocations.ts'
import { agree } from '../../src/entries/agreement.ts'
import { EntryState, secretEntryId } from '../../src/entries/entry-state.ts'
import { FeedReader } from '../../src/entries/feed-reader.ts'
import { FeedRepair } from '../../src/entries/feed-repair.ts'
import type { MergingState } from '../../src/entries/merging-state.ts'
import { ReadTimeout } from '../../src/lib/background-refresh.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { FEED_START } from '../../src/stores/contracts/index.ts'
import type { Entry, FeedMark, FeedPage, Marked, Revocation, RevocationStore, StoredSettings } from '../../src/stores/contracts/index.ts'
import { MemoryStore } from '../../src/stores/memory.ts'
import { parametersOf } from '../support/properties.ts'
import { stopwatch } from '../support/stopwatch.ts'

const START = 1_800_000_000

// Few ids and numbers, so that entries meet.
const small = fc.integer({ min: 0, max: 3 })
const number = fc.integer({ min: 1, max: 4 })
const expiresAt = small.map((seconds) => START + seconds)
const anyEntry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({ kind: fc.constant('client' as const), id: small.map(String), generation: number, isDisabled: fc.boolean(), expiresAt }),
  fc.record({ kind: fc.constant('all' as const), id: fc.constant('' as const), generation: number, expiresAt }),
  fc.record({ kind: fc.constant('secret' as const), id: small.map((id) => secretEntryId(String(id), 's')), expiresAt }),
  fc.record({ kind: fc.constant('key' as const), id: small.map(String), expiresAt })
)
const anyRevocation: fc.Arbitrary<Revocation> = fc.oneof(
  fc.record({ kind: fc.constant('token' as const), id: small.map(String), expiresAt }),
  fc.record({ kind: fc.constant('client' as const), id: small.map(String), issuedBefore: number, expiresAt })
)

const wordsOf = <E>(state: MergingState<E>) => [...state.list()].map((entry) => JSON.stringify(entry)).sort()

function stateOf<E, S extends MergingState<E>> (empty: () => S, entries: readonly E[]): S {
  const state = empty()
  for (const entry of entries) state.merge(entry)
  return state
}

function mergeLaws<E> (name: string, empty: () => MergingState<E>, anyOne: fc.Arbitrary<E>): void {
  const anyList = fc.array(anyOne, { maxLength: 12 })

  test(`${name}: the order in which entries are merged makes no difference`, async (t) => {
    fc.assert(fc.property(anyList, anyList, (some, others) => {
      t.strictSame(wordsOf(stateOf(empty, [...some, ...others])), wordsOf(stateOf(empty, [...others, ...some])))
    }), parametersOf(100))
  })

  test(`${name}: states are merged in any grouping`, async (t) => {
    fc.assert(fc.property(anyList, anyList, anyList, (first, second, third) => {
      const left = stateOf(empty, [...stateOf(empty, [...first, ...second]).list(), ...third])
      const right = stateOf(empty, [...first, ...stateOf(empty, [...second, ...third]).list()])
      t.strictSame(wordsOf(left), wordsOf(right))
    }), parametersOf(100))
  })

  test(`${name}: merging again changes nothing`, async (t) => {
    fc.assert(fc.property(anyList, (entries) => {
      const state = stateOf(empty, entries)
      const before = wordsOf(state)
      for (const entry of entries) t.equal(state.merge(entry), false)
      t.strictSame(wordsOf(state), before)
    }), parametersOf(100))
  })

  test(`${name}: a state only grows, and covers what was merged`, async (t) => {
    fc.assert(fc.property(anyList, anyOne, (entries, next) => {
      const state = stateOf(empty, entries)
      const before = [...state.list()]
      const isNews = !state.covers(next)
      t.equal(state.merge(next), isNews)
      for (const entry of [...before, ...entries, next]) t.ok(state.covers(entry))
    }), parametersOf(100))
  })
}

mergeLaws('entries', () => new EntryState(), anyEntry)
mergeLaws('revocations', () => new RevocationState(), anyRevocation)

test('of two histories that used one generation, the client counts as disabled', async (t) => {
  const client = { kind: 'client', id: 'a', generation: 5, expiresAt: START } as const
  for (const order of [[true, false], [false, true]]) {
    const state = stateOf(() => new EntryState(), order.map((isDisabled): Entry => ({ ...client, isDisabled })))
    t.equal(state.client('a')?.isDisabled, true)
  }
})

// A feed in memory, whose history can be cut off and written anew.
class ScriptedFeed {
  readonly held = new EntryState()
  readonly writtenBack: Entry[][] = []
  entries: Array<Marked<Entry>> = []
  storeId = 'store'
  clock = START * 1000
  reads = 0
  failure: Error | undefined
  #names = 0

  add (entry: Entry): Marked<Entry> {
    const marked = { ...entry, position: (this.entries.at(-1)?.position ?? 0) + 1, name: `n${++this.#names}` }
    this.entries.push(marked)
    return marked
  }

  lose (count: number): void {
    this.entries = this.entries.slice(0, this.entries.length - count)
  }

  async list (after: FeedMark): Promise<FeedPage<Entry>> {
    this.reads++
    if (this.failure !== undefined) throw this.failure
    const isContinued = after.position === 0 || this.entries.some(({ position, name }) => position === after.position && name === after.name)
    const rest = isContinued ? this.entries.filter(({ position }) => position > after.position) : []
    return { storeId: this.storeId, clock: this.clock, isContinued, entries: rest.slice(0, 2), hasMore: rest.length > 2 }
  }

  reader (): FeedReader<Entry, EntryState> {
    return new FeedReader<Entry, EntryState>({
      list: async (after) => await this.list(after),
      state: this.held,
      writeBack: async (entries) => {
        this.writtenBack.push([...entries])
        return entries.map((entry) => this.add(entry))
      },
      now: () => START
    })
  }
}

const key = (id: string): Entry => ({ kind: 'key', id, expiresAt: START + 1000 })
const idsOf = (state: EntryState) => [...state.list()].map(({ id }) => id).sort()

async function read (t: Test, reader: FeedReader<Entry, EntryState>): Promise<void> {
  t.equal(await reader.refresh.renew(), undefined)
}

// The delay before a write-back is random, up to five seconds.
async function repaired (feed: ScriptedFeed, batches: number): Promise<void> {
  for (let waited = 0; waited < 6000 && feed.writtenBack.length < batches; waited += 20) await new Promise((resolve) => setTimeout(resolve, 20))
  await new Promise((resolve) => setTimeout(resolve, 50))
}

test('a reader reads on from the entry that it has read last, page by page', async (t) => {
  const feed = new ScriptedFeed()
  const reader = feed.reader()
  for (const id of ['a', 'b', 'c', 'd', 'e']) feed.add(key(id))
  await read(t, reader)
  t.strictSame(idsOf(reader.state), ['a', 'b', 'c', 'd', 'e'])
  t.equal(feed.reads, 3)
  feed.add(key('f'))
  await read(t, reader)
  t.strictSame(idsOf(reader.state), ['a', 'b', 'c', 'd', 'e', 'f'])
  t.equal(feed.reads, 4)
  t.equal(reader.epoch, 0)
})

test('a reader notices that entries which it has read were lost, though their positions are used again', async (t) => {
  t.intercept(Math, 'random', { value: () => 0.01 })
  const feed = new ScriptedFeed()
  const reader = feed.reader()
  for (const id of ['a', 'b', 'c']) feed.add(key(id))
  await read(t, reader)
  feed.lose(2)
  for (const id of ['d', 'e', 'f']) feed.add(key(id))
  await read(t, reader)
  t.equal(reader.epoch, 1)
  t.strictSame(idsOf(reader.state), ['a', 'b', 'c', 'd', 'e', 'f'], 'what was held is held on to, and the new entries are read')
  await repaired(feed, 1)
  t.strictSame(feed.writtenBack.flat().map(({ id }) => id), ['b', 'c'], 'what the store lacks is written back')
  await read(t, reader)
  t.equal(reader.epoch, 1)
})

test('a reader notices the loss of an entry that it has written and never read', async (t) => {
  t.intercept(Math, 'random', { value: () => 0.01 })
  const feed = new ScriptedFeed()
  const reader = feed.reader()
  feed.add(key('a'))
  await read(t, reader)
  reader.acknowledged([feed.add(key('b'))])
  feed.lose(1)
  feed.add(key('c'))
  await read(t, reader)
  t.equal(reader.epoch, 1)
  await repaired(feed, 1)
  t.strictSame(feed.writtenBack.flat().map(({ id }) => id), ['b'])
})

test('a reader notices the loss of an entry that it has written, where another took its place before the acknowledgement came', async (t) => {
  t.intercept(Math, 'random', { value: () => 0.01 })
  const feed = new ScriptedFeed()
  const reader = feed.reader()
  feed.add(key('a'))
  const lost = feed.add(key('b'))
  feed.lose(1)
  feed.add(key('c'))
  await read(t, reader)
  reader.acknowledged([lost])
  await read(t, reader)
  await repaired(feed, 1)
  t.strictSame(feed.writtenBack.flat().map(({ id }) => id), ['b'])
})

test('entries that were written and read back are no loss', async (t) => {
  const feed = new ScriptedFeed()
  const reader = feed.reader()
  await read(t, reader)
  const before = feed.add(key('a'))
  await read(t, reader)
  reader.acknowledged([before])
  reader.acknowledged([feed.add(key('b')), feed.add(key('c'))])
  await read(t, reader)
  await read(t, reader)
  t.equal(reader.epoch, 0)
})

test('a loss between two pages is noticed', async (t) => {
  t.intercept(Math, 'random', { value: () => 0.01 })
  const feed = new ScriptedFeed()
  const reader = feed.reader()
  for (const id of ['a', 'b', 'c', 'd']) feed.add(key(id))
  const list = feed.list.bind(feed)
  let isLost = false
  feed.list = async (after) => {
    const page = await list(after)
    if (!isLost) {
      isLost = true
      feed.lose(3)
      for (const id of ['e', 'f', 'g']) feed.add(key(id))
    }
    return page
  }
  await read(t, reader)
  t.strictSame(idsOf(reader.state), ['a', 'b', 'e', 'f', 'g'])
  t.equal(reader.epoch, 1)
  await repaired(feed, 1)
  t.strictSame(feed.writtenBack.flat().map(({ id }) => id), ['b'])
})

test('nothing is written into a store of another id', async (t) => {
  t.intercept(Math, 'random', { value: () => 0.001 })
  const feed = new ScriptedFeed()
  const reader = feed.reader()
  feed.add(key('a'))
  await read(t, reader)
  feed.lose(1)
  feed.storeId = 'another'
  await read(t, reader)
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.strictSame(feed.writtenBack, [])
  t.equal(reader.state.isKeyRevoked('a'), true, 'what is held stays in force')
})

test('a write-back that fails is tried again', async (t) => {
  t.intercept(Math, 'random', { value: () => 0.001 })
  const feed = new ScriptedFeed()
  const reader = feed.reader()
  feed.add(key('a'))
  await read(t, reader)
  feed.lose(1)
  await read(t, reader)
  feed.failure = new Error('unavailable')
  await new Promise((resolve) => setTimeout(resolve, 50))
  feed.failure = undefined
  await repaired(feed, 1)
  t.strictSame(feed.writtenBack.flat().map(({ id }) => id), ['a'])
})

test('R: an attempt that waits for another one which reads everything fails with that, and the next one asks the store', async (t) => {
  const feed = new ScriptedFeed()
  const reader = feed.reader()
  feed.add(key('a'))
  await read(t, reader)
  feed.lose(1)
  const list = feed.list.bind(feed)
  feed.list = async (after) => after.position === 0 ? await new Promise(() => {}) : await list(after)
  const first = reader.refresh.renew()
  await new Promise((resolve) => setTimeout(resolve, 900))
  const begunAt = performance.now()
  t.type(await reader.refresh.renew(), ReadTimeout)
  t.ok(performance.now() - begunAt < 500, 'which has not taken a second, since it has asked for nothing')
  t.type(await first, ReadTimeout)
  feed.list = list
  await read(t, reader)
  t.equal(reader.epoch, 1)
})

test('H: a write-back that gets no answer is tried again', async (t) => {
  t.intercept(Math, 'random', { value: () => 0.001 })
  const feed = new ScriptedFeed()
  const tries: Array<readonly Entry[]> = []
  const reader = new FeedReader<Entry, EntryState>({
    list: async (after) => await feed.list(after),
    state: feed.held,
    writeBack: async (entries) => tries.push(entries) === 1 ? await new Promise(() => {}) : entries.map((entry) => feed.add(entry)),
    now: () => START
  })
  feed.add(key('a'))
  await read(t, reader)
  feed.lose(1)
  await read(t, reader)
  for (let waited = 0; waited < 6000 && tries.length < 2; waited += 20) await new Promise((resolve) => setTimeout(resolve, 20))
  t.equal(tries.length, 2)
})

test('what a store has lost is compared a few times, however much of it there is', async (t) => {
  t.intercept(Math, 'random', { value: () => 0.001 })
  const COUNT = 5000
  let compared = 0
  class CountedState extends EntryState {
    override covers (entry: Entry): boolean {
      compared++
      return super.covers(entry)
    }
  }
  const state = stateOf(() => new EntryState(), Array.from({ length: COUNT }, (_, number) => key(String(number)))) as EntryState
  const written: string[] = []
  const repair = new FeedRepair<Entry>({
    state,
    mayWriteBack: () => true,
    writeBack: async (entries) => {
      written.push(...entries.map(({ id }) => id))
      entries.forEach((entry) => { repair.seen(entry) })
    },
    read: async () => undefined
  })
  repair.start(new CountedState())
  for (let waited = 0; waited < 6000 && written.length < COUNT; waited += 20) await new Promise((resolve) => setTimeout(resolve, 20))
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.strictSame(written.toSorted(), idsOf(state), 'each is written once')
  t.ok(compared < 4 * COUNT, `${compared} comparisons`)
})

test('an entry is forgotten only when the clocks of the store and of the process say that it has expired', async (t) => {
  const pass = stopwatch(t)
  let time = START
  const feed = new ScriptedFeed()
  const reader = new FeedReader<Entry, EntryState>({
    list: async (after) => await feed.list(after), state: feed.held, writeBack: async () => [], clockTolerance: () => 5, now: () => time
  })
  feed.add(key('a'))
  const isHeldAfter = async (seconds: { wall: number, monotonic: number, store: number }) => {
    time += seconds.wall
    pass(seconds.monotonic * 1000)
    feed.clock += seconds.store * 1000
    await reader.refresh.renew()
    return reader.state.isKeyRevoked('a')
  }
  t.equal(await isHeldAfter({ wall: 0, monotonic: 0, store: 0 }), true)
  t.equal(await isHeldAfter({ wall: 100_000, monotonic: 100, store: 100_000 }), true, 'the wall clock jumped ahead')
  t.equal(await isHeldAfter({ wall: -99_900, monotonic: 0, store: -99_900 }), true, 'and back')
  t.equal(await isHeldAfter({ wall: 920, monotonic: 920, store: 0 }), true, 'the store is behind')
  t.equal(await isHeldAfter({ wall: 80, monotonic: 80, store: 1000 }), false)
})

test('a large feed is read in steps that other work comes between', async (t) => {
  const store = new MemoryStore()
  for (let count = 0; count < 2000; count++) await store.addRevocation({ kind: 'token', id: `token ${count}`, expiresAt: START * 2 })
  const events: string[] = []
  const list = store.listRevocations.bind(store)
  const paged: RevocationStore = Object.assign(Object.create(store), {
    listRevocations: async (after: FeedMark) => {
      const page = await list(after)
      events.push(`${page.entries.length} entries`)
      return page
    }
  })
  const revocations = new Revocations(paged, { now: systemClock, clockTolerance: () => 5, onOutage: () => {} })
  let isReading = true
  const otherWork = () => {
    events.push('other work')
    if (isReading) setImmediate(otherWork)
  }
  setImmediate(otherWork)
  t.equal(await revocations.refresh.renew(), undefined)
  isReading = false
  t.ok(revocations.isTokenRevoked('token 1999'))
  const sizes = events.filter((event) => event !== 'other work').map((event) => parseInt(event))
  t.ok(Math.max(...sizes) <= 250)
  t.equal(sizes.reduce((sum, size) => sum + size), 2000)
  t.notOk(events.some((event, index) => event !== 'other work' && events[index - 1]?.endsWith('entries')), 'other work between any two pages')
})

test('what has expired is forgotten in steps, some with each read', async (t) => {
  const feed = new ScriptedFeed()
  const reader = new FeedReader<Entry, EntryState>({
    list: async (after) => await feed.list(after), state: feed.held, writeBack: async () => [], clockTolerance: () => 5, now: () => START + 2000
  })
  feed.clock = (START + 2000) * 1000
  for (let count = 0; count < 5000; count++) feed.held.merge(key(`key ${count}`))
  for (let count = 0; count < 10; count++) feed.held.merge({ ...key(`late ${count}`), expiresAt: START + 3000 })
  const lefts: number[] = []
  do {
    await reader.refresh.renew()
    lefts.push([...feed.held.list()].length)
  } while (lefts.at(-1)! > 10 && lefts.length < 20)
  t.equal(lefts.at(-1), 10)
  t.ok(lefts.every((left, index) => (lefts[index - 1] ?? 5010) - left <= 1000), 'at most a thousand with one read')
})

const SETTINGS: StoredSettings = {
  version: 1, storeId: 'store', agreed: { 'keys.algorithm': 'ES256' }, pending: undefined, longestTokenLifetime: 60, largestClockTolerance: 5, isUpgrading: false, revocationStores: [], replayStores: []
}
const TERMS = { values: { 'keys.algorithm': 'ES256' }, longestTokenLifetime: 60, largestClockTolerance: 5, revocationStores: [] }

test('settings: what nobody has named yet is added, and lifetimes only grow', async (t) => {
  t.equal(agree(SETTINGS, TERMS), SETTINGS)
  t.match(agree(SETTINGS, { ...TERMS, values: { ...TERMS.values, 'jwt.clockTolerance': 5 }, longestTokenLifetime: 30, largestClockTolerance: 60, revocationStores: ['redis'] }), {
    agreed: { 'keys.algorithm': 'ES256', 'jwt.clockTolerance': 5 }, longestTokenLifetime: 60, largestClockTolerance: 60, revocationStores: ['redis']
  })
})

test('settings: a value that is neither the agreed nor the pending one is an error that names both, and the command', async (t) => {
  const terms = { ...TERMS, values: { 'keys.algorithm': 'EdDSA' } }
  t.throws(() => agree(SETTINGS, terms), { code: 'FST_OAUTH_SETTINGS_DIFFER', detail: /EdDSA.*ES256.*settings change keys\.algorithm=EdDSA/ })
  t.equal(agree({ ...SETTINGS, pending: { 'keys.algorithm': 'EdDSA' } }, terms).agreed['keys.algorithm'], 'ES256')
  t.throws(() => agree({ ...SETTINGS, pending: { 'keys.algorithm': 'RS256' } }, terms), { code: 'FST_OAUTH_SETTINGS_DIFFER', detail: /RS256 is pending/ })
})

test('a reader begins at the start of the feed', async (t) => {
  t.strictSame(FEED_START, { position: 0, name: '' })
})

test('revocations that have expired are forgotten, in the store and in the process', async (t) => {
  const pass = stopwatch(t)
  let time = START
  const now = () => time
  const letPass = (seconds: number) => {
    time += seconds
    pass(seconds * 1000)
  }
  const store = new MemoryStore({ now })
  const revocations = new Revocations(store, { now, clockTolerance: () => 5, onOutage: () => {} })
  const ids = Array.from({ length: 200 }, (_, index) => `token ${index}`)
  const held = () => ids.filter((id) => revocations.isTokenRevoked(id)).length
  for (const id of ids) await revocations.add({ kind: 'token', id, expiresAt: time + 600 })
  await revocations.refresh.renew()
  t.strictSame([(await store.listRevocations()).entries.length, held()], [200, 200])
  time += 86_400
  await revocations.refresh.renew()
  t.equal(held(), 200, 'the wall clock alone has jumped ahead')
  time -= 86_400
  letPass(86_400)
  // A write to the store examines a few entries.
  for (let writes = 0; writes < 40; writes++, letPass(600)) {
    await revocations.add({ kind: 'token', id: `later ${writes}`, expiresAt: time + 600 })
    await revocations.refresh.renew()
  }
  t.equal(held(), 0)
  t.ok((await store.listRevocations()).entries.length < 10)
})
