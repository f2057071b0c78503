import { badRow, MAX_RECORD } from './text.ts'

/**
 * Reads one JSON object per line. Empty lines are skipped.
 *
 * @throws CommandError with the line, for anything else. The error never contains the text, which may contain a secret
 */
export async function * readJsonLines (chunks: AsyncIterable<string>): AsyncGenerator<{ line: number, value: Record<string, unknown> }> {
  let line = 0
  for await (const text of readLines(chunks)) {
    line++
    if (text.length > MAX_RECORD) throw badRow(line, `This line is longer than ${MAX_RECORD} characters`)
    if (text.trim() !== '') yield { line, value: parseObject(text, line) }
  }
}

// Does not use readline, which also splits at U+2028. JSON strings may contain it unescaped (RFC 8259 §7).
async function * readLines (chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of chunks) {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop() as string
    yield * lines
    // Stop at a line that is too long, before it fills the memory. The caller rejects it.
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
