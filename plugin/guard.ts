import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import { checkScope, FORM_MEDIA_TYPE, hasScopes, isScopeToken, queryStarts, refuseSeveralTokens, StrategyError, verifyAccess } from '../src/index.ts'
import type { AuthCredentials, ClientCredentialsFlow, CredentialsOf, RegisteredFlow } from '../src/index.ts'
import { noteGuards, verifiedBy } from './decided-flows.ts'
import { FST_OAUTH_INVALID_SCOPE, FST_OAUTH_ROUTE_NOT_GUARDED, FST_OAUTH_UNKNOWN_SCOPE } from './errors.ts'
import { redactUrls } from './log.ts'
import { refuseMissing } from './options.ts'
import { isOpen } from './open-routes.ts'
import { noteRefusal } from './other-ways-in.ts'
import type { Outage } from './outage.ts'
import { putHeaders, sendError } from './reply.ts'
import type { HeadedReply } from './reply.ts'
import { FastifyPlainRequest } from './request.ts'
import type { ReadableRequest, RequestContext } from './request.ts'

/** As much of Fastify's request as a guard needs: every one fits, so that a guard leaves a route's types alone. */
export interface GuardableRequest extends ReadableRequest {
  credentials: AuthCredentials | null
  readonly headers: { readonly 'content-type'?: string | undefined }
  readonly routeOptions: { readonly config: object }
}

/** As much of Fastify's reply as a guard needs. */
export type GuardableReply = HeadedReply

/** A hook that lets a request pass only with a valid access token of the scopes it was made for. */
export type Guard = (request: GuardableRequest, reply: GuardableReply) => Promise<void>

/** The guards of one plugin registration. */
export interface Guards {
  /** Where a request keeps what these guards have verified. */
  readonly verified: symbol
  /** Makes a guard. See the decorator of the same name. */
  requireScopes (...scopes: string[]): Guard
  /** Notes the guards of a route before another plugin wraps them into functions of its own. */
  note (route: RouteOptions): void
  /** The scopes that the guards of a route need, together; undefined when it has none. */
  scopesOf (route: RouteOptions): readonly string[] | undefined
  /** Has a route whose requests bring tokens look for a second one in the body, and keeps tokens in its URL out of the log. */
  watch (route: RouteOptions, instance: FastifyInstance, scopes: readonly string[]): void
  /** Makes a guarded route authenticate before its body is read. */
  authenticateEarly (route: RouteOptions, instance: FastifyInstance, scopes: readonly string[]): void
}

const GUARD_HOOKS = ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const
const HOOKS_BEHIND_THE_BODY = ['preValidation', 'preHandler'] as const
type AnyHook = (...args: never[]) => unknown
type HookName = typeof GUARD_HOOKS[number]

/** Prepares the guards of a flow. */
export function createGuards (flow: ClientCredentialsFlow, context: RequestContext, outage: Outage): Guards {
  const { settings } = flow
  // `request.credentials` is for the user: what a hook of theirs, or a guard of another flow, has put there opens nothing.
  const verified = Symbol('fastify-client-credentials.verified')
  noteGuards(flow, verified)
  type Verifiable = GuardableRequest & { [verified]?: AuthCredentials | null }
  const scopesByGuard = new WeakMap<AnyHook, readonly string[]>()
  const noted = new WeakMap<RouteOptions, ReadonlyMap<HookName, AnyHook[]>>()
  const guardsIn = (route: RouteOptions, name: HookName) => hooksOf(route, name).filter((hook) => scopesByGuard.has(hook))
  const guardsOf = (route: RouteOptions, name: HookName) => noted.get(route)!.get(name)!

  // A guard never depends on a hook having run: whichever comes first authenticates.
  function authenticate (request: Verifiable, reply: GuardableReply, scopes: readonly string[]): AuthCredentials | Promise<AuthCredentials> {
    try {
      const credentials = verifyAccess(settings, new FastifyPlainRequest(request, context), scopes)
      if (!(credentials instanceof Promise)) return remember(request, credentials)
      return credentials.then(
        (settled) => remember(request, settled),
        (error: unknown) => { throw refused(reply, error) }
      )
    } catch (error) {
      throw refused(reply, error)
    }
  }

  function refused (reply: GuardableReply, error: unknown): StrategyError {
    outage.failed(error)
    return withHeaders(reply, error as StrategyError)
  }

  function remember (request: Verifiable, credentials: AuthCredentials): AuthCredentials {
    request[verified] = credentials
    request.credentials = credentials
    outage.succeeded()
    return credentials
  }

  // RFC 6750 §2.2: a form body may carry a token. We never read it; beside the header it makes two methods (§2).
  function refuseSecondToken (request: GuardableRequest, reply: GuardableReply, credentials: AuthCredentials, scopes: readonly string[]): void {
    const { body, headers } = request
    if (typeof body !== 'object' || body === null || !('access_token' in body)) return
    if (headers['content-type']?.toLowerCase().startsWith(FORM_MEDIA_TYPE) !== true) return
    throw withHeaders(reply, refuseSeveralTokens(settings, new FastifyPlainRequest(request, context), credentials, scopes))
  }

  function requireScopes (...scopes: string[]): Guard {
    checkScopeNames(flow, scopes)
    refuseMissing(flow, 'verifyToken', 'its guards would refuse every request')

    const guard: Guard = async (request: Verifiable, reply) => {
      if (!request[verified] && isOpen(request)) return
      const credentials = request[verified] ?? await authenticate(request, reply, scopes)
      refuseSecondToken(request, reply, credentials, scopes)
      if (hasScopes(credentials, scopes)) return
      try {
        checkScope(settings, new FastifyPlainRequest(request, context), credentials, scopes)
      } catch (error) {
        throw withHeaders(reply, error as StrategyError)
      }
    }
    scopesByGuard.set(guard, scopes)
    return guard
  }

  function note (route: RouteOptions): void {
    const known = noted.get(route)
    noted.set(route, new Map(GUARD_HOOKS.map((name) => [name, [...known?.get(name) ?? [], ...guardsIn(route, name)]])))
  }

  function scopesOf (route: RouteOptions): readonly string[] | undefined {
    // Those that another plugin has added since.
    note(route)
    const guards = GUARD_HOOKS.flatMap((name) => guardsOf(route, name))
    return guards.length === 0 ? undefined : [...new Set(guards.flatMap((guard) => scopesByGuard.get(guard)!))]
  }

  function watch (route: RouteOptions, instance: FastifyInstance, scopes: readonly string[]): void {
    redactUrls(route, instance.log)
    // A guard behind the body looks for itself.
    if (HOOKS_BEHIND_THE_BODY.some((name) => guardsOf(route, name).length > 0)) return
    const refuseSecond: Guard = async (request: Verifiable, reply) => {
      const credentials = request[verified]
      if (credentials) refuseSecondToken(request, reply, credentials, scopes)
    }
    setHooks(route, 'preValidation', [refuseSecond, ...hooksOf(route, 'preValidation')])
  }

  function authenticateEarly (route: RouteOptions, instance: FastifyInstance, scopes: readonly string[]): void {
    if (guardsOf(route, 'onRequest').length > 0) return

    // With a callback: a token that is remembered lets its request go on in the same turn.
    const authenticateFirst = (request: Verifiable, reply: GuardableReply, done: () => void): unknown => {
      const credentials = request[verified] ?? authenticate(request, reply, scopes)
      return credentials instanceof Promise ? credentials : done()
    }
    const putLast = () => {
      setHooks(route, 'onRequest', [...hooksOf(route, 'onRequest').filter((hook) => hook !== authenticateFirst), authenticateFirst])
    }
    putLast()
    // Last, so that a rate limit on the route counts before a signature is verified: again, once plugins that come
    // behind this one have added their hooks.
    instance.after(putLast)
  }

  return { verified, requireScopes, note, scopesOf, watch, authenticateEarly }
}

/**
 * Returns the credentials of a request on a guarded route, never null. Their type is that of the flow, or of the one that
 * {@link Register} declares.
 *
 * @param flow for an application with several: only its own guards count. Default any guard
 * @throws FST_OAUTH_ROUTE_NOT_GUARDED when no guard has run
 */
export function credentialsOf<Flow extends ClientCredentialsFlow = RegisteredFlow> (
  request: Pick<GuardableRequest, 'credentials' | 'method' | 'url'>,
  flow?: Flow
): CredentialsOf<Flow> {
  const credentials = flow === undefined ? request.credentials : verifiedBy(flow, request)
  if (credentials === null || credentials === undefined) {
    throw new FST_OAUTH_ROUTE_NOT_GUARDED(request.method, request.url.slice(0, queryStarts(request.url).at(-1)))
  }
  return credentials as CredentialsOf<Flow>
}

/**
 * Refuses what is no scope name, and a scope that no token could ever have.
 *
 * @throws FST_OAUTH_INVALID_SCOPE, FST_OAUTH_UNKNOWN_SCOPE
 */
export function checkScopeNames ({ settings: { scopeNames } }: ClientCredentialsFlow, scopes: readonly string[]): void {
  for (const scope of scopes) {
    if (!isScopeToken(scope)) throw new FST_OAUTH_INVALID_SCOPE()
    if (scopeNames !== undefined && !scopeNames.has(scope)) throw new FST_OAUTH_UNKNOWN_SCOPE(scope)
  }
}

/**
 * Has the refusals of guards answered as OAuth errors on a route, wherever the guard stands: also in a hook of a whole
 * scope, or in a function of the user's that calls it. Where the application has set an error handler, that has the word.
 */
export function answerRefusals (route: RouteOptions): void {
  route.errorHandler ??= answerRefusal
}

function answerRefusal (this: FastifyInstance, error: Error, request: FastifyRequest, reply: FastifyReply): unknown {
  const { errorHandler } = request.server
  if (error instanceof StrategyError && errorHandler.name === 'defaultErrorHandler') return sendError(reply, error)
  // Thrown on, an error reaches that handler; of anything else Fastify would make a 200.
  if (error instanceof Error) throw error
  return errorHandler.call(this, error, request, reply)
}

function hooksOf (route: RouteOptions, name: HookName): AnyHook[] {
  return [route[name] ?? []].flat() as AnyHook[]
}

function setHooks (route: RouteOptions, name: HookName, hooks: AnyHook[]): void {
  Object.assign(route, { [name]: hooks })
}

// On the reply, since header fields of an error are lost in an application's own error handler.
function withHeaders (reply: GuardableReply, error: StrategyError): StrategyError {
  const { headers } = error
  putHeaders(reply, headers)
  noteRefusal(reply, headers)
  return error
}
