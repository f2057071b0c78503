import type { AuthCredentials } from '../access-token/credentials.ts'
import { withChallenge } from '../errors/from-thrown.ts'
import { StrategyInsufficientScopeError } from '../errors/strategy-error.ts'
import type { StrategyError } from '../errors/strategy-error.ts'
import { isAccessObserved, publishRejected } from '../events/access-decision.ts'
import type { PlainRequest } from '../http/plain-request.ts'
import type { ImpliedScopes } from '../http/scope.ts'
import { resourceChallenge } from './challenge.ts'
import type { ChallengeSettings } from './challenge.ts'
import { describe, severalMethods } from './verify-request.ts'

/** The settings of scope checks. */
export interface ScopeSettings extends ChallengeSettings {
  /** The scopes that each scope implies, directly or not. Undefined if none implies another. */
  readonly impliedScopes?: ImpliedScopes | undefined
}

/**
 * Checks that verified credentials have every required scope. Publishes a rejection.
 *
 * @throws StrategyInsufficientScopeError 403, with the required scopes in its challenge (RFC 6750 §3.1)
 */
export function checkScope (settings: ScopeSettings, request: PlainRequest, credentials: AuthCredentials, needed: readonly string[]): void {
  if (!hasScopes(settings, credentials, needed)) throw rejected(settings, request, credentials, needed, new StrategyInsufficientScopeError())
}

/** Returns whether credentials have every required scope, or one that implies it. */
export function hasScopes ({ impliedScopes }: Pick<ScopeSettings, 'impliedScopes'>, { scope }: AuthCredentials, needed: readonly string[]): boolean {
  return needed.every((name) => scope.includes(name) || (impliedScopes !== undefined && scope.some((held) => impliedScopes.get(held)?.has(name) === true)))
}

/**
 * Rejects a request with a token in its body in addition to the one in its header (RFC 6750 §2). Publishes the rejection.
 *
 * @returns the error to throw
 */
export function rejectSecondToken (settings: ScopeSettings, request: PlainRequest, credentials: AuthCredentials, needed: readonly string[]): StrategyError {
  return rejected(settings, request, credentials, needed, severalMethods())
}

// Publishes the rejection of a request whose token is valid.
function rejected (settings: ScopeSettings, request: PlainRequest, credentials: AuthCredentials, needed: readonly string[], error: StrategyError): StrategyError {
  if (isAccessObserved()) publishRejected(describe(settings, request), { code: error.code, status: error.status, clientId: credentials.app?.id, needed })
  return withChallenge(error, resourceChallenge(settings, request, error, needed))
}
