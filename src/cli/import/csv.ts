// RFC 4180 in one pass. A package for it would be installed by everybody who serves tokens, for a command that few run
// once: these are the rules that a spreadsheet keeps, and what does not keep them is refused rather than guessed at.
import { badRow, MAX_RECORD } from './text.ts'

/** A record and the line that it begins in. */
export interface CsvRecord {
  line: number
  fields: string[]
}

type State = 'start' | 'plain' | 'quoted' | 'closed'

/**
 * Reads the records of a CSV text: fields between commas, in quotes where they hold commas, quotes (doubled) or line
 * breaks; lines end with LF or CRLF. Empty lines are left out.
 *
 * @throws CommandError with the line, for a quote where none may be
 */
export async function * readCsv (chunks: AsyncIterable<string>): AsyncGenerator<CsvRecord> {
  let state: State = 'start'
  let line = 1
  let record: CsvRecord = { line, fields: [] }
  let field = ''
  let size = 0

  const endField = (): void => {
    record.fields.push(field)
    field = ''
    state = 'start'
  }
  const endRecord = (): CsvRecord | undefined => {
    // The CR of a CRLF behind a field without quotes.
    if (state === 'plain' && field.endsWith('\r')) field = field.slice(0, -1)
    const isEmpty = record.fields.length === 0 && field === '' && state !== 'closed'
    endField()
    const ended = record
    record = { line: line + 1, fields: [] }
    size = 0
    return isEmpty ? undefined : ended
  }

  for await (const chunk of chunks) {
    for (const char of chunk) {
      if (++size > MAX_RECORD) throw badRow(record.line, `This record is longer than ${MAX_RECORD} characters. Is a quote not closed?`)
      if (state === 'quoted') {
        if (char === '"') state = 'closed'
        else field += char
      } else if (char === ',') {
        endField()
      } else if (char === '\n') {
        const ended = endRecord()
        if (ended) yield ended
      } else if (char === '"') {
        if (state === 'plain') throw badRow(line, 'A quote stands in a field without quotes. Put the field in quotes, and double those in it')
        // The second of two quotes in a field stands for one.
        if (state === 'closed') field += char
        state = 'quoted'
      } else if (state === 'closed') {
        if (char !== '\r') throw badRow(line, 'Something stands between a closing quote and the next comma')
      } else {
        field += char
        state = 'plain'
      }
      if (char === '\n') line++
    }
  }
  if (state === 'quoted') throw badRow(record.line, 'A quote is not closed')
  const last = endRecord()
  if (last) yield last
}
