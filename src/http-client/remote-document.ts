import { BackgroundRefresh } from '../lib/background-refresh.ts'
import type { Clock } from '../lib/clock.ts'
import { TIME_LIMIT } from './fetch-json.ts'
import { SeekBudget } from './seek-budget.ts'
import { RemoteUnavailableError, toRemoteUnavailable } from './unavailable.ts'

/** Seconds for which nothing is requested after a failed attempt. */
export const RETRY_AFTER = 5
/** Seconds beyond its maximum age for which a document is used while its server is unavailable, unless an option says otherwise. */
export const MAX_STALE = 600
// Of its maximum age.
const RENEW_AFTER = 0.8
// One attempt may look for metadata at two places and then request the document.
const MAX_REQUESTS = 3
// A process that is suspended each time that a document has arrived gives up.
const MAX_ATTEMPTS = 3

/** How a document of another server is kept. */
export interface RemoteDocumentOptions<T> {
  /** Requests it. */
  load: () => Promise<T>
  /** Compares what was loaded with what is held, and returns what to hold: the former one if nothing has changed. Default what was loaded. */
  merge?: (loaded: T, former: T | undefined) => T
  /** Seconds after which it is not used before it was loaded again. */
  maxAge: number
  /** Seconds beyond `maxAge` for which it is used while it cannot be loaded. Default 600. */
  maxStale?: number | undefined
  now: Clock
  /** Is called once per outage, with the error of the first attempt that failed while a document was held. */
  onError: (error: Error) => void
}

/**
 * A document of another server. It is loaded when it is first needed, by one request however many wait, and again in the
 * background once it has reached four fifths of its maximum age and somebody needs it. From the maximum age on, those who need
 * it wait. While the other server is unavailable, the document stays in use until `maxAge + maxStale` after the last successful
 * load began. No timer keeps the process alive.
 *
 * Ages are the greater of the wall and the monotonic time since the load began ({@link BackgroundRefresh}).
 */
export class RemoteDocument<T extends string | object> {
  readonly #refresh: BackgroundRefresh
  readonly #maxStale: number
  readonly #budget: SeekBudget
  #value: T | undefined

  constructor ({ load, merge = (loaded) => loaded, maxAge, maxStale = MAX_STALE, now, onError }: RemoteDocumentOptions<T>) {
    const read = async () => {
      const loaded = await load()
      return (isOvertaken: boolean) => { if (!isOvertaken) this.#value = merge(loaded, this.#value) }
    }
    this.#refresh = new BackgroundRefresh(read, {
      renewAfter: maxAge * 1000 * RENEW_AFTER,
      maxAge: maxAge * 1000,
      timeLimit: MAX_REQUESTS * TIME_LIMIT,
      retryAfter: RETRY_AFTER * 1000,
      onOutage: (error) => { if (this.#value !== undefined) onError(error) },
      now
    })
    this.#maxStale = (maxAge + maxStale) * 1000
    this.#budget = new SeekBudget(now)
  }

  /** The document, if it may be used at this moment. */
  get current (): T | undefined {
    return this.#refresh.isUsable(this.#maxStale) ? this.#value : undefined
  }

  /**
   * Returns the document, and waits for it where it is too old or was never loaded.
   *
   * @throws RemoteUnavailableError if it cannot be loaded and none is held that is recent enough
   */
  async get (): Promise<T> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS && !this.#mustPause; attempt++) {
      await this.#refresh.whenStale(this.#maxStale)
      const { current } = this
      if (current !== undefined) return current
    }
    const { error } = this.#refresh
    throw error === undefined ? new RemoteUnavailableError('The document was too old each time that it had been loaded') : toRemoteUnavailable(error)
  }

  get #mustPause (): boolean {
    return this.#refresh.hasJustFailed && this.current === undefined
  }

  /**
   * Loads the document again for a caller that misses something in it, at once as long as that was not done often: ten loads
   * may follow each other, and one more every 10 seconds. For the same name, the document must be 2 seconds old, then 8, then 30.
   * Where no load may begin, the document at hand is returned.
   *
   * @param known the document in which it is missing
   * @param missing `isHeld`: something of the name is there, and does not fit
   * @returns the same if there is no newer one
   * @throws RemoteUnavailableError if the last attempt to load it has failed, unless `isHeld`: nothing is known of what is missing
   */
  async seek (known: T, { name, isHeld }: { readonly name: string, readonly isHeld: boolean }): Promise<T> {
    if (this.#value === known) await this.#seek(name)
    if (this.#value === known && this.#refresh.error !== undefined && !isHeld) throw toRemoteUnavailable(this.#refresh.error)
    return this.#value as T
  }

  async #seek (name: string): Promise<void> {
    const loading = this.#refresh.underWay()
    if (loading !== undefined) return await loading
    if (this.#refresh.hasJustFailed || !this.#budget.take(name, this.#refresh.age())) return
    if (await this.#refresh.renew() !== undefined) this.#budget.giveBack(name)
  }
}
