import { createHash } from 'node:crypto'
import { StoreUnavailableError } from '../../errors/store-unavailable.ts'
import type { ReplayStore, Reservation } from '../contracts/replay-store.ts'
import { firstOf } from './database.ts'
import type { SqlDatabase } from './database.ts'
import { expiredRows } from './expired-rows.ts'
import type { SurplusRows } from './expired-rows.ts'
import { Sentinel } from './sentinel.ts'
import type { StoreClock } from './store-clock.ts'

/** The table of the reservations of one-time values. */
export class ReservationTable implements ReplayStore {
  readonly #database: SqlDatabase
  readonly #clock: StoreClock
  readonly #expired: SurplusRows
  readonly #sentinel: Sentinel | undefined
  readonly #reserve: string

  constructor (database: SqlDatabase, clock: StoreClock) {
    this.#database = database
    this.#clock = clock
    this.#expired = expiredRows(database, clock, { table: 'oauth_reservations', key: 'key' })
    this.#sentinel = database.dialect.timeline === undefined ? undefined : new Sentinel(database, clock)
    this.#reserve = reserveFrom('WHERE 1 = 1', clock)
  }

  async reserve (key: string, reservation: Reservation): Promise<boolean> {
    await this.#expired.drop()
    // Clients choose the key. Its hash is a valid string in every database, and short enough for an index.
    const hash = createHash('sha256').update(key).digest('base64url')
    const keep = Math.ceil(reservation.window + 2 * reservation.clockTolerance)
    const values = [hash, ...this.#clock.secondsUp.values(), keep, ...this.#clock.seconds.values()]
    if (this.#sentinel === undefined) return (await this.#database.rows([this.#reserve, ...values])).length > 0
    return await this.#reserveGuarded(this.#sentinel, reservation, values)
  }

  // Compares the history in the statement that reserves, which avoids a round trip and a race.
  async #reserveGuarded (sentinel: Sentinel, reservation: Reservation, values: Array<string | number>): Promise<boolean> {
    const text = `
      WITH history AS (${await sentinel.compare()}), reserved AS (${reserveFrom('FROM history WHERE is_same AND NOT may_be_lost', this.#clock)})
      SELECT is_same, may_be_lost, (SELECT COUNT(*) FROM reserved) AS reserved FROM history`
    const run = async () => firstOf(await this.#database.rows([text, lostBefore(reservation), ...values]))
    let row = await run()
    if (row['is_same'] !== true) {
      await sentinel.renew()
      row = await run()
    }
    if (row['is_same'] !== true || row['may_be_lost'] === true) {
      throw new StoreUnavailableError(new Error('The database was switched or restored lately, and may have lost the reservation of this value. Send a value that was made later'))
    }
    return Number(row['reserved']) > 0
  }
}

const reserveFrom = (source: string, { seconds, secondsUp }: StoreClock): string => `
  INSERT INTO oauth_reservations (key, expires_at) SELECT CAST(? AS TEXT), ${secondsUp.sql} + CAST(? AS BIGINT) ${source}
  ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at WHERE oauth_reservations.expires_at <= ${seconds.sql}
  RETURNING key`

// The earliest time of a loss that may have concerned the value: it cannot have been reserved before.
function lostBefore ({ window, issuedAt, expiresAt, clockTolerance }: Reservation): number {
  const earliest = (issuedAt ?? expiresAt - window) - 2 * clockTolerance
  return Math.floor(Math.min(Math.max(earliest, 0), Number.MAX_SAFE_INTEGER))
}
