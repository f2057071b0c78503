import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'

// Seconds until the next nonce is issued. Each is accepted for at most twice as long, so that one that was issued at the end of
// its period can still be used (RFC 9449 §8).
const ROTATION = 120

/**
 * Creates and verifies nonces without a store. A nonce is an HMAC of the time: any process with the same key can verify it, and
 * no client can predict it (RFC 9449 §11.3). A nonce of the token endpoint is accepted by the resources of the same flow, and
 * vice versa: clients keep one nonce per origin.
 */
export class Nonces {
  readonly #key: string
  readonly #now: Clock
  #made: { period: number, nonce: string } | undefined

  constructor (key: string, now: Clock) {
    this.#key = key
    this.#now = now
  }

  /** Returns the current nonce. */
  current (): string {
    const period = this.#period()
    if (this.#made?.period !== period) this.#made = { period, nonce: this.#make(period) }
    return this.#made.nonce
  }

  /** Returns whether a nonce is the current one, or the previous one. */
  accepts (nonce: string): boolean {
    return isSame(nonce, this.current()) || isSame(nonce, this.#make(this.#period() - 1))
  }

  #period (): number {
    return Math.floor(this.#now() / ROTATION)
  }

  #make (period: number): string {
    return createHmac('sha256', this.#key).update(`nonce ${period}`).digest('base64url')
  }
}

function isSame (nonce: string, own: string): boolean {
  const [first, second] = [Buffer.from(nonce), Buffer.from(own)]
  return first.length === second.length && timingSafeEqual(first, second)
}
