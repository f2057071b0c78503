/** What a refresh needs. */
export interface LazyRefreshOptions {
  /** In the unit of `now`. What is older is read again in the background. */
  fresh: number
  /** In the unit of `now`. What is as old as this is waited for. */
  stale: number
  /** Is told once per outage. Default nobody is. */
  onError?: ((error: Error) => void) | undefined
  /** Whatever it counts. */
  now: () => number
}

/**
 * Decides when something that is kept in memory is read again: when somebody asks for it and it is old, and one
 * reading at a time. No timer keeps the process alive.
 *
 * Its promises never reject: one that nobody waits for must not end the process. They tell the error instead.
 */
export class LazyRefresh {
  readonly #read: () => Promise<void>
  readonly #fresh: number
  readonly #stale: number
  readonly #now: () => number
  readonly #onError: LazyRefreshOptions['onError']
  #reading: Promise<Error | undefined> | undefined
  #readAt = -Infinity
  #error: Error | undefined

  constructor (read: () => Promise<void>, { fresh, stale, now, onError }: LazyRefreshOptions) {
    this.#read = read
    this.#fresh = fresh
    this.#stale = stale
    this.#now = now
    this.#onError = onError
  }

  /** Starts a reading if it is time for one. Undefined unless it should be waited for; in an outage that helps nobody. */
  whenOld (): Promise<Error | undefined> | undefined {
    const age = this.#age()
    if (age < this.#fresh) return undefined
    const reading = this.now()
    return age < this.#stale || this.#error !== undefined ? undefined : reading
  }

  /** For what is not known: undefined if what is known is fresh. The error of an outage says that nobody can tell. */
  whenMissing (): Promise<Error | undefined> | undefined {
    if (this.#age() >= this.#fresh) return this.now()
    return this.#error && Promise.resolve(this.#error)
  }

  /** Reads, or waits for the reading that is under way. */
  now (): Promise<Error | undefined> {
    this.#reading ??= this.#run()
    return this.#reading
  }

  // A clock that was set back tells nothing of the age.
  #age (): number {
    const age = this.#now() - this.#readAt
    return age < 0 ? this.#fresh : age
  }

  async #run (): Promise<Error | undefined> {
    // What is read may be as old as this.
    const startedAt = this.#now()
    const error = await this.#read().then(() => undefined, (reason: Error) => reason)
    if (error !== undefined && this.#error === undefined) this.#tell(error)
    this.#error = error
    // After an error too: a store that is away is not asked all the time.
    this.#readAt = startedAt
    this.#reading = undefined
    return error
  }

  #tell (error: Error): void {
    try {
      this.#onError?.(error)
    } catch {
      // Whatever is wrong with the listener, what is known is not.
    }
  }
}
