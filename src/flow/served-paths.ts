import { AUTHORIZATION_SERVER, openIdUrl, PROTECTED_RESOURCE, wellKnownUrl } from '../http/issuer.ts'
import { settingsOf } from './client-credentials-flow.ts'
import type { ClientCredentialsFlow } from './client-credentials-flow.ts'
import type { EndpointUrls } from './server-metadata.ts'

/** The paths that are served, each below the prefix of its scope but {@link AT_ROOT}. Undefined where the part behind it is not there. */
export interface ServedPaths {
  token: string | undefined
  introspection: string | undefined
  revocation: string | undefined
  jwks: string | undefined
  serverMetadata: string | undefined
  resourceMetadata: string | undefined
  /** The metadata again, where OpenID Connect Discovery (§4) has it. */
  openIdConfiguration: string | undefined
}

/** What is found by its path alone, and so stands at the root of the host whatever the prefix (RFC 8615 §3). */
export const AT_ROOT: ReadonlySet<keyof ServedPaths> = new Set(['serverMetadata', 'resourceMetadata', 'openIdConfiguration'])

const JWKS = '/.well-known/jwks.json'

/** Returns which endpoints of a flow are to be served, and where: introspection and revocation stand beside the token endpoint. */
export function servedPaths (flow: ClientCredentialsFlow, servesOpenIdConfiguration: boolean): ServedPaths {
  const { accessTokens, resource } = settingsOf(flow)
  const token = flow.getTokenEndpoint().startsWith('/') ? flow.getTokenEndpoint().split('?', 1)[0] : undefined
  const metadata = token === undefined ? undefined : accessTokens?.metadata
  const beside = (name: string) => token?.replace(/[^/]*$/, name)
  return {
    token,
    introspection: metadata && accessTokens?.introspect && beside('introspect'),
    // Whose token it is, introspection knows.
    revocation: metadata && accessTokens?.introspect && accessTokens.revoke && beside('revoke'),
    jwks: metadata?.keys && JWKS,
    serverMetadata: metadata && pathOf(wellKnownUrl(metadata.issuer, AUTHORIZATION_SERVER)),
    resourceMetadata: resource && pathOf(wellKnownUrl(resource, PROTECTED_RESOURCE)),
    openIdConfiguration: servesOpenIdConfiguration && metadata?.keys ? pathOf(openIdUrl(metadata.issuer)) : undefined
  }
}

/**
 * Writes the URLs of what is served.
 *
 * @param base the URL that clients reach the scope by. Undefined where nothing says so
 */
export function endpointUrls (paths: ServedPaths, base: string | undefined): EndpointUrls {
  const urlOf = (path: string | undefined) => path && base && `${base}${path}`
  return { token: urlOf(paths.token), jwks: urlOf(paths.jwks), introspection: urlOf(paths.introspection), revocation: urlOf(paths.revocation) }
}

function pathOf (url: string): string {
  return new URL(url).pathname
}
