import type { ClientStore, StoredClient } from '../stores/contracts/index.ts'

interface Lookup {
  promise: Promise<StoredClient | undefined>
  resolve: (client: StoredClient | undefined) => void
  reject: (error: Error) => void
}

/**
 * Finds clients in the store: all that are looked for in one turn of the event loop by one question, and each of them once.
 * One that is looked for later is asked for anew, since the answer under way may be older than its question.
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
    // A turn of the event loop reads all sockets that have something, each with its own microtasks.
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
