import { test } from 'tap'
import { FEED_START } from '../../../src/stores/contracts/index.ts'
import type { FeedMark, Revocation, RevocationStore } from '../../../src/stores/contracts/index.ts'
import { CLIENT_REVOCATION, DAY, idsOf, markOf, movedClock, readOn, START, times, TOKEN_REVOCATION, unmarked } from './fixtures.ts'
import type { MakeStore } from './fixtures.ts'

const revocationOf = (id: string, expiresAt = START + 100): Revocation => ({ ...TOKEN_REVOCATION, id, expiresAt })

export function revocationContract (name: string, makeStore: MakeStore<RevocationStore>): void {
  test(`${name} lists the revocations behind a mark, each with its place`, async (t) => {
    const store = await makeStore(t, () => START)
    const none = await store.listRevocations()
    t.strictSame({ ...none, storeId: '' }, { storeId: '', clock: START * 1000, isContinued: true, entries: [], hasMore: false })
    t.ok(none.storeId.length >= 16)

    const first = await store.addRevocation(TOKEN_REVOCATION)
    const second = await store.addRevocation(CLIENT_REVOCATION)
    t.ok(first.position > 0 && second.position > first.position)
    t.ok(first.name.length >= 16 && second.name !== first.name)
    const both = await store.listRevocations(FEED_START)
    t.strictSame(both, { ...none, entries: [{ ...TOKEN_REVOCATION, ...first }, { ...CLIENT_REVOCATION, ...second }] })
    t.strictSame(await store.listRevocations(), both, 'the beginning is the default')
    t.strictSame(await store.listRevocations(first), { ...none, entries: [{ ...CLIENT_REVOCATION, ...second }] })
    t.strictSame(await store.listRevocations(second), none)

    const third = await store.addRevocation(revocationOf('jti-2'))
    t.strictSame(await store.listRevocations(second), { ...none, entries: [{ ...revocationOf('jti-2'), ...third }] }, 'behind the end of before')
    t.strictSame((await store.listRevocations()).entries.map(unmarked), [TOKEN_REVOCATION, CLIENT_REVOCATION, revocationOf('jti-2')])
  })

  test(`${name} says so when the entry of a mark is not there under its name`, async (t) => {
    const store = await makeStore(t, () => START)
    const mark = await store.addRevocation(TOKEN_REVOCATION)
    await store.addRevocation(CLIENT_REVOCATION)
    const last = await store.addRevocation(revocationOf('last'))
    const others: FeedMark[] = [
      { ...mark, name: last.name }, { ...mark, name: '' }, { ...mark, position: last.position + 1 }, { ...mark, position: 2 ** 52 }, { position: 0, name: mark.name },
      { ...mark, position: last.position }
    ]
    for (const other of others) {
      const { isContinued, entries, hasMore, storeId } = await store.listRevocations(other)
      t.strictSame({ isContinued, entries, hasMore }, { isContinued: false, entries: [], hasMore: false }, JSON.stringify(other))
      t.equal(storeId, (await store.listRevocations(mark)).storeId)
    }
  })

  test(`${name} lists none of the revocations that are added at once before another of a lower position`, async (t) => {
    const store = await makeStore(t, () => START)
    const added = Promise.all(times(50, (index) => store.addRevocation(revocationOf(`jti-${index}`))))
    const seen: FeedMark[] = []
    for (let mark = FEED_START, left = 1; left > 0;) {
      const isEnd = await Promise.race([added.then(() => true), new Promise<boolean>((resolve) => { setImmediate(resolve, false) })])
      const read = await readOn((after) => store.listRevocations(after), mark)
      seen.push(...read.entries.map(markOf))
      mark = read.mark
      if (isEnd) left--
    }
    t.strictSame(seen, (await added).sort((one, other) => one.position - other.position))
    t.equal(new Set(seen.map((mark) => mark.name)).size, 50)
  })

  test(`${name} keeps a revocation until it has expired, deletes it some time later, but never the last one`, async (t) => {
    const { now, move } = movedClock(t)
    const store = await makeStore(t, now)
    await store.addRevocation(TOKEN_REVOCATION)
    await store.addRevocation(CLIENT_REVOCATION)
    move(99)
    await store.addRevocation(revocationOf('other', now() + 300 * DAY))
    t.strictSame(idsOf(await store.listRevocations()), ['jti-1', 'reader', 'other'])
    move(DAY)
    // Two have expired: the last of them stays.
    for (const id of ['late', 'later']) await store.addRevocation(revocationOf(id, now() + 1))
    t.strictSame(idsOf(await store.listRevocations()), ['reader', 'other', 'late', 'later'])
    move(DAY)
    const page = await store.listRevocations()
    t.equal(page.clock, now() * 1000)
    const mark = markOf(page.entries.at(-1)!)
    for (let round = 0; round < 3; round++, move(61)) {
      t.equal((await store.listRevocations(mark)).isContinued, true)
      await store.addRevocation(revocationOf('new', now() + 300 * DAY))
    }
    t.strictSame(idsOf(await store.listRevocations()), ['other', 'later', 'new', 'new', 'new'])
  })
}

/** Takes a second or more where each revocation waits for a disk. */
export function revocationPageContract (name: string, makeStore: MakeStore<RevocationStore>): void {
  test(`${name} lists up to a thousand revocations at once`, async (t) => {
    const store = await makeStore(t, () => START)
    const marks: FeedMark[] = []
    for (let index = 0; index < 1010; index += 101) marks.push(...await Promise.all(times(101, (offset) => store.addRevocation(revocationOf(`jti-${index + offset}`)))))
    const page = await store.listRevocations()
    t.ok(page.entries.length > 0 && page.entries.length <= 1000)
    t.equal(page.hasMore, true)
    const { entries } = await readOn((after) => store.listRevocations(after))
    t.strictSame(entries.map(markOf), marks.sort((one, other) => one.position - other.position))
    t.equal(new Set(idsOf({ entries })).size, 1010)
    const behindFirst = await readOn((after) => store.listRevocations(after), marks[0])
    t.strictSame(behindFirst.entries, entries.slice(1))
  })
}
