import { CommandError } from '../errors.ts'

/** Maximum length of a record in characters: an unclosed quote must not read a whole file into memory. */
export const MAX_RECORD = 1_048_576

/** Creates the error for a row that cannot be imported. */
export function badRow (line: number, problem: string): CommandError {
  return new CommandError(`Line ${line}: ${problem}`)
}

/**
 * Decodes a stream of UTF-8, without the byte order mark that spreadsheets write.
 *
 * @throws CommandError for bytes that are not UTF-8, such as other encodings of spreadsheets
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
