import { InvalidClientError, InvalidRequestError } from '../errors/oauth-error.ts'
import type { ClientDecision } from '../events/client-decision.ts'
import { parameter } from '../http/form.ts'
import type { TokenRequest } from '../http/plain-request.ts'
import { isSameAlgorithm } from '../jws/public-keys.ts'
import { isGeneratedSecret } from '../lib/generated-secret.ts'
import { toLogText } from '../lib/log-text.ts'
import { Attempt } from '../throttle/attempt.ts'
import type { ClientAuthMethod, PresentedClient } from './client-auth-method.ts'
import type { AuthenticatedClient, ClientAuthSettings } from './client-auth-settings.ts'
import type { ClientCredentialsTokenRequest } from './clients.ts'
import { findCredentials } from './find-credentials.ts'
import type { OAuth2Client } from './oauth2-client.ts'

/**
 * Authenticates the client of a token request: exactly one mechanism, one client_id, and a client that getClient finds.
 *
 * @param decision receives the identity of the client
 * @throws InvalidRequestError for more than one mechanism (RFC 6749 §2.3) or client_id
 * @throws InvalidClientError if authentication fails or is absent (RFC 6749 §5.2), without a challenge
 * @throws TemporarilyUnavailableError 429 after too many failures
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

  // A client_id in addition to other credentials must identify the same client.
  const clientId = parameter(request.form, 'client_id')
  if (clientId !== undefined && clientId !== presented.clientId) {
    throw new InvalidRequestError('The client_id differs from the client that authenticates')
  }

  // §2.3.1: protects against guessing. Counts before the secret is compared: otherwise the right secret would succeed among many
  // wrong ones. A client that is verified by keys cannot have guessed.
  const clientSecret = presented.kind === 'secret' ? presented.clientSecret : undefined
  const clientAuthData = presented.kind === 'verified' ? presented.clientAuthData : undefined
  const recheck = presented.kind === 'verified' ? presented.recheck : undefined
  const throttle = clientSecret === undefined ? undefined : settings.throttle
  // 256 random bits cannot be guessed, and an attacker must not be able to lock out a client by failing in its name.
  const canBeGuessed = !isGeneratedSecret(clientSecret ?? '')
  const attempt = new Attempt(presented.clientId, request.address)
  if (canBeGuessed) throttle?.check(attempt)
  const origin = request.origin ?? ''
  // Member by member: spreading an object into a literal costs Node.js 20 a hundred times as much.
  const contextOf = (): ClientCredentialsTokenRequest<string | undefined> =>
    ({ clientId: presented.clientId, clientSecret, grantType, scope: scope && [...scope], clientAuthMethod: method.name, clientAuthData, origin })
  const context = contextOf()
  // A copy, because the callback may modify it.
  const asked = contextOf()
  // A callback of the application may have a second parameter with a default.
  const client = await (settings.getClient.length > 1 ? settings.getClient(asked, { address: attempt.address }) : settings.getClient(asked))
  const rejection = reasonToReject(client || undefined, presented, method)
  if (rejection !== undefined) {
    await throttle?.failed(attempt)
    throw new InvalidClientError(undefined, { cause: rejection })
  }
  if (canBeGuessed) throttle?.check(attempt)
  await throttle?.succeeded(attempt)
  decision?.authenticated((client as OAuth2Client).id)
  return { client: client as OAuth2Client, context, recheck }
}

function reasonToReject (client: OAuth2Client | undefined, presented: PresentedClient, method: ClientAuthMethod): string | undefined {
  const { clientId } = presented
  const used = presented.kind === 'verified' ? presented.signingAlgorithm : undefined
  if (client === undefined) {
    // An id that has the format of a secret is not logged: the client may have swapped the two.
    return `getClient knows no client ${isGeneratedSecret(clientId) ? 'whose id is a secret' : toLogText(clientId)} with these credentials`
  }
  const { token_endpoint_auth_method: registered = method.name, token_endpoint_auth_signing_alg: algorithm } = client.metadata ?? {}
  if (registered !== method.name) return `the client ${client.id} is registered for ${String(registered)}, and used ${method.name}`
  if (used === undefined || algorithm === undefined || (typeof algorithm === 'string' && isSameAlgorithm(algorithm, used))) return undefined
  return `the client ${client.id} is registered for ${String(algorithm)}, and signed with ${used}`
}
