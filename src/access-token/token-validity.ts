import type { Agreement } from '../entries/agreement.ts'
import type { Entries } from '../entries/entries.ts'
import { toUnavailable } from '../entries/to-unavailable.ts'
import type { BackgroundRefresh } from '../lib/background-refresh.ts'
import { monotonic } from '../lib/clock.ts'
import type { Revocations } from './revocations.ts'

/** The state, other than its own claims, on which the validity of a token depends. */
export interface TokenValidityOptions {
  readonly entries: Entries | undefined
  readonly revocations: Revocations | undefined
  /** The state of the signing keys. */
  readonly keys?: BackgroundRefresh | undefined
  readonly agreement?: Agreement | undefined
  /** Seconds for which cached state is used while a store is unavailable. */
  readonly maxStale: number
  /** Tolerated clock difference in seconds. */
  readonly clockTolerance: number
}

/** The data of a token that revocation depends on. */
export interface RevocableToken {
  /** The `jti`, or the hash of an opaque token. */
  readonly id: string
  readonly clientId: string
  /** The key that has signed it. Undefined for an opaque token. */
  readonly kid?: string
  /** 0 for a token without one. */
  readonly generation: number
  /** Seconds since 1970. */
  readonly issuedAt: number
}

/**
 * Decides whether tokens are revoked, by state that was read from the stores less than a second ago. While a store is unavailable,
 * uses the last state for `maxStale`; after that, revocation cannot be determined.
 *
 * Use it in two steps. {@link ready} waits until all state is recent enough. Then call {@link isUsable} and {@link isRevoked}
 * in one synchronous step, immediately before a token is accepted. {@link isReady} replaces the first step for callers that do
 * not wait. {@link changes} saves the second step if nothing has changed since a token passed it.
 */
export class TokenValidity {
  readonly #options: TokenValidityOptions
  readonly #states: readonly BackgroundRefresh[]
  readonly #maxStale: number

  constructor (options: TokenValidityOptions) {
    const { entries, revocations, keys, maxStale } = options
    this.#options = options
    this.#states = [entries?.refresh, revocations?.refresh, keys].filter((state) => state !== undefined)
    this.#maxStale = maxStale * 1000
  }

  /** Counts losses of history in a store. Data that was derived from it before must be derived again. */
  get epoch (): number {
    return (this.#options.entries?.epoch ?? 0) + (this.#options.revocations?.epoch ?? 0)
  }

  /** Counts merges into the revocation state. While it is unchanged, {@link isRevoked} returns the same result for a token. */
  get changes (): number {
    const { entries, revocations } = this.#options
    return (entries?.changes ?? 0) + (revocations?.changes ?? 0) + this.epoch
  }

  /** Returns whether all state may be used now, without waiting. Starts due reads in the background. */
  isReady (): boolean {
    if (this.#isRecent()) return true
    if (this.#options.agreement?.isOpen === true) return false
    // Uses `filter`, because `some` would skip due reads.
    const waiting = this.#states.filter((state) => state.whenStale(this.#maxStale) !== undefined)
    return waiting.length === 0 && this.isUsable()
  }

  /**
   * Waits until all state is recent enough, or cannot be read at present.
   *
   * @throws StoreUnavailableError if the last state is older than `maxStale`, or none was ever read
   */
  async ready (): Promise<void> {
    await this.#whenStale()
    const failed = this.#states.find((state) => state.error !== undefined && state.age() > this.#maxStale && !state.isUsable(this.#maxStale))
    if (failed !== undefined) throw toUnavailable(failed.error as Error)
  }

  /** Returns whether all state is recent enough at this moment. */
  isUsable (): boolean {
    if (this.#options.agreement?.isOpen === true) return false
    return this.#states.every((state) => state.isUsable(this.#maxStale))
  }

  /** Returns whether a token was revoked: the token, its key, its client, or all tokens of its client. */
  isRevoked ({ id, clientId, kid, generation, issuedAt }: RevocableToken): boolean {
    const { entries, revocations, clockTolerance } = this.#options
    if (entries !== undefined && (entries.isTokenRevoked(clientId, generation) || (kid !== undefined && entries.isKeyRevoked(kid)))) return true
    if (revocations === undefined) return false
    // The clock of the issuing process may have been ahead.
    const cutOff = revocations.cutOffOf(clientId)
    return revocations.isTokenRevoked(id) || (cutOff > 0 && issuedAt < cutOff + clockTolerance)
  }

  // Returns whether all state is so recent that no read is due.
  #isRecent (): boolean {
    if (this.#options.agreement?.isOpen === true) return false
    const time = monotonic()
    let clock: (() => number) | undefined
    let wall = 0
    for (const state of this.#states) {
      // Most share one clock, which is then read once.
      if (state.wall !== clock) {
        clock = state.wall
        wall = clock()
      }
      if (!state.isRecent(wall, time)) return false
    }
    return true
  }

  // Returns undefined if all state is recent enough, or a store has just failed; otherwise a promise to wait for. Starts due reads.
  #whenStale (): Promise<unknown> | undefined {
    let waiting: Array<Promise<unknown>> | undefined
    if (this.#options.agreement?.isOpen === true) waiting = [this.#options.agreement.settle()]
    for (const state of this.#states) {
      const reading = state.whenStale(this.#maxStale)
      if (reading !== undefined) (waiting ??= []).push(reading)
    }
    return waiting && Promise.all(waiting)
  }
}

/** The result for a revoked token. */
export const REVOKED = Object.freeze({
  isValid: false, message: 'The access token was revoked', cause: 'the token, or all tokens of its client, were revoked'
} as const)

/** Returns the id of the revocation store. @throws StoreUnavailableError until it could be read */
export async function storeIdOf (revocations: Revocations): Promise<string> {
  const error = revocations.storeId === undefined ? await revocations.refresh.renew() : undefined
  if (error !== undefined) throw toUnavailable(error)
  return revocations.storeId as string
}
