import type { OAuth2Client } from '../client-auth/oauth2-client.ts'
import type { Entries } from '../entries/entries.ts'
import type { StrategyError } from '../errors/strategy-error.ts'
import type { KeySource } from '../signing-keys/key-source.ts'
import type { Confirmation } from '../token-type/token-type.ts'
import type { AuthCredentials } from './credentials.ts'
import type { GrantedToken, TokenInformation } from './token-grant.ts'
import type { VerifiedCredentials } from './verified-credentials.ts'

/** A granted token request: the content of a new access token. A copy: the callback may change it. */
export interface ClientCredentialsGrantContext<Client extends OAuth2Client = OAuth2Client> extends GrantedToken {
  /** The authenticated client, as getClient has returned it. */
  client: Client
  /** Always "client_credentials". */
  grantType: string
  /** The scopes that were granted. */
  scope: string[]
  /** The token_type of the response, such as "Bearer". */
  tokenType: string
  /** Seconds: the client's own, else the flow's. */
  accessTokenLifetime: number
  /** The scheme and authority by which this server was reached. See {@link ClientCredentialsTokenRequest.origin}. */
  origin: string
  /** The resources that were asked for (RFC 8707 §2), absolute URIs; empty when the request named none. Not checked: see `audience`. */
  resource: readonly string[]
  /**
   * The audience of the token (RFC 8707 §2), granted from the audiences of the flow's access tokens and of the client. Undefined for
   * a flow whose access tokens name no audience: then check `resource`.
   */
  audience?: readonly string[] | undefined
  /** What the token must be bound to (RFC 7800); undefined for a bearer token. */
  confirmation: Confirmation | undefined
  /** Further parameters of the request (RFC 6749 §3.2): those that no RFC defines for a token request of this grant. Not checked. Left out for none. */
  parameters?: Readonly<Record<string, string>>
  /** The generation of the client when the request was first looked at, for a client of the registry. */
  generation?: number | undefined
}

/** A new access token. */
export interface OAuth2AccessTokenResult {
  /** Of the characters of RFC 6750 §2.1 (b64token), so that it fits in an Authorization field. */
  accessToken: string
  /** Seconds, when the token lives for another time than the flow's accessTokenLifetime. */
  expiresIn?: number
  /** What the token is for (RFC 9068 §3), for the event that it was issued. */
  audience?: readonly string[]
  /**
   * Further members of the token response (RFC 6749 §5.1), of any type that JSON has. The members that the RFC defines cannot be
   * replaced, and `refresh_token` cannot be added (§4.4.3): such members are left out.
   */
  parameters?: Readonly<Record<string, unknown>>
}

type Awaitable<T> = T | Promise<T>

/** Issues an access token. Undefined, like an exception, is a 500 server_error. */
export type GenerateAccessToken<Client extends OAuth2Client = OAuth2Client> =
  (context: ClientCredentialsGrantContext<Client>) => Awaitable<OAuth2AccessTokenResult | string | undefined>

/** How a token was presented. */
export interface VerifyTokenContext {
  /** The name of the token type, such as "Bearer". */
  tokenType: string
  /** What the request has proven to hold (RFC 7800); undefined for a bearer token. */
  confirmation: Confirmation | undefined
  /** The address of the sender. Left out where it is not known. */
  address?: string | undefined
}

/** The result of the verification of a token. */
export type VerifyTokenResult<Credentials extends VerifiedCredentials = AuthCredentials> =
  | {
    isValid: true
    credentials: Credentials
    /** What the token is bound to: its `cnf` claim. A bound token is refused when the request does not prove the same. */
    confirmation?: Confirmation | undefined
  }
  | {
    isValid: false
    /** Reaches the caller as the error_description. Never put the token or a library's message in it. */
    message?: string
    /** The reason, for the log only. */
    cause?: unknown
  }

/**
 * A {@link VerifyTokenResult} as a callback may return it, where TypeScript has lost the connection between its members. A token
 * is valid if `isValid` is true and there are credentials.
 */
export interface VerifyTokenAnswer<Credentials extends VerifiedCredentials = VerifiedCredentials> {
  isValid?: boolean | undefined
  credentials?: Credentials | undefined
  confirmation?: Confirmation | undefined
  message?: string | undefined
  cause?: unknown
}

/** The outcome of verifying the token of a resource request. */
export type StrategyResult<Credentials extends VerifiedCredentials = AuthCredentials> =
  | { success: true, credentials: Credentials }
  | { success: false, error: StrategyError }

/**
 * Verifies a token: its signature or its place in the database, issuer, audience and expiry. Nobody else checks those.
 * A bad token is `{ isValid: false }`. An exception is a 500: it says that the check failed, not that the token is bad.
 * A {@link StrategyResult} counts too.
 */
export type VerifyToken<Credentials extends VerifiedCredentials = VerifiedCredentials> =
  (token: string, context: VerifyTokenContext) => Awaitable<VerifyTokenAnswer<Credentials> | StrategyResult<Credentials> | undefined>

/** What metadata documents say of a kind of access token. */
export interface AccessTokensMetadata {
  /** The authorization server's issuer identifier (RFC 8414 §2). */
  readonly issuer: string
  /** The audiences that tokens may have; the first is that of a token for which none was asked. */
  readonly audience: readonly string[]
  /** The keys of tokens that others can verify by themselves. */
  readonly keys?: KeySource
  /** Whether the issuer, and audiences that are URLs, may be http on any host: then those of the flow and of the plugin may be too. Default false. */
  readonly dangerouslyAllowHttpIssuer?: boolean
}

/** A kind of access token: how it is made, how it is verified, and what else can be done with it. */
export interface AccessTokens<Credentials extends VerifiedCredentials = VerifiedCredentials> {
  /** Left out on a resource server whose tokens another server issues. */
  readonly issue?: GenerateAccessToken
  /**
   * Verifies a presented token: signature or row, issuer, audience, times and revocation. Does NOT check that the sender has
   * the key that it is bound to: the result tells that key. Throws or rejects when nobody can tell, which is a 500 or a 503.
   */
  readonly verify: (token: string, context: VerifyTokenContext) => Awaitable<VerifyTokenResult<Credentials> | undefined>
  /**
   * Returns the result of a verification that is cached, if it still holds: the token has not expired, and neither it, its client nor
   * its key was revoked, by a state that is recent enough to decide so. Synchronous, and never waits for a store. As `verify`, it
   * does NOT check that the sender has the key that the token is bound to.
   *
   * @returns undefined in every other case: then `verify` decides
   */
  cached? (token: string): VerifyTokenResult<Credentials> | undefined
  /**
   * Tells what a token says (RFC 7662). Undefined for one that is unknown, expired, revoked or otherwise invalid.
   *
   * @param isThorough for a token that is to be revoked: what another process has just made must be found too. Default false
   */
  introspect? (token: string, isThorough?: boolean): Promise<TokenInformation | undefined>
  /** Makes a token that `introspect` knows invalid (RFC 7009). Nothing for any other. */
  revoke? (token: string): Promise<void>
  /** Makes all tokens invalid that were issued to a client until now. Rejects where that cannot be done. */
  revokeClient? (clientId: string): Promise<void>
  /**
   * Compares what all processes on the stores must agree on. The plugin calls it when the server starts.
   *
   * @throws FlowConfigurationError FST_OAUTH_SETTINGS_DIFFER
   * @throws StoreUnavailableError then the first use tries again
   */
  start? (): Promise<void>
  /**
   * Waits until tokens can be verified and, where there is `issue`, signed: by what was read of the stores less than `maxStale` ago.
   * Left out where nothing needs to be read.
   *
   * @throws StoreUnavailableError when they cannot
   */
  ready? (): Promise<void>
  /** The entries that tokens are checked against: those of the store of the clients, where there is a registry. */
  readonly entries?: Entries | undefined
  /**
   * The audiences that tokens may have, in order of preference: the token endpoint grants one of them, or those that the request names
   * as its resources (RFC 8707 §2). Default those of `metadata`.
   */
  readonly audience?: readonly string[]
  /** What the documents of server and resource say of them. */
  readonly metadata?: AccessTokensMetadata
}
