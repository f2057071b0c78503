import { allowInsecureRequests, customFetch, discoveryRequest, JSON_ATTRIBUTE_COMPARISON, OperationProcessingError, processDiscoveryResponse, processResourceDiscoveryResponse, resourceDiscoveryRequest } from 'oauth4webapi'
import type { AuthorizationServer } from 'oauth4webapi'
import { measureAge } from '../lib/age.ts'
import type { Age } from '../lib/age.ts'
import type { Clock } from '../lib/clock.ts'
import { isSecureUrl } from '../lib/secure-url.ts'
import { OAuthClientError } from './errors.ts'
import type { OAuthClientOptions } from './options.ts'
import type { ServerFetch } from './server-fetch.ts'

// Milliseconds for which metadata is used before it is fetched again.
const MAX_AGE = 3_600_000

/** The metadata of an authorization server, with the token endpoint that this client uses. */
export type TokenServer = AuthorizationServer & { readonly token_endpoint: string }

/** Fetches the metadata of the authorization server, or uses the options. */
export class ServerMetadata {
  readonly #options: OAuthClientOptions
  readonly #now: Clock
  #cached: TokenServer | undefined
  #age: Age = () => Infinity

  constructor (options: OAuthClientOptions, now: Clock) {
    const { issuer, tokenEndpoint } = options
    this.#options = options
    this.#now = now
    if (tokenEndpoint === undefined) return
    this.#cached = { issuer: issuer ?? tokenEndpoint, token_endpoint: tokenEndpoint }
    this.#age = () => 0
  }

  /**
   * Returns the metadata, at most an hour old. While they cannot be fetched again, the last ones stay in use.
   *
   * @throws OAuthClientError OAUTH_CLIENT_DISCOVERY_FAILED
   */
  async load (send: ServerFetch): Promise<TokenServer> {
    if (this.#age() < MAX_AGE) return this.#cached!
    const age = measureAge(this.#now)
    try {
      this.#cached = await this.#discover(send)
    } catch (error) {
      if (this.#cached === undefined) throw error
    }
    this.#age = age
    return this.#cached
  }

  async #discover (send: ServerFetch): Promise<TokenServer> {
    const issuer = new URL(this.#options.issuer ?? await this.#issuerOfResource(send))
    try {
      const options = { [customFetch]: send, [allowInsecureRequests]: true }
      let response = await discoveryRequest(issuer, { ...options, algorithm: 'oauth2' })
      // For servers that support only OpenID Connect Discovery.
      if (response.status === 404) response = await discoveryRequest(issuer, { ...options, algorithm: 'oidc' })
      const metadata = await processDiscoveryResponse(issuer, response)
      // RFC 8705 §5.
      const alias = this.#options.certificate === undefined ? undefined : metadata.mtls_endpoint_aliases?.token_endpoint
      const endpoint = alias ?? metadata.token_endpoint
      if (typeof endpoint !== 'string' || !isSecureUrl(endpoint, this.#options.dangerouslyAllowHttp)) throw failed('The metadata name no token endpoint with TLS.')
      return { ...metadata, token_endpoint: endpoint }
    } catch (error) {
      throw asDiscoveryError(error)
    }
  }

  // RFC 9728 §3. The URL is made of the configured resource: nothing that a response names is fetched.
  async #issuerOfResource (send: ServerFetch): Promise<string> {
    const resource = new URL(this.#options.resource as string)
    try {
      const response = await resourceDiscoveryRequest(resource, { [customFetch]: send, [allowInsecureRequests]: true })
      const { authorization_servers: servers = [] } = await processResourceDiscoveryResponse(resource, response)
      const issuer = servers.find((server) => this.#options.allowedIssuers?.includes(server))
      if (issuer === undefined) throw failed('The metadata of the resource name none of "allowedIssuers".')
      return issuer
    } catch (error) {
      throw asDiscoveryError(error)
    }
  }
}

function failed (reason: string): OAuthClientError {
  return new OAuthClientError('OAUTH_CLIENT_DISCOVERY_FAILED', `${reason} Correct the issuer, or pass "tokenEndpoint".`)
}

// The errors of oauth4webapi have the whole response in them.
function asDiscoveryError (error: unknown): unknown {
  if (!(error instanceof OperationProcessingError)) return error
  return failed(error.code === JSON_ATTRIBUTE_COMPARISON ? 'The metadata are those of another issuer.' : 'There are no metadata of this issuer.')
}
