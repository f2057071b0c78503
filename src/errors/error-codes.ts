/**
 * The error codes of the token endpoint and related endpoints: RFC 6749 §5.2, RFC 8707 §2, RFC 9449 §5 and §8. `server_error` and
 * `temporarily_unavailable` are taken from RFC 6749 §4.1.2.1.
 */
export type OAuth2ErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_scope'
  | 'invalid_target'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce'
  | 'server_error'
  | 'temporarily_unavailable'

/**
 * The error codes of protected resources: RFC 6750 §3.1, RFC 9449 §7.1 and §9. `unauthorized` means a request without a token. Its
 * challenge contains no error code.
 */
export type StrategyErrorCode =
  | 'invalid_request'
  | 'invalid_token'
  | 'insufficient_scope'
  | 'unauthorized'
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce'
  | 'server_error'
  | 'temporarily_unavailable'
