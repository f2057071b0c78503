import type { TokenRequest } from '../http/plain-request.ts'
import type { ReplayStore } from '../stores/contracts/replay-store.ts'
import type { ClientNeeds } from '../stores/contracts/settings-store.ts'
import type { AssertionRules } from './assertion/rules.ts'
import type { OAuth2Client } from './oauth2-client.ts'

/** The client that a request claims to come from, with the secret that getClient must compare. */
export interface PresentedSecret {
  readonly kind: 'secret'
  readonly clientId: string
  /** Not verified. */
  readonly clientSecret: string
}

/** A client that the method has verified, without a shared secret. */
export interface VerifiedClient {
  readonly kind: 'verified'
  readonly clientId: string
  /** The JWS algorithm of the assertion that has proven it, when the client signs its own. */
  readonly signingAlgorithm?: string
  /** The client that the method has found on its way, for getClient. */
  readonly clientAuthData?: Partial<OAuth2Client> | undefined
  /**
   * Checks again, immediately before the client gets a token, that the proof is still in force: keys on another server may have been
   * dropped there. Its last step must be synchronous. Left out where nothing can change.
   *
   * @throws InvalidClientError if it is not
   */
  readonly recheck?: () => void | Promise<void>
}

/** The client of a request, by the credentials of one method. */
export type PresentedClient = PresentedSecret | VerifiedClient

/**
 * A client authentication method of the token endpoint (RFC 6749 §2.3). Implement it to add your own: one object, passed to
 * `addClientAuthenticationMethod`.
 */
export interface ClientAuthMethod {
  /** The name under which metadata lists it and clients are registered for it (RFC 7591 §2). */
  readonly name: string
  /** The authentication scheme, for a method that uses the Authorization field: it is offered in the challenge of a 401. */
  readonly scheme?: string
  /**
   * The credentials that it reads, where other methods read them too: all methods for client assertions have "client_assertion".
   * A request that carries two is rejected. Default "authorization" with a scheme, else the name of the method.
   */
  readonly mechanism?: string
  /**
   * Whether its credentials may be in a request for another purpose, as a certificate is to bind the token (RFC 8705 §3): then they are
   * client authentication only where a request carries no others. Default false.
   */
  readonly isSecondary?: boolean
  /** The JWS algorithms of its assertions, for a method that has any: metadata lists them (RFC 8414 §2). */
  readonly signingAlgorithms?: readonly string[]
  /** The audiences that its assertions may have, the issuer first. */
  readonly audiences?: readonly string[]
  /** What a client that is registered for it must have. Default a secret: the registry generates one. */
  readonly needs?: ClientNeeds
  /** The stores in which its assertions are reserved: the flow registers them when it starts. */
  readonly replayStores?: readonly ReplayStore[]
  /** Tells whether a request carries credentials of this kind, right or wrong. Must be synchronous and cheap. */
  carries (request: TokenRequest): boolean
  /**
   * Reads and verifies the credentials of a request that carries some. A secret is not verified here: getClient compares it.
   *
   * @returns undefined for credentials of another method of the same mechanism, so that it may read them
   * @throws InvalidClientError when they are malformed or wrong. Its cause reaches the log only.
   */
  authenticate (request: TokenRequest, rules?: AssertionRules): PresentedClient | undefined | Promise<PresentedClient | undefined>
  /**
   * Returns the client that a request names, which is not verified: a proof that fails is counted for it in the throttle. Default the
   * parameter `client_id`.
   *
   * @returns undefined for a request that names none: then nothing is counted
   */
  claimedClientId? (request: TokenRequest): string | undefined
}

/** A method whose clients always present a secret, so that getClient always gets one. */
export interface SecretClientAuthMethod extends ClientAuthMethod {
  authenticate (request: TokenRequest): PresentedSecret | undefined
}
