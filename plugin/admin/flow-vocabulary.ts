// The vocabulary of a registration: the scopes and the client authentication methods of the flow.
import type { ClientChanges } from '../../src/adapter.ts'
import { settingsOf } from '../../src/adapter.ts'
import type { ClientCredentialsFlow } from '../../src/index.ts'
import type { AdminSettings } from './options.ts'
import { invalidClientMetadata } from './refusals.ts'

/**
 * Rejects a registration with a scope or a client authentication method that the flow does not have: a typing error would lock
 * the client out. If another server issues the tokens, scopes are not checked, and the methods are those that a server has
 * declared in the store.
 *
 * @throws OAuth2Error invalid_client_metadata
 */
export function checkVocabulary ({ flow, clients }: AdminSettings, { scopes = [], authMethods = [] }: ClientChanges): void {
  const { scopeNames, clientAuthMethods } = settingsOf(flow)
  const declared = Object.values(clients.entries?.settings?.flows ?? {}).map(({ methods }) => methods)
  // The flow may have been built without this registry.
  clients.learnMethods(Object.assign({}, ...declared, Object.fromEntries(clientAuthMethods.map(({ name, needs = 'secret' }) => [name, needs]))))
  if (!flow.getTokenEndpoint().startsWith('/')) return
  const scope = scopes.find((name) => scopeNames?.has(name) === false)
  if (scope !== undefined) throw invalidClientMetadata(`The server has no scope ${scope}`)
  const methods = flow.getTokenEndpointAuthMethods()
  const method = authMethods.find((name) => !methods.includes(name))
  if (method !== undefined) throw invalidClientMetadata(`Clients authenticate by ${methods.join(' or ')} here, and not by ${method}`)
}

/** Returns an example registration for the OpenAPI document, with the first scope of the flow. */
export function exampleOf (flow: ClientCredentialsFlow): object {
  const [scope] = Object.keys(flow.getScopes())
  return { client_name: 'My service', ...(scope !== undefined && { scope }) }
}
