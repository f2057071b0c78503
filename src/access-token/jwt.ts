import { randomUUID } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { andThen, isThenable } from '../at-once.ts'
import type { Eventual } from '../at-once.ts'
import type { OAuth2Client } from '../client-auth/index.ts'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { publishClientChange } from '../events/administration.ts'
import type { KeySource, SigningKey } from '../keys/index.ts'
import { grantAudience } from '../resource-indicator.ts'
import type { RevocationStore } from '../store/index.ts'
import { tokenTypeOf } from '../token-type/index.ts'
import { ACCESS_TOKEN_TYPE, isAccessTokenType, judgeClaims } from './claims.ts'
import type { ClaimsExpectation, UnverifiedClaims } from './claims.ts'
import { revocationOfClient } from './client-revocation.ts'
import type {
  AccessTokens, AccessTokensMetadata, GenerateAccessTokenContext, GeneratedAccessToken, TokenInformation, VerifyTokenResult
} from './index.ts'
import { createVerifier, decodeObject, readJws, rememberHeader } from './jws.ts'
import type { UnverifiedJws, Verifier } from './jws.ts'
import { resolveMetadata, writeAudience } from './metadata.ts'
import { REVOKED, Revocations } from './revocations.ts'
import { createSigner } from './sign.ts'
import type { Signer, Signing } from './sign.ts'
import { VerifiedTokens } from './verified-tokens.ts'

/** What JWT access tokens are made and verified with. */
export interface JwtAccessTokensOptions {
  /** The `iss` of every token: the https URL of this server, without query and fragment; http on loopback only. */
  issuer: string
  /** What tokens may be for, the first unless the request names a resource (RFC 8707). Never empty. */
  audience: string | readonly string[]
  /** What tokens are signed with, and verified by: a `SigningKeys`. */
  keys: KeySource
  /** Keeps revocations. Default none: then tokens cannot be revoked, and are valid until they expire. */
  revocations?: RevocationStore
  /** Further claims. They cannot take the place of those that RFC 9068 defines. */
  claims?: (client: OAuth2Client, scope: readonly string[]) => Record<string, unknown>
  /**
   * Seconds that clocks may differ. Default 5. The same in all processes on one store: a revoked token is remembered as
   * long as the process accepts it that revoked it.
   */
  clockTolerance?: number
  /** How many verified tokens are remembered. Default 10,000. */
  cacheSize?: number
  /** Where signatures are made and verified. Default "pool" where there is a second core, else "batch". */
  signing?: Signing
  /** Is told once per outage that the store of revocations is away. Default nobody is. */
  onError?: (error: Error) => void
  /** Takes an issuer without TLS on any host: whoever listens reads secrets and tokens. Default false. */
  dangerouslyAllowHttpIssuer?: boolean
  /** Default the clock of the machine. */
  now?: Clock
}

// A compact JWS of ours is far shorter. What is longer is no token, and is not parsed.
const MAX_LENGTH = 16_384

type Refusal = VerifyTokenResult & { isValid: false }
interface Verdict { result: VerifyTokenResult & { isValid: true }, kid: string, alg: string, claims: UnverifiedClaims }

/**
 * JWT access tokens (RFC 9068): signed here, and verified here or by anybody who has the JWKS. The header names the key
 * and the type, the claims are those of RFC 9068 §2.2, and `sub` is the client (§2.2).
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_ISSUER, FST_OAUTH_INVALID_AUDIENCE
 */
export class JwtAccessTokens implements AccessTokens {
  readonly metadata: AccessTokensMetadata
  readonly revoke?: (token: string) => Promise<void>
  readonly #keys: KeySource
  readonly #sign: Signer
  readonly #isSignedBy: Verifier
  readonly #claims: JwtAccessTokensOptions['claims']
  readonly #verified: VerifiedTokens<Verdict>
  readonly #revocations: Revocations | undefined
  readonly #now: Clock
  readonly #expectation: ClaimsExpectation

  constructor (options: JwtAccessTokensOptions) {
    const {
      issuer, audience, keys, revocations, claims, clockTolerance = 5, cacheSize, onError = () => {}, dangerouslyAllowHttpIssuer = false,
      signing = availableParallelism() > 1 ? 'pool' : 'batch', now = systemClock
    } = options
    this.metadata = resolveMetadata({ issuer, audience, keys, dangerouslyAllowHttpIssuer })
    this.#keys = keys
    this.#sign = createSigner(signing)
    this.#isSignedBy = createVerifier(signing)
    this.#claims = claims
    this.#now = now
    this.#expectation = { ...this.metadata, now, clockTolerance }
    this.#verified = new VerifiedTokens({ now, ...(cacheSize !== undefined && { max: cacheSize }) })
    if (revocations !== undefined) {
      this.#revocations = new Revocations(revocations, { now, onError })
      this.revoke = (token) => this.#revoke(token)
    }
  }

  async issue ({ client, scope, accessTokenLifetime, resource, confirmation }: GenerateAccessTokenContext): Promise<GeneratedAccessToken> {
    const audience = grantAudience(resource, this.metadata.audience, client.audiences)
    const lifetime = Math.min(accessTokenLifetime, this.#keys.maxTokenLifetime)
    const iat = this.#now()
    const accessToken = await this.#sign(await this.#keys.current(), ACCESS_TOKEN_TYPE, {
      ...this.#claims?.(client, scope),
      // A function of this name would write all claims (JSON.stringify).
      toJSON: undefined,
      iss: this.metadata.issuer,
      aud: writeAudience(audience),
      sub: client.id,
      client_id: client.id,
      jti: randomUUID(),
      iat,
      exp: iat + lifetime,
      nbf: undefined,
      scope: scope.length > 0 ? scope.join(' ') : undefined,
      cnf: confirmation
    })
    return { accessToken, expiresIn: lifetime, audience }
  }

  verify (token: string): VerifyTokenResult | Promise<VerifyTokenResult> {
    const key = this.#verified.keyOf(token)
    return andThen(this.#remembered(key) ?? this.#judge(token, key), resultOf)
  }

  async introspect (token: string, isThorough = false): Promise<TokenInformation | undefined> {
    const verdict = await this.#judge(token, this.#verified.keyOf(token), isThorough)
    if (!('result' in verdict)) return undefined
    const { iss, aud, sub, client_id: clientId, scope, iat, exp, jti, cnf } = verdict.claims as unknown as TokenInformation
    return {
      ...(iss !== undefined && { iss }),
      aud,
      sub,
      client_id: clientId,
      ...(scope !== undefined && { scope }),
      iat,
      exp,
      ...(jti !== undefined && { jti }),
      token_type: tokenTypeOf(cnf),
      ...(cnf !== undefined && { cnf })
    }
  }

  /**
   * Makes all tokens invalid that were issued to a client until now, those of this very second included.
   *
   * @param ahead seconds: and those that are going to be issued in this time, by a process that does not know of it yet, or
   * whose clock is ahead. Default 0
   * @throws TypeError without a store of revocations
   */
  async revokeClient (clientId: string, ahead = 0): Promise<void> {
    if (this.#revocations === undefined) throw new TypeError('JwtAccessTokens has no store of revocations')
    await this.#revocations.add(revocationOfClient(clientId, { now: this.#now(), ahead, keepFor: this.#keys.maxTokenLifetime + this.#expectation.clockTolerance }))
    publishClientChange(clientId, 'tokens_revoked')
  }

  async #revoke (token: string): Promise<void> {
    const verdict = await this.#judge(token, this.#verified.keyOf(token), true)
    if (!('result' in verdict)) return
    const { jti, exp } = verdict.claims as unknown as { jti: string, exp: number }
    await this.#revocations?.add({ kind: 'token', id: jti, expiresAt: exp + this.#expectation.clockTolerance })
  }

  // Without waiting, for the many requests that bring a token which is known already. Undefined: it must be judged.
  #remembered (tokenKey: string | undefined): Verdict | Refusal | undefined {
    if (this.#revocations?.refresh() !== undefined) return undefined
    const verdict = this.#verified.get(tokenKey)
    if (verdict === undefined) return undefined
    // A key that was dropped takes its tokens with it, and may have come back for another algorithm (RFC 8725 §3.1). One that
    // is being looked up may have been dropped: who judges asks again, and hears of a failure then.
    const key = this.#keys.find(verdict.kid)
    if (isThenable(key)) Promise.resolve(key).catch(() => {})
    return key === undefined || isThenable(key) || key.alg !== verdict.alg ? undefined : this.#unlessRevoked(verdict)
  }

  #judge (token: string, tokenKey: string | undefined, isThorough = false): Eventual<Verdict | Refusal> {
    return andThen(this.#revocations?.ready(), () =>
      andThen(this.#verify(token, isThorough), (verdict) => 'result' in verdict ? this.#remember(tokenKey, verdict) : verdict))
  }

  #remember (tokenKey: string | undefined, verdict: Verdict): Verdict | Refusal {
    const judged = this.#unlessRevoked(verdict)
    if (judged === verdict) this.#verified.set(tokenKey, verdict, (verdict.claims.exp as number) + this.#expectation.clockTolerance)
    return judged
  }

  #unlessRevoked (verdict: Verdict): Verdict | Refusal {
    const { jti, client_id: clientId, iat } = verdict.claims as { jti: string, client_id: string, iat: number }
    return this.#revocations?.isTokenRevoked(jti) || this.#revocations?.isClientRevoked(clientId, iat) ? REVOKED : verdict
  }

  #verify (token: string, isThorough: boolean): Eventual<Verdict | Refusal> {
    if (token.length > MAX_LENGTH) return invalid('the token is too long')
    const jws = readJws(token)
    if (jws === undefined) return invalid('the token is no JWT')
    const { kid, alg } = jws.header
    // Whoever wrote the token may have put anything there.
    return andThen(typeof kid === 'string' ? this.#keys.find(kid, isThorough) : undefined, (key) => {
      // RFC 8725 §3.1: the key says by which algorithm it is used, never the token.
      if (key === undefined || key.alg !== alg) return invalid('no key of ours has this kid and alg')
      return andThen(this.#isSignedBy(jws, key), (isSigned) => isSigned ? this.#judgeSigned(jws, key) : invalid('the signature is wrong'))
    })
  }

  // What is signed with our key is what we wrote, unless the key is used for something else too.
  #judgeSigned (jws: UnverifiedJws, { kid, alg }: SigningKey): Verdict | Refusal {
    rememberHeader(jws)
    if (!isAccessTokenType(jws.header.typ)) return invalid('the JWT is no access token')
    const claims = decodeObject(jws.payload) ?? {}
    const result = judgeClaims(claims, this.#expectation)
    return result.isValid ? { result, kid, alg, claims } : result
  }
}

function invalid (cause: string): Refusal {
  return { isValid: false, cause }
}

function resultOf (verdict: Verdict | Refusal): VerifyTokenResult {
  return 'result' in verdict ? verdict.result : verdict
}
