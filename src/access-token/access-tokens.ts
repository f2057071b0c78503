import type { OAuth2Client } from '../client-auth/oauth2-client.ts'
import type { Entries } from '../entries/entries.ts'
import type { StrategyError } from '../errors/strategy-error.ts'
import type { KeySource } from '../signing-keys/key-source.ts'
import type { Confirmation } from '../token-type/token-type.ts'
import type { AuthCredentials } from './credentials.ts'
import type { GrantedToken, TokenInformation } from './token-grant.ts'
import type { VerifiedCredentials } from './verified-credentials.ts'

/** A granted token request: the content of a new access token. It is a copy that the callback may modify. */
export interface ClientCredentialsGrantContext<Client extends OAuth2Client = OAuth2Client> extends GrantedToken {
  /** The authenticated client, as getClient returned it. */
  client: Client
  /** Always "client_credentials". */
  grantType: string
  /** The granted scopes. */
  scope: string[]
  /** The token_type of the response, such as "Bearer". */
  tokenType: string
  /** Lifetime of the token in seconds: that of the client, else of the flow. */
  accessTokenLifetime: number
  /** The scheme and authority of this server's public URL. See {@link ClientCredentialsTokenRequest.origin}. */
  origin: string
  /** The requested resources (RFC 8707 §2), absolute URIs; empty if the request has none. Not validated: see `audience`. */
  resource: readonly string[]
  /**
   * The audience of the token (RFC 8707 §2), granted from the audiences of the flow's access tokens and of the client. Undefined for
   * a flow whose access tokens have no audience: then validate `resource`.
   */
  audience?: readonly string[] | undefined
  /** The confirmation to which the token must be bound (RFC 7800); undefined for a bearer token. */
  confirmation: Confirmation | undefined
  /** Further parameters of the request (RFC 6749 §3.2), which no RFC defines for this grant. Not validated. Omitted if there are none. */
  parameters?: Readonly<Record<string, string>>
  /** The generation of the client at the first read in this request, for a client of the registry. */
  generation?: number | undefined
}

/** A new access token. */
export interface OAuth2AccessTokenResult {
  /** The token, with the characters of RFC 6750 §2.1 (b64token), so that it fits in an Authorization field. */
  accessToken: string
  /** Lifetime of the token in seconds, if it differs from the flow's accessTokenLifetime. */
  expiresIn?: number
  /** The audience of the token (RFC 9068 §3), for the event that it was issued. */
  audience?: readonly string[]
  /**
   * Further members of the token response (RFC 6749 §5.1), of any JSON type. Members that the RFC defines are ignored, and so is
   * `refresh_token` (§4.4.3).
   */
  parameters?: Readonly<Record<string, unknown>>
}

type Awaitable<T> = T | Promise<T>

/** Issues an access token. Undefined, like an exception, is a 500 server_error. */
export type GenerateAccessToken<Client extends OAuth2Client = OAuth2Client> =
  (context: ClientCredentialsGrantContext<Client>) => Awaitable<OAuth2AccessTokenResult | string | undefined>

/** The circumstances in which a token was presented. */
export interface VerifyTokenContext {
  /** The name of the token type, such as "Bearer". */
  tokenType: string
  /** The confirmation that the request has proven (RFC 7800); undefined for a bearer token. */
  confirmation: Confirmation | undefined
  /** The address of the sender. Omitted if unknown. */
  address?: string | undefined
}

/** The result of the verification of a token. */
export type VerifyTokenResult<Credentials extends VerifiedCredentials = AuthCredentials> =
  | {
    isValid: true
    credentials: Credentials
    /** The confirmation of the token: its `cnf` claim. A bound token is rejected if the request does not prove the same one. */
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
 * A {@link VerifyTokenResult} with independent members, as a callback may return it when TypeScript cannot relate them. A token
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
 * Verifies a token: its signature or its database row, issuer, audience and expiry. The library does NOT check those.
 * An invalid token is `{ isValid: false }`. An exception is a 500: verification failed, and the token may be valid.
 * A {@link StrategyResult} is accepted too.
 */
export type VerifyToken<Credentials extends VerifiedCredentials = VerifiedCredentials> =
  (token: string, context: VerifyTokenContext) => Awaitable<VerifyTokenAnswer<Credentials> | StrategyResult<Credentials> | undefined>

/** The metadata of a kind of access token, for the metadata documents. */
export interface AccessTokensMetadata {
  /** The authorization server's issuer identifier (RFC 8414 §2). */
  readonly issuer: string
  /** The audiences of tokens. The first is used if a request names no resource. */
  readonly audience: readonly string[]
  /** The keys by which resource servers can verify tokens themselves. */
  readonly keys?: KeySource
  /** Whether the issuer and audience URLs may use http on any host. This also applies to the URLs of the flow and of the plugin. Default false. */
  readonly dangerouslyAllowHttpIssuer?: boolean
}

/** A kind of access token: how tokens are issued and verified, and their further operations. */
export interface AccessTokens<Credentials extends VerifiedCredentials = VerifiedCredentials> {
  /** Omitted on a resource server whose tokens another server issues. */
  readonly issue?: GenerateAccessToken
  /**
   * Verifies a presented token: signature or row, issuer, audience, times and revocation. Does NOT check that the sender holds the
   * key to which it is bound: the result contains that key. Throws or rejects if validity cannot be determined: a 500 or a 503.
   */
  readonly verify: (token: string, context: VerifyTokenContext) => Awaitable<VerifyTokenResult<Credentials> | undefined>
  /**
   * Returns the cached result of a verification if it is still valid: the token has not expired, and neither it, its client nor its
   * key was revoked, according to sufficiently recent data. Synchronous, and never waits for a store. Like `verify`, it does NOT
   * check that the sender holds the key to which the token is bound.
   *
   * @returns undefined in every other case: then call `verify`
   */
  cached? (token: string): VerifyTokenResult<Credentials> | undefined
  /**
   * Returns the content of a token (RFC 7662). Undefined for an unknown, expired, revoked or otherwise invalid one.
   *
   * @param isThorough also finds tokens that another process has just issued, for revocation. Default false
   */
  introspect? (token: string, isThorough?: boolean): Promise<TokenInformation | undefined>
  /** Revokes a token that `introspect` finds (RFC 7009). Does nothing for any other token. */
  revoke? (token: string): Promise<void>
  /** Revokes all tokens that were issued to a client until now. Rejects if that is not possible. */
  revokeClient? (clientId: string): Promise<void>
  /**
   * Compares the settings on which all processes on the stores must agree. The plugin calls it when the server starts.
   *
   * @throws FlowConfigurationError FST_OAUTH_SETTINGS_DIFFER
   * @throws StoreUnavailableError; then the first use tries again
   */
  start? (): Promise<void>
  /**
   * Waits until tokens can be verified and, if there is `issue`, signed, from data that was read less than `maxStale` ago.
   * Omitted if nothing needs to be read.
   *
   * @throws StoreUnavailableError if they cannot
   */
  ready? (): Promise<void>
  /** The entries that tokens are checked against: those of the client store, if there is a registry. */
  readonly entries?: Entries | undefined
  /**
   * The audiences of tokens, in order of preference. The token endpoint grants one of them, or those that the request names as
   * resources (RFC 8707 §2). Default those of `metadata`.
   */
  readonly audience?: readonly string[]
  /** The metadata of the tokens in the documents of server and resource. */
  readonly metadata?: AccessTokensMetadata
}
