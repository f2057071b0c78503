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

/** Options of {@link FailureThrottle}. */
export interface FailureThrottleOptions {
  /** The store of the counts. Default the memory of this process. Several processes need a shared store, such as redisStore. */
  store?: FailureStore
  /** Failures of one client from one address before it is rejected with 429. Default 10. */
  limit?: number
  /** Seconds after the first failure until the count is reset. Default 60. */
  window?: number
  /** The clock, in seconds since 1970. Default the clock of the machine. */
  now?: Clock
}

/** The options of FailureThrottle. */
export const FAILURE_THROTTLE: OptionsDescription<FailureThrottleOptions> = {
  of: 'FailureThrottle',
  options: { store: FAILURE_STORE, limit: wholeNumber(1), window: seconds(1), now: CLOCK },
  error: codedError('FST_OAUTH_INVALID_THROTTLE')
}

const TOO_MANY_REQUESTS = 429
// Maximum number of pairs of client and address that are cached. An attacker needs one request for each entry.
const MAX_KNOWN = 10_000

/**
 * Prevents guessing of secrets (RFC 6749 §2.3.1): counts failures of client authentication by secret per client and address,
 * and rejects that pair with 429 beyond a limit, until the count is reset. Other pairs are not affected: failures with the id
 * of another client do not lock that client out. A success resets the count, so that a library which tries several methods in
 * turn is not locked out for long.
 *
 * Behind a proxy, set Fastify's `trustProxy`: otherwise all requests have the address of the proxy, and ten wrong secrets lock
 * a client out for all callers behind it. The log contains one warning about that.
 *
 * A secret of the form that ClientRegistry generates cannot be guessed, and is always compared: an attacker cannot lock out a
 * client that has one. A client with a secret chosen by a human can be locked out from its own address by failures with its id.
 *
 * Counts every presented client_id, whether such a client exists or not, and ignores its case, since some databases compare ids
 * case-insensitively. Counts failed assertions and certificates too, apart from secrets: beyond the limit, invalid ones are
 * rejected with 429, and valid ones are still accepted. Does NOT count requests whose address is unknown, nor requests without
 * a client_id. IPv6 addresses count by their first 64 bits, which belong to one customer.
 */
export class FailureThrottle {
  readonly #store: FailureStore
  readonly #limit: number
  readonly #window: number
  readonly #now: Clock
  // Cache of the failed pairs, so that a request without previous failures needs no read of the store.
  readonly #known = new LruMap<{ count: number, forgottenAt: number }>(MAX_KNOWN)
  // Failures of each pair that the store is counting now, so that concurrent guesses are limited like sequential ones.
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
   * Checks the limit. Call it before the secret is compared, and again after a match: concurrent attempts may have failed
   * meanwhile.
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
   * @throws TemporarilyUnavailableError 429 if the limit is exceeded
   * @throws the store's error: a failure that cannot be counted must not be reported to the caller
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

  /** Resets the count after a success. Returns undefined if there were no failures. Never rejects. */
  succeeded (attempt: Attempt): Promise<void> | undefined {
    if (this.#known.size === 0) return undefined
    const { key } = attempt
    if (key === undefined || this.#known.get(key) === undefined) return undefined
    this.#known.delete(key)
    // If the reset fails, the count remains until the window ends. The client has authenticated, so ignore the error.
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
