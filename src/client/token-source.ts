import { measureAge } from '../lib/age.ts'
import { monotonic } from '../lib/clock.ts'
import type { Clock } from '../lib/clock.ts'
import { abortable } from './abort.ts'
import { OAuthClientError } from './errors.ts'
import type { OAuthClientErrorCode } from './errors.ts'
import { publish } from './events.ts'
import type { ClientEvent } from './events.ts'
import type { IssuedToken, TokenRequester } from './token-request.ts'

/** A token with the times until which it is sent and after which it is renewed. */
export interface HeldToken extends IssuedToken {
  /** Milliseconds from sending the token request, until which the token is sent. */
  readonly usableFor: number
  /** Milliseconds from sending the token request, after which a use starts a renewal in the background. */
  readonly renewAfter: number
  /** Whether the API had rejected the token before this one. */
  readonly followsRejection: boolean
}

/** The parts of a token source. */
export interface TokenSourceSettings extends TokenRequester {
  /** The common members of its events. */
  readonly event: ClientEvent
  readonly now: Clock
}

interface Pause {
  readonly error: unknown
  readonly code: OAuthClientErrorCode | undefined
  /** On the monotonic clock, in milliseconds: a wall clock that is set ahead ends no pause. */
  readonly until: number
}

// The clock of the API may be ahead by a minute. Of short lifetimes, it is a tenth.
const MARGIN = 60_000
const MARGIN_SHARE = 0.1
// Renewal in the background begins between these shares of the time that a token is usable.
const RENEW_FROM = 0.7
const RENEW_SPREAD = 0.15
// Milliseconds after a denied token request, for which the denial is the answer to all callers.
const DENIAL = 30_000
const [FIRST_BACKOFF, MAX_BACKOFF] = [250, 30_000]
// Token requests, and milliseconds of waiting between them, for one group of waiting callers.
const [MAX_ATTEMPTS, PATIENCE] = [3, 5_000]
// If a token that replaced a rejected one is rejected within these milliseconds, it is not replaced again.
const REJECTION_INTERVAL = 5_000

/** Keeps one token: for one issuer, client, scope, resource and key. At most one token request is in flight. */
export class TokenSource {
  readonly #settings: TokenSourceSettings
  #held: HeldToken | undefined
  #inFlight: Promise<HeldToken> | undefined
  #waiting: Promise<HeldToken> | undefined
  #pause: Pause | undefined
  #failures = 0
  #wasRejected = false

  constructor (settings: TokenSourceSettings) {
    this.#settings = settings
  }

  /** Returns the token if it may be sent now. Starts its renewal in the background when that is due. */
  current (): HeldToken | undefined {
    const held = this.#held
    if (held === undefined) return undefined
    const age = held.age()
    if (age >= held.usableFor) return undefined
    if (age >= held.renewAfter && this.#inFlight === undefined && this.#pauseLeft() <= 0) this.#begin().catch(() => {})
    publish('token.reused', () => this.#settings.event)
    return held
  }

  /**
   * Waits for a token. All callers that wait share one token request; a signal rejects for its own caller only.
   *
   * @throws OAuthClientError, or the reason of the signal
   */
  async obtain (signal?: AbortSignal | null): Promise<HeldToken> {
    for (;;) {
      this.#waiting ??= this.#wait().finally(() => { this.#waiting = undefined })
      const held = await abortable(this.#waiting, signal)
      // The machine may have been suspended since the token came.
      if (held.age() < held.usableFor) return held
    }
  }

  /**
   * Discards a token that an API rejected as invalid. Of all callers that had it, the first causes a renewal.
   *
   * @returns false if the token itself was requested for that reason just now: another one would be rejected too
   */
  reject (token: HeldToken): boolean {
    if (this.#held !== token) return true
    if (token.followsRejection && token.age() < REJECTION_INTERVAL) return false
    this.#held = undefined
    this.#wasRejected = true
    return true
  }

  async #wait (): Promise<HeldToken> {
    const patientUntil = monotonic() + PATIENCE
    for (let attempt = 1; ; attempt++) {
      const left = this.#pauseLeft()
      if (left > 0 && !await this.#mayBegin(left, patientUntil - monotonic())) throw this.#paused(left)
      try {
        return await this.#begin()
      } catch (error) {
        if (!this.#isTransient() || attempt >= MAX_ATTEMPTS) throw error
      }
    }
  }

  async #mayBegin (left: number, patience: number): Promise<boolean> {
    if (this.#pause?.code === 'OAUTH_CLIENT_TOKEN_DENIED') return await this.#settings.hasNewCredential()
    if (!this.#isTransient() || left > patience) return false
    await new Promise((resolve) => { setTimeout(resolve, left) })
    return true
  }

  #isTransient (): boolean {
    const code = this.#pause?.code
    return code === 'OAUTH_CLIENT_SERVER_UNAVAILABLE' || code === 'OAUTH_CLIENT_CREDENTIAL_UNAVAILABLE'
  }

  #pauseLeft (): number {
    return this.#pause === undefined ? 0 : this.#pause.until - monotonic()
  }

  // Returns the same error with the remaining time.
  #paused (left: number): unknown {
    const error = this.#pause?.error
    return error instanceof OAuthClientError ? new OAuthClientError(error.code, error.message, { ...error, retryAfter: Math.ceil(left / 1000) }) : error
  }

  #begin (): Promise<HeldToken> {
    this.#inFlight ??= this.#request().finally(() => { this.#inFlight = undefined })
    return this.#inFlight
  }

  async #request (): Promise<HeldToken> {
    const { request, event, now } = this.#settings
    const age = measureAge(now)
    try {
      const token = await request()
      const usableFor = token.lifetime - Math.min(MARGIN, token.lifetime * MARGIN_SHARE)
      if (token.age() >= usableFor) throw new OAuthClientError('OAUTH_CLIENT_SERVER_UNAVAILABLE', 'The token expired before it could be used. Raise its lifetime at the authorization server.')
      const held = { ...token, usableFor, renewAfter: usableFor * (RENEW_FROM + RENEW_SPREAD * Math.random()), followsRejection: this.#wasRejected }
      this.#held = held
      this.#pause = undefined
      this.#failures = 0
      this.#wasRejected = false
      publish('token.requested', () => ({ ...event, duration: age() / 1000, expiresIn: token.lifetime / 1000, tokenType: token.prover === undefined ? 'Bearer' : 'DPoP' }))
      return held
    } catch (error) {
      const known = error instanceof OAuthClientError ? error : undefined
      this.#pause = this.#pauseAfter(known, error)
      const length = this.#pauseLeft()
      publish('token.failed', () => ({ ...event, duration: age() / 1000, error: known?.error ?? known?.code ?? 'unknown', status: known?.status, retryAfter: length / 1000 }))
      throw error
    }
  }

  // Many processes whose requests failed together must not retry together.
  #pauseAfter (known: OAuthClientError | undefined, error: unknown): Pause {
    const code = known?.code
    const backoff = Math.min(FIRST_BACKOFF * 2 ** this.#failures++, MAX_BACKOFF)
    const least = known?.retryAfter === undefined ? backoff / 2 : known.retryAfter * 1000
    return { error, code, until: monotonic() + (code === 'OAUTH_CLIENT_TOKEN_DENIED' ? DENIAL : least + backoff / 2 * Math.random()) }
  }
}
