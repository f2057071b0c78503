import { hash } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { LruMap } from 'toad-cache'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { FlowConfigurationError } from '../configuration-error.ts'
import { TemporarilyUnavailableError } from '../errors.ts'
import type { FailureStore } from '../store/index.ts'
import { RecentFailures } from './recent-failures.ts'

/** How many wrong guesses are let through. */
export interface FailureThrottleOptions {
  /** Where failures are counted. Default in the memory of this process; several processes share a store, such as redisStore. */
  store?: FailureStore
  /** How many failures of one client from one address are answered as such. Default 10. */
  limit?: number
  /** Seconds after the first failure when all of them are forgotten. Default 60. */
  window?: number
  now?: Clock
}

const TOO_MANY_REQUESTS = 429
// How many pairs of client and address are known to have failed. Whoever fills this with others spends a request on each.
const MAX_KNOWN = 10_000

/**
 * Stops the guessing of secrets (RFC 6749 §2.3.1): failures of client authentication are counted per client and address,
 * and beyond a limit that pair is refused with 429 until they are forgotten. Nobody else is: whoever fails on the id of
 * another does not lock that client out. A success forgets the failures before it, so that a library which tries one
 * method after the other is never stopped for long.
 *
 * Counts what is presented, whether such a client exists or not. Does NOT count requests whose address is not known, nor
 * those that name no client. IPv6 addresses count by their first 64 bits, which are one customer's.
 */
export class FailureThrottle {
  readonly #store: FailureStore
  readonly #limit: number
  readonly #window: number
  readonly #now: Clock
  // The pairs that have failed, as far as this process knows, so that a good request asks no store.
  readonly #known = new LruMap<{ count: number, forgottenAt: number }>(MAX_KNOWN)

  /** @throws FlowConfigurationError FST_OAUTH_INVALID_THROTTLE */
  constructor ({ store, limit = 10, window = 60, now = systemClock }: FailureThrottleOptions = {}) {
    if (![limit, window].every((number) => Number.isSafeInteger(number) && number > 0)) throw new FlowConfigurationError('FST_OAUTH_INVALID_THROTTLE')
    this.#store = store ?? new RecentFailures({ max: MAX_KNOWN, now })
    this.#limit = limit
    this.#window = window
    this.#now = now
  }

  /** @throws TemporarilyUnavailableError 429 for a client that has failed too often from this address */
  check (clientId: string, address: string | undefined): void {
    if (this.#known.size === 0 || address === undefined) return
    const failures = this.#known.get(keyOf(clientId, address))
    if (failures !== undefined && failures.count >= this.#limit) this.#refuse(failures.forgottenAt)
  }

  /**
   * Counts a failure.
   *
   * @throws TemporarilyUnavailableError 429 for one too many
   * @throws the store's error: what cannot be counted is not answered
   */
  async failed (clientId: string, address: string | undefined): Promise<void> {
    if (address === undefined) return
    const key = keyOf(clientId, address)
    const failures = await this.#store.countFailure(key, this.#window)
    this.#known.set(key, failures)
    if (failures.count > this.#limit) this.#refuse(failures.forgottenAt)
  }

  /** Forgets the failures before a success. Undefined when there were none, and there is nothing to wait for. */
  succeeded (clientId: string, address: string | undefined): Promise<void> | undefined {
    if (this.#known.size === 0 || address === undefined) return undefined
    const key = keyOf(clientId, address)
    if (this.#known.get(key) === undefined) return undefined
    this.#known.delete(key)
    return this.#store.forgetFailures(key)
  }

  #refuse (forgottenAt: number): void {
    const retryAfter = forgottenAt - this.#now()
    if (retryAfter <= 0) return
    throw new TemporarilyUnavailableError('Client authentication has failed too often', {
      status: TOO_MANY_REQUESTS, retryAfter, cause: `more than ${this.#limit} failures of this client from this address`
    })
  }
}

// Of one length, whatever was presented, and no list of who comes from where.
function keyOf (clientId: string, address: string): string {
  return hash('sha256', `${networkOf(address)} ${clientId}`, 'base64url')
}

function networkOf (address: string): string {
  if (!isIPv6(address) || address.toLowerCase().startsWith('::ffff:')) return address
  const [head = '', tail] = address.toLowerCase().split('::')
  const groups = head === '' ? [] : head.split(':')
  // What "::" leaves out are zeros, as many as there is room for.
  if (tail !== undefined) groups.push(...Array<string>(8 - groups.length - tail.split(':').filter(Boolean).length).fill('0'), ...tail.split(':'))
  return groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, '')).join(':')
}
