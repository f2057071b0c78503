import { InvalidClientError } from '../errors/oauth-error.ts'
import { isCredential } from '../lib/is-printable.ts'
import type { PresentedSecret } from './client-auth-method.ts'

/**
 * Presents a client id and a secret as they were sent.
 *
 * @throws InvalidClientError for an empty one: this grant is for confidential clients only (RFC 6749 §4.4); and for control characters
 */
export function presentSecret (clientId: string, clientSecret: string): PresentedSecret {
  if (clientId === '' || clientSecret === '') throw malformed('the client_id or the client_secret is empty')
  if (!isCredential(clientId) || !isCredential(clientSecret)) throw malformed('the client_id or the client_secret has control characters')
  return { kind: 'secret', clientId, clientSecret }
}

/** The rejection of credentials that are not written as RFC 6749 §2.3.1 has them. */
export function malformed (cause: string): InvalidClientError {
  return new InvalidClientError(undefined, { cause })
}

/** Counts no failure for credentials that are malformed: a secret that cannot be read is no guess. */
export const claimsNoClient = (): undefined => undefined
