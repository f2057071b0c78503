import type { AuditActor, AuditRecord } from '../stores/contracts/index.ts'

/** The endpoints at which clients authenticate. */
export type ClientEndpoint = 'token' | 'introspection' | 'revocation'

/** What every decision about a request tells. Nothing in an event is a secret, a token, an assertion or a proof. */
export interface RequestEvent {
  /** The flow, by the name of its security scheme. */
  readonly flow: string
  /** The request by Fastify's id, as in its log. Undefined for a web `Request`. */
  readonly requestId: string | undefined
  /** Where it came from. Undefined where that is not known. */
  readonly address: string | undefined
  /** Seconds that the decision took, its parts too. 0 for what was refused before there was anything to decide. */
  readonly duration: number
}

/** An access token was issued. */
export interface TokenIssued extends RequestEvent {
  readonly clientId: string
  /** How the client has authenticated. */
  readonly method: string
  readonly scope: readonly string[]
  readonly tokenType: string
  /** Seconds. */
  readonly expiresIn: number
  /** Undefined where whoever made the token has not told. */
  readonly audience: readonly string[] | undefined
}

/** A request to an endpoint at which clients authenticate was refused, or has failed. */
export interface TokenDenied extends RequestEvent {
  readonly endpoint: ClientEndpoint
  /** The error code of the answer (RFC 6749 §5.2). */
  readonly error: string
  /** The HTTP status of the answer. */
  readonly status: number
  /** The client, when it has authenticated. */
  readonly clientId: string | undefined
  /**
   * Who the request says it comes from, when it has not: the word of a stranger, cut to 100 printable ASCII characters.
   * There may be any number of them: no label of a metric.
   */
  readonly presentedClientId: string | undefined
  /** The method whose credentials the request had, right or wrong. */
  readonly method: string | undefined
}

/** The access token of a request is valid. Whether it has the scopes is decided next: if not, a TokenRejected follows. */
export interface TokenVerified extends RequestEvent {
  /** Undefined where verifyToken names no client. */
  readonly clientId: string | undefined
  readonly scope: readonly string[]
  readonly tokenType: string | undefined
}

/** A request to a guarded resource was refused, or could not be verified. */
export interface TokenRejected extends RequestEvent {
  /** The error code of the answer (RFC 6750 §3.1); "unauthorized" where there was no token. */
  readonly error: string
  /** The HTTP status of the answer. */
  readonly status: number
  /** The client, when its token is valid. */
  readonly clientId: string | undefined
  /** By the scheme that the token was presented with. Undefined where it was with none of this flow. */
  readonly tokenType: string | undefined
  /** The scopes that the resource wants. */
  readonly needed: readonly string[]
}

/** A client has revoked a token of its own (RFC 7009). */
export interface TokenRevoked extends RequestEvent {
  readonly clientId: string
  readonly method: string
  /** The `jti` of the token, when it has one. */
  readonly tokenId: string | undefined
}

/** There is a new signing key. Published in the process that has made it. */
export interface KeyRotated {
  readonly kid: string
  readonly alg: string
  /** When it begins to sign, in seconds since 1970. */
  readonly activeFrom: number
}

/** Who has made a change. */
export interface ChangeEvent {
  /** Undefined where the application has named nobody. */
  readonly actor: AuditActor | undefined
  /** The id of the HTTP request to the admin API, as in the log. Undefined for any other change. */
  readonly requestId: string | undefined
}

/** A signing key was revoked. Published in the process that has revoked it. */
export interface KeyRevoked extends ChangeEvent {
  readonly kid: string
}

/** What may become of a client. */
export type ClientChange =
  'added' | 'updated' | 'disabled' | 'enabled' | 'removed' | 'secret_added' | 'secret_revoked' | 'tokens_revoked'

/** A client was changed. Published in the process that has changed it. */
export interface ClientChanged extends ChangeEvent {
  readonly clientId: string
  readonly change: ClientChange
  /** The name of the secret that was added or revoked, which is no secret itself. */
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
