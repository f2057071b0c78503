import { errors } from 'jose'
import { mayNeedNewKey, verifyByPublicKeys } from '../../keys/public-keys.ts'
import { discoverEndpoint } from '../../remote/discovery.ts'
import type { RemoteIssuer } from '../../remote/discovery.ts'
import type { RemoteDocument } from '../../remote/document.ts'
import { remoteJwks } from '../../remote/jwks.ts'
import type { RemoteKeys } from '../../remote/jwks.ts'
import { ACCESS_TOKEN_TYPE, judgeClaims } from '../claims.ts'
import type { ClaimsExpectation } from '../claims.ts'
import type { VerifyTokenResult } from '../index.ts'
import { VerifiedTokens } from '../verified-tokens.ts'

// Asymmetric ones only: with HS256, the public key would be a secret that everybody knows (RFC 8725 §2.1).
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

interface Verdict { result: VerifyTokenResult, lineage: symbol }

/** Verifies JWT access tokens (RFC 9068) of another authorization server by its JWKS. Does NOT know of revocation. */
export class RemoteJwts {
  readonly #keys: RemoteDocument<RemoteKeys>
  readonly #verified: VerifiedTokens<Verdict>
  readonly #expectation: ClaimsExpectation

  constructor (remote: RemoteIssuer, expectation: ClaimsExpectation, cacheSize: number) {
    const uri = discoverEndpoint(remote, 'jwks_uri')
    this.#keys = remoteJwks({ ...remote, uri: () => uri.get() })
    this.#verified = new VerifiedTokens({ now: remote.now, max: cacheSize })
    this.#expectation = expectation
  }

  /** @throws Error as long as the keys could never be had */
  async verify (token: string): Promise<VerifyTokenResult> {
    const keys = await this.#keys.get()
    const key = this.#verified.keyOf(token)
    const verdict = this.#verified.get(key)
    if (verdict?.lineage === keys.lineage) return verdict.result

    const result = await this.#judge(token, key, keys)
    if (result.isValid || !mayNeedNewKey(result.cause)) return result
    const renewed = await this.#keys.seek(keys)
    return renewed === keys ? result : this.#judge(token, key, renewed)
  }

  async #judge (token: string, tokenKey: string | undefined, { find, lineage }: RemoteKeys): Promise<VerifyTokenResult> {
    const { now, clockTolerance } = this.#expectation
    try {
      const payload = await verifyByPublicKeys(token, find, {
        algorithms: ALGORITHMS, typ: ACCESS_TOKEN_TYPE, currentDate: new Date(now() * 1000), clockTolerance
      })
      const result = judgeClaims(payload, this.#expectation)
      if (result.isValid) this.#verified.set(tokenKey, { result, lineage }, payload.exp as number)
      return result
    } catch (error) {
      // Anything else, such as a key that cannot be imported, says nothing about the token.
      if (!(error instanceof errors.JOSEError)) throw error
      return { isValid: false, cause: error, ...(error instanceof errors.JWTExpired && { message: 'The access token has expired' }) }
    }
  }
}
