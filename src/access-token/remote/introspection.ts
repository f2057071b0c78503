import { FORM_MEDIA_TYPE } from '../../form.ts'
import { discoverEndpoint } from '../../remote/discovery.ts'
import type { RemoteIssuer } from '../../remote/discovery.ts'
import type { RemoteDocument } from '../../remote/document.ts'
import { fetchJson } from '../../remote/fetch.ts'
import { judgeClaims } from '../claims.ts'
import type { ClaimsExpectation } from '../claims.ts'
import type { VerifyTokenResult } from '../index.ts'
import { VerifiedTokens } from '../verified-tokens.ts'

// Seconds that a revocation at the issuer may go unnoticed here.
const MAX_AGE = 60

/** Who this resource server is at the introspection endpoint. */
export interface IntrospectionCredentials {
  /** The client_id that this resource server has at the issuer. */
  clientId: string
  /** Its secret, sent by HTTP Basic. */
  clientSecret: string
}

/** Verifies access tokens of any kind by asking the authorization server (RFC 7662). */
export class RemoteIntrospection {
  readonly #endpoint: RemoteDocument<string>
  readonly #remote: RemoteIssuer
  readonly #authorization: string
  readonly #verified: VerifiedTokens<VerifyTokenResult>
  readonly #expectation: ClaimsExpectation

  constructor (remote: RemoteIssuer, expectation: ClaimsExpectation, cacheSize: number, credentials: IntrospectionCredentials) {
    this.#endpoint = discoverEndpoint(remote, 'introspection_endpoint')
    this.#remote = remote
    this.#authorization = basic(credentials)
    this.#verified = new VerifiedTokens({ now: remote.now, max: cacheSize, maxAge: MAX_AGE })
    this.#expectation = expectation
  }

  /** @throws Error when the issuer cannot tell: it is away, or does not know the credentials */
  async verify (token: string): Promise<VerifyTokenResult> {
    const key = this.#verified.keyOf(token)
    const verdict = this.#verified.get(key)
    if (verdict !== undefined) return verdict

    const answer = await fetchJson(this.#remote.fetch, await this.#endpoint.get(), {
      method: 'POST',
      headers: { authorization: this.#authorization, 'content-type': FORM_MEDIA_TYPE },
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString()
    })
    const result = judge(answer, this.#expectation)
    if (result.isValid) this.#verified.set(key, result, answer.exp as number | undefined ?? Infinity)
    return result
  }
}

function judge (answer: Record<string, unknown>, expectation: ClaimsExpectation): VerifyTokenResult {
  if (answer.active !== true) return { isValid: false, cause: 'the issuer says that the token is not active' }
  const time = expectation.now()
  // RFC 7662 §2.2 leaves out what RFC 9068 wants: only aud and client_id must be there.
  const absent = { iss: expectation.issuer, sub: answer.client_id, jti: 'unknown', iat: time, exp: time + MAX_AGE }
  const verdict = judgeClaims({ ...absent, ...answer }, expectation)
  if (!verdict.isValid) return verdict
  const { claims, ...credentials } = verdict.credentials
  return { ...verdict, credentials }
}

function basic ({ clientId, clientSecret }: IntrospectionCredentials): string {
  return `Basic ${Buffer.from(`${formEncode(clientId)}:${formEncode(clientSecret)}`).toString('base64')}`
}

// RFC 6749 §2.3.1, appendix B. The unreserved characters stay as they are, for servers that decode nothing.
function formEncode (text: string): string {
  return encodeURIComponent(text).replaceAll('%20', '+')
}
