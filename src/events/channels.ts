import { channel } from 'node:diagnostics_channel'
import type { OAuthEvents } from './event-types.ts'

/** The members of a diagnostics channel that this package uses. */
export interface EventChannel<E> {
  readonly name: string | symbol
  readonly hasSubscribers: boolean
  publish (event: Readonly<E>): void
}

const channelOf = <Name extends keyof OAuthEvents>(name: Name) => channel(`fastify-client-credentials.${name}`) as EventChannel<OAuthEvents[Name]>

/**
 * The channels of node:diagnostics_channel on which events are published, synchronously. Events are frozen, and created only
 * for a channel that has subscribers. An exception of a subscriber does not fail the request: Node.js throws it in a later turn
 * of the event loop as an uncaughtException, which ends a process that does not handle it.
 */
export const CHANNELS = Object.freeze({
  tokenIssued: channelOf('token.issued'),
  tokenDenied: channelOf('token.denied'),
  tokenVerified: channelOf('token.verified'),
  tokenRejected: channelOf('token.rejected'),
  tokenRevoked: channelOf('token.revoked'),
  keyRotated: channelOf('key.rotated'),
  keyRevoked: channelOf('key.revoked'),
  clientChanged: channelOf('client.changed'),
  administrationRecorded: channelOf('administration.recorded')
})

/** Publishes an event. The caller checks first that the channel has subscribers. */
export function publish<E> (channel: EventChannel<E>, event: E): void {
  channel.publish(Object.freeze(event))
}
