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

// Seconds. The store lists changes as far back.
const MAX_CACHE_AGE = 3600
const MAX_PAGE = 1000

/** How secrets are hashed, and what is remembered of clients. */
export interface ClientRegistryOptions {
  /**
   * Keys of the HMAC that secrets are hashed with, of 32 characters at least. The first hashes new secrets, all of them
   * are tried: put a new one in front, and take the old one away when its secrets have been rotated. null stands for none:
   * put it last as long as there are secrets from before there was a pepper. Default none: SHA-256, which is no weaker for
   * secrets of 256 random bits; a pepper makes a copy of the store alone worthless for writing too.
   */
  peppers?: readonly (string | null)[]
  /** How many clients are remembered. The one that was used longest ago goes first. 0 for none. Default 10,000. */
  cacheSize?: number
  /** Seconds after which a remembered client is read again, whatever the store says of changes; 3,600 at most. Default 60. */
  cacheMaxAge?: number
  /** Is told of what fails behind the scenes: writing when secrets were used last, reading what changed. Once per outage. Default nobody is. */
  onError?: (error: Error) => void
  /** Default the clock of the machine. */
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
  /** Who makes the change: then it is recorded in the store. Default no record. */
  by?: AuditOrigin | undefined
}

/** How clients are added. */
export interface AddOptions extends ClientChangeOptions {
  /**
   * Gets the secrets that were generated before the clients are stored, to keep them: those of clients that turn out to be
   * there already are of no use. Nothing is stored if it rejects.
   */
  beforeCommit?: (issued: ReadonlyArray<{ id: string, secret: IssuedSecret }>) => Promise<void>
}

/** How a secret is rotated. */
export interface RotateOptions extends SecretOptions, ClientChangeOptions {
  /** Seconds that older secrets stay valid, 0 for none. Default 86,400. */
  overlap?: number
}

/** A page of the list of clients. */
export interface ListOptions {
  /** The `next` of the page before. */
  after?: string
  /** How many clients, 1 to 1,000. Default 100. */
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

/** Checks the options of a change, and returns who makes it. @throws FlowConfigurationError FST_OAUTH_UNKNOWN_OPTION, FST_OAUTH_INVALID_OPTION */
export function changedBy (options: ClientChangeOptions): AuditOrigin | undefined {
  checkOptions(options, CHANGE)
  return options.by
}

/** Checks the options of `addAll`. @throws as {@link changedBy} */
export function checkAddOptions (options: AddOptions): AddOptions {
  checkOptions(options, ADD_ALL)
  return options
}

/** Checks the options of `rotateSecret`. @throws as {@link changedBy}, and FST_OAUTH_INVALID_CLIENT */
export function checkRotateOptions (options: RotateOptions): RotateOptions {
  checkOptions(options, ROTATE)
  return options
}

/** Checks the options of `list`. @throws as {@link changedBy}, and RangeError */
export function checkListOptions (options: ListOptions): ListOptions {
  checkOptions(options, LIST)
  return options
}
