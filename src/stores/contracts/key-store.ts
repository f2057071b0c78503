import type { JWK } from 'jose'
import type { AuditRecord } from './audit-store.ts'
import type { Written } from './entry-store.ts'

/** A signing key as it is stored. Times are in seconds since 1970. */
export interface StoredKey {
  /** The RFC 7638 thumbprint of the public key. */
  kid: string
  /** The JWS algorithm that the key signs with. */
  alg: string
  /** A JWK, or, if it is sealed, an encrypted JWK: a compact JWE (RFC 7517 §7). */
  privateJwk: JWK | string
  /** Seconds since 1970. */
  createdAt: number
  /** When the key begins to sign. Until then it is only announced. */
  activeFrom: number
}

/** All signing keys of a server, and the version of that state. */
export interface KeySet {
  /** Changes with every write, by a random step: a write that is based on a lost history must not match. */
  version: number
  /** All of them. */
  keys: readonly StoredKey[]
}

/** Data that is written together with a change of the keys. */
export interface KeyChangeDetails {
  /** The keys that are revoked: each becomes an entry. */
  revokedKids?: readonly string[]
  audit?: AuditRecord | undefined
}

/** Keeps the signing keys. */
export interface KeyStore {
  /** Reads the keys. Returns version 0 and no keys if none were written yet. */
  readKeys (): Promise<KeySet>
  /**
   * Replaces all keys in one atomic step, if the version is still `set.version`. The keys get another version.
   *
   * @param change further data that is written in that step
   * @returns false if another process was faster: read the keys again
   */
  replaceKeys (set: KeySet, change?: KeyChangeDetails): Promise<Written | false>
}
