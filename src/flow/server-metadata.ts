import { GRANT_TYPE } from '../client-auth/oauth2-client.ts'
import { canSignIntrospection } from '../endpoints/introspection.ts'
import type { KeySource } from '../signing-keys/key-source.ts'
import type { FlowSettings } from './flow-options.ts'

/** The absolute URLs of a server's endpoints. Undefined for an endpoint that is not served. */
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

/** Returns the metadata of the authorization server (RFC 8414 §2): only features that the flow, as configured, supports. */
export async function toServerMetadata (settings: FlowSettings, urls: EndpointUrls): Promise<Record<string, unknown>> {
  const { issuer, keys } = settings.accessTokens!.metadata!
  const authMethods = settings.clientAuthMethods.map(({ name }) => name)
  const signingAlgorithms = [...new Set(settings.clientAuthMethods.flatMap(({ signingAlgorithms = [] }) => signingAlgorithms))]
  // §2: required with methods that sign, and meaningless without them.
  const authAlgorithms = signingAlgorithms.length > 0 ? signingAlgorithms : undefined
  return withoutUndefined({
    issuer,
    token_endpoint: urls.token,
    jwks_uri: urls.jwks,
    scopes_supported: settings.scopeNames && [...settings.scopeNames],
    // §2 requires this member, although a server without an authorization endpoint supports no response type.
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
 * Returns the document of OpenID Connect Discovery 1.0 (§3), for resource servers that load an issuer's keys from there only: the
 * metadata of RFC 8414, and the members that §3 requires and that are true here. The server issues no ID tokens, so no algorithm
 * signs them, and has no authorization endpoint. The subject type is public.
 */
export function toOpenIdConfiguration (metadata: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { subject_types_supported: ['public'], id_token_signing_alg_values_supported: [], ...metadata }
}

/** Returns the metadata of the protected resource (RFC 9728 §2), by which a rejected client finds the authorization server. */
export function toResourceMetadata (settings: FlowSettings): Record<string, unknown> {
  return withoutUndefined({
    resource: settings.resource,
    authorization_servers: [settings.accessTokens!.metadata!.issuer],
    scopes_supported: settings.scopeNames && [...settings.scopeNames],
    bearer_methods_supported: ['header'],
    // RFC 9728 §2: every token requires a proof.
    dpop_bound_access_tokens_required: settings.tokenTypes.every(({ confirmationName }) => confirmationName === 'jkt') || undefined,
    ...tokenTypeMetadata(settings)
  })
}

function tokenTypeMetadata ({ tokenTypes }: FlowSettings): Record<string, unknown> {
  return Object.assign({}, ...tokenTypes.map(({ metadata }) => metadata))
}

// After a change of the algorithm, keys of the previous one sign until the new one takes over.
async function algorithmsOf (keys: KeySource): Promise<string[]> {
  const { keys: announced } = await keys.toJwks()
  return [...new Set([keys.algorithm, ...announced.map(({ alg }) => alg).filter((alg) => alg !== undefined)])]
}

function withoutUndefined (members: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}
