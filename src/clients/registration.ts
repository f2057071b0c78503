import { isScopeToken } from '../scope.ts'
import { isSecureUrl } from '../secure-url.ts'
import type { ClientRegistration, StoredClient } from '../stores/index.ts'
import { wrongClient } from './client-error.ts'
import { isPublicJwks } from './client-jwks.ts'
import { CERTIFICATE_NAMES } from './oauth2-client.ts'

// RFC 7591 §2, RFC 8705 §2. Not client_secret_jwt, which needs the secret itself, and not its hash.
const AUTH_METHODS: Readonly<Record<string, (client: ClientChanges) => boolean>> = {
  client_secret_basic: () => true,
  client_secret_post: () => true,
  private_key_jwt: hasKeys,
  tls_client_auth: ({ certificateName }) => certificateName !== undefined,
  self_signed_tls_client_auth: hasKeys
}

type Check = (value: unknown, client: ClientChanges) => boolean

const MEMBERS: Readonly<Record<keyof ClientRegistration, readonly [check: Check, demand: string]>> = {
  name: [isText, 'a text without control characters'],
  scopes: [(value) => isListOf(value, isScopeToken), 'a list of names without space, quote and backslash (RFC 6749 section 3.3)'],
  defaultScopes: [(value, { scopes = [] }) => isListOf(value, (scope) => Array.isArray(scopes) && scopes.includes(scope)), 'a list of some of its scopes'],
  audiences: [(value) => isListOf(value, isText) && value.length > 0, 'a list of at least one name or URL'],
  introspects: [(value) => isListOf(value, isText), 'a list of names or URLs'],
  accessTokenLifetime: [isSeconds, 'a whole number of seconds above zero'],
  authMethods: [
    (value, client) => isListOf(value, (name) => Object.hasOwn(AUTH_METHODS, String(name)) && AUTH_METHODS[String(name)]?.(client) === true) && value.length > 0,
    `a list of at least one of ${Object.keys(AUTH_METHODS).join(', ')}, and only of those that it has keys or a certificate for`
  ],
  jwks: [(value, { jwksUri }) => jwksUri === undefined && isPublicJwks(value), 'a JWK Set of public keys, RSA, EC or OKP, at least one, each kid once, and without jwksUri beside it'],
  jwksUri: [(value) => typeof value === 'string' && isSecureUrl(value), 'an https URL (http on loopback only)'],
  certificateName: [isCertificateName, `an object with exactly one of ${CERTIFICATE_NAMES.join(', ')}`],
  senderConstraint: [(value) => value === 'dpop' || value === 'mtls', 'dpop or mtls']
}

/** What of a client is to be another: what is not named stays, what is named undefined is taken back. */
export type ClientChanges = { [name in keyof ClientRegistration]?: ClientRegistration[name] | undefined }

/**
 * Checks what is said of a client. Does NOT check whether its scopes and audiences are among those of a flow.
 *
 * @returns a copy, without members that are undefined
 * @throws FlowConfigurationError that names what is wrong
 */
export function checkRegistration (client: ClientChanges): ClientRegistration {
  for (const [name, value] of Object.entries(client)) {
    const member = Object.hasOwn(MEMBERS, name) ? MEMBERS[name as keyof ClientRegistration] : undefined
    // A typing error must not cost a client its scopes.
    if (member === undefined) throw wrongClient(`there is no member ${JSON.stringify(name)}`)
    const [check, demand] = member
    if (value !== undefined && !check(value, client)) throw wrongClient(`${name} must be ${demand}`)
  }
  return structuredClone(withoutUndefined(client))
}

/** @throws FlowConfigurationError that names what would be wrong */
export function applyChanges (client: StoredClient, changes: ClientChanges): StoredClient {
  const { id, version, isDisabled = false, generation, secrets, createdAt, updatedAt, ...registration } = client
  const { scopes = [], ...changed } = checkRegistration({ ...registration, ...changes })
  return { id, version, ...(isDisabled && { isDisabled }), ...(generation !== undefined && { generation }), ...changed, scopes, secrets, createdAt, updatedAt }
}

/** Tells whether a value is a whole number of seconds above zero. */
export function isSeconds (value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

/** Tells whether a client proves who it is by something other than a secret. */
export function hasProof (client: ClientChanges): boolean {
  return hasKeys(client) || client.certificateName !== undefined
}

function hasKeys ({ jwks, jwksUri }: ClientChanges): boolean {
  return jwks !== undefined || jwksUri !== undefined
}

// Control characters would fail in a database, and in a terminal do what they like.
function isText (value: unknown): boolean {
  // eslint-disable-next-line no-control-regex
  return typeof value === 'string' && /^[^\x00-\x1F\x7F]+$/.test(value)
}

function isListOf (value: unknown, isItem: (item: unknown) => boolean): value is readonly unknown[] {
  return Array.isArray(value) && value.every(isItem)
}

function isCertificateName (value: unknown): boolean {
  const [[kind, name] = [], ...others] = Object.entries(value ?? {})
  return others.length === 0 && kind !== undefined && CERTIFICATE_NAMES.includes(kind) && isText(name)
}

function withoutUndefined (changes: ClientChanges): ClientRegistration {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined))
}
