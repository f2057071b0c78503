import { randomUUID } from 'node:crypto'
import {
  checkArgument, checkOptions, createGrant, flag, hasMethods, isAccessTokenType, isIssuer, isTable, required, systemClock, text, toClaims, validateClaims, withError
} from '../src/adapter.ts'
import type { OptionsDescription, Rule, VerifyTokenResult } from '../src/adapter.ts'
import type { AccessTokens, ClientCredentialsGrantContext, GenerateAccessToken, OAuth2AccessTokenResult } from '../src/index.ts'
import { FST_OAUTH_JWT_HEADER, FST_OAUTH_JWT_INVALID_OPTION, FST_OAUTH_JWT_UNUSABLE } from './errors.ts'

/** The members of `app.jwt`, the decorator of `@fastify/jwt`, that are used here. */
export interface FastifyJwt {
  sign (payload: object): string
  verify (token: string): unknown
  options: { verify?: { clockTolerance?: number } }
}

/** Options of fastifyJwtTokens. */
export interface FastifyJwtTokensOptions {
  /** The `iss` of every token, compared exactly: the https URL of this server (http on loopback only). */
  issuer: string
  /** The `aud` of every token, compared exactly: a name or URL of the API. */
  audience: string
  /** Accepts an http issuer on any host: without TLS, secrets and tokens can be read in transit. Default false. */
  dangerouslyAllowHttpIssuer?: boolean
}

/** The options of fastifyJwtTokens. */
export const FASTIFY_JWT_TOKENS: OptionsDescription<FastifyJwtTokensOptions> = {
  of: 'fastifyJwtTokens',
  options: {
    issuer: required({
      accepts: (value, { dangerouslyAllowHttpIssuer }) => isIssuer(value, dangerouslyAllowHttpIssuer === true),
      demand: 'an https URL',
      error: () => new FST_OAUTH_JWT_INVALID_OPTION('an issuer that is an https URL, or http on loopback. For http inside of a private network, set dangerouslyAllowHttpIssuer: true')
    }),
    audience: required(withError(text(), () => new FST_OAUTH_JWT_INVALID_OPTION('an audience: the name or URL of the API that the tokens are for'))),
    dangerouslyAllowHttpIssuer: flag()
  }
}
const FASTIFY_JWT: Rule<FastifyJwt> = {
  accepts: (value) => hasMethods(value, ['sign', 'verify']) && isTable((value as FastifyJwt).options),
  demand: 'app.jwt',
  error: () => new FST_OAUTH_JWT_INVALID_OPTION('app.jwt: await the registration of @fastify/jwt first')
}

interface Header { alg?: unknown, typ?: unknown, crit?: unknown }
// The error codes of fast-jwt and @fastify/jwt for an invalid token. Any other exception does not mean that the token is invalid.
const TOKEN_ERROR = /^(?:FAST_JWT|FST_JWT)_/

/**
 * Creates access tokens (RFC 9068) with the application's `@fastify/jwt`: its key, its algorithm, its clock tolerance.
 *
 * Register `@fastify/jwt` with `sign: { algorithm, header: { alg: algorithm, typ: 'at+jwt' } }`. This function adds the checks
 * that `@fastify/jwt` does not make by default: type, algorithm, issuer, audience, expiry and the presence of every claim of RFC 9068
 * §2.2. Does NOT check revocation: a token is valid until it expires.
 *
 * @throws FST_OAUTH_JWT_INVALID_OPTION, FST_OAUTH_JWT_HEADER, FST_OAUTH_JWT_UNUSABLE after it has created one token as a test
 */
export function fastifyJwtTokens (jwt: FastifyJwt, options: FastifyJwtTokensOptions): AccessTokens & { issue: GenerateAccessToken } {
  checkArgument(jwt, required(FASTIFY_JWT), 'fastifyJwtTokens', 'jwt')
  checkOptions(options, FASTIFY_JWT_TOKENS)
  const { issuer, audience } = options
  const clockTolerance = (jwt.options.verify?.clockTolerance ?? 0) / 1000

  const grantOf = (context: ClientCredentialsGrantContext) => createGrant(context, { issuer, audiences: [audience], id: randomUUID(), issuedAt: systemClock() })

  function issue (context: ClientCredentialsGrantContext): OAuth2AccessTokenResult {
    const grant = grantOf(context)
    return { accessToken: jwt.sign(toClaims(grant)), audience: grant.audience }
  }

  function verify (token: string): VerifyTokenResult {
    const segment = headerSegment(token)
    // Every token of this signer has the same header, byte for byte. Another library with the same key may order it differently.
    if (segment !== ourSegment) {
      const header = parseHeader(segment)
      if (header.alg !== alg || !isAccessTokenType(header.typ)) return invalid('The access token is not of this server', 'the JOSE header is not the one we sign with')
      // RFC 7515 §4.1.11: critical extensions, which are not supported.
      if (header.crit !== undefined) return invalid(undefined, 'the JOSE header has a crit')
    }
    let claims: Record<string, unknown>
    try {
      claims = jwt.verify(token) as Record<string, unknown>
    } catch (error) {
      if (!TOKEN_ERROR.test((error as { code?: string }).code ?? '')) throw error
      const expired = (error as { code: string }).code === 'FAST_JWT_EXPIRED'
      return invalid(expired ? 'The access token has expired' : undefined, error)
    }
    return validateClaims(claims, { issuer, audience: [audience], now: systemClock, clockTolerance })
  }

  const trialClaims = toClaims(grantOf({ ...TRIAL, audience: [audience] }))
  const trial = signOnTrial(jwt, trialClaims)
  const ourSegment = headerSegment(trial)
  const { alg, typ } = parseHeader(ourSegment)
  if (alg === 'none' || !isAccessTokenType(typ)) throw new FST_OAUTH_JWT_HEADER(typ, alg)

  const verdict = verify(trial)
  if (!verdict.isValid) throw new FST_OAUTH_JWT_UNUSABLE(reasonOf(verdict.cause))
  // Sign options of the application may override claims, such as the expiry, or one jti for all tokens.
  const changed = Object.entries(trialClaims).find(([name, value]) => verdict.credentials.claims?.[name] !== value)
  if (changed !== undefined) throw new FST_OAUTH_JWT_UNUSABLE(`its sign options change the claim ${changed[0]}`)
  return { issue, verify, audience: [audience] }
}

const TRIAL: ClientCredentialsGrantContext = {
  client: { id: 'trial', grants: [] }, grantType: '', scope: [], tokenType: '', accessTokenLifetime: 60, origin: '', resource: [], confirmation: undefined
}

function signOnTrial (jwt: FastifyJwt, claims: object): string {
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
