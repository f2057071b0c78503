import type { VerifyToken, VerifyTokenAnswer, VerifyTokenContext, VerifyTokenResult } from '../access-token/access-tokens.ts'
import type { AuthCredentials } from '../access-token/credentials.ts'
import type { VerifiedCredentials } from '../access-token/verified-credentials.ts'
import { toStrategyError, withChallenge } from '../errors/from-thrown.ts'
import { isStrategyError, StrategyInvalidRequestError, StrategyInvalidTokenError, StrategyMissingTokenError } from '../errors/strategy-error.ts'
import type { StrategyError } from '../errors/strategy-error.ts'
import { isAccessObserved, publishRejected, publishVerified } from '../events/access-decision.ts'
import type { AccessRequest } from '../events/access-decision.ts'
import { isB64Token, parseAuthorization, schemesOf } from '../http/authentication.ts'
import type { PlainRequest } from '../http/plain-request.ts'
import { hasQueryParameter } from '../http/query.ts'
import { splitScope } from '../http/scope.ts'
import { monotonic } from '../lib/clock.ts'
import { isThenable } from '../lib/maybe-promise.ts'
import { checkProof, pickTokenType, sameConfirmation } from '../token-type/token-type.ts'
import type { Confirmation, TokenType, TokenTypes } from '../token-type/token-type.ts'
import { resourceChallenge } from './challenge.ts'
import type { ChallengeSettings } from './challenge.ts'

/** The settings for the verification of resource requests. */
export interface VerificationSettings extends ChallengeSettings {
  readonly verifyToken: VerifyToken
  /** Verifies a token again cheaply. Undefined for a `verifyToken` of the application. */
  readonly recheckToken?: VerifyToken | undefined
  /** Looks up a verified token. Undefined if `verifyToken` has no synchronous cache. */
  readonly cachedToken?: ((token: string) => VerifyTokenResult<VerifiedCredentials> | undefined) | undefined
}

interface PresentedToken {
  readonly token: string
  /** The token types of the scheme that the request uses. */
  readonly types: TokenTypes
}

// RFC 6750 §2.3, RFC 9700 §4.3.2: a token in the query is never used. In addition to a header, it is a second method (§2).
const QUERY_TOKEN = new Set(['access_token'])

/**
 * Returns the credentials of a request whose token is cached, synchronously. This is the only synchronous path of verification.
 *
 * @returns undefined in every other case, and if any check fails: then call {@link verifyRequest}. Also undefined for a token type
 *   that requires a proof
 */
export function credentialsFromCache (settings: VerificationSettings, request: PlainRequest): AuthCredentials | undefined {
  const { cachedToken } = settings
  if (cachedToken === undefined) return undefined
  const startedAt = isAccessObserved() ? monotonic() : undefined
  try {
    const presented = findToken(settings, request)
    if (presented === undefined || pickTokenType(presented.types, request).confirmAccess !== undefined) return undefined
    const result = cachedToken(presented.token)
    if (result === undefined) return undefined
    const credentials = accept(result, undefined)
    if (startedAt !== undefined) publishVerified(describe(settings, request, startedAt), credentials.app?.id, credentials.scope)
    return credentials
  } catch {
    // For example, a bound token without its proof. The asynchronous path finds the same reason and reports it.
    return undefined
  }
}

/**
 * Verifies the access token of a resource request (RFC 6750), and publishes the outcome. Does NOT check scopes: see `checkScope`.
 *
 * @param needed the scopes that the resource requires, for the challenge
 * @throws StrategyError for every failure: an exception of verifyToken becomes the cause of a 500, an unavailable store that of
 *   a 503
 */
export async function verifyRequest (settings: VerificationSettings, request: PlainRequest, needed: readonly string[] = []): Promise<AuthCredentials> {
  const startedAt = isAccessObserved() ? monotonic() : undefined
  try {
    const credentials = await verify(settings, request)
    if (startedAt !== undefined) publishVerified(describe(settings, request, startedAt), credentials.app?.id, credentials.scope)
    return credentials
  } catch (reason) {
    const error = toStrategyError(reason)
    if (startedAt !== undefined) publishRejected(describe(settings, request, startedAt), { code: error.code, status: error.status, needed })
    throw withChallenge(error, resourceChallenge(settings, request, error, needed))
  }
}

/** Describes a request for its events. All token types of a scheme have the name of the scheme. */
export function describe ({ realm, tokenTypesByScheme }: ChallengeSettings, request: PlainRequest, startedAt?: number): AccessRequest {
  const { scheme } = parseAuthorization(request.header('authorization') ?? '')
  return { flow: realm, id: request.id, address: request.address, tokenType: tokenTypesByScheme.get(scheme)?.[0].name, startedAt }
}

/** @returns the error of a request with its token in more than one place (RFC 6750 §2) */
export function severalMethods (): StrategyInvalidRequestError {
  return new StrategyInvalidRequestError('The access token is sent in more than one way')
}

// RFC 6750 §2, §2.1: one token, in the header, with the characters of b64token.
function findToken ({ tokenTypesByScheme }: VerificationSettings, request: PlainRequest): PresentedToken | undefined {
  const { scheme, credentials: token } = parseAuthorization(request.header('authorization') ?? '')
  const types = tokenTypesByScheme.get(scheme)
  return types === undefined || !isB64Token(token) || hasQueryParameter(request.url, QUERY_TOKEN) ? undefined : { token, types }
}

// Returns the error of a request without a usable token.
function presentationError ({ tokenTypesByScheme }: VerificationSettings, request: PlainRequest): StrategyError {
  const authorization = request.header('authorization') ?? ''
  const { scheme, credentials } = parseAuthorization(authorization)
  if (tokenTypesByScheme.has(scheme)) return isB64Token(credentials) ? severalMethods() : new StrategyInvalidRequestError()
  // RFC 6750 §3.1: a request without a token, or with another scheme, is a 401 without an error code. Node.js joins several
  // Authorization fields, so an accepted scheme may follow another one.
  return schemesOf(authorization).some((name) => tokenTypesByScheme.has(name)) ? new StrategyInvalidRequestError() : new StrategyMissingTokenError()
}

async function verify (settings: VerificationSettings, request: PlainRequest): Promise<AuthCredentials> {
  const presented = findToken(settings, request)
  if (presented === undefined) throw presentationError(settings, request)
  const tokenType = pickTokenType(presented.types, request)
  if (tokenType.confirmAccess !== undefined) return await verifyProven(settings, request, presented, tokenType)
  return accept(await settings.verifyToken(presented.token, contextOf(request, tokenType)), undefined)
}

async function verifyProven (
  { verifyToken, recheckToken }: VerificationSettings,
  request: PlainRequest,
  { token, types }: PresentedToken,
  tokenType: TokenType
): Promise<AuthCredentials> {
  // The cheap check comes first: the proof of a caller without a valid token is not verified, because that may be expensive. A
  // verifyToken of the application is called once, with the confirmation.
  const isFirst = recheckToken !== undefined && tokenType.isPresented?.(request) !== false
  const early = isFirst ? await recheckToken(token, contextOf(request, tokenType)) : undefined
  // Throws.
  if (isFirst && (!early || !isAccepted(early))) return accept(early, undefined)
  const proof = checkProof(tokenType, await tokenType.confirmAccess?.(request, token))
  const context = contextOf(request, tokenType, proof?.confirmation)
  const result = early ?? await verifyToken(token, context)
  // A client may present its certificate with an unbound token, if such tokens are accepted.
  const isPlain = !(result as Answer)?.confirmation && types.some(({ confirmAccess }) => confirmAccess === undefined)
  const credentials = accept(result, isPlain ? undefined : proof?.confirmation)
  if (isPlain || proof?.consume === undefined) return credentials
  await proof.consume()
  // The token may have been revoked while the proof was consumed, so revocation is checked last.
  return recheckToken === undefined ? credentials : accept(await recheckToken(token, context), proof.confirmation)
}

function contextOf ({ address }: PlainRequest, { name }: TokenType, confirmation?: Confirmation): VerifyTokenContext {
  return address === undefined ? { tokenType: name, confirmation } : { tokenType: name, confirmation, address }
}

// All forms of a result. A callback may also return null or any other value.
type Answer = Partial<VerifyTokenAnswer & { success: boolean, error: unknown }> | undefined

function isAccepted ({ isValid, success }: NonNullable<Answer>): boolean {
  return (isValid ?? success) === true && (success ?? isValid) === true
}

function accept (result: Answer, proven: Confirmation | undefined): AuthCredentials {
  if (!result || !isAccepted(result)) throw isStrategyError(result?.error) ? result.error : new StrategyInvalidTokenError(result?.message || undefined, { cause: result?.cause })
  // A promise of credentials has no scopes yet, and would grant access to every route that requires none.
  if (!result.credentials || typeof result.credentials !== 'object' || isThenable(result.credentials)) throw new TypeError('verifyToken returned no credentials')

  // RFC 9449 §7.2: a token that is bound to a key is never accepted as a bearer token, and vice versa.
  if (!sameConfirmation(result.confirmation ?? undefined, proven)) {
    throw new StrategyInvalidTokenError(undefined, { cause: 'the token is bound to another sender' })
  }
  return withScopeList(result.credentials)
}

function withScopeList (credentials: VerifiedCredentials): AuthCredentials {
  const { scope = [] } = credentials
  if (typeof scope === 'string') return { ...credentials, scope: splitScope(scope) }
  if (!Array.isArray(scope)) throw new TypeError('verifyToken returned a scope that is neither a list nor a string')
  return { ...credentials, scope }
}
