/**
 * The claims of an access token, and the members of its introspection response, that only this server may write: those of RFC 7519
 * §4.1, RFC 9068 §2.2, RFC 7800, RFC 8693 §4 and RFC 7662 §2.2, `status` of token status lists, `azp`, which many libraries read as the
 * client, and `gen` of this package. Not `groups`, `roles` and `entitlements` (RFC 9068 §2.2.3.1): operators configure these
 * per client.
 */
export const RESERVED_CLAIMS: ReadonlySet<string> = new Set([
  'iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'client_id', 'scope', 'auth_time', 'acr', 'amr', 'cnf', 'act', 'may_act', 'active', 'token_type',
  'username', 'token_introspection', 'status', 'azp', 'gen'
])
