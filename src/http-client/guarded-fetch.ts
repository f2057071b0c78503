import { lookup as systemLookup } from 'node:dns'
import { Agent, request } from 'node:https'
import { isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import { Readable } from 'node:stream'
import { isPublicAddress } from '../lib/ip.ts'
import { callable, checkOptions, flag, names } from '../options/check-options.ts'
import type { OptionsDescription } from '../options/check-options.ts'
import type { Fetch } from './fetch-json.ts'

/** How URLs are fetched that somebody else chose. */
export interface GuardedFetchOptions {
  /** Certificates, in PEM, of the CAs that are trusted. Default those of Node.js, `NODE_EXTRA_CA_CERTS` included. */
  ca?: string | readonly string[]
  /**
   * Reaches any address: loopback, private networks, the metadata service of the cloud. Whoever may write a URL can then
   * make this server ask there. For tests, and for networks all of whose clients are trusted. Default false.
   */
  dangerouslyAllowPrivateAddresses?: boolean
  /** Resolves host names, as `dns.lookup` does. Default that. */
  lookup?: LookupFunction
}

/** The options of guardedFetch. */
export const GUARDED_FETCH: OptionsDescription<GuardedFetchOptions> = {
  of: 'guardedFetch',
  options: { ca: names(), dangerouslyAllowPrivateAddresses: flag(), lookup: callable('as dns.lookup') }
}

/**
 * Makes a `fetch` for URLs that somebody else chose, such as the jwks_uri of a client, so that nobody uses this server
 * to reach what he cannot (server-side request forgery). It takes https only, with any port, and
 * only hosts all of whose addresses are public. A name is resolved once and the connection made to an address that was
 * checked, so that a second answer of the DNS changes nothing. It follows no redirect, sends no cookie and no body,
 * keeps no connection and no TLS session, and ignores proxies: behind one that you need, pass your own `fetch`.
 *
 * Every request is a GET; of `init` it reads headers and signal. It does NOT limit time and size: who reads the answer does.
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_OPTION, FST_OAUTH_UNKNOWN_OPTION
 */
export function guardedFetch (options: GuardedFetchOptions = {}): Fetch {
  checkOptions(options, GUARDED_FETCH)
  const { ca, dangerouslyAllowPrivateAddresses = false, lookup = systemLookup } = options
  const isAllowed = (address: string): boolean => dangerouslyAllowPrivateAddresses || isPublicAddress(address)
  const requestOptions = {
    // A resumed TLS session would carry bytes of the last server's choice to the next one.
    agent: new Agent({ keepAlive: false, maxCachedSessions: 0, ...(ca !== undefined && { ca: [ca].flat() }) }),
    // It asks for all addresses.
    autoSelectFamily: true,
    lookup: checked(lookup, isAllowed)
  }

  return async (input, init) => {
    const { url, headers } = new Request(input, init)
    const { protocol, hostname } = new URL(url)
    if (protocol !== 'https:') throw new TypeError('Only https URLs are fetched')
    // Nobody looks up an address.
    const host = hostname.replace(/^\[|\]$/g, '')
    if (isIP(host) !== 0 && !isAllowed(host)) throw notPublic(host)

    return new Promise((resolve, reject) => {
      request(url, { ...requestOptions, headers: Object.fromEntries(headers), signal: init?.signal ?? undefined })
        .on('response', (response) => {
          try {
            resolve(new Response(Readable.toWeb(response) as ReadableStream, { status: response.statusCode as number }))
          } catch (error) {
            // A status that none may have, or that has no body.
            response.destroy()
            reject(error)
          }
        })
        .on('error', reject)
        // A 101 ends the request without an answer and without an error: nobody must wait for that for ever.
        .on('close', () => { reject(new TypeError('The connection was closed without an answer')) })
        .end()
    })
  }
}

/** A lookup that finds all addresses or none: what a name has one address of that is not public is not trusted with the others. */
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

// Does not tell the address: who registered the name would learn of a network what he cannot see.
function notPublic (host: string): TypeError {
  return new TypeError(`The host ${host} is not on the public internet`)
}
