import { GRANT_TYPE } from '../client-auth/oauth2-client.ts'
import { canSignIntrospection } from '../endpoints/introspection.ts'
import type { KeySource } from '../signing-keys/key-source.ts'
import type { FlowSettings } from './flow-options.ts'

/** Where the endpoints of a server are, as absolute URLs. Those that are undefined are not served. */
export interface EndpointUrls {
  /** The token endpoint. */
  token: string | undefined
  /** The JWKS. */
  jwks?: string | undefined
  /** The introspection endpoint. */
  introspection?: string | undefined
  /** The revocation endpoint. */
  revocation?: string | undefined
}

/** Writes the metadata of the authorization server (RFC 8414 §2): only what the flow, as it is set, accepts. */
export async function toServerMetadata (settings: FlowSettings, urls: EndpointUrls): Promise<Record<string, unknown>> {
  const { issuer, keys } = settings.accessTokens!.metadata!
  const authMethods = settings.clientAuthMethods.map(({ name }) => name)
  const signingAlgorithms = [...new Set(settings.clientAuthMethods.flatMap(({ signingAlgorithms = [] }) => signingAlgorithms))]
  // §2: MUST be there with methods that sign, and is of no use without.
  const authAlgorithms = signingAlgorithms.length > 0 ? signingAlgorithms : undefined
  return withoutUndefined({
    issuer,
    token_endpoint: urls.token,
    jwks_uri: urls.jwks,
    scopes_supported: settings.scopeNames && [...settings.scopeNames],
    // REQUIRED by §2, though a server without an authorization endpoint has none.
    response_types_supported: [],
    grant_types_supported: [GRANT_TYPE],
    token_endpoint_auth_methods_supported: authMethods,
    token_endpoint_auth_signing_alg_values_supported: authAlgorithms,
    introspection_endpoint: urls.introspection,
    introspection_endpoint_auth_methods_supported: urls.introspection && authMethods,
    introspection_endpoint_auth_signing_alg_values_supported: urls.introspection && authAlgorithms,
    introspection_signing_alg_values_supported: urls.introspection && canSignIntrospection(settings.accessTokens) ? await algorithmsOf(keys!) : undefined,
    revocation_endpoint: urls.revocation,
    revocation_endpoint_auth_methods_supported: urls.revocation && authMethods,
    revocation_endpoint_auth_signing_alg_values_supported: urls.revocation && authAlgorithms,
    protected_resources: settings.resource && [settings.resource],
    ...tokenTypeMetadata(settings)
  })
}

/**
 * Writes the document of OpenID Connect Discovery 1.0 (§3), for verifiers of access tokens that look for an issuer's keys there and
 * nowhere else: the metadata of RFC 8414, and what §3 requires that is true here. There are no ID tokens, so that no algorithm
 * signs them, and no authorization endpoint. The subject of a token is the same for everybody who gets it.
 */
export function toOpenIdConfiguration (metadata: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { subject_types_supported: ['public'], id_token_signing_alg_values_supported: [], ...metadata }
}

/** Writes the metadata of the protected resource (RFC 9728 §2), by which a client that was refused finds the authorization server. */
export function toResourceMetadata (settings: FlowSettings): Record<string, unknown> {
  return withoutUndefined({
    resource: settings.resource,
    authorization_servers: [settings.accessTokens!.metadata!.issuer],
    scopes_supported: settings.scopeNames && [...settings.scopeNames],
    bearer_methods_supported: ['header'],
    // RFC 9728 §2: no token is taken without a proof.
    dpop_bound_access_tokens_required: settings.tokenTypes.every(({ confirmationName }) => confirmationName === 'jkt') || undefined,
    ...tokenTypeMetadata(settings)
  })
}

function tokenTypeMetadata ({ tokenTypes }: FlowSettings): Record<string, unknown> {
  return Object.assign({}, ...tokenTypes.map(({ metadata }) => metadata))
}

// After a change of the algorithm, keys of the one before sign until the new one takes over.
async function algorithmsOf (keys: KeySource): Promise<string[]> {
  const { keys: announced } = await keys.toJwks()
  return [...new Set([keys.algorithm, ...announced.map(({ alg }) => alg).filter((alg) => alg !== undefined)])]
}

function withoutUndefined (members: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}
