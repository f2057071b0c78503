import { isScopeToken, splitScope } from '../http/scope.ts'
import type { Clock } from '../lib/clock.ts'
import { deepFreeze } from '../lib/json.ts'
import type { Confirmation } from '../token-type/token-type.ts'
import type { VerifyTokenResult } from './access-tokens.ts'
import { RFC_9068 } from './remote/presets.ts'
import type { TokenPreset } from './remote/presets.ts'

/** The `typ` that distinguishes a JWT access token from every other JWT with the same key (RFC 9068 §2.1). */
export const ACCESS_TOKEN_TYPE = 'at+jwt'

const ACCESS_TOKEN_TYPES = /^(?:application\/)?at\+jwt$/i

/** Returns whether the `typ` of a JOSE header is that of an access token (RFC 9068 §4). */
export function isAccessTokenType (typ: unknown): boolean {
  return typeof typ === 'string' && ACCESS_TOKEN_TYPES.test(typ)
}

const UNTYPED = /^(?:application\/)?jwt$/i

/** Returns whether the `typ` of a JOSE header is that of an access token under a preset. */
export function isTypeOf ({ isUntyped }: TokenPreset, typ: unknown): boolean {
  return isAccessTokenType(typ) || (isUntyped && (typ === undefined || (typeof typ === 'string' && UNTYPED.test(typ))))
}

/** The rules for the validation of claims. */
export interface ClaimsExpectation {
  issuer: string
  /** The audiences of this resource server: a token must have one of them. */
  audience: readonly string[]
  now: Clock
  /** Tolerated clock difference in seconds. */
  clockTolerance: number
  /** The expected profile of the token. Default RFC 9068. */
  preset?: TokenPreset
  /** The clients whose tokens are accepted. Default all. */
  clientIds?: readonly string[] | undefined
}

/** The claims of an access token whose signature is verified, and nothing else. */
export type UnverifiedClaims = Readonly<Record<string, unknown>>

/**
 * Validates the claims of a JWT access token by RFC 9068 §2.2 and §4, as far as the preset requires. Freezes them, since every
 * request with the token receives them. Does NOT check the signature, the type in the header, and revocation.
 */
export function validateClaims (claims: UnverifiedClaims, expectation: ClaimsExpectation): VerifyTokenResult {
  const { preset = RFC_9068, issuer, clientIds, now, clockTolerance } = expectation
  const { iss, iat, exp, nbf, cnf } = claims
  const time = now()
  const clientId = firstOf(claims, preset.clientId)
  if (iss !== issuer) return invalid('iss is another issuer')
  if (!isForUs(claims.aud, clientId, expectation)) return invalid('aud is another audience', 'The access token is for another audience')
  if (!isTime(exp) || !isTime(iat) || (nbf !== undefined && !isTime(nbf))) return invalid('exp, iat or nbf is no time')
  if (exp + clockTolerance <= time) return invalid('exp is over', 'The access token has expired')
  if (nbf !== undefined && nbf - clockTolerance > time) return invalid('nbf is to come')
  if (iat - clockTolerance > time) return invalid('iat is to come')
  if (!isText(clientId) || !preset.required.every((name) => isText(claims[name]))) return invalid(`${namesOf(preset)} is missing`)
  const cause = whyNoAccessToken(claims, preset)
  if (cause !== undefined) return invalid(cause)
  if (clientIds !== undefined && !clientIds.includes(clientId)) return invalid('the client is none of clientIds')
  const scope = readScope(firstOf(claims, preset.scope), preset)
  if (scope === undefined) return invalid(`${preset.scope.join(' or ')} is no ${preset.isScopeList ? 'list of scopes' : 'string'}`)
  if (cnf !== undefined && !isConfirmation(cnf)) return invalid('cnf is no set of thumbprints')
  return {
    isValid: true,
    // Frozen, because every request with the token shares one result.
    credentials: deepFreeze({ app: { id: clientId }, scope, claims }),
    confirmation: cnf
  }
}

/** Lists the required claims, for the log. */
function namesOf ({ required, clientId }: TokenPreset): string {
  return [...new Set([...required, ...clientId])].join(', ').replace(/, ([^,]*)$/, ' or $1')
}

function firstOf (claims: UnverifiedClaims, names: readonly string[]): unknown {
  const name = names.find((name) => claims[name] !== undefined)
  return name === undefined ? undefined : claims[name]
}

function isForUs (aud: unknown, clientId: unknown, { audience, preset, clientIds }: ClaimsExpectation): boolean {
  if (isFor(aud, audience)) return true
  if (clientIds === undefined) return false
  switch (preset?.withoutAudience) {
    case 'absent': return aud === undefined
    // An array with further audiences belongs to other APIs.
    case 'client': return isText(clientId) && (aud === clientId || (Array.isArray(aud) && aud.length === 1 && aud[0] === clientId))
    default: return false
  }
}

/** Returns why a JWT of the issuer is not an access token. Undefined for an access token. */
function whyNoAccessToken (claims: UnverifiedClaims, { evidence, values, excluded }: TokenPreset): string | undefined {
  if (evidence.length > 0 && !evidence.some((name) => claims[name] !== undefined)) return `no access token: it has none of ${evidence.join(', ')}`
  const extra = excluded.find((name) => claims[name] !== undefined)
  if (extra !== undefined) return `no access token: it has ${extra}`
  const other = Object.keys(values).find((name) => claims[name] !== undefined && !values[name]!.includes(claims[name] as string))
  return other === undefined ? undefined : `no access token: its ${other} is another`
}

/** Parses the scopes. Undefined for an invalid value. */
function readScope (scope: unknown = '', { isScopeList }: TokenPreset): string[] | undefined {
  if (typeof scope === 'string') return splitScope(scope)
  return isScopeList && Array.isArray(scope) && scope.every(isScopeToken) ? [...scope] : undefined
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
