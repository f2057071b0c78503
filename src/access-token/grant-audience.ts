import { InvalidTargetError } from '../errors/oauth-error.ts'

// RFC 8707 §2. Without a resource, the token gets the first audience that the client may have.
export function grantAudience (requested: readonly string[], known: readonly string[], allowed: readonly string[] | undefined): string[] {
  const grantable = allowed === undefined ? known : known.filter((audience) => allowed.includes(audience))
  for (const resource of requested) {
    if (!grantable.includes(resource)) throw new InvalidTargetError('The client may not have a token for this resource')
  }
  if (requested.length > 0) return [...requested]
  const [first] = grantable
  if (first === undefined) throw new InvalidTargetError('The client may not have a token for any resource of this server')
  return [first]
}
