import type { FastifyBaseLogger } from 'fastify'

// Milliseconds between two lines with the same reason.
const INTERVAL = 60_000
// Maximum number of distinct reasons. A custom method may produce any number of them.
const MAX_REASONS = 10

/**
 * Logs repeated rejections at warn: the first one immediately, then their number once a minute. Each request is logged at debug.
 * The timer does not keep the process alive.
 */
export class RepeatedLog {
  readonly #log: FastifyBaseLogger
  readonly #counts = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined

  constructor (log: FastifyBaseLogger) {
    this.#log = log
  }

  /**
   * Records a rejection.
   *
   * @param subject the beginning of the sentence
   */
  note (subject: string, reason: string): void {
    const text = `${subject}: ${reason}`
    const key = this.#counts.has(text) || this.#counts.size < MAX_REASONS ? text : `${subject}: other reasons`
    const count = this.#counts.get(key)
    if (count === undefined) this.#log.warn({ oauth: { reason, count: 1 } }, key)
    this.#counts.set(key, (count ?? 0) + 1)
    this.#timer ??= setTimeout(() => { this.flush() }, INTERVAL).unref()
  }

  /** Logs how often each reason has occurred since its first line. */
  flush (): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const [text, count] of this.#counts) {
      if (count > 1) this.#log.warn({ oauth: { count } }, `${text}. ${count} times in a minute`)
    }
    this.#counts.clear()
  }
}
