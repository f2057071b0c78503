import type { AuthCredentials } from '../access-token/access-tokens.ts'
import type { StrategyError } from '../errors/oauth-errors.ts'
import { parseAuthorization } from '../http/authentication.ts'
import type { PlainRequest } from '../http/plain-request.ts'
import { secondsSince } from '../lib/clock.ts'
import type { TokenTypes } from '../token-type/token-type.ts'
import { toSafeMember } from './client-decision.ts'
import { CHANNELS, publish } from './event-types.ts'

const { tokenVerified, tokenRejected } = CHANNELS

/** What the flow of a resource request is known by. */
interface Decided {
  readonly realm: string
  readonly tokenTypesByScheme: ReadonlyMap<string, TokenTypes>
}

/** Tells whether anybody wants to know what becomes of resource requests. */
export function isAccessObserved (): boolean {
  return tokenVerified.hasSubscribers || tokenRejected.hasSubscribers
}

/** @param startedAt on the monotonic */
export function publishVerified (settings: Decided, request: PlainRequest, { app, scope }: AuthCredentials, startedAt: number): void {
  if (!tokenVerified.hasSubscribers) return
  // Member by member: to spread an object into a literal costs Node.js 20 a hundred times as much.
  publish(tokenVerified, {
    flow: settings.realm,
    requestId: toSafeMember(request.id),
    address: toSafeMember(request.address),
    duration: secondsSince(startedAt),
    clientId: app?.id,
    scope,
    tokenType: tokenTypeOf(settings, request)
  })
}

/**
 * Publishes the refusal of a resource request.
 *
 * @param known.needed the scopes that the resource wants
 * @param known.credentials when the token is valid, and something else is not
 * @param known.startedAt on the monotonic; undefined for a decision that takes no time
 */
export function publishRejected (
  settings: Decided,
  request: PlainRequest,
  { code, status }: StrategyError,
  { needed, credentials, startedAt }: { needed: readonly string[], credentials?: AuthCredentials | undefined, startedAt?: number }
): void {
  if (!tokenRejected.hasSubscribers) return
  publish(tokenRejected, {
    flow: settings.realm,
    requestId: toSafeMember(request.id),
    address: toSafeMember(request.address),
    duration: secondsSince(startedAt),
    error: code,
    status,
    clientId: credentials?.app?.id,
    tokenType: tokenTypeOf(settings, request),
    needed
  })
}

// All types of a scheme have its name.
function tokenTypeOf ({ tokenTypesByScheme }: Decided, request: PlainRequest): string | undefined {
  return tokenTypesByScheme.get(parseAuthorization(request.header('authorization') ?? '').scheme)?.[0].name
}
