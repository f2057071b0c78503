import { channel } from 'node:diagnostics_channel'

/** Data that all events of the client library have. No event contains a secret, a token, an assertion or a proof. */
export interface ClientEvent {
  /** The issuer, or the token endpoint where the issuer is not configured. */
  readonly issuer: string
  readonly clientId: string
  /** The requested scope, "" for the default one. */
  readonly scope: string
}

/** A token was requested, and issued. */
export interface TokenRequested extends ClientEvent {
  /** Seconds that the request took. */
  readonly duration: number
  /** Seconds that the token is valid from sending the request. */
  readonly expiresIn: number
  readonly tokenType: 'Bearer' | 'DPoP'
}

/** A cached token was used. */
export type TokenReused = ClientEvent

/** A token request failed. */
export interface TokenFailed extends ClientEvent {
  readonly duration: number
  /** The code of the error, or of the authorization server where it rejected the request. */
  readonly error: string
  readonly status: number | undefined
  /** Seconds until the next request. */
  readonly retryAfter: number
}

/** The API rejected a request, which is sent again, or cannot be. */
export interface RequestRetried extends ClientEvent {
  /** The origin of the API. */
  readonly origin: string
  readonly method: string
  readonly reason: 'invalid_token' | 'use_dpop_nonce' | 'invalid_dpop_proof'
  /** False if the body was a stream. */
  readonly isReplayed: boolean
}

/** The events of the client library, by the name of their diagnostics_channel. */
export interface OAuthClientEvents {
  'token.requested': TokenRequested
  'token.reused': TokenReused
  'token.failed': TokenFailed
  'request.retried': RequestRetried
}

type Name = keyof OAuthClientEvents

/** The names of the channels begin with this. */
export const CHANNEL_PREFIX = 'fastify-client-credentials.client.'

const create = (name: Name) => channel(`${CHANNEL_PREFIX}${name}`)
const channels = {
  'token.requested': create('token.requested'),
  'token.reused': create('token.reused'),
  'token.failed': create('token.failed'),
  'request.retried': create('request.retried')
}

/** Publishes an event. Creates it only if there are subscribers. */
export function publish<N extends Name> (name: N, event: () => OAuthClientEvents[N]): void {
  if (channels[name].hasSubscribers) channels[name].publish(Object.freeze(event()))
}
