import type { StrategyError } from '../errors/strategy-error.ts'
import { formatChallenge, schemesOf } from '../http/authentication.ts'
import type { PlainRequest } from '../http/plain-request.ts'
import type { TokenTypes } from '../token-type/token-type.ts'

/** The settings for the challenges of protected resources. */
export interface ChallengeSettings {
  readonly realm: string
  /** The accepted token types, by their authentication scheme in lower case. */
  readonly tokenTypesByScheme: ReadonlyMap<string, TokenTypes>
  /** The URL of the metadata by which a rejected client finds the authorization server (RFC 9728 §5.1). */
  readonly resourceMetadataUrl?: string | undefined
}

/**
 * Returns the WWW-Authenticate field of a rejected resource request: one challenge for each accepted scheme (RFC 6750 §3,
 * RFC 9449 §7.1). Undefined for a server error, which other credentials cannot fix.
 *
 * @param needed the scopes that the resource requires
 */
export function resourceChallenge (
  { realm, tokenTypesByScheme, resourceMetadataUrl }: ChallengeSettings,
  request: PlainRequest,
  { code, status, message }: Pick<StrategyError, 'code' | 'status' | 'message'>,
  needed: readonly string[]
): string | undefined {
  if (status >= 500) return undefined
  const used = schemesOf(request.header('authorization') ?? '')
  // Some clients read the first challenge only, so that of the scheme in the request comes first.
  const offered = [...tokenTypesByScheme].sort(([one], [other]) => Number(used.includes(other)) - Number(used.includes(one)))
  return offered.map(([scheme, types]) => {
    // RFC 9449 §7.1: the error is in the challenge of the scheme in the request. RFC 6750 §3.1: without a token, there is none.
    const isFailed = code !== 'unauthorized' && used.includes(scheme)
    return formatChallenge(types[0].name, {
      realm,
      scope: needed.length > 0 ? needed.join(' ') : undefined,
      error: isFailed ? code : undefined,
      error_description: isFailed ? message : undefined,
      resource_metadata: resourceMetadataUrl,
      ...Object.assign({}, ...types.map(({ challengeParameters }) => challengeParameters))
    })
  }).join(', ')
}
