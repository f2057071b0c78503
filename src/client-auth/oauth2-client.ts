/** The one grant type of this server (RFC 6749 §4.4.2). */
export const GRANT_TYPE = 'client_credentials'

/** A client of this server. Only `id` and `grants` are required. */
export interface OAuth2Client {
  /** The client_id. */
  id: string
  /** The grant types that the client may use. Without "client_credentials" it gets unauthorized_client. */
  grants: readonly string[]
  /** The scopes that the client may have; none when left out. */
  scopes?: readonly string[]
  /** The scopes that it gets when it asks for none. All of its scopes when left out. */
  defaultScopes?: readonly string[]
  /** The resources that its tokens may be for (RFC 8707). All of the server's when left out. */
  audiences?: readonly string[]
  /** Seconds that its tokens live, in place of the flow's lifetime. */
  accessTokenLifetime?: number
  /** For a resource server: the audiences whose tokens it may introspect (RFC 7662 §4). None when left out, but its own tokens. */
  introspects?: readonly string[]
  /**
   * Further claims of its access tokens (RFC 7519 §4.3), of any type that JSON has, for every kind of token of this package. Claims that
   * the token has from elsewhere, such as `sub`, are dropped.
   */
  claims?: Readonly<Record<string, unknown>>
  /** Set by ClientRegistry: what a token carries, so that it is invalid once the client was disabled or its tokens were revoked. */
  generation?: number
  /** Never read here: comparing the secret is the work of getClient. */
  secret?: string
  /** Never read here: this grant has no redirect. */
  redirectUris?: readonly string[]
  /**
   * What else there is to say of the client. Members that RFC 7591 §2 names are obeyed: `token_endpoint_auth_method`, the one method
   * by which the client authenticates (any other is invalid_client; all are accepted when it is left out);
   * `token_endpoint_auth_signing_alg`, the one algorithm of its assertions; `jwks`, `jwks_uri`, `tls_client_auth_*`,
   * `dpop_bound_access_tokens` and `tls_client_certificate_bound_access_tokens`.
   */
  metadata?: Record<string, unknown>
}

/** The metadata of a client, under the names of RFC 7591 §2. */
export type ClientMetadata = NonNullable<OAuth2Client['metadata']>
