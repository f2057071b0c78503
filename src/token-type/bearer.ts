import type { TokenType } from './token-type.ts'

/** Bearer tokens (RFC 6750): whoever holds one may use it. */
export class BearerTokenType implements TokenType {
  readonly name = 'Bearer'
}
