// The public surface, entry by entry: what these lists do not name is not exported, and nothing is missing.

export interface Surface {
  values: readonly string[]
  types: readonly string[]
}

/** `fastify-client-credentials/core`, and a part of `fastify-client-credentials`. */
export const CORE: Surface = {
  values: [
    'BearerTokenType', 'CertificateBoundTokenType', 'ClientCredentialsFlow', 'ClientCredentialsFlowBuilder', 'ClientRegistry', 'DPoPTokenType',
    'FailureThrottle', 'FlowConfigurationError', 'InvalidClientError', 'InvalidRequestError', 'InvalidScopeError', 'JwtAccessTokens', 'MemoryStore',
    'OAuth2Error', 'OpaqueAccessTokens', 'RemoteAccessTokens', 'ServerError', 'SigningKeys', 'StoreUnavailableError', 'StrategyError',
    'StrategyInsufficientScopeError', 'StrategyInternalError', 'StrategyInvalidTokenError', 'UnauthorizedClientError', 'UnsupportedGrantTypeError',
    'auditLog', 'clientSecretJwt', 'guardedFetch', 'openTelemetrySpans', 'privateKeyJwt', 'prometheusMetrics', 'selfSignedTlsClientAuth',
    'tlsClientAuth', 'workloadIdentities'
  ],
  types: [
    'AccessTokens', 'AppCredentials', 'AuthCredentials', 'ClientAuthMethod', 'ClientCredentialsFlowOptions', 'ClientCredentialsGrantContext',
    'ClientCredentialsTokenRequest', 'Clients', 'Confirmation', 'FlowErrorCode', 'GenerateAccessToken', 'GetClient', 'NewClient',
    'OAuth2AccessTokenResult', 'OAuth2Client', 'OAuth2ErrorCode', 'OAuth2FlowTokenResponse', 'OAuthEvents', 'PresentedClient', 'Register',
    'RegisteredClient', 'StrategyErrorCode', 'StrategyResult', 'TokenRequest', 'TokenType', 'VerifyToken'
  ]
}

/** The part of `fastify-client-credentials` that needs Fastify. */
export const PLUGIN: Surface = {
  values: [
    'FAPI2_TLS', 'authorizationServer', 'clientAdminPlugin', 'clientCredentialsPlugin', 'credentialsOf', 'default', 'dpopRequestInterceptor', 'fastifyJwtTokens',
    'oauthTransformObject'
  ],
  types: [
    'AuthorizationServer', 'AuthorizationServerOptions', 'ClientCredentialsPluginOptions', 'Guard'
  ]
}

/** `fastify-client-credentials/adapter`. */
export const ADAPTER: Surface = {
  values: [
    'AT_ROOT', 'CLIENT_METADATA_NAMES', 'FIELD_ENTRIES', 'FLOW_DEFAULTS', 'FORM_BODY_LIMIT', 'FORM_MEDIA_TYPE', 'GRANT_TYPE', 'MAX_STALE',
    'INTROSPECTION_JWT_MEDIA_TYPE', 'InvalidTargetError', 'KNOWN_AUTH_METHODS', 'MethodNotAllowedError', 'NO_STORE', 'TemporarilyUnavailableError',
    'brandOf', 'canSignIntrospection', 'checkArgument', 'claimAdministration', 'checkNewClient', 'checkOptions', 'checkPresentedToken', 'checkScope',
    'checkTokenParameters', 'clientChallenge', 'createGrant', 'credentialsFromCache', 'endpointUrls', 'flag', 'formTooLarge', 'fromClientMetadata',
    'handleIntrospectionRequest', 'handleRevocationRequest', 'handleTokenRequest', 'hasMethods', 'hasScopes', 'hasTooManyParameters', 'holdsSecret',
    'isAccessTokenType', 'isDenialObserved', 'isFlow', 'isIssuer', 'isOAuth2Error', 'isScopeToken', 'isSigningAlgorithm', 'isStoreUnavailable',
    'isStrategyError', 'isTable', 'isThenable', 'nested', 'notAForm', 'parseForm', 'plainParameterName', 'publishAdministration', 'publishDenial',
    'queryStarts', 'readRequest', 'readTokenRequest', 'redactSecrets', 'rejectSecondToken', 'required', 'servedPaths', 'settingsOf', 'systemClock',
    'table', 'text', 'toClaims', 'toClientMetadata', 'toLogText', 'toMetadataNames', 'toOAuth2Error', 'toOpenIdConfiguration', 'toReplacement',
    'toResourceMetadata', 'toSecuritySchemes', 'toServerMetadata', 'tooManyParameters', 'validateClaims', 'verifyRequest', 'wellKnownUrl',
    'withError', 'withKnownMethods', 'withMethods'
  ],
  types: [
    'ClientStore', 'EntryStore', 'FailureStore', 'KeyStore', 'ReplayStore', 'RevocationStore',
    'AuditOrigin', 'AuditRecord', 'AuditStore', 'AuthMethods', 'ClientCertificate', 'ClientChanges', 'ClientEndpoint', 'ClientField',
    'ClientRegistration', 'ClientRegistryOptions', 'ClientSecret', 'Clock', 'CredentialsOf', 'EndpointUrls', 'FeedMark', 'FlowSettings',
    'FormParameters', 'IntrospectionResponse', 'IssuedSecret', 'KeyInformation', 'Marked', 'OptionsDescription', 'PlainRequest', 'RegisteredFlow',
    'Rule', 'ScopeOf', 'SecurityRequirement', 'SecuritySchemes', 'ServedPaths', 'SigningAlgorithm', 'SigningKeysOptions', 'TokenGrant',
    'TokenRequest', 'TokenResponse', 'VerifyTokenResult'
  ]
}

/** `fastify-client-credentials/client`. */
export const CLIENT: Surface = {
  values: [
    'OAuthClientError', 'fileToken', 'githubActionsToken', 'gitlabToken', 'kubernetesToken', 'oauthClient', 'oauthClientMetrics', 'oauthClientSpans',
    'oauthInterceptor'
  ],
  types: [
    'AccessToken', 'AssertionKey', 'ClientCertificate', 'ClientEvent', 'DPoPKey', 'ExternalSigner', 'NamedKey', 'OAuthClient', 'OAuthClientErrorCode', 'OAuthClientEvents',
    'OAuthClientOptions', 'OrFunction', 'PrivateKeyInput', 'TokenTarget'
  ]
}

/** `fastify-client-credentials/client/fastify`. */
export const CLIENT_PLUGIN: Surface = {
  values: [
    'default', 'oauthClientPlugin'
  ],
  types: [
    'OAuthClientPluginOptions'
  ]
}

/** `fastify-client-credentials/stores/contract`. */
export const CONTRACT: Surface = {
  values: [
    'FEED_START', 'StoreUnavailableError'
  ],
  types: [
    'AgreedValues', 'AuditActor', 'AuditOrigin', 'AuditRecord', 'AuditStore', 'ClientChangeDetails', 'ClientEntry', 'ClientNeeds', 'ClientStore',
    'DeclaredFlow', 'Entry', 'EntryPage', 'EntryStore', 'EvictionAware', 'FailureStore', 'FeedMark', 'FeedPage', 'HistoryAware', 'KeyChangeDetails',
    'KeySet', 'KeyStore', 'Marked', 'ReplayStore', 'Reservation', 'Revocation', 'RevocationStore', 'SecretUse', 'SettingsStore', 'StoredClient',
    'StoredClientChanges', 'StoredKey', 'StoredSecret', 'StoredSettings', 'StoredToken', 'TokenStore', 'Written'
  ]
}

/** `fastify-client-credentials/schemas`. */
export const SCHEMAS: Surface = {
  values: [
    'auditListSchema', 'auditRecordSchema', 'clientInformationSchema', 'clientListSchema', 'clientRegistrationSchema', 'clientSecretRequestSchema',
    'clientSecretSchema', 'clientUpdateSchema', 'introspectionResponseSchema', 'jwksSchema', 'oauthErrorSchema', 'presentedTokenRequestSchema',
    'resourceMetadataSchema', 'serverMetadataSchema', 'signingKeyListSchema', 'signingKeySchema', 'tokenRequestSchema', 'tokenResponseSchema'
  ],
  types: []
}

/** `fastify-client-credentials/testing`. */
export const TESTING: Surface = {
  values: ['proofKey', 'testClock', 'testIssuer', 'tokenFor'],
  types: ['ApplicationUnderTest', 'IssuedTokenOptions', 'ProofKey', 'ProofKeyOptions', 'ProofOptions', 'TestClock', 'TestIssuer', 'TestIssuerOptions', 'TestTokenOptions', 'TokenFlaw']
}
