import { FlowConfigurationError } from '../../errors/configuration-error.ts'
import { FETCH } from '../../http-client/fetch-json.ts'
import type { Fetch } from '../../http-client/fetch-json.ts'
import { ISSUER } from '../../http/issuer.ts'
import { systemClock } from '../../lib/clock.ts'
import type { Clock } from '../../lib/clock.ts'
import { checkOptions, CLOCK, codedError, flag, listOf, nested, oneOf, required, seconds, text, wholeNumber, withError } from '../../options/check-options.ts'
import type { OptionsDescription } from '../../options/check-options.ts'
import { AUDIENCE, MAX_STALE, ON_ERROR } from '../../options/common-rules.ts'
import type { AccessTokens, AccessTokensMetadata, VerifyTokenContext, VerifyTokenResult } from '../access-tokens.ts'
import { resolveMetadata } from '../resolve-metadata.ts'
import { RemoteIntrospection } from './introspection-verifier.ts'
import type { IntrospectionCredentials } from './introspection-verifier.ts'
import { RemoteJwts } from './jwks-verifier.ts'
import { RFC_9068, TOKEN_PRESETS } from './presets.ts'
import type { TokenPreset, TokenPresetName } from './presets.ts'
import { toVerificationError } from './unavailable.ts'

/** Options of RemoteAccessTokens. */
export interface RemoteAccessTokensOptions {
  /** The authorization server's issuer identifier, compared exactly: an https URL without query and fragment; http on loopback only. */
  issuer: string
  /** The accepted `aud` values of tokens: one of several is sufficient. Never empty. */
  audience: string | readonly string[]
  /** Introspects each token (RFC 7662) with these credentials. Default: verifies by the issuer's JWKS, which does not detect revocation. */
  introspection?: IntrospectionCredentials
  /**
   * The authorization server, if its JWTs do not conform to RFC 9068. Accepts its default access tokens, and neither its ID tokens
   * nor its tokens for another API. Default none: `typ` at+jwt, `client_id`, `sub`, `jti`, and `scope` as a string.
   */
  preset?: TokenPresetName
  /**
   * The clients whose tokens are accepted. Required for Cognito, whose tokens have no audience. For Spring Authorization Server, a
   * token of one of them may have the client itself as `aud`. Default all clients.
   */
  clientIds?: readonly string[]
  /** Tolerated clock difference in seconds. Default 60. */
  clockTolerance?: number
  /**
   * Seconds for which the keys and the metadata of the issuer are used beyond their maximum age (ten minutes, an hour) while the
   * issuer is unavailable. After that, requests get a 503. Default 600.
   */
  maxStale?: number
  /** Maximum number of cached tokens. Default 10,000. */
  cacheSize?: number
  /** Called once per outage of the issuer, while its cached keys and metadata stay in use. Default none. */
  onError?: (error: Error) => void
  /** The fetch implementation. Default that of Node.js. */
  fetch?: Fetch
  /**
   * Accepts an http issuer on any host, and http URLs in its metadata: without TLS, its keys can be replaced in transit.
   * Default false.
   */
  dangerouslyAllowHttpIssuer?: boolean
  /** The clock. Default the system clock. */
  now?: Clock
}

const invalidPreset = codedError('FST_OAUTH_INVALID_PRESET')

/** The options of RemoteAccessTokens. */
export const REMOTE_ACCESS_TOKENS: OptionsDescription<RemoteAccessTokensOptions> = {
  of: 'RemoteAccessTokens',
  options: {
    issuer: required(ISSUER),
    audience: required(AUDIENCE),
    introspection: nested<IntrospectionCredentials>({
      of: 'RemoteAccessTokens',
      options: { clientId: required(text()), clientSecret: required(text()) }
    }),
    preset: withError(oneOf<TokenPresetName>(...Object.keys(TOKEN_PRESETS) as TokenPresetName[]), invalidPreset),
    clientIds: withError(listOf<string>((id) => typeof id === 'string' && id !== '', 'client ids'), invalidPreset),
    clockTolerance: seconds(0),
    maxStale: MAX_STALE,
    cacheSize: wholeNumber(0),
    onError: ON_ERROR,
    fetch: FETCH,
    dangerouslyAllowHttpIssuer: flag(),
    now: CLOCK
  }
}

// Characters. A longer string is neither parsed nor sent to the issuer.
const MAX_LENGTH = 16_384

/**
 * Access tokens of another authorization server, for a resource server. The URLs of the keys or of introspection are discovered in
 * the issuer's metadata (RFC 8414, or OpenID Connect Discovery), at the first token.
 *
 * JWTs (RFC 9068, or those of a `preset`) are verified by the issuer's JWKS. New keys are loaded as soon as a token names one, and a
 * key that the issuer has removed is rejected within ten minutes. With `introspection`, the issuer introspects tokens of any kind,
 * and its response is used for a minute, from sending the request. Introspection of inactive tokens is limited to a burst of 20 and 2
 * per second for one network (an IPv4 address, or 64 bits of an IPv6 address), and to 200 and 20 in total. Beyond that, a token that
 * is not cached gets a 503.
 *
 * While the issuer is unavailable, no valid token is rejected: its keys stay in use for `maxStale`. If the validity of a token is
 * unknown, `verify` rejects with a StoreUnavailableError, which is a 503 with Retry-After.
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_ISSUER, FST_OAUTH_INVALID_AUDIENCE, FST_OAUTH_INVALID_MAX_STALE,
 *   FST_OAUTH_INVALID_PRESET, FST_OAUTH_INVALID_OPTION, FST_OAUTH_UNKNOWN_OPTION
 */
export class RemoteAccessTokens implements AccessTokens {
  readonly metadata: AccessTokensMetadata
  readonly #verifier: { verify (token: string, context?: VerifyTokenContext): Promise<VerifyTokenResult> }

  constructor (options: RemoteAccessTokensOptions) {
    checkOptions(options, REMOTE_ACCESS_TOKENS)
    const {
      introspection, clientIds, clockTolerance = 60, maxStale = 600, cacheSize = 10_000, onError = () => {}, fetch = globalThis.fetch, dangerouslyAllowHttpIssuer, now = systemClock
    } = options
    this.metadata = resolveMetadata({ issuer: options.issuer, audience: options.audience, dangerouslyAllowHttpIssuer })
    const { issuer, audience } = this.metadata
    const remote = { issuer, fetch, now, maxStale, onError, allowHttp: dangerouslyAllowHttpIssuer }
    const preset = resolvePreset(options)
    const expectation = { issuer, audience, now, clockTolerance, preset, clientIds: clientIds === undefined ? undefined : [...clientIds] }
    this.#verifier = introspection === undefined
      ? new RemoteJwts(remote, expectation, cacheSize)
      : new RemoteIntrospection(remote, expectation, cacheSize, introspection)
  }

  /** @throws StoreUnavailableError if the issuer is unavailable and the validity of the token is unknown */
  async verify (token: string, context?: VerifyTokenContext): Promise<VerifyTokenResult> {
    if (token.length > MAX_LENGTH) return { isValid: false, cause: 'the token is too long' }
    try {
      return await this.#verifier.verify(token, context)
    } catch (error) {
      throw toVerificationError(error)
    }
  }
}

/** @throws FlowConfigurationError FST_OAUTH_INVALID_PRESET */
function resolvePreset ({ preset: name, clientIds, introspection }: RemoteAccessTokensOptions): TokenPreset {
  if (name !== undefined && introspection !== undefined) throw new FlowConfigurationError('FST_OAUTH_INVALID_PRESET')
  const preset: TokenPreset = name === undefined ? RFC_9068 : TOKEN_PRESETS[name]
  if (preset.withoutAudience === 'absent' && clientIds === undefined) throw new FlowConfigurationError('FST_OAUTH_INVALID_PRESET')
  return preset
}
