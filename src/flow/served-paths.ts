import { AUTHORIZATION_SERVER, openIdUrl, PROTECTED_RESOURCE, wellKnownUrl } from '../http/issuer.ts'
import { settingsOf } from './client-credentials-flow.ts'
import type { ClientCredentialsFlow } from './client-credentials-flow.ts'
import type { EndpointUrls } from './server-metadata.ts'

/** The served paths, each below the prefix of its encapsulation context except {@link AT_ROOT}. Undefined if the endpoint is not available. */
export interface ServedPaths {
  token: string | undefined
  introspection: string | undefined
  revocation: string | undefined
  jwks: string | undefined
  serverMetadata: string | undefined
  resourceMetadata: string | undefined
  /** The path of the same metadata for OpenID Connect Discovery (§4). */
  openIdConfiguration: string | undefined
}

/** Well-known paths, which are served at the root of the host regardless of the prefix (RFC 8615 §3). */
export const AT_ROOT: ReadonlySet<keyof ServedPaths> = new Set(['serverMetadata', 'resourceMetadata', 'openIdConfiguration'])

const JWKS = '/.well-known/jwks.json'

/** Returns which endpoints of a flow are served, and at which paths: introspection and revocation are next to the token endpoint. */
export function servedPaths (flow: ClientCredentialsFlow, servesOpenIdConfiguration: boolean): ServedPaths {
  const { accessTokens, resource } = settingsOf(flow)
  const token = flow.getTokenEndpoint().startsWith('/') ? flow.getTokenEndpoint().split('?', 1)[0] : undefined
  const metadata = token === undefined ? undefined : accessTokens?.metadata
  const beside = (name: string) => token?.replace(/[^/]*$/, name)
  return {
    token,
    introspection: metadata && accessTokens?.introspect && beside('introspect'),
    // Revocation needs introspection to determine the client of a token.
    revocation: metadata && accessTokens?.introspect && accessTokens.revoke && beside('revoke'),
    jwks: metadata?.keys && JWKS,
    serverMetadata: metadata && pathOf(wellKnownUrl(metadata.issuer, AUTHORIZATION_SERVER)),
    resourceMetadata: resource && pathOf(wellKnownUrl(resource, PROTECTED_RESOURCE)),
    openIdConfiguration: servesOpenIdConfiguration && metadata?.keys ? pathOf(openIdUrl(metadata.issuer)) : undefined
  }
}

/**
 * Returns the URLs of the served endpoints.
 *
 * @param base the public URL of the encapsulation context. Undefined if it is not configured
 */
export function endpointUrls (paths: ServedPaths, base: string | undefined): EndpointUrls {
  const urlOf = (path: string | undefined) => path && base && `${base}${path}`
  return { token: urlOf(paths.token), jwks: urlOf(paths.jwks), introspection: urlOf(paths.introspection), revocation: urlOf(paths.revocation) }
}

function pathOf (url: string): string {
  return new URL(url).pathname
}
