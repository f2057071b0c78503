import { OutputClosedError } from './failure.ts'
import type { Io } from './io.ts'

/**
 * Writes a line, or some, to the standard output.
 *
 * @throws OutputClosedError when nobody reads it
 */
export async function print ({ stdout }: Pick<Io, 'stdout'>, text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stdout.write(`${text}\n`, (error) => error ? reject(new OutputClosedError('The standard output is closed', { cause: error })) : resolve())
  })
}

/** Writes what humans should know and programs should not read to the standard error. What it quotes of a file cannot move their cursor. */
export function note ({ stderr }: Pick<Io, 'stderr'>, text: string): void {
  stderr.write(`${text.replace(/[^\P{Cc}\n]/gu, '?')}\n`)
}

// The last second that a Date has (ECMA-262): a lifetime may be any number, and must not hide the secret that has it.
const LAST = 8_640_000_000_000

/** A time in seconds since 1970 as ISO 8601, and undefined as it is. */
export function isoTime<T extends number | undefined> (seconds: T): string | Extract<T, undefined> {
  return (seconds === undefined ? undefined : new Date(Math.min(seconds, LAST) * 1000).toISOString().replace('.000', '')) as string | Extract<T, undefined>
}

/** Sets cells under each other, with two spaces between the columns. All rows have as many. */
export function alignColumns (rows: ReadonlyArray<readonly string[]>): string {
  const cells = rows.map((row) => row.map(printable))
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => (row[column] as string).length)))
  return cells.map((row) => row.map((cell, column) => cell.padEnd(widths[column] as number)).join('  ').trimEnd()).join('\n')
}

// A name that somebody has imported must not move the cursor of the terminal of somebody else.
function printable (text: string): string {
  return text.replace(/\p{Cc}/gu, '?')
}
