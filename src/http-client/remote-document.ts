import { BackgroundRefresh } from '../lib/background-refresh.ts'
import type { Clock } from '../lib/clock.ts'
import { TIME_LIMIT } from './fetch-json.ts'
import { SeekBudget } from './seek-budget.ts'
import { RemoteUnavailableError, toRemoteUnavailable } from './unavailable.ts'

/** Seconds for which nothing is requested after a failed attempt. */
export const RETRY_AFTER = 5
/** Seconds beyond its maximum age for which a document is used while its server is unavailable, unless an option says otherwise. */
export const MAX_STALE = 600
// The share of the maximum age after which a document is loaded again.
const RENEW_AFTER = 0.8
// One attempt may request metadata from two URLs and then the document.
const MAX_REQUESTS = 3
// Limits the attempts of a process that is suspended each time a document arrives.
const MAX_ATTEMPTS = 3

/** Options of {@link RemoteDocument}. */
export interface RemoteDocumentOptions<T> {
  /** Requests the document. */
  load: () => Promise<T>
  /**
   * Compares the loaded document with the cached one, and returns the one to cache: the former one if nothing has changed.
   * Default the loaded one.
   */
  merge?: (loaded: T, former: T | undefined) => T
  /** Seconds after which the document must be loaded again before it is used. */
  maxAge: number
  /** Seconds beyond `maxAge` for which the document is used while it cannot be loaded. Default 600. */
  maxStale?: number | undefined
  now: Clock
  /** Is called once per outage, with the error of the first attempt that failed while a document was cached. */
  onError: (error: Error) => void
}

/**
 * A document of another server. It is loaded on first use, by one request for all callers that wait, and again in the
 * background when it is used after four fifths of its maximum age. After the maximum age, callers wait. While the other server
 * is unavailable, the document stays in use until `maxAge + maxStale` after the last successful
 * load began. No timer keeps the process alive.
 *
 * Ages are the greater of the wall and the monotonic time since the load began (`BackgroundRefresh`).
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

  /** The document, if it may be used now. */
  get current (): T | undefined {
    return this.#refresh.isUsable(this.#maxStale) ? this.#value : undefined
  }

  /**
   * Returns the document. Waits for it if it is too old or has not been loaded.
   *
   * @throws RemoteUnavailableError if it cannot be loaded and no recent enough one is cached
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
   * Loads the document again for a caller that does not find an entry in it. Ten loads may follow each other immediately, and
   * one more every 10 seconds. For the same name, the document must be 2 seconds old, then 8, then 30.
   * If no load is allowed, returns the present document.
   *
   * @param known the document that lacks the entry
   * @param missing `isHeld`: the document has an entry of this name that does not match
   * @returns the same document if there is no newer one
   * @throws RemoteUnavailableError if the last attempt to load it has failed, unless `isHeld`: it is unknown whether the entry exists
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
