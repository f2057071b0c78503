import { isIP, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'

// The one part of IPv6 that is on the public internet (RFC 4291 §2.4, IANA).
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3')

/**
 * Returns whether an IP address is on the public internet: in no range of the special-purpose registries (RFC 6890). Returns
 * false for every IPv6 address that embeds an IPv4 address (mapped, NAT64, 6to4, Teredo), for an address with a zone, and for a
 * string that is not an address in the usual notation.
 */
export function isPublicAddress (address: string): boolean {
  // ipaddr.js reads octal, hexadecimal and shortened IPv4 too, which other software may parse as another address.
  if (isIP(address) === 0 || address.includes('%')) return false
  const parsed = ipaddr.parse(address)
  if (parsed.range() !== 'unicast') return false
  return parsed instanceof ipaddr.IPv4 || parsed.match(GLOBAL_UNICAST)
}

const NETWORK_GROUPS = 4
const SITE_GROUPS = 3

// Characters of the longest address. If a trusted proxy does not validate addresses, callers may send any string.
const MAX_LENGTH = 64

/** Returns the network of one customer: an IPv4 address, or the first 64 bits of an IPv6 address. */
export function networkOf (address: string): string {
  return networksOf(address)[0]
}

/** Returns {@link networkOf} an address, and for IPv6 also the first 48 bits, which may belong to one site. */
export function networksOf (address: string): readonly [network: string, site?: string] {
  if (!isIPv6(address)) return [address.slice(0, MAX_LENGTH)]
  // Node.js allows characters in a zone that ipaddr.js does not.
  const parsed = ipaddr.IPv6.parse(address.replace(/%.*/, ''))
  if (parsed.isIPv4MappedAddress()) return [parsed.toIPv4Address().toString()]
  const groups = parsed.parts.map((part) => part.toString(16))
  return [groups.slice(0, NETWORK_GROUPS).join(':'), `${groups.slice(0, SITE_GROUPS).join(':')}/48`]
}
