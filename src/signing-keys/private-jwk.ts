import { createPrivateKey, createPublicKey, generateKeyPair, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { calculateJwkThumbprint } from 'jose'
import type { JWK } from 'jose'
import { weaknessOfKey } from '../lib/weak-keys.ts'

const generatePair = promisify(generateKeyPair)

interface KeyKind {
  /** For people who bring a key that does not fit. */
  readonly description: string
  readonly fits: (key: KeyObject) => boolean
  readonly generate: () => Promise<{ privateKey: KeyObject }>
}

// RFC 7518 §3.3 and §3.5: 2048 bits or more.
const MIN_RSA_BITS = 2048

const RSA: KeyKind = {
  description: `an RSA key of at least ${MIN_RSA_BITS} bits`,
  fits: ({ asymmetricKeyType, asymmetricKeyDetails }) => asymmetricKeyType === 'rsa' && Number(asymmetricKeyDetails?.modulusLength) >= MIN_RSA_BITS,
  generate: () => generatePair('rsa', { modulusLength: MIN_RSA_BITS })
}

const KINDS = {
  ES256: {
    description: 'an EC key on the curve P-256',
    fits: ({ asymmetricKeyDetails }) => asymmetricKeyDetails?.namedCurve === 'prime256v1',
    generate: () => generatePair('ec', { namedCurve: 'P-256' })
  },
  EdDSA: {
    description: 'an Ed25519 key',
    fits: ({ asymmetricKeyType }) => asymmetricKeyType === 'ed25519',
    generate: () => generatePair('ed25519', {})
  },
  RS256: RSA,
  PS256: RSA
} satisfies Record<string, KeyKind>

/** The JWS algorithms that access tokens can be signed with (RFC 7518 §3.1, RFC 8037 §3.1). EdDSA is with Ed25519. */
export type SigningAlgorithm = keyof typeof KINDS

/** A private key with its name: the RFC 7638 thumbprint of its public half. */
export interface NamedKey {
  kid: string
  alg: SigningAlgorithm
  privateJwk: JWK
}

export function isSigningAlgorithm (name: unknown): name is SigningAlgorithm {
  return typeof name === 'string' && Object.hasOwn(KINDS, name)
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

/** @throws TypeError for a key of another kind than the algorithm is for, or a weak one (RFC 8725 §3.5) */
export function checkFit (key: KeyObject, algorithm: SigningAlgorithm): void {
  const { description, fits } = KINDS[algorithm]
  if (!fits(key)) throw new TypeError(`The key does not fit ${algorithm}, which needs ${description}. Import such a key, or pass the algorithm that this one is for`)
  const weakness = weaknessOfKey(key)
  if (weakness !== undefined) throw new TypeError(`The key is weak: ${weakness}. Import another key`)
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
