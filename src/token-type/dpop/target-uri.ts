import type { PlainRequest } from '../../http/plain-request.ts'

/** Returns the URI that a proof must contain: the request URI as the client sees it, without query and fragment (RFC 9449 §4.2). */
export function targetUriOf ({ origin, url }: PlainRequest): string {
  if (origin === undefined) throw new TypeError('The URL that clients reach this server by is not known: set the plugin option "origin", or an issuer')
  return `${origin}${pathOf(url)}`
}

// Dot segments and backslashes, which the URL class resolves and a router takes literally: a proof for /public must not be
// accepted for /admin/%2e%2e/public, which a route /admin/* handles.
const UNROUTED = /\\|\/(?:\.|%2e){1,2}(?:\/|$)/i

/**
 * Returns whether two URIs are equal after normalisation, without query and fragment (RFC 9449 §4.3, RFC 3986 §6.2.2 and §6.2.3).
 * A URI with dot segments is compared exactly.
 */
export function isSameTarget (htu: string, target: string): boolean {
  if (htu === target) return true
  if (UNROUTED.test(target)) return false
  const [first, second] = [normalize(htu), normalize(target)]
  return first !== undefined && first === second
}

const ORIGIN = /^https?:\/\/[^/?#\\]*(?=\/)/i

// The request target may be an absolute URL (RFC 9112 §3.2.2), whose host the client chooses. Its origin is cut off without
// parsing, as routers do. A URL without a path is kept whole and matches no proof.
function pathOf (url: string): string {
  return url.replace(ORIGIN, '').split(/[?#]/, 1)[0] as string
}

function normalize (text: string): string | undefined {
  try {
    const { protocol, host, pathname, username, password } = new URL(text)
    return username === '' && password === '' ? `${protocol}//${host}${normalizePath(pathname)}` : undefined
  } catch {
    return undefined
  }
}

const ENCODED = /%[0-9a-f]{2}/gi
const UNRESERVED = /[A-Za-z0-9\-._~]/

// Decodes percent-encoded unreserved characters and writes other encodings in upper case. The URL class normalises the case of
// the host, the default port and dot segments.
function normalizePath (path: string): string {
  return path.replace(ENCODED, (encoded) => {
    const character = String.fromCharCode(parseInt(encoded.slice(1), 16))
    return UNRESERVED.test(character) ? character : encoded.toUpperCase()
  })
}
