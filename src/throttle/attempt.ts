import { hash } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { PlainRequest } from '../request.ts'

/** An attempt of a client to authenticate by a secret. */
export class Attempt {
  readonly #clientId: string
  readonly #address: string | undefined
  #key: string | undefined

  constructor (clientId: string, request: PlainRequest) {
    this.#clientId = clientId
    // At once: when the secret has been compared, the connection may be gone, and its address with it.
    this.#address = request.address
  }

  /**
   * What failures are counted by, made when it is first asked for: most attempts never need it. Of one length, whatever
   * was presented, and no list of who comes from where. Undefined where the address is not known.
   */
  get key (): string | undefined {
    if (this.#address === undefined) return undefined
    this.#key ??= hash('sha256', `${networkOf(this.#address)} ${this.#clientId.toLowerCase()}`, 'base64url')
    return this.#key
  }
}

const MAPPED = /^\[::ffff:([\da-f]+):([\da-f]+)\]$/

function networkOf (address: string): string {
  if (!isIPv6(address)) return address
  // In the one spelling of URLs, which know no zone.
  const { hostname } = new URL(`http://[${address.replace(/%.*/, '')}]`)
  const [, high, low] = MAPPED.exec(hostname) ?? []
  if (high !== undefined) return [high, low as string].flatMap((text) => [parseInt(text, 16) >> 8, parseInt(text, 16) & 0xff]).join('.')
  const [head = '', tail] = hostname.slice(1, -1).split('::')
  const groups = head === '' ? [] : head.split(':')
  // What "::" leaves out are zeros, as many as there is room for.
  if (tail !== undefined) groups.push(...Array<string>(8 - groups.length - tail.split(':').filter(Boolean).length).fill('0'), ...tail.split(':'))
  return groups.slice(0, 4).join(':')
}
