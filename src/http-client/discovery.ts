import { AUTHORIZATION_SERVER, openIdUrl, wellKnownUrl } from '../http/issuer.ts'
import type { Clock } from '../lib/clock.ts'
import { isSecureUrl } from '../lib/secure-url.ts'
import { fetchJson, UnexpectedStatus } from './fetch-json.ts'
import type { Fetch } from './fetch-json.ts'
import { RemoteDocument } from './remote-document.ts'

// Seconds.
const MAX_AGE = 3600

/** Options for requests to another authorization server. */
export interface RemoteIssuer {
  issuer: string
  fetch: Fetch
  now: Clock
  /** Seconds beyond the maximum age for which a cached document is used while the issuer is unavailable. Default 600. */
  maxStale?: number | undefined
  /** Is called once per outage while a cached document is used. */
  onError: (error: Error) => void
  /** Whether URLs in its metadata may be http on any host. Default false. */
  allowHttp?: boolean | undefined
}

/**
 * Finds an endpoint in the metadata of an authorization server (RFC 8414 §3), which is cached for an hour.
 * The metadata must name the very issuer (§3.3), and the endpoint must be an https URL (http on loopback only).
 *
 * Many servers publish metadata only at the URL of OpenID Connect Discovery (§4). If one of the two URLs has none, the other is
 * requested.
 *
 * @param isOpenId requests the URL of OpenID Connect Discovery first
 */
export function discoverEndpoint (
  { issuer, fetch, now, maxStale, onError, allowHttp }: RemoteIssuer,
  name: 'jwks_uri' | 'introspection_endpoint',
  isOpenId = false
): RemoteDocument<string> {
  const places = [wellKnownUrl(issuer, AUTHORIZATION_SERVER), openIdUrl(issuer)] as const
  const [first, second] = isOpenId ? places.toReversed() as [string, string] : places

  async function load (): Promise<string> {
    return read(first).catch((error: Error) => {
      if (!isNotThere(error)) throw error
      // Report the error of the URL that is expected.
      return read(second).catch(() => { throw error })
    })
  }

  async function read (url: string): Promise<string> {
    const metadata = await fetchJson(fetch, url)
    if (metadata.issuer !== issuer) throw new Error(`The metadata at ${url} is of another issuer than ${issuer}`)
    const endpoint = metadata[name]
    if (typeof endpoint !== 'string' || !isSecureUrl(endpoint, allowHttp)) throw new Error(`The metadata at ${url} has no ${name} that is an https URL`)
    return endpoint
  }

  return new RemoteDocument({ load, maxAge: MAX_AGE, maxStale, now, onError })
}

// Do not try the other URL if the server is unavailable.
function isNotThere ({ cause }: Error): boolean {
  return cause instanceof UnexpectedStatus && cause.status >= 400 && cause.status < 500
}
