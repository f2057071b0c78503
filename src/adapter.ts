// The adapter API, by topic: what an adapter for another framework needs in addition to the application API. plugin/ uses both, and the
// CLI uses the administration part. NOT covered by semver before 1.0: a minor release may change it.

// Flow
export { isFlow, settingsOf } from './flow/client-credentials-flow.ts'
export { FLOW_DEFAULTS } from './flow/flow-options.ts'
export type { FlowSettings } from './flow/flow-options.ts'
export type { CredentialsOf, RegisteredFlow, ScopeOf } from './flow/registered.ts'
export { toSecuritySchemes } from './flow/security-scheme.ts'
export type { SecurityRequirement, SecuritySchemes } from './flow/security-scheme.ts'
export { AT_ROOT, endpointUrls, servedPaths } from './flow/served-paths.ts'
export type { ServedPaths } from './flow/served-paths.ts'
export { toOpenIdConfiguration, toResourceMetadata, toServerMetadata } from './flow/server-metadata.ts'
export type { EndpointUrls } from './flow/server-metadata.ts'
export { isIssuer, wellKnownUrl } from './http/issuer.ts'

// Requests
export { FORM_BODY_LIMIT, FORM_MEDIA_TYPE, formTooLarge, hasTooManyParameters, notAForm, parseForm, tooManyParameters } from './http/form.ts'
export type { ClientCertificate, FormParameters, PlainRequest, TokenRequest } from './http/plain-request.ts'
export { plainParameterName, queryStarts } from './http/query.ts'
export { isScopeToken } from './http/scope.ts'
export { readRequest, readTokenRequest } from './http/web-request.ts'

// Endpoints
export { clientChallenge } from './client-auth/challenge.ts'
export { GRANT_TYPE } from './client-auth/oauth2-client.ts'
export { canSignIntrospection, handleIntrospectionRequest, INTROSPECTION_JWT_MEDIA_TYPE } from './endpoints/introspection.ts'
export type { IntrospectionResponse } from './endpoints/introspection.ts'
export { checkPresentedToken } from './endpoints/presented-token.ts'
export { handleRevocationRequest } from './endpoints/revocation.ts'
export { checkTokenParameters, handleTokenRequest } from './endpoints/token.ts'
export type { TokenResponse } from './endpoints/token.ts'
export { isDenialObserved, publishDenial } from './events/client-decision.ts'
export type { ClientEndpoint } from './events/event-types.ts'

// Protected resources
export { checkScope, hasScopes, rejectSecondToken } from './resource-server/check-scope.ts'
export { credentialsFromCache, verifyRequest } from './resource-server/verify-request.ts'

// Errors
export { toOAuth2Error } from './errors/from-thrown.ts'
export { InvalidTargetError, isOAuth2Error, MethodNotAllowedError, TemporarilyUnavailableError } from './errors/oauth-error.ts'
export { NO_STORE } from './errors/protocol-error.ts'
export { isStrategyError } from './errors/strategy-error.ts'
export { isStoreUnavailable } from './errors/store-unavailable.ts'

// Access tokens of other libraries
export type { VerifyTokenResult } from './access-token/access-tokens.ts'
export { createGrant, toClaims } from './access-token/token-grant.ts'
export type { TokenGrant } from './access-token/token-grant.ts'
export { isAccessTokenType, validateClaims } from './access-token/validate-claims.ts'

// Administration
export { FIELD_ENTRIES } from './client-registry/client-fields.ts'
export type { AuthMethods, ClientField, ClientRegistration } from './client-registry/client-fields.ts'
export { CLIENT_METADATA_NAMES, fromClientMetadata, toClientMetadata, toMetadataNames, toReplacement } from './client-registry/client-metadata.ts'
export type { ClientChanges, ClientRegistryOptions, ClientSecret, IssuedSecret } from './client-registry/client-registry.ts'
export { checkNewClient } from './client-registry/new-client.ts'
export { KNOWN_AUTH_METHODS, withKnownMethods } from './client-registry/validate-registration.ts'
export { claimAdministration, publishAdministration } from './events/administration.ts'
export { isSigningAlgorithm } from './jws/algorithms.ts'
export type { SigningAlgorithm } from './jws/algorithms.ts'
export type { KeyInformation, SigningKeysOptions } from './signing-keys/signing-keys.ts'
export type {
  AuditOrigin, AuditRecord, AuditStore, ClientStore, EntryStore, FailureStore, FeedMark, KeyStore, Marked, ReplayStore, RevocationStore
} from './stores/contracts/index.ts'

// Options of the adapter itself
export { checkArgument, checkOptions, flag, hasMethods, isTable, nested, required, table, text, withError, withMethods } from './options/check-options.ts'
export type { OptionsDescription, Rule } from './options/check-options.ts'
export { MAX_STALE } from './options/common-rules.ts'

// Logs, clock and values from other modules
export { brandOf } from './lib/brand.ts'
export { systemClock } from './lib/clock.ts'
export type { Clock } from './lib/clock.ts'
export { holdsSecret, redactSecrets, toLogText } from './lib/log-text.ts'
export { isThenable } from './lib/maybe-promise.ts'
