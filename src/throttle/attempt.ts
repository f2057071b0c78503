import { hash } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { PlainRequest } from '../http/plain-request.ts'

/** How a client authenticates: failures of each are counted apart, so that failed proofs lock out no secret. */
export type AttemptKind = 'secret' | 'proof'

/** An attempt of a client to authenticate. */
export class Attempt {
  readonly #clientId: string
  /** Where it came from. Undefined where that is not known. */
  readonly address: string | undefined
  readonly #kind: AttemptKind
  #key: string | undefined

  constructor (clientId: string, request: PlainRequest, kind: AttemptKind = 'secret') {
    this.#clientId = clientId
    this.#kind = kind
    // At once: when the secret has been compared, the connection may be gone, and its address with it.
    this.address = request.address
  }

  /**
   * What failures are counted by, made when it is first asked for: most attempts never need it. Of one length, whatever
   * was presented, and no list of who comes from where. Undefined where the address is not known.
   */
  get key (): string | undefined {
    if (this.address === undefined) return undefined
    this.#key ??= hash('sha256', `${this.#kind === 'proof' ? 'proof ' : ''}${networkOf(this.address)} ${this.#clientId.toLowerCase()}`, 'base64url')
    return this.#key
  }
}

const MAPPED = /^\[::ffff:([\da-f]+):([\da-f]+)\]$/
const NETWORK_GROUPS = 4
const SITE_GROUPS = 3
// Characters of the longest address. Where a proxy is trusted that checks nothing, a caller may write anything there.
const MAX_LENGTH = 64

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
