import type { FastifyBaseLogger } from 'fastify'
import { isStoreUnavailable, systemClock } from '../src/adapter.ts'
import type { Clock } from '../src/adapter.ts'

// Seconds. Cached data is served during an outage too, so a single successful request does not end the outage.
const QUIET = 5

/**
 * Logs the outage of a store once when it begins, at error, and once when it ends, at info, per endpoint or guard. Each failed
 * request is logged at debug. The outage ends with the first successful request after five seconds without a failure.
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
