import { OAuthClientError } from './errors.ts'
import type { Fields, RequestParts } from './request-parts.ts'

const REDIRECTS = new Set([301, 302, 303, 307, 308])
// Fetch standard, HTTP-redirect fetch.
const BODY_FIELDS = ['content-encoding', 'content-language', 'content-location', 'content-type', 'content-length']
const CREDENTIAL_FIELDS = ['authorization', 'proxy-authorization', 'cookie', 'host', 'dpop']

/**
 * Returns the request that a redirect asks for (Fetch standard, HTTP-redirect fetch), without credentials for another origin.
 *
 * @returns undefined if the response is no redirect, or is not to be followed
 * @throws OAuthClientError OAUTH_CLIENT_BODY_NOT_REPLAYABLE; TypeError for a location that is not http or https
 */
export function redirected (parts: RequestParts, response: Response): RequestParts | undefined {
  if (!REDIRECTS.has(response.status) || (parts.redirect ?? 'follow') !== 'follow') return undefined
  const location = response.headers.get('location')
  if (location === null) return undefined
  const url = new URL(location, parts.url)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new TypeError('The API redirects to a URL that is not http or https')
  const isOther = url.origin !== parts.url.origin
  const { status } = response
  const { method } = parts
  if ((status === 303 && method !== 'GET' && method !== 'HEAD') || (status < 303 && method.toUpperCase() === 'POST')) {
    const headers = without(parts.headers, isOther ? [...BODY_FIELDS, ...CREDENTIAL_FIELDS] : BODY_FIELDS)
    return { ...parts, url, headers, method: 'GET', body: null, isReplayable: true }
  }
  if (!parts.isReplayable) throw notReplayable('redirected it', response)
  return { ...parts, url, headers: isOther ? without(parts.headers, CREDENTIAL_FIELDS) : parts.headers }
}

function without (headers: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)))
}

/** Creates the error for a body that would have to be sent again. */
export function notReplayable (what: string, response: Response): OAuthClientError {
  return new OAuthClientError('OAUTH_CLIENT_BODY_NOT_REPLAYABLE', `The API ${what}, and the body is a stream that cannot be sent again. Repeat the call with a new stream.`, { response, status: response.status })
}
