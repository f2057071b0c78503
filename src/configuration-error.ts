/** The codes of the errors that a flow is refused with when it is built. */
export const FLOW_ERRORS = {
  FST_OAUTH_INVALID_TOKEN_ENDPOINT: 'The token endpoint must be a path such as "/oauth2/token", without ":", "*", "%" and fragment, or the absolute https URL of another server (http only on loopback). Call setTokenEndpoint with one of them',
  FST_OAUTH_INVALID_SECURITY_SCHEME_NAME: 'The security scheme name may have letters, digits, ".", "_" and "-" only, since it is a key in OpenAPI. Call setSecuritySchemeName with such a name',
  FST_OAUTH_INVALID_SCOPES: 'The scopes must be an object of scope name to description, each name without space, quote and backslash (RFC 6749 section 3.3). Call setScopes with such an object',
  FST_OAUTH_INVALID_LIFETIME: 'The access token lifetime must be a whole number of seconds above zero. Call setAccessTokenLifetime with one',
  FST_OAUTH_INVALID_TOKEN_TYPE: 'A token type must be an object with a name, and of several each must bind tokens by something else. Call setTokenType with such, for example new BearerTokenType()',
  FST_OAUTH_INVALID_AUTH_METHOD: 'A client authentication method must be "client_secret_basic", "client_secret_post", "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth" or an object with a name and an authenticate function. Call addClientAuthenticationMethod with one of them',
  FST_OAUTH_INVALID_CALLBACK: 'getClient, generateAccessToken and verifyToken must be functions. Pass one to each that you set',
  FST_OAUTH_INVALID_ISSUER: 'The issuer must be an https URL without query and fragment (http on loopback only). Pass such a URL as issuer',
  FST_OAUTH_INVALID_AUDIENCE: 'The audience must be a name or URL of the API that tokens are for, or a list of them. Pass at least one as audience',
  FST_OAUTH_INVALID_SIGNING_KEYS: 'The algorithm of signing keys must be ES256, EdDSA, RS256 or PS256, their times whole numbers of seconds above zero (clockTolerance may be zero), and rotateEvery more than announceFor. Pass such options to SigningKeys',
  FST_OAUTH_INVALID_THROTTLE: 'The limit and the window of a throttle must be whole numbers above zero. Pass such numbers to FailureThrottle',
  FST_OAUTH_AUTH_METHOD_INCOMPLETE: 'A method without secrets that is set by its name needs clients that are kept with their keys, and private_key_jwt an issuer and a store of replays too. Call useClients and useAccessTokens, or pass the method as an object, such as privateKeyJwt({ issuer, keys, replays })',
  FST_OAUTH_UNKNOWN_PROFILE: 'The only profile that is known is "fapi2". Call setProfile with that, or leave it out',
  FST_OAUTH_PROFILE: 'The flow does not keep to its profile. Mend what follows, or take setProfile away',
  FST_OAUTH_INVALID_DPOP: 'DPoPTokenType needs a store of replays, asymmetric algorithms, a nonceKey of 32 characters at least if there is one, and a maxAge of whole seconds above zero. Pass new DPoPTokenType({ replays: store })',
  FST_OAUTH_INVALID_CLIENT_ASSERTION: 'privateKeyJwt needs clients or keys, clientSecretJwt needs secrets, and both a store of replays, algorithms of their kind, a maxLifetime above zero and a clockTolerance of 0 to 60 seconds. Pass such options',
  FST_OAUTH_INVALID_WORKLOAD_ISSUER: 'A workload issuer must have an issuer, or a trustDomain and a jwksUri, each of them once; https URLs (http on loopback only), an audience, a client function and asymmetric algorithms. Pass at least one such issuer to workloadIdentities'
} as const

/** A code of {@link FLOW_ERRORS}. */
export type FlowErrorCode = keyof typeof FLOW_ERRORS

/** A flow that cannot be built. Its message names the mend. */
export class FlowConfigurationError extends TypeError {
  readonly code: FlowErrorCode

  /** @param detail what exactly is wrong, where there may be several things */
  constructor (code: FlowErrorCode, detail?: string) {
    super(detail === undefined ? FLOW_ERRORS[code] : `${FLOW_ERRORS[code]}: ${detail}`)
    this.code = code
  }

  override get name (): string {
    return 'FlowConfigurationError'
  }
}
