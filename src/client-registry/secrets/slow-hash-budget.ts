import { LruMap } from 'toad-cache'
import { TemporarilyUnavailableError } from '../../errors/oauth-error.ts'
import { RETRY_AFTER } from '../../errors/protocol-error.ts'
import type { Clock } from '../../lib/clock.ts'
import { networksOf } from '../../lib/ip.ts'

const TOO_MANY_REQUESTS = 429

// Hashes of wrong secrets per window. Larger than the failures of one client that the throttle allows: only several clients with such
// secrets can exhaust it, so exhaustion does not reveal a single one.
const LIMIT = 30

// Seconds.
const WINDOW = 60

// For an IPv6 prefix of 48 bits, which a provider assigns to one site: this many /64 networks.
const SITE_FACTOR = 4
const MAX_NETWORKS = 10_000

// Hashes in progress, whose secrets may be right: all processes of a site may restart together, behind one address.
const MAX_RUNNING = 64

interface Spent { readonly failures: number, readonly running: number, readonly forgottenAt: number }

/**
 * Limits the slow hashes of wrong secrets per address. A right secret costs nothing, and neither does the id of a client without
 * such a secret.
 */
export class SlowHashBudget {
  readonly #spent = new LruMap<Spent>(MAX_NETWORKS)
  readonly #now: Clock

  constructor (now: Clock) {
    this.#now = now
  }

  /**
   * Checks the budget of an address. Call it for each secret that only a slow hash could verify, whether or not the client has one.
   *
   * @param address undefined if unknown: then there is no budget
   * @throws TemporarilyUnavailableError 429 if the budget of the address is exhausted
   */
  check (address: string | undefined): void {
    for (const [network, factor] of networksWithFactors(address)) {
      const { failures, running, forgottenAt } = this.#get(network)
      if (failures >= LIMIT * factor) this.#reject(`more than ${LIMIT * factor} slow hashes of wrong secrets in ${WINDOW} seconds`, forgottenAt - this.#now())
      if (running >= MAX_RUNNING * factor) this.#reject(`more than ${MAX_RUNNING * factor} slow hashes at once`, RETRY_AFTER)
    }
  }

  /** Counts the start of a hash. */
  begin (address: string | undefined): void {
    this.#add(address, { running: 1, failures: 0 })
  }

  /** Counts the end of a hash, and whether the secret was right. */
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
