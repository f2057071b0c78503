import { constants } from 'node:crypto'
import type { SigningOptions, SignKeyObjectInput, VerifyKeyObjectInput } from 'node:crypto'
import type { SigningKey } from '../keys/index.ts'

/** What node:crypto takes to sign and to verify by a key. */
export interface PreparedKey {
  readonly digest: string | null
  readonly privateInput: SignKeyObjectInput
  readonly publicInput: VerifyKeyObjectInput
}

interface SignatureAlgorithm {
  readonly digest: string | null
  readonly options?: SigningOptions
}

const ALGORITHMS: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  // RFC 7518 §3.4: an ECDSA signature is r and s, not their DER.
  ['ES256', { digest: 'sha256', options: { dsaEncoding: 'ieee-p1363' } }],
  ['RS256', { digest: 'sha256' }],
  // RFC 7518 §3.5: a salt as long as the digest.
  ['PS256', { digest: 'sha256', options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } }],
  // Ed25519 hashes by itself.
  ['EdDSA', { digest: null }]
])

const prepared = new WeakMap<SigningKey, PreparedKey>()

/**
 * Prepares a key, once.
 *
 * @throws TypeError for an algorithm that access tokens cannot be signed with
 */
export function prepareKey (key: SigningKey): PreparedKey {
  const known = prepared.get(key)
  if (known !== undefined) return known
  const algorithm = ALGORITHMS.get(key.alg)
  if (algorithm === undefined) throw new TypeError('Access tokens are signed by ES256, EdDSA, RS256 or PS256')
  const { digest, options } = algorithm
  const made = { digest, privateInput: { key: key.privateKey, ...options }, publicInput: { key: key.publicKey, ...options } }
  prepared.set(key, made)
  return made
}
