import { readFile } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import type { Clock } from '../lib/clock.ts'
import { CommandError, messageOf } from './errors.ts'

/** The parts of the process that a command uses. */
export interface Io {
  /** The arguments after the name of the program. */
  argv: readonly string[]
  env: Readonly<Record<string, string | undefined>>
  stdin: AsyncIterable<Uint8Array>
  /** Receives results only. Its errors reject each write; the caller must listen to its error events. */
  stdout: Writable
  /** Receives progress, notes and errors. */
  stderr: Writable
  /** The user of the operating system, and the name of this machine: the actor of audit records. */
  user: { readonly id: string, readonly host: string }
  now: Clock
}

/**
 * Reads all of the standard input as text, without the line break at its end.
 *
 * @throws CommandError for bytes that are not UTF-8, since replacement characters would change a secret
 */
export async function readStdin ({ stdin }: Pick<Io, 'stdin'>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stdin) chunks.push(chunk)
  return decode(Buffer.concat(chunks), 'The standard input').replace(/\r?\n$/, '')
}

/**
 * Reads a small file, or the standard input for "-".
 *
 * @throws CommandError for a file that cannot be read
 */
export async function readInput (file: string, io: Pick<Io, 'stdin'>): Promise<string> {
  if (file === '-') return await readStdin(io)
  return decode(await readFile(file).catch((error: unknown) => { throw new CommandError(messageOf(error)) }), file)
}

// Removes the byte order mark that some editors write.
function decode (bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new CommandError(`${name} is not UTF-8`)
  }
}

/**
 * Parses JSON that may contain a secret.
 *
 * @param what it should be
 * @throws CommandError without the message of the parser, which quotes the text
 */
export function parseJson (text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new CommandError(`This is no ${what}: the JSON is broken`)
  }
}
