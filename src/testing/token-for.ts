import { X509Certificate } from 'node:crypto'
import { GRANT_TYPE, handleTokenRequest, isOAuth2Error, settingsOf } from '../adapter.ts'
import type { FlowSettings, TokenRequest, TokenResponse } from '../adapter.ts'
import type { ClientCredentialsFlow, OAuth2Client } from '../index.ts'
import type { ProofKey } from './proof-key.ts'
import { spoilToken } from './spoil-token.ts'
import type { TokenFlaw } from './spoil-token.ts'

/** The application under test: a Fastify instance in which the plugin is registered, or any object with its flow. */
export interface ApplicationUnderTest {
  /** The flow. The plugin decorates the instance that it is registered in with it. */
  readonly clientCredentials: ClientCredentialsFlow
  /** Loads the plugins of a Fastify instance. */
  ready? (): PromiseLike<unknown>
}

/** Options of {@link tokenFor}. */
export interface TestTokenOptions {
  /**
   * The client: the id of one in the registry of the application; or a client, as `getClient` of the application would return
   * it. In an application without a registry, an id stands for a client with the requested scopes.
   */
  client: string | OAuth2Client
  /** The scopes, as a list or separated by spaces. Default the default scopes of the client. */
  scope?: string | readonly string[]
  /** The resource that the token is for (RFC 8707). Default the first audience of the application. */
  resource?: string | readonly string[]
  /** The lifetime of the token in seconds. Default as configured in the application. */
  lifetime?: number
  /** The key that the token is bound to by DPoP (RFC 9449). Default none. */
  proofKey?: ProofKey
  /** The certificate that the token is bound to (RFC 8705), in PEM or read. Default none. */
  certificate?: string | X509Certificate
  /** Further parameters of the token request. */
  parameters?: Readonly<Record<string, string>>
  /** The flaw of the token. Default none. */
  flaw?: TokenFlaw
}

// The origin of the token endpoint in the proof of the token request.
const ORIGIN = 'https://issuer.test'
const METHOD = 'test'

/**
 * Obtains an access token that the guards of the application verify. The token endpoint of the application does everything but
 * the authentication of the client: it grants the scopes, binds the token, and calls `generateAccessToken`.
 *
 * @throws OAuth2Error if the token endpoint rejects the request, such as invalid_scope for a scope that the client lacks
 * @throws TypeError for a client that is not in the registry, and for a flaw that this kind of token does not support
 */
export async function tokenFor (application: ApplicationUnderTest, options: TestTokenOptions): Promise<string> {
  await application.ready?.()
  const settings = settingsOf(application.clientCredentials)
  const client = await findClient(settings, options)
  // Without the throttle and the registry, which require an authenticated client.
  const asClient: FlowSettings = {
    ...settings,
    clients: undefined,
    throttle: undefined,
    heldRejections: undefined,
    clientAuthMethods: [{ name: METHOD, carries: () => true, authenticate: () => ({ kind: 'verified', clientId: client.id }) }],
    getClient: () => client
  }
  const { access_token: token } = await request(asClient, options)
  return options.flaw === undefined ? token : await spoilToken(token, options.flaw, settings.accessTokens)
}

async function findClient (settings: FlowSettings, { client, scope, lifetime }: TestTokenOptions): Promise<OAuth2Client> {
  const found = typeof client !== 'string' ? client : settings.clients === undefined ? unregistered(client, scope) : await settings.clients.findClient(client)
  if (found === undefined) throw new TypeError(`There is no client ${JSON.stringify(client)} in the registry, or it is disabled. Add it in the test: registry.add({ id, scopes })`)
  // Omit the registered authentication method: another one is used here.
  const { token_endpoint_auth_method: _, ...metadata } = found.metadata ?? {}
  return { ...found, metadata, ...(lifetime !== undefined && { accessTokenLifetime: lifetime }) }
}

function unregistered (id: string, scope: TestTokenOptions['scope']): OAuth2Client {
  return { id, grants: [GRANT_TYPE], scopes: listOf(scope) }
}

function listOf (scope: TestTokenOptions['scope'] = []): readonly string[] {
  return typeof scope === 'string' ? scope.split(' ').filter(Boolean) : scope
}

async function request (settings: FlowSettings, options: TestTokenOptions): Promise<TokenResponse> {
  try {
    return await handleTokenRequest(settings, await toRequest(settings, options))
  } catch (error) {
    // RFC 9449 §8: the server chooses the nonce.
    const nonce = isOAuth2Error(error) && error.code === 'use_dpop_nonce' ? error.headers['dpop-nonce'] : undefined
    if (nonce === undefined) throw error
    return await handleTokenRequest(settings, await toRequest(settings, options, nonce))
  }
}

async function toRequest ({ tokenEndpoint }: FlowSettings, options: TestTokenOptions, nonce?: string): Promise<TokenRequest> {
  const { scope, resource, parameters, proofKey, certificate } = options
  const url = new URL(tokenEndpoint, ORIGIN)
  const proof = await proofKey?.proof({ method: 'POST', url: url.href, ...(nonce !== undefined && { nonce }) })
  const presented = certificate === undefined ? undefined : { x509: new X509Certificate(certificate.toString()), isTrusted: true }
  return {
    method: 'POST',
    url: `${url.pathname}${url.search}`,
    origin: url.origin,
    header: (name) => name === 'dpop' ? proof : undefined,
    clientCertificate: () => presented,
    form: {
      ...parameters,
      grant_type: GRANT_TYPE,
      ...(scope !== undefined && { scope: listOf(scope).join(' ') }),
      ...(resource !== undefined && { resource: [resource].flat() })
    }
  }
}
