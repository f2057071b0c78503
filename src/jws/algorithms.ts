import { generateKeyPair } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { weaknessOfKey } from '../lib/weak-keys.ts'

export const generatePair = promisify(generateKeyPair)
export interface KeyKind {
  /** The kind of key that the algorithm needs, for error messages. */
  readonly description: string
  readonly fits: (key: KeyObject) => boolean
  readonly generate: () => Promise<{ privateKey: KeyObject } >
}

// RFC 7518 §3.3 and §3.5: 2048 bits or more.
export const MIN_RSA_BITS = 2048
export const RSA: KeyKind = {
  description: `an RSA key of at least ${MIN_RSA_BITS} bits`,
  fits: ({ asymmetricKeyType, asymmetricKeyDetails }) => asymmetricKeyType === 'rsa' && Number(asymmetricKeyDetails?.modulusLength) >= MIN_RSA_BITS,
  generate: () => generatePair('rsa', { modulusLength: MIN_RSA_BITS })
}

export const KINDS = {
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
/** Returns whether a value names an algorithm that access tokens can be signed with. */
export function isSigningAlgorithm (name: unknown): name is SigningAlgorithm {
  return typeof name === 'string' && Object.hasOwn(KINDS, name)
}

/** Checks that a key fits its algorithm. @throws TypeError for a key of another kind, or a weak key (RFC 8725 §3.5) */
export function checkFit (key: KeyObject, algorithm: SigningAlgorithm): void {
  const { description, fits } = KINDS[algorithm]
  if (!fits(key)) throw new TypeError(`The key does not fit ${algorithm}, which needs ${description}. Import such a key, or pass the algorithm that this one is for`)
  const weakness = weaknessOfKey(key)
  if (weakness !== undefined) throw new TypeError(`The key is weak: ${weakness}. Import another key`)
}
