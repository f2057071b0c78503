// Maps a client to the names of RFC 7591 §2, RFC 8705 and RFC 9449, for the admin API, the import and `metadata` of OAuth2Client.
import { wrongClient } from '../errors/client-error.ts'
import { CLIENT_FIELDS, FIELD_ENTRIES } from './client-fields.ts'
import type { ClientChanges, ClientField, ClientRegistration, FieldName, MetadataMember } from './client-fields.ts'

// Members in addition to the registration.
const OTHER_NAMES: Readonly<Record<string, string>> = { id: 'client_id', secret: 'client_secret', secretHash: 'client_secret_hash', lifetime: 'client_secret_lifetime' }

const MEMBERS: ReadonlyMap<string, readonly [field: FieldName, member: MetadataMember]> = new Map(
  FIELD_ENTRIES.flatMap(([field, { members }]) => Object.entries(members).map(([name, member]) => [name, [field, member]] as const))
)

/** The names of the metadata members that carry the registration of a client. */
export const CLIENT_METADATA_NAMES: readonly string[] = [...MEMBERS.keys()]

/**
 * Reads the registration of a client from its metadata: JSON values or CSV cells. Does NOT validate it. Ignores members that are
 * not part of the registration.
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_CLIENT for a value of another type, or two members that exclude each other
 */
export function fromClientMetadata (metadata: Readonly<Record<string, unknown>>): ClientRegistration {
  const read = new Map<FieldName, { name: string, value: unknown }>()
  for (const [name, [field, member]] of MEMBERS) {
    const value = metadata[name] === undefined ? undefined : readMember(name, member, metadata[name])
    if (value === undefined) continue
    const other = read.get(field)
    if (other !== undefined) throw wrongClient(`The members ${other.name} and ${name} exclude each other`)
    read.set(field, { name, value })
  }
  return Object.fromEntries([...read].map(([field, { value }]) => [field, value]))
}

/** Reads metadata that replaces a registration as a whole: omitted members are removed. @throws as {@link fromClientMetadata} */
export function toReplacement (metadata: Readonly<Record<string, unknown>>): ClientChanges {
  return { ...Object.fromEntries(FIELD_ENTRIES.map(([name]) => [name, undefined])), ...fromClientMetadata(metadata) }
}

/**
 * Converts the registration of a client to metadata.
 *
 * @param isWritten selects the members. Default all
 */
export function toClientMetadata (client: ClientRegistration, isWritten: (field: ClientField, member: MetadataMember) => boolean = () => true): Record<string, unknown> {
  const metadata: Record<string, unknown> = {}
  for (const [name, field] of FIELD_ENTRIES) {
    if (client[name] === undefined) continue
    for (const [memberName, member] of Object.entries(field.members)) {
      const value = isWritten(field, member) ? member.write(client[name]) : undefined
      if (value !== undefined) metadata[memberName] = value
    }
  }
  return metadata
}

/** Replaces registry names by metadata names in an error description. */
export function toMetadataNames (text: string): string {
  return text.replace(/^\w+|\b[a-z]+[A-Z]\w*/g, (name) => {
    if (Object.hasOwn(OTHER_NAMES, name)) return OTHER_NAMES[name]!
    return Object.hasOwn(CLIENT_FIELDS, name) ? Object.keys(CLIENT_FIELDS[name as FieldName].members)[0]! : name
  })
}

function readMember (name: string, { read }: MetadataMember, value: unknown): unknown {
  try {
    return read(value)
  } catch (error) {
    throw wrongClient(`${name} must be ${(error as Error).message}`)
  }
}
