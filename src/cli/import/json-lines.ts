import { badRow, MAX_RECORD } from './text.ts'

/**
 * Reads one JSON object per line. Empty lines are left out.
 *
 * @throws CommandError with the line, for anything else; never with the text, which may hold a secret
 */
export async function * readJsonLines (chunks: AsyncIterable<string>): AsyncGenerator<{ line: number, value: Record<string, unknown> }> {
  let line = 0
  for await (const text of readLines(chunks)) {
    line++
    if (text.length > MAX_RECORD) throw badRow(line, `This line is longer than ${MAX_RECORD} characters`)
    if (text.trim() !== '') yield { line, value: parseObject(text, line) }
  }
}

// Not readline: it ends lines at U+2028 too, which JSON may have in a text as it is (RFC 8259 §7).
async function * readLines (chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of chunks) {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop() as string
    yield * lines
    // A line without end is given up here, and refused there, before it fills the memory.
    if (rest.length > MAX_RECORD) break
  }
  yield rest
}

function parseObject (text: string, line: number): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw badRow(line, 'This is no JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badRow(line, 'This is no JSON object')
  return value as Record<string, unknown>
}
