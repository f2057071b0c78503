/** The codes and messages of the errors of an invalid flow, thrown when it is built. */
export const FLOW_ERRORS = {
  FST_OAUTH_UNKNOWN_OPTION: 'There is an unknown option. Correct its name, or remove it',
  FST_OAUTH_INVALID_OPTION: 'An option is missing, or has a wrong value. Correct it',
  FST_OAUTH_INVALID_TOKEN_ENDPOINT: 'The token endpoint must be a path such as "/oauth2/token", without ":", "*", "%" and fragment, or the absolute https URL of another server (http only on loopback). Call setTokenEndpoint with one of them',
  FST_OAUTH_INVALID_SECURITY_SCHEME_NAME: 'The security scheme name may have letters, digits, ".", "_" and "-" only, since it is a key in OpenAPI. Call setSecuritySchemeName with such a name',
  FST_OAUTH_INVALID_SCOPES: 'The scopes must be an object of scope name to description, each name without space, quote and backslash (RFC 6749 section 3.3), or to an object with description and implies. Call setScopes with such an object',
  FST_OAUTH_INVALID_LIFETIME: 'The access token lifetime must be a whole number of seconds above zero. Call setAccessTokenLifetime with one',
  FST_OAUTH_INVALID_TOKEN_TYPE: 'A token type must be an object with a name, and of several each must bind tokens by something else. Call setTokenType with such, for example new BearerTokenType()',
  FST_OAUTH_INVALID_AUTH_METHOD: 'A client authentication method must be "client_secret_basic", "client_secret_post", "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth" or an object with a name and the functions carries and authenticate. Call addClientAuthenticationMethod with one of them',
  FST_OAUTH_INVALID_CALLBACK: 'getClient, generateAccessToken and verifyToken must be functions, and clients an object with the functions getClient and findClient. Pass such to each that you set',
  FST_OAUTH_INVALID_ISSUER: 'The issuer must be an https URL without query and fragment (http on loopback only). Pass such a URL as issuer',
  FST_OAUTH_INVALID_AUDIENCE: 'The audience must be a name or URL of the API that tokens are for, or a list of them. Pass at least one as audience',
  FST_OAUTH_INVALID_PRESET: 'The preset must be "auth0", "cognito", "duende", "entra-v1", "entra-v2", "hydra", "keycloak", "okta" or "spring", and is for JWTs only. clientIds must be a list of at least one client id, which "cognito" requires. Pass such options to RemoteAccessTokens, without introspection',
  FST_OAUTH_INVALID_SIGNING_KEYS: 'The algorithm of signing keys must be ES256, EdDSA, RS256 or PS256, their times whole numbers of seconds above zero (clockTolerance may be zero), and rotateEvery more than announceFor. Pass such options to SigningKeys',
  FST_OAUTH_INVALID_SEALING_KEYS: 'sealingKeys must be a list of at least one key, each 32 random bytes as base64url, base64 or hex, without spaces and line ends. Make one by "openssl rand -base64 32". Pass it to SigningKeys from the environment',
  FST_OAUTH_SEALED_SIGNING_KEY: 'A signing key in the store is sealed, and not by any of sealingKeys. Pass the key that sealed it to SigningKeys, behind the one that is to seal. Where that is lost, revoke the signing key',
  FST_OAUTH_WRONG_SIGNING_KEY: 'A signing key in the store is not the private key that its kid and alg name: it was changed by something other than SigningKeys. Put back what was there, or revoke it and find out who writes to the store',
  FST_OAUTH_INVALID_REDIS_CLIENT: 'The client of redisStore must be a Redis or a Cluster of ioredis or iovalkey, since that of node-redis has other commands. Pass one of them',
  FST_OAUTH_REDIS_EVICTS: 'The Redis of revocations or of replay protection evicts keys when its memory is full: revoked tokens and used proofs would be accepted again. Set its maxmemory-policy to noeviction, or use another Redis for them',
  FST_OAUTH_INVALID_DATABASE: 'The handle of sqliteStore must be an open one of node:sqlite, better-sqlite3 or libsql, and the pool of postgresStore a Pool of pg, not a Client and not a URL. Pass one of them',
  FST_OAUTH_OLD_TABLES: 'The tables of the store are missing, or of an older version of this package, and the store may not change them. Run "fastify-client-credentials migrate"',
  FST_OAUTH_NEW_TABLES: 'The tables of the store are of a newer version of this package, which may mean other things by them. Run the version that made them, or a newer one',
  FST_OAUTH_SETTINGS_DIFFER: 'All processes on a store must have the same settings. Give this process the agreed value, or change the value for all of them by the command that follows',
  FST_OAUTH_ENTRIES_ELSEWHERE: 'The access tokens do not follow the store of the clients: disabling a client there would leave its tokens valid. Use one store object for ClientRegistry and SigningKeys, or pass the store of the clients as the option "entries" of the access tokens',
  FST_OAUTH_INVALID_MAX_STALE: 'maxStale must be a whole number of seconds, zero or more. Pass such a number',
  FST_OAUTH_INVALID_REGISTRY: 'Peppers must be texts of at least 32 characters, or null for none, cacheSize and cacheMaxAge whole numbers, and cacheMaxAge at most 3,600. Pass such options to ClientRegistry',
  FST_OAUTH_INVALID_CLIENT: 'The client cannot be registered. Correct what is named here',
  FST_OAUTH_INVALID_THROTTLE: 'The limit and the window of a throttle must be whole numbers above zero. Pass such numbers to FailureThrottle',
  FST_OAUTH_INVALID_REJECTION_DELAY: 'The delay of rejections must be a whole number of milliseconds from 0 to 60,000. Call setRejectionDelay with one',
  FST_OAUTH_AUTH_METHOD_INCOMPLETE: 'A method without secrets that is set by its name needs clients that are kept with their keys, and private_key_jwt an issuer and a store of replays too. Call useClients and useAccessTokens, or pass the method as an object, such as privateKeyJwt({ issuer, keys, replays })',
  FST_OAUTH_UNKNOWN_PROFILE: 'The only profile that is known is "fapi2". Call setProfile with that, or leave it out',
  FST_OAUTH_PROFILE: 'The flow does not keep to its profile. Mend what follows, or take setProfile away',
  FST_OAUTH_INVALID_DPOP: 'DPoPTokenType needs a store of replays, asymmetric algorithms, a nonceKey of 32 characters at least if there is one, and a maxAge of whole seconds above zero. Pass new DPoPTokenType({ replays: store })',
  FST_OAUTH_INVALID_CLIENT_ASSERTION: 'privateKeyJwt needs clients or keys, clientSecretJwt needs secrets, and both a store of replays, algorithms of their kind, a maxLifetime above zero and a clockTolerance of 0 to 60 seconds. Pass such options',
  FST_OAUTH_INVALID_WORKLOAD_ISSUER: 'A workload issuer must have an issuer, or a trustDomain and a jwksUri, each of them once; https URLs (http on loopback only), an audience, a client function and asymmetric algorithms. Pass at least one such issuer to workloadIdentities'
} as const

/** A code of `FLOW_ERRORS`. */
export type FlowErrorCode = keyof typeof FLOW_ERRORS

/** An invalid configuration of a flow. Its message names the fix. */
export class FlowConfigurationError extends TypeError {
  readonly code: FlowErrorCode
  /** The exact problem, if one code covers many values. */
  readonly detail: string | undefined

  /** @param detail the exact problem, if one code covers many; must contain no secret */
  constructor (code: FlowErrorCode, detail?: string) {
    super(detail === undefined ? FLOW_ERRORS[code] : `${FLOW_ERRORS[code]}: ${detail}`)
    this.code = code
    this.detail = detail
  }

  override get name (): string {
    return 'FlowConfigurationError'
  }
}
