import { InvalidClientError } from '../errors/oauth-error.ts'
import { isCredential } from '../lib/is-printable.ts'
import type { PresentedSecret } from './client-auth-method.ts'

/**
 * Returns a presented client id and secret, not verified.
 *
 * @throws InvalidClientError for an empty value: this grant is for confidential clients only (RFC 6749 §4.4); and for control characters
 */
export function presentSecret (clientId: string, clientSecret: string): PresentedSecret {
  if (clientId === '' || clientSecret === '') throw malformed('the client_id or the client_secret is empty')
  if (!isCredential(clientId) || !isCredential(clientSecret)) throw malformed('the client_id or the client_secret has control characters')
  return { kind: 'secret', clientId, clientSecret }
}

/** Creates the error of credentials that do not conform to RFC 6749 §2.3.1. */
export function malformed (cause: string): InvalidClientError {
  return new InvalidClientError(undefined, { cause })
}

/** Returns undefined, so that no failure is counted for malformed credentials: a secret that cannot be read is not a guess. */
export const claimsNoClient = (): undefined => undefined
