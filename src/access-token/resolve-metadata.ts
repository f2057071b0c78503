import type { KeySource } from '../signing-keys/key-source.ts'
import type { AccessTokensMetadata } from './access-tokens.ts'

/** What every kind of access token of ours says of itself. */
export interface MetadataOptions {
  issuer: string
  audience: string | readonly string[]
  keys?: KeySource
  dangerouslyAllowHttpIssuer?: boolean | undefined
}

/** Makes what metadata documents say of tokens, of options that were checked. */
export function resolveMetadata ({ issuer, audience, keys, dangerouslyAllowHttpIssuer }: MetadataOptions): AccessTokensMetadata {
  return Object.freeze({ issuer, audience: Object.freeze([audience].flat()), ...(keys && { keys }), ...(dangerouslyAllowHttpIssuer && { dangerouslyAllowHttpIssuer }) })
}
