import type { Clock } from '../clock.ts'

// Seconds. While the issuer is away, what is asked in between fails at once and does not reach it.
export const RETRY_AFTER = 5
// Seconds. Anybody can make up a token that misses a key: so often may that cost the issuer a request.
const SEEK_AGAIN_AFTER = 30
// Times its maximum age.
const WAIT_AFTER = 2

/** How a document of another server is kept. */
export interface RemoteDocumentOptions<T> {
  /** Gets it. The former one, when there is one, may be returned again to say that nothing has changed. */
  load: (former: T | undefined) => Promise<T>
  /** Seconds after which it is loaded again in the background. */
  maxAge: number
  now: Clock
  /** Is told once per outage, when a document is held on to that could not be loaded again. */
  onError: (error: Error) => void
}

/**
 * A document of another server: loaded when it is first asked for, by one request however many ask, and again when it
 * is old and somebody asks: in the background, or after a long silence before it is used. No timer keeps the process
 * alive. While the other server is away, what is held stays in use.
 */
export class RemoteDocument<T extends string | object> {
  readonly #options: RemoteDocumentOptions<T>
  #value: T | undefined
  #loadedAt = -Infinity
  #soughtAt = -Infinity
  #failure: { error: unknown, at: number } | undefined
  #loading: Promise<T> | undefined

  constructor (options: RemoteDocumentOptions<T>) {
    this.#options = options
  }

  /** @throws Error as long as it could never be loaded */
  async get (): Promise<T> {
    const value = this.#value
    if (value === undefined) return this.#attempt()
    const { maxAge } = this.#options
    if (!this.#isOver(this.#loadedAt, maxAge)) return value
    const isAway = this.#failure !== undefined
    // Told to onError already.
    const renewed = this.#attempt().catch(() => value)
    // After a long silence somebody waits, since what is held may name a key that was dropped for a reason.
    return isAway || !this.#isOver(this.#loadedAt, WAIT_AFTER * maxAge) ? value : renewed
  }

  /**
   * Loads it again now, for somebody who misses something in it: the first time at once, so that what is new since the
   * last load is found, then at most every 30 seconds. In between, what is missing is missing, whoever asks: nothing
   * is remembered of it that could hide it once it is there.
   *
   * @param known where it is missing
   * @returns the same when there is no newer one
   */
  async seek (known: T): Promise<T> {
    if (this.#value !== known) return this.#value as T
    const isJoining = this.#loading !== undefined
    if (!isJoining && !this.#isOver(this.#soughtAt, SEEK_AGAIN_AFTER)) return known
    if (!isJoining) this.#soughtAt = this.#options.now()
    try {
      return await this.#attempt()
    } catch {
      this.#soughtAt = -Infinity
      return known
    }
  }

  async #attempt (): Promise<T> {
    if (this.#failure !== undefined && !this.#isOver(this.#failure.at, RETRY_AFTER)) throw this.#failure.error
    this.#loading ??= this.#load().finally(() => { this.#loading = undefined })
    return this.#loading
  }

  async #load (): Promise<T> {
    const { load, now, onError } = this.#options
    // What the answer says may be as old as the request.
    const startedAt = now()
    try {
      this.#value = await load(this.#value)
      this.#loadedAt = startedAt
      this.#failure = undefined
      return this.#value
    } catch (error) {
      if (this.#value !== undefined && this.#failure === undefined) onError(error as Error)
      this.#failure = { error, at: now() }
      throw error
    }
  }

  // A clock that is set back must not stop the loading.
  #isOver (since: number, seconds: number): boolean {
    return Math.abs(this.#options.now() - since) >= seconds
  }
}
