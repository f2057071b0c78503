import { createHash, randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { JWK } from 'jose'
import { systemClock } from '../lib/clock.ts'

/** Options of {@link proofKey}. */
export interface ProofKeyOptions {
  /** The JWS algorithm of the proofs. Default "ES256". */
  algorithm?: 'ES256' | 'EdDSA' | 'PS256'
  /** The clock of `iat`. Default the clock of the machine. */
  now?: () => number
}

/** The request that a proof is for. */
export interface ProofOptions {
  /** The HTTP method of the request. Default "GET". */
  method?: string
  /** The URL of the request as the server computes it: its `origin` and the path. Query and fragment are omitted from the proof. */
  url: string
  /** The access token that is sent with the proof. Omitted for a token request. */
  token?: string
  /** The nonce that the server requires. */
  nonce?: string
}

/** A key of a client that proves possession (RFC 9449). */
export interface ProofKey {
  /** The public key. */
  readonly jwk: JWK
  /** The thumbprint of the key: the `jkt` of tokens that are bound to it. */
  readonly thumbprint: string
  /** Creates a new proof: a value of the header field `DPoP`. */
  proof (options: ProofOptions): Promise<string>
}

/** Creates a key that DPoP proofs are signed with (RFC 9449 §4.2). */
export async function proofKey ({ algorithm = 'ES256', now = systemClock }: ProofKeyOptions = {}): Promise<ProofKey> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm)
  const jwk = await exportJWK(publicKey)
  return {
    jwk,
    thumbprint: await calculateJwkThumbprint(jwk),
    async proof ({ method = 'GET', url, token, nonce }) {
      const { origin, pathname } = new URL(url)
      const claims = {
        jti: randomUUID(),
        htm: method,
        htu: `${origin}${pathname}`,
        iat: now(),
        ...(token !== undefined && { ath: createHash('sha256').update(token).digest('base64url') }),
        ...(nonce !== undefined && { nonce })
      }
      return await new SignJWT(claims).setProtectedHeader({ typ: 'dpop+jwt', alg: algorithm, jwk }).sign(privateKey)
    }
  }
}
