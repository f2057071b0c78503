import type { OAuth2Client } from '../client-auth/oauth2-client.ts'
import { ISSUER } from '../http/issuer.ts'
import type { Signing } from '../jws/sign.ts'
import type { Clock } from '../lib/clock.ts'
import { callable, CLOCK, flag, oneOf, required, seconds, wholeNumber } from '../options/check-options.ts'
import type { OptionsDescription } from '../options/check-options.ts'
import { AUDIENCE, MAX_STALE, ON_ERROR } from '../options/common-rules.ts'
import { KEY_SOURCE } from '../signing-keys/key-source.ts'
import type { KeySource } from '../signing-keys/key-source.ts'
import type { EntryStore, RevocationStore } from '../stores/contracts/index.ts'
import { ENTRY_STORE, REVOCATION_STORE } from '../stores/contracts/option-rules.ts'

/** Options of JwtAccessTokens. */
export interface JwtAccessTokensOptions {
  /** The `iss` of every token: the https URL of this server, without query and fragment; http on loopback only. */
  issuer: string
  /** The audiences of tokens; the first is used unless the request names a resource (RFC 8707). Never empty. */
  audience: string | readonly string[]
  /** The keys that sign and verify tokens: a `SigningKeys`. */
  keys: KeySource
  /**
   * The store for revocations of single tokens, and of all tokens of a client that is not in a registry. Default none: then single
   * tokens cannot be revoked, and are valid until they expire.
   */
  revocations?: RevocationStore
  /**
   * The store of the clients: tokens are rejected once their client was disabled or removed there, or its tokens were
   * revoked. Default the store of `keys`.
   */
  entries?: EntryStore
  /** Returns additional claims. They cannot replace those that RFC 9068 defines. */
  claims?: (client: OAuth2Client, scope: readonly string[]) => Record<string, unknown>
  /**
   * Tolerated clock difference in seconds. Default 5. It must be equal in all processes on one store.
   */
  clockTolerance?: number
  /**
   * Seconds for which tokens are accepted by cached data while a store is unavailable. After that, requests get a 503. Default 600.
   */
  maxStale?: number
  /** Maximum number of cached tokens. Default 10,000. */
  cacheSize?: number
  /** Where signatures are created and verified. Default "pool" with more than one core, else "batch". */
  signing?: Signing
  /** Called once per outage of the revocation store. Default none. */
  onError?: (error: Error) => void
  /** Accepts an issuer without TLS on any host: an eavesdropper reads secrets and tokens. Default false. */
  dangerouslyAllowHttpIssuer?: boolean
  /** The clock. Default the system clock. */
  now?: Clock
}

/** The options of JwtAccessTokens. */
export const JWT_ACCESS_TOKENS: OptionsDescription<JwtAccessTokensOptions> = {
  of: 'JwtAccessTokens',
  options: {
    issuer: required(ISSUER),
    audience: required(AUDIENCE),
    keys: required(KEY_SOURCE),
    revocations: REVOCATION_STORE,
    entries: ENTRY_STORE,
    claims: callable('that returns an object of claims'),
    clockTolerance: seconds(0),
    maxStale: MAX_STALE,
    cacheSize: wholeNumber(0),
    signing: oneOf<Signing>('pool', 'batch'),
    onError: ON_ERROR,
    dangerouslyAllowHttpIssuer: flag(),
    now: CLOCK
  }
}
