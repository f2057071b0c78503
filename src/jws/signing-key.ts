import type { KeyObject } from 'node:crypto'

/** A key that signs the tokens of this server, or has signed them. */
export interface SigningKey {
  /** The RFC 7638 thumbprint of the public key. */
  readonly kid: string
  /**
   * The JWS algorithm (RFC 7518, RFC 8037), the only one that this key is used with: ES256 with an EC key on P-256, EdDSA
   * with Ed25519, RS256 or PS256 with an RSA key of at least 2048 bits that is not an RSA-PSS key.
   */
  readonly alg: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}
