import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'

// Seconds after which another nonce is handed out. Each is good for twice as long at most, so that one that was handed out at
// the end of its time can still be used (RFC 9449 §8).
const ROTATION = 120

/**
 * Nonces that need no store: an HMAC of the time, which any process with the same key makes and knows again, and which
 * nobody else can foresee (RFC 9449 §11.3). One that the token endpoint has handed out is accepted by the resources of the same flow,
 * and the other way round: clients keep one nonce for each origin.
 */
export class Nonces {
  readonly #key: string
  readonly #now: Clock
  #made: { period: number, nonce: string } | undefined

  constructor (key: string, now: Clock) {
    this.#key = key
    this.#now = now
  }

  /** The nonce to be used from now on. */
  current (): string {
    const period = this.#period()
    if (this.#made?.period !== period) this.#made = { period, nonce: this.#make(period) }
    return this.#made.nonce
  }

  /** Tells whether a nonce is the current one, or the one before it. */
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
