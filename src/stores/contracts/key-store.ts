import type { JWK } from 'jose'
import type { AuditRecord } from './audit-store.ts'
import type { Written } from './entry-store.ts'

/** A signing key as it is stored. Times are in seconds since 1970. */
export interface StoredKey {
  /** The RFC 7638 thumbprint of the public key. */
  kid: string
  /** The JWS algorithm that the key signs with. */
  alg: string
  /** A JWK, or, where it is sealed, an encrypted one: a compact JWE (RFC 7517 §7). */
  privateJwk: JWK | string
  /** Seconds since 1970. */
  createdAt: number
  /** When it begins to sign. Until then it is announced only. */
  activeFrom: number
}

/** All signing keys of a server, and the version of that state. */
export interface KeySet {
  /** Another one after every change, by a random step: a write that was decided in a lost history must not match. */
  version: number
  /** All of them. */
  keys: readonly StoredKey[]
}

/** What is written together with a change of the keys. */
export interface KeyChangeDetails {
  /** The keys that are revoked: each becomes an entry. */
  revokedKids?: readonly string[]
  audit?: AuditRecord | undefined
}

/** Keeps the signing keys. */
export interface KeyStore {
  /** Reads the keys; version 0 and no keys where none were written yet. */
  readKeys (): Promise<KeySet>
  /**
   * Replaces all keys if nobody has since `set.version` was read, in one atomic step, with another version.
   *
   * @param change what else is written in that step
   * @returns false when another process was faster: read again
   */
  replaceKeys (set: KeySet, change?: KeyChangeDetails): Promise<Written | false>
}
