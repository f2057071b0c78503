import { checkNewClient, CLIENT_METADATA_NAMES, fromClientMetadata, toMetadataNames, withKnownMethods } from '../../adapter.ts'
import type { NewClient } from '../../index.ts'
import type { FlowConfigurationError } from '../../errors/configuration-error.ts'
import { readCsv } from './csv.ts'
import { readJsonLines } from './json-lines.ts'
import { badRow } from './text.ts'

/** A client in a file, and the line in which it begins. */
export interface Row {
  line: number
  client: NewClient & { id: string }
}

export type Format = 'csv' | 'jsonl'

// Maximum length of a quoted name in errors.
const MAX_QUOTED = 64

const MEMBERS = { client_id: 'id', client_secret: 'secret', client_secret_hash: 'secretHash' } as const

/**
 * The columns of a CSV file and the members of a JSON line: client metadata (RFC 7591 §2), and members for imports only. Others
 * are rejected: a mistyped name must not be ignored, since the client could lose its scopes.
 */
export const COLUMNS: readonly string[] = [...Object.keys(MEMBERS), ...CLIENT_METADATA_NAMES]

/**
 * Parses the clients of a file.
 *
 * @throws CommandError with the line, for the first invalid row
 */
export async function * readRows (chunks: AsyncIterable<string>, format: Format): AsyncGenerator<Row> {
  const records = format === 'csv' ? readCsvObjects(chunks) : readJsonLines(chunks)
  for await (const { line, value } of records) yield { line, client: toClient(line, value) }
}

async function * readCsvObjects (chunks: AsyncIterable<string>): AsyncGenerator<{ line: number, value: Record<string, unknown> }> {
  let header: readonly string[] | undefined
  for await (const { line, fields } of readCsv(chunks)) {
    if (header === undefined) {
      header = fields
      checkHeader(line, header)
      continue
    }
    if (fields.length !== header.length) throw badRow(line, `There are ${fields.length} fields, and ${header.length} in the header`)
    yield { line, value: Object.fromEntries(header.map((name, column) => [name, fields[column]])) }
  }
}

function checkHeader (line: number, header: readonly string[]): void {
  // Without a header, these are the cells of the first client, and one of them may be a secret.
  if (!header.includes('client_id')) throw badRow(line, `This is no header with client_id, and commas between the columns. These are: ${COLUMNS.join(', ')}`)
  header.forEach((name) => { checkColumn(line, name) })
  if (new Set(header).size < header.length) throw badRow(line, 'A column is there twice')
}

function checkColumn (line: number, name: string): void {
  if (!COLUMNS.includes(name)) throw badRow(line, `There is no column "${name.slice(0, MAX_QUOTED)}". These are: ${COLUMNS.join(', ')}`)
}

function toClient (line: number, value: Record<string, unknown>): Row['client'] {
  Object.keys(value).forEach((name) => { checkColumn(line, name) })
  // An empty cell counts as omitted.
  const metadata = Object.fromEntries(Object.entries(value).filter(([, cell]) => cell !== '' && cell !== null))
  try {
    const client = { ...fromClientMetadata(metadata), ...textsOf(metadata) }
    // The methods of a flow are checked against the declarations of its servers.
    checkNewClient(withKnownMethods(client))
    return client
  } catch (error) {
    const { detail, message } = error as FlowConfigurationError
    throw badRow(line, toMetadataNames(detail ?? message))
  }
}

function textsOf (metadata: Readonly<Record<string, unknown>>): Pick<Row['client'], 'id' | 'secret' | 'secretHash'> {
  const texts = Object.entries(MEMBERS).filter(([name]) => metadata[name] !== undefined).map(([name, member]) => {
    if (typeof metadata[name] !== 'string') throw new TypeError(`${name} must be a string`)
    return [member, metadata[name]]
  })
  // A generated id would be different each time the same file is imported.
  if (metadata['client_id'] === undefined) throw new TypeError('client_id is missing. A file that may be read twice needs one for each client')
  return Object.fromEntries(texts)
}
