import type { OAuth2Client } from '../client-auth/oauth2-client.ts'
import type { Entries } from '../entries/entries.ts'
import type { StrategyError } from '../errors/oauth-errors.ts'
import type { KeySource } from '../signing-keys/key-source.ts'
import type { Confirmation } from '../token-type/token-type.ts'

/** What is granted: the content of a new access token. A copy: the callback may change it. */
export interface ClientCredentialsGrantContext<Client extends OAuth2Client = OAuth2Client> {
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
  /** The resources that were asked for (RFC 8707 §2), absolute URIs; empty when the request named none. Whether the client may have them is not checked yet. */
  resource: readonly string[]
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
}

/** The client application behind a token. Augment it by module declaration to add your own members. */
export interface AppCredentials {
  /** The client_id. */
  id: string
}

/** Who calls, as a verified token says. Augment it by module declaration to add your own members. */
export interface AuthCredentials {
  /** The client that calls. */
  app: AppCredentials
  /** The scopes of the token. */
  scope: readonly string[]
  /** The verified claims of a token that is a JWT, frozen. Left out for other kinds of token. */
  claims?: Readonly<Record<string, unknown>>
}

/** Credentials as verifyToken returns them: the scope may also be a space-separated string, or absent when there is none. */
export interface VerifiedCredentials extends Omit<AuthCredentials, 'scope'> {
  /** The scopes of the token: a list, or a space-separated string. */
  scope?: string | readonly string[] | undefined
}

/** Credentials as routes get them: those that verifyToken has returned, with the scopes as a list. */
export type CredentialsWithScopeList<Credentials extends VerifiedCredentials> =
  Credentials extends AuthCredentials ? Credentials : Omit<Credentials, 'scope'> & Pick<AuthCredentials, 'scope'>

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

/** What introspection tells of a token that is valid: the members of RFC 7662 §2.2 but `active`. */
export interface TokenInformation {
  iss?: string
  aud: string | readonly string[]
  sub: string
  client_id: string
  scope?: string
  iat: number
  exp: number
  jti?: string
  token_type: string
  cnf?: Confirmation
}

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
  /** The entries that tokens are checked against: those of the store of the clients, where there is a registry. */
  readonly entries?: Entries | undefined
  /** What the documents of server and resource say of them. */
  readonly metadata?: AccessTokensMetadata
}
