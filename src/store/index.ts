// What is kept outside of the process, as small interfaces: each part of the core declares here what it needs of a store.
// A method that cannot do its work rejects; what that means is the caller's to decide.
import type { JWK } from 'jose'

/** A signing key as it is stored. Times are in seconds since 1970. */
export interface StoredKey {
  /** The RFC 7638 thumbprint of the public key. */
  kid: string
  /** The JWS algorithm that the key signs with. */
  alg: string
  privateJwk: JWK
  createdAt: number
  /** When it begins to sign. Until then it is announced only. */
  activeFrom: number
}

/** All signing keys of a server, and the version of that state. */
export interface KeySet {
  version: number
  keys: readonly StoredKey[]
}

/** Keeps the signing keys. */
export interface KeyStore {
  /** Reads the keys; version 0 and no keys where none were written yet. */
  readKeys (): Promise<KeySet>
  /**
   * Replaces all keys if nobody has since `set.version` was read, in one atomic step, and counts the version up.
   *
   * @returns false when somebody was faster: read again
   */
  replaceKeys (set: KeySet): Promise<boolean>
}

/** One access token that is no longer valid, or all of a client that were issued up to a moment. Times are in seconds since 1970. */
export type Revocation =
  | { kind: 'token', /** its jti, or the hash of an opaque one */ id: string, /** when it may be forgotten: the token's own expiry */ expiresAt: number }
  | { kind: 'client', /** the client_id */ id: string, /** tokens that were issued before this are invalid */ issuedBefore: number, expiresAt: number }

/** Keeps revocations until they expire, and hands them out to every process. */
export interface RevocationStore {
  addRevocation (revocation: Revocation): Promise<void>
  /**
   * Lists what was added since a cursor. What was added just before it may be listed again.
   *
   * @param cursor undefined for all that have not expired
   */
  listRevocations (cursor: string | undefined): Promise<{ revocations: readonly Revocation[], cursor: string }>
}

/** An opaque access token as it is stored: never the token. Times are in seconds since 1970. */
export interface StoredToken {
  clientId: string
  scope: readonly string[]
  audience: readonly string[]
  issuedAt: number
  expiresAt: number
  confirmation?: Readonly<Record<string, string>>
}

/** Keeps opaque access tokens under their hash until they expire. */
export interface TokenStore {
  saveToken (hash: string, token: StoredToken): Promise<void>
  /** @returns undefined for one that is unknown, was removed, or has expired */
  findToken (hash: string): Promise<StoredToken | undefined>
  removeToken (hash: string): Promise<void>
}
