import type { KeyObject, webcrypto } from 'node:crypto'
import type { SigningAlgorithm } from './algorithms.ts'
import type { SigningKey } from './signing-key.ts'

/** A key that signs and verifies by WebCrypto, in runtimes whose node:crypto cannot use it. */
export interface WebCryptoKey {
  sign (data: Buffer): Promise<Buffer>
  verify (data: Buffer, signature: Buffer): Promise<boolean>
}

interface WebAlgorithm {
  readonly key: webcrypto.AlgorithmIdentifier | webcrypto.EcKeyImportParams | webcrypto.RsaHashedImportParams
  readonly signature: webcrypto.AlgorithmIdentifier | webcrypto.EcdsaParams | webcrypto.RsaPssParams
}

const SHA256 = 'SHA-256'

const ALGORITHMS: Record<SigningAlgorithm, WebAlgorithm> = {
  ES256: { key: { name: 'ECDSA', namedCurve: 'P-256' }, signature: { name: 'ECDSA', hash: SHA256 } },
  RS256: { key: { name: 'RSASSA-PKCS1-v1_5', hash: SHA256 }, signature: { name: 'RSASSA-PKCS1-v1_5' } },
  // RFC 7518 §3.5: a salt as long as the digest.
  PS256: { key: { name: 'RSA-PSS', hash: SHA256 }, signature: { name: 'RSA-PSS', saltLength: 32 } },
  EdDSA: { key: { name: 'Ed25519' }, signature: { name: 'Ed25519' } }
}

/** Imports both halves of a key into WebCrypto, each when it is first used. */
export function toWebCryptoKey ({ privateKey, publicKey }: SigningKey, alg: SigningAlgorithm): WebCryptoKey {
  const { key: keyAlgorithm, signature: algorithm } = ALGORITHMS[alg]
  const importOnce = (half: KeyObject, usage: 'sign' | 'verify') => {
    let imported: Promise<webcrypto.CryptoKey> | undefined
    return () => {
      imported ??= crypto.subtle.importKey('jwk', half.export({ format: 'jwk' }), keyAlgorithm, false, [usage])
      return imported
    }
  }
  const signingKey = importOnce(privateKey, 'sign')
  const verificationKey = importOnce(publicKey, 'verify')
  return {
    sign: async (data) => Buffer.from(await crypto.subtle.sign(algorithm, await signingKey(), data)),
    verify: async (data, signature) => await crypto.subtle.verify(algorithm, await verificationKey(), signature, data)
  }
}
