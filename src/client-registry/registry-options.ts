import { wrongClient } from '../errors/client-error.ts'
import type { Clock } from '../lib/clock.ts'
import { callable, checkOptions, CLOCK, codedError, listOf, seconds, text, wholeNumber, withError } from '../options/check-options.ts'
import type { OptionsDescription } from '../options/check-options.ts'
import { ON_ERROR } from '../options/common-rules.ts'
import type { AuditOrigin } from '../stores/contracts/index.ts'
import { AUDIT_ORIGIN } from '../stores/contracts/option-rules.ts'
import { LIFETIME_DEMAND, MAX_LIFETIME } from './new-client.ts'
import type { IssuedSecret, SecretOptions } from './new-client.ts'
import { isPepper } from './secrets/fast-secrets.ts'

// Seconds. The store lists changes of this period.
const MAX_CACHE_AGE = 3600
const MAX_PAGE = 1000

/** Options of the client registry. */
export interface ClientRegistryOptions {
  /**
   * Keys of the HMAC that hashes secrets, each of at least 32 characters. The first key hashes new secrets, and all are tried when a
   * secret is verified. To rotate, put the new key first, and remove the old one when its secrets have been rotated. null stands
   * for no pepper: put it last while there are secrets from before the first pepper. Default none: SHA-256, which is as strong for
   * secrets of 256 random bits. With a pepper, a copy of the store alone does not allow writing valid secrets either.
   */
  peppers?: readonly (string | null)[]
  /** Maximum number of cached clients. The least recently used one is evicted. 0 disables the cache. Default 10,000. */
  cacheSize?: number
  /** Seconds until a cached client is read again even without a listed change; at most 3,600. Default 60. */
  cacheMaxAge?: number
  /** Called when a background task fails: writing last-used times, or reading changes. Once per outage. Default none. */
  onError?: (error: Error) => void
  /** The clock. Default the system clock. */
  now?: Clock
}

/** The options of ClientRegistry. */
export const CLIENT_REGISTRY: OptionsDescription<ClientRegistryOptions> = {
  of: 'ClientRegistry',
  options: {
    peppers: listOf<string | null>(isPepper, 'strings of 32 characters or more, or null for none'),
    cacheSize: wholeNumber(0),
    cacheMaxAge: seconds(0, MAX_CACHE_AGE),
    onError: ON_ERROR,
    now: CLOCK
  },
  error: codedError('FST_OAUTH_INVALID_REGISTRY')
}

/** Options of a change. */
export interface ClientChangeOptions {
  /** The administrator who makes the change. If given, the change is recorded in the store. Default no audit record. */
  by?: AuditOrigin | undefined
}

/** Options of `addAll`. */
export interface AddOptions extends ClientChangeOptions {
  /**
   * Receives the generated secrets before the clients are stored, so that they can be saved. Secrets of clients that already exist
   * are not stored and are invalid. Nothing is stored if it rejects.
   */
  beforeCommit?: (issued: ReadonlyArray<{ id: string, secret: IssuedSecret }>) => Promise<void>
}

/** Options of `rotateSecret`. */
export interface RotateOptions extends SecretOptions, ClientChangeOptions {
  /** Seconds that older secrets stay valid, 0 for none. Default 86,400. */
  overlap?: number
}

/** Options of `list`. */
export interface ListOptions {
  /** The `next` of the previous page. */
  after?: string
  /** Page size, 1 to 1,000. Default 100. */
  limit?: number
}

const LIST: OptionsDescription<ListOptions> = {
  of: 'list',
  options: {
    after: text(0),
    limit: withError(wholeNumber(1, { max: MAX_PAGE }), () => new RangeError(`The limit of a page must be a whole number from 1 to ${MAX_PAGE}`))
  }
}

const by = AUDIT_ORIGIN
const CHANGE: OptionsDescription<ClientChangeOptions> = { of: 'A change of ClientRegistry', options: { by } }
const ADD_ALL: OptionsDescription<AddOptions> = { of: 'addAll', options: { by, beforeCommit: callable('that keeps secrets') } }
const ROTATE: OptionsDescription<RotateOptions> = {
  of: 'rotateSecret',
  options: {
    by,
    overlap: withError(seconds(0), () => wrongClient('overlap must be a whole number of seconds')),
    lifetime: withError(seconds(1, MAX_LIFETIME), () => wrongClient(LIFETIME_DEMAND))
  }
}

/** Validates the options of a change, and returns who makes it. @throws FlowConfigurationError FST_OAUTH_UNKNOWN_OPTION, FST_OAUTH_INVALID_OPTION */
export function changedBy (options: ClientChangeOptions): AuditOrigin | undefined {
  checkOptions(options, CHANGE)
  return options.by
}

/** Validates the options of `addAll`. @throws as {@link changedBy} */
export function checkAddOptions (options: AddOptions): AddOptions {
  checkOptions(options, ADD_ALL)
  return options
}

/** Validates the options of `rotateSecret`. @throws as {@link changedBy}, and FST_OAUTH_INVALID_CLIENT */
export function checkRotateOptions (options: RotateOptions): RotateOptions {
  checkOptions(options, ROTATE)
  return options
}

/** Validates the options of `list`. @throws as {@link changedBy}, and RangeError */
export function checkListOptions (options: ListOptions): ListOptions {
  checkOptions(options, LIST)
  return options
}
