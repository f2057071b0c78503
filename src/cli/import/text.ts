import { CommandError } from '../errors.ts'

/** What a record has at most, in characters: a quote that is never closed must not read a whole file into memory. */
export const MAX_RECORD = 1_048_576

/** What a row that cannot be imported is refused with. */
export function badRow (line: number, problem: string): CommandError {
  return new CommandError(`Line ${line}: ${problem}`)
}

/**
 * Decodes UTF-8, piece by piece, without the byte order mark that spreadsheets put in front.
 *
 * @throws CommandError for bytes that are no UTF-8, which other encodings of spreadsheets are
 */
export async function * decode (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const decodeOne = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
    } catch {
      throw new CommandError('The file is not UTF-8. Save it as UTF-8')
    }
  }
  for await (const chunk of chunks) yield decodeOne(chunk)
  yield decodeOne()
}
