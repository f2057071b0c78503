// The application API without Fastify, by topic: the symbols that an application imports by name. The additional API for adapters
// to other frameworks is in adapter.ts.

// Flow
export { ClientCredentialsFlowBuilder } from './flow/client-credentials-flow-builder.ts'
export { ClientCredentialsFlow } from './flow/client-credentials-flow.ts'
export { FlowConfigurationError } from './errors/configuration-error.ts'
export type { FlowErrorCode } from './errors/configuration-error.ts'
export type { ClientCredentialsFlowOptions } from './flow/flow-options.ts'

// Exported with a star: a module declaration of an application cannot augment a type that is re-exported by name.
export type * from './flow/register.ts'
export type * from './access-token/credentials.ts'

// Callbacks
export type { ClientCredentialsTokenRequest, GetClient } from './client-auth/clients.ts'
export type { OAuth2Client } from './client-auth/oauth2-client.ts'
export type { ClientCredentialsGrantContext, GenerateAccessToken, OAuth2AccessTokenResult, StrategyResult, VerifyToken } from './access-token/access-tokens.ts'
export type { OAuth2FlowTokenResponse } from './flow/client-credentials-flow.ts'

// Client authentication
export { clientSecretJwt } from './client-auth/client-secret-jwt.ts'
export { privateKeyJwt } from './client-auth/private-key-jwt.ts'
export { selfSignedTlsClientAuth } from './client-auth/mutual-tls/self-signed-tls-client-auth.ts'
export { tlsClientAuth } from './client-auth/mutual-tls/tls-client-auth.ts'
export { workloadIdentities } from './client-auth/workload-identities.ts'
export type { ClientAuthMethod, PresentedClient } from './client-auth/client-auth-method.ts'
export type { TokenRequest } from './http/plain-request.ts'

// Token types
export { BearerTokenType } from './token-type/bearer.ts'
export { CertificateBoundTokenType } from './token-type/certificate-bound.ts'
export { DPoPTokenType } from './token-type/dpop/dpop-token-type.ts'
export type { Confirmation, TokenType } from './token-type/token-type.ts'

// Access tokens and keys
export { JwtAccessTokens } from './access-token/jwt-access-tokens.ts'
export { OpaqueAccessTokens } from './access-token/opaque-access-tokens.ts'
export { RemoteAccessTokens } from './access-token/remote/remote-access-tokens.ts'
export { SigningKeys } from './signing-keys/signing-keys.ts'
export type { AccessTokens } from './access-token/access-tokens.ts'

// Clients
export { ClientRegistry } from './client-registry/client-registry.ts'
export type { NewClient, RegisteredClient } from './client-registry/client-registry.ts'
export type { Clients } from './client-auth/clients.ts'

// Stores and protection
export { MemoryStore } from './stores/memory.ts'
export { StoreUnavailableError } from './errors/store-unavailable.ts'
export { FailureThrottle } from './throttle/failure-throttle.ts'
export { guardedFetch } from './http-client/guarded-fetch.ts'

// Observability
export { auditLog } from './observability/audit-log.ts'
export { openTelemetrySpans } from './observability/opentelemetry-spans.ts'
export { prometheusMetrics } from './observability/prometheus-metrics.ts'
export type { OAuthEvents } from './events/event-types.ts'

// Errors
export { InvalidClientError, InvalidRequestError, InvalidScopeError, OAuth2Error, ServerError, UnauthorizedClientError, UnsupportedGrantTypeError } from './errors/oauth-error.ts'
export { StrategyError, StrategyInsufficientScopeError, StrategyInternalError, StrategyInvalidTokenError } from './errors/strategy-error.ts'
export type { OAuth2ErrorCode, StrategyErrorCode } from './errors/error-codes.ts'
