import { monotonic, wallMilliseconds } from './clock.ts'
import type { Clock } from './clock.ts'

/** Options of `BackgroundRefresh`. All times are in milliseconds. */
export interface BackgroundRefreshOptions {
  /** Age from which a request starts the next read in the background. Default 500. */
  renewAfter?: number
  /** Age from which a request waits for the next read. Default 1000. */
  maxAge?: number
  /** Maximum duration of an attempt. A late response is still applied. Default 1000. */
  timeLimit?: number
  /**
   * Time after a failed attempt during which requests use the present state, and time after its beginning from which they start
   * the next attempt. Default 500.
   */
  retryAfter?: number
  /** Is called with the error of the first failed attempt of an outage. Default nothing. */
  onOutage?: ((error: Error) => void) | undefined
  /** The wall clock: an age is the greater of wall and monotonic time. */
  now: Clock
}

/**
 * Reads a state.
 *
 * @returns a function that puts it into effect, synchronously. `isOvertaken` is true if a later attempt was faster, so that the
 *   result is older than the present state
 */
export type Read = () => Promise<(isOvertaken: boolean) => void>

/** The error of an attempt that has timed out. */
export class ReadTimeout extends Error {}

interface Beginning {
  readonly sequence: number
  readonly wall: number
  readonly monotonic: number
  readonly timeLimit: number
}

interface Attempt extends Beginning {
  readonly settled: Promise<void>
  isSettled: boolean
}

/**
 * Refreshes a cached state without a timer: the requests that need the state start the reads.
 *
 * The age of the state counts from the beginning of the read that it came by, as the greater of the wall and the monotonic
 * time since, so that neither a clock that is set back nor a suspended process hides it. A state older than `maxAge` is used
 * only if an attempt to read it has just failed: an earlier failure does not prove that the source is still unavailable.
 */
export class BackgroundRefresh {
  readonly #read: Read
  readonly #renewAfter: number
  readonly #maxAge: number
  readonly #timeLimit: number
  readonly #retryAfter: number
  readonly #onOutage: BackgroundRefreshOptions['onOutage']
  /** The wall clock, in milliseconds. */
  readonly wall: () => number
  #attempts = 0
  #latest: Attempt | undefined
  // The number of the attempt that has read the present state.
  #applied = 0
  #wallAtRead = -Infinity
  #monotonicAtRead = -Infinity
  #wallAtFailure = -Infinity
  #monotonicAtFailure = -Infinity
  #error: Error | undefined

  constructor (read: Read, { renewAfter = 500, maxAge = 1000, timeLimit = 1000, retryAfter = 500, onOutage, now }: BackgroundRefreshOptions) {
    this.#read = read
    this.#renewAfter = renewAfter
    this.#maxAge = maxAge
    this.#timeLimit = timeLimit
    this.#retryAfter = retryAfter
    this.#onOutage = onOutage
    this.wall = wallMilliseconds(now)
  }

  /** The error of the last attempt, if it failed. */
  get error (): Error | undefined {
    return this.#error
  }

  /** Whether an attempt has failed less than `retryAfter` ago. */
  get hasJustFailed (): boolean {
    return this.#error !== undefined && this.#since(this.#wallAtFailure, this.#monotonicAtFailure) < this.#retryAfter
  }

  /** Returns the milliseconds since the read of the present state began. Infinity if there is no state. */
  age (): number {
    return this.#since(this.#wallAtRead, this.#monotonicAtRead)
  }

  /**
   * Returns whether the state needs no refresh: the fast path of requests that need several states.
   *
   * @param wall what {@link wall} returns now
   * @param time of the monotonic clock, in milliseconds
   */
  isRecent (wall: number, time: number): boolean {
    return time - this.#monotonicAtRead < this.#renewAfter && wall - this.#wallAtRead < this.#renewAfter
  }

  /**
   * Starts the next read if it is due.
   *
   * @param maxStale milliseconds for which the state may be used while it cannot be read. Default Infinity
   * @returns a promise if the state is too old, and the next one should be waited for; it never rejects
   */
  whenStale (maxStale = Infinity): Promise<void> | undefined {
    const age = this.age()
    if (age < this.#renewAfter) return undefined
    if (age >= this.#maxAge) return this.youngerThan(this.#maxAge, maxStale)
    this.#beginIfDue()
    return undefined
  }

  /**
   * Returns a promise for a state that is younger than a limit. It settles when the read that it waits for has succeeded or
   * failed, and never rejects. Undefined if the state is young enough, or an attempt has just failed and the state may be used
   * for `maxStale`: without a state that may be used, every request tries.
   */
  youngerThan (limit: number, maxStale = Infinity): Promise<void> | undefined {
    const age = this.age()
    if (age < limit) return undefined
    if (age <= maxStale && age < Infinity && this.hasJustFailed) {
      this.#beginIfDue()
      return undefined
    }
    return this.underWay(limit) ?? this.#begin().settled
  }

  /**
   * Returns a promise for the end of the latest attempt, which never rejects. Undefined if it has ended, or began longer ago
   * than a limit.
   *
   * @param limit milliseconds, at most `timeLimit`, which is the default
   */
  underWay (limit = this.#timeLimit): Promise<void> | undefined {
    const latest = this.#latest
    if (latest === undefined || latest.isSettled) return undefined
    // An attempt from before a suspension may bring a state from before it.
    return this.#since(latest.wall, latest.monotonic) < Math.min(limit, this.#timeLimit) ? latest.settled : undefined
  }

  /**
   * Reads now, regardless of the age of the state, and waits for the outcome.
   *
   * @param timeLimit milliseconds
   * @returns the error of a failed attempt
   */
  async renew (timeLimit = this.#timeLimit): Promise<Error | undefined> {
    const attempt = this.#begin(timeLimit)
    await attempt.settled
    return this.#applied >= attempt.sequence ? undefined : this.#error ?? new Error('The attempt has failed')
  }

  /**
   * Returns whether the state may be used now: it is younger than `maxAge`, or an attempt has just failed and the state is
   * not older than `maxStale`.
   *
   * @param maxStale milliseconds
   */
  isUsable (maxStale: number): boolean {
    const age = this.age()
    return age < this.#maxAge || (age <= maxStale && this.hasJustFailed)
  }

  #beginIfDue (): void {
    const latest = this.#latest
    const interval = this.#error === undefined ? this.#renewAfter : Math.min(this.#renewAfter, this.#retryAfter)
    if (latest === undefined || this.#since(latest.wall, latest.monotonic) >= interval) this.#begin()
  }

  #begin (timeLimit = this.#timeLimit): Attempt {
    const beginning = { sequence: ++this.#attempts, wall: this.wall(), monotonic: monotonic(), timeLimit }
    const settled = this.#run(beginning).then(() => { attempt.isSettled = true })
    const attempt: Attempt = { ...beginning, settled, isSettled: false }
    this.#latest = attempt
    return attempt
  }

  #run (beginning: Beginning): Promise<void> {
    const { timeLimit } = beginning
    return new Promise((resolve) => {
      let hasFailed = false
      const fail = (error: Error): void => {
        clearTimeout(timer)
        // An attempt that has timed out was already recorded as failed.
        if (!hasFailed) this.#failed(beginning, error)
        hasFailed = true
        resolve()
      }
      const timer = setTimeout(() => { fail(new ReadTimeout(`The read has taken ${timeLimit} ms`)) }, timeLimit)
      this.#readSafely().then((apply) => {
        clearTimeout(timer)
        this.#succeeded(beginning, apply)
        resolve()
      }).catch(fail)
    })
  }

  async #readSafely (): ReturnType<Read> {
    return await this.#read()
  }

  #succeeded ({ sequence, wall, monotonic: begunAt }: Beginning, apply: Awaited<ReturnType<Read>>): void {
    const isOvertaken = sequence < this.#applied
    apply(isOvertaken)
    if (isOvertaken) return
    this.#applied = sequence
    this.#wallAtRead = wall
    this.#monotonicAtRead = begunAt
    // A late response does not end an outage.
    if (this.age() < this.#timeLimit) this.#error = undefined
  }

  #failed ({ sequence, wall, monotonic: begunAt, timeLimit }: Beginning, error: Error): void {
    if (sequence < this.#applied) return
    const isFirst = this.#error === undefined
    this.#error = error
    // An attempt that was under way while the process was suspended has failed by its time limit, not when the process goes on.
    this.#wallAtFailure = Math.min(this.wall(), wall + timeLimit)
    this.#monotonicAtFailure = Math.min(monotonic(), begunAt + timeLimit)
    if (isFirst) this.#notify(error)
  }

  #notify (error: Error): void {
    try {
      this.#onOutage?.(error)
    } catch {
      // Ignore errors of the listener: the present state is still valid.
    }
  }

  // A clock that was set back must not make the state look younger, so the greater difference applies.
  #since (wall: number, begunAt: number): number {
    return Math.max(this.wall() - wall, monotonic() - begunAt)
  }
}
