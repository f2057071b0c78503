import type { Clock } from '../../clock.ts'
import type { Row, SqlDatabase, Statement, Steps, Value } from './database.ts'
import { ExpiredRows } from './expired-rows.ts'

/**
 * A table that grows at its end, and is read on from a cursor. What is published gets the next position of its feed, whose
 * row the transaction holds until its end: positions become visible in their order. Of a sequence's numbers 8 may be there
 * before 7, and who reads on from 8 would never see 7.
 */
export class Feed {
  readonly #database: SqlDatabase
  readonly #name: string
  readonly #now: Clock
  readonly #expired: ExpiredRows
  readonly #next: Statement
  readonly #add: string
  readonly #end: Statement
  readonly #read: string

  /** @param feed.columns what an entry has beside its position */
  constructor (database: SqlDatabase, { name, table, columns, now }: { name: string, table: string, columns: readonly string[], now: Clock }) {
    this.#database = database
    this.#name = name
    this.#now = now
    this.#expired = new ExpiredRows(database, { table, key: 'position', now })
    this.#next = ['UPDATE oauth_feeds SET position = position + 1 WHERE name = ? RETURNING position', name]
    this.#add = `INSERT INTO ${table} (position, ${columns.join(', ')}) VALUES (?${', ?'.repeat(columns.length)})`
    this.#end = ['SELECT position FROM oauth_feeds WHERE name = ?', name]
    // A cursor that is ahead of the feed is of a database that has since been put back to a copy: everything is news.
    this.#read = `
      SELECT feed.position AS feed_position, ${['position', ...columns].map((column) => `entry.${column}`).join(', ')}
      FROM oauth_feeds AS feed LEFT JOIN ${table} AS entry ON entry.expires_at > ?
        AND entry.position > CASE WHEN CAST(? AS BIGINT) > feed.position THEN 0 ELSE CAST(? AS BIGINT) END
      WHERE feed.name = ? ORDER BY entry.position`
  }

  /** Runs a transaction that may publish. */
  async transaction<T> (steps: Steps<T>): Promise<T> {
    await this.#expired.drop()
    return await this.#database.transaction(steps)
  }

  * publish (...values: Value[]): Steps<void> {
    const [feed] = yield this.#next
    yield [this.#add, Number(feed!['position']), ...values]
  }

  async end (): Promise<string> {
    const [feed] = await this.#database.rows(this.#end)
    return String(feed!['position'])
  }

  /** Reads what has not expired, in the order that it was published in. */
  async since (cursor: string): Promise<{ entries: readonly Row[], cursor: string }> {
    const rows = await this.#database.rows([this.#read, this.#now(), cursor, cursor, this.#name])
    // The feed has a row always, beside nothing where there are no entries.
    return { entries: rows.filter(({ position }) => position !== null), cursor: String(rows[0]!['feed_position']) }
  }
}
