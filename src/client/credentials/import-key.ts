import { createPrivateKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { CryptoKey, CryptoKeyPair, JWK } from 'oauth4webapi'

/** A private key: KeyObject, CryptoKey, JWK, or PKCS #8, PKCS #1 or SEC 1 as PEM. `alg` and `kid` of a JWK are used. */
export type PrivateKeyInput = KeyObject | CryptoKey | JWK | string

/** A private key with its algorithm and key id. */
export interface ImportedKey {
  key: CryptoKey
  kid: string | undefined
}

// An RSA key supports several algorithms. Every server accepts RS256.
const RSA = 'RS256'
const CURVES: Readonly<Record<string, string>> = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' }

/** Imports a private key. @throws TypeError if assertions and proofs cannot be signed with it */
export async function importPrivateKey (input: PrivateKeyInput): Promise<ImportedKey> {
  if (isCryptoKey(input)) return { key: input, kid: undefined }
  const jwk = toJwk(input)
  return { key: await importJwk(jwk, false), kid: jwk.kid }
}

/** Imports a private key and its public one. @throws TypeError for a CryptoKey: its public key may not be exportable */
export async function importKeyPair (input: PrivateKeyInput): Promise<CryptoKeyPair> {
  if (isCryptoKey(input)) throw new TypeError('A CryptoKey has no public key. Pass a CryptoKeyPair.')
  const jwk = toJwk(input)
  const { kty, crv, x, y, n, e, alg } = jwk
  const publicJwk = Object.fromEntries(Object.entries({ kty, crv, x, y, n, e, alg }).filter(([, value]) => value !== undefined))
  return { privateKey: await importJwk(jwk, false), publicKey: await importJwk(publicJwk as JWK, true) }
}

function isCryptoKey (input: PrivateKeyInput): input is CryptoKey {
  return typeof input === 'object' && Object.prototype.toString.call(input) === '[object CryptoKey]'
}

function toJwk (input: Exclude<PrivateKeyInput, CryptoKey>): JWK {
  if (typeof input === 'object' && 'kty' in input) return input
  const key = typeof input === 'string' ? createPrivateKey(input) : input as KeyObject
  return key.export({ format: 'jwk' }) as JWK
}

async function importJwk (jwk: JWK, isPublic: boolean): Promise<CryptoKey> {
  // A JWK may name uses that are not those of this key object.
  const { key_ops: _operations, use: _use, ext: _ext, ...key } = jwk as JWK & { ext?: unknown }
  if (!isPublic && jwk.d === undefined) throw new TypeError('The key is not a private key.')
  return await crypto.subtle.importKey('jwk', key, algorithmOf(jwk), isPublic, [isPublic ? 'verify' : 'sign'])
}

function algorithmOf ({ kty, crv = '', alg = kty === 'RSA' ? RSA : CURVES[crv] }: JWK): { name: string, hash?: string, namedCurve?: string } {
  if (kty === 'OKP' && crv === 'Ed25519') return { name: crv }
  if (kty === 'EC' && alg === CURVES[crv]) return { name: 'ECDSA', namedCurve: crv }
  const [, family, bits] = /^(RS|PS)(256|384|512)$/.exec(alg ?? '') ?? []
  if (kty !== 'RSA' || bits === undefined) throw new TypeError('The key must be an RSA, EC (P-256, P-384, P-521) or Ed25519 key, with a fitting alg.')
  return { name: family === 'PS' ? 'RSA-PSS' : 'RSASSA-PKCS1-v1_5', hash: `SHA-${bits}` }
}
