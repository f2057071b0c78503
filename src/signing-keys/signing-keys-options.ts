import type { SigningAlgorithm } from '../jws/algorithms.ts'
import { systemClock } from '../lib/clock.ts'
import type { Clock } from '../lib/clock.ts'
import { checkOptions, CLOCK, codedError, listOf, oneOf, seconds, withError } from '../options/check-options.ts'
import type { OptionsDescription } from '../options/check-options.ts'
import { ON_ERROR } from '../options/common-rules.ts'
import type { AgreedValues, AuditOrigin } from '../stores/contracts/index.ts'
import { AUDIT_ORIGIN } from '../stores/contracts/option-rules.ts'
import type { KeyRules, KeyState } from './key-schedule.ts'
import { isSealingKey } from './sealing-keys.ts'

// Seconds.
const ROTATE_EVERY = 30 * 86_400
const ANNOUNCE_FOR = 3600

/** Options of SigningKeys. All processes on one store need the same values, or they would overwrite each other's changes. */
export interface SigningKeysOptions {
  /** The JWS algorithm of new keys. After a change, the next key has the new algorithm, and is announced as in any rotation. Default "ES256". */
  algorithm?: SigningAlgorithm
  /** Seconds that a key signs. More than `announceFor`. Default 30 days. */
  rotateEvery?: number
  /**
   * Seconds that a new key is in the JWKS before it signs, so that resource servers which cache the JWKS have it. Default 3600.
   */
  announceFor?: number
  /** Maximum lifetime of tokens in seconds. A key that no longer signs is kept for this time. Default 86400. */
  maxTokenLifetime?: number
  /** Seconds that clocks may differ. Default 60. */
  clockTolerance?: number
  /**
   * Keys that encrypt the private keys in the store (RFC 7517 section 7, AES-256-GCM): 32 random bytes each, as base64url,
   * base64 or hex, from the environment. The first one seals, all of them open. To replace one: add the new key to all
   * processes, after the old one; then put it first; then remove the old one once every process has been restarted. Default
   * none: private keys are stored unencrypted.
   */
  sealingKeys?: readonly string[]
  /** Is called once per outage with the error of the store, or of a key that cannot be opened, while the cached keys stay in use. Default none. */
  onError?: (error: Error) => void
  /**
   * Seconds for which keys stay in use, counted from the last successful read, while the store is unavailable. After that
   * nothing is signed, and the JWKS answers 503. Default 600.
   */
  maxStale?: number
  /** The clock, in seconds since 1970. Default the clock of the machine. */
  now?: Clock
}

/** The public data of a key, for operators. Times are in seconds since 1970. */
export interface KeyInformation {
  /** The key id in the header of tokens and in the JWKS: the thumbprint (RFC 7638). */
  kid: string
  /** The JWS algorithm (RFC 7518 section 3.1, RFC 8037). */
  alg: string
  /** Whether it is announced, signs, or no longer signs. */
  state: KeyState
  /** When it was generated or imported. */
  createdAt: number
  /** When it begins, or began, to sign. */
  activeFrom: number
  /** Whether the private key is sealed in the store. */
  isSealed: boolean
}

/** Options of a change by an administrator. */
export interface ChangeOptions {
  /** The actor of the change, for an audit record in the store. Default no record. */
  by?: AuditOrigin | undefined
}

/** Options of the import of a key. */
export interface ImportOptions extends ChangeOptions {
  /**
   * The algorithm of the key. Default the `alg` of the JWK, else the configured one. If it is not the configured one, a key of
   * the configured algorithm is announced as soon as this one signs.
   */
  algorithm?: SigningAlgorithm
}

/** The options of signing keys, validated and with defaults. */
export interface KeySettings {
  readonly rules: KeyRules & { readonly maxTokenLifetime: number, readonly clockTolerance: number }
  /** Milliseconds. */
  readonly maxStale: number
  readonly now: Clock
  readonly agreed: AgreedValues
}

/** The options of SigningKeys. */
export const SIGNING_KEYS: OptionsDescription<SigningKeysOptions> = {
  of: 'SigningKeys',
  options: {
    algorithm: oneOf<SigningAlgorithm>('ES256', 'EdDSA', 'RS256', 'PS256'),
    rotateEvery: seconds(1),
    announceFor: seconds(1),
    maxTokenLifetime: seconds(1),
    clockTolerance: seconds(0),
    sealingKeys: withError(listOf<string>(isSealingKey, 'keys of 32 bytes as base64url, base64 or hex'), codedError('FST_OAUTH_INVALID_SEALING_KEYS')),
    onError: ON_ERROR,
    maxStale: seconds(0),
    now: CLOCK
  },
  together: ({ rotateEvery = ROTATE_EVERY, announceFor = ANNOUNCE_FOR }) =>
    rotateEvery <= announceFor ? 'The option "rotateEvery" of SigningKeys must be more than "announceFor". Pass a longer time' : undefined,
  error: codedError('FST_OAUTH_INVALID_SIGNING_KEYS')
}

/** The options of `rotate` and `revoke`. */
export const KEY_CHANGE: OptionsDescription<ChangeOptions> = { of: 'rotate and revoke', options: { by: AUDIT_ORIGIN } }

/** The options of `import`. */
export const KEY_IMPORT: OptionsDescription<ImportOptions> = { of: 'import', options: { by: AUDIT_ORIGIN, algorithm: withError(SIGNING_KEYS.options.algorithm, () => new TypeError('The algorithm of the key must be ES256, EdDSA, RS256 or PS256')) } }

/**
 * Validates the options of signing keys, and adds the defaults.
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_SIGNING_KEYS, FST_OAUTH_INVALID_SEALING_KEYS, FST_OAUTH_UNKNOWN_OPTION
 */
export function resolveKeyOptions (options: SigningKeysOptions): KeySettings {
  checkOptions(options, SIGNING_KEYS)
  const {
    algorithm = 'ES256', rotateEvery = ROTATE_EVERY, announceFor = ANNOUNCE_FOR, maxTokenLifetime = 86_400, clockTolerance = 60, maxStale = 600, now = systemClock
  } = options
  return {
    rules: { algorithm, rotateEvery, announceFor, maxTokenLifetime, clockTolerance, keepFor: maxTokenLifetime + clockTolerance },
    maxStale: maxStale * 1000,
    now,
    agreed: {
      'keys.algorithm': algorithm,
      'keys.rotateEvery': rotateEvery,
      'keys.announceFor': announceFor,
      'keys.maxTokenLifetime': maxTokenLifetime,
      'keys.clockTolerance': clockTolerance
    }
  }
}
