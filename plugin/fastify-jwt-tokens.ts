import { randomUUID } from 'node:crypto'
import { isSecureUrl } from '../src/index.ts'
import type { AccessTokens, Confirmation, GenerateAccessTokenContext, VerifyTokenResult } from '../src/index.ts'
import { FST_OAUTH_JWT_HEADER, FST_OAUTH_JWT_INVALID_OPTION, FST_OAUTH_JWT_UNUSABLE } from './errors.ts'

/** As much of `app.jwt`, which @fastify/jwt decorates, as is used here. */
export interface FastifyJwt {
  sign (payload: object): string
  verify (token: string): unknown
  options: { verify?: { clockTolerance?: number } }
}

/** What access tokens by @fastify/jwt are made and verified with. */
export interface FastifyJwtTokensOptions {
  /** The `iss` of every token, compared exactly: the https URL of this server (http on loopback only). */
  issuer: string
  /** The `aud` of every token, compared exactly: a name or URL of the API that the tokens are for. */
  audience: string
}

interface Header { alg?: unknown, typ?: unknown, crit?: unknown }
interface Claims {
  iss?: unknown
  aud?: unknown
  sub?: unknown
  client_id?: unknown
  jti?: unknown
  scope?: unknown
  iat?: unknown
  exp?: unknown
  nbf?: unknown
  cnf?: unknown
}

// RFC 9068 §2.1 and §4: the type that tells an access token from every other JWT of the same key.
const ACCESS_TOKEN_TYPE = /^(?:application\/)?at\+jwt$/i
// What fast-jwt and @fastify/jwt say of a token. Anything else they throw says nothing about it.
const TOKEN_ERROR = /^(?:FAST_JWT|FST_JWT)_/

/**
 * Access tokens (RFC 9068) by the application's own @fastify/jwt: its key, its algorithm, its clock tolerance.
 *
 * Register @fastify/jwt with `sign: { algorithm, header: { alg: algorithm, typ: 'at+jwt' } }`. What it leaves unchecked unless told is checked
 * here: type, algorithm, issuer, audience, expiry and that every claim of RFC 9068 §2.2 is there. Does NOT check
 * revocation: a token is valid until it expires.
 *
 * @throws FST_OAUTH_JWT_INVALID_OPTION, FST_OAUTH_JWT_HEADER, FST_OAUTH_JWT_UNUSABLE after one token was made on trial
 */
export function fastifyJwtTokens (jwt: FastifyJwt, { issuer, audience }: FastifyJwtTokensOptions): AccessTokens {
  if (typeof jwt?.sign !== 'function') throw new FST_OAUTH_JWT_INVALID_OPTION('app.jwt: await the registration of @fastify/jwt first')
  if (typeof issuer !== 'string' || !isSecureUrl(issuer)) throw new FST_OAUTH_JWT_INVALID_OPTION('an issuer that is an https URL, or http on loopback')
  if (typeof audience !== 'string' || audience === '') throw new FST_OAUTH_JWT_INVALID_OPTION('an audience: the name or URL of the API that the tokens are for')

  const tolerance = (jwt.options.verify?.clockTolerance ?? 0) / 1000

  function claimsOf ({ client, scope, accessTokenLifetime, confirmation }: GenerateAccessTokenContext): Claims {
    const iat = Math.floor(Date.now() / 1000)
    return {
      iss: issuer,
      aud: audience,
      sub: client.id,
      client_id: client.id,
      jti: randomUUID(),
      iat,
      exp: iat + accessTokenLifetime,
      ...(scope.length > 0 && { scope: scope.join(' ') }),
      ...(confirmation && { cnf: confirmation })
    }
  }

  const issue = (context: GenerateAccessTokenContext) => jwt.sign(claimsOf(context))

  function verify (token: string): VerifyTokenResult {
    const segment = headerSegment(token)
    // Every token that we sign has this header, byte for byte. Another library with the same key may write it in another order.
    if (segment !== ourSegment) {
      const header = parseHeader(segment)
      if (header.alg !== alg || !isAccessTokenType(header.typ)) return invalid('The access token is not of this server', 'the JOSE header is not the one we sign with')
      // RFC 7515 §4.1.11: extensions that must be understood, and are not.
      if (header.crit !== undefined) return invalid(undefined, 'the JOSE header has a crit')
    }
    let claims: Claims
    try {
      claims = jwt.verify(token) as Claims
    } catch (error) {
      if (!TOKEN_ERROR.test((error as { code?: string }).code ?? '')) throw error
      const expired = (error as { code: string }).code === 'FAST_JWT_EXPIRED'
      return invalid(expired ? 'The access token has expired' : undefined, error)
    }
    return judge(claims)
  }

  function judge (claims: Claims): VerifyTokenResult {
    const { iss, aud, sub, client_id: clientId, jti, scope = '', iat, exp, nbf, cnf } = claims
    const now = Date.now() / 1000
    if (iss !== issuer) return invalid(undefined, 'iss is another issuer')
    if (aud !== audience && !(Array.isArray(aud) && aud.includes(audience))) return invalid('The access token is for another audience', 'aud is another audience')
    if (!isTime(exp) || !isTime(iat) || (nbf !== undefined && !isTime(nbf))) return invalid(undefined, 'exp, iat or nbf is no time')
    if (exp + tolerance <= now) return invalid('The access token has expired', 'exp is over')
    if (nbf !== undefined && nbf - tolerance > now) return invalid(undefined, 'nbf is to come')
    if (!isText(sub) || !isText(clientId) || !isText(jti)) return invalid(undefined, 'sub, client_id or jti is missing')
    if (typeof scope !== 'string') return invalid(undefined, 'scope is no string')
    // @fastify/jwt hands one payload to every request when its cache is on.
    return {
      isValid: true,
      credentials: { app: { id: clientId }, scope, claims: deepFreeze(claims as Record<string, unknown>) },
      confirmation: cnf as Confirmation | undefined
    }
  }

  const trialClaims = claimsOf(TRIAL)
  const trial = signOnTrial(jwt, trialClaims)
  const ourSegment = headerSegment(trial)
  const { alg, typ } = parseHeader(ourSegment)
  if (alg === 'none' || !isAccessTokenType(typ)) throw new FST_OAUTH_JWT_HEADER(typ, alg)

  const verdict = verify(trial)
  if (!verdict.isValid) throw new FST_OAUTH_JWT_UNUSABLE(reasonOf(verdict.cause))
  // Sign options of the application may say otherwise, such as another expiry or the same jti for all.
  const changed = Object.entries(trialClaims).find(([name, value]) => verdict.credentials.claims?.[name] !== value)
  if (changed !== undefined) throw new FST_OAUTH_JWT_UNUSABLE(`its sign options change the claim ${changed[0]}`)
  return { issue, verify }
}

const TRIAL: GenerateAccessTokenContext = {
  client: { id: 'trial', grants: [] }, grantType: '', scope: [], tokenType: '', accessTokenLifetime: 60, confirmation: undefined
}

function signOnTrial (jwt: FastifyJwt, claims: Claims): string {
  let token: unknown
  try {
    token = jwt.sign(claims)
  } catch (error) {
    throw new FST_OAUTH_JWT_UNUSABLE(reasonOf(error))
  }
  if (typeof token !== 'string') throw new FST_OAUTH_JWT_UNUSABLE('it signs asynchronously')
  return token
}

function reasonOf (cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

function invalid (message: string | undefined, cause: unknown): VerifyTokenResult & { isValid: false } {
  return message === undefined ? { isValid: false, cause } : { isValid: false, message, cause }
}

function headerSegment (token: string): string {
  return token.slice(0, Math.max(token.indexOf('.'), 0))
}

function parseHeader (segment: string): Header {
  try {
    const header: unknown = JSON.parse(Buffer.from(segment, 'base64url').toString('utf8'))
    return typeof header === 'object' && header !== null ? header as Header : {}
  } catch {
    return {}
  }
}

function isAccessTokenType (typ: unknown): boolean {
  return typeof typ === 'string' && ACCESS_TOKEN_TYPE.test(typ)
}

function isTime (value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function isText (value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function deepFreeze<T> (value: T): Readonly<T> {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const member of Object.values(value)) deepFreeze(member)
  return Object.freeze(value)
}
