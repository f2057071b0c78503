import type { Clock } from '../../clock.ts'
import type { SqlDatabase } from './database.ts'

// Seconds between two searches for what has expired.
const PAUSE = 60
// Seconds that a row is kept after it expired by the clock of the process that drops it: to one whose clock is slow, it counts still.
const SKEW = 60
// How many rows one request drops at most. As long as there are more, the next request goes on.
const BATCH = 100

/** The rows of a table that have expired. Who writes to the table drops them by the way: no timer keeps the process alive. */
export class ExpiredRows {
  readonly #database: SqlDatabase
  readonly #now: Clock
  readonly #drop: string
  #dueAt = 0

  constructor (database: SqlDatabase, { table, key, now }: { table: string, key: string, now: Clock }) {
    this.#database = database
    this.#now = now
    const expired = `SELECT ${key} FROM ${table} WHERE expires_at <= ? ORDER BY expires_at LIMIT ${BATCH}${database.dialect.skipLocked}`
    this.#drop = `DELETE FROM ${table} WHERE ${key} IN (${expired}) RETURNING expires_at`
  }

  /** Drops some, unless that was done within the last minute. */
  async drop (): Promise<void> {
    const time = this.#now()
    if (time < this.#dueAt) return
    // Those who come while this one waits have nothing to do.
    this.#dueAt = time + PAUSE
    const dropped = await this.#database.rows([this.#drop, time - SKEW])
    if (dropped.length === BATCH) this.#dueAt = 0
  }
}
