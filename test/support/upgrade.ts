// Tables of release 0.1.0, which its own code has created and filled, brought to the newest version, while processes of that
// release go on: by the statements of that release.
import { readFileSync } from 'node:fs'
import { test } from 'tap'
import type { Test } from 'tap'
import { FEED_START } from '../../src/stores/contracts/index.ts'
import { CLIENT, clientNamed, current, idsOf, idsOfClients, KEY, markOf, RESERVATION, START, TOKEN, unmarked } from './store-contract.ts'
import type { WholeStore } from './store-contract.ts'

/** A database, and a store on it. */
export interface UpgradedDatabase {
  run (sql: string): Promise<ReadonlyArray<Record<string, any>>>
  store: WholeStore & { migrate (): Promise<{ from: number, to: number }> }
}

const tablesOf = (kind: 'postgres' | 'sqlite') => readFileSync(new URL(`release-0.1.0-${kind}.sql`, import.meta.url), 'utf8')

// Release 0.1.0, src/store/sql/feed.ts and sql-store.ts, with the values in their places.
const nextPosition = (feed: string) => `UPDATE oauth_feeds SET position = position + 1 WHERE name = '${feed}' RETURNING position`
const addRevocation = (position: number, id: string) =>
  `INSERT INTO oauth_revocations (position, kind, id, issued_before, expires_at) VALUES (${position}, 'client', '${id}', ${START}, ${START + 1000})`
const addChange = (position: number, id: string) =>
  `INSERT INTO oauth_client_changes (position, client_id, expires_at) VALUES (${position}, '${id}', ${START + 3660})`
const listRevocations = (cursor: number) => `
  SELECT feed.position AS feed_position, entry.position, entry.kind, entry.id, entry.issued_before, entry.expires_at
  FROM oauth_feeds AS feed LEFT JOIN oauth_revocations AS entry ON entry.expires_at > ${START}
    AND entry.position > CASE WHEN CAST(${cursor} AS BIGINT) > feed.position THEN 0 ELSE CAST(${cursor} AS BIGINT) END
  WHERE feed.name = 'revocations' ORDER BY entry.position`
const addClient = (id: string) =>
  `INSERT INTO oauth_clients (id, version, has_imported, body) VALUES ('${id}', 1, 0, '${JSON.stringify(clientNamed(id))}') ON CONFLICT (id) DO NOTHING RETURNING id`
const replaceClient = (id: string, version: number) =>
  `UPDATE oauth_clients SET version = ${version + 1}, has_imported = 0, body = '${JSON.stringify({ ...clientNamed(id), version: version + 1, name: 'by 0.1.0' })}' WHERE id = '${id}' AND version = ${version} RETURNING id`
const reserve = (key: string, expiresAt: number) => `
  INSERT INTO oauth_reservations (key, expires_at) VALUES ('${key}', ${expiresAt})
  ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at WHERE oauth_reservations.expires_at <= ${START}
  RETURNING key`
const saveToken = (hash: string) =>
  `INSERT INTO oauth_tokens (hash, expires_at, body) VALUES ('${hash}', ${TOKEN.expiresAt}, '${JSON.stringify(TOKEN)}') ON CONFLICT (hash) DO UPDATE SET expires_at = excluded.expires_at, body = excluded.body`

/** @param open returns an empty database, and a store on it that has not used it yet, whose clock stands at the start */
export function upgradeContract (name: string, kind: 'postgres' | 'sqlite', open: (t: Test) => Promise<UpgradedDatabase>): void {
  test(`${name} brings tables of release 0.1.0 to the newest version with all that is in them`, async (t) => {
    const { run, store } = await open(t)
    await run(tablesOf(kind))
    t.strictSame(await store.migrate(), { from: 1, to: 2 })
    const { entries, isContinued, storeId } = await store.listRevocations()
    t.strictSame(entries.map(({ name: _, ...entry }) => entry), [
      { kind: 'token', id: 'jti-1', expiresAt: START + 1000, position: 1 },
      { kind: 'token', id: 'jti-2', expiresAt: START + 1000, position: 2 },
      { kind: 'client', id: 'reader', issuedBefore: START, expiresAt: START + 1000, position: 3 }
    ])
    t.equal(isContinued, true)
    const changes = await store.listClientChanges(FEED_START)
    t.strictSame([changes.ids, changes.mark.position], [['writer', 'gone'], 2])
    const names = [...entries.map((entry) => entry.name), changes.mark.name, storeId]
    t.equal(new Set(names).size, names.length)
    t.ok(names.every((random) => random.length >= 32))
    t.strictSame(await store.findClients(['writer']), [{ ...clientNamed('writer'), version: 2, name: 'Writer' }])
    t.strictSame(idsOfClients(await store.listClients({ limit: 9 })), ["o'neill", 'reader', 'writer'])
    t.strictSame(await store.findSecretUses(['reader']), [{ clientId: 'reader', secretId: 'first', usedAt: START }])
    t.strictSame(await store.readKeys(), { version: 1, keys: [{ ...KEY, activeFrom: START }] })
    t.equal((await store.findToken('hash'))?.clientId, 'reader')
    t.equal(await store.reserve('assertion', RESERVATION), false)
    t.equal((await store.readSettings()).isUpgrading, true)
    t.strictSame(await store.migrate(), { from: 2, to: 2 })
  })

  test(`${name} knows by its tables whether release 0.1.0 has used them`, async (t) => {
    for (const [use, isUpgrading] of [
      ['SELECT 1', false],
      [addClient('reader'), true],
      ['UPDATE oauth_key_sets SET version = 1', true],
      [nextPosition('revocations'), true],
      [saveToken('hash'), true],
      [reserve('key', START), true]
    ] as const) {
      const { run, store } = await open(t)
      await run(tablesOf(kind).replace(/^INSERT INTO oauth_(?!schema|feeds|key_sets).*\n/gm, '').replace(/(INSERT INTO oauth_feeds VALUES \('\w+', )\d+/g, '$10').replace(/(INSERT INTO oauth_key_sets VALUES \(1, )1/, '$10'))
      await run(use)
      t.equal((await store.readSettings()).isUpgrading, isUpgrading, use)
    }
    t.equal((await (await open(t)).store.readSettings()).isUpgrading, false, 'tables that are new')
  })

  test(`${name} reads what processes of release 0.1.0 write after the upgrade, and they read what it writes`, async (t) => {
    const { run, store } = await open(t)
    await run(tablesOf(kind))
    await store.migrate()
    const mark = markOf((await store.listRevocations()).entries.at(-1)!)
    const { mark: changeMark } = await store.listClientChanges()
    for (const id of ['old-1', 'old-2']) {
      const [feed] = await run(nextPosition('revocations'))
      await run(addRevocation(Number(feed!['position']), id))
    }
    const added = await store.addRevocation({ kind: 'client', id: 'new', issuedBefore: START + 1, expiresAt: START + 1000 })
    const page = await store.listRevocations(mark)
    t.strictSame([page.isContinued, idsOf(page), page.entries.map(({ position }) => position)], [true, ['old-1', 'old-2', 'new'], [4, 5, 6]])
    t.equal(new Set(page.entries.map((entry) => entry.name)).size, 3)
    t.strictSame(idsOf(await store.listRevocations(markOf(page.entries[0]!))), ['old-2', 'new'])
    t.strictSame(markOf(page.entries[2]!), added)
    const old = await run(listRevocations(5))
    t.strictSame(old.map(({ id, position, feed_position: end, issued_before: before }) => [id, ...[position, end, before].map(Number)]), [['new', 6, 6, START + 1]])

    await store.replaceClient({ ...CLIENT, version: 1, generation: 5 }, { raises: true })
    const bodyOf = async () => JSON.parse((await run("SELECT body FROM oauth_clients WHERE id = 'reader'"))[0]!['body'])
    const { version } = await current(store)
    t.strictSame(await bodyOf(), { ...CLIENT, version })
    t.equal((await run(replaceClient('reader', version))).length, 1)
    const [feed] = await run(nextPosition('clients'))
    await run(addChange(Number(feed!['position']), 'reader'))
    t.strictSame((await store.listClientChanges(changeMark)).ids, ['reader', 'reader'])
    t.strictSame(await store.findClients(['reader']), [{ ...CLIENT, version: version + 1, name: 'by 0.1.0', generation: START * 1000 }], 'its generation stays')
    t.equal((await bodyOf()).version, version + 1)

    await run(addClient('by-old'))
    t.strictSame(await store.findClients(['by-old']), [clientNamed('by-old')])
    await run(saveToken('other'))
    t.strictSame(await store.findToken('other'), TOKEN)
    t.equal(await store.reserve('new', RESERVATION), true)
    const [{ key } = { key: '' }] = await run(`SELECT key FROM oauth_reservations WHERE expires_at = ${START + 20}`)
    t.equal((await run(reserve(key, START + 99))).length, 0)
    t.strictSame(unmarked((await store.addEntries([{ kind: 'key', id: 'kid', expiresAt: START }]))[0]!).id, 'kid')
  })
}
