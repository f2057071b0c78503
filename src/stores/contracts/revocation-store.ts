import type { FeedMark, FeedPage } from './feed.ts'

/** One access token that is no longer valid, or a cut-off for those of a client. Times are in seconds since 1970. */
export type Revocation =
  | { kind: 'token', /** its jti, or the hash of an opaque one */ id: string, /** when the token expires */ expiresAt: number }
  | { kind: 'client', /** the client_id */ id: string, /** tokens that were issued before this are invalid */ issuedBefore: number, expiresAt: number }

/** Keeps revocations at least until they expire, and returns them to every process. */
export interface RevocationStore {
  /** Keeps a revocation. Every process reads it once this has resolved. @returns its place in the feed */
  addRevocation (revocation: Revocation): Promise<FeedMark>
  /** Reads the revocations behind a mark, those that have expired perhaps included. @param after default the beginning */
  listRevocations (after?: FeedMark): Promise<FeedPage<Revocation>>
}
