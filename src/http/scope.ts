import { InvalidScopeError } from '../errors/oauth-errors.ts'

// RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
const SCOPE_TOKEN = /^[\x21\x23-\x5B\x5D-\x7E]+$/
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+)*$/

/** Scope name to all other scopes that it implies. */
export type ImpliedScopes = ReadonlyMap<string, ReadonlySet<string>>

/** Tells whether a text is one scope-token of RFC 6749 §3.3. */
export function isScopeToken (value: unknown): value is string {
  return typeof value === 'string' && SCOPE_TOKEN.test(value)
}

/** Splits the scope of a verified token, however it is spaced. */
export function splitScope (text: string): string[] {
  return text.split(' ').filter((token) => token !== '')
}

/**
 * Reads a scope parameter by the grammar of RFC 6749 §3.3: tokens separated by exactly one space. Duplicates are removed.
 *
 * @throws InvalidScopeError
 */
export function parseScope (text: string): string[] {
  if (!SCOPE.test(text)) throw new InvalidScopeError('The scope parameter is malformed')
  return text.includes(' ') ? [...new Set(text.split(' '))] : [text]
}

/**
 * Decides the scope of a token. Nothing is dropped in silence: what was asked for is granted whole or refused.
 *
 * @param requested undefined when the request named none: the client gets all that it has (RFC 6749 §3.3)
 * @param allowed the scopes of the client
 * @param declared the scopes of the flow; undefined when it declares none, and then only the client's count
 * @param implied the scopes that others imply: a client may ask for those alone
 * @throws InvalidScopeError
 */
export function grantScope (
  requested: readonly string[] | undefined,
  allowed: readonly string[],
  declared: ReadonlySet<string> | undefined,
  implied?: ImpliedScopes
): string[] {
  if (requested === undefined) return [...new Set(declared === undefined ? allowed : allowed.filter((scope) => declared.has(scope)))]
  for (const scope of requested) {
    const isAllowed = allowed.includes(scope) || (implied !== undefined && allowed.some((held) => implied.get(held)?.has(scope) === true))
    const isGrantable = isAllowed && (declared === undefined || declared.has(scope))
    if (!isGrantable) throw new InvalidScopeError(`The client may not have the scope ${scope}`)
  }
  return [...requested]
}
