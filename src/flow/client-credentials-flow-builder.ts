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
 * Builds a {@link ClientCredentialsFlow}. Every setter returns the builder, and the last call of a setter counts.
 * Values are checked by {@link build}.
 *
 * {@link setScopes}, {@link getClient}, {@link verifyToken} and {@link useAccessTokens} also set the types of the flow, and so do
 * the parameters of the constructor. Set methods that work without secrets before `getClient`, so that it has the right type.
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
   * @param params what the setters would set; copied
   * @throws FlowConfigurationError for an unknown or a wrong one
   */
  constructor (params: Partial<ClientCredentialsFlowOptions<Scope, Client, Credentials, Method>> = {}) {
    const options = params as unknown as Partial<ClientCredentialsFlowOptions>
    checkOptions(options, { ...CLIENT_CREDENTIALS_FLOW, of: 'ClientCredentialsFlowBuilder' })
    this.#options = { ...options }
    this.#methods = params.clientAuthenticationMethods ?? []
  }

  /** Sets where tokens are issued: a path, which the plugin serves, or the absolute URL of another server. Default "/token". */
  setTokenEndpoint (tokenEndpoint: string): this {
    return this.#set({ tokenEndpoint })
  }

  /** Sets the key of the security scheme in OpenAPI, which is the realm of every challenge too. Default "oauth2-flow". */
  setSecuritySchemeName (securitySchemeName: string): this {
    return this.#set({ securitySchemeName })
  }

  /** Sets the description of the security scheme in OpenAPI. */
  setDescription (description: string): this {
    return this.#set({ description })
  }

  /**
   * Declares the scopes: name to human description, or to `{ description, implies }`, where a token with the scope is accepted
   * wherever one that it implies is needed. A scope that is not declared can be neither granted nor demanded.
   */
  setScopes<Name extends string> (scopes: ScopeDeclarations<Name>): ClientCredentialsFlowBuilder<ScopeName<Name>, Client, Credentials, Method> {
    return this.#set({ scopes }) as never
  }

  /** Sets how long access tokens live, in seconds. Default 3600. */
  setAccessTokenLifetime (accessTokenLifetime: number): this {
    return this.#set({ accessTokenLifetime })
  }

  /**
   * Sets how tokens are presented. Where there are several, the proof in a request picks among them, the first of two that
   * are there. A request without proof gets a bearer token; without BearerTokenType, a proof is mandatory, and the first
   * type says so. Default Bearer (RFC 6750) alone.
   */
  setTokenType (tokenType: TokenType, ...otherTokenTypes: TokenType[]): this {
    return this.#set({ tokenType, otherTokenTypes })
  }

  /**
   * Adds a way for clients to authenticate. The first call replaces the default, client_secret_basic.
   * "none" has no effect: this grant is for confidential clients only (RFC 6749 §4.4).
   */
  addClientAuthenticationMethod<Added extends ClientAuthMethodOption> (method: Added): ClientCredentialsFlowBuilder<Scope, Client, Credentials, Method | Added> {
    this.#methods = [...this.#methods, method]
    return this as never
  }

  /** Takes a way to authenticate back. When none is left, client_secret_basic is it. */
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

  // "object" changes nothing, but that builders with other methods stay assignable to each other.
  /** Sets how a client is found and its secret compared. Without it every token request is invalid_client. */
  getClient<Found extends Client = Client> (getClient: GetClient<Found, SecretOf<Method>> & object): ClientCredentialsFlowBuilder<Scope, Found, Credentials, Method> {
    return this.#set({ getClient: getClient as unknown as GetClient }) as never
  }

  /** Sets how an access token is made. Without it every token request is server_error. */
  generateAccessToken (generateAccessToken: GenerateAccessToken<Client>): this {
    return this.#set({ generateAccessToken: generateAccessToken as GenerateAccessToken })
  }

  /** Sets how an access token is verified. Without it no token is valid. */
  verifyToken<Verified extends VerifiedCredentials = AuthCredentials> (verifyToken: VerifyToken<Verified>): ClientCredentialsFlowBuilder<Scope, Client, Verified, Method> {
    return this.#set({ verifyToken }) as never
  }

  /** Sets where clients are kept: fills {@link getClient}, and lets methods that need keys of clients find them. */
  useClients (clients: Clients): this {
    return this.#set({ clients })
  }

  /** Sets how the guessing of secrets is stopped; null for an application that does so itself. Default in memory, 10 failures a minute. */
  setThrottle (throttle: FailureThrottle | null): this {
    return this.#set({ throttle })
  }

  /**
   * Sets after how many milliseconds rejections leave the token, introspection and revocation endpoints, so that their time does
   * not tell which clients exist; 0 for at once. Default 10, or twice the time of a slow hash where a client of the registry has a
   * secret that is hashed slowly.
   */
  setRejectionDelay (rejectionDelay: number): this {
    return this.#set({ rejectionDelay })
  }

  /** Sets how access tokens are both made and verified: fills {@link generateAccessToken} and {@link verifyToken}. */
  useAccessTokens<Verified extends VerifiedCredentials = AuthCredentials> (accessTokens: AccessTokens<Verified>): ClientCredentialsFlowBuilder<Scope, Client, Verified, Method> {
    return this.#set(isAccessTokens(accessTokens) ? optionsOf(accessTokens) : { accessTokens }) as never
  }

  /**
   * Holds the flow to a set of rules: "fapi2" is the FAPI 2.0 Security Profile, for which no secrets, no bearer tokens and
   * no other algorithms than PS256, ES256 and EdDSA are allowed. Whatever is not kept to, {@link build} names.
   */
  setProfile (profile: Profile): this {
    return this.#set({ profile })
  }

  /**
   * Accepts a token endpoint, and an `origin` of the plugin, that are http URLs on any host: without TLS, secrets and tokens can
   * be read on the way. Default that of the access tokens, else false.
   */
  setDangerouslyAllowHttpIssuer (dangerouslyAllowHttpIssuer: boolean): this {
    return this.#set({ dangerouslyAllowHttpIssuer })
  }

  /** @throws FlowConfigurationError when a value is wrong, with a code and the mend */
  build (): ClientCredentialsFlow<Scope, Client, Credentials> {
    const options = { ...this.#options, clientAuthenticationMethods: this.#methods }
    return new ClientCredentialsFlow(options as unknown as Partial<ClientCredentialsFlowOptions<Scope, Client, Credentials>>)
  }

  #set (options: Partial<ClientCredentialsFlowOptions>): this {
    Object.assign(this.#options, options)
    return this
  }
}

/** Where a flow declares no scopes, those of the clients count, which may be any. */
type ScopeName<Name extends string> = [Name] extends [never] ? string : Name
