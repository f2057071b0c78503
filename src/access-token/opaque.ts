import { randomBytes } from 'node:crypto'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { publishClientChange } from '../events/administration.ts'
import { grantAudience } from '../resource-indicator.ts'
import type { RevocationStore, StoredToken, TokenStore } from '../store/index.ts'
import { tokenTypeOf } from '../token-type/index.ts'
import { revocationOfClient } from './client-revocation.ts'
import type {
  AccessTokens, AccessTokensMetadata, GenerateAccessTokenContext, GeneratedAccessToken, TokenInformation, VerifyTokenResult
} from './index.ts'
import { resolveMetadata, writeAudience } from './metadata.ts'
import { REVOKED, Revocations } from './revocations.ts'
import { keyOf, VerifiedTokens } from './verified-tokens.ts'

/** What opaque access tokens are made and verified with. */
export interface OpaqueAccessTokensOptions {
  /** The https URL of this server, which introspection and metadata tell; http on loopback only. */
  issuer: string
  /** What tokens may be for, the first unless the request names a resource (RFC 8707). Never empty. */
  audience: string | readonly string[]
  /** Keeps the tokens, and what other processes must learn of their end. */
  store: TokenStore & RevocationStore
  /** How many tokens that were found are remembered. Default 10,000. */
  cacheSize?: number
  /** Seconds that the longest-living token of a client may live: for so long its revocation is kept. Default 86400. */
  maxTokenLifetime?: number
  /** Is told once per outage that revocations cannot be read. Default nobody is. */
  onError?: (error: Error) => void
  /** Default the clock of the machine. */
  now?: Clock
}

interface Found { result: VerifyTokenResult & { isValid: true }, hash: string, token: StoredToken }

/**
 * Opaque access tokens: 256 random bits that say nothing, of which only the SHA-256 is stored. For who must be able to
 * end a token at once without anything in the token being readable. Each is a row, and each verification a look-up,
 * unless the token was seen before.
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_ISSUER, FST_OAUTH_INVALID_AUDIENCE
 */
export class OpaqueAccessTokens implements AccessTokens {
  readonly metadata: AccessTokensMetadata
  readonly #store: TokenStore
  readonly #revocations: Revocations
  readonly #found: VerifiedTokens<Found>
  readonly #maxTokenLifetime: number
  readonly #now: Clock

  constructor ({ issuer, audience, store, cacheSize, maxTokenLifetime = 86_400, onError = () => {}, now = systemClock }: OpaqueAccessTokensOptions) {
    this.metadata = resolveMetadata({ issuer, audience })
    this.#store = store
    this.#revocations = new Revocations(store, { now, onError })
    this.#found = new VerifiedTokens({ now, ...(cacheSize !== undefined && { max: cacheSize }) })
    this.#maxTokenLifetime = maxTokenLifetime
    this.#now = now
  }

  async issue ({ client, scope, accessTokenLifetime, resource, confirmation }: GenerateAccessTokenContext): Promise<GeneratedAccessToken> {
    const audience = grantAudience(resource, this.metadata.audience, client.audiences)
    const lifetime = Math.min(accessTokenLifetime, this.#maxTokenLifetime)
    const accessToken = randomBytes(32).toString('base64url')
    const issuedAt = this.#now()
    await this.#store.saveToken(keyOf(accessToken), {
      clientId: client.id, scope, audience, issuedAt, expiresAt: issuedAt + lifetime, ...(confirmation && { confirmation })
    })
    return { accessToken, expiresIn: lifetime, audience }
  }

  async verify (token: string): Promise<VerifyTokenResult> {
    const found = await this.#find(token)
    return 'result' in found ? found.result : found
  }

  async introspect (token: string): Promise<TokenInformation | undefined> {
    const found = await this.#find(token)
    if (!('result' in found)) return undefined
    const { clientId, scope, audience, issuedAt, expiresAt, confirmation } = found.token
    return {
      iss: this.metadata.issuer,
      aud: writeAudience(audience),
      sub: clientId,
      client_id: clientId,
      ...(scope.length > 0 && { scope: scope.join(' ') }),
      iat: issuedAt,
      exp: expiresAt,
      token_type: tokenTypeOf(confirmation),
      ...(confirmation && { cnf: confirmation })
    }
  }

  async revoke (token: string): Promise<void> {
    const found = await this.#find(token)
    if (!('result' in found)) return
    // Other processes may have found it before: those learn it from the revocations.
    await this.#revocations.add({ kind: 'token', id: found.hash, expiresAt: found.token.expiresAt })
    await this.#store.removeToken(found.hash)
  }

  /**
   * Makes all tokens invalid that were issued to a client until now, those of this very second included.
   *
   * @param ahead seconds: and those that are going to be issued in this time, by a process that does not know of it yet, or
   * whose clock is ahead. Default 0
   */
  async revokeClient (clientId: string, ahead = 0): Promise<void> {
    await this.#revocations.add(revocationOfClient(clientId, { now: this.#now(), ahead, keepFor: this.#maxTokenLifetime }))
    publishClientChange(clientId, 'tokens_revoked')
  }

  async #find (token: string): Promise<Found | VerifyTokenResult & { isValid: false }> {
    await this.#revocations.ready()
    const hash = keyOf(token)
    const known = this.#found.get(hash)
    const found = known ?? await this.#lookUp(hash)
    if (found === undefined) return { isValid: false, cause: 'the store has no such token' }
    const { clientId, issuedAt, expiresAt } = found.token
    if (this.#revocations.isTokenRevoked(hash) || this.#revocations.isClientRevoked(clientId, issuedAt)) return REVOKED
    if (known === undefined) this.#found.set(hash, found, expiresAt)
    return found
  }

  async #lookUp (hash: string): Promise<Found | undefined> {
    const stored = await this.#store.findToken(hash)
    // A token of another audience is for another resource server on the same store.
    if (stored === undefined || stored.expiresAt <= this.#now() || !stored.audience.some((name) => this.metadata.audience.includes(name))) return undefined
    const { clientId, scope, confirmation } = stored
    const credentials = Object.freeze({ app: Object.freeze({ id: clientId }), scope: Object.freeze([...scope]) })
    return { hash, token: stored, result: { isValid: true, credentials, confirmation: confirmation && Object.freeze({ ...confirmation }) } }
  }
}
