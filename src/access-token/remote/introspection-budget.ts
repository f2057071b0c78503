import { LruMap } from 'toad-cache'
import { measureAge } from '../../lib/age.ts'
import type { Age } from '../../lib/age.ts'
import type { Clock } from '../../lib/clock.ts'
import { networkOf } from '../../lib/ip.ts'

/** The questions that may be asked at once, and those that may follow each second. */
interface Rate { readonly capacity: number, readonly perSecond: number }

// A client that starts anew with tokens that have expired asks a handful of questions.
const PER_NETWORK: Rate = { capacity: 20, perSecond: 2 }
// For callers with many addresses, and those whose address is not known.
const IN_TOTAL: Rate = { capacity: 200, perSecond: 20 }
const MAX_NETWORKS = 10_000

/**
 * The questions to an issuer about tokens that it does not call active. Unauthenticated callers invent tokens at no cost: each would
 * cost the issuer a request. Questions about active tokens are given back, so that they cost nothing.
 */
export class IntrospectionBudget {
  readonly #now: Clock
  readonly #networks = new LruMap<Bucket>(MAX_NETWORKS)
  readonly #total: Bucket

  constructor (now: Clock) {
    this.#now = now
    this.#total = new Bucket(IN_TOTAL, now)
  }

  /**
   * Takes a question.
   *
   * @param address of the sender. Undefined where it is not known: then only the questions of all count
   * @returns a function that gives it back; undefined if none is left
   */
  take (address: string | undefined): (() => void) | undefined {
    const network = address === undefined ? undefined : this.#bucketOf(networkOf(address))
    if (network?.take() === false) return undefined
    if (!this.#total.take()) {
      network?.giveBack()
      return undefined
    }
    return () => {
      network?.giveBack()
      this.#total.giveBack()
    }
  }

  #bucketOf (network: string): Bucket {
    const known = this.#networks.get(network)
    if (known !== undefined) return known
    const bucket = new Bucket(PER_NETWORK, this.#now)
    this.#networks.set(network, bucket)
    return bucket
  }
}

class Bucket {
  readonly #rate: Rate
  readonly #now: Clock
  #left: number
  #sinceRefill: Age

  constructor (rate: Rate, now: Clock) {
    this.#rate = rate
    this.#now = now
    this.#left = rate.capacity
    this.#sinceRefill = measureAge(now)
  }

  take (): boolean {
    const { capacity, perSecond } = this.#rate
    const refilled = Math.floor(this.#sinceRefill() / 1000 * perSecond)
    if (refilled > 0) {
      this.#left = Math.min(capacity, this.#left + refilled)
      this.#sinceRefill = measureAge(this.#now)
    }
    if (this.#left <= 0) return false
    this.#left--
    return true
  }

  giveBack (): void {
    this.#left = Math.min(this.#rate.capacity, this.#left + 1)
  }
}
