// A client under the names of RFC 7591 §2, RFC 8705 and RFC 9449, and as the registry has it. One table, read both ways.
import type { CertificateName, ClientChanges, ClientRegistration } from '../../src/index.ts'
import { invalidClientMetadata } from './refusals.ts'

interface Member {
  readonly name: string
  readonly member: keyof ClientRegistration
  /** Reads a value that the schema has accepted. Undefined where it says what is so anyway. */
  readonly read: (value: any) => unknown
  /** Writes a value that is there. Undefined where another name has the word. */
  readonly write: (value: any) => unknown
}

const MEMBERS: readonly Member[] = [
  same('client_name', 'name'),
  words('scope', 'scopes'),
  words('default_scope', 'defaultScopes'),
  same('audiences', 'audiences'),
  same('introspects', 'introspects'),
  same('access_token_lifetime', 'accessTokenLifetime'),
  { name: 'token_endpoint_auth_method', member: 'authMethods', read: (method) => [method], write: (methods) => methods.length === 1 ? methods[0] : undefined },
  { name: 'token_endpoint_auth_methods', member: 'authMethods', read: (methods) => methods, write: (methods) => methods.length === 1 ? undefined : methods },
  same('jwks', 'jwks'),
  same('jwks_uri', 'jwksUri'),
  certificate('tls_client_auth_subject_dn', 'subjectDn'),
  certificate('tls_client_auth_san_dns', 'sanDns'),
  certificate('tls_client_auth_san_uri', 'sanUri'),
  certificate('tls_client_auth_san_ip', 'sanIp'),
  certificate('tls_client_auth_san_email', 'sanEmail'),
  constraint('dpop_bound_access_tokens', 'dpop'),
  constraint('tls_client_certificate_bound_access_tokens', 'mtls')
]

// Of what is no part of the registration.
const OTHER_NAMES: Readonly<Record<string, string>> = { id: 'client_id', secret: 'client_secret', lifetime: 'client_secret_lifetime' }

/**
 * Reads what a request says of a client.
 *
 * @param body what the schema has accepted. Members that are none of the registration are left alone
 * @throws OAuth2Error invalid_client_metadata for two members of which one excludes the other
 */
export function toRegistration (body: Readonly<Record<string, unknown>>): ClientRegistration {
  const read = new Map<string, { name: string, value: unknown }>()
  for (const { name, member, read: readValue } of MEMBERS) {
    const value = body[name] === undefined ? undefined : readValue(body[name])
    if (value === undefined) continue
    const other = read.get(member)
    if (other !== undefined) throw invalidClientMetadata(`The members ${other.name} and ${name} exclude each other`)
    read.set(member, { name, value })
  }
  return Object.fromEntries([...read].map(([member, { value }]) => [member, value]))
}

/** Reads what takes the place of all that was registered of a client: what is left out is taken back. */
export function toWholeRegistration (body: Readonly<Record<string, unknown>>): ClientChanges {
  return { ...Object.fromEntries(MEMBERS.map(({ member }) => [member, undefined])), ...toRegistration(body) }
}

/** Puts the names of a request in the place of the registry's, in what that says of a registration which it refuses. */
export function toRegisteredNames (text: string): string {
  return text.replace(/^\w+|\b[a-z]+[A-Z]\w*/g, (name) => OTHER_NAMES[name] ?? MEMBERS.find(({ member }) => member === name)?.name ?? name)
}

/** Writes what is registered of a client. What it does not have is undefined, which JSON leaves out. */
export function toMetadata (client: ClientRegistration): Record<string, unknown> {
  return Object.fromEntries(MEMBERS.map(({ name, member, write }) => [name, client[member] === undefined ? undefined : write(client[member])]))
}

function same (name: string, member: keyof ClientRegistration): Member {
  return { name, member, read: (value) => value, write: (value) => value }
}

// RFC 6749 §3.3. An empty text is no scope at all, which differs from leaving default_scope out.
function words (name: string, member: 'scopes' | 'defaultScopes'): Member {
  return {
    name,
    member,
    read: (scope: string) => [...new Set(scope.split(' ').filter((word) => word !== ''))],
    write: (scopes: readonly string[]) => scopes.join(' ')
  }
}

// RFC 8705 §2.1.2: one name, of one kind.
function certificate (name: string, kind: keyof UnionOf<CertificateName>): Member {
  return { name, member: 'certificateName', read: (value: string) => ({ [kind]: value }), write: (value: UnionOf<CertificateName>) => value[kind] }
}

function constraint (name: string, kind: NonNullable<ClientRegistration['senderConstraint']>): Member {
  return { name, member: 'senderConstraint', read: (isBound: boolean) => isBound ? kind : undefined, write: (value) => value === kind ? true : undefined }
}

/** A type with each member of the types of a union. */
type UnionOf<T> = { [K in T extends T ? keyof T : never]?: string }
