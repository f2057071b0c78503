import { BlockList, isIP } from 'node:net'
import { isIPv6 } from 'node:net'

/** What is not on the public internet (RFC 6890 and its registry): subnets of IPv4. */
const NOT_PUBLIC: readonly [network: string, prefix: number][] = [
  ['0.0.0.0', 8], // this host
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // carrier-grade NAT
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local, where clouds tell their machines secrets
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16], // private
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4] // reserved, and broadcast
]

/** In the one part of IPv6 that is public, 2000::/3: what is not, or leads to an address of IPv4. */
const NOT_PUBLIC_6: readonly [network: string, prefix: number][] = [
  ['2001::', 23], // protocol assignments, Teredo among them
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4
  ['3fff::', 20] // documentation
]

const refused = new BlockList()
for (const [network, prefix] of NOT_PUBLIC) refused.addSubnet(network, prefix, 'ipv4')
for (const [network, prefix] of NOT_PUBLIC_6) refused.addSubnet(network, prefix, 'ipv6')

const publicIPv6 = new BlockList()
publicIPv6.addSubnet('2000::', 3, 'ipv6')

/**
 * Tells whether an IP address is on the public internet. IPv6 that carries an address of IPv4 (mapped, NAT64, 6to4,
 * Teredo) is not, whatever it carries; neither is an address with a zone, nor what is no address.
 */
export function isPublicAddress (address: string): boolean {
  if (address.includes('%')) return false
  const family = isIP(address)
  if (family === 4) return !refused.check(address, 'ipv4')
  return family === 6 && publicIPv6.check(address, 'ipv6') && !refused.check(address, 'ipv6')
}

export const MAPPED = /^\[::ffff:([\da-f]+):([\da-f]+)\]$/
export const NETWORK_GROUPS = 4
export const SITE_GROUPS = 3

// Characters of the longest address. Where a proxy is trusted that checks nothing, a caller may write anything there.
export const MAX_LENGTH = 64

/** The part of an address that is one customer's: an IPv4 address, or the first 64 bits of an IPv6 address. */
export function networkOf (address: string): string {
  return networksOf(address)[0]
}

/** {@link networkOf} an address, and for IPv6 the first 48 bits, which one site may have. */
export function networksOf (address: string): readonly [network: string, site?: string] {
  if (!isIPv6(address)) return [address.slice(0, MAX_LENGTH)]
  // In the one spelling of URLs, which know no zone.
  const { hostname } = new URL(`http://[${address.replace(/%.*/, '')}]`)
  const [, high, low] = MAPPED.exec(hostname) ?? []
  if (high !== undefined) return [[high, low as string].flatMap((text) => [parseInt(text, 16) >> 8, parseInt(text, 16) & 0xff]).join('.')]
  const [head = '', tail] = hostname.slice(1, -1).split('::')
  const groups = head === '' ? [] : head.split(':')
  // What "::" leaves out are zeros, as many as there is room for.
  if (tail !== undefined) groups.push(...Array<string>(8 - groups.length - tail.split(':').filter(Boolean).length).fill('0'), ...tail.split(':'))
  return [groups.slice(0, NETWORK_GROUPS).join(':'), `${groups.slice(0, SITE_GROUPS).join(':')}/48`]
}
