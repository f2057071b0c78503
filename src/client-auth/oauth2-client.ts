/** The only grant type of this server (RFC 6749 §4.4.2). */
export const GRANT_TYPE = 'client_credentials'

/** A client of this server. Only `id` and `grants` are required. */
export interface OAuth2Client {
  /** The client_id. */
  id: string
  /** The grant types that the client may use. Without "client_credentials" it gets unauthorized_client. */
  grants: readonly string[]
  /** The scopes that the client may have. Default none. */
  scopes?: readonly string[]
  /** The scopes of a request without a scope parameter. Default all of its scopes. */
  defaultScopes?: readonly string[]
  /** The resources for which it may request tokens (RFC 8707). Default all of the server's. */
  audiences?: readonly string[]
  /** Lifetime of its tokens in seconds. Default that of the flow. */
  accessTokenLifetime?: number
  /** For a resource server: the audiences whose tokens it may introspect (RFC 7662 §4). Default none other than its own tokens. */
  introspects?: readonly string[]
  /**
   * Additional claims of its access tokens (RFC 7519 §4.3), of any JSON type, for every kind of token of this package. Claims that
   * the token already has, such as `sub`, are dropped.
   */
  claims?: Readonly<Record<string, unknown>>
  /** Set by ClientRegistry: tokens carry it, so that they become invalid when the client is disabled or its tokens are revoked. */
  generation?: number
  /** Ignored: getClient compares the secret. */
  secret?: string
  /** Ignored: this grant has no redirect. */
  redirectUris?: readonly string[]
  /**
   * Further client metadata. These members of RFC 7591 §2 have an effect: `token_endpoint_auth_method`, the only method by which the
   * client may authenticate (any other is invalid_client; without this member all are accepted);
   * `token_endpoint_auth_signing_alg`, the only algorithm of its assertions; `jwks`, `jwks_uri`, `tls_client_auth_*`,
   * `dpop_bound_access_tokens` and `tls_client_certificate_bound_access_tokens`.
   */
  metadata?: Record<string, unknown>
}

/** The metadata of a client, under the names of RFC 7591 §2. */
export type ClientMetadata = NonNullable<OAuth2Client['metadata']>
