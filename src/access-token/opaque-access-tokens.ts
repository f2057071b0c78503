import { randomBytes } from 'node:crypto'
import { Agreement } from '../entries/agreement.ts'
import type { Terms } from '../entries/agreement.ts'
import { Entries } from '../entries/entries.ts'
import { StoreUnavailableError } from '../errors/store-unavailable.ts'
import { ISSUER } from '../http/issuer.ts'
import { systemClock } from '../lib/clock.ts'
import type { Clock } from '../lib/clock.ts'
import { deepFreeze, withoutUndefined } from '../lib/json.ts'
import { sha256Base64url } from '../lib/sha256.ts'
import { checkOptions, CLOCK, flag, required, seconds, wholeNumber } from '../options/check-options.ts'
import type { OptionsDescription } from '../options/check-options.ts'
import { AUDIENCE, MAX_STALE, ON_ERROR } from '../options/common-rules.ts'
import type { EntryStore, RevocationStore, TokenStore } from '../stores/contracts/index.ts'
import { ENTRY_STORE, TOKEN_STORE } from '../stores/contracts/option-rules.ts'
import type { AccessTokens, AccessTokensMetadata, ClientCredentialsGrantContext, OAuth2AccessTokenResult, VerifyTokenResult } from './access-tokens.ts'
import { resolveMetadata } from './resolve-metadata.ts'
import { Revocations } from './revocations.ts'
import { revokeClient } from './revoke-client-tokens.ts'
import { TokenCache } from './token-cache.ts'
import { createGrant, fromStoredToken, toClaims, toStoredToken, toTokenInformation } from './token-grant.ts'
import type { TokenGrant, TokenInformation } from './token-grant.ts'
import { REVOKED, storeIdOf, TokenValidity } from './token-validity.ts'

/** Options of OpaqueAccessTokens. */
export interface OpaqueAccessTokensOptions {
  /** The https URL of this server, for introspection responses and metadata; http on loopback only. */
  issuer: string
  /** The audiences of tokens; the first is used unless the request names a resource (RFC 8707). Never empty. */
  audience: string | readonly string[]
  /** The store of the tokens and of their revocations. */
  store: TokenStore & RevocationStore
  /**
   * The store of the clients: tokens are rejected once their client was disabled or removed there, or its tokens were
   * revoked. Default `store`.
   */
  entries?: EntryStore
  /** Tolerated clock difference in seconds. Default 5. It must be equal in all processes on one store. */
  clockTolerance?: number
  /**
   * Seconds for which tokens are accepted by cached data while a store is unavailable. After that, requests get a 503. Default 600.
   */
  maxStale?: number
  /** Maximum number of cached tokens. Default 10,000. */
  cacheSize?: number
  /** Maximum lifetime of a client's tokens in seconds: revocations of the client are kept for this time. Default 86400. */
  maxTokenLifetime?: number
  /** Called once per outage in which revocations cannot be read. Default none. */
  onError?: (error: Error) => void
  /** Accepts an http issuer on any host: without TLS, secrets and tokens can be read in transit. Default false. */
  dangerouslyAllowHttpIssuer?: boolean
  /** The clock. Default the system clock. */
  now?: Clock
}

/** The options of OpaqueAccessTokens. */
export const OPAQUE_ACCESS_TOKENS: OptionsDescription<OpaqueAccessTokensOptions> = {
  of: 'OpaqueAccessTokens',
  options: {
    issuer: required(ISSUER),
    audience: required(AUDIENCE),
    store: required(TOKEN_STORE),
    entries: ENTRY_STORE,
    clockTolerance: seconds(0),
    maxStale: MAX_STALE,
    cacheSize: wholeNumber(0),
    maxTokenLifetime: seconds(1),
    onError: ON_ERROR,
    dangerouslyAllowHttpIssuer: flag(),
    now: CLOCK
  }
}

// An attempt fails if the process is suspended, or a store responds slowly.
const MAX_ATTEMPTS = 5

interface Found { readonly result: VerifyTokenResult & { isValid: true }, readonly hash: string, readonly grant: TokenGrant }

/**
 * Opaque access tokens: 256 random bits, of which only the SHA-256 is stored. Use them if a token must not reveal its content, and
 * must be revocable immediately. Each token is a database row, and each verification a look-up, unless the token is cached.
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_ISSUER, FST_OAUTH_INVALID_AUDIENCE, FST_OAUTH_INVALID_MAX_STALE, FST_OAUTH_INVALID_OPTION,
 *   FST_OAUTH_UNKNOWN_OPTION
 */
export class OpaqueAccessTokens implements AccessTokens {
  readonly metadata: AccessTokensMetadata
  readonly entries: Entries | undefined
  readonly start: () => Promise<void>
  readonly #store: TokenStore
  readonly revocationStore: RevocationStore
  readonly #revocations: Revocations
  readonly #validity: TokenValidity
  readonly #agreement: Agreement
  readonly #found: TokenCache<Found>
  readonly #maxTokenLifetime: number
  readonly #clockTolerance: number
  readonly #now: Clock
  #epoch = 0

  constructor (options: OpaqueAccessTokensOptions) {
    checkOptions(options, OPAQUE_ACCESS_TOKENS)
    const { issuer, audience, store, entries = store, clockTolerance = 5, maxStale = 600, cacheSize, maxTokenLifetime = 86_400, onError = () => {}, dangerouslyAllowHttpIssuer, now = systemClock } = options
    this.metadata = resolveMetadata({ issuer, audience, dangerouslyAllowHttpIssuer })
    this.#store = store
    this.entries = Entries.of(entries, { now })
    this.revocationStore = store
    this.#revocations = new Revocations(store, { now, onOutage: onError, clockTolerance: () => Math.max(clockTolerance, this.entries?.settings?.largestClockTolerance ?? 0) })
    this.#agreement = new Agreement(this.entries?.store ?? {}, async () => await this.#terms(), now)
    this.start = async () => { await this.#agreement.start() }
    this.#validity = new TokenValidity({
      entries: this.entries, revocations: this.#revocations, agreement: this.#agreement, maxStale, clockTolerance
    })
    this.#found = new TokenCache({ now, ...(cacheSize !== undefined && { max: cacheSize }) })
    this.#maxTokenLifetime = maxTokenLifetime
    this.#clockTolerance = clockTolerance
    this.#now = now
  }

  async issue (context: ClientCredentialsGrantContext): Promise<OAuth2AccessTokenResult> {
    const grant = createGrant(context, { issuer: this.metadata.issuer, audiences: this.metadata.audience, issuedAt: this.#now(), maxLifetime: this.#maxTokenLifetime })
    const accessToken = randomBytes(32).toString('base64url')
    await this.#store.saveToken(sha256Base64url(accessToken), toStoredToken(grant))
    return { accessToken, expiresIn: grant.expiresAt - grant.issuedAt, audience: grant.audience }
  }

  cached (token: string): VerifyTokenResult | undefined {
    const hash = this.#found.keyOf(token)
    if (hash === undefined || !this.#validity.isReady()) return undefined
    this.#forgetAfterLoss()
    const found = this.#found.get(hash)
    return found === undefined || this.#isRevoked(found) ? undefined : found.result
  }

  async verify (token: string): Promise<VerifyTokenResult> {
    const found = await this.#find(token)
    return 'result' in found ? found.result : found
  }

  async ready (): Promise<void> {
    await this.#validity.ready()
  }

  async introspect (token: string): Promise<TokenInformation | undefined> {
    const found = await this.#find(token)
    return 'result' in found ? toTokenInformation(found.grant) : undefined
  }

  async revoke (token: string): Promise<void> {
    const found = await this.#find(token)
    if (!('result' in found)) return
    // Other processes may have cached the token, and learn from the revocations that it is revoked.
    await this.#revocations.add({ kind: 'token', id: found.hash, expiresAt: found.grant.expiresAt })
    await this.#store.removeToken(found.hash)
  }

  /** Revokes all tokens that were issued to a client until now. Every process rejects them within a second. */
  async revokeClient (clientId: string): Promise<void> {
    await revokeClient(clientId, {
      entries: this.entries, revocations: this.#revocations, maxTokenLifetime: this.#maxTokenLifetime, clockTolerance: this.#clockTolerance, now: this.#now
    })
  }

  // The look-up takes time. So state that may have changed meanwhile is checked in one synchronous step at the end. If it is too old
  // by then, for example after the process was suspended, everything starts over.
  async #find (token: string): Promise<Found | VerifyTokenResult & { isValid: false }> {
    const hash = sha256Base64url(token)
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      await this.#validity.ready()
      this.#forgetAfterLoss()
      const found = this.#found.get(hash) ?? await this.#lookUp(hash)
      if (found === undefined) return { isValid: false, cause: 'the store has no such token' }
      if (!this.#validity.isUsable()) continue
      const { expiresAt } = found.grant
      if (expiresAt <= this.#now()) return { isValid: false, cause: 'the token has expired' }
      if (this.#isRevoked(found)) return REVOKED
      this.#found.set(hash, found, expiresAt)
      return found
    }
    throw new StoreUnavailableError(new Error('What was read of the stores was too old each time that a token had been found'))
  }

  #isRevoked ({ hash, grant: { clientId, generation, issuedAt } }: Found): boolean {
    return this.#validity.isRevoked({ id: hash, clientId, generation, issuedAt })
  }

  #forgetAfterLoss (): void {
    const { epoch } = this.#validity
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    this.#found.clear()
  }

  async #terms (): Promise<Terms> {
    const revocations = await storeIdOf(this.#revocations)
    return {
      values: { 'opaque.maxTokenLifetime': this.#maxTokenLifetime, 'opaque.clockTolerance': this.#clockTolerance, 'opaque.revocations': revocations },
      longestTokenLifetime: this.#maxTokenLifetime,
      largestClockTolerance: this.#clockTolerance,
      revocationStores: [revocations]
    }
  }

  async #lookUp (hash: string): Promise<Found | undefined> {
    const stored = await this.#store.findToken(hash)
    // A token with another audience is for another resource server on the same store.
    if (stored === undefined || stored.expiresAt <= this.#now() || !stored.audience.some((name) => this.metadata.audience.includes(name))) return undefined
    const grant = fromStoredToken(stored, this.metadata.issuer)
    const { clientId, scope, confirmation } = grant
    const credentials = deepFreeze({ app: { id: clientId }, scope: [...scope], ...(grant.claims !== undefined && { claims: withoutUndefined(toClaims(grant)) }) })
    return { hash, grant, result: { isValid: true, credentials, confirmation: confirmation && Object.freeze({ ...confirmation }) } }
  }
}
