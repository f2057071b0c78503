import { hash } from 'node:crypto'
import { networkOf } from '../lib/ip.ts'

/** How a client authenticates: failures of each are counted apart, so that failed proofs lock out no secret. */
export type AttemptKind = 'secret' | 'proof'

/** An attempt of a client to authenticate. */
export class Attempt {
  readonly #clientId: string
  /** Where it came from. Undefined where that is not known. */
  readonly address: string | undefined
  readonly #kind: AttemptKind
  #key: string | undefined

  constructor (clientId: string, address: string | undefined, kind: AttemptKind = 'secret') {
    this.#clientId = clientId
    this.#kind = kind
    // At once: when the secret has been compared, the connection may be gone, and its address with it.
    this.address = address
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
