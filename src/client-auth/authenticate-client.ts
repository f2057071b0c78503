import { InvalidClientError, InvalidRequestError, isOAuth2Error } from '../errors/oauth-errors.ts'
import type { ClientDecision } from '../events/client-decision.ts'
import { parameter } from '../http/form.ts'
import type { TokenRequest } from '../http/plain-request.ts'
import { isSameAlgorithm } from '../jws/public-keys.ts'
import { isGeneratedSecret } from '../lib/generated-secret.ts'
import { toLogText } from '../lib/log-text.ts'
import { isThenable } from '../lib/maybe-promise.ts'
import { Attempt } from '../throttle/attempt.ts'
import type { FailureThrottle } from '../throttle/failure-throttle.ts'
import type { RejectionDelay } from '../throttle/rejection-delay.ts'
import type { AssertionRules } from './assertion/rules.ts'
import type { ClientAuthMethod, PresentedClient } from './client-auth-method.ts'
import type { ClientCredentialsTokenRequest, Clients, GetClientOf } from './clients.ts'
import { countFailedProof } from './failed-proof.ts'
import type { OAuth2Client } from './oauth2-client.ts'
import { rejectSeveralMechanisms, severalMechanisms } from './one-mechanism.ts'

/** What client authentication runs on. */
export interface ClientAuthSettings extends AssertionRules {
  readonly realm: string
  readonly clientAuthMethods: readonly ClientAuthMethod[]
  readonly getClient: GetClientOf
  /** Where the clients are kept that getClient finds, if it is filled by that. */
  readonly clients?: Clients | undefined
  /** Stops the guessing of secrets. Undefined for an application that does so itself. */
  readonly throttle?: FailureThrottle | undefined
  /** Lets rejections leave at a fixed time. Undefined for none. */
  readonly heldRejections?: RejectionDelay | undefined
}

/** A client that has authenticated, and what getClient was asked. */
export interface AuthenticatedClient {
  readonly client: OAuth2Client
  readonly context: ClientCredentialsTokenRequest<string | undefined>
  readonly recheck?: PresentedClient['recheck']
}

/**
 * Authenticates the client of a token request: exactly one mechanism, one client_id, and a client that getClient knows.
 *
 * @param decision is told who it is
 * @throws InvalidRequestError when there is more than one mechanism (RFC 6749 §2.3) or client_id
 * @throws InvalidClientError when authentication fails or is absent (RFC 6749 §5.2), without a challenge
 * @throws TemporarilyUnavailableError 429 when it has failed too often
 */
export async function authenticateClient (
  settings: ClientAuthSettings,
  request: TokenRequest,
  grantType: string,
  scope: readonly string[] | undefined,
  decision?: ClientDecision
): Promise<AuthenticatedClient> {
  const { method, presented } = await findCredentials(settings, request)
  decision?.presented(presented.clientId, method.name)

  // A client_id beside other credentials must name the same client, or it is unclear who asks.
  const clientId = parameter(request.form, 'client_id')
  if (clientId !== undefined && clientId !== presented.clientId) {
    throw new InvalidRequestError('The client_id differs from the client that authenticates')
  }

  // §2.3.1: against guessing. Before the secret is compared, or the right one would come through among the wrong ones. Who is
  // proven by keys has guessed nothing.
  const throttle = presented.clientSecret === undefined ? undefined : settings.throttle
  // 256 random bits cannot be guessed, and an attacker must not lock out a client that has them by failing in its name.
  const canBeGuessed = !isGeneratedSecret(presented.clientSecret ?? '')
  const attempt = new Attempt(presented.clientId, request.address)
  if (canBeGuessed) throttle?.check(attempt)
  const presentation = { clientId: presented.clientId, clientSecret: presented.clientSecret, clientAuthMethod: method.name, clientAuthData: presented.clientAuthData }
  const context: ClientCredentialsTokenRequest<string | undefined> = { ...presentation, grantType, scope: scope && [...scope], origin: request.origin ?? '' }
  // A copy, which the callback may change.
  const asked = { ...context, scope: scope && [...scope] }
  // One of the application may have a second parameter with a default.
  const client = await (settings.getClient.length > 1 ? settings.getClient(asked, { address: attempt.address }) : settings.getClient(asked))
  const refusal = refusalOf(client || undefined, presented, method)
  if (refusal !== undefined) {
    await throttle?.failed(attempt)
    throw new InvalidClientError(undefined, { cause: refusal })
  }
  if (canBeGuessed) throttle?.check(attempt)
  await throttle?.succeeded(attempt)
  decision?.authenticated((client as OAuth2Client).id)
  return { client: client as OAuth2Client, context, recheck: presented.recheck }
}

function refusalOf (client: OAuth2Client | undefined, { clientId, signingAlgorithm: used }: PresentedClient, method: ClientAuthMethod): string | undefined {
  if (client === undefined) {
    // Whoever takes one for the other would have a secret in the log.
    return `getClient knows no client ${isGeneratedSecret(clientId) ? 'whose id is a secret' : toLogText(clientId)} with these credentials`
  }
  const { token_endpoint_auth_method: registered = method.name, token_endpoint_auth_signing_alg: algorithm } = client.metadata ?? {}
  if (registered !== method.name) return `the client ${client.id} is registered for ${String(registered)}, and used ${method.name}`
  if (used === undefined || algorithm === undefined || (typeof algorithm === 'string' && isSameAlgorithm(algorithm, used))) return undefined
  return `the client ${client.id} is registered for ${String(algorithm)}, and signed with ${used}`
}

interface FoundCredentials { readonly method: ClientAuthMethod, readonly presented: PresentedClient }

async function findCredentials (settings: ClientAuthSettings, request: TokenRequest): Promise<FoundCredentials> {
  try {
    return await findByMethods(settings, request)
  } catch (error) {
    if (isOAuth2Error(error) && error.code === 'invalid_client') await countFailedProof(settings.throttle, request)
    throw error
  }
}

async function findByMethods (settings: ClientAuthSettings, request: TokenRequest): Promise<FoundCredentials> {
  rejectSeveralMechanisms(request)
  const methods = settings.clientAuthMethods
  let found: FoundCredentials | undefined
  for (const method of methods) {
    const answer = method.authenticate(request, settings)
    // Ours answer at once, and each wait costs every request a turn.
    const presented = isThenable(answer) ? await answer : answer
    if (presented === undefined) continue
    if (found !== undefined) throw severalMechanisms()
    found = { method, presented }
  }
  if (found === undefined) {
    const names = methods.map(({ name }) => name).join(', ')
    // Easily got wrong, and seen nowhere else.
    const hint = parameter(request.form, 'client_assertion') === undefined ? '' : ': the client_assertion_type, the kind of its alg, or iss and sub are of none of them'
    throw new InvalidClientError(undefined, { cause: `the request carries no credentials of ${names}${hint}` })
  }
  return found
}
