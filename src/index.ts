export { ClientCredentialsFlowBuilder } from './client-credentials-flow-builder.ts'
export { ClientCredentialsFlow } from './client-credentials-flow.ts'
export type { TokenResult, VerifyTokenOutcome } from './client-credentials-flow.ts'
export { FLOW_DEFAULTS } from './flow-options.ts'
export type { CallbackName, ClientAuthMethodOption, ClientCredentialsFlowOptions, FlowSettings } from './flow-options.ts'
export { FLOW_ERRORS, FlowConfigurationError } from './configuration-error.ts'
export type { FlowErrorCode } from './configuration-error.ts'

export { clientSecretBasic, clientSecretPost } from './client-auth/client-secret.ts'
export type { ClientAuthMethod, ClientAuthSettings, ClientMetadata, Clients, GetClient, GetClientContext, OAuth2Client, PresentedClient } from './client-auth/index.ts'
export { BearerTokenType } from './token-type/bearer.ts'
export type { Confirmation, TokenType } from './token-type/index.ts'
export { isAccessTokenType, judgeClaims } from './access-token/claims.ts'
export { UNTIL_DISABLED } from './access-token/client-revocation.ts'
export { JwtAccessTokens } from './access-token/jwt.ts'
export type { JwtAccessTokensOptions } from './access-token/jwt.ts'
// A star, since a module declaration of the user's cannot augment what is re-exported by name.
export type * from './access-token/index.ts'

export { OpaqueAccessTokens } from './access-token/opaque.ts'
export type { OpaqueAccessTokensOptions } from './access-token/opaque.ts'
export { RemoteAccessTokens } from './access-token/remote.ts'
export type { RemoteAccessTokensOptions } from './access-token/remote.ts'
export type { Fetch } from './access-token/remote/fetch.ts'
export type { IntrospectionCredentials } from './access-token/remote/introspection.ts'
export type { KeySource, SigningKey } from './keys/index.ts'
export type { SigningAlgorithm } from './keys/jwk.ts'
export type { KeyState } from './keys/lifecycle.ts'
export { SigningKeys } from './keys/signing-keys.ts'
export type { KeyInformation, SigningKeysOptions } from './keys/signing-keys.ts'
export { ClientRegistry } from './clients/client-registry.ts'
export type {
  AddOptions, ClientChanges, ClientRegistration, ClientRegistryOptions, ClientSecret, IssuedSecret, NewClient, RegisteredClient, SecretOptions
} from './clients/client-registry.ts'
export { MemoryStore } from './store/memory.ts'
export { isStoreAway, StoreUnavailableError } from './store/unavailable.ts'
export type {
  CertificateName, ClientStore, FailureStore, KeySet, KeyStore, ReplayStore, Revocation, RevocationStore, SecretUse, StoredClient, StoredKey,
  StoredSecret, StoredToken, TokenStore
} from './store/index.ts'

export { canSignIntrospection, INTROSPECTION_JWT_MEDIA_TYPE, introspectToken, introspectTokenAsJwt, wantsIntrospectionJwt } from './introspection.ts'
export type { IntrospectionResponse } from './introspection.ts'
export { toResourceMetadata, toServerMetadata } from './metadata.ts'
export type { EndpointUrls } from './metadata.ts'
export { checkPresentedToken } from './presented-token.ts'
export { plainParameterName } from './query.ts'
export { revokeToken } from './revocation.ts'
export { toOAuth2Error } from './oauth-endpoint.ts'
export { checkTokenParameters, GRANT_TYPE, issueAccessToken } from './token-endpoint.ts'
export type { TokenEndpointSettings, TokenResponse } from './token-endpoint.ts'
export { checkScope, severalTokens, verifyAccess } from './resource-access.ts'
export type { ResourceAccessSettings } from './resource-access.ts'
export type { FormParameters, PlainRequest, TokenRequest } from './request.ts'
export { FORM_BODY_LIMIT, FORM_MEDIA_TYPE, formTooLarge, notAForm, parseForm } from './form.ts'
export { grantAudience } from './resource-indicator.ts'
export { isScopeToken } from './scope.ts'
export { systemClock } from './clock.ts'
export type { Clock } from './clock.ts'
export { AUTHORIZATION_SERVER, isIssuer, PROTECTED_RESOURCE, wellKnownUrl } from './issuer.ts'
export { isSecureUrl } from './secure-url.ts'
export { toSecuritySchemes } from './openapi.ts'
export type { SecurityRequirement, SecurityScheme, SecuritySchemes } from './openapi.ts'

export {
  InvalidClientError, InvalidRequestError, InvalidScopeError, InvalidTargetError, MethodNotAllowedError, NO_STORE, OAuth2Error, ServerError,
  StrategyError, StrategyInsufficientScopeError, StrategyInternalError, StrategyInvalidRequestError,
  StrategyInvalidTokenError, StrategyMissingTokenError, StrategyUnavailableError, TemporarilyUnavailableError, UnauthorizedClientError,
  UnsupportedGrantTypeError
} from './errors.ts'
export type { OAuth2ErrorBody, ProtocolErrorOptions } from './errors.ts'
