import type { RouteOptions } from 'fastify'
import type { ClientCredentialsFlow } from '../../src/index.ts'
import { FST_OAUTH_INVALID_ROUTE_CONFIG } from '../errors.ts'
import { checkScopeNames } from './scope-requirement.ts'
import type { ScopeAlternatives } from './scope-requirement.ts'

/** The `oauth` member of a route's config. */
export interface DocumentedScopes {
  /** The scopes of the route in OpenAPI. They are NOT enforced: a guard of the application must do that. */
  documentedScopes: readonly string[]
}

/**
 * Reads the scopes that a route's config documents.
 *
 * @returns undefined for a route without documented scopes
 * @throws FST_OAUTH_INVALID_ROUTE_CONFIG, FST_OAUTH_INVALID_SCOPE, FST_OAUTH_UNKNOWN_SCOPE
 */
export function documentedScopesOf (flow: ClientCredentialsFlow, { config }: RouteOptions): ScopeAlternatives | undefined {
  if (config?.oauth === undefined) return undefined
  const { documentedScopes, ...unknown } = (config.oauth ?? {}) as Partial<DocumentedScopes>
  const [name] = Object.keys(unknown)
  if (name !== undefined) throw new FST_OAUTH_INVALID_ROUTE_CONFIG(`has no member "${name}"`)
  if (!Array.isArray(documentedScopes)) throw new FST_OAUTH_INVALID_ROUTE_CONFIG('must have a list of scopes')
  checkScopeNames(flow, documentedScopes)
  return [documentedScopes]
}
