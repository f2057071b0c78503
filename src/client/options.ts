import type { Dispatcher } from 'undici'
import type { Clock } from '../lib/clock.ts'
import { nearestName } from '../options/nearest-name.ts'
import { isSecureUrl } from '../lib/secure-url.ts'
import type { DPoPKey } from './dpop.ts'
import { OAuthClientError } from './errors.ts'
import type { ClientCertificate } from './mutual-tls.ts'
import type { AssertionKey } from './credentials/private-key-jwt.ts'
import type { OrFunction } from './or-function.ts'

/** The target of a token: scope, resource and origins. */
export interface TokenTarget {
  /** Scope names, as an array or separated by spaces. Default none: the server grants the default scopes of the client. */
  scope?: string | readonly string[]
  /** The protected resources that the token is for (RFC 8707). Default none. */
  resource?: string | readonly string[]
  /** Further parameters of the token request, such as `audience` for Auth0. Default none. */
  parameters?: Readonly<Record<string, string>>
  /** Origins that tokens may be sent to, besides those of `resource`. Default none. */
  allowedOrigins?: readonly string[]
}

/** Options of {@link oauthClient}. */
export interface OAuthClientOptions extends TokenTarget {
  /** The issuer of the authorization server. Its metadata is fetched (RFC 8414), unless `tokenEndpoint` is set. */
  issuer?: string
  /** The URL of the token endpoint, for servers without metadata. */
  tokenEndpoint?: string
  /** Instead of `issuer`: the one of these that the metadata of `resource` names (RFC 9728) is used. */
  allowedIssuers?: readonly string[]
  /** The client id. Optional with `workloadToken`, where the token names the client. */
  clientId?: string
  /** The secret. A function is called before each token request, and again when the server rejects its secret. */
  clientSecret?: OrFunction<string>
  /** Where the secret is sent. Default client_secret_basic, or client_secret_post where the metadata lists only that. */
  clientAuthMethod?: 'client_secret_basic' | 'client_secret_post'
  /** The private key, or an external signer, for private_key_jwt (RFC 7523). */
  privateKey?: OrFunction<AssertionKey>
  /** The certificate for mutual TLS (RFC 8705): authenticates the client if there is no other credential. Node.js only. */
  certificate?: OrFunction<ClientCertificate>
  /** Returns a token of the platform, which is sent as client assertion (RFC 7523). Is called before each token request. */
  workloadToken?: () => string | Promise<string>
  /** Asks for tokens that are bound to a key (RFC 9449). `true` generates an ES256 key in memory. Default false. */
  dpop?: boolean | OrFunction<DPoPKey>
  /** Accepts http URLs of other hosts than the loopback ones. Default false. */
  dangerouslyAllowHttp?: boolean
  /** Seconds that a request to the authorization server may take. Default 10. */
  timeout?: number
  /** Sends all requests. Default the global `fetch`. */
  fetch?: typeof fetch
  /** The dispatcher of undici that all requests are sent by, such as a ProxyAgent. Node.js only. */
  dispatcher?: Dispatcher
  /** Returns seconds since 1970. Default the clock of the machine. */
  now?: Clock
}

type Check = readonly [accepts: (value: unknown) => boolean, demand: string]

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''
const isFunction = (value: unknown): boolean => typeof value === 'function'
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null
const isList = (value: unknown): boolean => Array.isArray(value) && value.length > 0 && value.every(isText)
const FUNCTION: Check = [isFunction, 'a function']
const FLAG: Check = [(value) => typeof value === 'boolean', 'true or false']
const TEXT: Check = [isText, 'a string that is not empty']
const NAMES: Check = [(value) => isText(value) || isList(value), 'a string that is not empty, or an array of such strings']
const ORIGINS: Check = [(value) => isList(value) && (value as string[]).every((text) => URL.canParse(text) && new URL(text).origin === text), 'an array of origins such as "https://api.example.com", without a path']
const RESERVED = /^(?:grant_type|scope|resource|client_.*)$/
const ORFUNCTION = (check: Check): Check => [(value) => isFunction(value) || check[0](value), `${check[1]}, or a function that returns it`]

const TARGET: Record<keyof TokenTarget, Check> = {
  scope: NAMES,
  resource: NAMES,
  parameters: [(value) => isObject(value) && Object.entries(value as object).every(([name, item]) => typeof item === 'string' && !RESERVED.test(name)), 'an object of strings, without the names of parameters that other options set'],
  allowedOrigins: ORIGINS
}
const CLIENT: Record<keyof OAuthClientOptions, Check> = {
  ...TARGET,
  issuer: TEXT,
  tokenEndpoint: TEXT,
  allowedIssuers: [isList, 'an array of issuers'],
  clientId: TEXT,
  clientSecret: ORFUNCTION(TEXT),
  clientAuthMethod: [(value) => value === 'client_secret_basic' || value === 'client_secret_post', '"client_secret_basic" or "client_secret_post"'],
  privateKey: ORFUNCTION([(value) => isText(value) || isObject(value), 'a KeyObject, CryptoKey, JWK, PEM string, or an object with key and kid, or with alg and sign']),
  certificate: ORFUNCTION([isObject, 'an object with key and cert']),
  workloadToken: FUNCTION,
  dpop: ORFUNCTION([(value) => typeof value === 'boolean' || isText(value) || isObject(value), 'true, or a private key that can be exported, or a CryptoKeyPair']),
  dangerouslyAllowHttp: FLAG,
  timeout: [(value) => typeof value === 'number' && value > 0 && value <= 300, 'a number of seconds above 0 and at most 300'],
  fetch: FUNCTION,
  dispatcher: [(value) => isObject(value) && isFunction((value as Dispatcher).dispatch), 'a dispatcher of undici'],
  now: FUNCTION
}

/** Checks the target of a token. @throws OAuthClientError OAUTH_CLIENT_UNKNOWN_OPTION, OAUTH_CLIENT_INVALID_OPTION */
export function checkTarget (target: TokenTarget, allowHttp: boolean): void {
  check(target, TARGET)
  for (const origin of target.allowedOrigins ?? []) demandSecure('allowedOrigins', origin, allowHttp)
}

/** Checks the options of a client. @throws OAuthClientError OAUTH_CLIENT_UNKNOWN_OPTION, OAUTH_CLIENT_INVALID_OPTION */
export function checkClientOptions (options: OAuthClientOptions): void {
  check(options, CLIENT)
  const { issuer, tokenEndpoint, allowedIssuers, allowedOrigins, clientId, clientSecret, privateKey, certificate, workloadToken, resource, dangerouslyAllowHttp: allowHttp = false } = options
  if (issuer === undefined && tokenEndpoint === undefined && allowedIssuers === undefined) throw invalid('The option "issuer" is required. Pass the issuer of the authorization server, or "tokenEndpoint", or "allowedIssuers" with "resource".')
  if (allowedIssuers !== undefined && (issuer !== undefined || tokenEndpoint !== undefined || typeof resource !== 'string')) throw invalid('The option "allowedIssuers" needs one URL as "resource", and excludes "issuer" and "tokenEndpoint". Remove one of them.')
  for (const text of [issuer, ...allowedIssuers ?? []]) if (text !== undefined) demandSecure('issuer', text, allowHttp)
  if (tokenEndpoint !== undefined) demandSecure('tokenEndpoint', tokenEndpoint, allowHttp)
  for (const origin of allowedOrigins ?? []) demandSecure('allowedOrigins', origin, allowHttp)
  const credentials = [clientSecret, privateKey, workloadToken].filter((value) => value !== undefined).length
  if (credentials > 1) throw invalid('The options "clientSecret", "privateKey" and "workloadToken" exclude each other. Pass one of them.')
  if (credentials === 0 && certificate === undefined) throw invalid('A credential is required. Pass one of "clientSecret", "privateKey", "workloadToken" and "certificate".')
  if (clientId === undefined && workloadToken === undefined) throw invalid('The option "clientId" is required. Pass the id that the client is registered by.')
  if (privateKey !== undefined && issuer === undefined && allowedIssuers === undefined) throw invalid('The option "privateKey" needs "issuer", the audience of client assertions. Pass it beside "tokenEndpoint".')
  if (options.fetch !== undefined && (certificate !== undefined || options.dispatcher !== undefined)) throw invalid('The option "fetch" excludes "certificate" and "dispatcher", which use the fetch of undici. Pass one of them.')
  if (certificate !== undefined && options.dispatcher !== undefined) throw invalid('The options "certificate" and "dispatcher" exclude each other. Pass the certificate to the dispatcher, and as "certificate" nothing.')
}

function check (options: object, checks: Readonly<Record<string, Check>>): void {
  if (!isObject(options)) throw invalid('oauthClient needs an object with options.')
  for (const [name, value] of Object.entries(options)) {
    const rule = Object.hasOwn(checks, name) ? checks[name] : undefined
    const nearest = nearestName(name, Object.keys(checks))
    if (rule === undefined) throw new OAuthClientError('OAUTH_CLIENT_UNKNOWN_OPTION', `There is no option ${JSON.stringify(name.slice(0, 64))}. ${nearest === undefined ? 'Remove it.' : `Did you mean "${nearest}"?`}`)
    if (value !== undefined && !rule[0](value)) throw invalid(`The option "${name}" must be ${rule[1]}. Pass such a value.`)
  }
}

function demandSecure (name: string, url: string, allowHttp: boolean): void {
  if (!isSecureUrl(url, allowHttp)) throw invalid(`The option "${name}" must be an https URL (http only on loopback, or with dangerouslyAllowHttp). Pass such a URL.`)
}

function invalid (message: string): OAuthClientError {
  return new OAuthClientError('OAUTH_CLIENT_INVALID_OPTION', message)
}
