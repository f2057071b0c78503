import { isThenable } from '../lib/maybe-promise.ts'
import { isGeneratedSecret } from '../lib/generated-secret.ts'
import { InvalidClientError, InvalidRequestError, isOAuth2Error } from '../errors/oauth-errors.ts'
import type { Entries } from '../entries/entries.ts'
import type { ClientDecision } from '../events/client-decision.ts'
import { parameter } from '../http/form.ts'
import { isSameAlgorithm } from '../jws/public-keys.ts'
import { toLogText } from '../lib/log-text.ts'
import type { TokenRequest } from '../http/plain-request.ts'
import type { AuditStore, ClientNeeds, ReplayStore } from '../stores/contracts/index.ts'
import { Attempt } from '../throttle/attempt.ts'
import type { FailureThrottle } from '../throttle/failure-throttle.ts'
import type { AssertionRules } from './assertion/rules.ts'
import type { RejectionDelay } from '../throttle/rejection-delay.ts'
import { countFailedProof } from './failed-proof.ts'
import { rejectSeveralMechanisms, severalMechanisms } from './one-mechanism.ts'

/** A client of this server. Only `id` and `grants` are required. */
export interface OAuth2Client {
  /** The client_id. */
  id: string
  /** The grant types that the client may use. Without "client_credentials" it gets unauthorized_client. */
  grants: readonly string[]
  /** The scopes that the client may have; none when left out. */
  scopes?: readonly string[]
  /** The scopes that it gets when it asks for none. All of its scopes when left out. */
  defaultScopes?: readonly string[]
  /** The resources that its tokens may be for (RFC 8707). All of the server's when left out. */
  audiences?: readonly string[]
  /** Seconds that its tokens live, in place of the flow's lifetime. */
  accessTokenLifetime?: number
  /** For a resource server: the audiences whose tokens it may introspect (RFC 7662 §4). None when left out, but its own tokens. */
  introspects?: readonly string[]
  /** Set by ClientRegistry: what a token carries, so that it is invalid once the client was disabled or its tokens were revoked. */
  generation?: number
  /** Never read here: comparing the secret is the work of getClient. */
  secret?: string
  /** Never read here: this grant has no redirect. */
  redirectUris?: readonly string[]
  /**
   * What else there is to say of the client. Members that RFC 7591 §2 names are obeyed: `token_endpoint_auth_method`, the one method
   * by which the client authenticates (any other is invalid_client; all are accepted when it is left out);
   * `token_endpoint_auth_signing_alg`, the one algorithm of its assertions; `jwks`, `jwks_uri`, `tls_client_auth_*`,
   * `dpop_bound_access_tokens` and `tls_client_certificate_bound_access_tokens`.
   */
  metadata?: Record<string, unknown>
}

/** The metadata of a client, under the names of RFC 7591 §2. */
export type ClientMetadata = NonNullable<OAuth2Client['metadata']>

/** The client that a request says it comes from. */
export interface PresentedClient {
  clientId: string
  /** Left out by methods that have already proven who the client is, without a shared secret. */
  clientSecret?: string
  /** The JWS algorithm of the assertion that has proven it, when the client signs its own. */
  signingAlgorithm?: string
  /** The client that the method has found on its way, for getClient. */
  clientAuthData?: Partial<OAuth2Client> | undefined
  /**
   * Checks again, immediately before the client gets a token, that what has proven the client is still in force: keys that
   * are on another server may have been dropped there. Its last step must be synchronous. Left out where nothing can change.
   *
   * @throws InvalidClientError if it is not
   */
  recheck? (): void | Promise<void>
}

/**
 * A way for clients to authenticate at the token endpoint (RFC 6749 §2.3). Implement it to add your own.
 */
export interface ClientAuthMethod {
  /** The name under which metadata lists it and clients are registered for it (RFC 7591 §2). */
  readonly name: string
  /** The authentication scheme, for a method that uses the Authorization field: it is offered in the challenge of a 401. */
  readonly scheme?: string
  /** The JWS algorithms of its assertions, for a method that has any: metadata lists them (RFC 8414 §2). */
  readonly signingAlgorithms?: readonly string[]
  /** The audiences that its assertions may have, the issuer first. */
  readonly audiences?: readonly string[]
  /** What a client that is registered for it must have. Default a secret: the registry generates one. */
  readonly needs?: ClientNeeds
  /** The stores in which its assertions are reserved: the flow registers them when it starts. */
  readonly replayStores?: readonly ReplayStore[]
  /**
   * Finds the credentials of this method in a request.
   *
   * @returns undefined when the request carries none of this method, so that another may look.
   * A secret that is returned is not checked yet: getClient does. Without one, this method has proven the client.
   * @throws InvalidClientError when there are some and they are malformed or wrong. Its cause reaches the log only.
   */
  authenticate (request: TokenRequest, rules?: AssertionRules): PresentedClient | undefined | Promise<PresentedClient | undefined>
}

/** A method whose clients always present a secret, so that getClient always gets one. */
export interface SecretClientAuthMethod extends ClientAuthMethod {
  authenticate (request: TokenRequest): (PresentedClient & { clientSecret: string }) | undefined
}

/**
 * The token request that `getClient` decides on: the presented credentials, which are not checked yet, and what is asked for. A
 * copy: the callback may change it. `Secret` is `string | undefined` where a method of the flow works without secrets.
 */
export interface ClientCredentialsTokenRequest<Secret extends string | undefined = string> {
  /** The client_id that was presented. */
  clientId: string
  /** The secret that was presented, to be compared in constant time. Undefined when a method without secrets has proven the client. */
  clientSecret: Secret
  /** Always "client_credentials". */
  grantType: string
  /** The scopes that were asked for; undefined when the request named none. */
  scope: string[] | undefined
  /** The name of the method that found the credentials, such as "client_secret_basic". */
  clientAuthMethod: string
  /** The client that the method has found on its way, if it needs one: by its keys, or by its certificate. */
  clientAuthData?: Partial<OAuth2Client> | undefined
  /**
   * The scheme and authority by which this server was reached, such as "https://auth.example.com": from the `Request`, or from the
   * configuration of the plugin (its `origin`, else the issuer). Empty where neither is set, since a Host field is the client's.
   */
  origin: string
}

/**
 * Finds a client and compares its secret. Undefined, for an unknown client and for a wrong secret alike, is invalid_client;
 * an exception is a 500 server_error whose cause is logged. This callback must compare the secret. The library never does.
 */
export type GetClient<Client extends OAuth2Client = OAuth2Client, Secret extends string | undefined = string | undefined> =
  (request: ClientCredentialsTokenRequest<Secret>) => Client | undefined | Promise<Client | undefined>

/** Where a request came from. Its address is undefined where that is not known. */
export type Sender = Pick<TokenRequest, 'address'>

/** {@link GetClient}, with the sender of the request, whose address pays for slow hashes. */
export type GetClientOf = (request: ClientCredentialsTokenRequest<string | undefined>, sender?: Sender) => ReturnType<GetClient>

/** Where clients are kept that are known by more than a secret: what `useClients` takes. */
export interface Clients {
  /** Is called with the methods of each flow that has these clients, by name: clients can be registered for them. */
  learnMethods? (methods: Readonly<Record<string, ClientNeeds>>): void
  readonly getClient: GetClientOf
  /**
   * Finds a client without authenticating it, for a method that proves by keys of the client who asks.
   *
   * @returns undefined for one that is unknown or disabled
   */
  findClient (clientId: string): OAuth2Client | undefined | Promise<OAuth2Client | undefined>
  /** Where assertions and proofs are remembered that were used, when the store of the clients can do that too. */
  readonly replays?: ReplayStore | undefined
  /**
   * Confirms a client immediately before it gets a token: reads and checks it again, unless that was done less than a second
   * ago and it has not changed since.
   *
   * @param client what getClient has returned for the same context
   * @returns the client as it is now; undefined if it may not have a token any more
   */
  confirm? (client: OAuth2Client, context: ClientCredentialsTokenRequest<string | undefined>): OAuth2Client | undefined | Promise<OAuth2Client | undefined>
  /** The entries of the store of the clients. */
  readonly entries?: Entries | undefined
  /** The audit records of the store of the clients. Left out where it keeps none. */
  readonly audit?: AuditStore | undefined
  /** Prepares authentication. The flow calls it when it starts. */
  start? (): Promise<void>
  /**
   * Milliseconds that the slow hash of a secret takes on this machine, as it was measured; 0 where no client has a secret that is
   * hashed slowly. Unless the flow has a `rejectionDelay`, rejections leave after twice this time.
   */
  readonly slowHashTime?: number
  /** Writes what was put off, such as when secrets were used last. The plugin calls it when the server closes. */
  flush? (): Promise<void>
}

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
  const attempt = new Attempt(presented.clientId, request)
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
