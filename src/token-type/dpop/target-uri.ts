import type { PlainRequest } from '../../http/plain-request.ts'

/** The URI that a proof must name: that of the request as clients know it, without query and fragment (RFC 9449 §4.2). */
export function targetUriOf ({ origin, url }: PlainRequest): string {
  if (origin === undefined) throw new TypeError('The URL that clients reach this server by is not known: set the plugin option "origin", or an issuer')
  return `${origin}${pathOf(url)}`
}

// Segments of dots, and backslashes, which the URL class resolves and a router takes as they are: a proof for /public must
// not open /admin/%2e%2e/public, where a route /admin/* answers.
const UNROUTED = /\\|\/(?:\.|%2e){1,2}(?:\/|$)/i

/** Tells whether two URIs are the same once they are normalised, query and fragment aside (RFC 9449 §4.3, RFC 3986 §6.2.2 and §6.2.3). One that no router reads in this way is itself only. */
export function isSameTarget (htu: string, target: string): boolean {
  if (htu === target) return true
  if (UNROUTED.test(target)) return false
  const [first, second] = [normalize(htu), normalize(target)]
  return first !== undefined && first === second
}

const ORIGIN = /^https?:\/\/[^/?#\\]*(?=\/)/i

// The request target may be a whole URL (RFC 9112 §3.2.2), whose host is the client's word only. It is cut off and not
// parsed, since routers do so too. A URL without a path stays whole, and is that of no proof.
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

// What may stand for itself does so, and what is encoded is in capitals. Case of the host, the default port and dots in
// the path are seen to by the URL class.
function normalizePath (path: string): string {
  return path.replace(ENCODED, (encoded) => {
    const character = String.fromCharCode(parseInt(encoded.slice(1), 16))
    return UNRESERVED.test(character) ? character : encoded.toUpperCase()
  })
}
