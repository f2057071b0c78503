import { FlowConfigurationError } from '../configuration-error.ts'
import { isIssuer } from '../issuer.ts'
import type { KeySource } from '../keys/index.ts'
import type { AccessTokensMetadata } from './index.ts'

/** What every kind of access token of ours says of itself. */
export interface MetadataOptions {
  issuer: string
  audience: string | readonly string[]
  keys?: KeySource
  dangerouslyAllowHttpIssuer?: boolean
}

/**
 * Checks who issues tokens and whom they are for.
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_ISSUER, FST_OAUTH_INVALID_AUDIENCE
 */
export function resolveMetadata ({ issuer, audience, keys, dangerouslyAllowHttpIssuer }: MetadataOptions): AccessTokensMetadata {
  if (!isIssuer(issuer, dangerouslyAllowHttpIssuer)) throw new FlowConfigurationError('FST_OAUTH_INVALID_ISSUER')
  const audiences = Object.freeze([audience].flat())
  if (audiences.length === 0 || audiences.some((name) => typeof name !== 'string' || name === '')) {
    throw new FlowConfigurationError('FST_OAUTH_INVALID_AUDIENCE')
  }
  return Object.freeze({ issuer, audience: audiences, ...(keys && { keys }) })
}

/** The audience of a token as it is written into it: one as text, since half of the libraries compare it so. */
export function writeAudience (audience: readonly string[]): string | readonly string[] {
  return audience.length === 1 ? audience[0]! : audience
}
