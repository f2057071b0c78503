import type { AuditActor, AuditRecord } from '../stores/contracts/index.ts'

/** The endpoints at which clients authenticate. */
export type ClientEndpoint = 'token' | 'introspection' | 'revocation'

/** Members of every event about a request. No event contains a secret, a token, an assertion or a proof. */
export interface RequestEvent {
  /** The flow, by the name of its security scheme. */
  readonly flow: string
  /** Fastify's id of the request, as in its log. Undefined for a web `Request`. */
  readonly requestId: string | undefined
  /** The address of the caller. Undefined if it is unknown. */
  readonly address: string | undefined
  /** Seconds that the decision took, with fractions. 0 for a request that was rejected before any processing. */
  readonly duration: number
}

/** An access token was issued. */
export interface TokenIssued extends RequestEvent {
  readonly clientId: string
  /** The client authentication method. */
  readonly method: string
  readonly scope: readonly string[]
  readonly tokenType: string
  /** The lifetime of the token in seconds. */
  readonly expiresIn: number
  /** Undefined if `generateAccessToken` did not return it. */
  readonly audience: readonly string[] | undefined
}

/** A request to an endpoint at which clients authenticate was rejected, or has failed. */
export interface TokenDenied extends RequestEvent {
  readonly endpoint: ClientEndpoint
  /** The error code of the response (RFC 6749 §5.2). */
  readonly error: string
  /** The HTTP status of the answer. */
  readonly status: number
  /** The client, if it has authenticated. */
  readonly clientId: string | undefined
  /**
   * The unverified client_id of the request, if the client has not authenticated: at most 100 printable ASCII characters. Do
   * not use it as a label of a metric: the number of values is unbounded.
   */
  readonly presentedClientId: string | undefined
  /** The authentication method of the presented credentials, valid or not. */
  readonly method: string | undefined
}

/** The access token of a request is valid. The scopes are checked next: if they are insufficient, a TokenRejected follows. */
export interface TokenVerified extends RequestEvent {
  /** Undefined if `verifyToken` returns no client. */
  readonly clientId: string | undefined
  readonly scope: readonly string[]
  readonly tokenType: string | undefined
}

/** A request to a protected resource was rejected, or could not be verified. */
export interface TokenRejected extends RequestEvent {
  /** The error code of the response (RFC 6750 §3.1); "unauthorized" without a token. */
  readonly error: string
  /** The HTTP status of the answer. */
  readonly status: number
  /** The client, if its token is valid. */
  readonly clientId: string | undefined
  /** The token type of the authentication scheme that was used. Undefined for a scheme that the flow does not accept. */
  readonly tokenType: string | undefined
  /** The scopes that the resource requires. */
  readonly needed: readonly string[]
}

/** A client has revoked one of its tokens (RFC 7009). */
export interface TokenRevoked extends RequestEvent {
  readonly clientId: string
  readonly method: string
  /** The `jti` of the token, if it has one. */
  readonly tokenId: string | undefined
}

/** A signing key was added. Published in the process that has added it. */
export interface KeyRotated {
  readonly kid: string
  readonly alg: string
  /** When the key begins to sign, in seconds since 1970. */
  readonly activeFrom: number
}

/** The actor and the request of a change. */
export interface ChangeEvent {
  /** Undefined if the application has named no actor. */
  readonly actor: AuditActor | undefined
  /** The id of the HTTP request to the admin API, as in the log. Undefined for any other change. */
  readonly requestId: string | undefined
}

/** A signing key was revoked. Published in the process that has revoked it. */
export interface KeyRevoked extends ChangeEvent {
  readonly kid: string
}

/** The changes of a client. */
export type ClientChange =
  'added' | 'updated' | 'disabled' | 'enabled' | 'removed' | 'secret_added' | 'secret_revoked' | 'tokens_revoked'

/** A client was changed. Published in the process that has changed it. */
export interface ClientChanged extends ChangeEvent {
  readonly clientId: string
  readonly change: ClientChange
  /** The id of the secret that was added or revoked. The id is not confidential. */
  readonly secretId: string | undefined
}

/**
 * An administrator has changed something, by the admin API of any process or by the command line. Published in every process
 * that serves the plugin on the store of the clients, within a second.
 */
export type AdministrationRecorded = AuditRecord

/** The events by the names of their channels, without `fastify-client-credentials.`: `OAuthEvents['token.denied']` is what a subscriber of that channel gets. */
export interface OAuthEvents {
  'token.issued': TokenIssued
  'token.denied': TokenDenied
  'token.verified': TokenVerified
  'token.rejected': TokenRejected
  'token.revoked': TokenRevoked
  'key.rotated': KeyRotated
  'key.revoked': KeyRevoked
  'client.changed': ClientChanged
  'administration.recorded': AdministrationRecorded
}
