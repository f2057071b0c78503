import { InvalidTargetError } from '../errors/oauth-errors.ts'

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

/**
 * Decides the audience of a token. Nothing is dropped in silence: a resource is granted or the request refused.
 *
 * @param requested empty when the request named none: the token is for the first audience that the client may have
 * @param known the audiences of the server, in its order of preference
 * @param allowed those of the client; undefined when it may have all
 * @returns never empty
 * @throws InvalidTargetError
 * @throws TypeError when `allowed` is no list: in a text, `includes` would find the parts of others
 */
export function grantAudience (requested: readonly string[], known: readonly string[], allowed: readonly string[] | undefined): string[] {
  if (allowed !== undefined && !Array.isArray(allowed)) throw new TypeError('getClient returned a client whose audiences are no list')
  const grantable = allowed === undefined ? known : known.filter((audience) => allowed.includes(audience))
  for (const resource of requested) {
    if (!grantable.includes(resource)) throw new InvalidTargetError('The client may not have a token for this resource')
  }
  if (requested.length > 0) return [...requested]
  const [first] = grantable
  if (first === undefined) throw new InvalidTargetError('The client may not have a token for any resource of this server')
  return [first]
}
