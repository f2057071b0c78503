import type { Clock } from '../../lib/clock.ts'
import { processClock } from '../process-clock.ts'
import type { Dialect } from './database.ts'

/** A time as an expression in a statement. */
export interface TimeExpression {
  readonly sql: string
  /** Returns the values for each "?" in `sql`. */
  values (): number[]
}

/** The clock of a store: that of the database server, else that of this process. */
export interface StoreClock {
  /** Milliseconds since 1970. */
  readonly milliseconds: TimeExpression
  /** Seconds since 1970, rounded down, to compare with expiry times. */
  readonly seconds: TimeExpression
  /** Seconds since 1970, rounded up, to compute expiry times. */
  readonly secondsUp: TimeExpression
  /** A clock of this process that is never ahead of the time that has really passed. */
  readonly own: Clock
}

/** @param now replaces the clock of the server, or of the machine */
export function storeClock (dialect: Dialect, now: Clock | undefined): StoreClock {
  const { earliest, latest, steady } = processClock(now)
  const { clock } = dialect
  if (clock !== undefined && now === undefined) {
    const expression = (sql: string): TimeExpression => ({ sql: `CAST(${sql} AS BIGINT)`, values: () => [] })
    return { milliseconds: expression(`FLOOR(${clock} * 1000)`), seconds: expression(`FLOOR(${clock})`), secondsUp: expression(`CEIL(${clock})`), own: steady }
  }
  const expression = (time: () => number): TimeExpression => ({ sql: 'CAST(? AS BIGINT)', values: () => [time()] })
  const time = clock === undefined ? earliest : latest
  return {
    milliseconds: expression(() => Math.floor(time())),
    seconds: expression(() => Math.floor(time() / 1000)),
    secondsUp: expression(() => Math.ceil(latest() / 1000)),
    own: steady
  }
}
