import type { AdminSettings } from './options.ts'

/** Returns the sentence for a route description that states what happens to the access tokens of a disabled or removed client. */
export function tokensOfDisabled ({ canRevokeTokens }: AdminSettings): string {
  return canRevokeTokens
    ? 'The access tokens that it has are revoked: every process on the store rejects them within a second.'
    : 'Access tokens that it has stay valid until they expire, since the tokens of this server cannot be revoked.'
}
