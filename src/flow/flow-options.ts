import type { AccessTokens, GenerateAccessToken, VerifyToken } from '../access-token/access-tokens.ts'
import type { VerifiedCredentials } from '../access-token/verified-credentials.ts'
import type { ClientAuthMethod } from '../client-auth/client-auth-method.ts'
import type { Clients, GetClient } from '../client-auth/clients.ts'
import { needsOf, resolveAuthMethods } from '../client-auth/named-methods.ts'
import type { ClientAuthMethodOption, SecretOf } from '../client-auth/named-methods.ts'
import type { OAuth2Client } from '../client-auth/oauth2-client.ts'
import type { TokenEndpointSettings } from '../endpoints/token.ts'
import { FlowConfigurationError } from '../errors/configuration-error.ts'
import { isIssuer, PROTECTED_RESOURCE, wellKnownUrl } from '../http/issuer.ts'
import { isSecureUrl } from '../lib/secure-url.ts'
import { callable, checkOptions, codedError, flag, hasMethods, isTable, listOf, oneOf, orNull, seconds, text, wholeNumber, withError, withMethods } from '../options/check-options.ts'
import type { OptionsDescription, Rule } from '../options/check-options.ts'
import type { ScopeSettings } from '../resource-server/check-scope.ts'
import type { VerificationSettings } from '../resource-server/verify-request.ts'
import { FailureThrottle } from '../throttle/failure-throttle.ts'
import { DEFAULT_REJECTION_DELAY, RejectionDelay } from '../throttle/rejection-delay.ts'
import { BearerTokenType } from '../token-type/bearer.ts'
import type { TokenType } from '../token-type/token-type.ts'
import { byScheme, checkTokenTypes } from '../token-type/token-types.ts'
import { assertionAlgorithms, violationsOf } from './profile.ts'
import type { Profile } from './profile.ts'
import { declareScopes } from './scope-declarations.ts'
import type { ScopeDeclarations } from './scope-declarations.ts'

/** The options of a flow. Each member has a setter on the builder. */
export interface ClientCredentialsFlowOptions<
  Scope extends string = string,
  Client extends OAuth2Client = OAuth2Client,
  Credentials extends VerifiedCredentials = VerifiedCredentials,
  Method extends ClientAuthMethodOption = ClientAuthMethodOption
> {
  /** A path that the plugin serves, or the absolute URL of another server. Default "/token". */
  tokenEndpoint: string
  /** The key of the security scheme in OpenAPI, and the realm of every challenge. Default "oauth2-flow". */
  securitySchemeName: string
  /** The description of the security scheme in OpenAPI. Default none. */
  description: string | undefined
  /** Maps each scope name to a description, or to a declaration with implied scopes. Default none: then only the client's scopes apply. */
  scopes: ScopeDeclarations<Scope>
  /** Lifetime of access tokens in seconds. Default 3600. */
  accessTokenLifetime: number
  /** The token type. Default Bearer. */
  tokenType: TokenType
  /** Further token types: the proof in a request selects among all. Default none. */
  otherTokenTypes: readonly TokenType[]
  /** The client authentication methods. Default client_secret_basic. */
  clientAuthenticationMethods: readonly Method[]
  /** Finds a client and verifies its secret. Default: finds none, so every token request gets invalid_client. */
  getClient: GetClient<Client, SecretOf<Method>>
  /** The client registry, used as getClient if that is not set. Default none. */
  clients: Clients | undefined
  /** Limits guessing of secrets; null for none. Default in memory, 10 failures a minute. */
  throttle: FailureThrottle | null | undefined
  /**
   * Milliseconds from the arrival of a request until the token, introspection and revocation endpoints send a rejection, so that
   * its timing does not reveal which clients exist. 0 to 60,000; 0 sends it immediately. At most 1,000 are held back. Default 10, or
   * twice the time of a slow hash once a client of the registry has a slowly hashed secret. Set it if your own `getClient` hashes
   * slowly.
   */
  rejectionDelay: number | undefined
  /** Issues an access token. Default: issues none, so every token request gets server_error. */
  generateAccessToken: GenerateAccessToken<Client>
  /** Verifies an access token. Default: no token is valid. */
  verifyToken: VerifyToken<Credentials>
  /** The kind of access token. Fills generateAccessToken and verifyToken if those are not set, and adds further operations. Default none. */
  accessTokens: AccessTokens | undefined
  /** The security profile that the flow is checked against when it is built. Default none. */
  profile: Profile | undefined
  /**
   * Accepts http URLs on any host for the token endpoint and the `origin` of the plugin. Without TLS, secrets and tokens can
   * be read in transit. Default that of the access tokens, else false.
   */
  dangerouslyAllowHttpIssuer: boolean | undefined
}

/** The name of a callback that a flow works without: its default denies every request. */
export type CallbackName = 'getClient' | 'generateAccessToken' | 'verifyToken'

/** The settings of the request handlers: the options of a flow, validated, complete and frozen. */
export interface FlowSettings extends TokenEndpointSettings, VerificationSettings, ScopeSettings {
  readonly tokenEndpoint: string
  readonly securitySchemeName: string
  readonly description: string | undefined
  readonly tokenType: TokenType
  readonly scopes: Readonly<Record<string, string>>
  readonly accessTokens: AccessTokens | undefined
  readonly clients: Clients | undefined
  /** Whether URLs of this server may be http on any host. */
  readonly dangerouslyAllowHttpIssuer: boolean
  /** The URL of the protected resource (RFC 9728): the audience of tokens, if that is a URL. */
  readonly resource: string | undefined
  /** The callbacks that are not set. */
  readonly missingCallbacks: readonly CallbackName[]
}

/** Secure defaults: short-lived bearer tokens, HTTP Basic, and callbacks that deny. */
export const FLOW_DEFAULTS: Readonly<ClientCredentialsFlowOptions> = Object.freeze({
  tokenEndpoint: '/token',
  securitySchemeName: 'oauth2-flow',
  description: undefined,
  scopes: Object.freeze({}),
  accessTokenLifetime: 3600,
  tokenType: new BearerTokenType(),
  otherTokenTypes: Object.freeze([]),
  clientAuthenticationMethods: Object.freeze(['client_secret_basic'] as const),
  getClient: () => undefined,
  clients: undefined,
  throttle: undefined,
  rejectionDelay: undefined,
  generateAccessToken: () => undefined,
  verifyToken: () => undefined,
  accessTokens: undefined,
  profile: undefined,
  dangerouslyAllowHttpIssuer: undefined
})

const CALLBACKS: readonly CallbackName[] = ['getClient', 'generateAccessToken', 'verifyToken']

// Rejects ":" and "*", which the router treats as a pattern, "%", which it never matches, and "//", which begins a host.
const PATH = /^\/(?!\/)[^\s#:*%]*$/

// The characters of an OpenAPI component key. None must be escaped in a quoted-string, so the name is also the realm.
const COMPONENT_NAME = /^[A-Za-z0-9._-]+$/

// Milliseconds.
const MAX_REJECTION_DELAY = 60_000

const isCallback: Rule<never> = withError(callable<never>(), codedError('FST_OAUTH_INVALID_CALLBACK'))
const isTokenType = (value: unknown) => typeof value === 'object' && typeof (value as TokenType | null)?.name === 'string'
const isMethod = (value: unknown) => typeof value === 'string' || (typeof (value as ClientAuthMethod | null)?.name === 'string' && hasMethods(value, ['carries', 'authenticate']))
const invalidTokenType = codedError('FST_OAUTH_INVALID_TOKEN_TYPE')

/** The options of a flow. */
export const CLIENT_CREDENTIALS_FLOW: OptionsDescription<Partial<ClientCredentialsFlowOptions>> = {
  of: 'ClientCredentialsFlow',
  options: {
    tokenEndpoint: {
      accepts: (value, options) => typeof value === 'string' && isTokenEndpoint(value, allowsHttp(options)),
      demand: 'a path, or the absolute https URL of another server',
      fix: 'Pass one of them. For http inside of a private network, set dangerouslyAllowHttpIssuer: true',
      error: codedError('FST_OAUTH_INVALID_TOKEN_ENDPOINT')
    },
    securitySchemeName: {
      accepts: (value) => typeof value === 'string' && COMPONENT_NAME.test(value),
      demand: 'a string of letters, digits, ".", "_" and "-"',
      error: codedError('FST_OAUTH_INVALID_SECURITY_SCHEME_NAME')
    },
    description: text(0),
    // declareScopes validates the scopes.
    scopes: { accepts: isTable, demand: 'an object of scope name to description', error: codedError('FST_OAUTH_INVALID_SCOPES') },
    accessTokenLifetime: withError(seconds(1), codedError('FST_OAUTH_INVALID_LIFETIME')),
    tokenType: { accepts: isTokenType, demand: 'an object with a name', error: invalidTokenType },
    otherTokenTypes: withError(listOf<TokenType>(isTokenType, 'objects with a name', 0), invalidTokenType),
    clientAuthenticationMethods: withError(listOf<ClientAuthMethodOption>(isMethod, 'client authentication methods', 0), codedError('FST_OAUTH_INVALID_AUTH_METHOD')),
    getClient: isCallback,
    clients: withError(withMethods<Clients>('the clients', 'getClient', 'findClient'), codedError('FST_OAUTH_INVALID_CALLBACK'), 'Pass a ClientRegistry'),
    rejectionDelay: withError(wholeNumber(0, { max: MAX_REJECTION_DELAY, unit: 'milliseconds' }), codedError('FST_OAUTH_INVALID_REJECTION_DELAY')),
    throttle: orNull(withMethods<FailureThrottle>('a throttle', 'check', 'failed', 'succeeded'), 'none'),
    generateAccessToken: isCallback,
    verifyToken: isCallback,
    accessTokens: { accepts: isAccessTokens, demand: 'access tokens: an object with the method verify, and perhaps issue', fix: 'Pass new JwtAccessTokens(...), or another kind' },
    profile: withError(oneOf<Profile>('fapi2'), codedError('FST_OAUTH_UNKNOWN_PROFILE')),
    dangerouslyAllowHttpIssuer: flag()
  }
}

/**
 * Validates and completes the options of a flow. Does not modify them.
 *
 * @throws FlowConfigurationError
 */
export function resolveFlowOptions (options: Partial<ClientCredentialsFlowOptions>): FlowSettings {
  checkOptions(options, CLIENT_CREDENTIALS_FLOW)
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const resolved: ClientCredentialsFlowOptions = {
    ...FLOW_DEFAULTS,
    ...(options.clients && { getClient: (request: Parameters<Clients['getClient']>[0], sender?: Parameters<Clients['getClient']>[1]) => (options.clients as Clients).getClient(request, sender) }),
    ...(options.accessTokens && optionsOf(options.accessTokens)),
    ...given
  }
  const { tokenEndpoint, securitySchemeName, description, accessTokenLifetime } = resolved
  const { descriptions: scopes, implied: impliedScopes } = declareScopes(resolved.scopes)
  checkEntries(resolved)
  const tokenTypes = checkTokenTypes(resolved.tokenType, resolved.otherTokenTypes)
  const { profile, clients, accessTokens } = resolved
  const clientAuthMethods = resolveAuthMethods(resolved.clientAuthenticationMethods, {
    clients, issuer: accessTokens?.metadata?.issuer, algorithms: assertionAlgorithms(profile)
  })
  clients?.learnMethods?.(needsOf(clientAuthMethods))
  const resource = accessTokens?.metadata?.audience.find((audience) => isIssuer(audience, allowsHttp(options)))
  const scopeNames = Object.keys(scopes)
  const settings: FlowSettings = Object.freeze({
    tokenEndpoint,
    securitySchemeName,
    realm: securitySchemeName,
    description,
    scopes,
    impliedScopes,
    scopeNames: scopeNames.length > 0 ? new Set(scopeNames) : undefined,
    audience: accessTokens?.audience ?? accessTokens?.metadata?.audience,
    accessTokenLifetime,
    tokenType: resolved.tokenType,
    tokenTypes,
    tokenTypesByScheme: byScheme(tokenTypes),
    clientAuthMethods,
    getClient: resolved.getClient as Clients['getClient'],
    clients,
    dangerouslyAllowHttpIssuer: allowsHttp(options),
    isAudienceString: profile === 'fapi2',
    throttle: resolved.throttle === null ? undefined : resolved.throttle ?? new FailureThrottle(),
    heldRejections: rejectionDelayOf(resolved),
    generateAccessToken: resolved.generateAccessToken,
    verifyToken: resolved.verifyToken,
    ...repeatableVerification(resolved.verifyToken),
    accessTokens,
    resource,
    resourceMetadataUrl: resource && wellKnownUrl(resource, PROTECTED_RESOURCE),
    missingCallbacks: Object.freeze(CALLBACKS.filter((name) => resolved[name] === FLOW_DEFAULTS[name]))
  })
  const violations = profile === undefined ? [] : violationsOf(settings)
  if (violations.length > 0) throw new FlowConfigurationError('FST_OAUTH_PROFILE', violations.join('; '))
  return settings
}

function rejectionDelayOf ({ rejectionDelay, clients }: ClientCredentialsFlowOptions): RejectionDelay {
  if (rejectionDelay === undefined) return new RejectionDelay(() => Math.max(DEFAULT_REJECTION_DELAY, Math.ceil(2 * (clients?.slowHashTime ?? 0))))
  return new RejectionDelay(() => rejectionDelay)
}

// The verify callbacks of access token kinds, which are cheap and may be called repeatedly. An application's callback is called once.
const accessTokensOf = new WeakMap<VerifyToken, AccessTokens>()

function repeatableVerification (verifyToken: VerifyToken): Pick<FlowSettings, 'recheckToken' | 'cachedToken'> {
  const accessTokens = accessTokensOf.get(verifyToken)
  return accessTokens === undefined ? {} : { recheckToken: verifyToken, cachedToken: cacheOf(accessTokens) }
}

// The cache is only valid for the `verify` that it was implemented with. It would bypass a subclass, a proxy or an assignment that
// replaces `verify` alone.
function cacheOf (accessTokens: AccessTokens): FlowSettings['cachedToken'] {
  let owner: object | null = accessTokens
  while (owner !== null && !Object.hasOwn(owner, 'cached')) owner = Object.getPrototypeOf(owner)
  const verify: unknown = owner === null ? undefined : Object.getOwnPropertyDescriptor(owner, 'verify')?.value
  if (verify === undefined) return undefined
  return (token) => accessTokens.verify === verify ? accessTokens.cached?.(token) : undefined
}

/** Returns the options that a kind of access token fills: its callbacks, and itself. */
export function optionsOf (accessTokens: AccessTokens): Partial<ClientCredentialsFlowOptions> {
  const { issue } = accessTokens
  const verifyToken: VerifyToken = (token, context) => accessTokens.verify(token, context)
  accessTokensOf.set(verifyToken, accessTokens)
  return {
    accessTokens,
    ...(issue !== undefined && { generateAccessToken: (context) => issue.call(accessTokens, context) }),
    verifyToken
  }
}

// Rejects tokens that do not follow the client store: a disabled client would keep its tokens.
function checkEntries ({ clients, accessTokens }: ClientCredentialsFlowOptions): void {
  if (clients?.entries === undefined || accessTokens?.issue === undefined || !('entries' in accessTokens)) return
  if (accessTokens.entries !== clients.entries) throw new FlowConfigurationError('FST_OAUTH_ENTRIES_ELSEWHERE')
}

/** Returns whether a value is a kind of access token. */
export function isAccessTokens (value: unknown): value is AccessTokens {
  return hasMethods(value, ['verify']) && ['function', 'undefined'].includes(typeof (value as AccessTokens).issue)
}

function isTokenEndpoint (text: string, allowHttp: boolean): boolean {
  return PATH.test(text) || (isSecureUrl(text, allowHttp) && !text.includes('#'))
}

function allowsHttp ({ dangerouslyAllowHttpIssuer, accessTokens }: Readonly<Record<string, unknown>> & { accessTokens?: AccessTokens | undefined }): boolean {
  return (dangerouslyAllowHttpIssuer ?? accessTokens?.metadata?.dangerouslyAllowHttpIssuer) === true
}
