import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../clock.ts'

/** Which side of the server a nonce is of: they are never taken for each other (RFC 9449 §9). */
export type NonceSide = 'token endpoint' | 'resource'

// Seconds after which another nonce is handed out. Each is good for twice as long at most, so that one that was handed out at
// the end of its time can still be used (RFC 9449 §8).
const ROTATION = 120

/**
 * Nonces that need no store: an HMAC of the time, which any process with the same key makes and knows again, and which
 * nobody else can foresee (RFC 9449 §11.3).
 */
export class Nonces {
  readonly #key: string
  readonly #now: Clock
  readonly #made = new Map<NonceSide, { period: number, nonce: string }>()

  constructor (key: string, now: Clock) {
    this.#key = key
    this.#now = now
  }

  /** The nonce to be used from now on. */
  current (side: NonceSide): string {
    const period = this.#period()
    const made = this.#made.get(side)
    if (made?.period === period) return made.nonce
    const nonce = this.#make(side, period)
    this.#made.set(side, { period, nonce })
    return nonce
  }

  /** Tells whether a nonce is the current one, or the one before it. */
  accepts (side: NonceSide, nonce: string): boolean {
    return isSame(nonce, this.current(side)) || isSame(nonce, this.#make(side, this.#period() - 1))
  }

  #period (): number {
    return Math.floor(this.#now() / ROTATION)
  }

  #make (side: NonceSide, period: number): string {
    return createHmac('sha256', this.#key).update(`${side} ${period}`).digest('base64url')
  }
}

function isSame (nonce: string, own: string): boolean {
  const [first, second] = [Buffer.from(nonce), Buffer.from(own)]
  return first.length === second.length && timingSafeEqual(first, second)
}
