import { test } from 'tap'
import type { ReplayStore, Reservation } from '../../../src/stores/contracts/index.ts'
import { movedClock, START, times } from './fixtures.ts'
import type { MakeStore } from './fixtures.ts'

/** A value that was made at the start and may be accepted for ten seconds: it is kept for 20. */
export const RESERVATION: Reservation = { window: 10, issuedAt: START, expiresAt: START + 10, clockTolerance: 5 }

export function replayContract (name: string, makeStore: MakeStore<ReplayStore>): void {
  test(`${name} reserves a value once, for its window and twice the clock tolerance`, async (t) => {
    const { now, move } = movedClock(t)
    const store = await makeStore(t, now)
    t.equal(await store.reserve('key', RESERVATION), true)
    t.equal(await store.reserve('key', { ...RESERVATION, window: 99 }), false)
    for (const other of ['other', 'KEY', 'key ', '', 'key\u0000', 'é\u{1f600}', 'k'.repeat(10_000)]) {
      t.equal(await store.reserve(other, RESERVATION), true, other.slice(0, 20))
      t.equal(await store.reserve(other, RESERVATION), false)
    }
    move(19)
    t.equal(await store.reserve('key', RESERVATION), false)
    t.equal(await store.reserve('key', { ...RESERVATION, window: 99, expiresAt: START + 999 }), false, 'an attempt makes it last no longer')
    move(2)
    t.equal(await store.reserve('key', { ...RESERVATION, window: 40 }), true)
    move(49)
    t.equal(await store.reserve('key', RESERVATION), false)
    move(2)
    t.equal(await store.reserve('key', RESERVATION), true)
  })

  test(`${name} keeps a reservation by its window, whatever the value says of its own times`, async (t) => {
    const { now, move } = movedClock(t)
    const store = await makeStore(t, now)
    // The exp of an assertion may be a fraction (RFC 7519 §2), its iat too, and the clock of its issuer wrong.
    const values: Reservation[] = [
      { window: 10, issuedAt: undefined, expiresAt: START + 0.5, clockTolerance: 0 },
      { window: 9.5, issuedAt: START - 3.25, expiresAt: START + 6.5, clockTolerance: 0.25 },
      { window: 10, issuedAt: START - 1000, expiresAt: START - 990, clockTolerance: 0 },
      { window: 10, issuedAt: START + 1000, expiresAt: START + 1010, clockTolerance: 0 }
    ]
    for (const [index, value] of values.entries()) t.equal(await store.reserve(`key-${index}`, value), true)
    move(9)
    for (const [index, value] of values.entries()) t.equal(await store.reserve(`key-${index}`, value), false)
    move(2)
    for (const [index, value] of values.entries()) t.equal(await store.reserve(`key-${index}`, value), true)
  })

  test(`${name} lets one of many succeed that reserve a value at once`, async (t) => {
    const { now, move } = movedClock(t)
    const store = await makeStore(t, now)
    for (let round = 0; round < 3; round++, move(21)) {
      const won = await Promise.all(times(20, () => store.reserve('key', RESERVATION)))
      t.equal(won.filter(Boolean).length, 1)
    }
  })
}
