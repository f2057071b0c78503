import type { JSONWebKeySet } from 'jose'
import type { Entries } from '../entries/entries.ts'
import type { SigningKey } from '../jws/signing-key.ts'
import type { BackgroundRefresh } from '../lib/background-refresh.ts'
import { hasMethods } from '../options/rules.ts'
import type { Rule } from '../options/rules.ts'
import type { AgreedValues } from '../stores/contracts/index.ts'

/** The keys of this server, as the parts that sign and verify need them. */
export interface KeySource {
  /** The algorithm that new tokens are signed with. */
  readonly algorithm: string
  /** Seconds: no token that is signed with these keys may live longer, since keys are dropped when their last token has expired. */
  readonly maxTokenLifetime: number
  /** Seconds that another process, or a cache in between, may keep the JWKS. */
  readonly jwksMaxAge: number
  /** The key that signs now. */
  current (): SigningKey | Promise<SigningKey>
  /**
   * The key that a token names. Undefined for one that this server never had, or has dropped.
   *
   * @param isThorough looks for a key that is not known here whatever that costs: another process may have just made it.
   *   Default false: strangers write kids
   */
  find (kid: string, isThorough?: boolean): SigningKey | undefined | Promise<SigningKey | undefined>
  /** Whether a key is valid at this moment, as far as this process has read. Left out by a source whose keys are never revoked. */
  holds? (kid: string, alg: string): boolean
  /** How old the keys are that this process has read, and how they are read again. Left out by a source that reads none. */
  readonly state?: BackgroundRefresh
  /** The entries of the store of the keys. Undefined where it has none. */
  readonly entries?: Entries | undefined
  /** What all processes that share the keys must agree on. */
  readonly agreed?: AgreedValues
  /**
   * Keeps keys for as long as the settings in another store say too: in that of the clients, where the processes agree on the
   * lifetime of tokens. Left out by a source whose keys are never dropped.
   */
  followSettings? (entries: Entries): void
  /** The public keys that are announced, sign, or have signed tokens that may still be valid (RFC 7517). */
  toJwks (): Promise<JSONWebKeySet>
}

/** The keys that tokens are signed with. */
export const KEY_SOURCE: Rule<KeySource> = {
  accepts: (value) => hasMethods(value, ['current', 'find', 'toJwks']) && ['maxTokenLifetime', 'jwksMaxAge'].every((name) => Number.isFinite((value as Record<string, unknown>)[name])),
  demand: 'signing keys: an object with the methods current, find and toJwks, and the numbers maxTokenLifetime and jwksMaxAge',
  fix: 'Pass new SigningKeys(store)'
}
