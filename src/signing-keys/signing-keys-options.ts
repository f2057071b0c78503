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

/** How keys are made and how long they live. The same for all processes over one store, or they work against each other. */
export interface SigningKeysOptions {
  /** What new keys sign with. After a change the next key is of the new one, and takes over as in any rotation. Default "ES256". */
  algorithm?: SigningAlgorithm
  /** Seconds that a key signs. More than `announceFor`. Default 30 days. */
  rotateEvery?: number
  /** Seconds that a new key is in the JWKS before it signs, for those who keep a copy of that. Default 3600. */
  announceFor?: number
  /** Seconds: no token lives longer. A key that no longer signs is kept for so long. Default 86400. */
  maxTokenLifetime?: number
  /** Seconds that clocks may differ. Default 60. */
  clockTolerance?: number
  /**
   * What private keys are sealed with in the store (RFC 7517 section 7, AES-256-GCM): each 32 random bytes as base64url,
   * base64 or hex, from the environment. The first seals, all of them open. To change it, give the new one to all
   * processes, behind the other; then put it in front; then leave the other out once every process has started anew.
   * Default none: private keys are stored as they are.
   */
  sealingKeys?: readonly string[]
  /** Is told once per outage that the store fails, or holds a key that cannot be opened, while the keys that are known stay in use. Default nobody is. */
  onError?: (error: Error) => void
  /**
   * Seconds for which keys stay in use, counted from the last successful read, while the store is unavailable. After that
   * nothing is signed, and the JWKS answers 503. Default 600.
   */
  maxStale?: number
  /** Default the clock of the machine. */
  now?: Clock
}

/** What operators may know of a key. Times are in seconds since 1970. */
export interface KeyInformation {
  /** Its name in the header of tokens and in the JWKS: its thumbprint (RFC 7638). */
  kid: string
  /** What it signs with, as JWS names it (RFC 7518 section 3.1, RFC 8037). */
  alg: string
  /** Whether it is announced, signs, or has signed. */
  state: KeyState
  /** When it was made, or imported. */
  createdAt: number
  /** When it begins, or began, to sign. */
  activeFrom: number
  /** Whether the private key is sealed in the store. */
  isSealed: boolean
}

/** Options of a change that an administrator makes. */
export interface ChangeOptions {
  /** Who makes the change: then it is recorded in the store. Default no record. */
  by?: AuditOrigin | undefined
}

/** Options of the import of a key. */
export interface ImportOptions extends ChangeOptions {
  /**
   * Default the `alg` of the JWK, else the one of these keys. If it is another than theirs, a key of theirs is announced as
   * soon as this one signs.
   */
  algorithm?: SigningAlgorithm
}

/** The options of signing keys, checked and complete. */
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
 * Checks and completes the options of signing keys.
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
