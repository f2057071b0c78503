export { ClientCredentialsFlowBuilder } from './client-credentials-flow-builder.ts'
export { ClientCredentialsFlow } from './client-credentials-flow.ts'
export type { TokenResult, VerifyTokenOutcome } from './client-credentials-flow.ts'
export { FLOW_DEFAULTS } from './flow-options.ts'
export type { CallbackName, ClientAuthMethodOption, ClientCredentialsFlowOptions, FlowSettings } from './flow-options.ts'
export { FLOW_ERRORS, FlowConfigurationError } from './configuration-error.ts'
export type { FlowErrorCode } from './configuration-error.ts'

export { clientSecretBasic, clientSecretPost } from './client-auth/client-secret.ts'
export type { ClientAuthMethod, ClientAuthSettings, ClientMetadata, GetClient, GetClientContext, OAuth2Client, PresentedClient } from './client-auth/index.ts'
export { BearerTokenType } from './token-type/bearer.ts'
export type { Confirmation, TokenType } from './token-type/index.ts'
// A star, since a module declaration of the user's cannot augment what is re-exported by name.
export type * from './access-token/index.ts'

export { checkTokenParameters, GRANT_TYPE, issueAccessToken } from './token-endpoint.ts'
export type { TokenEndpointSettings, TokenResponse } from './token-endpoint.ts'
export { checkScope, severalTokens, verifyAccess } from './resource-access.ts'
export type { ResourceAccessSettings } from './resource-access.ts'
export type { FormParameters, PlainRequest, TokenRequest } from './request.ts'
export { FORM_BODY_LIMIT, FORM_MEDIA_TYPE, formTooLarge, notAForm, parseForm } from './form.ts'
export { isScopeToken } from './scope.ts'
export { isSecureUrl } from './secure-url.ts'
export { toSecuritySchemes } from './openapi.ts'
export type { SecurityRequirement, SecurityScheme, SecuritySchemes } from './openapi.ts'

export {
  InvalidClientError, InvalidRequestError, InvalidScopeError, MethodNotAllowedError, NO_STORE, OAuth2Error, ServerError,
  StrategyError, StrategyInsufficientScopeError, StrategyInternalError, StrategyInvalidRequestError,
  StrategyInvalidTokenError, StrategyMissingTokenError, TemporarilyUnavailableError, UnauthorizedClientError,
  UnsupportedGrantTypeError
} from './errors.ts'
export type { OAuth2ErrorBody, ProtocolErrorOptions } from './errors.ts'
