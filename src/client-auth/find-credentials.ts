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
 * Finds the credentials of a request: those of exactly one method (RFC 6749 §2.3). A proof that fails is counted in the throttle.
 *
 * @throws InvalidRequestError for more than one mechanism
 * @throws InvalidClientError for none, and for credentials that are malformed or wrong
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
    // Ours answer at once, and each wait costs every request a turn.
    const presented = isThenable(answer) ? await answer : answer
    if (presented === undefined) continue
    if (found !== undefined) throw severalMechanisms()
    found = { method, presented: checkPresented(presented, method) }
  }
  if (found !== undefined) return found
  const names = settings.clientAuthMethods.map(({ name }) => name).join(', ')
  // Easily got wrong, and seen nowhere else.
  const hint = parameter(request.form, 'client_assertion') === undefined ? '' : ': the client_assertion_type, the kind of its alg, or iss and sub are of none of them'
  throw new InvalidClientError(undefined, { cause: `the request carries no credentials of ${names}${hint}` })
}

// A client without a tag would be one that is verified or one that is not: that must never be a guess.
function checkPresented (presented: PresentedClient, { name }: ClientAuthMethod): PresentedClient {
  const { kind, clientId, clientSecret } = presented as { readonly [member in 'kind' | 'clientId' | 'clientSecret']?: unknown }
  const isTagged = kind === 'secret' ? typeof clientSecret === 'string' : kind === 'verified' && clientSecret === undefined
  if (typeof clientId === 'string' && isTagged) return presented
  throw new TypeError(`The client authentication method ${name} returned no client. Return { kind: 'secret', clientId, clientSecret }, or { kind: 'verified', clientId }`)
}

/**
 * Counts a proof that has failed for the client that the request names: or anybody could try as often as it takes to learn from the times
 * which clients exist. A proof that is right is never counted, nor rejected for others that have failed.
 *
 * @throws TemporarilyUnavailableError 429 for one too many
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
