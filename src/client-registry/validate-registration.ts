import { wrongClient } from '../errors/client-error.ts'
import { withoutUndefined } from '../lib/json.ts'
import { nearestName } from '../options/check-options.ts'
import type { StoredClient } from '../stores/contracts/index.ts'
import { CLIENT_FIELDS, FIELD_ENTRIES, hasKeys } from './client-fields.ts'
import type { AuthMethods, ClientChanges, ClientField, ClientRegistration, FieldName } from './client-fields.ts'

/** The methods that are supported without a flow (RFC 7591 §2, RFC 8705 §2). client_secret_jwt is excluded: it needs the secret, not its hash. */
export const KNOWN_AUTH_METHODS: AuthMethods = Object.freeze({
  client_secret_basic: 'secret',
  client_secret_post: 'secret',
  private_key_jwt: 'keys',
  tls_client_auth: 'certificate',
  self_signed_tls_client_auth: 'keys',
  workload_identity: 'nothing'
})

/**
 * Validates the registration of a client. Does NOT check whether the flow declares its scopes and audiences.
 *
 * @returns a copy, without members that are undefined
 * @throws FlowConfigurationError FST_OAUTH_INVALID_CLIENT, with the invalid member in its message
 */
export function checkRegistration (client: ClientChanges, methods: AuthMethods = KNOWN_AUTH_METHODS): ClientRegistration {
  for (const [name, value] of Object.entries(client)) {
    // An unknown member is rejected: a typing error must not cost a client its scopes.
    if (!Object.hasOwn(CLIENT_FIELDS, name)) throw wrongClient(`there is no member ${JSON.stringify(name)}${hintOf(name)}`)
    const { check, demand }: ClientField = CLIENT_FIELDS[name as FieldName]
    if (value !== undefined && !check(value, client, methods)) throw wrongClient(`${name} must be ${typeof demand === 'string' ? demand : demand(methods)}`)
  }
  return structuredClone(withoutUndefined(client))
}

/** Applies a partial update to a stored client. @throws as {@link checkRegistration} */
export function applyChanges (client: StoredClient, changes: ClientChanges, methods: AuthMethods): StoredClient {
  const registration = checkRegistration({ ...registrationOf(client), ...changes }, methods)
  // Keeps members that another release has stored.
  const others = Object.fromEntries(Object.entries(client).filter(([name]) => !Object.hasOwn(CLIENT_FIELDS, name)))
  return { ...others as StoredClient, scopes: [], ...registration }
}

/** Returns the registration of a stored client: the members that are fields of the table. */
export function registrationOf (client: StoredClient): ClientRegistration & { scopes: readonly string[] } {
  return { scopes: [], ...Object.fromEntries(FIELD_ENTRIES.filter(([name]) => client[name] !== undefined).map(([name]) => [name, client[name]])) }
}

/** Returns whether a client authenticates by a registry secret: because one of its methods needs it, or because it has no other credentials. */
export function needsSecret (client: ClientChanges, methods: AuthMethods): boolean {
  const { authMethods, certificateName } = client
  if (hasKeys(client) || certificateName !== undefined) return false
  return authMethods === undefined || authMethods.some((name) => methods[name] === 'secret')
}

/** Removes the methods that only a flow defines: the store declares those. */
export function withKnownMethods<T extends ClientChanges> (client: T): ClientRegistration {
  const { authMethods, ...others }: ClientRegistration = withoutUndefined(client)
  const known = Array.isArray(authMethods) ? authMethods.filter((name) => Object.hasOwn(KNOWN_AUTH_METHODS, String(name))) : authMethods
  return { ...others, ...(known !== undefined && known.length > 0 && { authMethods: known }) }
}

function hintOf (name: string): string {
  const nearest = nearestName(name, Object.keys(CLIENT_FIELDS))
  return nearest === undefined ? '' : `. Did you mean ${nearest}?`
}
