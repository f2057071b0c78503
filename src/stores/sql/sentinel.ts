import { firstOf } from './database.ts'
import type { SqlDatabase } from './database.ts'
import type { StoreClock } from './store-clock.ts'

/**
 * Detects a failover to a standby or a restore of the database, which may lose reservations. It stores the timeline of the
 * server beside them, and the oid of a table, which differs in a restored dump.
 */
export class Sentinel {
  readonly #database: SqlDatabase
  readonly #clock: StoreClock
  // Null if the server does not provide its timeline. Only the oid is compared then, even if other processes can read the
  // timeline.
  #timeline: string | null | undefined

  constructor (database: SqlDatabase, clock: StoreClock) {
    this.#database = database
    this.#clock = clock
  }

  /**
   * Returns a query for whether the history is that of the last reservation, `is_same`, and whether it had changed at the time
   * of its "?", in seconds since 1970, or later: `may_be_lost`.
   */
  async compare (): Promise<string> {
    const timeline = await this.#findTimeline()
    const isSame = `table_id = ${TABLE}${timeline === null ? '' : ` AND timeline = ${timeline}`}`
    return `SELECT ${isSame} AS is_same, COALESCE(changed_at >= CAST(? AS BIGINT), FALSE) AS may_be_lost FROM oauth_sentinel AS sentinel`
  }

  /** Stores the present history, with the time of the change. A store without a stored history has lost nothing. */
  async renew (): Promise<void> {
    const timeline = await this.#findTimeline() ?? 'timeline'
    const { sql, values } = this.#clock.secondsUp
    await this.#database.rows([`
      UPDATE oauth_sentinel AS sentinel SET table_id = ${TABLE}, timeline = ${timeline},
        changed_at = CASE WHEN table_id NOT IN ('', ${TABLE}) OR timeline NOT IN ('', ${timeline}) THEN ${sql} ELSE changed_at END
      WHERE table_id <> ${TABLE} OR timeline <> ${timeline}`, ...values()])
  }

  async #findTimeline (): Promise<string | null> {
    if (this.#timeline === undefined) {
      const isTold = await this.#hasTimeline() || await this.#hasTimeline()
      this.#timeline = isTold ? this.#database.dialect.timeline! : null
    }
    return this.#timeline
  }

  // Some databases that speak the protocol of PostgreSQL have no timeline, and some do not show it to every role.
  async #hasTimeline (): Promise<boolean> {
    try {
      await this.#database.rows([`SELECT ${this.#database.dialect.timeline!}`])
      return true
    } catch (error) {
      if (!isUnsupported(error)) throw error
      // A standby does not provide the timeline either, but rejects this query too.
      firstOf(await this.#database.read(['SELECT 1 AS one']))
      return false
    }
  }
}

const TABLE = 'CAST(sentinel.tableoid AS TEXT)'

// SQLSTATE: feature not supported, object not in prerequisite state, syntax error or access rule violation.
const UNSUPPORTED = /^(?:0A|42|55)/

function isUnsupported (error: unknown): boolean {
  const { cause } = error as { cause?: { code?: unknown } }
  return UNSUPPORTED.test(String(cause?.code))
}
