import type { FastifyBaseLogger } from 'fastify'
import { isStoreUnavailable, systemClock } from '../src/adapter.ts'
import type { Clock } from '../src/adapter.ts'

// Seconds. Cached data is served during an outage too, so a single successful request does not end the outage.
const QUIET = 5

/**
 * The outage of a store, as an endpoint or a guard sees it. It is in the log once when it begins, at error, and once
 * when it is over, at info, however many requests it fails: those are at debug. It is over with the first request that
 * goes well when none has failed for five seconds.
 */
export class OutageLog {
  readonly #name: string
  readonly #log: FastifyBaseLogger
  readonly #now: Clock
  #failures = 0
  #failedAt = 0

  /** @param name the name of the endpoint at the beginning of the sentence */
  constructor (name: string, log: FastifyBaseLogger, now: Clock = systemClock) {
    this.#name = name
    this.#log = log
    this.#now = now
  }

  /** Records the error of a request. Does nothing unless a store is unavailable. */
  failed (error: unknown): void {
    if (!isStoreUnavailable(error)) return
    this.#failedAt = this.#now()
    if (++this.#failures === 1) this.#log.error({ err: error }, `${this.#name}: the store is not available`)
  }

  /** Records a successful request. */
  succeeded (): void {
    if (this.#failures === 0 || this.#now() - this.#failedAt < QUIET) return
    this.#log.info({ oauth: { failures: this.#failures } }, `${this.#name}: the store is available again`)
    this.#failures = 0
  }
}
