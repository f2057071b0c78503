import type { FastifyInstance, RouteOptions } from 'fastify'
import { checkScope, FORM_MEDIA_TYPE, hasScopes, isThenable, rejectSecondToken, settingsOf, verifyAccess } from '../../src/adapter.ts'
import { StrategyInternalError } from '../../src/index.ts'
import type { AuthCredentials, ClientCredentialsFlow, StrategyError } from '../../src/index.ts'
import { refuseMissing } from '../options.ts'
import type { OutageLog } from '../outage-log.ts'
import { redactUrls } from '../redact-urls.ts'
import { putHeaders } from '../reply.ts'
import type { HeadedReply } from '../reply.ts'
import { FastifyPlainRequest } from '../request.ts'
import type { ReadableRequest, RequestContext } from '../request.ts'
import { Decisions } from './decision.ts'
import { noteRefusal } from './retract-challenge.ts'
import { combine, toAlternatives } from './scope-requirement.ts'
import type { RequireScopes, ScopeAlternatives } from './scope-requirement.ts'
import { isOpen } from './unguarded-routes.ts'

/** As much of Fastify's request as a guard needs: every one fits, so that a guard leaves a route's types alone. */
export interface GuardableRequest extends ReadableRequest {
  readonly headers: { readonly 'content-type'?: string | undefined }
  readonly routeOptions: { readonly config: object }
}

/** As much of Fastify's reply as a guard needs. */
export type GuardableReply = HeadedReply

/** A hook that lets a request pass only with a valid access token of the scopes it was made for. */
export type Guard = (request: GuardableRequest, reply: GuardableReply) => Promise<void>

/** The guards of one plugin registration. */
export interface Guards {
  /** The members that requests are decorated with. */
  readonly decorators: readonly (string | symbol)[]
  /** Makes a guard. See the decorator of the same name. */
  readonly requireScopes: RequireScopes<Guard>
  /** Notes the guards of a route before another plugin wraps them into functions of its own. */
  note (route: RouteOptions): void
  /** The scopes that the guards of a route need, together; undefined when it has none. */
  scopesOf (route: RouteOptions): ScopeAlternatives | undefined
  /** Has a route whose requests bring tokens look for a second one in the body, and keeps tokens in its URL out of the log. */
  watch (route: RouteOptions, instance: FastifyInstance, needed: ScopeAlternatives): void
  /** Makes a guarded route authenticate before its body is read, and check the decision once more before its handler runs. */
  enclose (route: RouteOptions, instance: FastifyInstance, needed: ScopeAlternatives): void
}

const GUARD_HOOKS = ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const
const HOOKS_BEHIND_THE_BODY = ['preValidation', 'preHandler'] as const
type AnyHook = (...args: never[]) => unknown
type HookName = typeof GUARD_HOOKS[number]
type Done = (error?: Error) => void

/** Prepares the guards of a flow. */
export function createGuards (flow: ClientCredentialsFlow, context: RequestContext, decoratorName: string, outage: OutageLog): Guards {
  const settings = settingsOf(flow)
  const decisions = new Decisions(flow, decoratorName)
  const neededByGuard = new WeakMap<AnyHook, ScopeAlternatives>()
  const noted = new WeakMap<RouteOptions, ReadonlyMap<HookName, AnyHook[]>>()
  const guardsIn = (route: RouteOptions, name: HookName) => hooksOf(route, name).filter((hook) => neededByGuard.has(hook))
  const guardsOf = (route: RouteOptions, name: HookName) => noted.get(route)!.get(name)!
  const isEnough = (credentials: AuthCredentials, needed: ScopeAlternatives) => needed.some((scopes) => hasScopes(settings, credentials, scopes))

  // A guard never depends on a hook having run: whichever comes first authenticates.
  function authenticate (request: GuardableRequest, reply: GuardableReply, needed: ScopeAlternatives): AuthCredentials | Promise<AuthCredentials> {
    try {
      const credentials = verifyAccess(settings, new FastifyPlainRequest(request, context), needed[0])
      if (!isThenable(credentials)) return store(request, credentials)
      return credentials.then((settled) => store(request, settled)).then(undefined, (error: unknown) => { throw rejected(reply, error) })
    } catch (error) {
      throw rejected(reply, error)
    }
  }

  function rejected (reply: GuardableReply, error: unknown): StrategyError {
    outage.failed(error)
    return withHeaders(reply, error as StrategyError)
  }

  function store (request: GuardableRequest, credentials: AuthCredentials): AuthCredentials {
    decisions.store(request, credentials)
    outage.succeeded()
    return credentials
  }

  // RFC 6750 §2.2: a form body may carry a token. We never read it; beside the header it makes two methods (§2).
  function refuseSecondToken (request: GuardableRequest, reply: GuardableReply, credentials: AuthCredentials, needed: ScopeAlternatives): void {
    const { body, headers } = request
    if (typeof body !== 'object' || body === null || !('access_token' in body)) return
    if (headers['content-type']?.toLowerCase().startsWith(FORM_MEDIA_TYPE) !== true) return
    throw withHeaders(reply, rejectSecondToken(settings, new FastifyPlainRequest(request, context), credentials, needed[0]))
  }

  function requireScopes (...args: unknown[]): Guard {
    const needed = toAlternatives(flow, args)
    refuseMissing(flow, 'verifyToken', 'its guards would refuse every request')

    const guard: Guard = async (request, reply) => {
      const decided = decisions.of(request)
      if (decided === undefined && isOpen(request)) return
      const credentials = decided ?? await authenticate(request, reply, needed)
      refuseSecondToken(request, reply, credentials, needed)
      if (isEnough(credentials, needed)) return
      try {
        // Of several alternatives, the challenge names the first.
        checkScope(settings, new FastifyPlainRequest(request, context), credentials, needed[0])
      } catch (error) {
        throw withHeaders(reply, error as StrategyError)
      }
    }
    neededByGuard.set(guard, needed)
    return guard
  }

  function note (route: RouteOptions): void {
    const known = noted.get(route)
    noted.set(route, new Map(GUARD_HOOKS.map((name) => [name, [...known?.get(name) ?? [], ...guardsIn(route, name)]])))
  }

  function scopesOf (route: RouteOptions): ScopeAlternatives | undefined {
    // Those that another plugin has added since.
    note(route)
    const guards = GUARD_HOOKS.flatMap((name) => guardsOf(route, name))
    return guards.length === 0 ? undefined : combine([...new Set(guards)].map((guard) => neededByGuard.get(guard)!))
  }

  function watch (route: RouteOptions, instance: FastifyInstance, needed: ScopeAlternatives): void {
    redactUrls(route, instance.log)
    // A guard behind the body looks for itself.
    if (HOOKS_BEHIND_THE_BODY.some((name) => guardsOf(route, name).length > 0)) return
    const refuseSecond: Guard = async (request, reply) => {
      const credentials = decisions.of(request)
      if (credentials !== undefined) refuseSecondToken(request, reply, credentials, needed)
    }
    setHooks(route, 'preValidation', [refuseSecond, ...hooksOf(route, 'preValidation')])
  }

  function enclose (route: RouteOptions, instance: FastifyInstance, needed: ScopeAlternatives): void {
    // With a callback: a token that is remembered lets its request go on in the same turn.
    const authenticateFirst = (request: GuardableRequest, reply: GuardableReply, done: Done): unknown => {
      const credentials = decisions.of(request) ?? authenticate(request, reply, needed)
      return isThenable(credentials) ? credentials : done()
    }
    // The guards themselves may have been wrapped, or never called, by what came behind them.
    const checkDecision = (request: GuardableRequest, _reply: GuardableReply, done: Done): void => {
      const credentials = decisions.of(request)
      if (credentials !== undefined && isEnough(credentials, needed)) return done()
      done(new StrategyInternalError(undefined, { cause: new Error('No guard of the route has accepted the request') }))
    }
    const isEarly = guardsOf(route, 'onRequest').length > 0
    const putLast = () => {
      if (!isEarly) putHookLast(route, 'onRequest', authenticateFirst)
      putHookLast(route, 'preHandler', checkDecision)
    }
    putLast()
    // Last, so that a rate limit on the route counts before a signature is verified: again, once plugins that come
    // behind this one have added their hooks.
    instance.after(putLast)
  }

  return { decorators: decisions.decorators, requireScopes, note, scopesOf, watch, enclose }
}

function hooksOf (route: RouteOptions, name: HookName): AnyHook[] {
  return [route[name] ?? []].flat() as AnyHook[]
}

function setHooks (route: RouteOptions, name: HookName, hooks: AnyHook[]): void {
  Object.assign(route, { [name]: hooks })
}

function putHookLast (route: RouteOptions, name: HookName, hook: AnyHook): void {
  setHooks(route, name, [...hooksOf(route, name).filter((other) => other !== hook), hook])
}

// On the reply, since header fields of an error are lost in an application's own error handler.
function withHeaders (reply: GuardableReply, error: StrategyError): StrategyError {
  const { headers } = error
  putHeaders(reply, headers)
  noteRefusal(reply, headers)
  return error
}
