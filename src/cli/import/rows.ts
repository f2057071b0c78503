import type { NewClient } from '../../client-registry/client-registry.ts'
import { isClientId } from '../../client-registry/new-client.ts'
import { isSecret, toPlainHash } from '../../client-registry/secrets/fast-secrets.ts'
import { checkRegistration, withKnownMethods } from '../../client-registry/validate-registration.ts'
import type { CertificateName } from '../../stores/contracts/index.ts'
import { toWords } from '../values.ts'
import { readCsv } from './csv.ts'
import { readJsonLines } from './json-lines.ts'
import { badRow } from './text.ts'

/** A client of a file, and the line that it begins in. */
export interface Row {
  line: number
  client: NewClient & { id: string }
}

export type Format = 'csv' | 'jsonl'

// Characters of a name that are told.
const MAX_QUOTED = 64

type Reader = (value: unknown) => Partial<NewClient>

/**
 * The columns of a CSV file and the members of a JSON line: names of RFC 7591 §2, RFC 8705 §2.1.2 and §3.4, RFC 9449 §5.2,
 * and some that no RFC has. Whatever is not listed here is refused: a typing error must not cost a client its scopes.
 */
export const COLUMNS = {
  client_id: (value) => ({ id: toText(value) }),
  client_name: (value) => ({ name: toText(value) }),
  client_secret: (value) => ({ secret: toText(value) }),
  client_secret_hash: (value) => ({ secretHash: toText(value) }),
  scope: (value) => ({ scopes: toList(value) }),
  default_scope: (value) => ({ defaultScopes: toList(value) }),
  audiences: (value) => ({ audiences: toList(value) }),
  introspects: (value) => ({ introspects: toList(value) }),
  access_token_lifetime: (value) => ({ accessTokenLifetime: toNumber(value) }),
  token_endpoint_auth_method: (value) => ({ authMethods: [toText(value)] }),
  token_endpoint_auth_methods: (value) => ({ authMethods: toList(value) }),
  jwks: (value) => ({ jwks: toObject(value) as NonNullable<NewClient['jwks']> }),
  jwks_uri: (value) => ({ jwksUri: toText(value) }),
  tls_client_auth_subject_dn: (value) => certificate({ subjectDn: toText(value) }),
  tls_client_auth_san_dns: (value) => certificate({ sanDns: toText(value) }),
  tls_client_auth_san_uri: (value) => certificate({ sanUri: toText(value) }),
  tls_client_auth_san_ip: (value) => certificate({ sanIp: toText(value) }),
  tls_client_auth_san_email: (value) => certificate({ sanEmail: toText(value) }),
  dpop_bound_access_tokens: (value) => toBoolean(value) ? { senderConstraint: 'dpop' } : {},
  tls_client_certificate_bound_access_tokens: (value) => toBoolean(value) ? { senderConstraint: 'mtls' } : {}
} satisfies Record<string, Reader>

/**
 * Reads clients, one after another.
 *
 * @throws CommandError with the line, for the first row that is none
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
  // Where there is no header these are the cells of the first client, and one of them may be a secret.
  if (!header.includes('client_id')) throw badRow(line, `This is no header with client_id, and commas between the columns. These are: ${Object.keys(COLUMNS).join(', ')}`)
  header.forEach((name) => columnOf(line, name))
  if (new Set(header).size < header.length) throw badRow(line, 'A column is there twice')
}

function columnOf (line: number, name: string): Reader {
  if (!Object.hasOwn(COLUMNS, name)) throw badRow(line, `There is no column "${name.slice(0, MAX_QUOTED)}". These are: ${Object.keys(COLUMNS).join(', ')}`)
  return COLUMNS[name as keyof typeof COLUMNS]
}

function toClient (line: number, value: Record<string, unknown>): Row['client'] {
  const client: NewClient = {}
  for (const [name, cell] of Object.entries(value)) {
    const read = columnOf(line, name)
    // Nothing in a cell: as if the column was not there.
    if (cell === '' || cell === null) continue
    const members = refuseWith((problem) => badRow(line, `${name} must be ${problem}`), () => read(cell))
    if (Object.keys(members).some((member) => member in client)) throw badRow(line, `${name} and another column exclude each other`)
    Object.assign(client, members)
  }
  return refuseWith((problem) => badRow(line, problem), () => checkClient(client))
}

// As the registry will, but while the line is known.
function checkClient ({ id, secret, secretHash, ...registration }: NewClient): Row['client'] {
  // A generated one would be another each time that the same file is read.
  if (id === undefined) throw new TypeError('client_id is missing. A file that may be read twice needs one for each client')
  if (!isClientId(id)) throw new TypeError('client_id must be at most 255 visible ASCII characters without quote and backslash')
  if (secret !== undefined && !isSecret(secret)) throw new TypeError('client_secret must have 1 to 1,024 characters, none of them a control character')
  if (secretHash !== undefined && toPlainHash(secretHash) === undefined) throw new TypeError('client_secret_hash must be "sha256:" and a SHA-256 in hex or base64url')
  // Methods of a flow are checked with what its servers have declared.
  checkRegistration(withKnownMethods(registration))
  return { ...registration, id, ...secret !== undefined && { secret }, ...secretHash !== undefined && { secretHash } }
}

function refuseWith<T> (refusal: (problem: string) => Error, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw refusal((error as Error).message)
  }
}

function toText (value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('a text')
  return value
}

function toList (value: unknown): string[] {
  if (Array.isArray(value) && value.every((word) => typeof word === 'string')) return value
  if (typeof value !== 'string') throw new TypeError('words with spaces between them')
  return toWords(value)
}

function toNumber (value: unknown): number {
  const number = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number') throw new TypeError('a number of seconds')
  return number
}

function toBoolean (value: unknown): boolean {
  if (value === true || value === 'true') return true
  if (value === false || value === 'false') return false
  throw new TypeError('true or false')
}

function toObject (value: unknown): object {
  let object = value
  try {
    if (typeof value === 'string') object = JSON.parse(value)
  } catch {}
  if (typeof object !== 'object' || object === null) throw new TypeError('JSON')
  return object
}

function certificate (certificateName: CertificateName): Partial<NewClient> {
  return { certificateName }
}
