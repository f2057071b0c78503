import { errors } from 'jose'
import type { JWTPayload } from 'jose'
import { discoverEndpoint } from '../../http-client/discovery.ts'
import type { RemoteIssuer } from '../../http-client/discovery.ts'
import type { RemoteDocument } from '../../http-client/remote-document.ts'
import { remoteJwks } from '../../http-client/remote-jwks.ts'
import type { RemoteKeys } from '../../http-client/remote-jwks.ts'
import { RemoteUnavailableError } from '../../http-client/unavailable.ts'
import { decodeObject } from '../../jws/compact-jws.ts'
import { missingKeyOf, verifyByPublicKeys } from '../../jws/public-keys.ts'
import type { VerifyTokenResult } from '../access-tokens.ts'
import { TokenCache } from '../token-cache.ts'
import { isTypeOf, validateClaims } from '../validate-claims.ts'
import type { ClaimsExpectation } from '../validate-claims.ts'
import { RFC_9068 } from './presets.ts'

// Asymmetric algorithms only: with HS256, the public key would act as a secret that everyone has (RFC 8725 §2.1).
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
// A process that is suspended after each verification gives up.
const MAX_ATTEMPTS = 3

interface Accepted {
  readonly result: VerifyTokenResult
  /** The lineage of the keys that verified the signature. */
  readonly lineage: symbol
}

interface Signed {
  readonly claims: JWTPayload
  readonly lineage: symbol
}

interface Unsigned {
  /** The reason for the rejection. */
  readonly cause: Error
}

/**
 * Verifies JWT access tokens of another authorization server, by RFC 9068 or a preset, with its JWKS. Rejects a key that the issuer
 * has removed within ten minutes. Does NOT check whether a token was revoked.
 */
export class RemoteJwts {
  readonly #keys: RemoteDocument<RemoteKeys>
  readonly #accepted: TokenCache<Accepted>
  readonly #expectation: ClaimsExpectation

  constructor (remote: RemoteIssuer, expectation: ClaimsExpectation, cacheSize: number) {
    const uri = discoverEndpoint(remote, 'jwks_uri')
    this.#keys = remoteJwks({ ...remote, uri: () => uri.get() })
    this.#accepted = new TokenCache({ now: remote.now, max: cacheSize })
    this.#expectation = expectation
  }

  /** @throws RemoteUnavailableError if the keys cannot be loaded, and no recent ones are cached */
  async verify (token: string): Promise<VerifyTokenResult> {
    const tokenKey = this.#accepted.keyOf(token)
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const keys = await this.#keys.get()
      const cached = this.#accepted.get(tokenKey)
      const verified = cached?.lineage === keys.lineage ? cached : await this.#verifySignature(token, keys)
      if ('cause' in verified) return reject(verified.cause)
      // The rest is synchronous. If the keys are too old by now, as after a suspension of the process, or one of them was removed
      // meanwhile, the token is verified again.
      if (this.#keys.current?.lineage !== verified.lineage) continue
      return 'result' in verified ? verified.result : this.#judge(verified, tokenKey)
    }
    throw new RemoteUnavailableError('The keys of the issuer were too old each time that the token had been verified')
  }

  #judge ({ claims, lineage }: Signed, tokenKey: string | undefined): VerifyTokenResult {
    const result = validateClaims(claims, this.#expectation)
    if (result.isValid) this.#accepted.set(tokenKey, { result, lineage }, claims.exp as number)
    return result
  }

  async #verifySignature (token: string, keys: RemoteKeys): Promise<Signed | Unsigned> {
    const verified = await this.#verifyBy(keys, token)
    const missing = 'cause' in verified ? missingKeyOf(token, verified.cause) : undefined
    if (missing === undefined) return verified
    const renewed = await this.#keys.seek(keys, missing)
    return renewed === keys ? verified : await this.#verifyBy(renewed, token)
  }

  async #verifyBy ({ find, lineage }: RemoteKeys, token: string): Promise<Signed | Unsigned> {
    const { now, clockTolerance, preset = RFC_9068 } = this.#expectation
    try {
      if (!isTypeOf(preset, typeOf(token))) return { cause: new errors.JWTInvalid('unexpected "typ" JWT header value') }
      const claims = await verifyByPublicKeys(token, find, {
        algorithms: ALGORITHMS, currentDate: new Date(now() * 1000), clockTolerance
      })
      return { claims, lineage }
    } catch (error) {
      // Any other error, such as a key that cannot be imported, does not mean that the token is invalid.
      if (!(error instanceof errors.JOSEError)) throw error
      return { cause: error }
    }
  }
}

/** Returns the `typ` in the header of a JWS. @throws JWTInvalid for a malformed JWS, before a library parses it */
function typeOf (token: string): unknown {
  const [header, payload] = token.split('.', 2).map(decodeObject)
  if (header === undefined || payload === undefined) throw new errors.JWTInvalid('The token is no JWS')
  return header.typ
}

function reject (cause: Error): VerifyTokenResult {
  return { isValid: false, cause, ...(cause instanceof errors.JWTExpired && { message: 'The access token has expired' }) }
}
