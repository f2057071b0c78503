import type { FastifyInstance, RouteOptions } from 'fastify'
import { StrategyInternalError } from '../../src/index.ts'
import { redactUrls } from '../redact-urls.ts'
import { documentedScopesOf } from './documented-scopes.ts'
import { formatGuardErrors } from './format-guard-errors.ts'
import { authenticate, authenticateFromCache, checkBody, hasOneOf, scopesOfGuard } from './guard.ts'
import type { Guard, GuardableReply, GuardableRequest, GuardContext } from './guard.ts'
import { retractChallenge } from './retract-challenge.ts'
import { combine } from './scope-requirement.ts'
import type { ScopeAlternatives } from './scope-requirement.ts'

const HOOKS_AFTER_THE_BODY = ['preValidation', 'preHandler'] as const
const GUARD_HOOKS = ['onRequest', 'preParsing', ...HOOKS_AFTER_THE_BODY] as const
type HookName = typeof GUARD_HOOKS[number]
type Hook = (...args: never[]) => unknown
type Done = (error?: Error) => void

// Marks the config of routes whose own guards check the body, with the scopes that they need. Fastify copies it, symbols included.
const CHECKS_BODY = Symbol('fastify-client-credentials.checks-body')

// The challenge of a guard whose scopes are unknown.
const ANY_SCOPE: ScopeAlternatives = [[]]

// The guards of each route, of all plugin registrations.
const guardsOfRoutes = new WeakMap<RouteOptions, ReadonlyMap<HookName, ReadonlySet<Hook>>>()

/** Records the guards of a route. Called before any other plugin can wrap them, and again afterwards. */
export function noteGuards (context: GuardContext, route: RouteOptions): void {
  const known = guardsOfRoutes.get(route)
  guardsOfRoutes.set(route, new Map(GUARD_HOOKS.map((name) => {
    const guards = hooksOf(route, name).filter((hook) => scopesOfGuard(context, hook) !== undefined)
    return [name, new Set([...known?.get(name) ?? [], ...guards])]
  })))
}

/**
 * Prepares a route in an onRoute hook. A route with guards authenticates before its body is read, and checks the decision once
 * more before its handler runs. For a route that only documents scopes, tokens in the URL and in the body are handled.
 *
 * @param instance the encapsulation context of the route
 * @returns the scopes that its requests require. Undefined for a route without guards and documented scopes
 * @throws FST_OAUTH_INVALID_ROUTE_CONFIG, FST_OAUTH_INVALID_SCOPE, FST_OAUTH_UNKNOWN_SCOPE
 */
export function guardRoute (context: GuardContext, route: RouteOptions, instance: FastifyInstance): ScopeAlternatives | undefined {
  formatGuardErrors(route)
  noteGuards(context, route)
  const guarded = scopesOf(context, route)
  const documented = documentedScopesOf(context.flow, route)
  const needed = guarded ?? documented
  if (needed === undefined) return undefined
  redactUrls(route, instance.log)
  watchBody(context, route, needed)
  if (guarded === undefined) retractChallenge(route)
  else enclose(context, route, instance, guarded)
  if (guarded !== undefined) route.config = Object.assign({}, route.config, { [CHECKS_BODY]: true })
  return needed
}

function guardsOf (context: GuardContext, route: RouteOptions, name: HookName): Hook[] {
  return [...guardsOfRoutes.get(route)?.get(name) ?? []].filter((hook) => scopesOfGuard(context, hook) !== undefined)
}

// Returns the combined requirements of the guards of a route.
function scopesOf (context: GuardContext, route: RouteOptions): ScopeAlternatives | undefined {
  const guards = new Set(GUARD_HOOKS.flatMap((name) => guardsOf(context, route, name)))
  return guards.size === 0 ? undefined : combine([...guards].map((guard) => scopesOfGuard(context, guard) as ScopeAlternatives))
}

// Adds a check for a second token in the body to a route whose requests carry tokens.
function watchBody (context: GuardContext, route: RouteOptions, needed: ScopeAlternatives): void {
  // A guard that runs after body parsing makes this check itself.
  if (HOOKS_AFTER_THE_BODY.some((name) => guardsOf(context, route, name).length > 0)) return
  const checkSecondToken: Guard = async (request, reply) => {
    const credentials = context.decisions.of(request)
    if (credentials !== undefined) checkBody(context, request, reply, credentials, needed)
  }
  setHooks(route, 'preValidation', [checkSecondToken, ...hooksOf(route, 'preValidation')])
}

/**
 * Creates a preHandler hook of the whole application that rejects a second token in a form body. A guard that is a hook of an
 * application, not of a route, has run before the body was parsed. Accepts a request without the decision of a guard.
 */
export function createBodyCheck (context: GuardContext): (request: GuardableRequest, reply: GuardableReply, done: Done) => void {
  return (request, reply, done) => {
    if (CHECKS_BODY in request.routeOptions.config) return done()
    const credentials = context.decisions.of(request)
    try {
      if (credentials !== undefined) checkBody(context, request, reply, credentials, ANY_SCOPE)
    } catch (error) {
      return done(error as Error)
    }
    done()
  }
}

function enclose (context: GuardContext, route: RouteOptions, instance: FastifyInstance, needed: ScopeAlternatives): void {
  // Uses a callback, so that a request whose token is cached continues in the same turn of the event loop.
  const authenticateFirst = (request: GuardableRequest, reply: GuardableReply, done: Done): unknown => {
    const credentials = context.decisions.of(request) ?? authenticateFromCache(context, request)
    return credentials === undefined ? authenticate(context, request, reply, needed) : done()
  }
  // Plugins that are registered later may have wrapped the guards, or may never call them.
  const checkDecision = (request: GuardableRequest, _reply: GuardableReply, done: Done): void => {
    const credentials = context.decisions.of(request)
    if (credentials !== undefined && hasOneOf(context, credentials, needed)) return done()
    done(new StrategyInternalError(undefined, { cause: new Error('No guard of the route has accepted the request') }))
  }
  const isEarly = guardsOf(context, route, 'onRequest').length > 0
  const putLast = () => {
    if (!isEarly) putHookLast(route, 'onRequest', authenticateFirst)
    putHookLast(route, 'preHandler', checkDecision)
  }
  putLast()
  // Runs last, so that a rate limit on the route counts before a signature is verified. Repeated after later plugins have added
  // their hooks.
  instance.after(putLast)
}

function hooksOf (route: RouteOptions, name: HookName): Hook[] {
  return [route[name] ?? []].flat() as Hook[]
}

function setHooks (route: RouteOptions, name: HookName, hooks: Hook[]): void {
  Object.assign(route, { [name]: hooks })
}

function putHookLast (route: RouteOptions, name: HookName, hook: Hook): void {
  setHooks(route, name, [...hooksOf(route, name).filter((other) => other !== hook), hook])
}
