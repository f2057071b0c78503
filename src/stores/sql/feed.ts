import { randomUUID } from 'node:crypto'
import { FEED_START, PAGE_SIZE } from '../contracts/feed.ts'
import type { FeedMark, FeedPage } from '../contracts/feed.ts'
import { firstOf, SINGLE_ROWS } from './database.ts'
import type { Row, SqlDatabase, Steps, Value } from './database.ts'
import { expiredRows } from './expired-rows.ts'
import type { SurplusRows } from './expired-rows.ts'
import type { StoreClock } from './store-clock.ts'

/** A feed in a table. */
export interface FeedOptions<T> {
  /** Its name in oauth_feeds. */
  name: string
  table: string
  /** The columns of an entry, besides its position and its name. */
  columns: Readonly<Record<string, 'TEXT' | 'BIGINT'>>
  toEntry: (row: Row) => T
}

/** The lock of a feed for the rest of the transaction, with the marks of the new entries. */
export interface FeedTurn {
  /** The places of the new entries. */
  readonly marks: readonly FeedMark[]
  /** The store's clock in milliseconds since 1970. */
  readonly clock: number
  /** The store's clock in seconds since 1970, rounded up. Expiry times are computed from it. */
  readonly time: number
}

/** A page that was read from a feed. */
export interface FeedRead<T> {
  readonly page: FeedPage<T>
  /** The place of the last of the entries. Without entries, the place that they would follow. */
  readonly mark: FeedMark
  readonly settingsVersion: number
}

// Rows of one INSERT.
const MAX_ROWS = 1000

/**
 * A table that entries are appended to. Appending locks the row of the feed until the transaction ends, so that positions
 * become visible in order. With a database sequence, 8 may be visible before 7, and a reader that continues after 8 would never
 * see 7.
 */
export class Feed<T> {
  readonly expired: SurplusRows
  readonly #database: SqlDatabase
  readonly #clock: StoreClock
  readonly #name: string
  readonly #toEntry: (row: Row) => T
  readonly #next: string
  readonly #insert: string
  readonly #read: string
  readonly #end: string

  constructor (database: SqlDatabase, clock: StoreClock, { name, table, columns, toEntry }: FeedOptions<T>) {
    this.#database = database
    this.#clock = clock
    this.#name = name
    this.#toEntry = toEntry
    this.expired = expiredRows(database, clock, { table, key: 'position', isFeed: true })
    const all = { position: 'BIGINT', name: 'TEXT', ...columns }
    const names = Object.keys(all).join(', ')
    const values = Object.values(all).map((type, index) => `CAST(element.value ->> ${index} AS ${type})`).join(', ')
    this.#next = `UPDATE oauth_feeds SET position = position + ? WHERE name = ? RETURNING position, ${clock.milliseconds.sql} AS clock, ${clock.secondsUp.sql} AS time`
    this.#insert = `INSERT INTO ${table} (${names}) SELECT ${values} FROM ${database.dialect.elements}`
    const from = (entries: string) => `
      SELECT store.id AS store_id, settings.version AS settings_version, ${clock.milliseconds.sql} AS clock, entry.*
      FROM ${SINGLE_ROWS} LEFT JOIN (${entries}) AS entry ON 1 = 1`
    // The entry of the mark comes first, if it still exists.
    this.#read = `${from(`SELECT ${names} FROM ${table} WHERE position >= ? ORDER BY position LIMIT ${PAGE_SIZE + 2}`)} ORDER BY entry.position`
    this.#end = from(`SELECT position, name FROM ${table} ORDER BY position DESC LIMIT 1`)
  }

  /** Waits for the lock of the feed, and reserves positions. */
  * turn (count: number): Steps<FeedTurn> {
    const { milliseconds, secondsUp } = this.#clock
    const feed = firstOf(yield [this.#next, count, this.#name, ...milliseconds.values(), ...secondsUp.values()])
    const first = Number(feed['position']) - count + 1
    return {
      marks: Array.from({ length: count }, (_, index) => ({ position: first + index, name: randomUUID() })),
      clock: Number(feed['clock']),
      time: Number(feed['time'])
    }
  }

  /** Appends entries at the places of a turn. @param rows the values of their columns */
  * insert ({ marks }: Pick<FeedTurn, 'marks'>, rows: ReadonlyArray<readonly Value[]>): Steps<void> {
    const placed = rows.map((values, index) => [marks[index]!.position, marks[index]!.name, ...values])
    for (let start = 0; start < placed.length; start += MAX_ROWS) yield [this.#insert, JSON.stringify(placed.slice(start, start + MAX_ROWS))]
  }

  /** Appends one entry. @param toValues returns the values of its columns */
  * append (toValues: (turn: FeedTurn) => readonly Value[]): Steps<FeedMark> {
    const turn = yield * this.turn(1)
    yield * this.insert(turn, [toValues(turn)])
    return turn.marks[0]!
  }

  /** Reads the page after a mark. */
  async read (after: FeedMark): Promise<FeedRead<T>> {
    const rows = await this.#database.read([this.#read, ...this.#clock.milliseconds.values(), after.position], 'position')
    const found = rows.filter((row) => row['position'] !== null)
    const isStart = after.position === FEED_START.position && after.name === FEED_START.name
    const hasMark = found.length > 0 && Number(found[0]!['position']) === after.position && found[0]!['name'] === after.name
    if (!isStart && !hasMark) return { ...toRead(rows, { isContinued: false }), mark: after }
    const following = hasMark ? found.slice(1) : found
    const entries = following.slice(0, PAGE_SIZE).map((row) => ({ ...this.#toEntry(row), ...toMark(row) }))
    const last = entries.at(-1)
    const mark = last === undefined ? after : { position: last.position, name: last.name }
    return { ...toRead(rows, { entries, hasMore: following.length > PAGE_SIZE }), mark }
  }

  /** Reads the end of the feed. */
  async end (): Promise<FeedRead<T>> {
    const rows = await this.#database.read([this.#end, ...this.#clock.milliseconds.values()])
    return { ...toRead<T>(rows, {}), mark: rows[0]?.['position'] === null ? FEED_START : toMark(firstOf(rows)) }
  }
}

function toRead<T> (rows: readonly Row[], part: Partial<FeedPage<T>>): Pick<FeedRead<T>, 'page' | 'settingsVersion'> {
  const { store_id: storeId, clock, settings_version: settingsVersion } = firstOf(rows)
  return {
    page: { storeId: String(storeId), clock: Number(clock), isContinued: true, entries: [], hasMore: false, ...part },
    settingsVersion: Number(settingsVersion)
  }
}

function toMark ({ position, name }: Row): FeedMark {
  return { position: Number(position), name: String(name) }
}
