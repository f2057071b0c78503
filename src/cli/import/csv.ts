// A parser of RFC 4180 in one pass. A dependency would be installed on every server for a command that is rarely used. Input
// that violates the RFC is rejected, not guessed.
import { badRow, MAX_RECORD } from './text.ts'

/** A record and the line that it begins in. */
export interface CsvRecord {
  line: number
  fields: string[]
}

type State = 'start' | 'plain' | 'quoted' | 'closed'

/**
 * Reads the records of a CSV text: fields between commas, in quotes if they contain commas, quotes (doubled) or line
 * breaks; lines end with LF or CRLF. Empty lines are skipped.
 *
 * @throws CommandError with the line, for a misplaced quote
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
    // Remove the CR of a CRLF after a field without quotes.
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
        // Two quotes in a quoted field stand for one.
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
