import type { FeedMark, FeedPage } from './feed.ts'

/** A revoked access token, or a time before which all tokens of a client are invalid. Times are in seconds since 1970. */
export type Revocation =
  | { kind: 'token', /** its jti, or the hash of an opaque one */ id: string, /** when the token expires */ expiresAt: number }
  | { kind: 'client', /** the client_id */ id: string, /** tokens that were issued before this are invalid */ issuedBefore: number, expiresAt: number }

/** Keeps revocations at least until they expire, and returns them to every process. */
export interface RevocationStore {
  /** Adds a revocation. Every process can read it once this has resolved. @returns its position in the feed */
  addRevocation (revocation: Revocation): Promise<FeedMark>
  /** Reads the revocations after a mark. The result may include expired ones. @param after default the beginning */
  listRevocations (after?: FeedMark): Promise<FeedPage<Revocation>>
}
