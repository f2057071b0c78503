import type { AccessTokens } from '../access-token/access-tokens.ts'
import type { ClientAuthMethod } from '../client-auth/client-auth-method.ts'
import type { TokenType } from '../token-type/token-type.ts'

/** A security profile for a whole flow. "fapi2" is the FAPI 2.0 Security Profile, as far as it applies to this grant. */
export type Profile = 'fapi2'

// FAPI 2.0 Security Profile §5.4.1. Ed25519 is another name for EdDSA with this curve (RFC 9864).
const FAPI_ALGORITHMS: ReadonlySet<unknown> = new Set(['PS256', 'ES256', 'EdDSA', 'Ed25519'])
const FAPI_AUTH_METHODS: ReadonlySet<string> = new Set(['private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth'])

/** Returns the signing algorithms of assertions that a profile allows. Undefined for those of the method itself. */
export function assertionAlgorithms (profile: Profile | undefined): string[] | undefined {
  return profile === undefined ? undefined : [...FAPI_ALGORITHMS] as string[]
}

/** The settings that a profile restricts. */
export interface ProfiledSettings {
  readonly clientAuthMethods: readonly ClientAuthMethod[]
  readonly tokenTypes: readonly TokenType[]
  readonly accessTokens: AccessTokens | undefined
}

/**
 * Lists the violations of the FAPI 2.0 Security Profile by a flow, each with its fix. Does NOT check anything outside of the flow,
 * such as the TLS versions of the listener (§5.2), or a custom token type.
 *
 * @returns an empty array for a conforming flow
 */
export function violationsOf ({ clientAuthMethods, tokenTypes, accessTokens }: ProfiledSettings): string[] {
  const violations: string[] = []
  const demand = (isMet: boolean, words: string) => { if (!isMet) violations.push(words) }

  // §5.3.2.1 (6): private_key_jwt or mutual TLS only.
  for (const { name, signingAlgorithms = [], audiences = [] } of clientAuthMethods) {
    demand(FAPI_AUTH_METHODS.has(name), `clients may not authenticate by ${name}: call addClientAuthenticationMethod with private_key_jwt, tls_client_auth or self_signed_tls_client_auth only`)
    demand(areAllowed(signingAlgorithms), `${name} may take PS256, ES256 and EdDSA only: set its algorithms`)
    // (8): the issuer identifier is the only audience.
    demand(audiences.length <= 1, `${name} may take the issuer only as audience: leave tokenEndpointAudience out`)
  }
  // (4), (5): sender-constrained tokens, by DPoP or mutual TLS.
  demand(tokenTypes.every(({ confirmationName }) => confirmationName !== undefined), 'bearer tokens may not be issued: call setTokenType with DPoPTokenType, CertificateBoundTokenType or both')
  demand(tokenTypes.every(({ metadata }) => areAllowed(metadata?.dpop_signing_alg_values_supported)), 'DPoP proofs may be by PS256, ES256 and EdDSA only: set the algorithms of DPoPTokenType')
  // (1): authorization server metadata, which requires an issuer.
  demand(accessTokens?.metadata !== undefined, 'the server must have metadata: call useAccessTokens with JwtAccessTokens or OpaqueAccessTokens')
  // §5.4.1: the signing algorithm of access tokens.
  demand(areAllowed([accessTokens?.metadata?.keys?.algorithm].filter(Boolean)), 'access tokens may be signed by PS256, ES256 and EdDSA only: set the algorithm of SigningKeys')
  return violations
}

function areAllowed (algorithms: unknown): boolean {
  return algorithms === undefined || (Array.isArray(algorithms) && algorithms.every((name) => FAPI_ALGORITHMS.has(name)))
}
