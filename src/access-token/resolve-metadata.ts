import type { KeySource } from '../signing-keys/key-source.ts'
import type { AccessTokensMetadata } from './access-tokens.ts'

/** The options that the metadata of each kind of access token derives from. */
export interface MetadataOptions {
  issuer: string
  audience: string | readonly string[]
  keys?: KeySource
  dangerouslyAllowHttpIssuer?: boolean | undefined
}

/** Creates the metadata of tokens from validated options. */
export function resolveMetadata ({ issuer, audience, keys, dangerouslyAllowHttpIssuer }: MetadataOptions): AccessTokensMetadata {
  return Object.freeze({ issuer, audience: Object.freeze([audience].flat()), ...(keys && { keys }), ...(dangerouslyAllowHttpIssuer && { dangerouslyAllowHttpIssuer }) })
}
