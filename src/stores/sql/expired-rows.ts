import { monotonic } from '../../lib/clock.ts'
import { FALLBACK_CLOCK_TOLERANCE } from '../new-entries.ts'
import type { SqlDatabase, Value } from './database.ts'
import type { StoreClock } from './store-clock.ts'

// Milliseconds between two searches.
const PAUSE = 60_000
// Maximum number of rows that one call deletes. The next call continues if there are more.
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
  /** Returns the values for each "?" in `where`. */
  values: () => Value[]
  /** Whether the matching row with the greatest key is kept. Default false. */
  keepsLast?: boolean
}

/** Deletes rows of a table that are no longer needed. Calls that write to the table trigger it: there is no timer. */
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
    // Concurrent calls must not start the same search.
    this.#dueAt = time + PAUSE
    const dropped = await this.#database.rows([this.#delete, ...this.#values()])
    if (dropped.length === BATCH) this.#dueAt = -Infinity
  }
}

/**
 * Returns the expired rows of a table: those that expired more than twice the largest clock tolerance ago, by both the clock of
 * the store and that of this process.
 *
 * @param options `isFeed`: the last of them is kept. It may be the end of the feed, where a reader that has read everything
 *   must find the entry of its mark
 */
export function expiredRows (database: SqlDatabase, clock: StoreClock, { table, key, isFeed = false }: { table: string, key: string, isFeed?: boolean }): SurplusRows {
  const { seconds, own } = clock
  const tolerance = `CASE WHEN version = 0 THEN ${FALLBACK_CLOCK_TOLERANCE} ELSE largest_clock_tolerance END`
  // A subquery is evaluated once, so that the index on the expiry is used although the clock is volatile.
  const limit = `(SELECT ${database.dialect.least(seconds.sql, 'CAST(? AS BIGINT)')} - 2 * ${tolerance} FROM oauth_settings)`
  return new SurplusRows(database, {
    table, key, where: `expires_at < ${limit}`, orderBy: 'expires_at', values: () => [...seconds.values(), own()], keepsLast: isFeed
  })
}
