import type { AdminSettings } from './options.ts'

/** Says in the description of a route what becomes of the access tokens of a client that is disabled or removed. */
export function tokensOfDisabled ({ canRevokeTokens }: AdminSettings): string {
  return canRevokeTokens
    ? 'The access tokens that it has are revoked: every process on the store rejects them within a second.'
    : 'Access tokens that it has stay valid until they expire, since the tokens of this server cannot be revoked.'
}
