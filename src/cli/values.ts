import { toSeconds } from '../lib/duration.ts'
import { UsageError } from './errors.ts'

/** The options of a command line, as parseArgs returns them. */
export type Values = Readonly<Record<string, string | boolean | undefined>>

/** Returns the value of an option; undefined if it is omitted. */
export function textOf (values: Values, option: string): string | undefined {
  const value = values[option]
  return typeof value === 'string' ? value : undefined
}

/**
 * Parses a duration, and returns seconds: `90`, `90s`, `15m`, `12h` or `30d`.
 *
 * @throws UsageError for anything else
 */
export function secondsOf (values: Values, option: string): number | undefined {
  const text = textOf(values, option)
  if (text === undefined) return undefined
  const seconds = toSeconds(text)
  if (seconds === undefined) throw new UsageError(`--${option} must be a duration such as 90, 15m, 12h or 30d, and not "${text}"`)
  return seconds
}
