import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { calculateJwkThumbprint } from 'jose'
import type { JWK } from 'jose'
import { checkFit, isSigningAlgorithm, KINDS } from '../jws/algorithms.ts'
import type { SigningAlgorithm } from '../jws/algorithms.ts'

/** A private key with its kid: the RFC 7638 thumbprint of its public key. */
export interface NamedKey {
  kid: string
  alg: SigningAlgorithm
  privateJwk: JWK
}

/** Generates a key. RSA keys have 2048 bits. */
export async function generateKey (algorithm: SigningAlgorithm): Promise<NamedKey> {
  const { privateKey } = await KINDS[algorithm].generate()
  return await nameKey(privateKey, algorithm)
}

/**
 * Imports a private key.
 *
 * @param key an unencrypted PEM (PKCS #8, PKCS #1 or SEC 1), or a private JWK
 * @param algorithm default the `alg` of the JWK, else `defaultAlgorithm`
 * @throws TypeError for a value that is not a private key, a key that is too weak, or one that does not fit the algorithm
 */
export async function importKey (key: string | JWK, algorithm: string | undefined, defaultAlgorithm: string): Promise<NamedKey> {
  // RFC 7517 §4.2, §4.4: a JWK may declare its use and algorithm.
  const { alg: declared, use = 'sig' } = typeof key === 'string' ? {} as JWK : key
  const wanted = algorithm ?? declared ?? defaultAlgorithm
  if (!isSigningAlgorithm(wanted)) throw new TypeError('The algorithm of the key must be ES256, EdDSA, RS256 or PS256')
  if (use !== 'sig' || (declared ?? wanted) !== wanted) throw new TypeError(`The JWK says that it is not for ${wanted} signatures`)
  const privateKey = readPrivateKey(key)
  checkFit(privateKey, wanted)
  if (!isPair(privateKey)) throw new TypeError('The private and the public half of the key are not a pair')
  return await nameKey(privateKey, wanted)
}

/** Creates the key objects of a stored key. Call it once per key: signing with a JWK would parse it each time. */
export function toKeyObjects (privateJwk: JWK): { privateKey: KeyObject, publicKey: KeyObject } {
  const privateKey = fromJwk(privateJwk)
  return { privateKey, publicKey: createPublicKey(privateKey) }
}

/** Returns the public JWK of a public key (RFC 7518 §6). */
export function toPublicJwk (publicKey: KeyObject): JWK {
  return publicKey.export({ format: 'jwk' }) as JWK
}

async function nameKey (privateKey: KeyObject, alg: SigningAlgorithm): Promise<NamedKey> {
  const kid = await calculateJwkThumbprint(toPublicJwk(createPublicKey(privateKey)))
  return { kid, alg, privateJwk: privateKey.export({ format: 'jwk' }) as JWK }
}

function readPrivateKey (key: string | JWK): KeyObject {
  try {
    return typeof key === 'string' ? createPrivateKey(key) : fromJwk(key)
  } catch {
    // Without `cause`: its message may quote the key.
    throw new TypeError('The key is not an unencrypted private key, in PEM or as a JWK. Import one that is')
  }
}

function fromJwk (jwk: JWK): KeyObject {
  return createPrivateKey({ key: { ...jwk }, format: 'jwk' })
}

// Returns whether the private key matches its public key: Node.js does not check the public members of a JWK.
function isPair (privateKey: KeyObject): boolean {
  const digest = privateKey.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  const data = Buffer.from('pair')
  try {
    return verify(digest, data, createPublicKey(privateKey), sign(digest, data, privateKey))
  } catch {
    return false
  }
}
