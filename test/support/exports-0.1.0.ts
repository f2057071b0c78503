// The exports of release 0.1.0, types included, by import path. `/core` had those of `.` but the ones of the plugin.

export const RELEASE_010: Readonly<Record<string, readonly string[]>> = {
  '.': [
    'AUTHORIZATION_SERVER', 'AccessTokens', 'AccessTokensMetadata', 'AddOptions', 'AppCredentials', 'AuditLogOptions', 'AuditLogger',
    'AuthCredentials', 'BearerTokenType', 'CallbackName', 'CertificateBoundTokenType', 'CertificateName', 'ClientAdminPluginOptions',
    'ClientAuthMethod', 'ClientAuthMethodOption', 'ClientAuthSettings', 'ClientCertificate', 'ClientCertificateOptions', 'ClientChange',
    'ClientChanged', 'ClientChanges', 'ClientCredentialsFlow', 'ClientCredentialsFlowBuilder', 'ClientCredentialsFlowOptions',
    'ClientCredentialsPluginOptions', 'ClientEndpoint', 'ClientLabelOptions', 'ClientMetadata', 'ClientRegistration', 'ClientRegistry',
    'ClientRegistryOptions', 'ClientSecret', 'ClientSecretJwtOptions', 'ClientStore', 'Clients', 'Clock', 'Confirmation', 'DPoPAlgorithm',
    'DPoPTokenType', 'DPoPTokenTypeOptions', 'EndpointUrls', 'FLOW_DEFAULTS', 'FLOW_ERRORS', 'FORM_BODY_LIMIT', 'FORM_MEDIA_TYPE', 'FailureStore',
    'FailureThrottle', 'FailureThrottleOptions', 'FastifyJwt', 'FastifyJwtTokensOptions', 'Fetch', 'FlowConfigurationError', 'FlowErrorCode',
    'FlowSettings', 'FormParameters', 'GRANT_TYPE', 'GenerateAccessToken', 'GenerateAccessTokenContext', 'GeneratedAccessToken', 'GetClient',
    'GetClientContext', 'Guard', 'GuardableReply', 'GuardableRequest', 'GuardedFetchOptions', 'INTROSPECTION_JWT_MEDIA_TYPE',
    'IntrospectionCredentials', 'IntrospectionResponse', 'InvalidClientError', 'InvalidDPoPProofError', 'InvalidRequestError', 'InvalidScopeError',
    'InvalidTargetError', 'IssuedSecret', 'JwtAccessTokens', 'JwtAccessTokensOptions', 'KeyInformation', 'KeyRevoked', 'KeyRotated', 'KeySet',
    'KeySource', 'KeyState', 'KeyStore', 'MemoryStore', 'MethodNotAllowedError', 'MutualTlsOptions', 'NO_STORE', 'NewClient', 'OAuth2Client',
    'OAuth2Error', 'OAuth2ErrorBody', 'OpaqueAccessTokens', 'OpaqueAccessTokensOptions', 'OpenTelemetrySpansOptions', 'PLUGIN_ERRORS',
    'PROTECTED_RESOURCE', 'PlainRequest', 'PresentedClient', 'PrivateKeyJwtOptions', 'Profile', 'PrometheusClient', 'PrometheusMetricsOptions',
    'PrometheusRegister', 'ProtocolErrorOptions', 'RegisteredClient', 'RemoteAccessTokens', 'RemoteAccessTokensOptions', 'ReplayStore', 'RequestEvent',
    'ResourceAccessSettings', 'Revocation', 'RevocationStore', 'SecretOptions', 'SecretUse', 'SecurityRequirement', 'SecurityScheme',
    'SecuritySchemes', 'SelfSignedTlsOptions', 'ServerError', 'SigningAlgorithm', 'SigningKey', 'SigningKeys', 'SigningKeysOptions', 'SpanTracer',
    'StoreUnavailableError', 'StoredClient', 'StoredKey', 'StoredSecret', 'StoredToken', 'StrategyError', 'StrategyInsufficientScopeError',
    'StrategyInternalError', 'StrategyInvalidDPoPProofError', 'StrategyInvalidRequestError', 'StrategyInvalidTokenError', 'StrategyMissingTokenError',
    'StrategyUnavailableError', 'TemporarilyUnavailableError', 'TokenDenied', 'TokenEndpointSettings', 'TokenInformation', 'TokenIssued',
    'TokenRejected', 'TokenRequest', 'TokenResponse', 'TokenResult', 'TokenRevoked', 'TokenStore', 'TokenType', 'TokenVerified', 'UNTIL_DISABLED',
    'UnauthorizedClientError', 'UnsupportedGrantTypeError', 'VerifiedCredentials', 'VerifyToken', 'VerifyTokenContext', 'VerifyTokenOutcome',
    'VerifyTokenResult', 'WorkloadIdentitiesOptions', 'WorkloadIssuer', 'auditLog', 'canSignIntrospection', 'checkPresentedToken', 'checkScope',
    'checkTokenParameters', 'clientAdminPlugin', 'clientCredentialsPlugin', 'clientSecretBasic', 'clientSecretJwt', 'clientSecretPost',
    'credentialsOf', 'default', 'dpopRequestInterceptor', 'fastifyJwtTokens', 'formTooLarge', 'grantAudience', 'guardedFetch', 'hasScopes',
    'introspectToken', 'introspectTokenAsJwt', 'isAccessTokenType', 'isDenialObserved', 'isIssuer', 'isScopeToken', 'isSecureUrl', 'isStoreAway',
    'issueAccessToken', 'judgeClaims', 'notAForm', 'oauthTransformObject', 'openTelemetrySpans', 'parseForm', 'plainParameterName', 'privateKeyJwt',
    'prometheusMetrics', 'publishDenial', 'queryStarts', 'refuseSeveralTokens', 'revokeToken', 'selfSignedTlsClientAuth', 'systemClock',
    'tlsClientAuth', 'toOAuth2Error', 'toResourceMetadata', 'toSecuritySchemes', 'toServerMetadata', 'verifyAccess', 'wantsIntrospectionJwt',
    'wellKnownUrl', 'workloadIdentities'
  ],
  './schemas': [
    'clientInformationSchema', 'clientListSchema', 'clientRegistrationSchema', 'clientSecretRequestSchema', 'clientSecretSchema', 'clientUpdateSchema',
    'introspectionResponseSchema', 'jwksSchema', 'oauthErrorSchema', 'presentedTokenRequestSchema', 'resourceMetadataSchema', 'serverMetadataSchema',
    'signingKeyListSchema', 'signingKeySchema', 'tokenRequestSchema', 'tokenResponseSchema'
  ],
  './stores/sqlite': [
    'Migrated', 'SqlStore', 'SqlStoreOptions', 'SqliteHandle', 'SqliteStatement', 'sqliteStore'
  ],
  './stores/postgres': [
    'Migrated', 'PostgresClient', 'PostgresPool', 'PostgresQuery', 'PostgresStoreOptions', 'SqlStore', 'SqlStoreOptions', 'postgresStore'
  ],
  './stores/redis': [
    'RedisClient', 'RedisStore', 'RedisStoreOptions', 'redisStore'
  ]
}
