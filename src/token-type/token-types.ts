import { FlowConfigurationError } from '../errors/configuration-error.ts'
import type { TokenType, TokenTypes } from './token-type.ts'

// The characters of an authentication scheme, and so of the token_type.
const NAME = /^[A-Za-z0-9._-]+$/

/**
 * Checks the token types of a flow.
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_TOKEN_TYPE
 */
export function checkTokenTypes (first: TokenType, others: readonly TokenType[]): TokenTypes {
  if (!Array.isArray(others)) throw new FlowConfigurationError('FST_OAUTH_INVALID_TOKEN_TYPE')
  const types: TokenTypes = [first, ...others]
  const areTypes = types.every((type) => typeof type?.name === 'string' && NAME.test(type.name))
  // Two types with the same confirmation method, or two without one, could not be distinguished.
  if (!areTypes || new Set(types.map(({ confirmationName }) => confirmationName)).size < types.length) throw new FlowConfigurationError('FST_OAUTH_INVALID_TOKEN_TYPE')
  return Object.freeze(types)
}

/** Groups token types by their authentication scheme in lower case, as requests present them. */
export function byScheme (types: TokenTypes): ReadonlyMap<string, TokenTypes> {
  const schemes = new Map<string, [TokenType, ...TokenType[]]>()
  for (const type of types) {
    const scheme = type.name.toLowerCase()
    const sameScheme = schemes.get(scheme)
    if (sameScheme === undefined) schemes.set(scheme, [type])
    else sameScheme.push(type)
  }
  return schemes
}
