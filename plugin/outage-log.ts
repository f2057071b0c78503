import type { FastifyBaseLogger } from 'fastify'
import { isStoreUnavailable, systemClock } from '../src/adapter.ts'
import type { Clock } from '../src/adapter.ts'

// Seconds. What is remembered is served in an outage too, so that a request which goes well is the end of none.
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

  /** @param name what a sentence about the endpoint begins with */
  constructor (name: string, log: FastifyBaseLogger, now: Clock = systemClock) {
    this.#name = name
    this.#log = log
    this.#now = now
  }

  /** Notes what a request has failed with. Nothing, unless a store is away. */
  failed (error: unknown): void {
    if (!isStoreUnavailable(error)) return
    this.#failedAt = this.#now()
    if (++this.#failures === 1) this.#log.error({ err: error }, `${this.#name}: the store is not available`)
  }

  /** Notes that a request went well. */
  succeeded (): void {
    if (this.#failures === 0 || this.#now() - this.#failedAt < QUIET) return
    this.#log.info({ oauth: { failures: this.#failures } }, `${this.#name}: the store is available again`)
    this.#failures = 0
  }
}
