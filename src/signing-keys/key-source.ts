import type { JSONWebKeySet } from 'jose'
import type { Entries } from '../entries/entries.ts'
import type { SigningKey } from '../jws/signing-key.ts'
import type { BackgroundRefresh } from '../lib/background-refresh.ts'
import { hasMethods } from '../options/rules.ts'
import type { Rule } from '../options/rules.ts'
import type { AgreedValues } from '../stores/contracts/index.ts'

/** The keys that sign and verify the tokens of this server. */
export interface KeySource {
  /** The algorithm that new tokens are signed with. */
  readonly algorithm: string
  /** Maximum lifetime of tokens in seconds. Keys are dropped once their last token has expired. */
  readonly maxTokenLifetime: number
  /** Seconds that clients and HTTP caches may cache the JWKS. */
  readonly jwksMaxAge: number
  /** Returns the key that signs now. */
  current (): SigningKey | Promise<SigningKey>
  /**
   * Finds a key by the kid of a token. Returns undefined for a key that this server never had, or has dropped.
   *
   * @param isThorough reads the store for every unknown kid, since another process may have just generated the key. Default
   *   false: unauthenticated callers choose kids
   */
  find (kid: string, isThorough?: boolean): SigningKey | undefined | Promise<SigningKey | undefined>
  /** Returns whether a key is valid now, by the state that this process has read. Omitted by a source whose keys are never revoked. */
  holds? (kid: string, alg: string): boolean
  /** The age of the keys that this process has read, and how they are refreshed. Omitted by a source that reads no keys. */
  readonly state?: BackgroundRefresh
  /** The entries of the store of the keys. Undefined if it has none. */
  readonly entries?: Entries | undefined
  /** The values that all processes which share the keys must agree on. */
  readonly agreed?: AgreedValues
  /**
   * Keeps keys at least as long as the settings in another store demand: that of the clients, in which the processes agree on
   * the lifetime of tokens. Omitted by a source whose keys are never dropped.
   */
  followSettings? (entries: Entries): void
  /** Returns the public keys that are announced, sign, or have signed tokens that may still be valid (RFC 7517). */
  toJwks (): Promise<JSONWebKeySet>
}

/** The rule for a key source. */
export const KEY_SOURCE: Rule<KeySource> = {
  accepts: (value) => hasMethods(value, ['current', 'find', 'toJwks']) && ['maxTokenLifetime', 'jwksMaxAge'].every((name) => Number.isFinite((value as Record<string, unknown>)[name])),
  demand: 'signing keys: an object with the methods current, find and toJwks, and the numbers maxTokenLifetime and jwksMaxAge',
  fix: 'Pass new SigningKeys(store)'
}
