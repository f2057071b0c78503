import type { Clock } from '../clock.ts'
import { LazyRefresh } from '../lazy-refresh.ts'
import type { Revocation, RevocationStore } from '../store/index.ts'

// Another process sees a revocation within a second. A look at the store costs the request that comes first after half
// of that nothing, since it does not wait.
const FRESH = 500
const STALE = 1000
// Seconds between two searches for what may be forgotten.
const TIDY = 60

/** The verdict on a token that was revoked. */
export const REVOKED = Object.freeze({
  isValid: false, message: 'The access token was revoked', cause: 'the token, or all tokens of the client, were revoked'
} as const)

interface Unless { until: number }

/**
 * The revocations of a store, as this process knows them: looked up in memory, and read again at most twice a second,
 * when somebody asks. No timer keeps the process alive.
 *
 * When the store is away, what is known stays in force, and verification of tokens goes on. As long as nothing is known,
 * since the store was away from the start, nobody is let in.
 */
export class Revocations {
  readonly #store: RevocationStore
  readonly #now: Clock
  readonly #tokens = new Map<string, Unless>()
  readonly #clients = new Map<string, Unless & { issuedBefore: number }>()
  readonly #refresh: LazyRefresh
  #cursor: string | undefined
  #isKnown = false
  #tidyAt = 0

  constructor (store: RevocationStore, { now, onError }: { now: Clock, onError: (error: Error) => void }) {
    this.#store = store
    this.#now = now
    this.#refresh = new LazyRefresh(() => this.#read(), { fresh: FRESH, stale: STALE, now: () => performance.now(), onError })
  }

  /** Adds a revocation to the store. It is in force here as soon as the store has it. */
  async add (revocation: Revocation): Promise<void> {
    await this.#store.addRevocation(revocation)
    this.#learn(revocation)
  }

  /** Sees to it that what is known is less than a second old. Undefined when it is, and there is nothing to wait for. Never rejects. */
  refresh (): Promise<Error | undefined> | undefined {
    return this.#isKnown ? this.#refresh.whenOld() : this.#refresh.now()
  }

  /** The same, but rejects with the store's error as long as it could never be read. */
  ready (): Promise<void> | undefined {
    return this.refresh()?.then((error) => { if (error !== undefined && !this.#isKnown) throw error })
  }

  isTokenRevoked (id: string): boolean {
    return this.#tokens.has(id)
  }

  /** @param issuedAt the token's iat, in seconds since 1970 */
  isClientRevoked (clientId: string, issuedAt: number): boolean {
    const revocation = this.#clients.get(clientId)
    return revocation !== undefined && issuedAt < revocation.issuedBefore
  }

  async #read (): Promise<void> {
    const { revocations, cursor } = await this.#store.listRevocations(this.#cursor)
    revocations.forEach((revocation) => { this.#learn(revocation) })
    this.#cursor = cursor
    this.#isKnown = true
    this.#forgetExpired()
  }

  #learn (revocation: Revocation): void {
    if (revocation.kind === 'token') {
      this.#tokens.set(revocation.id, { until: revocation.expiresAt })
      return
    }
    const { id, issuedBefore, expiresAt } = revocation
    const known = this.#clients.get(id)
    this.#clients.set(id, {
      issuedBefore: Math.max(issuedBefore, known?.issuedBefore ?? 0),
      until: Math.max(expiresAt, known?.until ?? 0)
    })
  }

  #forgetExpired (): void {
    const time = this.#now()
    if (time < this.#tidyAt) return
    this.#tidyAt = time + TIDY
    for (const entries of [this.#tokens, this.#clients]) {
      for (const [id, { until }] of entries) if (until <= time) entries.delete(id)
    }
  }
}
