import type { Clock } from '../clock.ts'
import { splitScope } from '../scope.ts'
import type { Confirmation } from '../token-type/index.ts'
import type { VerifyTokenResult } from './index.ts'

/** The type that tells a JWT access token from every other JWT of the same key (RFC 9068 §2.1). */
export const ACCESS_TOKEN_TYPE = 'at+jwt'

const ACCESS_TOKEN_TYPES = /^(?:application\/)?at\+jwt$/i

/** Tells whether the `typ` of a JOSE header is that of an access token (RFC 9068 §4). */
export function isAccessTokenType (typ: unknown): boolean {
  return typeof typ === 'string' && ACCESS_TOKEN_TYPES.test(typ)
}

/** What claims are judged by. */
export interface ClaimsExpectation {
  issuer: string
  /** Those of this resource server: a token must be for one of them. */
  audience: readonly string[]
  now: Clock
  /** Seconds that clocks may differ. */
  clockTolerance: number
}

/** The claims of an access token, of which nothing is known but that the signature is good. */
export type UnverifiedClaims = Readonly<Record<string, unknown>>

/**
 * Judges the claims of a JWT access token by RFC 9068 §2.2 and §4. Freezes them, since they reach every request that
 * presents the token. Does NOT check the signature, the type in the header, and revocation.
 */
export function judgeClaims (claims: UnverifiedClaims, { issuer, audience, now, clockTolerance }: ClaimsExpectation): VerifyTokenResult {
  const { iss, aud, sub, client_id: clientId, jti, scope = '', iat, exp, nbf, cnf } = claims
  const time = now()
  if (iss !== issuer) return invalid('iss is another issuer')
  if (!isFor(aud, audience)) return invalid('aud is another audience', 'The access token is for another audience')
  if (!isTime(exp) || !isTime(iat) || (nbf !== undefined && !isTime(nbf))) return invalid('exp, iat or nbf is no time')
  if (exp + clockTolerance <= time) return invalid('exp is over', 'The access token has expired')
  if (nbf !== undefined && nbf - clockTolerance > time) return invalid('nbf is to come')
  if (iat - clockTolerance > time) return invalid('iat is to come')
  if (!isText(sub) || !isText(clientId) || !isText(jti)) return invalid('sub, client_id or jti is missing')
  if (typeof scope !== 'string') return invalid('scope is no string')
  if (cnf !== undefined && !isConfirmation(cnf)) return invalid('cnf is no set of thumbprints')
  return {
    isValid: true,
    // Frozen, since one verdict serves every request that presents the token.
    credentials: deepFreeze({ app: { id: clientId }, scope: splitScope(scope), claims }),
    confirmation: cnf
  }
}

function invalid (cause: string, message?: string): VerifyTokenResult {
  return message === undefined ? { isValid: false, cause } : { isValid: false, message, cause }
}

function isFor (aud: unknown, audience: readonly string[]): boolean {
  return (Array.isArray(aud) ? aud : [aud]).some((value) => audience.includes(value))
}

function isTime (value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function isText (value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isConfirmation (value: unknown): value is Confirmation {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isText)
}

function deepFreeze<T extends object> (value: T): Readonly<T> {
  for (const member of Object.values(value)) if (typeof member === 'object' && member !== null) deepFreeze(member)
  return Object.freeze(value)
}
