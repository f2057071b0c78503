import { FeedReader } from '../entries/feed-reader.ts'
import type { BackgroundRefresh } from '../lib/background-refresh.ts'
import type { Clock } from '../lib/clock.ts'
import type { Marked, Revocation, RevocationStore } from '../stores/contracts/index.ts'
import { RevocationState } from './revocation-state.ts'

// Number of concurrent writes after a loss of history: other code needs connections of the pool too.
const CONCURRENT_WRITES = 5

/** Options for following the revocations of a store. */
export interface RevocationsOptions {
  readonly now: Clock
  /** Returns the tolerated clock difference in seconds. */
  readonly clockTolerance: () => number
  /** Called once per outage, with the error. */
  readonly onOutage: (error: Error) => void
}

/** The revocations of a store in this process: of single tokens, and cut-offs of clients that are not in a registry. */
export class Revocations {
  readonly #store: RevocationStore
  readonly #reader: FeedReader<Revocation, RevocationState>

  constructor (store: RevocationStore, options: RevocationsOptions) {
    this.#store = store
    this.#reader = new FeedReader({
      ...options,
      list: async (after) => await store.listRevocations(after),
      state: new RevocationState(),
      writeBack: async (revocations) => await this.#add(revocations)
    })
  }

  /** Returns the refresh state: the age of the data, and how to read it again. */
  get refresh (): BackgroundRefresh {
    return this.#reader.refresh
  }

  /** Counts losses of history in the store. */
  get epoch (): number {
    return this.#reader.epoch
  }

  /** Counts merged revocations. While it is unchanged, earlier checks are still valid. */
  get changes (): number {
    return this.#reader.state.changes
  }

  /** The id of the store, once it has been read. */
  get storeId (): string | undefined {
    return this.#reader.storeId
  }

  /** Adds a revocation to the store. It takes effect here as soon as the store has acknowledged it. */
  async add (revocation: Revocation): Promise<void> {
    this.#reader.acknowledged(await this.#add([revocation]))
  }

  isTokenRevoked (id: string): boolean {
    return this.#reader.state.isTokenRevoked(id)
  }

  /** Returns the cut-off of a client in seconds since 1970: its tokens that were issued before are revoked. 0 for none. */
  cutOffOf (clientId: string): number {
    return this.#reader.state.cutOffOf(clientId)
  }

  async #add (revocations: readonly Revocation[]): Promise<Array<Marked<Revocation>>> {
    const added: Array<Marked<Revocation>> = []
    const waiting = [...revocations]
    await Promise.all(Array.from({ length: CONCURRENT_WRITES }, async () => {
      for (let revocation = waiting.shift(); revocation !== undefined; revocation = waiting.shift()) {
        added.push({ ...revocation, ...await this.#store.addRevocation(revocation) })
      }
    }))
    return added
  }
}

/** Returns the revocation store of a kind of access token, if it has one: the flow checks that it does not evict data. */
export function revocationStoreOf (accessTokens: object | undefined): RevocationStore | undefined {
  return (accessTokens as { revocationStore?: RevocationStore } | undefined)?.revocationStore
}
