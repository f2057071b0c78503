import { test } from 'tap'
import { FEED_START } from '../../../src/stores/contracts/index.ts'
import type { AuditRecord, AuditStore, ClientStore, EntryStore, KeyStore, SettingsStore } from '../../../src/stores/contracts/index.ts'
import { AUDIT, CLIENT, clientNamed, DAY, KEY, markOf, movedClock, readOn, START, times, unmarked } from './fixtures.ts'
import type { MakeStore } from './fixtures.ts'

type Store = AuditStore & ClientStore & EntryStore & KeyStore & SettingsStore

const FULL: AuditRecord = {
  time: START - 5, actor: { kind: 'client', id: 'ops \u0000 é' }, requestId: 'req-1', object: 'secret', id: 'reader first', change: 'revoked', details: { overlap: 0, members: ['scopes'] }
}
const recordOf = (id: string): AuditRecord => ({ ...AUDIT, id })

export function auditContract (name: string, makeStore: MakeStore<Store>): void {
  test(`${name} keeps audit records as they are, and follows them behind a mark`, async (t) => {
    const store = await makeStore(t, () => START)
    const { storeId } = await store.readSettings()
    const none = { storeId, clock: START * 1000, isContinued: true, entries: [], hasMore: false }
    t.strictSame(await store.followAudit(), { ...none, mark: FEED_START })
    t.strictSame(await store.followAudit(FEED_START), { ...none, mark: FEED_START })
    const first = await store.addAuditRecord(AUDIT)
    t.strictSame(await store.followAudit(), { ...none, mark: first }, 'the end is the default')
    const second = await store.addAuditRecord(FULL)
    t.strictSame(await store.followAudit(first), { ...none, entries: [{ ...FULL, ...second }], mark: second })
    t.strictSame(await store.followAudit(FEED_START), { ...none, entries: [{ ...AUDIT, ...first }, { ...FULL, ...second }], mark: second })
    t.strictSame(await store.followAudit(second), { ...none, mark: second })
    const lost = { ...second, name: 'other' }
    t.strictSame(await store.followAudit(lost), { ...none, isContinued: false, mark: lost })
  })

  test(`${name} lists audit records in pages, the newest first`, async (t) => {
    const store = await makeStore(t, () => START)
    t.strictSame(await store.listAudit({ limit: 10 }), [])
    const marks = []
    for (const id of ['a', 'b', 'c']) marks.push({ ...recordOf(id), ...await store.addAuditRecord(recordOf(id)) })
    t.strictSame(await store.listAudit({ limit: 10 }), marks.toReversed())
    const page = await store.listAudit({ limit: 2 })
    t.strictSame(page, marks.toReversed().slice(0, 2))
    t.strictSame(await store.listAudit({ limit: 2, before: page[1]!.position }), marks.slice(0, 1))
    t.strictSame(await store.listAudit({ limit: 2, before: marks[0]!.position }), [])
    t.strictSame((await store.listAudit({ limit: 2, before: 999 })).length, 2)
  })

  test(`${name} records a change together with it, and none where nothing was changed`, async (t) => {
    const store = await makeStore(t, () => START)
    const audited: string[] = []
    const audit = (id: string) => ({ audit: recordOf(id) })
    const expect = async (id?: string) => {
      if (id !== undefined) audited.unshift(id)
      t.strictSame((await store.listAudit({ limit: 99 })).map((record) => record.id), audited)
    }
    await store.addClients([CLIENT, clientNamed('other')], recordOf('added'))
    await expect('added')
    await store.addClients([CLIENT], recordOf('not added'))
    await store.replaceClient({ ...CLIENT, version: 9 }, { raises: true, ...audit('late') })
    await store.removeClient('nobody', audit('not removed'))
    await store.replaceKeys({ version: 9, keys: [] }, audit('late keys'))
    await store.replaceSettings({ ...await store.readSettings(), version: 9 }, recordOf('late settings'))
    await expect()
    await store.replaceClient(CLIENT, audit('replaced'))
    await expect('replaced')
    await store.removeClient('reader', audit('removed'))
    await expect('removed')
    await store.replaceKeys({ version: 0, keys: [KEY] }, { revokedKids: ['b'], ...audit('keys') })
    await expect('keys')
    await store.replaceSettings(await store.readSettings(), recordOf('settings'))
    await expect('settings')
    await store.raiseAll(audit('all'))
    await expect('all')
    t.strictSame(unmarked((await store.listAudit({ limit: 1 }))[0]!), recordOf('all'))
    await store.addClients([clientNamed('silent')])
    await store.replaceClient(clientNamed('other'))
    await expect()
  })

  test(`${name} deletes audit records after 365 days`, async (t) => {
    const { now, move } = movedClock(t)
    const store = await makeStore(t, now)
    for (const id of ['a', 'b']) await store.addAuditRecord(recordOf(id))
    move(365 * DAY)
    for (const id of ['c', 'd']) await store.addAuditRecord(recordOf(id))
    t.strictSame((await store.listAudit({ limit: 9 })).map(({ id }) => id), ['d', 'c', 'b', 'a'])
    move(DAY)
    for (const id of ['e', 'f']) await store.addAuditRecord(recordOf(id))
    t.strictSame((await store.listAudit({ limit: 9 })).map(({ id }) => id), ['f', 'e', 'd', 'c', 'b'])
  })

  test(`${name} returns copies of audit records, and keeps copies`, async (t) => {
    const store = await makeStore(t, () => START)
    const record = structuredClone(FULL)
    await store.addAuditRecord(record)
    for (let round = 0; round < 2; round++) {
      const copies = [record, ...await store.listAudit({ limit: 1 }), ...(await store.followAudit(FEED_START)).entries]
      for (const copy of copies) Object.assign(copy.actor, { id: 'changed' })
    }
    t.strictSame((await store.listAudit({ limit: 1 })).map(unmarked), [FULL])
  })
}

export function auditPageContract (name: string, makeStore: MakeStore<AuditStore>): void {
  test(`${name} follows audit records a few hundred at once`, async (t) => {
    const store = await makeStore(t, () => START)
    for (let index = 0; index < 1010; index += 101) await Promise.all(times(101, (offset) => store.addAuditRecord(recordOf(`r-${index + offset}`))))
    const first = await store.followAudit(FEED_START)
    t.ok(first.hasMore && first.entries.length <= 1000)
    t.strictSame(first.mark, markOf(first.entries.at(-1)!))
    const { entries: others } = await readOn((after) => store.followAudit(after), first.mark)
    t.equal(first.entries.length + others.length, 1010)
    t.equal(new Set([...first.entries, ...others].map(({ id }) => id)).size, 1010)
  })
}
