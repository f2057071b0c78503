import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { calculateJwkThumbprint } from 'jose'
import type { JWK } from 'jose'
import { checkFit, isSigningAlgorithm, KINDS } from '../jws/algorithms.ts'
import type { SigningAlgorithm } from '../jws/algorithms.ts'

/** A private key with its name: the RFC 7638 thumbprint of its public half. */
export interface NamedKey {
  kid: string
  alg: SigningAlgorithm
  privateJwk: JWK
}

/** Makes a new key, RSA with 2048 bits. */
export async function generateKey (algorithm: SigningAlgorithm): Promise<NamedKey> {
  const { privateKey } = await KINDS[algorithm].generate()
  return await nameKey(privateKey, algorithm)
}

/**
 * Reads a private key that was made elsewhere.
 *
 * @param key an unencrypted PEM (PKCS #8, PKCS #1 or SEC 1), or a private JWK
 * @param algorithm default the `alg` of the JWK, else `defaultAlgorithm`
 * @throws TypeError for what is no private key, is too weak, or does not fit the algorithm
 */
export async function importKey (key: string | JWK, algorithm: string | undefined, defaultAlgorithm: string): Promise<NamedKey> {
  // RFC 7517 §4.2, §4.4: a JWK may say what it is for.
  const { alg: declared, use = 'sig' } = typeof key === 'string' ? {} as JWK : key
  const wanted = algorithm ?? declared ?? defaultAlgorithm
  if (!isSigningAlgorithm(wanted)) throw new TypeError('The algorithm of the key must be ES256, EdDSA, RS256 or PS256')
  if (use !== 'sig' || (declared ?? wanted) !== wanted) throw new TypeError(`The JWK says that it is not for ${wanted} signatures`)
  const privateKey = readPrivateKey(key)
  checkFit(privateKey, wanted)
  if (!isPair(privateKey)) throw new TypeError('The private and the public half of the key are not a pair')
  return await nameKey(privateKey, wanted)
}

/** Makes the key objects of a stored key: once per key, since each signature from a JWK would cost a parse. */
export function toKeyObjects (privateJwk: JWK): { privateKey: KeyObject, publicKey: KeyObject } {
  const privateKey = fromJwk(privateJwk)
  return { privateKey, publicKey: createPublicKey(privateKey) }
}

/** The members of a public key (RFC 7518 §6): a KeyObject that is public has no others. */
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
    // Without its cause: that may quote the key.
    throw new TypeError('The key is not an unencrypted private key, in PEM or as a JWK. Import one that is')
  }
}

function fromJwk (jwk: JWK): KeyObject {
  return createPrivateKey({ key: { ...jwk }, format: 'jwk' })
}

// The public half of a JWK is taken as it is written.
function isPair (privateKey: KeyObject): boolean {
  const digest = privateKey.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  const data = Buffer.from('pair')
  try {
    return verify(digest, data, createPublicKey(privateKey), sign(digest, data, privateKey))
  } catch {
    return false
  }
}
