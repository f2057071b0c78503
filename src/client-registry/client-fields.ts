// The single table of client fields. The registry, stored records, metadata, JSON Schemas, the CLI and the import derive from it.
import type { JSONWebKeySet } from 'jose'
import { isPublicJwks } from '../jws/public-jwk.ts'
import { RESERVED_CLAIMS } from '../jws/reserved-claims.ts'
import type { ClientNeeds } from '../stores/contracts/settings-store.ts'
import { FILLED_LIST, isListOf, isText, JSON_OBJECT, LIST, oneOf, SCOPES, SECONDS, SECURE_URL, TEXT, whether } from './client-field-kinds.ts'
import type { FieldKind } from './client-field-kinds.ts'

/** The name in a client certificate that identifies the client (RFC 8705 §2.1.2). */
export type CertificateName =
  | { subjectDn: string }
  | { sanDns: string }
  | { sanUri: string }
  | { sanIp: string }
  | { sanEmail: string }

/** The registration of a client. */
export interface ClientRegistration {
  /** For humans. */
  name?: string
  /** The scopes that it may request. Default none. */
  scopes?: readonly string[]
  /** The scopes of a request without a scope parameter; each among its scopes. Default all of its scopes. */
  defaultScopes?: readonly string[]
  /** The resources for which it may request tokens (RFC 8707). Default all of the server's. */
  audiences?: readonly string[]
  /** For a resource server: the audiences whose tokens it may introspect (RFC 7662 §4). */
  introspects?: readonly string[]
  /** Lifetime of its access tokens in seconds. Default that of the flow. */
  accessTokenLifetime?: number
  /** The client authentication methods that it may use, by their names in RFC 7591 §2. Default all for which it has secrets or keys. */
  authMethods?: readonly string[]
  /** Its public keys. Mutually exclusive with jwksUri (RFC 7591 §2). */
  jwks?: JSONWebKeySet
  /** The URL of its JWK Set: https, or http on loopback. */
  jwksUri?: string
  /** The name in its certificate that identifies it. */
  certificateName?: CertificateName
  /** The required sender constraint of its tokens. */
  senderConstraint?: 'dpop' | 'mtls'
  /** Additional claims of its access tokens of every kind: at most 4,096 bytes, and no claim that the server sets (RFC 7519, RFC 9068). */
  claims?: Readonly<Record<string, unknown>>
  /**
   * Free-form members for the operator. Callbacks read them from `metadata` of OAuth2Client; tokens never contain them. At most 4,096
   * bytes, and no member name of another field.
   */
  metadata?: Readonly<Record<string, unknown>>
}

/** A partial update of a client: omitted members are unchanged, undefined removes a member. */
export type ClientChanges = { [Name in keyof ClientRegistration]?: ClientRegistration[Name] | undefined }

/** The requirements of each client authentication method, by the name of the method. */
export type AuthMethods = Readonly<Record<string, ClientNeeds>>

/** A member of client metadata (RFC 7591 §2) that carries a field or one value of it. */
export interface MetadataMember<T = any> extends Pick<FieldKind<T>, 'schema' | 'read' | 'write'> {
  /** The description in JSON Schema and OpenAPI. */
  readonly description: string
  /** Whether the member is omitted from `metadata` of OAuth2Client. Default false. */
  readonly isHidden?: boolean
}

/** The definition of a client field. */
export interface ClientField<T = any> extends Pick<FieldKind<T>, 'isJson' | 'read' | 'show'> {
  /** Completes "must be …" in an error. */
  readonly demand: string | ((methods: AuthMethods) => string)
  check (value: unknown, client: ClientChanges, methods: AuthMethods): boolean
  /** The members of client metadata by name, for the admin API, the import and `metadata` of OAuth2Client. */
  readonly members: Readonly<Record<string, MetadataMember<T>>>
  /** Where callbacks and methods find the field: as a member of OAuth2Client, in its `metadata`, or not at all. */
  readonly reaches: 'client' | 'metadata' | 'registry'
  /** The command line option. */
  readonly option: { readonly name: string, readonly placeholder: string, readonly description: string }
  /** The label in the output of the command line. */
  readonly label: string
}

type FieldTable = { readonly [Name in keyof Required<ClientRegistration>]: ClientField<Required<ClientRegistration>[Name]> }

// Maps the kind on the command line to the name in the registry and the member of metadata.
const CERTIFICATE_NAMES = { dn: 'subjectDn', dns: 'sanDns', uri: 'sanUri', ip: 'sanIp', email: 'sanEmail' } as const

export const CLIENT_FIELDS = {
  name: {
    ...TEXT,
    members: { client_name: { ...TEXT, description: 'For humans.' } },
    reaches: 'registry',
    option: { name: 'name', placeholder: 'TEXT', description: 'a name for humans' },
    label: 'name'
  },
  scopes: {
    ...SCOPES,
    members: { scope: { ...SCOPES, description: 'The scopes that the client may have, separated by single spaces. Left out: none.' } },
    reaches: 'client',
    option: { name: 'scope', placeholder: '"A B"', description: 'the scopes that it may have (default none)' },
    label: 'scopes'
  },
  defaultScopes: {
    ...SCOPES,
    demand: 'a list of some of its scopes',
    check: (value: unknown, { scopes = [] }: ClientChanges) => isListOf(value, (scope) => Array.isArray(scopes) && scopes.includes(scope)),
    members: { default_scope: { ...SCOPES, description: 'The scopes that it gets when it asks for none. Left out: all of its scopes.' } },
    reaches: 'client',
    option: { name: 'default-scope', placeholder: '"A"', description: 'the scopes of a token request without scope (default all of its own)' },
    label: 'default scopes'
  },
  audiences: {
    ...FILLED_LIST,
    members: { audiences: { ...FILLED_LIST, description: 'The resources that its tokens may be for (RFC 8707). Left out: all of the server.' } },
    reaches: 'client',
    option: { name: 'audience', placeholder: '"A B"', description: 'the resources that its tokens may be for (default all of the server)' },
    label: 'audiences'
  },
  introspects: {
    ...LIST,
    members: { introspects: { ...LIST, description: 'For a resource server: the audiences whose tokens it may introspect (RFC 7662 section 4).' } },
    reaches: 'client',
    option: { name: 'introspects', placeholder: '"A B"', description: 'for a resource server: the audiences whose tokens it may introspect' },
    label: 'introspects'
  },
  accessTokenLifetime: {
    ...SECONDS,
    members: { access_token_lifetime: { ...SECONDS, description: 'The lifetime of its access tokens in seconds. Left out: that of the server.' } },
    reaches: 'client',
    option: { name: 'access-token-lifetime', placeholder: 'TIME', description: 'how long its tokens live: 90, 15m, 12h (default that of the server)' },
    label: 'token lifetime'
  },
  authMethods: {
    ...FILLED_LIST,
    demand: (methods: AuthMethods) => `a list of at least one of ${Object.keys(methods).join(', ')}, and only of those that it has keys or a certificate for`,
    check: (value: unknown, client: ClientChanges, methods: AuthMethods) =>
      isListOf(value, (name) => Object.hasOwn(methods, String(name)) && hasNeeded(client, methods[String(name)])) && value.length > 0,
    members: {
      // RFC 7591 §2 defines a single method. The registry also supports several.
      token_endpoint_auth_method: {
        ...TEXT,
        read: (method: unknown) => [TEXT.read(method)],
        write: (methods: readonly string[]) => methods.length === 1 ? methods[0] : undefined,
        description: 'The only way in which it may authenticate. Left out: all that it has secrets or keys for.'
      },
      token_endpoint_auth_methods: {
        ...FILLED_LIST,
        write: (methods: readonly string[]) => methods.length === 1 ? undefined : methods,
        isHidden: true,
        description: 'In place of token_endpoint_auth_method: the several ways in which it may authenticate.'
      }
    },
    reaches: 'metadata',
    option: { name: 'auth-method', placeholder: '"A B"', description: 'how it may authenticate: client_secret_basic, private_key_jwt, ... (default all that it has secrets or keys for)' },
    label: 'authenticates by'
  },
  jwks: {
    ...JSON_OBJECT,
    demand: 'a JWK Set of public keys, RSA, EC or OKP, at least one, each kid once, and without jwksUri beside it',
    check: (value: unknown, { jwksUri }: ClientChanges) => jwksUri === undefined && isPublicJwks(value),
    show: ({ keys }: JSONWebKeySet) => keys.map(({ kid, kty }) => kid ?? kty).join(' '),
    members: {
      jwks: {
        ...JSON_OBJECT,
        schema: {
          type: 'object',
          required: ['keys'],
          properties: { keys: { type: 'array', items: { type: 'object', required: ['kty'], properties: { kty: { type: 'string' } }, additionalProperties: true } } },
          additionalProperties: false
        },
        description: 'Its public keys (RFC 7517 section 5).'
      }
    },
    reaches: 'metadata',
    option: { name: 'jwks', placeholder: 'FILE', description: 'its public keys: a JWK Set' },
    label: 'public keys'
  },
  jwksUri: {
    ...SECURE_URL,
    members: { jwks_uri: { ...SECURE_URL, description: 'The URL of its public keys.' } },
    reaches: 'metadata',
    option: { name: 'jwks-uri', placeholder: 'URL', description: 'the URL of its public keys' },
    label: 'public keys at'
  },
  certificateName: {
    ...TEXT,
    demand: `an object with exactly one of ${Object.values(CERTIFICATE_NAMES).join(', ')}`,
    check: isCertificateName,
    read: readCertificateName,
    show: (name: CertificateName) => Object.entries(name).flat().join(' '),
    members: {
      tls_client_auth_subject_dn: certificateMember('subjectDn', 'The subject of its certificate (RFC 8705 section 2.1.2). One of the five tls_client_auth members at most.'),
      tls_client_auth_san_dns: certificateMember('sanDns', 'A DNS name in its certificate.'),
      tls_client_auth_san_uri: certificateMember('sanUri', 'A URI in its certificate.'),
      tls_client_auth_san_ip: certificateMember('sanIp', 'An IP address in its certificate.'),
      tls_client_auth_san_email: certificateMember('sanEmail', 'An e-mail address in its certificate.')
    },
    reaches: 'metadata',
    option: { name: 'certificate-name', placeholder: 'KIND:NAME', description: 'the name in its certificate: dn, dns, uri, ip or email, such as dns:billing.example.com' },
    label: 'certificate name'
  },
  senderConstraint: {
    ...oneOf('dpop', 'mtls'),
    members: {
      dpop_bound_access_tokens: { ...whether('dpop'), description: 'Whether its tokens must be bound by DPoP (RFC 9449 section 5.2). Default false.' },
      tls_client_certificate_bound_access_tokens: { ...whether('mtls'), description: 'Whether its tokens must be bound to its certificate (RFC 8705 section 3.4). Default false.' }
    },
    reaches: 'metadata',
    option: { name: 'sender-constraint', placeholder: 'KIND', description: 'what its tokens must be bound to: dpop or mtls' },
    label: 'tokens bound by'
  },
  claims: {
    ...JSON_OBJECT,
    demand: `${JSON_OBJECT.demand}, without ${[...RESERVED_CLAIMS].join(', ')}`,
    check: (value: unknown) => isJsonWithout(value, RESERVED_CLAIMS),
    members: { claims: { ...JSON_OBJECT, description: 'Further claims of its access tokens. None that RFC 7519 or RFC 9068 defines for the server.' } },
    reaches: 'client',
    option: { name: 'claims', placeholder: 'JSON|FILE', description: 'further claims of its tokens, such as \'{"tenant":"t7"}\'' },
    label: 'claims'
  },
  metadata: {
    ...JSON_OBJECT,
    demand: `${JSON_OBJECT.demand}, without members of client metadata such as jwks`,
    check: (value: unknown) => isJsonWithout(value, metadataNames()),
    members: { metadata: { ...JSON_OBJECT, description: 'Members for the operator and the callbacks of the server. Never in a token.' } },
    reaches: 'client',
    option: { name: 'metadata', placeholder: 'JSON|FILE', description: 'members for your own use, such as \'{"team":"billing"}\'' },
    label: 'metadata'
  }
} as const satisfies FieldTable

export type FieldName = keyof ClientRegistration

/** The rows of the table, for code that handles all fields alike. */
export const FIELD_ENTRIES = Object.entries(CLIENT_FIELDS) as ReadonlyArray<readonly [name: FieldName, field: ClientField]>

/** Returns whether a client has registered keys or a jwks_uri. */
export function hasKeys ({ jwks, jwksUri }: ClientChanges): boolean {
  return jwks !== undefined || jwksUri !== undefined
}

// The flow interprets members of these names in `metadata` of OAuth2Client, so free-form metadata must not contain them.
function metadataNames (): ReadonlySet<string> {
  return new Set([...FIELD_ENTRIES.flatMap(([, { members }]) => Object.keys(members)), 'client_id', 'client_secret', 'grant_types', 'token_endpoint_auth_signing_alg'])
}

function isJsonWithout (value: unknown, names: ReadonlySet<string>): boolean {
  return JSON_OBJECT.check(value) && Object.keys(value as object).every((name) => !names.has(name))
}

function hasNeeded (client: ClientChanges, needs: ClientNeeds | undefined): boolean {
  if (needs === 'keys') return hasKeys(client)
  return needs !== 'certificate' || client.certificateName !== undefined
}

function isCertificateName (value: unknown): boolean {
  const [[kind, name] = [], ...others] = Object.entries(value ?? {})
  return others.length === 0 && Object.values<unknown>(CERTIFICATE_NAMES).includes(kind) && isText(name)
}

function readCertificateName (value: unknown): object {
  const [, kind = '', name] = /^(\w+):(.+)$/.exec(String(value)) ?? []
  if (!Object.hasOwn(CERTIFICATE_NAMES, kind)) throw new TypeError('dn:, dns:, uri:, ip: or email: and a name')
  return { [CERTIFICATE_NAMES[kind as keyof typeof CERTIFICATE_NAMES]]: name }
}

function certificateMember (kind: string, description: string) {
  return {
    ...TEXT,
    read: (value: unknown) => ({ [kind]: TEXT.read(value) }),
    write: (name: CertificateName) => (name as Record<string, string>)[kind],
    description
  }
}
