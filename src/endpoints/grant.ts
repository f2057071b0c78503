import { grantAudience } from '../access-token/grant-audience.ts'
import { GRANT_TYPE } from '../client-auth/oauth2-client.ts'
import type { OAuth2Client } from '../client-auth/oauth2-client.ts'
import { InvalidScopeError, InvalidTargetError, UnauthorizedClientError } from '../errors/oauth-error.ts'
import { isScope } from '../http/scope.ts'
import type { ImpliedScopes } from '../http/scope.ts'

/** The scopes and audiences of a flow that can be granted. */
export interface GrantSettings {
  /** The names of the declared scopes. Undefined for a flow without declared scopes: then only the scopes of the client apply. */
  readonly scopeNames: ReadonlySet<string> | undefined
  /** The scopes that each scope implies, directly or not. Undefined if none implies another. */
  readonly impliedScopes?: ImpliedScopes | undefined
  /** The audiences of tokens, in order of preference. Undefined for a flow whose access tokens have none. */
  readonly audience?: readonly string[] | undefined
}

/** The scopes and resources of a token request. */
export interface RequestedAccess {
  /** Undefined if the request has no scope parameter. */
  readonly scope: readonly string[] | undefined
  /** Empty if the request has no resource parameter. */
  readonly resource: readonly string[]
}

/** The access that is granted to a client. */
export interface GrantedAccess {
  readonly scope: readonly string[]
  /** Never empty. Undefined for a flow whose access tokens have no audience: then the resources of the request are NOT validated. */
  readonly audience: readonly string[] | undefined
}

/**
 * Grants access to a client. Scopes and resources are granted completely or rejected, never reduced silently.
 *
 * @throws UnauthorizedClientError, InvalidScopeError, InvalidTargetError
 * @throws TypeError if getClient returned a client with a string instead of an array, on which `includes` would match parts of names
 */
export function grantAccess (client: OAuth2Client, { scope, resource }: RequestedAccess, settings: GrantSettings): GrantedAccess {
  // RFC 6749 §5.2: the client must be registered for this grant.
  if (!listOf(client, 'grants').includes(GRANT_TYPE)) throw new UnauthorizedClientError()
  const requested = scope ?? (client.defaultScopes && listOf(client, 'defaultScopes'))
  const granted = grantScope(requested, listOf(client, 'scopes'), settings.scopeNames, settings.impliedScopes)
  const audience = settings.audience && grantAudience(resource, settings.audience, client.audiences && listOf(client, 'audiences'))
  return { scope: granted, audience }
}

/**
 * Parses a scope parameter by the grammar of RFC 6749 §3.3: tokens separated by exactly one space.
 *
 * @returns the scopes, without duplicates
 * @throws InvalidScopeError
 */
export function parseScope (text: string): string[] {
  if (!isScope(text)) throw new InvalidScopeError('The scope parameter is malformed')
  return text.includes(' ') ? [...new Set(text.split(' '))] : [text]
}

const NONE: readonly string[] = Object.freeze([])

/**
 * Parses the resource parameters of a token request (RFC 8707 §2), of which there may be several.
 *
 * @returns the resources, without duplicates; empty if there are none
 * @throws InvalidTargetError for one that is not an absolute URI, or has a fragment
 */
export function parseResource (value: string | string[] | undefined): readonly string[] {
  if (value === undefined) return NONE
  const resources = [value].flat().filter((resource) => resource !== '')
  for (const resource of resources) {
    if (!URL.canParse(resource) || resource.includes('#')) throw new InvalidTargetError('A resource must be an absolute URI without fragment')
  }
  return [...new Set(resources)]
}

// RFC 6749 §3.3. A client may also request a scope that one of its scopes implies.
function grantScope (
  requested: readonly string[] | undefined,
  allowed: readonly string[],
  declared: ReadonlySet<string> | undefined,
  implied: ImpliedScopes | undefined
): string[] {
  if (requested === undefined) return [...new Set(declared === undefined ? allowed : allowed.filter((scope) => declared.has(scope)))]
  for (const scope of requested) {
    const isAllowed = allowed.includes(scope) || (implied !== undefined && allowed.some((held) => implied.get(held)?.has(scope) === true))
    const isGrantable = isAllowed && (declared === undefined || declared.has(scope))
    if (!isGrantable) throw new InvalidScopeError(`The client may not have the scope ${scope}`)
  }
  return [...requested]
}

// A database column may contain a string instead of an array. On a string, `includes` would match "read" in "admin:read".
function listOf (client: OAuth2Client, name: 'grants' | 'scopes' | 'defaultScopes' | 'audiences'): readonly string[] {
  const list = client[name] ?? []
  if (!Array.isArray(list)) throw new TypeError(`getClient returned a client whose ${name} are no list`)
  return list
}
