import { LazyRefresh } from '../lazy-refresh.ts'
import type { ClientStore } from '../store/index.ts'

// Milliseconds. A client that is added elsewhere tells by its own secret as soon as it comes.
const FRESH = 5000

/** Knows whether any client has a secret that is hashed slowly. */
export class ImportedSecrets {
  readonly #refresh: LazyRefresh
  #exist: boolean | undefined

  constructor (store: Pick<ClientStore, 'hasImportedSecrets'>, { onError }: { onError: ((error: Error) => void) | undefined }) {
    const read = async () => { this.#exist = await store.hasImportedSecrets() }
    this.#refresh = new LazyRefresh(read, { fresh: FRESH, stale: Infinity, now: () => performance.now(), onError })
  }

  /** Takes note of one. */
  add (): void {
    this.#exist = true
  }

  /** @throws the store's error as long as it could never be asked */
  async exist (): Promise<boolean> {
    if (this.#exist === undefined) {
      const error = await this.#refresh.now()
      if (error !== undefined) throw error
    } else {
      // In the background: while the store is away, what is known is good enough.
      this.#refresh.whenOld()
    }
    return this.#exist === true
  }
}
