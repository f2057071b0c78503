import { wrongClient } from '../errors/client-error.ts'
import { isScopeToken } from '../http/scope.ts'
import { isPublicJwks } from '../jws/public-jwk.ts'
import { isSecureUrl } from '../lib/secure-url.ts'
import { nearestName } from '../options/check-options.ts'
import type { ClientNeeds, ClientRegistration, StoredClient } from '../stores/contracts/index.ts'
import { CERTIFICATE_NAMES } from './to-oauth2-client.ts'

/** What clients need for each method, by its name. */
export type AuthMethods = Readonly<Record<string, ClientNeeds>>

/** The methods that are known without a flow (RFC 7591 §2, RFC 8705 §2). Not client_secret_jwt, which needs the secret itself, and not its hash. */
export const KNOWN_AUTH_METHODS: AuthMethods = Object.freeze({
  client_secret_basic: 'secret',
  client_secret_post: 'secret',
  private_key_jwt: 'keys',
  tls_client_auth: 'certificate',
  self_signed_tls_client_auth: 'keys',
  workload_identity: 'nothing'
})

type Check = (value: unknown, client: ClientChanges, methods: AuthMethods) => boolean
type Demand = string | ((methods: AuthMethods) => string)

const MEMBERS: Readonly<Record<keyof ClientRegistration, readonly [check: Check, demand: Demand]>> = {
  name: [isText, 'a text without control characters'],
  scopes: [(value) => isListOf(value, isScopeToken), 'a list of names without space, quote and backslash (RFC 6749 section 3.3)'],
  defaultScopes: [(value, { scopes = [] }) => isListOf(value, (scope) => Array.isArray(scopes) && scopes.includes(scope)), 'a list of some of its scopes'],
  audiences: [(value) => isListOf(value, isText) && value.length > 0, 'a list of at least one name or URL'],
  introspects: [(value) => isListOf(value, isText), 'a list of names or URLs'],
  accessTokenLifetime: [isSeconds, 'a whole number of seconds above zero'],
  authMethods: [
    (value, client, methods) => isListOf(value, (name) => Object.hasOwn(methods, String(name)) && hasNeeded(client, methods[String(name)])) && value.length > 0,
    (methods) => `a list of at least one of ${Object.keys(methods).join(', ')}, and only of those that it has keys or a certificate for`
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
export function checkRegistration (client: ClientChanges, methods: AuthMethods = KNOWN_AUTH_METHODS): ClientRegistration {
  for (const [name, value] of Object.entries(client)) {
    const member = Object.hasOwn(MEMBERS, name) ? MEMBERS[name as keyof ClientRegistration] : undefined
    // A typing error must not cost a client its scopes.
    if (member === undefined) throw wrongClient(`there is no member ${JSON.stringify(name)}${hintOf(name)}`)
    const [check, demand] = member
    if (value !== undefined && !check(value, client, methods)) throw wrongClient(`${name} must be ${typeof demand === 'string' ? demand : demand(methods)}`)
  }
  return structuredClone(withoutUndefined(client))
}

/** @throws FlowConfigurationError that names what would be wrong */
export function applyChanges (client: StoredClient, changes: ClientChanges, methods: AuthMethods): StoredClient {
  const { id, version, isDisabled = false, generation, secrets, createdAt, updatedAt, ...registration } = client
  const { scopes = [], ...changed } = checkRegistration({ ...registration, ...changes }, methods)
  return { id, version, ...(isDisabled && { isDisabled }), ...(generation !== undefined && { generation }), ...changed, scopes, secrets, createdAt, updatedAt }
}

/** Tells whether a value is a whole number of seconds above zero. */
export function isSeconds (value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

/** Tells whether a client authenticates by a secret of the registry: by its methods, or as long as it has nothing else to authenticate by. */
export function needsSecret (client: ClientChanges, methods: AuthMethods): boolean {
  const { authMethods, certificateName } = client
  if (hasKeys(client) || certificateName !== undefined) return false
  return authMethods === undefined || authMethods.some((name) => methods[name] === 'secret')
}

function hasNeeded (client: ClientChanges, needs: ClientNeeds | undefined): boolean {
  if (needs === 'keys') return hasKeys(client)
  return needs !== 'certificate' || client.certificateName !== undefined
}

function hintOf (name: string): string {
  const nearest = nearestName(name, Object.keys(MEMBERS))
  return nearest === undefined ? '' : `. Did you mean ${nearest}?`
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

/** Leaves the methods out that are known to a flow only: whether there are such, its store says. */
export function withKnownMethods<T extends ClientChanges> (client: T): ClientRegistration {
  const { authMethods, ...others } = withoutUndefined(client)
  const known = Array.isArray(authMethods) ? authMethods.filter((name) => Object.hasOwn(KNOWN_AUTH_METHODS, String(name))) : authMethods
  return { ...others, ...(known !== undefined && known.length > 0 && { authMethods: known }) }
}
