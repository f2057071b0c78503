import { LruMap } from 'toad-cache'
import { TemporarilyUnavailableError } from '../../errors/oauth-error.ts'
import { RETRY_AFTER } from '../../errors/protocol-error.ts'
import type { Clock } from '../../lib/clock.ts'
import { networksOf } from '../../lib/ip.ts'

const TOO_MANY_REQUESTS = 429

// Hashes of wrong secrets in a window. More than the failures of one client, which the throttle bounds: so it takes several clients
// with such secrets to exhaust it, and a single one cannot be found by that.
const LIMIT = 30

// Seconds.
const WINDOW = 60

// Of a prefix of 48 bits, which a provider gives to one site: that many networks of 64 bits.
const SITE_FACTOR = 4
const MAX_NETWORKS = 10_000

// Hashes under way, whose secret may be right: a whole site may start anew at once, behind one address.
const MAX_RUNNING = 64

interface Spent { readonly failures: number, readonly running: number, readonly forgottenAt: number }

/**
 * How many slow hashes of wrong secrets the requests of an address may cost. A right secret costs nothing, nor does the id of a client
 * that has no such secret.
 */
export class SlowHashBudget {
  readonly #spent = new LruMap<Spent>(MAX_NETWORKS)
  readonly #now: Clock

  constructor (now: Clock) {
    this.#now = now
  }

  /**
   * Call it for each secret that could be compared by a slow hash only, whether or not the client has one.
   *
   * @param address undefined where it is not known: then there is no budget
   * @throws TemporarilyUnavailableError 429 if the budget of the address is exhausted
   */
  check (address: string | undefined): void {
    for (const [network, factor] of networksWithFactors(address)) {
      const { failures, running, forgottenAt } = this.#get(network)
      if (failures >= LIMIT * factor) this.#reject(`more than ${LIMIT * factor} slow hashes of wrong secrets in ${WINDOW} seconds`, forgottenAt - this.#now())
      if (running >= MAX_RUNNING * factor) this.#reject(`more than ${MAX_RUNNING * factor} slow hashes at once`, RETRY_AFTER)
    }
  }

  /** Counts a hash that begins. */
  begin (address: string | undefined): void {
    this.#add(address, { running: 1, failures: 0 })
  }

  /** Counts a hash that has ended, with a right secret or a wrong one. */
  end (address: string | undefined, isRight: boolean): void {
    this.#add(address, { running: -1, failures: isRight ? 0 : 1 })
  }

  #get (network: string): Spent {
    const time = this.#now()
    const spent = this.#spent.get(network)
    return spent !== undefined && spent.forgottenAt > time ? spent : { failures: 0, running: spent?.running ?? 0, forgottenAt: time + WINDOW }
  }

  #add (address: string | undefined, more: Pick<Spent, 'failures' | 'running'>): void {
    for (const [network] of networksWithFactors(address)) {
      const { failures, running, forgottenAt } = this.#get(network)
      this.#spent.set(network, { failures: failures + more.failures, running: Math.max(0, running + more.running), forgottenAt })
    }
  }

  #reject (reason: string, retryAfter: number): never {
    throw new TemporarilyUnavailableError('Client authentication has failed too often', {
      status: TOO_MANY_REQUESTS, retryAfter: Math.max(1, Math.min(WINDOW, retryAfter)), cause: `${reason} for this address`
    })
  }
}

function networksWithFactors (address: string | undefined): Array<readonly [network: string, factor: number]> {
  if (address === undefined) return []
  const [network, site] = networksOf(address)
  return site === undefined ? [[network, 1]] : [[network, 1], [site, SITE_FACTOR]]
}
