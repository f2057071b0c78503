import { monotonic } from '../../lib/clock.ts'
import { FALLBACK_CLOCK_TOLERANCE } from '../new-entries.ts'
import type { SqlDatabase, Value } from './database.ts'
import type { StoreClock } from './store-clock.ts'

// Milliseconds between two searches.
const PAUSE = 60_000
// How many rows one call deletes at most. As long as there are more, the next call goes on.
const BATCH = 100

/** Which rows are deleted. */
export interface Surplus {
  table: string
  /** The primary key. */
  key: string
  /** The condition. */
  where: string
  /** The order in which they are deleted, by a column that has an index. */
  orderBy: string
  /** What is to be given for each "?" in `where`. */
  values: () => Value[]
  /** Whether the row with the greatest key of those that fulfil the condition is kept. Default false. */
  keepsLast?: boolean
}

/** The rows of a table that are no longer needed. Calls that write to the table delete them: no timer keeps the process alive. */
export class SurplusRows {
  readonly #database: SqlDatabase
  readonly #delete: string
  readonly #values: () => Value[]
  #dueAt = -Infinity

  constructor (database: SqlDatabase, { table, key, where, orderBy, values, keepsLast = false }: Surplus) {
    this.#database = database
    this.#values = values
    const limit = keepsLast ? BATCH + 1 : BATCH
    const surplus = `SELECT ${key} FROM ${table} WHERE ${where} ORDER BY ${orderBy} LIMIT ${limit}${database.dialect.skipLocked}`
    const last = keepsLast ? ` AND ${key} < (SELECT MAX(${key}) FROM surplus)` : ''
    this.#delete = `WITH surplus AS (${surplus}) DELETE FROM ${table} WHERE ${key} IN (SELECT ${key} FROM surplus)${last} RETURNING ${key}`
  }

  /** Deletes some, unless that was done within the last minute. */
  async drop (): Promise<void> {
    const time = monotonic()
    if (time < this.#dueAt) return
    // Calls that come while this one waits have nothing to do.
    this.#dueAt = time + PAUSE
    const dropped = await this.#database.rows([this.#delete, ...this.#values()])
    if (dropped.length === BATCH) this.#dueAt = -Infinity
  }
}

/**
 * The rows of a table that have expired: both the clock of the store and that of this process say so, by more than twice the
 * largest clock tolerance.
 *
 * @param options `isFeed`: the last of them is kept. It may be the end of the feed, and a reader that has read all then finds
 *   the entry that it goes on from
 */
export function expiredRows (database: SqlDatabase, clock: StoreClock, { table, key, isFeed = false }: { table: string, key: string, isFeed?: boolean }): SurplusRows {
  const { seconds, own } = clock
  const tolerance = `CASE WHEN version = 0 THEN ${FALLBACK_CLOCK_TOLERANCE} ELSE largest_clock_tolerance END`
  // As a subquery it is evaluated once, so that the index on the expiry is used although the clock is volatile.
  const limit = `(SELECT ${database.dialect.least(seconds.sql, 'CAST(? AS BIGINT)')} - 2 * ${tolerance} FROM oauth_settings)`
  return new SurplusRows(database, {
    table, key, where: `expires_at < ${limit}`, orderBy: 'expires_at', values: () => [...seconds.values(), own()], keepsLast: isFeed
  })
}
