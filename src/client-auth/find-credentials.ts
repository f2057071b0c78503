import { InvalidClientError, isOAuth2Error } from '../errors/oauth-error.ts'
import { parameter } from '../http/form.ts'
import type { TokenRequest } from '../http/plain-request.ts'
import { isThenable } from '../lib/maybe-promise.ts'
import { Attempt } from '../throttle/attempt.ts'
import type { FailureThrottle } from '../throttle/failure-throttle.ts'
import type { ClientAuthMethod, PresentedClient } from './client-auth-method.ts'
import type { ClientAuthSettings } from './client-auth-settings.ts'
import { carriedMethods, severalMechanisms } from './one-mechanism.ts'

/** The credentials of a request, and the method that has read them. */
export interface FoundCredentials { readonly method: ClientAuthMethod, readonly presented: PresentedClient }

/**
 * Finds the credentials of a request: those of exactly one method (RFC 6749 §2.3). The throttle counts a proof that fails.
 *
 * @throws InvalidRequestError for more than one mechanism
 * @throws InvalidClientError if there are none, or they are malformed or wrong
 */
export async function findCredentials (settings: ClientAuthSettings, request: TokenRequest): Promise<FoundCredentials> {
  const methods = carriedMethods(settings.clientAuthMethods, request)
  try {
    return await readCredentials(settings, methods, request)
  } catch (error) {
    if (isOAuth2Error(error) && error.code === 'invalid_client') await countFailedProof(settings.throttle, methods, request)
    throw error
  }
}

async function readCredentials (settings: ClientAuthSettings, methods: readonly ClientAuthMethod[], request: TokenRequest): Promise<FoundCredentials> {
  let found: FoundCredentials | undefined
  for (const method of methods) {
    const answer = method.authenticate(request, settings)
    // Awaits promises only: the methods of this package for secrets are synchronous, and each await costs a turn of the event loop.
    const presented = isThenable(answer) ? await answer : answer
    if (presented === undefined) continue
    if (found !== undefined) throw severalMechanisms()
    found = { method, presented: checkPresented(presented, method) }
  }
  if (found !== undefined) return found
  const names = settings.clientAuthMethods.map(({ name }) => name).join(', ')
  // A wrong client_assertion_type is a common mistake, and appears in no other log line.
  const hint = parameter(request.form, 'client_assertion') === undefined ? '' : ': the client_assertion_type, the kind of its alg, or iss and sub are of none of them'
  throw new InvalidClientError(undefined, { cause: `the request carries no credentials of ${names}${hint}` })
}

// Rejects a client without a tag: whether it is verified must never be a guess.
function checkPresented (presented: PresentedClient, { name }: ClientAuthMethod): PresentedClient {
  const { kind, clientId, clientSecret } = presented as { readonly [member in 'kind' | 'clientId' | 'clientSecret']?: unknown }
  const isTagged = kind === 'secret' ? typeof clientSecret === 'string' : kind === 'verified' && clientSecret === undefined
  if (typeof clientId === 'string' && isTagged) return presented
  throw new TypeError(`The client authentication method ${name} returned no client. Return { kind: 'secret', clientId, clientSecret }, or { kind: 'verified', clientId }`)
}

/**
 * Counts a failed proof for the client that the request names. Otherwise a caller could repeat requests until their timing reveals
 * which clients exist. A valid proof is never counted, nor rejected because others have failed.
 *
 * @throws TemporarilyUnavailableError 429 after too many failures
 * @throws the store's error
 */
async function countFailedProof (throttle: FailureThrottle | undefined, methods: readonly ClientAuthMethod[], request: TokenRequest): Promise<void> {
  if (throttle === undefined) return
  const clientId = methods.map((method) => claimedClientId(method, request)).find((id) => id !== undefined)
  if (clientId !== undefined) await throttle.failed(new Attempt(clientId, request.address, 'proof'))
}

function claimedClientId (method: ClientAuthMethod, request: TokenRequest): string | undefined {
  return method.claimedClientId === undefined ? parameter(request.form, 'client_id') : method.claimedClientId(request)
}
