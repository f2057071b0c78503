import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { Fetch } from '../remote/fetch.ts'
import type { AccessTokens, AccessTokensMetadata, VerifyTokenResult } from './index.ts'
import { resolveMetadata } from './metadata.ts'
import { RemoteIntrospection } from './remote/introspection.ts'
import type { IntrospectionCredentials } from './remote/introspection.ts'
import { RemoteJwts } from './remote/jwt.ts'

/** Whose access tokens a resource server takes, and how it verifies them. */
export interface RemoteAccessTokensOptions {
  /** The authorization server's issuer identifier, compared exactly: an https URL without query and fragment; http on loopback only. */
  issuer: string
  /** What this resource server is called in the `aud` of tokens; one of several is enough. Never empty. */
  audience: string | readonly string[]
  /** Asks the issuer about each token (RFC 7662), by these credentials. Default the issuer's JWKS, which knows no revocation. */
  introspection?: IntrospectionCredentials
  /** Seconds that clocks may differ. Default 60. */
  clockTolerance?: number
  /** How many verified tokens are remembered. Default 10,000. */
  cacheSize?: number
  /** Is told once per outage that the issuer is away and that what is known of it stays in use. Default nobody is. */
  onError?: (error: Error) => void
  /** Default Node's own. */
  fetch?: Fetch
  /** Default the clock of the machine. */
  now?: Clock
}

// What is longer is no token, and is neither parsed nor sent on.
const MAX_LENGTH = 16_384

/**
 * Access tokens that another authorization server issues: for a resource server. What is needed is found in the
 * issuer's metadata (RFC 8414, or OpenID Connect Discovery), at the first token. JWTs (RFC 9068) are verified by its JWKS, which follows the
 * rotation of its keys; with `introspection`, tokens of any kind by asking it, and remembered for a minute at most.
 *
 * An issuer that is away never makes a good token a bad one: what is known of it stays in use, and where nothing is,
 * `verify` rejects, which is a 500.
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_ISSUER, FST_OAUTH_INVALID_AUDIENCE
 */
export class RemoteAccessTokens implements AccessTokens {
  readonly metadata: AccessTokensMetadata
  readonly #verifier: { verify (token: string): Promise<VerifyTokenResult> }

  constructor (options: RemoteAccessTokensOptions) {
    const { introspection, clockTolerance = 60, cacheSize = 10_000, onError = () => {}, fetch = globalThis.fetch, now = systemClock } = options
    this.metadata = resolveMetadata({ issuer: options.issuer, audience: options.audience })
    const { issuer, audience } = this.metadata
    const remote = { issuer, fetch, now, onError }
    const expectation = { issuer, audience, now, clockTolerance }
    this.#verifier = introspection === undefined
      ? new RemoteJwts(remote, expectation, cacheSize)
      : new RemoteIntrospection(remote, expectation, cacheSize, introspection)
  }

  async verify (token: string): Promise<VerifyTokenResult> {
    if (token.length > MAX_LENGTH) return { isValid: false, cause: 'the token is too long' }
    return this.#verifier.verify(token)
  }
}
