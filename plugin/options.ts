import type { FastifyInstance } from 'fastify'
import { checkOptions, flag, hasMethods, isFlow, isIssuer, isTable, nested, required, settingsOf, table, text, withError } from '../src/adapter.ts'
import type { OptionsDescription } from '../src/adapter.ts'
import type { ClientCredentialsFlow } from '../src/index.ts'
import { CLIENT_CERTIFICATE, fromProxy } from './client-certificate/proxy.ts'
import type { ClientCertificateOptions } from './client-certificate/proxy.ts'
import { fromTlsSocket } from './client-certificate/tls-socket.ts'
import type { CertificateReader } from './client-certificate/tls-socket.ts'
import { FST_OAUTH_CALLBACK_MISSING, FST_OAUTH_FLOW_REQUIRED, FST_OAUTH_ORIGIN, FST_OAUTH_OTHER_VERSION } from './errors.ts'
import { ON_REGISTER } from './on-register.ts'
import type { RegisteredOptions } from './on-register.ts'

/** The options of the plugin. */
export interface ClientCredentialsPluginOptions {
  /** The flow of the token endpoint and of the guards. Required. */
  flow: ClientCredentialsFlow
  /** A path prefix of the token endpoint. Default none. */
  prefix?: string
  /** Also accepts token requests with a JSON object, which no RFC defines. Default false. */
  acceptJson?: boolean
  /** The name of the request member with the credentials, if the application already uses `request.credentials`. Default "credentials". */
  decoratorName?: string
  /** Members of the authorization server's metadata (RFC 8414) that are added or replaced. Default none. */
  metadata?: Readonly<Record<string, unknown>>
  /**
   * Serves the metadata at /.well-known/openid-configuration too, after the path of the issuer, if access tokens are signed: for
   * verifiers that read an issuer's keys from there only, such as API Gateway, Spring and Istio. It announces no ID tokens.
   * Default false.
   */
  openIdConfiguration?: boolean
  /**
   * The public URL of this server: scheme and authority, and the path that a proxy removes, if any. It is used in metadata,
   * OpenAPI and DPoP proofs (RFC 9449 §4.2). The Host field is not used, because the client controls it. Default
   * that of the issuer and, for guarded routes, of the audience.
   */
  origin?: string
  /**
   * How a proxy that terminates TLS forwards the client certificate (RFC 8705). Default: no proxy, and certificates are those of the
   * TLS connections of this process.
   */
  clientCertificate?: ClientCertificateOptions
  /**
   * Serves `/health/live` and `/health/ready` in the encapsulation context of the plugin, for orchestrators. Ready is 200 while
   * access tokens can be signed and verified, else 503. Default false.
   */
  health?: boolean
}

const FLOW_METHODS = ['getTokenEndpoint', 'token', 'verifyToken', 'start']

/** The options of clientCredentialsPlugin. */
export const CLIENT_CREDENTIALS_PLUGIN: OptionsDescription<ClientCredentialsPluginOptions> = {
  of: 'clientCredentialsPlugin',
  options: {
    flow: required({
      accepts: (value) => hasMethods(value, FLOW_METHODS) && isTable(settingsOf(value as ClientCredentialsFlow)),
      demand: 'a ClientCredentialsFlow',
      error: () => new FST_OAUTH_FLOW_REQUIRED()
    }),
    prefix: text(0),
    acceptJson: flag(),
    decoratorName: text(),
    metadata: table<Readonly<Record<string, unknown>>>(),
    openIdConfiguration: flag(),
    origin: {
      accepts: (value, { flow }) => isIssuer(value, settingsOf(flow as ClientCredentialsFlow).dangerouslyAllowHttpIssuer),
      demand: 'an https URL without query and fragment, or an http URL on loopback',
      error: () => new FST_OAUTH_ORIGIN()
    },
    clientCertificate: withError(nested(CLIENT_CERTIFICATE), CLIENT_CERTIFICATE.error!),
    health: flag()
  }
}

/** The validated and complete options of the plugin. */
export interface ResolvedOptions {
  readonly flow: ClientCredentialsFlow
  readonly prefix: string
  readonly acceptJson: boolean
  readonly decoratorName: string
  readonly metadata: Readonly<Record<string, unknown>>
  readonly openIdConfiguration: boolean
  /** The public URLs of the endpoints and of guarded routes, and their path that a proxy removes, "" for none. */
  readonly origins: { readonly server: string | undefined, readonly resource: string | undefined, readonly path: string }
  readonly certificateOf: CertificateReader
  readonly health: boolean
  /** Called with the instance in which the plugin is registered. */
  readonly onRegister: (app: FastifyInstance) => void
}

/**
 * Validates the options of the plugin. Does not modify them.
 *
 * @throws FST_OAUTH_FLOW_REQUIRED, FST_OAUTH_OTHER_VERSION, FST_OAUTH_CALLBACK_MISSING, FST_OAUTH_ORIGIN, FST_OAUTH_CLIENT_CERTIFICATE,
 *   FST_OAUTH_UNKNOWN_OPTION, FST_OAUTH_INVALID_OPTION
 */
export function resolveOptions (options: Partial<ClientCredentialsPluginOptions>): ResolvedOptions {
  checkOptions(options, CLIENT_CREDENTIALS_PLUGIN)
  const { flow, prefix = '', acceptJson = false, decoratorName = 'credentials', metadata = {}, openIdConfiguration = false, health = false } = options
  if (isFlow(flow) === 'other version') throw new FST_OAUTH_OTHER_VERSION()
  if (flow.getTokenEndpoint().startsWith('/')) {
    for (const name of ['getClient', 'generateAccessToken'] as const) refuseMissing(flow, name, 'its token endpoint would refuse every request')
  }
  const certificateOf = options.clientCertificate === undefined ? fromTlsSocket() : fromProxy(options.clientCertificate)
  const onRegister = (options as RegisteredOptions)[ON_REGISTER] ?? (() => {})
  return {
    flow, prefix: normalizePrefix(prefix), acceptJson, decoratorName, metadata, openIdConfiguration, origins: resolveOrigins(flow, options.origin), certificateOf, health, onRegister
  }
}

function resolveOrigins (flow: ClientCredentialsFlow, origin: string | undefined): ResolvedOptions['origins'] {
  const settings = settingsOf(flow)
  const own = origin?.replace(/\/$/, '')
  const server = own ?? originOf(settings.accessTokens?.metadata?.issuer)
  const resource = own ?? originOf(settings.resource) ?? server
  // DPoP proofs are compared with this URL, so it must be known at startup.
  if (resource === undefined && settings.tokenTypes.some(({ confirmationName }) => confirmationName === 'jkt')) throw new FST_OAUTH_ORIGIN()
  return { server, resource, path: own === undefined ? '' : new URL(own).pathname.replace(/\/$/, '') }
}

function originOf (url: string | undefined): string | undefined {
  return url === undefined ? undefined : new URL(url).origin
}

/** Normalises a prefix as Fastify does: with a leading slash, and no trailing one. */
export function normalizePrefix (prefix: string): string {
  const path = prefix.replace(/\/$/, '')
  return path === '' || path.startsWith('/') ? path : `/${path}`
}

/** Throws if a callback of the flow is not set, because its default would deny every request. */
export function refuseMissing (flow: ClientCredentialsFlow, name: 'getClient' | 'generateAccessToken' | 'verifyToken', consequence: string): void {
  if (settingsOf(flow).missingCallbacks.includes(name)) throw new FST_OAUTH_CALLBACK_MISSING(name, consequence, name)
}
