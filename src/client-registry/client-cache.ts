import { LruMap } from 'toad-cache'
import type { Entries } from '../entries/entries.ts'
import { measureAge } from '../lib/age.ts'
import type { Age } from '../lib/age.ts'
import { BackgroundRefresh } from '../lib/background-refresh.ts'
import type { Read } from '../lib/background-refresh.ts'
import type { Clock } from '../lib/clock.ts'
import type { ClientStore, FeedMark, StoredClient } from '../stores/contracts/index.ts'
import { ClientLookups } from './client-lookups.ts'

// Milliseconds. A change in another process is seen within a second.
const MAX_AGE = 1000

interface Entry<T> { readonly client: T, /** in seconds since 1970 */ readonly readAt: number }

/** Options of the client cache. */
export interface ClientCacheOptions<T> {
  /** How many; the one that was used longest ago goes first. 0 for none. */
  max: number
  /** Seconds. */
  maxAge: number
  /** Makes what is cached: once for each time a client is read. @param age of what was read, from the beginning of the read */
  prepare: (client: StoredClient, age: Age) => T
  entries: Entries | undefined
  onError: ((error: Error) => void) | undefined
  now: Clock
}

/**
 * Caches clients, as long as the store said less than a second ago which of them have changed since. When it cannot say,
 * no cached client counts, and clients are read: an outage must not hide that one was disabled. Only for clients that
 * exist: unauthenticated callers must never push them out.
 */
export class ClientCache<T> {
  readonly #store: Pick<ClientStore, 'listClientChanges'>
  readonly #lookups: ClientLookups
  readonly #options: ClientCacheOptions<T>
  readonly #entries: LruMap<Entry<T>>
  readonly #changes: BackgroundRefresh
  #mark: FeedMark | undefined
  #epoch = 0
  // Counts what made a read that is under way too old to be cached.
  #changeCount = 0

  constructor (store: Pick<ClientStore, 'findClients' | 'listClientChanges'>, options: ClientCacheOptions<T>) {
    this.#store = store
    this.#lookups = new ClientLookups(store)
    this.#options = options
    this.#entries = new LruMap(options.max)
    this.#changes = new BackgroundRefresh(() => this.#readChanges(), { now: options.now, onOutage: options.onError })
  }

  /** @returns undefined for a client that is not cached, or may have changed since */
  get (id: string): T | undefined {
    // A map of none would be one without bound.
    if (this.#options.max === 0) return undefined
    // What is waited for elsewhere is started here: a client that is not cached is read.
    this.#changes.whenStale()
    this.#forgetAfterLoss()
    if (this.#changes.age() >= MAX_AGE) return undefined
    const entry = this.#entries.get(id)
    if (entry === undefined) return undefined
    const age = this.#options.now() - entry.readAt
    return age >= 0 && age < this.#options.maxAge ? entry.client : undefined
  }

  /** Reads a client from the store, and caches it. @throws StoreUnavailableError */
  async read (id: string): Promise<T | undefined> {
    const readAt = this.#options.now()
    const age = measureAge(this.#options.now)
    const changeCount = this.#changeCount
    // Without a mark, what changes from now on would not be listed.
    const isFollowed = this.#mark !== undefined
    const stored = await this.#lookups.find(id)
    if (stored === undefined) {
      this.#entries.delete(id)
      return undefined
    }
    const client = this.#options.prepare(stored, age)
    if (isFollowed && changeCount === this.#changeCount) this.#entries.set(id, { client, readAt })
    return client
  }

  /** Forgets a client that was changed. */
  forget (id: string): void {
    this.#changeCount++
    this.#entries.delete(id)
  }

  async #readChanges (): ReturnType<Read> {
    const begunAt = this.#mark
    let page = await this.#store.listClientChanges(begunAt)
    while (page.isContinued) {
      page.ids.forEach((id) => { this.forget(id) })
      const { mark } = page
      if (!page.hasMore) return () => { if (this.#mark === begunAt) this.#mark = mark }
      page = await this.#store.listClientChanges(mark)
    }
    // The store has lost history: any client may be another.
    const { mark } = await this.#store.listClientChanges()
    return () => {
      this.#forgetAll()
      if (this.#mark === begunAt) this.#mark = mark
    }
  }

  #forgetAfterLoss (): void {
    const epoch = this.#options.entries?.epoch ?? 0
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    this.#forgetAll()
  }

  #forgetAll (): void {
    this.#changeCount++
    this.#entries.clear()
  }
}
