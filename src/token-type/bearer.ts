import type { TokenType } from './token-type.ts'

/** Bearer tokens (RFC 6750): any party in possession of a token may use it. */
export class BearerTokenType implements TokenType {
  readonly name = 'Bearer'
}
