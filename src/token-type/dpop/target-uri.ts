import type { PlainRequest } from '../../request.ts'

/** The URI that a proof must name: that of the request as clients know it, without query and fragment (RFC 9449 §4.2). */
export function targetUriOf ({ origin, url }: PlainRequest): string {
  if (origin === undefined) throw new TypeError('The URL that clients reach this server by is not known: set the plugin option "origin", or an issuer')
  return `${origin}${pathOf(url)}`
}

/** Tells whether two URIs are the same once they are normalised, query and fragment aside (RFC 9449 §4.3, RFC 3986 §6.2.2 and §6.2.3). */
export function isSameTarget (htu: string, target: string): boolean {
  if (htu === target) return true
  const [first, second] = [normalize(htu), normalize(target)]
  return first !== undefined && first === second
}

// The request target may be a whole URL (RFC 9112 §3.2.2), whose host is the client's word only.
function pathOf (url: string): string {
  const path = url.startsWith('/') ? url : URL.parse(url)?.pathname ?? ''
  return path.split(/[?#]/, 1)[0] as string
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
