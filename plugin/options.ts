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
  /** The flow whose token endpoint is served and whose tokens guard the routes. Required. */
  flow: ClientCredentialsFlow
  /** A path in front of the token endpoint. Default none. */
  prefix?: string
  /** Takes JSON objects as token requests beside forms, which no RFC knows. Default false. */
  acceptJson?: boolean
  /** The member of requests that has the credentials, for an application that uses `request.credentials` for something else. Default "credentials". */
  decoratorName?: string
  /** Members of the authorization server's metadata (RFC 8414) that are added, or take the place of ours. Default none. */
  metadata?: Readonly<Record<string, unknown>>
  /**
   * Serves the metadata at /.well-known/openid-configuration too, behind the path of the issuer, where access tokens are signed: for
   * verifiers that know an issuer alone and look there only, such as API Gateway, Spring and Istio. It promises no ID tokens.
   * Default false.
   */
  openIdConfiguration?: boolean
  /**
   * Where clients reach this server: scheme and authority, and the path that a proxy takes away, if it does. The metadata
   * and OpenAPI name such URLs, and DPoP proofs (RFC 9449 §4.2); a Host field is the word of the client only. Default
   * those of the issuer and, for guarded routes, of the audience.
   */
  origin?: string
  /**
   * How a proxy that ends TLS hands on the client's certificate (RFC 8705). Default: it does not, and certificates are
   * those of the TLS connections of this process.
   */
  clientCertificate?: ClientCertificateOptions
  /**
   * Serves `/health/live` and `/health/ready` in the scope that the plugin is registered in, for orchestrators: ready is 200 as long as
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

/** The plugin's options, checked and complete. */
export interface ResolvedOptions {
  readonly flow: ClientCredentialsFlow
  readonly prefix: string
  readonly acceptJson: boolean
  readonly decoratorName: string
  readonly metadata: Readonly<Record<string, unknown>>
  readonly openIdConfiguration: boolean
  /** Where clients reach the endpoints, and guarded routes; and the path in it that a proxy takes away, "" for none. */
  readonly origins: { readonly server: string | undefined, readonly resource: string | undefined, readonly path: string }
  readonly certificateOf: CertificateReader
  readonly health: boolean
  /** Is called with the instance that the plugin is registered in. */
  readonly onRegister: (app: FastifyInstance) => void
}

/**
 * Checks the options of the plugin. Does not change them.
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
  // What proofs are compared with must be known before the first comes.
  if (resource === undefined && settings.tokenTypes.some(({ confirmationName }) => confirmationName === 'jkt')) throw new FST_OAUTH_ORIGIN()
  return { server, resource, path: own === undefined ? '' : new URL(own).pathname.replace(/\/$/, '') }
}

function originOf (url: string | undefined): string | undefined {
  return url === undefined ? undefined : new URL(url).origin
}

/** A prefix as Fastify reads it: one slash in front, none behind. */
export function normalizePrefix (prefix: string): string {
  const path = prefix.replace(/\/$/, '')
  return path === '' || path.startsWith('/') ? path : `/${path}`
}

/** Refuses a flow on which a callback was never set, so that it could only deny. */
export function refuseMissing (flow: ClientCredentialsFlow, name: 'getClient' | 'generateAccessToken' | 'verifyToken', consequence: string): void {
  if (settingsOf(flow).missingCallbacks.includes(name)) throw new FST_OAUTH_CALLBACK_MISSING(name, consequence, name)
}
