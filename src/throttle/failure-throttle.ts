import { LruMap } from 'toad-cache'
import { TemporarilyUnavailableError } from '../errors/oauth-error.ts'
import { systemClock } from '../lib/clock.ts'
import type { Clock } from '../lib/clock.ts'
import { checkOptions, CLOCK, codedError, seconds, wholeNumber } from '../options/check-options.ts'
import type { OptionsDescription } from '../options/check-options.ts'
import type { FailureStore } from '../stores/contracts/index.ts'
import { FAILURE_STORE } from '../stores/contracts/option-rules.ts'
import type { Attempt } from './attempt.ts'
import { RecentFailures } from './recent-failures.ts'

/** How many wrong guesses are let through. */
export interface FailureThrottleOptions {
  /** Where failures are counted. Default in the memory of this process; several processes share a store, such as redisStore. */
  store?: FailureStore
  /** How many failures of one client from one address are answered as such. Default 10. */
  limit?: number
  /** Seconds after the first failure when all of them are forgotten. Default 60. */
  window?: number
  /** Default the clock of the machine. */
  now?: Clock
}

/** The options of FailureThrottle. */
export const FAILURE_THROTTLE: OptionsDescription<FailureThrottleOptions> = {
  of: 'FailureThrottle',
  options: { store: FAILURE_STORE, limit: wholeNumber(1), window: seconds(1), now: CLOCK },
  error: codedError('FST_OAUTH_INVALID_THROTTLE')
}

const TOO_MANY_REQUESTS = 429
// How many pairs of client and address are known to have failed. Whoever fills this with others spends a request on each.
const MAX_KNOWN = 10_000

/**
 * Stops the guessing of secrets (RFC 6749 §2.3.1): failures of client authentication by secret are counted per client and
 * address, and beyond a limit that pair is refused with 429 until they are forgotten. Nobody else is: whoever fails on the
 * id of another does not lock that client out. A success forgets the failures before it, so that a library which tries one
 * method after the other is never stopped for long.
 *
 * Behind a proxy, set Fastify's `trustProxy`: otherwise all requests have the address of the proxy, and ten wrong secrets lock a client
 * out for all who come by it. The log warns once of that.
 *
 * A secret of the form that ClientRegistry generates cannot be guessed, and is compared at any time: an attacker cannot lock out a client that has
 * one. A client with a secret that a human has chosen can be locked out from its own address, by failures in its name.
 *
 * Counts what is presented, whether such a client exists or not, in any case of its id, since some databases know a client by
 * each. Counts failed assertions and certificates too, apart from secrets: they are answered with 429 beyond the limit, and one that is
 * right is accepted all the same. Does NOT count requests whose address is not known, nor those that name no client. IPv6 addresses count by their first 64 bits,
 * which are one customer's.
 */
export class FailureThrottle {
  readonly #store: FailureStore
  readonly #limit: number
  readonly #window: number
  readonly #now: Clock
  // The pairs that have failed, as far as this process knows, so that a good request asks no store.
  readonly #known = new LruMap<{ count: number, forgottenAt: number }>(MAX_KNOWN)
  // How many failures of each pair the store is counting now: of many guesses at once, no more are answered than of those in a row.
  readonly #uncounted = new Map<string, number>()

  /** @throws FlowConfigurationError FST_OAUTH_INVALID_THROTTLE, FST_OAUTH_UNKNOWN_OPTION */
  constructor (options: FailureThrottleOptions = {}) {
    checkOptions(options, FAILURE_THROTTLE)
    const { store, limit = 10, window = 60, now = systemClock } = options
    this.#store = store ?? new RecentFailures({ max: MAX_KNOWN, now })
    this.#limit = limit
    this.#window = window
    this.#now = now
  }

  /**
   * Call it before the secret is compared, and again when it is right: by then, others may have failed that were sent at once.
   *
   * @throws TemporarilyUnavailableError 429 for a client that has failed too often from this address
   */
  check (attempt: Attempt): void {
    if (this.#known.size === 0 && this.#uncounted.size === 0) return
    const { key } = attempt
    if (key === undefined) return
    const time = this.#now()
    const known = this.#known.get(key)
    const { count, forgottenAt } = known !== undefined && known.forgottenAt > time ? known : { count: 0, forgottenAt: time + this.#window }
    if (count + (this.#uncounted.get(key) ?? 0) >= this.#limit) this.#refuse(forgottenAt)
  }

  /**
   * Counts a failure.
   *
   * @throws TemporarilyUnavailableError 429 for one too many
   * @throws the store's error: what cannot be counted is not answered
   */
  async failed ({ key }: Attempt): Promise<void> {
    if (key === undefined) return
    const failures = await this.#count(key)
    if (failures.count > this.#limit) this.#refuse(failures.forgottenAt)
  }

  async #count (key: string): Promise<{ count: number, forgottenAt: number }> {
    this.#uncounted.set(key, (this.#uncounted.get(key) ?? 0) + 1)
    try {
      const failures = await this.#store.countFailure(key, this.#window)
      this.#known.set(key, failures)
      return failures
    } finally {
      const others = this.#uncounted.get(key)! - 1
      if (others > 0) this.#uncounted.set(key, others)
      else this.#uncounted.delete(key)
    }
  }

  /** Forgets the failures before a success. Undefined when there were none, and there is nothing to wait for. Never rejects. */
  succeeded (attempt: Attempt): Promise<void> | undefined {
    if (this.#known.size === 0) return undefined
    const { key } = attempt
    if (key === undefined || this.#known.get(key) === undefined) return undefined
    this.#known.delete(key)
    // What cannot be forgotten counts on until the window is over: no reason to refuse who has proven the secret.
    return this.#store.forgetFailures(key).catch(() => {})
  }

  #refuse (forgottenAt: number): void {
    // The clock of the store may be ahead.
    const retryAfter = Math.max(1, forgottenAt - this.#now())
    throw new TemporarilyUnavailableError('Client authentication has failed too often', {
      status: TOO_MANY_REQUESTS, retryAfter, cause: `more than ${this.#limit} failures of this client from this address`
    })
  }
}
