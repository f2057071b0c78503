import { OutputClosedError } from './errors.ts'
import type { Io } from './io.ts'

/**
 * Writes one or more lines to the standard output.
 *
 * @throws OutputClosedError if it is closed
 */
export async function print ({ stdout }: Pick<Io, 'stdout'>, text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stdout.write(`${text}\n`, (error) => error ? reject(new OutputClosedError('The standard output is closed', { cause: error })) : resolve())
  })
}

// Control characters except line ends, and characters that change the direction of the following text.
const UNPRINTABLE = /[^\P{Cc}\n]|[\p{Bidi_Control}\u2028\u2029]/gu

/** Writes a message for humans to the standard error, without control characters in quoted values. */
export function note ({ stderr }: Pick<Io, 'stderr'>, text: string): void {
  stderr.write(`${text.replace(UNPRINTABLE, '?')}\n`)
}

// The last second of a Date (ECMA-262). A lifetime may be any number.
const LAST = 8_640_000_000_000

/** Formats seconds since 1970 as ISO 8601. Returns undefined for undefined. */
export function isoTime<T extends number | undefined> (seconds: T): string | Extract<T, undefined> {
  return (seconds === undefined ? undefined : new Date(Math.min(seconds, LAST) * 1000).toISOString().replace('.000', '')) as string | Extract<T, undefined>
}

/** Aligns cells in columns, with two spaces between them. All rows have the same number of cells. */
export function alignColumns (rows: ReadonlyArray<readonly string[]>): string {
  const cells = rows.map((row) => row.map(printable))
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => (row[column] as string).length)))
  return cells.map((row) => row.map((cell, column) => cell.padEnd(widths[column] as number)).join('  ').trimEnd()).join('\n')
}

// An imported name must not move the cursor of a terminal.
function printable (text: string): string {
  return text.replace(UNPRINTABLE, '?').replaceAll('\n', '?')
}
