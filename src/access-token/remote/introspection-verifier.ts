import { discoverEndpoint } from '../../http-client/discovery.ts'
import type { RemoteIssuer } from '../../http-client/discovery.ts'
import { fetchJson } from '../../http-client/fetch-json.ts'
import type { RemoteDocument } from '../../http-client/remote-document.ts'
import { RemoteUnavailableError } from '../../http-client/unavailable.ts'
import { FORM_MEDIA_TYPE } from '../../http/form.ts'
import { measureAge } from '../../lib/age.ts'
import type { Age } from '../../lib/age.ts'
import type { VerifyTokenContext, VerifyTokenResult } from '../access-tokens.ts'
import { TokenCache } from '../token-cache.ts'
import { validateClaims } from '../validate-claims.ts'
import type { ClaimsExpectation } from '../validate-claims.ts'
import { IntrospectionBudget } from './introspection-budget.ts'

// Seconds for which a response is used, from sending the request.
const MAX_AGE = 60
// A process that is suspended each time while it waits for a response gives up.
const MAX_ATTEMPTS = 3

/** The credentials of this resource server at the introspection endpoint. */
export interface IntrospectionCredentials {
  /** The client_id of this resource server at the issuer. */
  clientId: string
  /** Its secret, sent by HTTP Basic. */
  clientSecret: string
}

interface Answer {
  readonly result: VerifyTokenResult
  /** The age of the response, counted from sending the request. */
  readonly age: Age
}

/**
 * Verifies access tokens of any kind by introspection at the authorization server (RFC 7662). Uses a response for a minute from
 * sending the request, by the greater of wall clock and monotonic time. A revocation takes effect here within that time.
 */
export class RemoteIntrospection {
  readonly #endpoint: RemoteDocument<string>
  readonly #remote: RemoteIssuer
  readonly #authorization: string
  readonly #answers: TokenCache<Answer>
  readonly #expectation: ClaimsExpectation
  readonly #budget: IntrospectionBudget

  constructor (remote: RemoteIssuer, expectation: ClaimsExpectation, cacheSize: number, credentials: IntrospectionCredentials) {
    this.#endpoint = discoverEndpoint(remote, 'introspection_endpoint')
    this.#remote = remote
    this.#authorization = basic(credentials)
    this.#answers = new TokenCache({ now: remote.now, max: cacheSize })
    this.#expectation = expectation
    this.#budget = new IntrospectionBudget(remote.now)
  }

  /** @throws RemoteUnavailableError if the issuer is unavailable, rejects the credentials, or the budget for inactive tokens is exhausted */
  async verify (token: string, context?: VerifyTokenContext): Promise<VerifyTokenResult> {
    const key = this.#answers.keyOf(token)
    const cached = this.#answers.get(key)
    if (cached !== undefined && isRecent(cached.age)) return cached.result

    // Validity is unknown: after a 401, a client would discard a valid token.
    const giveBack = this.#budget.take(context?.address)
    if (giveBack === undefined) throw new RemoteUnavailableError('The issuer is not asked: too many tokens were not active')
    try {
      const result = await this.#introspect(token, key)
      if (result.isValid) giveBack()
      return result
    } catch (error) {
      giveBack()
      throw error
    }
  }

  async #introspect (token: string, key: string | undefined): Promise<VerifyTokenResult> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const endpoint = await this.#endpoint.get()
      const age = measureAge(this.#remote.now)
      const answer = await this.#ask(endpoint, token)
      // The process was suspended meanwhile.
      if (!isRecent(age)) continue
      const result = judge(answer, this.#expectation)
      if (result.isValid) this.#answers.set(key, { result, age }, answer.exp as number | undefined ?? Infinity)
      return result
    }
    throw new RemoteUnavailableError('The answer of the issuer was too old each time that it had arrived')
  }

  async #ask (endpoint: string, token: string): Promise<Record<string, unknown>> {
    return await fetchJson(this.#remote.fetch, endpoint, {
      method: 'POST',
      headers: { authorization: this.#authorization, 'content-type': FORM_MEDIA_TYPE },
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString()
    })
  }
}

function isRecent (age: Age): boolean {
  return age() < MAX_AGE * 1000
}

function judge (answer: Record<string, unknown>, expectation: ClaimsExpectation): VerifyTokenResult {
  if (answer.active !== true) return { isValid: false, cause: 'the issuer says that the token is not active' }
  const time = expectation.now()
  // RFC 7662 §2.2 does not require all claims of RFC 9068: only aud and client_id must be present.
  const absent = { iss: expectation.issuer, sub: answer.client_id, jti: 'unknown', iat: time, exp: time + MAX_AGE }
  const verdict = validateClaims({ ...absent, ...answer }, expectation)
  if (!verdict.isValid) return verdict
  const { claims, ...credentials } = verdict.credentials
  return { ...verdict, credentials }
}

function basic ({ clientId, clientSecret }: IntrospectionCredentials): string {
  return `Basic ${Buffer.from(`${formEncode(clientId)}:${formEncode(clientSecret)}`).toString('base64')}`
}

// RFC 6749 §2.3.1, appendix B. Does not encode unreserved characters, for servers that decode nothing.
function formEncode (text: string): string {
  return encodeURIComponent(text).replaceAll('%20', '+')
}
