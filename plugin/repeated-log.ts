import type { FastifyBaseLogger } from 'fastify'

// Milliseconds between two lines with one reason.
const INTERVAL = 60_000
// Reasons that are counted apart. A method of the application may invent others.
const MAX_REASONS = 10

/**
 * Logs what a flood of requests repeats: the first time at once, and then once a minute how often it was, at warn. Each request is
 * at debug. The timer keeps no process alive.
 */
export class RepeatedLog {
  readonly #log: FastifyBaseLogger
  readonly #counts = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined

  constructor (log: FastifyBaseLogger) {
    this.#log = log
  }

  /**
   * Notes an occurrence.
   *
   * @param subject what a sentence begins with
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
