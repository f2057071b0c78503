import type { Clock } from '../clock.ts'
import { measureAge } from '../lib/age.ts'
import type { Age } from '../lib/age.ts'
import { BackgroundRefresh } from '../lib/background-refresh.ts'
import { TIME_LIMIT } from './fetch.ts'
import { RemoteUnavailableError, toRemoteUnavailable } from './unavailable.ts'

/** Seconds for which nothing is requested after a failed attempt. */
export const RETRY_AFTER = 5
/** Seconds beyond its maximum age for which a document is used while its server is unavailable, unless an option says otherwise. */
export const MAX_STALE = 600
// Seconds. Anybody can invent a token that names an unknown key: so often may that cost the other server a request.
const SEEK_AGAIN_AFTER = 30
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
  readonly #now: Clock
  #value: T | undefined
  #sought: Age = () => Infinity

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
    this.#now = now
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
   * Loads the document again, for those who miss something in it: the first time at once, so that what is new since the last
   * load is found, then at most every 30 seconds, and not within 5 seconds of a failed attempt. Whoever asks in between gets
   * what is held.
   *
   * @param known the document in which it is missing
   * @returns the same if there is no newer one
   */
  async seek (known: T): Promise<T> {
    if (this.#value === known) await this.#seek()
    return this.#value as T
  }

  async #seek (): Promise<void> {
    const loading = this.#refresh.underWay()
    if (loading !== undefined) return await loading
    if (this.#refresh.hasJustFailed || this.#sought() < SEEK_AGAIN_AFTER * 1000) return
    this.#sought = measureAge(this.#now)
    const error = await this.#refresh.renew()
    if (error !== undefined) this.#sought = () => Infinity
  }
}
