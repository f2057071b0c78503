import { InvalidClientError } from '../../errors/oauth-error.ts'
import { parameter } from '../../http/form.ts'
import type { TokenRequest } from '../../http/plain-request.ts'
import { decodeObject } from '../../jws/compact-jws.ts'

/** The client_assertion_type of a JWT (RFC 7523 §2.2). */
export const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

// Characters. A longer assertion is rejected without parsing.
const MAX_LENGTH = 16_384
const SEGMENT = /^[A-Za-z0-9_-]+$/

/** A client assertion. Nothing of it is verified. */
export interface Assertion {
  readonly jwt: string
  /** The client_assertion_type. */
  readonly type: string
  readonly alg: string
  readonly typ: unknown
  readonly claims: Readonly<Record<string, unknown>>
}

/**
 * Reads the client assertion of a request (RFC 7521 §4.2). Does NOT verify it.
 *
 * @returns undefined if there is none of these types
 * @throws InvalidClientError if it is not a JWT
 */
export function readAssertion ({ form }: TokenRequest, types: readonly string[]): Assertion | undefined {
  const type = parameter(form, 'client_assertion_type')
  const jwt = parameter(form, 'client_assertion')
  if (type === undefined || jwt === undefined || !types.includes(type)) return undefined

  if (jwt.length > MAX_LENGTH) throw refuse('it is too long')
  const segments = jwt.split('.')
  if (segments.length !== 3 || !segments.every((segment) => SEGMENT.test(segment))) throw refuse('it is no signed JWT')
  const { alg, typ } = parseObject(segments[0]!)
  if (typeof alg !== 'string') throw refuse('it has no alg')
  return { jwt, type, alg, typ, claims: parseObject(segments[1]!) }
}

/** The credentials that methods for client assertions share. */
export const ASSERTION_MECHANISM = {
  mechanism: 'client_assertion',
  carries: ({ form }: TokenRequest) => parameter(form, 'client_assertion') !== undefined,
  claimedClientId: ({ form }: TokenRequest) => parameter(form, 'client_id') ?? subjectOf(parameter(form, 'client_assertion') ?? '')
} as const

// Returns the unverified subject.
function subjectOf (jwt: string): string | undefined {
  const [, claims = ''] = jwt.length > MAX_LENGTH ? [] : jwt.split('.', 2)
  const { sub } = decodeObject(claims) ?? {}
  return typeof sub === 'string' && sub !== '' ? sub : undefined
}

function parseObject (segment: string): Record<string, unknown> {
  const value = decodeObject(segment)
  if (value === undefined) throw refuse('its header or its claims are no JSON object, or nested too deeply')
  return value
}

/** Creates the error of an invalid assertion. @param cause the problem, for the log: never a part of the assertion that could be reused */
export function refuse (cause: string): InvalidClientError {
  return new InvalidClientError(undefined, { cause: `the client assertion is refused: ${cause}` })
}

/** Validates that a client_id in addition to the assertion is that of the same client (RFC 7521 §4.2). */
export function checkClientId ({ form }: TokenRequest, clientId: string): void {
  const given = parameter(form, 'client_id')
  if (given !== undefined && given !== clientId) throw refuse('the client_id of the request is another')
}
