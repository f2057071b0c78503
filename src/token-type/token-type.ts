import type { PlainRequest, TokenRequest } from '../http/plain-request.ts'
import type { ReplayStore } from '../stores/contracts/index.ts'

/** What binds a token to its sender: the members of the `cnf` claim (RFC 7800), such as `jkt` or `x5t#S256`. */
export type Confirmation = Readonly<Record<string, string>>

/** A verified proof that came with a presented token. */
export interface Proof {
  /** The key that the sender has proven to hold, as the `cnf` claim names it (RFC 7800 §3). */
  readonly confirmation: Confirmation
  /**
   * Consumes a proof that may be used once. Left out for one that may be used again, such as a client certificate.
   *
   * @throws StrategyError when the proof was used before
   */
  consume? (): Promise<void>
}

/**
 * A way to present access tokens. Implement it to add your own.
 *
 * A type that returns a confirmation binds its tokens: one that is issued with a confirmation is accepted only from a
 * request that proves the same one.
 */
export interface TokenType {
  /** The token_type of the token response (RFC 6749 §7.1) and the authentication scheme of the resource request. */
  readonly name: string
  /** What its tokens are bound by: the member of `cnf`. Undefined for bearer tokens. */
  readonly confirmationName?: string
  /** Tells whether a request brings a proof of this type, right or wrong: that picks it among several types. */
  isPresented? (request: PlainRequest): boolean
  /** Members of the metadata of server and resource (RFC 8414, RFC 9728) that say what is taken. */
  readonly metadata?: Readonly<Record<string, unknown>>
  /** The stores in which its proofs are reserved: the flow registers them when it starts. */
  readonly replayStores?: readonly ReplayStore[]
  /** Further auth-params for the challenges of this scheme. */
  readonly challengeParameters?: Readonly<Record<string, string>>
  /**
   * Checks the proof in a token request, once the client is authenticated.
   *
   * @returns what the new token is to be bound to; undefined for a bearer token
   * @throws OAuth2Error when the proof is missing or wrong
   */
  confirmTokenRequest? (request: TokenRequest): Confirmation | undefined | Promise<Confirmation | undefined>
  /**
   * Verifies the proof that comes with a presented token: once the token is verified by a kind of access token of this package, but
   * before a `verifyToken` of the application, which gets the confirmation. Consumes nothing: `consume` of the proof is called
   * once the token is valid and bound to it, so that an unauthenticated caller cannot fill a store.
   *
   * @returns undefined for a bearer token
   * @throws StrategyError when the proof is missing or invalid
   */
  confirmAccess? (request: PlainRequest, token: string): Proof | undefined | Promise<Proof | undefined>
}

/** The token_type of a token by what it is bound to (RFC 9449 §6.1): a token that is bound to a certificate is a bearer token (RFC 8705 §3). */
export function tokenTypeOf (bound: Confirmation | undefined): string {
  return bound?.jkt === undefined ? 'Bearer' : 'DPoP'
}

/** Tells whether a token that is bound to `bound` may be used with the proof `proven`. Both undefined: a bearer token. */
export function sameConfirmation (bound: Confirmation | undefined, proven: Confirmation | undefined): boolean {
  if (bound === undefined || proven === undefined) return bound === proven
  const names = Object.keys(bound)
  return names.length > 0 && names.length === Object.keys(proven).length && names.every((name) => bound[name] === proven[name])
}

/** @throws TypeError for a value that is no proof: taken for none, it would let a bound token type accept tokens that are not bound */
export function checkProof ({ name }: TokenType, proof: Proof | undefined): Proof | undefined {
  if (proof === undefined) return undefined
  if (typeof proof?.confirmation !== 'object' || proof.confirmation === null) throw new TypeError(`confirmAccess of the token type ${name} returned no proof`)
  return proof
}

/** The token types of a flow, in the order in which they were set. */
export type TokenTypes = readonly [TokenType, ...TokenType[]]

/** The type of a request: the first whose proof it brings. Without a proof, one that needs none, or else the first. */
export function pickTokenType (types: TokenTypes, request: PlainRequest): TokenType {
  if (types.length === 1) return types[0]
  return types.find((type) => isPresented(type, request)) ?? types.find(({ isPresented }) => isPresented === undefined) ?? types[0]
}

// A promise would count as presented, and of a request without a proof too.
function isPresented (type: TokenType, request: PlainRequest): boolean {
  const answer = type.isPresented?.(request) ?? false
  if (typeof answer !== 'boolean') throw new TypeError(`isPresented of the token type ${type.name} returned no boolean`)
  return answer
}
