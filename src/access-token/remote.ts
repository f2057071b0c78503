import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { Fetch } from '../remote/fetch.ts'
import type { AccessTokens, AccessTokensMetadata, VerifyTokenResult } from './index.ts'
import { resolveMetadata } from './metadata.ts'
import { RemoteIntrospection } from './remote/introspection.ts'
import type { IntrospectionCredentials } from './remote/introspection.ts'
import { RemoteJwts } from './remote/jwt.ts'
import { toVerificationError } from './remote/unavailable.ts'
import { checkMaxStale } from './token-validity.ts'

/** Whose access tokens a resource server takes, and how it verifies them. */
export interface RemoteAccessTokensOptions {
  /** The authorization server's issuer identifier, compared exactly: an https URL without query and fragment; http on loopback only. */
  issuer: string
  /** What this resource server is called in the `aud` of tokens; one of several is enough. Never empty. */
  audience: string | readonly string[]
  /** Introspects each token (RFC 7662) with these credentials. Default the issuer's JWKS, by which no revocation of a token is noticed. */
  introspection?: IntrospectionCredentials
  /** Seconds that clocks may differ. Default 60. */
  clockTolerance?: number
  /**
   * Seconds for which the keys and the metadata of the issuer are used beyond their maximum age (ten minutes, an hour) while the
   * issuer is unavailable. After that, requests are answered with 503. Default 600.
   */
  maxStale?: number
  /** How many verified tokens are cached. Default 10,000. */
  cacheSize?: number
  /** Is called once per outage of the issuer, when its keys or its metadata stay in use. Default nothing is called. */
  onError?: (error: Error) => void
  /** Default Node's own. */
  fetch?: Fetch
  /** Default the clock of the machine. */
  now?: Clock
}

// What is longer is no token, and is neither parsed nor sent on.
const MAX_LENGTH = 16_384

/**
 * Access tokens that another authorization server issues: for a resource server. The URLs that are needed are found in the
 * issuer's metadata (RFC 8414, or OpenID Connect Discovery), at the first token.
 *
 * JWTs (RFC 9068) are verified by the issuer's JWKS: new keys are found as soon as a token names one, and a key that the issuer
 * has dropped is rejected within ten minutes. With `introspection`, the issuer is asked about tokens of any kind, and its answer
 * used for a minute, from sending the question.
 *
 * While the issuer is unavailable, no valid token is rejected: its keys stay in use for `maxStale`, and where nothing is known
 * of a token, `verify` rejects with a StoreUnavailableError, which is a 503 with Retry-After.
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_ISSUER, FST_OAUTH_INVALID_AUDIENCE, FST_OAUTH_INVALID_MAX_STALE
 */
export class RemoteAccessTokens implements AccessTokens {
  readonly metadata: AccessTokensMetadata
  readonly #verifier: { verify (token: string): Promise<VerifyTokenResult> }

  constructor (options: RemoteAccessTokensOptions) {
    const { introspection, clockTolerance = 60, maxStale = 600, cacheSize = 10_000, onError = () => {}, fetch = globalThis.fetch, now = systemClock } = options
    this.metadata = resolveMetadata({ issuer: options.issuer, audience: options.audience })
    const { issuer, audience } = this.metadata
    const remote = { issuer, fetch, now, maxStale: checkMaxStale(maxStale), onError }
    const expectation = { issuer, audience, now, clockTolerance }
    this.#verifier = introspection === undefined
      ? new RemoteJwts(remote, expectation, cacheSize)
      : new RemoteIntrospection(remote, expectation, cacheSize, introspection)
  }

  /** @throws StoreUnavailableError if the issuer is unavailable and nothing is known of the token */
  async verify (token: string): Promise<VerifyTokenResult> {
    if (token.length > MAX_LENGTH) return { isValid: false, cause: 'the token is too long' }
    try {
      return await this.#verifier.verify(token)
    } catch (error) {
      throw toVerificationError(error)
    }
  }
}
