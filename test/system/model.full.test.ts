// Who may get what, by a model of the server, against the real one: thousands of random histories of two processes on one store.
// npm run fuzz lives through a hundred times as many.
import fc from 'fast-check'
import Database from 'libsql'
import { test } from 'tap'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { histories } from '../support/histories.ts'
import { History } from '../support/history.ts'
import type { HistoryOptions, Seen } from '../support/history.ts'
import { forAllAsync, isReplayed } from '../support/properties.ts'
import { races, run } from '../support/races.ts'
import { asElsewhere, memoryStore } from '../support/server-world.ts'
import type { TokenKind } from '../support/server-world.ts'

const STORES: Record<string, HistoryOptions['openStores']> = {
  memory (now) {
    const store = memoryStore(now)
    return [store, asElsewhere(store), asElsewhere(store)]
  },
  SQLite (now) {
    const handle = new Database(':memory:')
    return [sqliteStore(handle, { now }), sqliteStore(handle, { now }), sqliteStore(handle, { now })]
  }
}

for (const kind of ['jwt', 'opaque'] satisfies TokenKind[]) {
  for (const [name, openStores] of Object.entries(STORES)) {
    test(`two processes on ${name} with ${kind} tokens let nobody in but whom the model lets in`, async (t) => {
      const clock = { milliseconds: 0 }
      const seen: Seen = new Map()
      t.intercept(performance, 'now', { value: () => clock.milliseconds })
      await forAllAsync(30, histories, async (steps) => { await new History({ kind, openStores, clock, seen }).live(steps) })
      // A history in which everything is refused would prove nothing.
      if (isReplayed) return
      for (const outcome of ['granted', 'invalid_client', 'invalid_scope', 'invalid_target', 'accepted', 'refused', 'active', 'inactive', 'revocation done', 'revocation invalid_request']) {
        t.ok((seen.get(outcome) ?? 0) > 0, outcome)
      }
    })
  }
}

for (const kind of ['jwt', 'opaque'] satisfies TokenKind[]) {
  test(`what was acknowledged is in force, in whatever order a store ends its calls, with ${kind} tokens`, async (t) => {
    const clock = { milliseconds: 0 }
    t.intercept(performance, 'now', { value: () => clock.milliseconds })
    await forAllAsync(50, fc.tuple(races, fc.scheduler()), async ([race, scheduler]) => { await run(race, scheduler, kind, memoryStore, clock) })
  })
}
