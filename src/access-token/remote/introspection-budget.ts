import { LruMap } from 'toad-cache'
import { measureAge } from '../../lib/age.ts'
import type { Age } from '../../lib/age.ts'
import type { Clock } from '../../lib/clock.ts'
import { networkOf } from '../../lib/ip.ts'

/** The maximum burst of requests, and the requests per second after it. */
interface Rate { readonly capacity: number, readonly perSecond: number }

// Clients whose tokens were revoked repeat requests, and behind a proxy that is not trusted all clients share one network: far more
// than these cause, and far less than a flood.
const PER_NETWORK: Rate = { capacity: 200, perSecond: 20 }
// Limits attackers with many addresses, and callers with unknown addresses.
const IN_TOTAL: Rate = { capacity: 2000, perSecond: 200 }
const MAX_NETWORKS = 10_000

/**
 * Limits introspection requests about tokens that turn out to be inactive. Unauthenticated callers can invent tokens at no cost, and
 * each would cost the issuer a request. Requests about active tokens are refunded.
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
   * Takes one request from the budget.
   *
   * @param address the address of the sender. Undefined if unknown: then only the total budget applies
   * @returns a function that refunds it; undefined if the budget is exhausted
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
