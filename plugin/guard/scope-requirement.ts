import { isScopeToken, settingsOf } from '../../src/adapter.ts'
import type { ClientCredentialsFlow } from '../../src/index.ts'
import { FST_OAUTH_INVALID_SCOPE, FST_OAUTH_UNKNOWN_SCOPE } from '../errors.ts'

/** Scopes of which one is sufficient. */
export interface AnyOfScopes<Scope extends string = string> {
  anyOf: readonly Scope[]
}

/** Creates a guard. See the decorator of the same name. */
export interface RequireScopes<G, Scope extends string = string> {
  (...scopes: Scope[]): G
  (alternatives: AnyOfScopes<Scope>): G
}

/** Alternative sets of scopes; all scopes of one set are required. Never empty: without required scopes, it contains one empty set. */
export type ScopeAlternatives = readonly [readonly string[], ...(readonly string[])[]]

/**
 * Reads the arguments of requireScopes.
 *
 * @throws FST_OAUTH_INVALID_SCOPE, FST_OAUTH_UNKNOWN_SCOPE
 */
export function toAlternatives (flow: ClientCredentialsFlow, args: readonly unknown[]): ScopeAlternatives {
  const [first, ...others] = args
  if (typeof first !== 'object' || first === null || Array.isArray(first)) {
    checkScopeNames(flow, args)
    return [[...args]]
  }
  const { anyOf, ...unknown } = first as Partial<AnyOfScopes>
  if (others.length > 0 || Object.keys(unknown).length > 0 || !Array.isArray(anyOf)) throw new FST_OAUTH_INVALID_SCOPE()
  checkScopeNames(flow, anyOf)
  const [one, ...more] = new Set(anyOf)
  // An empty array would reject every request.
  if (one === undefined) throw new FST_OAUTH_INVALID_SCOPE()
  return [[one], ...more.map((scope) => [scope])]
}

/** Combines the requirements of several guards of a route: one alternative of each. */
export function combine (requirements: readonly ScopeAlternatives[]): ScopeAlternatives {
  const [first = [], ...others] = requirements.reduce<readonly (readonly string[])[]>(
    (combined, alternatives) => combined.flatMap((scopes) => alternatives.map((more) => [...new Set([...scopes, ...more])])),
  [[]]
  )
  return [first, ...others]
}

/**
 * Rejects invalid scope names, and a scope that no token could ever have.
 *
 * @throws FST_OAUTH_INVALID_SCOPE, FST_OAUTH_UNKNOWN_SCOPE
 */
export function checkScopeNames (flow: ClientCredentialsFlow, scopes: readonly unknown[]): asserts scopes is readonly string[] {
  const { scopeNames } = settingsOf(flow)
  for (const scope of scopes) {
    if (!isScopeToken(scope)) throw new FST_OAUTH_INVALID_SCOPE()
    if (scopeNames !== undefined && !scopeNames.has(scope)) throw new FST_OAUTH_UNKNOWN_SCOPE(scope)
  }
}
