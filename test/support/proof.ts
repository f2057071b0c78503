import { createHash, randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, CompactSign, exportJWK, generateKeyPair } from 'jose'

const { privateKey, publicKey } = await generateKeyPair('ES256')
const jwk = await exportJWK(publicKey)

/** The thumbprint of the one key of this process, to which tokens are bound. */
export const thumbprint = await calculateJwkThumbprint(jwk)

/** A DPoP proof by the one key of this process, made now. */
export function proofFor (htm: string, htu: string, { token, nonce }: { token?: string, nonce?: string } = {}): Promise<string> {
  const ath = token === undefined ? undefined : createHash('sha256').update(token).digest('base64url')
  const claims = { htm, htu, ath, nonce, iat: Math.floor(Date.now() / 1000), jti: randomUUID() }
  return new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk }).sign(privateKey)
}
