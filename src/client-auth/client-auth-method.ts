import type { TokenRequest } from '../http/plain-request.ts'
import type { ReplayStore } from '../stores/contracts/replay-store.ts'
import type { ClientNeeds } from '../stores/contracts/settings-store.ts'
import type { AssertionRules } from './assertion/rules.ts'
import type { OAuth2Client } from './oauth2-client.ts'

/** The client that a request says it comes from. */
export interface PresentedClient {
  clientId: string
  /** Left out by methods that have already proven who the client is, without a shared secret. */
  clientSecret?: string
  /** The JWS algorithm of the assertion that has proven it, when the client signs its own. */
  signingAlgorithm?: string
  /** The client that the method has found on its way, for getClient. */
  clientAuthData?: Partial<OAuth2Client> | undefined
  /**
   * Checks again, immediately before the client gets a token, that what has proven the client is still in force: keys that
   * are on another server may have been dropped there. Its last step must be synchronous. Left out where nothing can change.
   *
   * @throws InvalidClientError if it is not
   */
  recheck?(): void | Promise<void>
}

/**
 * A way for clients to authenticate at the token endpoint (RFC 6749 §2.3). Implement it to add your own.
 */
export interface ClientAuthMethod {
  /** The name under which metadata lists it and clients are registered for it (RFC 7591 §2). */
  readonly name: string
  /** The authentication scheme, for a method that uses the Authorization field: it is offered in the challenge of a 401. */
  readonly scheme?: string
  /** The JWS algorithms of its assertions, for a method that has any: metadata lists them (RFC 8414 §2). */
  readonly signingAlgorithms?: readonly string[]
  /** The audiences that its assertions may have, the issuer first. */
  readonly audiences?: readonly string[]
  /** What a client that is registered for it must have. Default a secret: the registry generates one. */
  readonly needs?: ClientNeeds
  /** The stores in which its assertions are reserved: the flow registers them when it starts. */
  readonly replayStores?: readonly ReplayStore[]
  /**
   * Finds the credentials of this method in a request.
   *
   * @returns undefined when the request carries none of this method, so that another may look.
   * A secret that is returned is not checked yet: getClient does. Without one, this method has proven the client.
   * @throws InvalidClientError when there are some and they are malformed or wrong. Its cause reaches the log only.
   */
  authenticate (request: TokenRequest, rules?: AssertionRules): PresentedClient | undefined | Promise<PresentedClient | undefined>
}

/** A method whose clients always present a secret, so that getClient always gets one. */
export interface SecretClientAuthMethod extends ClientAuthMethod {
  authenticate (request: TokenRequest): (PresentedClient & { clientSecret: string }) | undefined
}
