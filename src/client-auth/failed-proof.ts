import { parameter } from '../http/form.ts'
import type { TokenRequest } from '../http/plain-request.ts'
import { Attempt } from '../throttle/attempt.ts'
import type { FailureThrottle } from '../throttle/failure-throttle.ts'
import { subjectOf } from './assertion/read-assertion.ts'

/**
 * Counts a proof that has failed, an assertion or a certificate, for the client that the request names: or anybody could try as often as
 * it takes to learn from the times which clients exist. A proof that is right is never counted, nor rejected for others that
 * have failed. Does NOT count a request that names no client, or has no proof.
 *
 * @throws TemporarilyUnavailableError 429 for one too many
 * @throws the store's error
 */
export async function countFailedProof (throttle: FailureThrottle | undefined, request: TokenRequest): Promise<void> {
  const clientId = throttle === undefined ? undefined : namedClient(request)
  if (clientId !== undefined) await throttle?.failed(new Attempt(clientId, request.address, 'proof'))
}

function namedClient (request: TokenRequest): string | undefined {
  const { form } = request
  // A malformed secret does not identify a client, and is not a proof.
  if (request.header('authorization') !== undefined || parameter(form, 'client_secret') !== undefined) return undefined
  const clientId = parameter(form, 'client_id')
  const assertion = parameter(form, 'client_assertion')
  if (assertion !== undefined) return clientId ?? subjectOf(assertion)
  // Without either there is no proof.
  return request.clientCertificate?.() === undefined ? undefined : clientId
}
