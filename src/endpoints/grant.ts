import { grantAudience } from '../access-token/grant-audience.ts'
import { GRANT_TYPE } from '../client-auth/oauth2-client.ts'
import type { OAuth2Client } from '../client-auth/oauth2-client.ts'
import { InvalidScopeError, InvalidTargetError, UnauthorizedClientError } from '../errors/oauth-error.ts'
import { isScope } from '../http/scope.ts'
import type { ImpliedScopes } from '../http/scope.ts'

/** The scopes and the audiences of a flow, of which clients are granted some. */
export interface GrantSettings {
  /** The names of the declared scopes. Undefined for a flow that declares none: then the scopes of the client alone count. */
  readonly scopeNames: ReadonlySet<string> | undefined
  /** Which other scopes each scope implies, all of them. Undefined where none does. */
  readonly impliedScopes?: ImpliedScopes | undefined
  /** The audiences that tokens may have, in order of preference. Undefined for a flow whose access tokens name none. */
  readonly audience?: readonly string[] | undefined
}

/** The scopes and resources of a token request. */
export interface RequestedAccess {
  /** Undefined when the request named none. */
  readonly scope: readonly string[] | undefined
  /** Empty when the request named none. */
  readonly resource: readonly string[]
}

/** What a client may have of the access that it requested. */
export interface GrantedAccess {
  readonly scope: readonly string[]
  /** Never empty. Undefined for a flow whose access tokens name none: then nobody has checked the resources of the request. */
  readonly audience: readonly string[] | undefined
}

/**
 * Grants access to a client. Scopes and resources are granted whole or rejected, never dropped in silence.
 *
 * @throws UnauthorizedClientError, InvalidScopeError, InvalidTargetError
 * @throws TypeError when getClient returned a client with a list that is none: in a string, `includes` would find parts of others
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
 * Reads a scope parameter by the grammar of RFC 6749 §3.3: tokens separated by exactly one space.
 *
 * @returns without duplicates
 * @throws InvalidScopeError
 */
export function parseScope (text: string): string[] {
  if (!isScope(text)) throw new InvalidScopeError('The scope parameter is malformed')
  return text.includes(' ') ? [...new Set(text.split(' '))] : [text]
}

const NONE: readonly string[] = Object.freeze([])

/**
 * Reads the resource parameters of a token request (RFC 8707 §2), of which there may be several.
 *
 * @returns without duplicates; empty when there are none
 * @throws InvalidTargetError for one that is no absolute URI, or has a fragment
 */
export function parseResource (value: string | string[] | undefined): readonly string[] {
  if (value === undefined) return NONE
  const resources = [value].flat().filter((resource) => resource !== '')
  for (const resource of resources) {
    if (!URL.canParse(resource) || resource.includes('#')) throw new InvalidTargetError('A resource must be an absolute URI without fragment')
  }
  return [...new Set(resources)]
}

// RFC 6749 §3.3. A client may ask for a scope alone that one of its scopes implies.
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

// A column of a table is easily taken for a list. In a string, `includes` would find "read" in "admin:read".
function listOf (client: OAuth2Client, name: 'grants' | 'scopes' | 'defaultScopes' | 'audiences'): readonly string[] {
  const list = client[name] ?? []
  if (!Array.isArray(list)) throw new TypeError(`getClient returned a client whose ${name} are no list`)
  return list
}
