import { createLocalJWKSet, decodeProtectedHeader, errors, jwtVerify } from 'jose'
import type { JSONWebKeySet, JWK, JWTPayload, JWTVerifyGetKey, JWTVerifyOptions } from 'jose'
import { weaknessOf } from '../lib/weak-keys.ts'

// For a token without kid, all keys are candidates. Issuers have a handful of keys.
const MAX_KEYS = 100
// Maximum number of keys that are tried for a token without kid, in the order of the set.
const MAX_TRIED = 10

/** The public keys of another server or of a client (RFC 7517 §5). */
export interface PublicKeys {
  /** Finds the key that a JWT names. */
  readonly find: JWTVerifyGetKey
  /** The keys as they are in the JWK Set. */
  readonly keys: readonly JWK[]
}

/**
 * Parses a JWK Set. Ignores weak keys, and keys that are too expensive to verify by.
 *
 * @param use the required `use` of the keys. Keys without `use` count as "sig".
 * @throws JOSEError for a value that is not a JWK Set, or has more than 100 keys
 */
export function toPublicKeys (jwks: unknown, use = 'sig'): PublicKeys {
  const keys = (jwks as Partial<JSONWebKeySet> | null | undefined)?.keys
  if (!Array.isArray(keys)) throw new errors.JWKSInvalid('JSON Web Key Set malformed')
  if (keys.length > MAX_KEYS) throw new errors.JWKSInvalid(`JSON Web Key Set has more than ${MAX_KEYS} keys`)
  const usable = use === 'sig' ? keys : keys.filter((key) => key?.use === use).map((key) => ({ ...key, use: 'sig' }))
  return { find: createLocalJWKSet({ keys: usable.filter((key) => weaknessOf(key) === undefined).map(withoutName) }), keys }
}

// RFC 9864 §2.2: the only algorithm with two names.
const isEd25519 = (alg: unknown): boolean => alg === 'EdDSA' || alg === 'Ed25519'

/** Returns whether two names stand for the same JWS algorithm. */
export function isSameAlgorithm (one: string, other: string): boolean {
  return one === other || (isEd25519(one) && isEd25519(other))
}

/** Adds the aliases of JWS algorithms to a list of names. */
export function withOtherNames (algorithms: readonly string[]): string[] {
  return algorithms.some(isEd25519) ? [...new Set([...algorithms, 'EdDSA', 'Ed25519'])] : [...algorithms]
}

// A key whose `alg` is one of the two names may verify a JWT whose `alg` is the other.
function withoutName (key: JWK): JWK {
  if (key?.crv !== 'Ed25519' || !isEd25519(key.alg)) return key
  const { alg: _, ...rest } = key
  return rest
}

/**
 * Verifies the signature of a JWT, and its times, by the public keys of its issuer. Of the keys that fit a JWT without kid, at
 * most 10 are tried.
 *
 * @throws JOSEError, and what the import of an unusable key throws
 */
export async function verifyByPublicKeys (token: string, find: PublicKeys['find'], options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, find, options)).payload
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
    // A token without kid (RFC 7515 §4.1.4) while there are several keys.
    let tried = 0
    for await (const key of error) {
      if (tried++ === MAX_TRIED) break
      try {
        return (await jwtVerify(token, key, options)).payload
      } catch (mismatch) {
        if (!(mismatch instanceof errors.JWSSignatureVerificationFailed)) throw mismatch
      }
    }
    throw new errors.JWSSignatureVerificationFailed()
  }
}

/** A key that a newer JWK Set may contain. */
export interface MissingKey {
  /** The kid, or an empty string for a token that names none. */
  readonly name: string
  /** Whether the present set has a key with this kid that does not verify the signature. */
  readonly isHeld: boolean
}

/**
 * Returns the key that a newer JWK Set may contain, for a token whose verification failed. If an issuer uses no kid, or reuses
 * the kid of the previous key, an invalid signature is the only sign of a new key.
 *
 * @param error of {@link verifyByPublicKeys}
 * @returns undefined if a newer set would change nothing
 */
export function missingKeyOf (token: string, error: unknown): MissingKey | undefined {
  const doesNotFit = error instanceof errors.JWSSignatureVerificationFailed
  if (!doesNotFit && !(error instanceof errors.JWKSNoMatchingKey)) return undefined
  const { kid } = decodeProtectedHeader(token)
  return { name: String(kid ?? ''), isHeld: doesNotFit && kid !== undefined }
}
