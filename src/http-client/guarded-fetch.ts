import { lookup as systemLookup } from 'node:dns'
import { Agent, request } from 'node:https'
import { isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import { Readable } from 'node:stream'
import { isPublicAddress } from '../lib/ip.ts'
import { callable, checkOptions, flag, names } from '../options/check-options.ts'
import type { OptionsDescription } from '../options/check-options.ts'
import type { Fetch } from './fetch-json.ts'

/** Options of {@link guardedFetch}. */
export interface GuardedFetchOptions {
  /** Certificates, in PEM, of the CAs that are trusted. Default those of Node.js, `NODE_EXTRA_CA_CERTS` included. */
  ca?: string | readonly string[]
  /**
   * Allows requests to any address: loopback, private networks, the metadata service of the cloud. Anyone who can register a
   * URL can then make this server send requests there. For tests, and for networks in which all clients are trusted. Default
   * false.
   */
  dangerouslyAllowPrivateAddresses?: boolean
  /** Resolves host names. Default `dns.lookup`. */
  lookup?: LookupFunction
}

/** The options of guardedFetch. */
export const GUARDED_FETCH: OptionsDescription<GuardedFetchOptions> = {
  of: 'guardedFetch',
  options: { ca: names(), dangerouslyAllowPrivateAddresses: flag(), lookup: callable('as dns.lookup') }
}

/**
 * Creates a `fetch` for untrusted URLs, such as the jwks_uri of a client, that prevents server-side request forgery. It accepts
 * https only, on any port, and only hosts all of whose addresses are public. It resolves a name once and connects to the
 * checked address, so that a second DNS response has no effect. It follows no redirect, sends no cookie and no body,
 * keeps no connection and no TLS session, and ignores proxies. If a proxy is required, pass your own `fetch`.
 *
 * Every request is a GET. Of `init` it reads `headers` and `signal`. Does NOT limit time and size: the caller must.
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_OPTION, FST_OAUTH_UNKNOWN_OPTION
 */
export function guardedFetch (options: GuardedFetchOptions = {}): Fetch {
  checkOptions(options, GUARDED_FETCH)
  const { ca, dangerouslyAllowPrivateAddresses = false, lookup = systemLookup } = options
  const isAllowed = (address: string): boolean => dangerouslyAllowPrivateAddresses || isPublicAddress(address)
  const requestOptions = {
    // A resumed TLS session would send data of the previous server to the next one.
    agent: new Agent({ keepAlive: false, maxCachedSessions: 0, ...(ca !== undefined && { ca: [ca].flat() }) }),
    // With it, Node.js passes `all: true` to `lookup`.
    autoSelectFamily: true,
    lookup: checked(lookup, isAllowed)
  }

  return async (input, init) => {
    const { url, headers } = new Request(input, init)
    const { protocol, hostname } = new URL(url)
    if (protocol !== 'https:') throw new TypeError('Only https URLs are fetched')
    // Node.js does not call `lookup` for an IP address.
    const host = hostname.replace(/^\[|\]$/g, '')
    if (isIP(host) !== 0 && !isAllowed(host)) throw notPublic(host)

    return new Promise((resolve, reject) => {
      request(url, { ...requestOptions, headers: Object.fromEntries(headers), signal: init?.signal ?? undefined })
        .on('response', (response) => {
          try {
            resolve(new Response(Readable.toWeb(response) as ReadableStream, { status: response.statusCode as number }))
          } catch (error) {
            // The status is outside the range of the Response class, or does not allow a body.
            response.destroy()
            reject(error)
          }
        })
        .on('error', reject)
        // A 101 ends the request without a response and without an error: reject, so that the caller does not wait permanently.
        .on('close', () => { reject(new TypeError('The connection was closed without an answer')) })
        .end()
    })
  }
}

/** Wraps a lookup so that it fails unless all addresses are allowed: a host with one private address is not trusted. */
function checked (lookup: LookupFunction, isAllowed: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, answer) => {
      if (error) return callback(error, [])
      const addresses = answer as { address: string, family: number }[]
      const refused = addresses.find(({ address }) => !isAllowed(address))
      if (refused !== undefined) return callback(notPublic(hostname), [])
      callback(null, addresses)
    })
  }
}

// Omits the address: the owner of the host name could otherwise scan the internal network.
function notPublic (host: string): TypeError {
  return new TypeError(`The host ${host} is not on the public internet`)
}
