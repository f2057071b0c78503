import type { AuditRecord } from '../contracts/audit-store.ts'
import type { Entry, EntryPage, EntryStore, Written } from '../contracts/entry-store.ts'
import { FEED_START } from '../contracts/feed.ts'
import type { FeedMark } from '../contracts/feed.ts'
import { countEntries, FALLBACK_TOKEN_LIFETIME, MIN_ENTRY_LIFETIME, NEVER, nextGeneration, toEntries } from '../new-entries.ts'
import type { NewEntries } from '../new-entries.ts'
import type { AuditTable } from './audit-table.ts'
import { firstOf } from './database.ts'
import type { Row, SqlDatabase, Steps, Value } from './database.ts'
import { Feed } from './feed.ts'
import type { FeedTurn } from './feed.ts'
import type { StoreClock } from './store-clock.ts'

const READ_LIMITS = `
  SELECT longest_token_lifetime, (SELECT MAX(generation) FROM oauth_entries WHERE kind = 'all') AS of_all FROM oauth_settings`
const READ_GREATEST = `
  SELECT (SELECT MAX(generation) FROM oauth_entries) AS of_entries, (SELECT MAX(generation) FROM oauth_clients WHERE generation > 0) AS of_clients`

/** The table of the entries. */
export class EntryTable implements Pick<EntryStore, 'listEntries' | 'raiseAll'> {
  readonly #database: SqlDatabase
  readonly #feed: Feed<Entry>
  readonly #audit: AuditTable
  readonly #findGenerations: string

  constructor (database: SqlDatabase, clock: StoreClock, audit: AuditTable) {
    this.#database = database
    this.#audit = audit
    this.#feed = new Feed(database, clock, {
      name: 'entries',
      table: 'oauth_entries',
      columns: { kind: 'TEXT', id: 'TEXT', generation: 'BIGINT', is_disabled: 'BIGINT', expires_at: 'BIGINT' },
      toEntry
    })
    this.#findGenerations = `SELECT id, MAX(generation) AS generation FROM oauth_entries WHERE kind = 'client' AND ${database.dialect.among('id')} GROUP BY id`
  }

  async listEntries (after: FeedMark = FEED_START): Promise<EntryPage> {
    const { page, settingsVersion } = await this.#feed.read(after)
    return { ...page, settingsVersion }
  }

  /** Adds entries unchanged, in one atomic step. */
  async addEntries (entries: readonly Entry[]): Promise<Written> {
    await this.dropExpired()
    return await this.#database.transaction(this.write({ entries }))
  }

  async raiseAll ({ above = 0, audit }: { above?: number, audit?: AuditRecord | undefined } = {}): Promise<Written> {
    await this.dropExpired()
    return await this.#database.transaction(this.#raiseAll(above, audit))
  }

  /** Deletes some expired entries. Call it before a transaction that writes entries. */
  async dropExpired (): Promise<void> {
    await this.#feed.expired.drop()
  }

  /** Finds the greatest generation of each client that has an entry, by its id. */
  * findGenerations (ids: readonly string[]): Steps<ReadonlyMap<string, number>> {
    const rows = yield [this.#findGenerations, this.#database.dialect.list(ids)]
    return new Map(rows.map(({ id, generation }) => [String(id), Number(generation)]))
  }

  /** Writes entries as a part of a transaction, which locks the feed from here on. */
  * write (change: NewEntries): Steps<Written> {
    const count = countEntries(change)
    if (count === 0) return []
    const turn = yield * this.#feed.turn(count)
    const { clients = [] } = change
    const ofClients = clients.length === 0 ? new Map<string, number>() : yield * this.findGenerations(clients.map(({ id }) => id))
    return yield * this.#insert(turn, toEntries(change, { clock: turn.clock, ofClients, ...yield * limits(turn) }))
  }

  * #raiseAll (above: number, audit: AuditRecord | undefined): Steps<Written> {
    const turn = yield * this.#feed.turn(1)
    const { of_entries: ofEntries, of_clients: ofClients } = firstOf(yield [READ_GREATEST])
    const generation = nextGeneration({ clock: turn.clock, stored: [above, Number(ofEntries), Number(ofClients)] })
    const written = yield * this.#insert(turn, [{ kind: 'all', id: '', generation, expiresAt: NEVER }])
    yield * this.#audit.write(audit)
    return written
  }

  * #insert (turn: FeedTurn, entries: readonly Entry[]): Steps<Written> {
    yield * this.#feed.insert(turn, entries.map(fromEntry))
    return entries.map((entry, index) => ({ ...entry, ...turn.marks[index]! }))
  }
}

function * limits (turn: FeedTurn): Steps<{ expiresAt: number, ofAll: number }> {
  const { longest_token_lifetime: lifetime, of_all: ofAll } = firstOf(yield [READ_LIMITS])
  return { expiresAt: turn.time + Math.max(Number(lifetime) || FALLBACK_TOKEN_LIFETIME, MIN_ENTRY_LIFETIME), ofAll: Number(ofAll) }
}

function fromEntry (entry: Entry): Value[] {
  const { kind, id, expiresAt } = entry
  const generation = kind === 'client' || kind === 'all' ? entry.generation : null
  return [kind, id, generation, kind === 'client' ? Number(entry.isDisabled) : null, expiresAt]
}

function toEntry ({ kind, id: rowId, generation, is_disabled: isDisabled, expires_at: expiry }: Row): Entry {
  const [id, expiresAt] = [String(rowId), Number(expiry)]
  if (kind === 'client') return { kind, id, generation: Number(generation), isDisabled: Number(isDisabled) === 1, expiresAt }
  if (kind === 'all') return { kind, id: '', generation: Number(generation), expiresAt }
  return { kind: kind as 'secret' | 'key', id, expiresAt }
}
