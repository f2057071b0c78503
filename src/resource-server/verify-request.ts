import type { VerifyToken, VerifyTokenAnswer } from '../access-token/access-tokens.ts'
import type { AuthCredentials } from '../access-token/credentials.ts'
import type { VerifiedCredentials } from '../access-token/verified-credentials.ts'
import {
  isStrategyError, RETRY_AFTER, StrategyInsufficientScopeError, StrategyInternalError, StrategyInvalidRequestError,
  StrategyInvalidTokenError, StrategyMissingTokenError, StrategyUnavailableError, thrown
} from '../errors/oauth-errors.ts'
import type { StrategyError } from '../errors/oauth-errors.ts'
import { withChallenge } from '../errors/protocol-error.ts'
import { isStoreUnavailable } from '../errors/store-unavailable.ts'
import { isAccessObserved, publishRejected, publishVerified } from '../events/access-decision.ts'
import type { AccessRequest } from '../events/access-decision.ts'
import { formatChallenge, isB64Token, parseAuthorization } from '../http/authentication.ts'
import type { PlainRequest } from '../http/plain-request.ts'
import { hasQueryParameter } from '../http/query.ts'
import { splitScope } from '../http/scope.ts'
import type { ImpliedScopes } from '../http/scope.ts'
import { monotonic } from '../lib/clock.ts'
import { andThen, isThenable } from '../lib/maybe-promise.ts'
import { checkProof, pickTokenType, sameConfirmation } from '../token-type/token-type.ts'
import type { Confirmation, TokenType, TokenTypes } from '../token-type/token-type.ts'

/** What the resource side runs on. */
export interface ResourceAccessSettings {
  readonly realm: string
  /** The ways in which tokens may be presented, by their scheme in lower case. */
  readonly tokenTypesByScheme: ReadonlyMap<string, TokenTypes>
  readonly verifyToken: VerifyToken
  /** Verifies a token again at little cost, where it is verified by a kind of access token of this package. */
  readonly recheckToken?: VerifyToken | undefined
  /** Which other scopes each scope implies, all of them. Undefined where none does. */
  readonly impliedScopes?: ImpliedScopes | undefined
  /** Where a client that is refused finds the authorization server (RFC 9728 §5.1). */
  readonly resourceMetadataUrl?: string | undefined
}

// RFC 6750 §2.3, RFC 9700 §4.3.2: a token in the query is never read. Beside a header, it makes two methods (§2).
const QUERY_TOKEN = new Set(['access_token'])

/**
 * Verifies the access token of a resource request (RFC 6750), and publishes what comes of it. Does NOT check scopes: see
 * {@link checkScope}.
 *
 * @param needed the scopes that the resource wants, for the challenge
 * @returns at once where verifyToken does, so that a token that is remembered costs a request no turn
 * @throws StrategyError, or rejects with it, whatever goes wrong: an exception of verifyToken becomes the cause of a 500,
 *   a store that is away of a 503
 */
export function verifyAccess (
  settings: ResourceAccessSettings,
  request: PlainRequest,
  needed: readonly string[] = []
): AuthCredentials | Promise<AuthCredentials> {
  // Where nobody listens, this is all that events cost.
  return isAccessObserved() ? decideObserved(settings, request, needed) : decide(settings, request, needed)
}

function decideObserved (settings: ResourceAccessSettings, request: PlainRequest, needed: readonly string[]): AuthCredentials | Promise<AuthCredentials> {
  const startedAt = monotonic()
  try {
    const credentials = decide(settings, request, needed)
    if (isThenable(credentials)) return settleObserved(settings, request, needed, startedAt, credentials)
    publishVerified(describe(settings, request, startedAt), credentials.app?.id, credentials.scope)
    return credentials
  } catch (error) {
    const { code, status } = error as StrategyError
    publishRejected(describe(settings, request, startedAt), { code, status, needed })
    throw error
  }
}

async function settleObserved (
  settings: ResourceAccessSettings,
  request: PlainRequest,
  needed: readonly string[],
  startedAt: number,
  deciding: Promise<AuthCredentials>
): Promise<AuthCredentials> {
  try {
    const credentials = await deciding
    publishVerified(describe(settings, request, startedAt), credentials.app?.id, credentials.scope)
    return credentials
  } catch (error) {
    const { code, status } = error as StrategyError
    publishRejected(describe(settings, request, startedAt), { code, status, needed })
    throw error
  }
}

function decide (settings: ResourceAccessSettings, request: PlainRequest, needed: readonly string[]): AuthCredentials | Promise<AuthCredentials> {
  try {
    const credentials = verify(settings, request)
    return isThenable(credentials) ? credentials.then(undefined, (error: unknown) => { throw refusal(settings, request, needed, error) }) : credentials
  } catch (error) {
    throw refusal(settings, request, needed, error)
  }
}

/**
 * Checks that verified credentials hold every scope that is needed. Publishes a refusal.
 *
 * @throws StrategyInsufficientScopeError 403, with the scopes needed in its challenge (RFC 6750 §3.1)
 */
export function checkScope (
  settings: ResourceAccessSettings,
  request: PlainRequest,
  credentials: AuthCredentials,
  needed: readonly string[]
): void {
  if (!hasScopes(settings, credentials, needed)) throw rejected(settings, request, needed, credentials, new StrategyInsufficientScopeError())
}

/** Tells whether credentials have every scope that is needed, or one that implies it, for callers that make a plain request for a refusal only. */
export function hasScopes ({ impliedScopes }: Pick<ResourceAccessSettings, 'impliedScopes'>, { scope }: AuthCredentials, needed: readonly string[]): boolean {
  return needed.every((name) => scope.includes(name) || (impliedScopes !== undefined && scope.some((held) => impliedScopes.get(held)?.has(name) === true)))
}

/**
 * Refuses a request that sends a token in its body beside the one in its header (RFC 6750 §2). Publishes it.
 *
 * @returns the error to throw
 */
export function rejectSecondToken (
  settings: ResourceAccessSettings,
  request: PlainRequest,
  credentials: AuthCredentials,
  needed: readonly string[]
): StrategyError {
  return rejected(settings, request, needed, credentials, severalMethods())
}

// What is refused though its token is valid.
function rejected (
  settings: ResourceAccessSettings,
  request: PlainRequest,
  needed: readonly string[],
  credentials: AuthCredentials,
  error: StrategyError
): StrategyError {
  if (isAccessObserved()) publishRejected(describe(settings, request), { code: error.code, status: error.status, clientId: credentials.app?.id, needed })
  return challenging(settings, request, needed, error)
}

// All types of a scheme have its name.
function describe ({ realm, tokenTypesByScheme }: ResourceAccessSettings, request: PlainRequest, startedAt?: number): AccessRequest {
  const { scheme } = parseAuthorization(request.header('authorization') ?? '')
  return { flow: realm, id: request.id, address: request.address, tokenType: tokenTypesByScheme.get(scheme)?.[0].name, startedAt }
}

function verify ({ tokenTypesByScheme, verifyToken, recheckToken }: ResourceAccessSettings, request: PlainRequest): AuthCredentials | Promise<AuthCredentials> {
  // RFC 6750 §3.1: nothing presented, or another scheme than ours, is a 401 without error code.
  const authorization = request.header('authorization')
  if (authorization === undefined || authorization === '') throw new StrategyMissingTokenError()
  const { scheme, credentials: token } = parseAuthorization(authorization)
  const types = tokenTypesByScheme.get(scheme)
  if (types === undefined) {
    // Among several Authorization fields, which reach us joined by ", ", ours may stand behind another.
    throw schemesOf(authorization).some((name) => tokenTypesByScheme.has(name))
      ? new StrategyInvalidRequestError()
      : new StrategyMissingTokenError()
  }

  // §2.1, §2: one token, in the header, of b64token's characters.
  if (!isB64Token(token)) throw new StrategyInvalidRequestError()
  if (hasQueryParameter(request.url, QUERY_TOKEN)) throw severalMethods()

  const tokenType = pickTokenType(types, request)
  if (tokenType.confirmAccess !== undefined) return verifyProven(tokenType, types, { verifyToken, recheckToken }, request, token)
  return andThen(verifyToken(token, { tokenType: tokenType.name, confirmation: undefined }), acceptUnproven)
}

async function verifyProven (
  tokenType: TokenType,
  types: TokenTypes,
  { verifyToken, recheckToken }: Pick<ResourceAccessSettings, 'verifyToken' | 'recheckToken'>,
  request: PlainRequest,
  token: string
): Promise<AuthCredentials> {
  // What is cheap comes first: the proof of a caller without a valid token is not verified, whatever its key costs. A verifyToken of
  // the application is called once, with what was proven.
  const isFirst = recheckToken !== undefined && tokenType.isPresented?.(request) !== false
  const early = isFirst ? await recheckToken(token, { tokenType: tokenType.name, confirmation: undefined }) : undefined
  // Throws.
  if (isFirst && (!early || !isAccepted(early))) return accept(early, undefined)
  const proof = checkProof(tokenType, await tokenType.confirmAccess?.(request, token))
  const proven = proof?.confirmation
  const context = { tokenType: tokenType.name, confirmation: proven }
  const result = early ?? await verifyToken(token, context)
  // A client may show its certificate with a token that is bound to nothing, where such tokens are taken.
  const isPlain = !(result as Answer)?.confirmation && types.some(({ confirmAccess }) => confirmAccess === undefined)
  const credentials = accept(result, isPlain ? undefined : proven)
  if (isPlain || proof?.consume === undefined) return credentials
  await proof.consume()
  // A store took its time to consume the proof: whether the token was revoked is decided last.
  return recheckToken === undefined ? credentials : accept(await recheckToken(token, context), proven)
}

// Every form of an answer: a callback may return null or anything else, too.
type Answer = Partial<VerifyTokenAnswer & { success: boolean, error: unknown }> | undefined

function isAccepted ({ isValid, success }: NonNullable<Answer>): boolean {
  return (isValid ?? success) === true && (success ?? isValid) === true
}

function accept (result: Answer, proven: Confirmation | undefined): AuthCredentials {
  if (!result || !isAccepted(result)) throw isStrategyError(result?.error) ? result.error : new StrategyInvalidTokenError(result?.message || undefined, { cause: result?.cause })
  // A promise of credentials has no scope yet, and would open every route that wants none.
  if (!result.credentials || typeof result.credentials !== 'object' || isThenable(result.credentials)) throw new TypeError('verifyToken returned no credentials')

  // RFC 9449 §7.2: a token that is bound to a key is never a bearer token, nor the other way round.
  if (!sameConfirmation(result.confirmation ?? undefined, proven)) {
    throw new StrategyInvalidTokenError(undefined, { cause: 'the token is bound to another sender' })
  }
  return withScopeList(result.credentials)
}

function acceptUnproven (result: Answer): AuthCredentials {
  return accept(result, undefined)
}

function severalMethods (): StrategyInvalidRequestError {
  return new StrategyInvalidRequestError('The access token is sent in more than one way')
}

function withScopeList (credentials: VerifiedCredentials): AuthCredentials {
  const { scope = [] } = credentials
  if (typeof scope === 'string') return { ...credentials, scope: splitScope(scope) }
  if (!Array.isArray(scope)) throw new TypeError('verifyToken returned a scope that is neither a list nor a string')
  return { ...credentials, scope }
}

function refusal (settings: ResourceAccessSettings, request: PlainRequest, needed: readonly string[], error: unknown): StrategyError {
  // A refusal because of a store that is away is no refusal: a 401 would have every client fetch a new token.
  if (isStrategyError(error) && (error.status >= 500 || !isStoreUnavailable(error))) return challenging(settings, request, needed, error)
  if (isStoreUnavailable(error)) return new StrategyUnavailableError(undefined, { cause: error, retryAfter: RETRY_AFTER })
  return new StrategyInternalError(undefined, { cause: thrown(error) })
}

function challenging (settings: ResourceAccessSettings, request: PlainRequest, needed: readonly string[], error: StrategyError): StrategyError {
  // A failure of ours is no reason to send other credentials.
  if (error.status >= 500) return error
  const { realm, tokenTypesByScheme, resourceMetadataUrl } = settings
  const used = schemesOf(request.header('authorization') ?? '')
  // That of StrategyMissingTokenError.
  const isPresented = error.code !== 'unauthorized'
  // Clients that read one challenge only take the first: the scheme that was presented.
  const offered = [...tokenTypesByScheme].sort(([one], [other]) => Number(used.includes(other)) - Number(used.includes(one)))
  const challenges = offered.map(([scheme, types]) => {
    // RFC 9449 §7.1: every scheme is offered, and the error stands with the one that was used.
    const isFailed = isPresented && used.includes(scheme)
    return formatChallenge(types[0].name, {
      realm,
      scope: needed.length > 0 ? needed.join(' ') : undefined,
      error: isFailed ? error.code : undefined,
      error_description: isFailed ? error.message : undefined,
      resource_metadata: resourceMetadataUrl,
      ...Object.assign({}, ...types.map(({ challengeParameters }) => challengeParameters))
    })
  })
  return withChallenge(error, challenges.join(', '))
}

// Several Authorization fields reach us joined by ", ".
function schemesOf (authorization: string): string[] {
  return authorization.split(/, */).map((field) => parseAuthorization(field).scheme)
}
