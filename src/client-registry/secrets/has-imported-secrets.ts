import { toUnavailable } from '../../entries/to-unavailable.ts'
import { BackgroundRefresh } from '../../lib/background-refresh.ts'
import type { Clock } from '../../lib/clock.ts'
import type { ClientStore } from '../../stores/contracts/index.ts'

// Milliseconds. A client that another process adds is detected by its own secret when it authenticates.
const FRESH = 5000

/** Caches whether any client has a slowly hashed secret. */
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

  /** Records that such a client was found. */
  add (): void {
    this.#exist = true
  }

  /** @throws the store's error until it has been read once */
  async exist (): Promise<boolean> {
    if (this.#exist === undefined) {
      const error = await this.#refresh.renew()
      if (error !== undefined) throw toUnavailable(error)
    } else {
      // Refreshes in the background: during an outage, the cached answer is sufficient.
      this.#refresh.whenStale()
    }
    return this.#exist === true
  }
}
