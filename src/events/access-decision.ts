import type { AuthCredentials } from '../access-token/index.ts'
import { parseAuthorization } from '../authorization.ts'
import { stopwatch } from '../clock.ts'
import type { StrategyError } from '../errors.ts'
import type { PlainRequest } from '../request.ts'
import type { TokenTypes } from '../token-type/index.ts'
import { CHANNELS, publish } from './index.ts'
import type { RequestEvent } from './index.ts'

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

/** @param startedAt on the stopwatch */
export function publishVerified (settings: Decided, request: PlainRequest, { app, scope }: AuthCredentials, startedAt: number): void {
  if (!tokenVerified.hasSubscribers) return
  publish(tokenVerified, { ...common(settings, request, startedAt), clientId: app?.id, scope, tokenType: tokenTypeOf(settings, request) })
}

/**
 * Publishes the refusal of a resource request.
 *
 * @param known.needed the scopes that the resource wants
 * @param known.credentials when the token is valid, and something else is not
 * @param known.startedAt on the stopwatch; undefined for a decision that takes no time
 */
export function publishRejected (
  settings: Decided,
  request: PlainRequest,
  { code, status }: StrategyError,
  { needed, credentials, startedAt }: { needed: readonly string[], credentials?: AuthCredentials | undefined, startedAt?: number }
): void {
  if (!tokenRejected.hasSubscribers) return
  publish(tokenRejected, {
    ...common(settings, request, startedAt),
    error: code,
    status,
    clientId: credentials?.app?.id,
    tokenType: tokenTypeOf(settings, request),
    needed
  })
}

function common ({ realm }: Decided, { id, address }: PlainRequest, startedAt: number | undefined): RequestEvent {
  return { flow: realm, requestId: id, address, duration: startedAt === undefined ? 0 : (stopwatch() - startedAt) / 1000 }
}

// All types of a scheme have its name.
function tokenTypeOf ({ tokenTypesByScheme }: Decided, request: PlainRequest): string | undefined {
  return tokenTypesByScheme.get(parseAuthorization(request.header('authorization') ?? '').scheme)?.[0].name
}
