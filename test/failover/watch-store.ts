// Observes a store from outside of the code under test: which reads it was asked for, when they began and ended, and what is
// written back to it.
import type {
  ClientStore, Entry, EntryStore, FeedPage, KeyStore, Revocation, RevocationStore, StoredClientChanges, Written
} from '../../src/stores/contracts/index.ts'
import type { Feed, Report } from './messages.ts'
import { now } from './time.ts'

type Send = (report: Report) => void

// Milliseconds after which an attempt to read has failed, by design §3.1.
const TIME_LIMIT = 1000

/** Reports the reads of a store, and what is written back to it. */
export function watchDatabase (store: ClientStore & EntryStore & KeyStore & RevocationStore, send: Send): void {
  watchReads(store, { listEntries: 'entries', listRevocations: 'opaque', readKeys: 'keys', listClientChanges: 'clients' }, send)
  watchRevocations(store, 'opaque', send)
  watchEntries(store, send)
}

/** Reports the reads of a store of revocations, and what is written back to it. */
export function watchRevocationStore (store: RevocationStore, send: Send): void {
  watchReads(store, { listRevocations: 'revocations' }, send)
  watchRevocations(store, 'revocations', send)
}

type Reads = Readonly<Record<string, Feed>>
type Method = (...args: unknown[]) => Promise<unknown>

function watchReads (store: object, reads: Reads, send: Send): void {
  const methods = store as Record<string, Method>
  for (const [name, feed] of Object.entries(reads)) {
    const read = methods[name]!
    methods[name] = async (...args) => {
      const begunAt = now()
      const report = (outcome: { isComplete: boolean, isFailed: boolean }) => { send({ kind: 'read', feed, begunAt, endedAt: now(), ...outcome }) }
      const timer = setTimeout(() => { report({ isComplete: false, isFailed: true }) }, TIME_LIMIT)
      try {
        const result = await read.apply(store, args)
        const { isContinued = true, hasMore = false } = result as Partial<FeedPage<unknown> & StoredClientChanges>
        report({ isComplete: isContinued && !hasMore, isFailed: false })
        return result
      } catch (error) {
        report({ isComplete: false, isFailed: true })
        throw error
      } finally {
        clearTimeout(timer)
      }
    }
  }
}

// What this process has seen before is written again only in order to write it back.

function watchEntries (store: ClientStore & EntryStore & KeyStore, send: Send): void {
  const seen = new Set<string>()
  const { listEntries, addEntries, addClients, replaceClient, removeClient, replaceKeys, raiseAll } = store
  const keyOf = (entry: Entry): string => `${entry.kind} ${entry.id} ${'generation' in entry ? entry.generation : ''}`
  const note = (entries: readonly Entry[]): void => { for (const entry of entries) seen.add(keyOf(entry)) }
  const report = (written: Written, given: readonly Entry[]): void => {
    const ids = given.filter((entry) => seen.has(keyOf(entry))).map(({ kind, id }) => `${kind} ${id}`)
    if (ids.length > 0) send({ kind: 'write-back', feed: 'entries', ids, at: now() })
    note(written)
  }
  store.listEntries = async (after) => {
    const page = await listEntries.call(store, after)
    note(page.entries)
    return page
  }
  store.addEntries = async (entries) => {
    const written = await addEntries.call(store, entries)
    report(written, entries)
    return written
  }
  store.replaceClient = async (client, change) => {
    const written = await replaceClient.call(store, client, change)
    if (written !== false) report(written, change?.entries ?? [])
    return written
  }
  store.addClients = async (...args) => {
    const added = await addClients.apply(store, args)
    note(added.entries)
    return added
  }
  const noting = <A extends unknown[], W extends Written | false>(method: (...args: A) => Promise<W>) => async (...args: A): Promise<W> => {
    const written = await method.apply(store, args)
    if (written !== false) note(written)
    return written
  }
  store.removeClient = noting(removeClient)
  store.replaceKeys = noting(replaceKeys)
  store.raiseAll = noting(raiseAll)
}

function watchRevocations (store: RevocationStore, feed: Feed, send: Send): void {
  const seen = new Set<string>()
  const { addRevocation, listRevocations } = store
  store.addRevocation = async (revocation: Revocation) => {
    const isKnown = seen.has(revocation.id)
    const mark = await addRevocation.call(store, revocation)
    seen.add(revocation.id)
    if (isKnown) send({ kind: 'write-back', feed, ids: [revocation.id], at: now() })
    return mark
  }
  store.listRevocations = async (after) => {
    const page = await listRevocations.call(store, after)
    for (const { id } of page.entries) seen.add(id)
    return page
  }
}
