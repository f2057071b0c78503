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

/** What JWT access tokens are made and verified with. */
export interface JwtAccessTokensOptions {
  /** The `iss` of every token: the https URL of this server, without query and fragment; http on loopback only. */
  issuer: string
  /** What tokens may be for, the first unless the request names a resource (RFC 8707). Never empty. */
  audience: string | readonly string[]
  /** What tokens are signed with, and verified by: a `SigningKeys`. */
  keys: KeySource
  /**
   * Keeps revocations of single tokens, and of all tokens of a client that is not in a registry. Default none: then single
   * tokens cannot be revoked, and are valid until they expire.
   */
  revocations?: RevocationStore
  /**
   * The store of the clients: tokens are rejected once their client was disabled or removed there, or its tokens were
   * revoked. Default the store of `keys`.
   */
  entries?: EntryStore
  /** Further claims. They cannot take the place of those that RFC 9068 defines. */
  claims?: (client: OAuth2Client, scope: readonly string[]) => Record<string, unknown>
  /**
   * Seconds that clocks may differ. Default 5. The same in all processes on one store.
   */
  clockTolerance?: number
  /**
   * Seconds for which tokens are accepted by what was read last, while a store is unavailable; then they are answered with
   * 503. Default 600.
   */
  maxStale?: number
  /** How many verified tokens are remembered. Default 10,000. */
  cacheSize?: number
  /** Where signatures are made and verified. Default "pool" where there is a second core, else "batch". */
  signing?: Signing
  /** Is called once per outage of the store of revocations. Default none. */
  onError?: (error: Error) => void
  /** Accepts an issuer without TLS on any host: an eavesdropper reads secrets and tokens. Default false. */
  dangerouslyAllowHttpIssuer?: boolean
  /** Default the clock of the machine. */
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
