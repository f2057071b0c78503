import { checkScope, credentialsFromCache, FORM_MEDIA_TYPE, hasScopes, rejectSecondToken, verifyRequest } from '../../src/adapter.ts'
import type { FlowSettings } from '../../src/adapter.ts'
import type { AuthCredentials, ClientCredentialsFlow, StrategyError } from '../../src/index.ts'
import { refuseMissing } from '../options.ts'
import type { OutageLog } from '../outage-log.ts'
import { putHeaders } from '../reply.ts'
import type { HeadedReply } from '../reply.ts'
import { FastifyPlainRequest } from '../request.ts'
import type { ReadableRequest, RequestContext } from '../request.ts'
import type { Decisions } from './decision.ts'
import { noteRejection } from './retract-challenge.ts'
import { toAlternatives } from './scope-requirement.ts'
import type { ScopeAlternatives } from './scope-requirement.ts'
import { isOpen } from './unguarded-routes.ts'

/** The members of Fastify's request that a guard needs. Every request fits, so that a guard does not affect a route's types. */
export interface GuardableRequest extends ReadableRequest {
  readonly headers: { readonly 'content-type'?: string | undefined }
  readonly routeOptions: { readonly config: object }
}

/** The members of Fastify's reply that a guard needs. */
export type GuardableReply = HeadedReply

/** A hook that accepts a request only with a valid access token that has the scopes of the guard. */
export type Guard = (request: GuardableRequest, reply: GuardableReply) => Promise<void>

/** The data that the guards of one plugin registration share. */
export interface GuardContext {
  readonly flow: ClientCredentialsFlow
  readonly settings: FlowSettings
  readonly requestContext: RequestContext
  readonly decisions: Decisions
  readonly outageLog: OutageLog
}

interface GuardRequirement {
  readonly context: GuardContext
  readonly needed: ScopeAlternatives
}

const requirements = new WeakMap<object, GuardRequirement>()

/**
 * Creates a guard. See the decorator of the same name.
 *
 * @param args the arguments of the decorator
 * @throws FST_OAUTH_INVALID_SCOPE, FST_OAUTH_UNKNOWN_SCOPE, FST_OAUTH_CALLBACK_MISSING
 */
export function requireScopes (context: GuardContext, args: readonly unknown[]): Guard {
  const needed = toAlternatives(context.flow, args)
  refuseMissing(context.flow, 'verifyToken', 'its guards would reject every request')
  const guard: Guard = (request, reply) => checkRequest(context, request, reply, needed)
  requirements.set(guard, { context, needed })
  return guard
}

/** Returns the scopes that a guard of this plugin registration requires. Undefined for any other function. */
export function scopesOfGuard (context: GuardContext, hook: object): ScopeAlternatives | undefined {
  const requirement = requirements.get(hook)
  return requirement?.context === context ? requirement.needed : undefined
}

/** Returns the credentials of a request whose token is cached, and stores the decision. Undefined for any other: then call {@link authenticate}. */
export function authenticateFromCache (context: GuardContext, request: GuardableRequest): AuthCredentials | undefined {
  const credentials = credentialsFromCache(context.settings, new FastifyPlainRequest(request, context.requestContext))
  return credentials && store(context, request, credentials)
}

/**
 * Verifies the access token of a request, and stores the decision. A guard does not depend on an earlier hook: the first guard
 * that runs authenticates.
 *
 * @param needed the scopes for the challenge, which are NOT checked here
 * @throws StrategyError; its header fields are set on the reply
 */
export async function authenticate (
  context: GuardContext,
  request: GuardableRequest,
  reply: GuardableReply,
  needed: ScopeAlternatives
): Promise<AuthCredentials> {
  try {
    return store(context, request, await verifyRequest(context.settings, new FastifyPlainRequest(request, context.requestContext), needed[0]))
  } catch (error) {
    context.outageLog.failed(error)
    throw withHeaders(reply, error as StrategyError)
  }
}

/** Returns whether credentials have the scopes of one alternative. */
export function hasOneOf ({ settings }: GuardContext, credentials: AuthCredentials, needed: ScopeAlternatives): boolean {
  return needed.some((scopes) => hasScopes(settings, credentials, scopes))
}

/**
 * Rejects a second token in a form body (RFC 6750 §2.2). That token is never used; in addition to the header it is a second method (§2).
 *
 * @throws StrategyError 400
 */
export function checkBody (context: GuardContext, request: GuardableRequest, reply: GuardableReply, credentials: AuthCredentials, needed: ScopeAlternatives): void {
  const { body, headers } = request
  if (typeof body !== 'object' || body === null || !('access_token' in body)) return
  if (headers['content-type']?.toLowerCase().startsWith(FORM_MEDIA_TYPE) !== true) return
  throw withHeaders(reply, rejectSecondToken(context.settings, new FastifyPlainRequest(request, context.requestContext), credentials, needed[0]))
}

async function checkRequest (context: GuardContext, request: GuardableRequest, reply: GuardableReply, needed: ScopeAlternatives): Promise<void> {
  let credentials = context.decisions.of(request)
  if (credentials === undefined) {
    if (isOpen(request)) return
    credentials = authenticateFromCache(context, request) ?? await authenticate(context, request, reply, needed)
  }
  checkBody(context, request, reply, credentials, needed)
  if (hasOneOf(context, credentials, needed)) return
  try {
    // Of several alternatives, the challenge names the first.
    checkScope(context.settings, new FastifyPlainRequest(request, context.requestContext), credentials, needed[0])
  } catch (error) {
    throw withHeaders(reply, error as StrategyError)
  }
}

function store ({ decisions, outageLog }: GuardContext, request: GuardableRequest, credentials: AuthCredentials): AuthCredentials {
  decisions.store(request, credentials)
  outageLog.succeeded()
  return credentials
}

// Sets the fields on the reply, since the application's error handler may drop those of the error.
function withHeaders (reply: GuardableReply, error: StrategyError): StrategyError {
  const { headers } = error
  putHeaders(reply, headers)
  noteRejection(reply, headers)
  return error
}
