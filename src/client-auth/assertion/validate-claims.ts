import { hash } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import { reserveOnce } from '../../stores/contracts/consume-once.ts'
import type { Replays } from '../../stores/contracts/consume-once.ts'
import type { Reservation } from '../../stores/contracts/index.ts'
import { refuse } from './read-assertion.ts'
import type { Assertion } from './read-assertion.ts'

/** The rules for the times of an assertion. */
export interface TimesExpectation {
  now: Clock
  /** Tolerated clock difference in seconds. */
  clockTolerance: number
  /** Maximum time until expiry, in seconds. */
  maxLifetime?: number
}

/**
 * Validates the times of an assertion (RFC 7523 §3).
 *
 * @returns when the assertion can no longer be used, in seconds since 1970
 * @throws InvalidClientError
 */
export function checkTimes ({ exp, nbf, iat }: Assertion['claims'], { now, clockTolerance, maxLifetime = Infinity }: TimesExpectation): number {
  const time = now()
  if (!isTime(exp)) throw refuse('exp is missing or no time')
  if (exp <= time - clockTolerance) throw refuse('it has expired')
  if (exp > time + maxLifetime + clockTolerance) throw refuse('it lives too long')
  for (const begin of [nbf, iat]) {
    if (begin === undefined) continue
    if (!isTime(begin) || begin > time + clockTolerance) throw refuse('iat or nbf is in the future or no time')
  }
  return Math.ceil(exp) + clockTolerance
}

// Whole numbers only, because some stores accept no others.
function isTime (value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER / 2
}

const MEDIA_TYPE = /^application\//

/** Validates the `typ` of an assertion, so that other JWTs with the same key are rejected (RFC 8725 §3.11). Accepts a JWT without `typ`. */
export function checkType ({ typ }: Assertion, types: readonly string[]): void {
  if (typ === undefined) return
  if (typeof typ !== 'string' || !types.includes(typ.toLowerCase().replace(MEDIA_TYPE, ''))) throw refuse('its typ is that of something else')
}

// Characters. The client chooses the jti, and must not be able to fill a store.
const MAX_JTI = 256

/** Returns the jti. @throws InvalidClientError unless it is a string of 1 to 256 characters */
export function checkJti ({ jti }: Assertion['claims']): string {
  if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI) throw refuse('jti is missing, or no text of at most 256 characters')
  return jti
}

// Seconds. The reservation of an assertion without iat and without a maximum lifetime.
const UNKNOWN_LIFETIME = 86_400

/**
 * Returns the reservation of an assertion: until its expiry, since the clock of another process may be behind. The window does not
 * depend on the time of use: it determines whether the assertion may be older than a loss of the store.
 *
 * @param expiresAt when no process accepts it any more, as {@link checkTimes} returns it
 * @param maxLifetime seconds
 */
export function reservationOf (
  { iat }: Assertion['claims'], expiresAt: number, { now, clockTolerance, maxLifetime = Infinity }: TimesExpectation
): Reservation {
  const issuedAt = typeof iat === 'number' ? iat : undefined
  const limit = maxLifetime + 2 * clockTolerance
  const lifetime = issuedAt === undefined ? Math.max(UNKNOWN_LIFETIME, expiresAt - now()) : Math.max(0, expiresAt - issuedAt)
  return { window: Math.ceil(limit === Infinity ? lifetime : issuedAt === undefined ? limit : Math.min(limit, lifetime)), issuedAt, expiresAt, clockTolerance }
}

/**
 * Consumes an assertion. Call it after all other checks, so that an attacker cannot consume the assertions of others.
 *
 * @param owner the party that chose the jti: two owners may choose the same
 * @param reservation see {@link reservationOf}
 * @throws InvalidClientError if it was used before, or has expired meanwhile
 */
export async function consumeOnce (replays: Replays, owner: string, jti: string, reservation: Reservation): Promise<void> {
  // Hashes a JSON array, because no separator is safe in names that others choose.
  const key = hash('sha256', JSON.stringify(['client_assertion', owner, jti]), 'base64url')
  if (!await reserveOnce(replays, key, reservation)) throw refuse('it was used before, or has expired meanwhile')
}
