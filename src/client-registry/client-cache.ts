import { LruMap } from 'toad-cache'
import type { Entries } from '../entries/entries.ts'
import { measureAge } from '../lib/age.ts'
import type { Age } from '../lib/age.ts'
import { BackgroundRefresh } from '../lib/background-refresh.ts'
import type { Read } from '../lib/background-refresh.ts'
import type { Clock } from '../lib/clock.ts'
import type { ClientStore, FeedMark, StoredClient } from '../stores/contracts/index.ts'
import { ClientLookups } from './client-lookups.ts'

// Milliseconds. A change by another process takes effect within a second.
const MAX_AGE = 1000

interface Entry<T> { readonly client: T, /** in seconds since 1970 */ readonly readAt: number }

/** Options of the client cache. */
export interface ClientCacheOptions<T> {
  /** Maximum number of entries; the least recently used one is evicted. 0 disables the cache. */
  max: number
  /** Seconds until an entry expires. */
  maxAge: number
  /** Creates the cached value, once for each read of a client. @param age age of the data, counted from the start of the read */
  prepare: (client: StoredClient, age: Age) => T
  entries: Entries | undefined
  onError: ((error: Error) => void) | undefined
  now: Clock
}

/**
 * Caches clients, as long as the list of changes from the store is less than a second old. When the list is unavailable,
 * no cached client is used and clients are read: an outage must not hide that a client was disabled. Caches existing clients
 * only, so that unauthenticated callers cannot evict them.
 */
export class ClientCache<T> {
  readonly #store: Pick<ClientStore, 'listClientChanges'>
  readonly #lookups: ClientLookups
  readonly #options: ClientCacheOptions<T>
  readonly #entries: LruMap<Entry<T>>
  readonly #changes: BackgroundRefresh
  #mark: FeedMark | undefined
  #epoch = 0
  // Counts changes, to detect that a read in progress is too old to be cached.
  #changeCount = 0

  constructor (store: Pick<ClientStore, 'findClients' | 'listClientChanges'>, options: ClientCacheOptions<T>) {
    this.#store = store
    this.#lookups = new ClientLookups(store)
    this.#options = options
    this.#entries = new LruMap(options.max)
    this.#changes = new BackgroundRefresh(() => this.#readChanges(), { now: options.now, onOutage: options.onError })
  }

  /** @returns undefined for a client that is not cached, or may have changed */
  get (id: string): T | undefined {
    // A map with a maximum of 0 would be unbounded.
    if (this.#options.max === 0) return undefined
    // Only starts a refresh and does not wait: a client that is not cached is read anyway.
    this.#changes.whenStale()
    this.#forgetAfterLoss()
    if (this.#changes.age() >= MAX_AGE) return undefined
    const entry = this.#entries.get(id)
    if (entry === undefined) return undefined
    const age = this.#options.now() - entry.readAt
    return age >= 0 && age < this.#options.maxAge ? entry.client : undefined
  }

  /** Reads a client from the store and caches it. @throws StoreUnavailableError */
  async read (id: string): Promise<T | undefined> {
    const readAt = this.#options.now()
    const age = measureAge(this.#options.now)
    const changeCount = this.#changeCount
    // Without a mark, the store would not list later changes.
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

  /** Removes a changed client from the cache. */
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
    // The store has lost its history, so any client may have changed.
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
