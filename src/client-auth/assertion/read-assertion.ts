import { InvalidClientError } from '../../errors/oauth-error.ts'
import { parameter } from '../../http/form.ts'
import type { TokenRequest } from '../../http/plain-request.ts'
import { decodeObject } from '../../jws/compact-jws.ts'

/** The client_assertion_type of a JWT (RFC 7523 §2.2). */
export const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

// Characters. What is longer is no assertion, and is not parsed.
const MAX_LENGTH = 16_384
const SEGMENT = /^[A-Za-z0-9_-]+$/

/** A client assertion, of which nothing is verified. */
export interface Assertion {
  readonly jwt: string
  /** The client_assertion_type. */
  readonly type: string
  readonly alg: string
  readonly typ: unknown
  readonly claims: Readonly<Record<string, unknown>>
}

/**
 * Reads the client assertion of a request (RFC 7521 §4.2), as far as that goes without a key.
 *
 * @returns undefined when there is none, or none of these types
 * @throws InvalidClientError when it is no JWT
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

// Nothing is verified.
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

/** @param cause what is wrong with the assertion, for the log: never a part of it that might get somebody in */
export function refuse (cause: string): InvalidClientError {
  return new InvalidClientError(undefined, { cause: `the client assertion is refused: ${cause}` })
}

/** RFC 7521 §4.2: a client_id beside the assertion must be that of the client whom the assertion names. */
export function checkClientId ({ form }: TokenRequest, clientId: string): void {
  const given = parameter(form, 'client_id')
  if (given !== undefined && given !== clientId) throw refuse('the client_id of the request is another')
}
