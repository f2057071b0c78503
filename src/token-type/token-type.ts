import type { PlainRequest, TokenRequest } from '../http/plain-request.ts'
import type { ReplayStore } from '../stores/contracts/index.ts'

/** The confirmation of a token: the members of its `cnf` claim (RFC 7800), such as `jkt` or `x5t#S256`. */
export type Confirmation = Readonly<Record<string, string>>

/** A verified proof that came with a presented token. */
export interface Proof {
  /** The key that the sender has proven to hold, as the `cnf` claim names it (RFC 7800 §3). */
  readonly confirmation: Confirmation
  /**
   * Consumes a proof that may be used once. Omitted for one that may be used again, such as a client certificate.
   *
   * @throws StrategyError when the proof was used before
   */
  consume? (): Promise<void>
}

/**
 * A token type: how access tokens are presented. Implement it to add your own.
 *
 * A type that returns a confirmation binds its tokens: a token that is issued with a confirmation is accepted only in a
 * request that proves the same one.
 */
export interface TokenType {
  /** The token_type of the token response (RFC 6749 §7.1) and the authentication scheme of the resource request. */
  readonly name: string
  /** The confirmation method of its tokens: the member of `cnf`. Undefined for bearer tokens. */
  readonly confirmationName?: string
  /** Returns whether a request contains a proof of this type, valid or not. Selects the type among several. */
  isPresented? (request: PlainRequest): boolean
  /** Members of the metadata of server and resource (RFC 8414, RFC 9728) that describe the supported proofs. */
  readonly metadata?: Readonly<Record<string, unknown>>
  /** The stores in which its proofs are reserved: the flow registers them when it starts. */
  readonly replayStores?: readonly ReplayStore[]
  /** Further auth-params for the challenges of this scheme. */
  readonly challengeParameters?: Readonly<Record<string, string>>
  /**
   * Verifies the proof in a token request, after client authentication.
   *
   * @returns the confirmation to which the new token is bound; undefined for a bearer token
   * @throws OAuth2Error if the proof is missing or invalid
   */
  confirmTokenRequest? (request: TokenRequest): Confirmation | undefined | Promise<Confirmation | undefined>
  /**
   * Verifies the proof of a presented token, after a kind of access token of this package has verified the token, but
   * before a `verifyToken` of the application, which gets the confirmation. Consumes nothing: `consume` of the proof is called
   * once the token is valid and bound to it, so that an unauthenticated caller cannot fill a store.
   *
   * @returns undefined for a bearer token
   * @throws StrategyError when the proof is missing or invalid
   */
  confirmAccess? (request: PlainRequest, token: string): Proof | undefined | Promise<Proof | undefined>
}

/** Returns the token_type of a token by its confirmation (RFC 9449 §6.1): a certificate-bound token is a bearer token (RFC 8705 §3). */
export function tokenTypeOf (bound: Confirmation | undefined): string {
  return bound?.jkt === undefined ? 'Bearer' : 'DPoP'
}

/** Returns whether a token with the confirmation `bound` may be used with the proven confirmation `proven`. Both undefined: a bearer token. */
export function sameConfirmation (bound: Confirmation | undefined, proven: Confirmation | undefined): boolean {
  if (bound === undefined || proven === undefined) return bound === proven
  const names = Object.keys(bound)
  return names.length > 0 && names.length === Object.keys(proven).length && names.every((name) => bound[name] === proven[name])
}

/** Returns the proof. @throws TypeError for a value that is not a proof: treating it as absent would accept unbound tokens of a bound type */
export function checkProof ({ name }: TokenType, proof: Proof | undefined): Proof | undefined {
  if (proof === undefined) return undefined
  if (typeof proof?.confirmation !== 'object' || proof.confirmation === null) throw new TypeError(`confirmAccess of the token type ${name} returned no proof`)
  return proof
}

/** The token types of a flow, in the order in which they were set. */
export type TokenTypes = readonly [TokenType, ...TokenType[]]

/** Returns the token type of a request: the first whose proof is present. Without a proof, one that needs none, or else the first. */
export function pickTokenType (types: TokenTypes, request: PlainRequest): TokenType {
  if (types.length === 1) return types[0]
  return types.find((type) => isPresented(type, request)) ?? types.find(({ isPresented }) => isPresented === undefined) ?? types[0]
}

// A promise would count as presented, even in a request without a proof.
function isPresented (type: TokenType, request: PlainRequest): boolean {
  const answer = type.isPresented?.(request) ?? false
  if (typeof answer !== 'boolean') throw new TypeError(`isPresented of the token type ${type.name} returned no boolean`)
  return answer
}
