import { randomUUID } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { Agreement } from '../entries/agreement.ts'
import type { Terms } from '../entries/agreement.ts'
import { Entries } from '../entries/entries.ts'
import { StoreUnavailableError } from '../errors/store-unavailable.ts'
import { createVerifier, decodeObject, readJws, rememberHeader } from '../jws/compact-jws.ts'
import type { UnverifiedJws, Verifier } from '../jws/compact-jws.ts'
import { createSigner } from '../jws/sign.ts'
import type { Signer } from '../jws/sign.ts'
import type { SigningKey } from '../jws/signing-key.ts'
import { systemClock } from '../lib/clock.ts'
import type { Clock } from '../lib/clock.ts'
import { isThenable } from '../lib/maybe-promise.ts'
import { checkOptions } from '../options/check-options.ts'
import type { KeySource } from '../signing-keys/key-source.ts'
import type { RevocationStore } from '../stores/contracts/index.ts'
import type { AccessTokens, AccessTokensMetadata, ClientCredentialsGrantContext, OAuth2AccessTokenResult, VerifyTokenResult } from './access-tokens.ts'
import { JWT_ACCESS_TOKENS } from './jwt-options.ts'
import type { JwtAccessTokensOptions } from './jwt-options.ts'
import { resolveMetadata } from './resolve-metadata.ts'
import { Revocations } from './revocations.ts'
import { revokeClient } from './revoke-client-tokens.ts'
import { TokenCache } from './token-cache.ts'
import { createGrant, fromClaims, toClaims, toTokenInformation } from './token-grant.ts'
import type { TokenClaims, TokenGrant, TokenInformation } from './token-grant.ts'
import { REVOKED, storeIdOf, TokenValidity } from './token-validity.ts'
import { ACCESS_TOKEN_TYPE, isAccessTokenType, validateClaims } from './validate-claims.ts'
import type { ClaimsExpectation } from './validate-claims.ts'

export type { JwtAccessTokensOptions } from './jwt-options.ts'

// Characters. Tokens of this package are far shorter. A longer string is rejected without parsing.
const MAX_LENGTH = 16_384

// An attempt fails if the process is suspended, or a store responds slowly.
const MAX_ATTEMPTS = 5

type Refusal = VerifyTokenResult & { isValid: false }
interface Verdict {
  readonly result: VerifyTokenResult & { isValid: true }
  readonly kid: string
  readonly alg: string
  readonly grant: TokenGrant
  /** The revocation state in which the token was last checked: `TokenValidity.changes`. */
  checkedIn: number
}

/**
 * JWT access tokens (RFC 9068): signed here, and verified here or by any resource server with the JWKS. The header contains the key
 * id and the type, the claims are those of RFC 9068 §2.2, and `sub` is the client (§2.2).
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_ISSUER, FST_OAUTH_INVALID_AUDIENCE, FST_OAUTH_INVALID_MAX_STALE, FST_OAUTH_INVALID_OPTION,
 *   FST_OAUTH_UNKNOWN_OPTION
 */
export class JwtAccessTokens implements AccessTokens {
  readonly metadata: AccessTokensMetadata
  readonly revoke?: (token: string) => Promise<void>
  readonly entries: Entries | undefined
  readonly revocationStore: RevocationStore | undefined
  readonly start: () => Promise<void>
  readonly #keys: KeySource
  readonly #sign: Signer
  readonly #isSignedBy: Verifier
  readonly #claims: JwtAccessTokensOptions['claims']
  readonly #verified: TokenCache<Verdict>
  readonly #revocations: Revocations | undefined
  readonly #validity: TokenValidity
  readonly #agreement: Agreement
  readonly #now: Clock
  #epoch = 0
  readonly #expectation: ClaimsExpectation

  constructor (options: JwtAccessTokensOptions) {
    checkOptions(options, JWT_ACCESS_TOKENS)
    const {
      issuer, audience, keys, revocations, entries, claims, clockTolerance = 5, maxStale = 600, cacheSize, onError = () => {},
      dangerouslyAllowHttpIssuer = false, signing = availableParallelism() > 1 ? 'pool' : 'batch', now = systemClock
    } = options
    this.metadata = resolveMetadata({ issuer, audience, keys, dangerouslyAllowHttpIssuer })
    this.#keys = keys
    this.#sign = createSigner(signing)
    this.#isSignedBy = createVerifier(signing)
    this.#claims = claims
    this.#now = now
    this.#expectation = { ...this.metadata, now, clockTolerance }
    this.#verified = new TokenCache({ now, ...(cacheSize !== undefined && { max: cacheSize }) })
    this.entries = entries === undefined ? keys.entries : Entries.of(entries, { now })
    if (this.entries !== undefined) keys.followSettings?.(this.entries)
    this.revocationStore = revocations
    if (revocations !== undefined) {
      const toleranceOf = () => Math.max(clockTolerance, this.entries?.settings?.largestClockTolerance ?? 0)
      this.#revocations = new Revocations(revocations, { now, clockTolerance: toleranceOf, onOutage: onError })
      this.revoke = (token) => this.#revoke(token)
    }
    this.#agreement = new Agreement(this.entries?.store ?? {}, async () => await this.#terms(), now)
    this.start = async () => { await this.#agreement.start() }
    this.#validity = new TokenValidity({
      entries: this.entries, revocations: this.#revocations, keys: keys.state, agreement: this.#agreement, maxStale, clockTolerance
    })
  }

  async issue (context: ClientCredentialsGrantContext): Promise<OAuth2AccessTokenResult> {
    const grant = createGrant(context, {
      issuer: this.metadata.issuer,
      audiences: this.metadata.audience,
      id: randomUUID(),
      issuedAt: this.#now(),
      maxLifetime: this.#keys.maxTokenLifetime,
      claims: this.#claims?.(context.client, context.scope)
    })
    const accessToken = await this.#sign(await this.#keys.current(), ACCESS_TOKEN_TYPE, toClaims(grant))
    return { accessToken, expiresIn: grant.expiresAt - grant.issuedAt, audience: grant.audience }
  }

  cached (token: string): VerifyTokenResult | undefined {
    return this.#cached(this.#verified.keyOf(token))?.result
  }

  async verify (token: string): Promise<VerifyTokenResult> {
    const key = this.#verified.keyOf(token)
    const verdict = this.#cached(key) ?? await this.#judge(token, key)
    return 'result' in verdict ? verdict.result : verdict
  }

  async ready (): Promise<void> {
    await Promise.all([this.#validity.ready(), this.#keys.current()])
  }

  async introspect (token: string, isThorough = false): Promise<TokenInformation | undefined> {
    const verdict = await this.#judge(token, this.#verified.keyOf(token), isThorough)
    if (!('result' in verdict)) return undefined
    // RFC 7662 §2.2: active ends at `exp`. The clock tolerance of verification does not apply here.
    return verdict.grant.expiresAt <= this.#now() ? undefined : toTokenInformation(verdict.grant)
  }

  /**
   * Revokes all tokens that were issued to a client until now. Every process rejects them within a second.
   *
   * @throws TypeError for a client that is not in the registry, if there is no revocation store
   */
  async revokeClient (clientId: string): Promise<void> {
    const { maxTokenLifetime } = this.#keys
    await revokeClient(clientId, {
      entries: this.entries, revocations: this.#revocations, maxTokenLifetime, clockTolerance: this.#expectation.clockTolerance, now: this.#now
    })
  }

  async #revoke (token: string): Promise<void> {
    const verdict = await this.#judge(token, this.#verified.keyOf(token), true)
    if (!('result' in verdict)) return
    const { id, expiresAt } = verdict.grant
    await this.#revocations?.add({ kind: 'token', id: id as string, expiresAt: expiresAt + this.#expectation.clockTolerance })
  }

  // Freshness is checked first: an unchanged state proves nothing unless it is recent enough. The key is checked each time, because
  // the passing of time drops keys too.
  #cached (tokenKey: string | undefined): Verdict | undefined {
    if (tokenKey === undefined || !this.#validity.isReady()) return undefined
    this.#forgetAfterLoss()
    const verdict = this.#verified.get(tokenKey)
    if (verdict === undefined || !this.#holds(verdict)) return undefined
    const { changes } = this.#validity
    if (verdict.checkedIn === changes) return verdict
    if (this.#unlessRevoked(verdict) !== verdict) return undefined
    verdict.checkedIn = changes
    return verdict
  }

  // Tokens of a dropped key are invalid, and its kid may be in use again for another algorithm (RFC 8725 §3.1).
  #holds ({ kid, alg }: Verdict): boolean {
    if (this.#keys.holds !== undefined) return this.#keys.holds(kid, alg)
    const key = this.#keys.find(kid)
    if (!isThenable(key)) return key?.alg === alg
    // The asynchronous path loads the key again, and reports a failure.
    Promise.resolve(key).catch(() => {})
    return false
  }

  // Verification and reads take time. So state that may have changed meanwhile is checked in one synchronous step at the end. If it is
  // too old by then, for example after the process was suspended, everything starts over.
  async #judge (token: string, tokenKey: string | undefined, isThorough = false): Promise<Verdict | Refusal> {
    let verdict: Verdict | undefined
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      await this.#validity.ready()
      this.#forgetAfterLoss()
      verdict ??= this.#verified.get(tokenKey)
      const key = verdict && await this.#keys.find(verdict.kid)
      if (verdict === undefined || key === undefined || key.alg !== verdict.alg) {
        const verified = await this.#verify(token, isThorough)
        if (!('result' in verified)) return verified
        verdict = verified
      }
      if (!this.#validity.isUsable()) continue
      if (this.#keys.holds?.(verdict.kid, verdict.alg) === false) return invalid('the key was revoked')
      if (verdict.grant.expiresAt + this.#expectation.clockTolerance <= this.#now()) return { isValid: false, message: 'The access token has expired', cause: 'exp is over' }
      const judged = this.#unlessRevoked(verdict)
      if (judged !== verdict) return judged
      verdict.checkedIn = this.#validity.changes
      this.#verified.set(tokenKey, verdict, verdict.grant.expiresAt + this.#expectation.clockTolerance)
      return verdict
    }
    throw new StoreUnavailableError(new Error('What was read of the stores was too old each time that a token had been verified'))
  }

  #forgetAfterLoss (): void {
    const { epoch } = this.#validity
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    this.#verified.clear()
  }

  #unlessRevoked (verdict: Verdict): Verdict | Refusal {
    const { id, clientId, generation, issuedAt } = verdict.grant
    return this.#validity.isRevoked({ id: id as string, clientId, kid: verdict.kid, generation, issuedAt }) ? REVOKED : verdict
  }

  async #terms (): Promise<Terms> {
    const { agreed = {}, maxTokenLifetime } = this.#keys
    const { clockTolerance } = this.#expectation
    const revocations = this.#revocations && await storeIdOf(this.#revocations)
    return {
      values: { ...agreed, 'jwt.clockTolerance': clockTolerance, 'jwt.revocations': revocations ?? null },
      longestTokenLifetime: maxTokenLifetime,
      largestClockTolerance: Math.max(clockTolerance, Number(agreed['keys.clockTolerance'] ?? 0)),
      revocationStores: revocations === undefined ? [] : [revocations]
    }
  }

  async #verify (token: string, isThorough: boolean): Promise<Verdict | Refusal> {
    if (token.length > MAX_LENGTH) return invalid('the token is too long')
    const jws = readJws(token)
    if (jws === undefined) return invalid('the token is no JWT')
    const { kid, alg } = jws.header
    // The unverified header may contain any type.
    const key = typeof kid === 'string' ? await this.#keys.find(kid, isThorough) : undefined
    // RFC 8725 §3.1: the algorithm comes from the key, never from the token.
    if (key === undefined || key.alg !== alg) return invalid('no key of ours has this kid and alg')
    return await this.#isSignedBy(jws, key) ? this.#judgeSigned(jws, key) : invalid('the signature is wrong')
  }

  // A JWT with a valid signature has the expected content, unless the key is also used for other JWTs.
  #judgeSigned (jws: UnverifiedJws, { kid, alg }: SigningKey): Verdict | Refusal {
    rememberHeader(jws)
    if (!isAccessTokenType(jws.header.typ)) return invalid('the JWT is no access token')
    const claims = decodeObject(jws.payload) ?? {}
    const result = validateClaims(claims, this.#expectation)
    return result.isValid ? { result, kid, alg, grant: fromClaims(claims as TokenClaims, result.credentials.scope), checkedIn: NaN } : result
  }
}

function invalid (cause: string): Refusal {
  return { isValid: false, cause }
}
