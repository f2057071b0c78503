import { FeedReader } from '../entries/feed-reader.ts'
import type { BackgroundRefresh } from '../lib/background-refresh.ts'
import type { Clock } from '../lib/clock.ts'
import type { Marked, Revocation, RevocationStore } from '../stores/contracts/index.ts'
import { RevocationState } from './revocation-state.ts'

// What was lost is written back so many at once: the connections of a pool are needed by others too.
const CONCURRENT_WRITES = 5

/** What the revocations of a store are followed with. */
export interface RevocationsOptions {
  readonly now: Clock
  /** Seconds that clocks may differ, at most. */
  readonly clockTolerance: () => number
  /** Is called once per outage, with the error. */
  readonly onOutage: (error: Error) => void
}

/** The revocations of a store as this process holds them: of single tokens, and cut-offs of clients that no registry keeps. */
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

  /** How old what is held is, and how it is read again. */
  get refresh (): BackgroundRefresh {
    return this.#reader.refresh
  }

  /** Counts how often the store has lost history. */
  get epoch (): number {
    return this.#reader.epoch
  }

  /** Counts the revocations that were merged: what was decided by the others still holds as long as it is the same. */
  get changes (): number {
    return this.#reader.state.changes
  }

  /** The id of the store, once it was read. */
  get storeId (): string | undefined {
    return this.#reader.storeId
  }

  /** Adds a revocation to the store. It is in force here as soon as the store has acknowledged it. */
  async add (revocation: Revocation): Promise<void> {
    this.#reader.acknowledged(await this.#add([revocation]))
  }

  isTokenRevoked (id: string): boolean {
    return this.#reader.state.isTokenRevoked(id)
  }

  /** The time before which the tokens of a client were issued that are revoked, in seconds since 1970. 0 for none. */
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

/** The store of revocations of a kind of access token, where it has one: the flow checks that it evicts nothing. */
export function revocationStoreOf (accessTokens: object | undefined): RevocationStore | undefined {
  return (accessTokens as { revocationStore?: RevocationStore } | undefined)?.revocationStore
}
