import type { Agreement } from '../entries/agreement.ts'
import type { Entries } from '../entries/entries.ts'
import { toUnavailable } from '../entries/to-unavailable.ts'
import type { BackgroundRefresh } from '../lib/background-refresh.ts'
import { monotonic } from '../lib/clock.ts'
import type { Revocations } from './revocations.ts'

/** What the validity of tokens depends on beside their own words. */
export interface TokenValidityOptions {
  readonly entries: Entries | undefined
  readonly revocations: Revocations | undefined
  /** The state of the signing keys. */
  readonly keys?: BackgroundRefresh | undefined
  readonly agreement?: Agreement | undefined
  /** Seconds for which tokens are accepted by what was read last, while a store is unavailable. */
  readonly maxStale: number
  /** Seconds that clocks may differ. */
  readonly clockTolerance: number
}

/** A token as far as it can be revoked. */
export interface RevocableToken {
  /** The `jti`, or the hash of an opaque token. */
  readonly id: string
  readonly clientId: string
  /** The key that has signed it. Undefined for an opaque token. */
  readonly kid?: string
  /** 0 for one that carries none. */
  readonly generation: number
  /** Seconds since 1970. */
  readonly issuedAt: number
}

/**
 * Tells whether tokens were revoked, by what was read of the stores less than a second ago. While a store is unavailable, by
 * what was read before, for `maxStale`; after that nobody can tell.
 *
 * Used in two steps: {@link ready} waits until everything was read recently enough; {@link isUsable} and {@link isRevoked}
 * are then asked in one synchronous step, the last before a token is accepted. {@link isReady} is the first step for those who do
 * not wait, and {@link changes} saves the second where nothing was read or written since a token passed it.
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

  /** Counts how often a store has lost history: what was derived from it before is derived anew. */
  get epoch (): number {
    return (this.#options.entries?.epoch ?? 0) + (this.#options.revocations?.epoch ?? 0)
  }

  /** Counts what was merged into the states that tokens are revoked by. As long as it is the same, {@link isRevoked} returns the same for a token. */
  get changes (): number {
    const { entries, revocations } = this.#options
    return (entries?.changes ?? 0) + (revocations?.changes ?? 0) + this.epoch
  }

  /** Whether everything may be used now, without waiting. Starts the reads that are due, in the background. */
  isReady (): boolean {
    if (this.#isRecent()) return true
    if (this.#options.agreement?.isOpen === true) return false
    // Not by `some`, which would leave out reads that are due.
    const waiting = this.#states.filter((state) => state.whenStale(this.#maxStale) !== undefined)
    return waiting.length === 0 && this.isUsable()
  }

  /**
   * Waits until everything was read recently enough, or cannot be read for now.
   *
   * @throws StoreUnavailableError when what was read last is older than `maxStale`, or nothing was ever read
   */
  async ready (): Promise<void> {
    await this.#whenStale()
    const failed = this.#states.find((state) => state.error !== undefined && state.age() > this.#maxStale && !state.isUsable(this.#maxStale))
    if (failed !== undefined) throw toUnavailable(failed.error as Error)
  }

  /** Whether everything that was read may be used at this moment. */
  isUsable (): boolean {
    if (this.#options.agreement?.isOpen === true) return false
    return this.#states.every((state) => state.isUsable(this.#maxStale))
  }

  /** Whether a token was revoked: it, its client, or all tokens that its client had. */
  isRevoked ({ id, clientId, kid, generation, issuedAt }: RevocableToken): boolean {
    const { entries, revocations, clockTolerance } = this.#options
    if (entries !== undefined && (entries.isTokenRevoked(clientId, generation) || (kid !== undefined && entries.isKeyRevoked(kid)))) return true
    if (revocations === undefined) return false
    // The clock of the process that issued the token may have been ahead.
    const cutOff = revocations.cutOffOf(clientId)
    return revocations.isTokenRevoked(id) || (cutOff > 0 && issuedAt < cutOff + clockTolerance)
  }

  // Whether everything was read so recently that nothing is due.
  #isRecent (): boolean {
    if (this.#options.agreement?.isOpen === true) return false
    const time = monotonic()
    let clock: (() => number) | undefined
    let wall = 0
    for (const state of this.#states) {
      // Most share one clock: it is read once.
      if (state.wall !== clock) {
        clock = state.wall
        wall = clock()
      }
      if (!state.isRecent(wall, time)) return false
    }
    return true
  }

  // Undefined if everything was read recently enough, or a store has just failed; otherwise a promise to wait for. Starts the reads that are due.
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

/** The verdict on a token that was revoked. */
export const REVOKED = Object.freeze({
  isValid: false, message: 'The access token was revoked', cause: 'the token, or all tokens of its client, were revoked'
} as const)

/** The id of the store that revocations are in. @throws StoreUnavailableError as long as it could not be read */
export async function storeIdOf (revocations: Revocations): Promise<string> {
  const error = revocations.storeId === undefined ? await revocations.refresh.renew() : undefined
  if (error !== undefined) throw toUnavailable(error)
  return revocations.storeId as string
}
