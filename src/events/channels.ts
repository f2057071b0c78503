import { channel } from 'node:diagnostics_channel'
import type {
  AdministrationRecorded, ClientChanged, KeyRevoked, KeyRotated, TokenDenied, TokenIssued, TokenRejected, TokenRevoked, TokenVerified
} from './event-types.ts'

/** The members of a diagnostics channel that this package uses. */
export interface EventChannel<E> {
  readonly name: string | symbol
  readonly hasSubscribers: boolean
  publish (event: Readonly<E>): void
}

const channelOf = <E>(name: string) => channel(`fastify-client-credentials.${name}`) as EventChannel<E>

/**
 * The channels of node:diagnostics_channel on which events are published, synchronously. Events are frozen, and created only
 * for a channel that has subscribers. An exception of a subscriber breaks no request: Node.js throws it in a later turn of the
 * event loop, as an uncaughtException, which ends a process that does not handle it.
 */
export const CHANNELS = Object.freeze({
  tokenIssued: channelOf<TokenIssued>('token.issued'),
  tokenDenied: channelOf<TokenDenied>('token.denied'),
  tokenVerified: channelOf<TokenVerified>('token.verified'),
  tokenRejected: channelOf<TokenRejected>('token.rejected'),
  tokenRevoked: channelOf<TokenRevoked>('token.revoked'),
  keyRotated: channelOf<KeyRotated>('key.rotated'),
  keyRevoked: channelOf<KeyRevoked>('key.revoked'),
  clientChanged: channelOf<ClientChanged>('client.changed'),
  administrationRecorded: channelOf<AdministrationRecorded>('administration.recorded')
})

/** Publishes an event. The caller checks first that the channel has subscribers. */
export function publish<E> (channel: EventChannel<E>, event: E): void {
  channel.publish(Object.freeze(event))
}
