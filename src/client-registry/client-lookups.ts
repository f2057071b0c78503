import type { ClientStore, StoredClient } from '../stores/contracts/index.ts'

interface Lookup {
  promise: Promise<StoredClient | undefined>
  resolve: (client: StoredClient | undefined) => void
  reject: (error: Error) => void
}

/**
 * Finds clients in the store, with one query for all distinct ids that are requested in one turn of the event loop. A later
 * request for the same id starts a new query, because the result of the query in progress may be too old.
 */
export class ClientLookups {
  readonly #store: Pick<ClientStore, 'findClients'>
  #lookups = new Map<string, Lookup>()

  constructor (store: Pick<ClientStore, 'findClients'>) {
    this.#store = store
  }

  /** @throws StoreUnavailableError */
  find (id: string): Promise<StoredClient | undefined> {
    const known = this.#lookups.get(id)
    if (known !== undefined) return known.promise
    // One turn of the event loop reads all readable sockets, each with its own microtasks.
    if (this.#lookups.size === 0) setImmediate(() => this.#ask())
    const lookup = newLookup()
    this.#lookups.set(id, lookup)
    return lookup.promise
  }

  async #ask (): Promise<void> {
    const lookups = this.#lookups
    this.#lookups = new Map()
    try {
      const clients = new Map((await this.#store.findClients([...lookups.keys()])).map((client) => [client.id, client]))
      for (const [id, { resolve }] of lookups) resolve(clients.get(id))
    } catch (error) {
      for (const { reject } of lookups.values()) reject(error as Error)
    }
  }
}

function newLookup (): Lookup {
  const lookup = {} as Lookup
  lookup.promise = new Promise((resolve, reject) => { Object.assign(lookup, { resolve, reject }) })
  return lookup
}
