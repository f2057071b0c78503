import { test } from 'tap'
import type { FailureStore } from '../../../src/stores/contracts/index.ts'
import { movedClock, START, times } from './fixtures.ts'
import type { MakeStore } from './fixtures.ts'

export function failureContract (name: string, makeStore: MakeStore<FailureStore>): void {
  test(`${name} counts failures for a time after the first`, async (t) => {
    const { now, move } = movedClock(t)
    const store = await makeStore(t, now)
    t.strictSame(await store.countFailure('key', 60), { count: 1, forgottenAt: START + 60 })
    move(30)
    t.strictSame(await store.countFailure('key', 60), { count: 2, forgottenAt: START + 60 })
    t.strictSame(await store.countFailure('other', 60), { count: 1, forgottenAt: START + 90 })
    move(29)
    t.strictSame(await store.countFailure('key', 60), { count: 3, forgottenAt: START + 60 })
    move(1)
    t.strictSame(await store.countFailure('key', 60), { count: 1, forgottenAt: START + 120 })
    t.strictSame(await store.countFailure('other', 60), { count: 2, forgottenAt: START + 90 })
  })

  test(`${name} deletes the failures of a key when asked to`, async (t) => {
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
