import { LruMap } from 'toad-cache'
import type { Clock } from '../clock.ts'
import { LazyRefresh } from '../lazy-refresh.ts'
import type { ClientStore, StoredClient } from '../store/index.ts'
import { ClientLookups } from './client-lookups.ts'

// Milliseconds. A change in another process is seen within a second; a look at the changes costs the request that comes first
// after half of that nothing, since it does not wait.
const FRESH = 500
const STALE = 1000

interface Entry<T> { readonly client: T, /** in seconds since 1970 */ readonly readAt: number }

/** What clients are remembered by. */
export interface ClientCacheOptions<T> {
  /** How many; the one that was used longest ago goes first. 0 for none. */
  max: number
  /** Seconds. */
  maxAge: number
  /** Makes what is remembered: once for each time a client is read. */
  prepare: (client: StoredClient) => T
  onError: ((error: Error) => void) | undefined
  now: Clock
}

/**
 * Remembers clients, as long as the store said less than a second ago which of them have changed since. When it cannot say,
 * nothing that is remembered counts, and clients are read: an outage must not hide that one was disabled. Only for those
 * that are there: strangers must never push them out.
 */
export class ClientCache<T> {
  readonly #store: Pick<ClientStore, 'listClientChanges'>
  readonly #lookups: ClientLookups
  readonly #options: ClientCacheOptions<T>
  readonly #entries: LruMap<Entry<T>>
  readonly #changes: LazyRefresh
  #cursor: string | undefined
  #confirmedAt = -Infinity
  // Counts what made a reading that is under way too old to be remembered.
  #changeCount = 0

  constructor (store: Pick<ClientStore, 'findClients' | 'listClientChanges'>, options: ClientCacheOptions<T>) {
    this.#store = store
    this.#lookups = new ClientLookups(store)
    this.#options = options
    this.#entries = new LruMap(options.max)
    this.#changes = new LazyRefresh(() => this.#readChanges(), { fresh: FRESH, stale: STALE, now: () => performance.now(), onError: options.onError })
  }

  /** @returns undefined for a client that is not remembered, or may have changed since */
  get (id: string): T | undefined {
    // A map of none would be one without bound.
    if (this.#options.max === 0) return undefined
    this.#changes.whenOld()
    if (performance.now() - this.#confirmedAt >= STALE) return undefined
    const entry = this.#entries.get(id)
    if (entry === undefined) return undefined
    const age = this.#options.now() - entry.readAt
    return age >= 0 && age < this.#options.maxAge ? entry.client : undefined
  }

  /** Reads a client from the store, and remembers it. @throws StoreUnavailableError */
  async read (id: string): Promise<T | undefined> {
    const readAt = this.#options.now()
    const changeCount = this.#changeCount
    // Without a cursor, what changes from now on would not be listed.
    const isFollowed = this.#cursor !== undefined
    const stored = await this.#lookups.find(id)
    if (stored === undefined) {
      this.#entries.delete(id)
      return undefined
    }
    const client = this.#options.prepare(stored)
    if (isFollowed && changeCount === this.#changeCount) this.#entries.set(id, { client, readAt })
    return client
  }

  /** Forgets a client that was changed. */
  forget (id: string): void {
    this.#changeCount++
    this.#entries.delete(id)
  }

  async #readChanges (): Promise<void> {
    const startedAt = performance.now()
    const { ids, cursor } = await this.#store.listClientChanges(this.#cursor)
    ids.forEach((id) => { this.forget(id) })
    this.#cursor = cursor
    this.#confirmedAt = startedAt
  }
}
