import { hash } from 'node:crypto'
import { networkOf } from '../lib/ip.ts'

/**
 * The kind of client authentication. Failures of each kind are counted separately, so that failed proofs lock out no secret.
 */
export type AttemptKind = 'secret' | 'proof'

/** An attempt of a client to authenticate. */
export class Attempt {
  readonly #clientId: string
  /** The address of the caller. Undefined if it is unknown. */
  readonly address: string | undefined
  readonly #kind: AttemptKind
  #key: string | undefined

  constructor (clientId: string, address: string | undefined, kind: AttemptKind = 'secret') {
    this.#clientId = clientId
    this.#kind = kind
    // Read it now: once the secret has been compared, the connection may be closed, and its address unavailable.
    this.address = address
  }

  /**
   * The key by which failures are counted, a hash of fixed length that does not reveal client and address. Computed on first
   * use, since most attempts do not need it. Undefined if the address is unknown.
   */
  get key (): string | undefined {
    if (this.address === undefined) return undefined
    this.#key ??= hash('sha256', `${this.#kind === 'proof' ? 'proof ' : ''}${networkOf(this.address)} ${this.#clientId.toLowerCase()}`, 'base64url')
    return this.#key
  }
}
