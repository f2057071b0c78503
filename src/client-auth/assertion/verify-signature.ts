import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { errors } from 'jose'
import type { JWK, JWTVerifyOptions } from 'jose'
import { missingKeyOf, toPublicKeys, verifyByPublicKeys } from '../../jws/public-keys.ts'
import type { PublicKeys } from '../../jws/public-keys.ts'
import { weaknessOf } from '../../lib/weak-keys.ts'
import type { FoundKeys } from '../client-keys.ts'
import { refuse } from './read-assertion.ts'
import type { IsCurrent } from './recheck.ts'

/** The algorithms with public keys. With HS256, the public key would act as a secret that everyone has (RFC 8725 §2.1). */
export const PUBLIC_ALGORITHMS: readonly string[] = [
  'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'RS256', 'RS384', 'RS512'
]

/**
 * Verifies the signature of an assertion, and again with newer keys if that fails.
 *
 * @param found the keys, or the reason why there are none, for the log. Then, and if no key matches, verifies the signature with a
 *   random key, so that the timing reveals nothing
 * @returns a function that returns whether the verifying key is still valid
 * @throws InvalidClientError
 * @throws TemporarilyUnavailableError if the key may be one that could not be loaded
 */
export async function verifySignature (jwt: string, found: FoundKeys | string, options: JWTVerifyOptions): Promise<IsCurrent> {
  const outcome = typeof found === 'string' ? new errors.JWKSNoMatchingKey(found) : await verifyBy(jwt, found, options)
  if (typeof outcome === 'function') return outcome
  if (outcome instanceof errors.JWKSNoMatchingKey) await failureOf(jwt, ({ alg }, token) => decoys().find({ alg }, token), options)
  // Only the message, because the errors of jose contain claims.
  throw refuse(outcome.message)
}

async function verifyBy (jwt: string, { current, renew, isCurrent }: FoundKeys, options: JWTVerifyOptions): Promise<IsCurrent | Error> {
  const failure = await failureOf(jwt, current.find, options)
  if (failure === undefined) return () => isCurrent(current)
  const missing = missingKeyOf(jwt, failure)
  const renewed = missing === undefined ? current : await renew(missing)
  if (renewed === current) return failure
  return await failureOf(jwt, renewed.find, options) ?? (() => isCurrent(renewed))
}

async function failureOf (jwt: string, find: PublicKeys['find'], options: JWTVerifyOptions): Promise<Error | undefined> {
  try {
    await verifyByPublicKeys(jwt, find, options)
    return undefined
  } catch (error) {
    return error as Error
  }
}

let keysOfNobody: PublicKeys | undefined

function decoys (): PublicKeys {
  keysOfNobody ??= makeDecoys()
  return keysOfNobody
}

// The private keys are discarded. An RSA key can be any number of the right size.
function makeDecoys (): PublicKeys {
  return toPublicKeys({
    keys: [
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
      generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }),
      makeRsaDecoy()
    ]
  })
}

// About one number in six has no small factor; others would be rejected as a weak key.
function makeRsaDecoy (): JWK {
  const modulus = randomBytes(256)
  modulus[0]! |= 0x80
  modulus[255]! |= 1
  const jwk = { kty: 'RSA', n: modulus.toString('base64url'), e: 'AQAB' }
  return weaknessOf(jwk) === undefined ? jwk : makeRsaDecoy()
}
