import { createPublicKey } from 'node:crypto'
import type { JWK } from 'jose'
import { weaknessOf } from '../lib/weak-keys.ts'

// Unauthenticated callers can make the server verify a signature by the keys of a client. For a JWT without kid, it tries
// several.
const MAX_KEYS = 100
const KEY_TYPES = ['RSA', 'EC', 'OKP']
// RFC 7518 §6.2.2, §6.3.2 and §6.4.1
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** Returns whether a value is a JWK Set of at least one public key, all usable and not weak, with unique kids. Does NOT check `use` and `key_ops`. */
export function isPublicJwks (value: unknown): boolean {
  const { keys } = (value ?? {}) as { keys?: unknown }
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > MAX_KEYS || !keys.every(isPublicJwk)) return false
  const kids = keys.map(({ kid }: JWK) => kid).filter((kid) => kid !== undefined)
  return new Set(kids).size === kids.length
}

function isPublicJwk (jwk: unknown): boolean {
  if (typeof jwk !== 'object' || jwk === null) return false
  const { kty, kid } = jwk as JWK
  if (!KEY_TYPES.includes(String(kty)) || !(kid === undefined || typeof kid === 'string')) return false
  // A private key that was published is compromised.
  if (PRIVATE_MEMBERS.some((name) => name in jwk)) return false
  try {
    createPublicKey({ key: jwk as JWK & { kty: string }, format: 'jwk' })
    return weaknessOf(jwk as JWK) === undefined
  } catch {
    return false
  }
}
