import { toUnavailable } from '../../entries/to-unavailable.ts'
import { BackgroundRefresh } from '../../lib/background-refresh.ts'
import type { Clock } from '../../lib/clock.ts'
import type { ClientStore } from '../../stores/contracts/index.ts'

// Milliseconds. A client that is added elsewhere tells by its own secret as soon as it comes.
const FRESH = 5000

/** Knows whether any client has a secret that is hashed slowly. */
export class HasImportedSecrets {
  readonly #refresh: BackgroundRefresh
  #exist: boolean | undefined

  constructor (store: Pick<ClientStore, 'hasImportedSecrets'>, { onError, now }: { onError: ((error: Error) => void) | undefined, now: Clock }) {
    const read = async () => {
      const exist = await store.hasImportedSecrets()
      return () => { this.#exist = exist }
    }
    this.#refresh = new BackgroundRefresh(read, { renewAfter: FRESH, maxAge: Infinity, now, onOutage: onError })
  }

  /** Takes note of one. */
  add (): void {
    this.#exist = true
  }

  /** @throws the store's error as long as it could never be asked */
  async exist (): Promise<boolean> {
    if (this.#exist === undefined) {
      const error = await this.#refresh.renew()
      if (error !== undefined) throw toUnavailable(error)
    } else {
      // In the background: while the store is away, what is known is good enough.
      this.#refresh.whenStale()
    }
    return this.#exist === true
  }
}
