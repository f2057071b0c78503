import { UsageError } from './errors.ts'

/** The options of a command line, as parseArgs returns them. */
export type Values = Readonly<Record<string, string | boolean | undefined>>

const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const

/** The value of an option; undefined where it is left out. */
export function textOf (values: Values, option: string): string | undefined {
  const value = values[option]
  return typeof value === 'string' ? value : undefined
}

/** The values of an option that takes several. */
export function wordsOf (values: Values, option: string): string[] {
  return toWords(String(values[option]))
}

/** Splits at spaces, as the scope of RFC 6749 §3.3. */
export function toWords (text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '')
}

/**
 * A duration in seconds: `90`, `90s`, `15m`, `12h` or `30d`.
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

/** Parses a duration. @returns seconds; undefined for anything else */
export function toSeconds (text: string): number | undefined {
  const [, digits, unit = 's'] = /^(\d{1,10})([smhd])?$/.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits) * UNITS[unit as keyof typeof UNITS]
}
