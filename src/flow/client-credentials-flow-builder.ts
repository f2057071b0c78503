import type { AccessTokens, GenerateAccessToken, VerifyToken } from '../access-token/access-tokens.ts'
import type { AuthCredentials } from '../access-token/credentials.ts'
import type { VerifiedCredentials } from '../access-token/verified-credentials.ts'
import type { Clients, GetClient } from '../client-auth/clients.ts'
import type { ClientAuthMethodOption, SecretOf } from '../client-auth/named-methods.ts'
import type { OAuth2Client } from '../client-auth/oauth2-client.ts'
import { checkOptions } from '../options/check-options.ts'
import type { FailureThrottle } from '../throttle/failure-throttle.ts'
import type { TokenType } from '../token-type/token-type.ts'
import { ClientCredentialsFlow } from './client-credentials-flow.ts'
import { CLIENT_CREDENTIALS_FLOW, isAccessTokens, optionsOf } from './flow-options.ts'
import type { ClientCredentialsFlowOptions } from './flow-options.ts'
import type { Profile } from './profile.ts'
import type { ScopeDeclarations } from './scope-declarations.ts'

/**
 * Builds a {@link ClientCredentialsFlow}. Every setter returns the builder, and the last call of a setter applies.
 * {@link build} validates the values.
 *
 * {@link setScopes}, {@link getClient}, {@link verifyToken}, {@link useAccessTokens} and the parameters of the constructor also set
 * the types of the flow. Add methods that work without secrets before `getClient`, so that it has the correct type.
 *
 * @example
 * const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
 *   .setScopes({ 'data:read': 'Read data' })
 *   .getClient(async ({ clientId, clientSecret }) => findClient(clientId, clientSecret))
 *   .generateAccessToken(async ({ client, scope }) => makeToken(client, scope))
 *   .verifyToken(async (token) => checkToken(token))
 *   .build()
 */
export class ClientCredentialsFlowBuilder<
  Scope extends string = string,
  Client extends OAuth2Client = OAuth2Client,
  Credentials extends VerifiedCredentials = AuthCredentials,
  Method extends ClientAuthMethodOption = 'client_secret_basic'
> {
  readonly #options: Partial<ClientCredentialsFlowOptions>
  #methods: readonly ClientAuthMethodOption[]

  /**
   * @param params initial values of the options; copied
   * @throws FlowConfigurationError for an unknown or invalid option
   */
  constructor (params: Partial<ClientCredentialsFlowOptions<Scope, Client, Credentials, Method>> = {}) {
    const options = params as unknown as Partial<ClientCredentialsFlowOptions>
    checkOptions(options, { ...CLIENT_CREDENTIALS_FLOW, of: 'ClientCredentialsFlowBuilder' })
    this.#options = { ...options }
    this.#methods = params.clientAuthenticationMethods ?? []
  }

  /** Sets the token endpoint: a path that the plugin serves, or the absolute URL of another server. Default "/token". */
  setTokenEndpoint (tokenEndpoint: string): this {
    return this.#set({ tokenEndpoint })
  }

  /** Sets the key of the security scheme in OpenAPI, which is also the realm of every challenge. Default "oauth2-flow". */
  setSecuritySchemeName (securitySchemeName: string): this {
    return this.#set({ securitySchemeName })
  }

  /** Sets the description of the security scheme in OpenAPI. */
  setDescription (description: string): this {
    return this.#set({ description })
  }

  /**
   * Declares the scopes: each name with a description, or with `{ description, implies }`. A token with the scope is accepted
   * wherever an implied scope is required. A scope that is not declared can be neither granted nor required.
   */
  setScopes<Name extends string> (scopes: ScopeDeclarations<Name>): ClientCredentialsFlowBuilder<ScopeName<Name>, Client, Credentials, Method> {
    return this.#set({ scopes }) as never
  }

  /** Sets the lifetime of access tokens, in seconds. Default 3600. */
  setAccessTokenLifetime (accessTokenLifetime: number): this {
    return this.#set({ accessTokenLifetime })
  }

  /**
   * Sets the token types. The proof in a request selects among several: the first type whose proof is present applies. A request
   * without a proof gets a bearer token. Without BearerTokenType a proof is mandatory, and the first type rejects the request.
   * Default Bearer (RFC 6750) alone.
   */
  setTokenType (tokenType: TokenType, ...otherTokenTypes: TokenType[]): this {
    return this.#set({ tokenType, otherTokenTypes })
  }

  /**
   * Adds a client authentication method. The first call replaces the default, client_secret_basic.
   * "none" has no effect: this grant is for confidential clients only (RFC 6749 §4.4).
   */
  addClientAuthenticationMethod<Added extends ClientAuthMethodOption> (method: Added): ClientCredentialsFlowBuilder<Scope, Client, Credentials, Method | Added> {
    this.#methods = [...this.#methods, method]
    return this as never
  }

  /** Removes a client authentication method. If none is left, the default client_secret_basic applies. */
  removeClientAuthenticationMethod (name: string): this {
    this.#methods = this.#methods.filter((method) => (typeof method === 'string' ? method : method?.name) !== name)
    return this
  }

  /** Adds client_secret_basic (RFC 6749 §2.3.1). */
  clientSecretBasicAuthenticationMethod (): this {
    return this.addClientAuthenticationMethod('client_secret_basic') as never
  }

  /** Adds client_secret_post (RFC 6749 §2.3.1). */
  clientSecretPostAuthenticationMethod (): this {
    return this.addClientAuthenticationMethod('client_secret_post') as never
  }

  /** Has no effect: this grant is for confidential clients only (RFC 6749 §4.4). */
  noneAuthenticationMethod (): this {
    return this.addClientAuthenticationMethod('none') as never
  }

  // "object" only keeps builders with different methods assignable to each other.
  /** Sets the callback that finds a client and verifies its secret. Without it, every token request gets invalid_client. */
  getClient<Found extends Client = Client> (getClient: GetClient<Found, SecretOf<Method>> & object): ClientCredentialsFlowBuilder<Scope, Found, Credentials, Method> {
    return this.#set({ getClient: getClient as unknown as GetClient }) as never
  }

  /** Sets the callback that issues an access token. Without it, every token request gets server_error. */
  generateAccessToken (generateAccessToken: GenerateAccessToken<Client>): this {
    return this.#set({ generateAccessToken: generateAccessToken as GenerateAccessToken })
  }

  /** Sets the callback that verifies an access token. Without it, no token is valid. */
  verifyToken<Verified extends VerifiedCredentials = AuthCredentials> (verifyToken: VerifyToken<Verified>): ClientCredentialsFlowBuilder<Scope, Client, Verified, Method> {
    return this.#set({ verifyToken }) as never
  }

  /** Sets the client registry: fills {@link getClient}, and lets methods that verify by registered keys find the clients. */
  useClients (clients: Clients): this {
    return this.#set({ clients })
  }

  /** Sets the limit on guessing of secrets; null if the application limits it. Default in memory, 10 failures a minute. */
  setThrottle (throttle: FailureThrottle | null): this {
    return this.#set({ throttle })
  }

  /**
   * Sets after how many milliseconds the token, introspection and revocation endpoints send a rejection, so that its timing does
   * not reveal which clients exist; 0 sends it immediately. Default 10, or twice the time of a slow hash if a client of the registry
   * has a slowly hashed secret.
   */
  setRejectionDelay (rejectionDelay: number): this {
    return this.#set({ rejectionDelay })
  }

  /** Sets the kind of access token: fills {@link generateAccessToken} and {@link verifyToken}. */
  useAccessTokens<Verified extends VerifiedCredentials = AuthCredentials> (accessTokens: AccessTokens<Verified>): ClientCredentialsFlowBuilder<Scope, Client, Verified, Method> {
    return this.#set(isAccessTokens(accessTokens) ? optionsOf(accessTokens) : { accessTokens }) as never
  }

  /**
   * Sets the security profile: "fapi2" is the FAPI 2.0 Security Profile, which allows no secrets, no bearer tokens and no
   * algorithms other than PS256, ES256 and EdDSA. {@link build} throws an error that lists all violations.
   */
  setProfile (profile: Profile): this {
    return this.#set({ profile })
  }

  /**
   * Accepts http URLs on any host for the token endpoint and the `origin` of the plugin. Without TLS, secrets and tokens can
   * be read in transit. Default that of the access tokens, else false.
   */
  setDangerouslyAllowHttpIssuer (dangerouslyAllowHttpIssuer: boolean): this {
    return this.#set({ dangerouslyAllowHttpIssuer })
  }

  /** Validates the options and builds the flow. @throws FlowConfigurationError if an option is invalid, with a code and the fix */
  build (): ClientCredentialsFlow<Scope, Client, Credentials> {
    const options = { ...this.#options, clientAuthenticationMethods: this.#methods }
    return new ClientCredentialsFlow(options as unknown as Partial<ClientCredentialsFlowOptions<Scope, Client, Credentials>>)
  }

  #set (options: Partial<ClientCredentialsFlowOptions>): this {
    Object.assign(this.#options, options)
    return this
  }
}

/** If a flow declares no scopes, only those of the clients apply, which may be any strings. */
type ScopeName<Name extends string> = [Name] extends [never] ? string : Name
