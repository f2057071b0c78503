import { constants, verify } from 'node:crypto'
import type { SigningOptions, SignKeyObjectInput, VerifyKeyObjectInput } from 'node:crypto'
import { checkFit, isSigningAlgorithm } from './algorithms.ts'
import type { SigningAlgorithm } from './algorithms.ts'
import type { SigningKey } from './signing-key.ts'
import { toWebCryptoKey } from './web-crypto-key.ts'
import type { WebCryptoKey } from './web-crypto-key.ts'

/** The arguments for signing and verifying by a key with node:crypto. */
export interface PreparedKey {
  readonly digest: string | null
  readonly privateInput: SignKeyObjectInput
  readonly publicInput: VerifyKeyObjectInput
  /** Replaces node:crypto in runtimes where it does not accept a KeyObject together with options, such as workerd. */
  readonly webCrypto?: WebCryptoKey
}

interface SignatureAlgorithm {
  readonly digest: string | null
  readonly options?: SigningOptions
}

const ALGORITHMS: Record<SigningAlgorithm, SignatureAlgorithm> = {
  // RFC 7518 §3.4: an ECDSA signature is r and s, not their DER.
  ES256: { digest: 'sha256', options: { dsaEncoding: 'ieee-p1363' } },
  RS256: { digest: 'sha256' },
  // RFC 7518 §3.5: a salt as long as the digest.
  PS256: { digest: 'sha256', options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } },
  // Ed25519 hashes by itself.
  EdDSA: { digest: null }
}

const prepared = new WeakMap<SigningKey, PreparedKey>()

/**
 * Prepares a key for signing and verifying. The result is cached per key.
 *
 * @throws TypeError for an algorithm that access tokens cannot be signed with, and for a key that does not fit its algorithm:
 * node:crypto would sign with it, by another algorithm than the header says
 */
export function prepareKey (key: SigningKey): PreparedKey {
  const known = prepared.get(key)
  if (known !== undefined) return known
  const { alg, privateKey, publicKey } = key
  if (!isSigningAlgorithm(alg)) throw new TypeError('Access tokens are signed by ES256, EdDSA, RS256 or PS256')
  for (const half of [privateKey, publicKey]) checkFit(half, alg)
  const { digest, options } = ALGORITHMS[alg]
  const publicInput = { key: publicKey, ...options }
  const made: PreparedKey = {
    digest,
    privateInput: { key: privateKey, ...options },
    publicInput,
    ...(!isUsable(digest, publicInput) && { webCrypto: toWebCryptoKey(key, alg) })
  }
  prepared.set(key, made)
  return made
}

// Returns whether node:crypto accepts a KeyObject together with options. Tries it by verifying an empty signature, once per
// key. Any other error appears again when the key is used.
function isUsable (digest: string | null, publicInput: VerifyKeyObjectInput): boolean {
  try {
    verify(digest, Buffer.alloc(0), publicInput, Buffer.alloc(0))
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ERR_INVALID_ARG_TYPE'
  }
}
