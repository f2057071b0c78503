import { secondsSince } from '../lib/clock.ts'
import { CHANNELS, publish } from './channels.ts'
import { toSafeMember } from './client-decision.ts'
import type { RequestEvent } from './event-types.ts'

const { tokenVerified, tokenRejected } = CHANNELS

/** A request to a protected resource, as its events describe it. */
export interface AccessRequest {
  /** The name of the flow's security scheme. */
  readonly flow: string
  readonly id: string | undefined
  readonly address: string | undefined
  /** The token type whose authentication scheme the request uses. Undefined for a scheme that the flow does not accept. */
  readonly tokenType: string | undefined
  /** When the verification began, by the monotonic clock. Undefined for a rejection without verification. */
  readonly startedAt?: number | undefined
}

/** Returns whether a channel of resource requests has subscribers. */
export function isAccessObserved (): boolean {
  return tokenVerified.hasSubscribers || tokenRejected.hasSubscribers
}

/** Publishes that the access token of a request is valid. */
export function publishVerified (request: AccessRequest, clientId: string | undefined, scope: readonly string[]): void {
  if (!tokenVerified.hasSubscribers) return
  publish(tokenVerified, Object.assign(common(request), { clientId, scope, tokenType: request.tokenType }))
}

/**
 * Publishes that a resource request was rejected.
 *
 * @param rejection.clientId the client, if its token is valid and the request is rejected for another reason
 * @param rejection.needed the scopes that the resource requires
 */
export function publishRejected (
  request: AccessRequest,
  { code, status, clientId, needed }: { code: string, status: number, clientId?: string | undefined, needed: readonly string[] }
): void {
  if (!tokenRejected.hasSubscribers) return
  publish(tokenRejected, Object.assign(common(request), { error: code, status, clientId, tokenType: request.tokenType, needed }))
}

// Uses Object.assign, since object spread is a hundred times slower in Node.js 20.
function common ({ flow, id, address, startedAt }: AccessRequest): RequestEvent {
  return { flow, requestId: toSafeMember(id), address: toSafeMember(address), duration: secondsSince(startedAt) }
}
