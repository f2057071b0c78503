import type { StrategyResult } from '../access-token/access-tokens.ts'
import type { AuthCredentials } from '../access-token/credentials.ts'
import { revocationStoreOf } from '../access-token/revocations.ts'
import type { CredentialsWithScopeList, VerifiedCredentials } from '../access-token/verified-credentials.ts'
import { needsOf } from '../client-auth/named-methods.ts'
import { GRANT_TYPE } from '../client-auth/oauth2-client.ts'
import type { OAuth2Client } from '../client-auth/oauth2-client.ts'
import { handleTokenRequest } from '../endpoints/token.ts'
import type { TokenResponse } from '../endpoints/token.ts'
import { keepsSettings } from '../entries/agreement.ts'
import { declareFlow } from '../entries/declared-flows.ts'
import { checkEvictions, registerReplayStores } from '../entries/replay-stores.ts'
import { toOAuth2Error, toStrategyError } from '../errors/from-thrown.ts'
import type { OAuth2Error } from '../errors/oauth-error.ts'
import { publishDenial } from '../events/client-decision.ts'
import type { TokenRequest } from '../http/plain-request.ts'
import { readRequest, readTokenRequest } from '../http/web-request.ts'
import { brandOf, readBrand } from '../lib/brand.ts'
import { verifyRequest } from '../resource-server/verify-request.ts'
import { resolveFlowOptions } from './flow-options.ts'
import type { ClientCredentialsFlowOptions, FlowSettings } from './flow-options.ts'
import { toSecurityRequirement, toSecuritySchemes } from './security-scheme.ts'
import type { SecurityRequirement, SecuritySchemes } from './security-scheme.ts'

/** The outcome of a token request. On failure, `error` knows status, header fields and body of the answer. */
export type OAuth2FlowTokenResponse =
  | { success: true, tokenResponse: TokenResponse, grantType: string }
  | { success: false, error: OAuth2Error }

/** The types of a flow: the names of its scopes, its clients, and the credentials that its routes get. */
export interface FlowTypes<Scope extends string, Client extends OAuth2Client, Credentials extends AuthCredentials> {
  readonly scope: Scope
  readonly client: Client
  readonly credentials: Credentials
}

const BRAND: unique symbol = brandOf('flow') as never
const SETTINGS_VERSION = 1
// The same in every copy of the package, so that an adapter of one can serve the flow of another.
const SETTINGS: unique symbol = brandOf('settings') as never

/**
 * The client credentials grant (RFC 6749 §4.4) and the verification of its tokens (RFC 6750), for any framework
 * that has web `Request`s. Make one with {@link ClientCredentialsFlowBuilder}. It cannot be changed afterwards.
 *
 * Its types come from the builder: the names of the scopes, what getClient returns, and the credentials that verifyToken returns.
 */
export class ClientCredentialsFlow<
  Scope extends string = string,
  Client extends OAuth2Client = OAuth2Client,
  Credentials extends VerifiedCredentials = AuthCredentials
> {
  /** For TypeScript only: there is no such member. */
  declare readonly '~types'?: FlowTypes<Scope, Client, CredentialsWithScopeList<Credentials>>
  // The shape of the settings: another copy of the package may be another version of it.
  readonly [BRAND] = SETTINGS_VERSION
  /** @internal See {@link settingsOf}. */
  readonly [SETTINGS]: FlowSettings

  /** @throws FlowConfigurationError when an option is wrong */
  constructor (options: Partial<ClientCredentialsFlowOptions<Scope, Client, Credentials>> = {}) {
    this[SETTINGS] = resolveFlowOptions(options as unknown as Partial<ClientCredentialsFlowOptions>)
  }

  /** Always "client_credentials". */
  get grantType (): string {
    return GRANT_TYPE
  }

  /** The token_type of every token response, such as "Bearer". */
  get tokenType (): string {
    return this[SETTINGS].tokenType.name
  }

  /**
   * Compares the settings of this process with those that all processes on its stores have agreed on. The plugin calls it
   * when the server starts; call it yourself where you use the flow without the plugin. Registers the stores, too, that
   * one-time values are reserved in, and the scopes and methods of the flow, for the command line.
   *
   * @returns warnings about protection that is missing, for the log
   * @throws FlowConfigurationError FST_OAUTH_SETTINGS_DIFFER, FST_OAUTH_REDIS_EVICTS
   * @throws StoreUnavailableError then the first use tries again
   */
  async start (): Promise<readonly string[]> {
    const { accessTokens, clients, clientAuthMethods, tokenTypes } = this[SETTINGS]
    await clients?.start?.()
    await accessTokens?.start?.()
    const store = (clients?.entries ?? accessTokens?.entries)?.store
    const settings = store !== undefined && keepsSettings(store) ? store : undefined
    if (settings !== undefined && this[SETTINGS].tokenEndpoint.startsWith('/')) {
      const { securitySchemeName, tokenEndpoint, scopeNames } = this[SETTINGS]
      await declareFlow(settings, `${securitySchemeName} ${tokenEndpoint}`, { scopes: scopeNames === undefined ? null : [...scopeNames], methods: needsOf(clientAuthMethods) })
    }
    const replayStores = [...clientAuthMethods, ...tokenTypes].flatMap(({ replayStores = [] }) => replayStores)
    const evictionWarnings = await checkEvictions([...replayStores, revocationStoreOf(accessTokens) ?? {}])
    return [...evictionWarnings, ...await registerReplayStores(settings, replayStores)]
  }

  /**
   * Answers a token request (RFC 6749 §4.4.2). Consumes its body. Never throws.
   *
   * Answer success with 200, `tokenResponse` and `Cache-Control: no-store` (§5.1); failure with the `status`, `headers`
   * and `body` of `error`, whose `cause` is for the log. Does NOT check that the request came over TLS.
   */
  async token (request: Request): Promise<OAuth2FlowTokenResponse> {
    try {
      const tokenResponse = await handleTokenRequest(this[SETTINGS], await this.#read(request))
      return { success: true, tokenResponse, grantType: GRANT_TYPE }
    } catch (error) {
      return { success: false, error: error as OAuth2Error }
    }
  }

  /**
   * Verifies the access token in the Authorization header of a request (RFC 6750 §2.1). Leaves its body alone. Never throws.
   *
   * Does NOT check scopes: compare `credentials.scope` with what the resource needs. Does NOT look for a second token in
   * the body.
   */
  async verifyToken (request: Request): Promise<StrategyResult<CredentialsWithScopeList<Credentials>>> {
    try {
      const credentials = await verifyRequest(this[SETTINGS], readRequest(request))
      return { success: true, credentials: credentials as CredentialsWithScopeList<Credentials> }
    } catch (error) {
      return { success: false, error: toStrategyError(error) }
    }
  }

  /** The token endpoint as it was set: a path, or an absolute URL. */
  getTokenEndpoint (): string {
    return this[SETTINGS].tokenEndpoint
  }

  /** Scope name to description. */
  getScopes (): Readonly<Record<Scope, string>> {
    return this[SETTINGS].scopes as Readonly<Record<Scope, string>>
  }

  /** The key of the security scheme in OpenAPI. */
  getSecuritySchemeName (): string {
    return this[SETTINGS].securitySchemeName
  }

  /** The description of the security scheme in OpenAPI. */
  getDescription (): string | undefined {
    return this[SETTINGS].description
  }

  /** Seconds. */
  getAccessTokenLifetime (): number {
    return this[SETTINGS].accessTokenLifetime
  }

  /** The names of the client authentication methods that the token endpoint takes. */
  getTokenEndpointAuthMethods (): string[] {
    return this[SETTINGS].clientAuthMethods.map(({ name }) => name)
  }

  /** The OpenAPI security requirement of an operation that needs all these scopes. */
  toOpenAPIPathItem (scopes: readonly string[] = []): SecurityRequirement {
    return toSecurityRequirement(this[SETTINGS], scopes)
  }

  /** The OpenAPI security scheme, under its name: what goes into `components.securitySchemes`. */
  toOpenAPISecurityScheme (): SecuritySchemes {
    return toSecuritySchemes(this[SETTINGS])
  }

  async #read (request: Request): Promise<TokenRequest> {
    try {
      return await readTokenRequest(request)
    } catch (error) {
      const refusal = toOAuth2Error(error)
      // A web Request tells neither who it is nor where it came from.
      publishDenial(this[SETTINGS], {}, 'token', refusal)
      throw refusal
    }
  }
}

/**
 * Tells whether a value is a flow, of this or another copy of the package: "other version" for one that was built by a copy
 * whose flows have other settings.
 */
export function isFlow (value: unknown): boolean | 'other version' {
  const version = readBrand(value, BRAND)
  return version === undefined || version === SETTINGS_VERSION ? version !== undefined : 'other version'
}

/** Returns the settings of a flow: its options, checked, complete and frozen. For adapters, which pass them to the functions that handle requests. */
export function settingsOf (flow: ClientCredentialsFlow): FlowSettings {
  return flow[SETTINGS]
}
