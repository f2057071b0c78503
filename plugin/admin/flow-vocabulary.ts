// What a flow has words for: its scopes, and the ways in which clients authenticate.
import type { ClientChanges } from '../../src/adapter.ts'
import { settingsOf } from '../../src/adapter.ts'
import type { ClientCredentialsFlow } from '../../src/index.ts'
import { invalidClientMetadata } from './refusals.ts'

/**
 * Refuses a registration that names a scope or a way to authenticate which the flow does not have: a typing error would
 * lock the client out. A flow whose tokens another server issues does not know what that has, and refuses nothing.
 *
 * @throws OAuth2Error invalid_client_metadata
 */
export function refuseForeign (flow: ClientCredentialsFlow, { scopes = [], authMethods = [] }: ClientChanges): void {
  if (!flow.getTokenEndpoint().startsWith('/')) return
  const { scopeNames } = settingsOf(flow)
  const scope = scopes.find((name) => scopeNames?.has(name) === false)
  if (scope !== undefined) throw invalidClientMetadata(`The server has no scope ${scope}`)
  const methods = flow.getTokenEndpointAuthMethods()
  const method = authMethods.find((name) => !methods.includes(name))
  if (method !== undefined) throw invalidClientMetadata(`Clients authenticate by ${methods.join(' or ')} here, and not by ${method}`)
}

/** A registration to begin with in the page of the API: with the first scope of the flow. */
export function exampleOf (flow: ClientCredentialsFlow): object {
  const [scope] = Object.keys(flow.getScopes())
  return { client_name: 'My service', ...(scope !== undefined && { scope }) }
}
