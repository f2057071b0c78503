// Times until a change takes effect outside of the store. Every command that revokes something prints them.

const OUTAGE = 'A server that cannot reach the store may accept them until its maxStale has passed (default 600 s).'

/** The times until access tokens of clients are rejected. */
export const TOKEN_BOUNDS: readonly string[] = [
  'Every process on the store rejects the tokens within 1 second; servers that introspect tokens within their cache time + 1 s; servers that only have the JWKS when the tokens expire.',
  OUTAGE
]

/**
 * Returns the times until tokens of a signing key are rejected.
 *
 * @param jwksMaxAge seconds that resource servers may cache the JWKS
 */
export function keyBounds (jwksMaxAge: number): readonly string[] {
  return [
    `Every process on the store rejects the tokens of the key within 1 second; servers that introspect tokens within their cache time + 1 s; servers that only have the JWKS within its max age (${jwksMaxAge} s).`,
    OUTAGE
  ]
}

/** Returns the times until a secret is rejected. Tokens that were issued with it stay valid. */
export function secretBounds (clientId: string): readonly string[] {
  return [
    'Every process on the store rejects the secret within 1 second. A server that cannot reach the store issues no tokens.',
    `Access tokens that were obtained with it stay valid until they expire. Revoke them: client revoke-tokens ${clientId}`
  ]
}
