import type { KeyObject } from 'node:crypto'
import type { JWK } from 'jose'

// RFC 7518 §3.3. To verify by 8192 bits takes ten times as long as by 2048, and by a longer exponent twenty times as long.
const MIN_RSA_BITS = 2048
const MAX_RSA_BITS = 4096
const MAX_EXPONENT = 0xFFFFFFn

const BASE64URL = /^[A-Za-z0-9_-]+$/
// No product of two large primes has a factor below 1,000: such a modulus is truncated or invented, and easily factored.
const SMALL_FACTORS = productOfPrimesBelow(1000)

/** Edwards curves: the prime of the field, the octets of a key, and the y of the points of small order. */
const EDWARDS: Readonly<Record<string, { readonly p: bigint, readonly octets: number, readonly smallOrder: ReadonlySet<bigint> }>> = {
  Ed25519: edwards(2n ** 255n - 19n, 32, [0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7n]),
  Ed448: edwards(2n ** 448n - 2n ** 224n - 1n, 57, [])
}

/**
 * Returns why signatures of a public key can be forged without its private key, or why it is too expensive to verify by.
 * Undefined for a key that may be used. Does NOT check that the key is a point, for a curve on which every point has a large
 * order.
 */
export function weaknessOf (jwk: JWK): string | undefined {
  const { kty, crv, n, e, x } = (jwk ?? {}) as JWK
  if (kty === 'RSA') return weaknessOfRsa(toInteger(n), toInteger(e))
  return kty === 'OKP' && crv !== undefined && Object.hasOwn(EDWARDS, crv) ? weaknessOfPoint(crv, x) : undefined
}

/** Returns the same for the key of a certificate, and for key types that clients do not sign with. */
export function weaknessOfKey (key: KeyObject): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: { modulusLength = 0, publicExponent = 0n } = {} } = key
  // Node.js writes no JWK of an RSA key that is for PSS only.
  if (type === 'rsa-pss') return weaknessOfLength(modulusLength) ?? weaknessOfExponent(publicExponent)
  if (type !== 'rsa' && type !== 'ec' && type !== 'ed25519' && type !== 'ed448') return 'it is of a kind that is not accepted'
  return weaknessOf(key.export({ format: 'jwk' }) as JWK)
}

function weaknessOfRsa (modulus: bigint | undefined, exponent: bigint | undefined): string | undefined {
  if (modulus === undefined || exponent === undefined) return 'its modulus or its exponent is not base64url'
  return weaknessOfLength(bitsOf(modulus)) ?? weaknessOfExponent(exponent) ??
    (hasSmallFactor(modulus) ? 'its modulus has a small factor' : undefined)
}

function weaknessOfLength (bits: number): string | undefined {
  return bits < MIN_RSA_BITS || bits > MAX_RSA_BITS ? `its modulus has ${bits} bits, and not ${MIN_RSA_BITS} to ${MAX_RSA_BITS}` : undefined
}

// RFC 8017 §3.1: an odd number of at least 3. With 1, a signature is its own padded hash.
function weaknessOfExponent (exponent: bigint): string | undefined {
  return exponent < 3n || exponent % 2n === 0n || exponent > MAX_EXPONENT ? 'its exponent is even, below 3 or above 24 bits' : undefined
}

// RFC 8032 §5.1.3, §5.2.3: little-endian, with the sign of x in the last bit.
function weaknessOfPoint (crv: string, x: unknown): string | undefined {
  const { p, octets, smallOrder } = EDWARDS[crv]!
  const encoded = typeof x === 'string' ? Buffer.from(x, 'base64url') : Buffer.alloc(0)
  if (encoded.length !== octets) return 'its point has another length than those of its curve'
  encoded[octets - 1]! &= 0x7F
  const y = BigInt(`0x${encoded.reverse().toString('hex')}`)
  if (y >= p) return 'its point is not written in the only way'
  return smallOrder.has(y) ? 'its point has a small order: one signature is right for every message' : undefined
}

// The order of ±y is the same. 1, -1 and 0 are those of order 1, 2 and 4 on both curves; order 8 there is on Ed25519 only.
function edwards (p: bigint, octets: number, others: readonly bigint[]): { p: bigint, octets: number, smallOrder: ReadonlySet<bigint> } {
  return { p, octets, smallOrder: new Set([0n, 1n, p - 1n, ...others, ...others.map((y) => p - y)]) }
}

function toInteger (text: unknown): bigint | undefined {
  if (typeof text !== 'string' || !BASE64URL.test(text) || text.length > MAX_RSA_BITS / 4) return undefined
  return BigInt(`0x${Buffer.from(text, 'base64url').toString('hex') || '0'}`)
}

function bitsOf (integer: bigint): number {
  const digits = integer.toString(16)
  return digits.length * 4 - Math.clz32(parseInt(digits.charAt(0), 16)) + 28
}

function hasSmallFactor (modulus: bigint): boolean {
  let [a, b] = [SMALL_FACTORS, modulus % SMALL_FACTORS]
  while (b !== 0n) [a, b] = [b, a % b]
  return a !== 1n
}

function productOfPrimesBelow (limit: number): bigint {
  let product = 1n
  for (let candidate = 2; candidate < limit; candidate++) {
    let isPrime = true
    for (let factor = 2; factor * factor <= candidate && isPrime; factor++) isPrime = candidate % factor !== 0
    if (isPrime) product *= BigInt(candidate)
  }
  return product
}
