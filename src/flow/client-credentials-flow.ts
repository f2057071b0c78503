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

/** The result of a token request. On failure, `error` has the status, header fields and body of the response. */
export type OAuth2FlowTokenResponse =
  | { success: true, tokenResponse: TokenResponse, grantType: string }
  | { success: false, error: OAuth2Error }

/** The types of a flow: the names of its scopes, its clients, and the credentials of its routes. */
export interface FlowTypes<Scope extends string, Client extends OAuth2Client, Credentials extends AuthCredentials> {
  readonly scope: Scope
  readonly client: Client
  readonly credentials: Credentials
}

const BRAND: unique symbol = brandOf('flow') as never
const SETTINGS_VERSION = 1
// Shared by every copy of the package, so that an adapter of one copy can serve the flow of another.
const SETTINGS: unique symbol = brandOf('settings') as never

/**
 * The client credentials grant (RFC 6749 §4.4) and the verification of its tokens (RFC 6750), for any framework with web
 * `Request`s. Create one with {@link ClientCredentialsFlowBuilder}. It is immutable.
 *
 * The builder infers its types: the names of the scopes, the client type of getClient, and the credentials type of verifyToken.
 */
export class ClientCredentialsFlow<
  Scope extends string = string,
  Client extends OAuth2Client = OAuth2Client,
  Credentials extends VerifiedCredentials = AuthCredentials
> {
  /** Exists in the type only, for inference. */
  declare readonly '~types'?: FlowTypes<Scope, Client, CredentialsWithScopeList<Credentials>>
  // The version of the settings, because another copy of the package may have another version.
  readonly [BRAND] = SETTINGS_VERSION
  /** @internal See {@link settingsOf}. */
  readonly [SETTINGS]: FlowSettings

  /** @throws FlowConfigurationError if an option is invalid */
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
   * when the server starts. Call it yourself if you use the flow without the plugin. It also registers, for the CLI, the stores
   * that reserve one-time values, and the scopes and methods of the flow.
   *
   * @returns warnings about missing protection, for the log
   * @throws FlowConfigurationError FST_OAUTH_SETTINGS_DIFFER, FST_OAUTH_REDIS_EVICTS
   * @throws StoreUnavailableError; then the first use tries again
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
   * Handles a token request (RFC 6749 §4.4.2). Consumes its body. Never throws.
   *
   * Send a success with status 200, `tokenResponse` and `Cache-Control: no-store` (§5.1). Send a failure with the `status`,
   * `headers` and `body` of `error`, whose `cause` is for the log. Does NOT check that the request came over TLS.
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
   * Verifies the access token in the Authorization header of a request (RFC 6750 §2.1). Does not read its body. Never throws.
   *
   * Does NOT check scopes: compare `credentials.scope` with the required scopes. Does NOT search the body for a second token.
   */
  async verifyToken (request: Request): Promise<StrategyResult<CredentialsWithScopeList<Credentials>>> {
    try {
      const credentials = await verifyRequest(this[SETTINGS], readRequest(request))
      return { success: true, credentials: credentials as CredentialsWithScopeList<Credentials> }
    } catch (error) {
      return { success: false, error: toStrategyError(error) }
    }
  }

  /** Returns the configured token endpoint: a path, or an absolute URL. */
  getTokenEndpoint (): string {
    return this[SETTINGS].tokenEndpoint
  }

  /** Returns the description of each scope, by its name. */
  getScopes (): Readonly<Record<Scope, string>> {
    return this[SETTINGS].scopes as Readonly<Record<Scope, string>>
  }

  /** Returns the key of the security scheme in OpenAPI. */
  getSecuritySchemeName (): string {
    return this[SETTINGS].securitySchemeName
  }

  /** Returns the description of the security scheme in OpenAPI. */
  getDescription (): string | undefined {
    return this[SETTINGS].description
  }

  /** Returns the lifetime of access tokens in seconds. */
  getAccessTokenLifetime (): number {
    return this[SETTINGS].accessTokenLifetime
  }

  /** Returns the names of the client authentication methods that the token endpoint supports. */
  getTokenEndpointAuthMethods (): string[] {
    return this[SETTINGS].clientAuthMethods.map(({ name }) => name)
  }

  /** Returns the OpenAPI security requirement of an operation that requires all these scopes. */
  toOpenAPIPathItem (scopes: readonly string[] = []): SecurityRequirement {
    return toSecurityRequirement(this[SETTINGS], scopes)
  }

  /** Returns the OpenAPI security scheme under its name, for `components.securitySchemes`. */
  toOpenAPISecurityScheme (): SecuritySchemes {
    return toSecuritySchemes(this[SETTINGS])
  }

  async #read (request: Request): Promise<TokenRequest> {
    try {
      return await readTokenRequest(request)
    } catch (error) {
      const refusal = toOAuth2Error(error)
      // A web Request has neither a request id nor an address.
      publishDenial(this[SETTINGS], {}, 'token', refusal)
      throw refusal
    }
  }
}

/**
 * Returns whether a value is a flow, of this or another copy of the package. Returns "other version" if the other copy has
 * incompatible settings.
 */
export function isFlow (value: unknown): boolean | 'other version' {
  const version = readBrand(value, BRAND)
  return version === undefined || version === SETTINGS_VERSION ? version !== undefined : 'other version'
}

/** Returns the settings of a flow: its options, validated, complete and frozen. Adapters pass them to the request handlers. */
export function settingsOf (flow: ClientCredentialsFlow): FlowSettings {
  return flow[SETTINGS]
}
