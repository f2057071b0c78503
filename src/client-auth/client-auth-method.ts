import type { TokenRequest } from '../http/plain-request.ts'
import type { ReplayStore } from '../stores/contracts/replay-store.ts'
import type { ClientNeeds } from '../stores/contracts/settings-store.ts'
import type { AssertionRules } from './assertion/rules.ts'
import type { OAuth2Client } from './oauth2-client.ts'

/** The client that a request names, with the secret that getClient must compare. */
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
  /** The JWS algorithm of a self-signed assertion. */
  readonly signingAlgorithm?: string
  /** The client that the method has already found, for getClient. */
  readonly clientAuthData?: Partial<OAuth2Client> | undefined
  /**
   * Checks again, immediately before a token is issued, that the proof is still valid: keys on another server may have been
   * removed. Its last step must be synchronous. Omitted if nothing can change.
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
  /** The name of the method in metadata and in client registrations (RFC 7591 §2). */
  readonly name: string
  /** The authentication scheme, for a method that uses the Authorization field. It is offered in the challenge of a 401. */
  readonly scheme?: string
  /**
   * The name of the credentials that it reads, if other methods read them too: all methods for client assertions use "client_assertion".
   * A request that carries two mechanisms is rejected. Default "authorization" with a scheme, else the name of the method.
   */
  readonly mechanism?: string
  /**
   * Whether its credentials may have another purpose, such as a certificate that binds the token (RFC 8705 §3). Then they are client
   * authentication only in a request without other credentials. Default false.
   */
  readonly isSecondary?: boolean
  /** The JWS algorithms of its assertions, if it has any, for the metadata (RFC 8414 §2). */
  readonly signingAlgorithms?: readonly string[]
  /** The accepted audiences of its assertions, the issuer first. */
  readonly audiences?: readonly string[]
  /** The credentials that a client needs to be registered for it. Default a secret, which the registry generates. */
  readonly needs?: ClientNeeds
  /** The stores in which its assertions are reserved: the flow registers them when it starts. */
  readonly replayStores?: readonly ReplayStore[]
  /** Returns whether a request carries credentials of this kind, valid or not. Must be synchronous and cheap. */
  carries (request: TokenRequest): boolean
  /**
   * Reads and verifies the credentials of a request that carries some. Does NOT verify a secret: getClient compares it.
   *
   * @returns undefined for credentials of another method with the same mechanism, which then reads them
   * @throws InvalidClientError if they are malformed or wrong. Its cause reaches the log only.
   */
  authenticate (request: TokenRequest, rules?: AssertionRules): PresentedClient | undefined | Promise<PresentedClient | undefined>
  /**
   * Returns the client that a request names, unverified: the throttle counts a failed proof for this client. Default the parameter
   * `client_id`.
   *
   * @returns undefined for a request that names none: then nothing is counted
   */
  claimedClientId? (request: TokenRequest): string | undefined
}

/** A method whose clients always present a secret, so that getClient always gets one. */
export interface SecretClientAuthMethod extends ClientAuthMethod {
  authenticate (request: TokenRequest): PresentedSecret | undefined
}
