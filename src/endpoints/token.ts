import { isDeepStrictEqual } from 'node:util'
import type { ClientCredentialsGrantContext, GenerateAccessToken, OAuth2AccessTokenResult } from '../access-token/access-tokens.ts'
import { authenticateClient } from '../client-auth/authenticate-client.ts'
import type { ClientAuthSettings } from '../client-auth/client-auth-settings.ts'
import { confirmClient, isConfirmable } from '../client-auth/confirm.ts'
import { GRANT_TYPE } from '../client-auth/oauth2-client.ts'
import type { ClientMetadata, OAuth2Client } from '../client-auth/oauth2-client.ts'
import { InvalidClientError, InvalidRequestError, UnsupportedGrantTypeError } from '../errors/oauth-error.ts'
import type { ClientDecision } from '../events/client-decision.ts'
import { isB64Token } from '../http/authentication.ts'
import { parameter, refuseRepeatedParameters } from '../http/form.ts'
import type { FormParameters, TokenRequest } from '../http/plain-request.ts'
import { pickTokenType } from '../token-type/token-type.ts'
import type { TokenType, TokenTypes } from '../token-type/token-type.ts'
import { grantAccess, parseResource, parseScope } from './grant.ts'
import type { GrantedAccess, GrantSettings } from './grant.ts'
import { withClientErrors } from './with-client-errors.ts'

/** The body of a successful token response (RFC 6749 §5.1). */
export interface TokenResponse {
  access_token: string
  token_type: string
  /** Seconds. */
  expires_in: number
  /** The granted scope, always included unless the token has no scope. */
  scope?: string
  /** Further members: the `parameters` that generateAccessToken returned. */
  [name: string]: unknown
}

/** The settings of the token endpoint. */
export interface TokenEndpointSettings extends ClientAuthSettings, GrantSettings {
  readonly tokenTypes: TokenTypes
  /** Seconds. */
  readonly accessTokenLifetime: number
  readonly generateAccessToken: GenerateAccessToken
}

/**
 * Handles a token request of the client credentials grant (RFC 6749 §4.4). Publishes whether a token was issued or denied. Does NOT
 * check the HTTP method and the media type.
 *
 * @returns the body of the response
 * @throws OAuth2Error and nothing else: an exception of a callback becomes the cause of a ServerError
 */
export function handleTokenRequest (settings: TokenEndpointSettings, request: TokenRequest): Promise<TokenResponse> {
  return withClientErrors(settings, request, 'token', grantToken)
}

async function grantToken (settings: TokenEndpointSettings, request: TokenRequest, decision: ClientDecision | undefined): Promise<TokenResponse> {
  const { form } = request

  // RFC 6749 §3.2, §4.4.2: each parameter once, and the only grant type of this server. A missing grant_type is a malformed request (§5.2).
  const grantType = checkTokenParameters(form)
  if (grantType !== GRANT_TYPE) throw new UnsupportedGrantTypeError()

  // §3.3: the grammar of scope. Without the parameter, the client gets its default scopes, or all of its scopes.
  const scopeParameter = parameter(form, 'scope')
  const requestedScope = scopeParameter === undefined ? undefined : parseScope(scopeParameter)

  // §2.3, §3.2.1: authenticates the client, by one mechanism.
  const authenticated = await authenticateClient(settings, request, grantType, requestedScope, decision)
  const { client } = authenticated

  // §3.3, RFC 8707 §2: scope and audience are granted completely or rejected.
  const requested = { scope: requestedScope, resource: parseResource(form.resource) }
  const granted = grantAccess(client, requested, settings)

  // RFC 7800: the key or certificate that the token is bound to. After authentication, so that an attacker cannot consume proofs.
  const tokenType = tokenTypeFor(client, settings.tokenTypes, request)
  const confirmation = tokenType.confirmTokenRequest === undefined ? undefined : await tokenType.confirmTokenRequest(request)

  // §4.4.3: a client that was changed or disabled meanwhile is checked again. The token carries the generation of the first read.
  // Each await costs a turn of the microtask queue.
  const mayChange = isConfirmable(settings, authenticated)
  const confirmed = mayChange ? await confirmClient(settings, authenticated) : client
  const { scope, audience } = confirmed === client ? granted : grantAccess(confirmed, requested, settings)
  const accessTokenLifetime = confirmed.accessTokenLifetime ?? settings.accessTokenLifetime
  const context: ClientCredentialsGrantContext = {
    client: confirmed,
    grantType,
    scope: [...scope],
    tokenType: tokenType.name,
    accessTokenLifetime,
    origin: authenticated.context.origin,
    resource: requested.resource,
    audience: audience && [...audience],
    confirmation,
    generation: client.generation
  }
  const parameters = furtherParameters(form)
  // Left out for none. Spreading an object into a literal costs Node.js 20 a hundred times as much as a member.
  if (parameters !== undefined) context.parameters = parameters
  const generated = await settings.generateAccessToken(context)

  // Creating the token took time: a client whose secret was revoked meanwhile does not get it.
  const delivered = !mayChange ? confirmed : await confirmClient(settings, { client: confirmed, context: authenticated.context, recheck: authenticated.recheck })
  if (delivered !== confirmed) checkSame({ scope, audience }, grantAccess(delivered, requested, settings))

  // §5.1: the response includes the scope, and never a refresh token (§4.4.3).
  const response = toResponse(tokenType.name, accessTokenLifetime, generated, scope)
  decision?.issued({ scope, tokenType: tokenType.name, expiresIn: response.expires_in, audience: (generated as OAuth2AccessTokenResult).audience })
  return response
}

function checkSame (granted: GrantedAccess, now: GrantedAccess): void {
  if (!isDeepStrictEqual(granted, now)) throw new InvalidClientError(undefined, { cause: 'the scopes or audiences of the client were changed while its request was under way' })
}

// RFC 9449 §5.2, RFC 8705 §3.4: a client that is registered for bound tokens never gets an unbound one.
function tokenTypeFor ({ metadata }: OAuth2Client, types: TokenTypes, request: TokenRequest): TokenType {
  const bound = isSet(metadata, 'dpop_bound_access_tokens')
    ? 'jkt'
    : isSet(metadata, 'tls_client_certificate_bound_access_tokens') ? 'x5t#S256' : undefined
  if (bound === undefined) return pickTokenType(types, request)
  const type = types.find(({ confirmationName }) => confirmationName === bound)
  if (type === undefined) throw new InvalidRequestError('The client may have bound access tokens only, and this server issues none')
  return type
}

// SQL drivers often return 1 for true. Ignoring it would issue unbound tokens.
function isSet (metadata: ClientMetadata | undefined, name: string): boolean {
  const value = metadata?.[name] ?? false
  if (typeof value !== 'boolean') throw new TypeError(`getClient returned a client whose ${name} is no boolean`)
  return value
}

/**
 * Validates the parameters of a token request that do not depend on the client.
 *
 * @returns the grant_type, which is not validated
 * @throws InvalidRequestError if one is repeated (RFC 6749 §3.2) or grant_type is missing (§5.2)
 */
export function checkTokenParameters (form: FormParameters): string {
  // RFC 8707 §2: a token may be for several resources.
  refuseRepeatedParameters(form, 'resource')
  const grantType = parameter(form, 'grant_type')
  if (grantType === undefined) throw new InvalidRequestError('The parameter grant_type is missing')
  return grantType
}

function toResponse (
  tokenType: string,
  accessTokenLifetime: number,
  generated: OAuth2AccessTokenResult | string | undefined,
  scope: readonly string[]
): TokenResponse {
  if (generated === undefined || generated === null) throw new TypeError('generateAccessToken returned no token')
  const accessToken = typeof generated === 'string' ? generated : generated.accessToken
  const expiresIn = typeof generated === 'string' ? accessTokenLifetime : generated.expiresIn ?? accessTokenLifetime
  if (typeof accessToken !== 'string' || !isB64Token(accessToken)) {
    throw new TypeError('generateAccessToken returned a token that no Authorization header can carry (RFC 6750 section 2.1)')
  }
  if (!Number.isSafeInteger(expiresIn) || expiresIn <= 0) {
    throw new TypeError('generateAccessToken returned an expiresIn that is no positive number of seconds')
  }

  const response: TokenResponse = { access_token: accessToken, token_type: tokenType, expires_in: expiresIn }
  if (scope.length > 0) response.scope = scope.join(' ')
  const members = furtherMembers(generated)
  return members === undefined ? response : { ...members, ...response }
}

// The parameters of RFC 6749 §2.3.1, §4.4.2, RFC 7521 §4.2, RFC 8707 §2.
const DEFINED_PARAMETERS: ReadonlySet<string> = new Set([
  'grant_type', 'scope', 'client_id', 'client_secret', 'client_assertion', 'client_assertion_type', 'resource'
])

// The members of RFC 6749 §5.1, and those of an error response (§5.2), which a client could mistake for an error.
const DEFINED_MEMBERS: ReadonlySet<string> = new Set(['access_token', 'token_type', 'expires_in', 'refresh_token', 'scope', 'error', 'error_description', 'error_uri'])

// Repeated parameters were rejected, and one without a value counts as omitted (§3.2).
function furtherParameters (form: FormParameters): Record<string, string> | undefined {
  const names = Object.keys(form).filter((name) => !DEFINED_PARAMETERS.has(name) && parameter(form, name) !== undefined)
  return names.length === 0 ? undefined : Object.fromEntries(names.map((name) => [name, parameter(form, name) as string]))
}

function furtherMembers (generated: OAuth2AccessTokenResult | string): Record<string, unknown> | undefined {
  const parameters: unknown = typeof generated === 'string' ? undefined : generated.parameters
  if (parameters === undefined) return undefined
  if (typeof parameters !== 'object' || parameters === null || Array.isArray(parameters)) throw new TypeError('generateAccessToken returned parameters that are no object')
  // A value that JSON cannot represent fails here, as a server_error, and not when the response is sent.
  const members = JSON.parse(JSON.stringify(parameters)) as Record<string, unknown>
  return Object.fromEntries(Object.entries(members).filter(([name]) => !DEFINED_MEMBERS.has(name)))
}
