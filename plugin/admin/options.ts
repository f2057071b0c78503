import type { FastifyInstance } from 'fastify'
import type { ClientCredentialsFlow, ClientRegistry, SigningKeys } from '../../src/index.ts'
import { checkOptions, required, settingsOf, table, text, withError, withMethods } from '../../src/adapter.ts'
import type { OptionsDescription } from '../../src/adapter.ts'
import { FST_OAUTH_ADMIN_INVALID_OPTION } from '../errors.ts'
import type { Guard } from '../guard/guard.ts'

/** The options of the admin plugin. */
export interface ClientAdminPluginOptions {
  /** The registry of the clients to administer. Required. */
  clients: ClientRegistry
  /** The signing keys to administer. Default none. */
  keys?: SigningKeys
  /** The scope that every request requires. The flow must declare it. Default "clients:manage". */
  scope?: string
  /** A path prefix of the routes. Default none. */
  prefix?: string
}

/** The options of clientAdminPlugin, and those that Fastify itself reads. */
export const CLIENT_ADMIN_PLUGIN: OptionsDescription<ClientAdminPluginOptions & { logLevel?: string, logSerializers?: object }> = {
  of: 'clientAdminPlugin',
  options: {
    clients: required({
      ...withMethods<ClientRegistry>('a ClientRegistry', 'add', 'find', 'list', 'update', 'disable', 'enable', 'remove', 'revokeTokens', 'rotateSecret', 'revokeSecret'),
      error: () => new FST_OAUTH_ADMIN_INVALID_OPTION('a ClientRegistry as "clients": the one of the flow')
    }),
    keys: withError(withMethods<SigningKeys>('a SigningKeys', 'list', 'rotate', 'revoke'), () => new FST_OAUTH_ADMIN_INVALID_OPTION('a SigningKeys as "keys", or none')),
    scope: text(),
    prefix: text(0),
    logLevel: text(),
    logSerializers: table<object>()
  }
}

/** The validated settings of the routes. */
export interface AdminSettings {
  readonly clients: ClientRegistry
  readonly keys: SigningKeys | undefined
  readonly flow: ClientCredentialsFlow
  readonly guard: Guard
  /** The length of the longest client_id that fits in a path, in characters. */
  readonly maxIdLength: number
  /** Whether the registry can revoke the access tokens that this server issues, if it issues any. */
  readonly canRevokeTokens: boolean
}

/**
 * Validates the options of the admin plugin. Does not modify them.
 *
 * @throws FST_OAUTH_ADMIN_INVALID_OPTION, FST_OAUTH_UNKNOWN_OPTION, FST_OAUTH_UNKNOWN_SCOPE, FST_OAUTH_INVALID_SCOPE
 */
export function resolveAdminOptions (fastify: FastifyInstance, options: Partial<ClientAdminPluginOptions>): AdminSettings {
  checkOptions(options, CLIENT_ADMIN_PLUGIN)
  const { clients, keys, scope = 'clients:manage' } = options
  if (!fastify.hasDecorator('clientCredentials')) throw new FST_OAUTH_ADMIN_INVALID_OPTION('the guards of clientCredentialsPlugin: await its registration first')
  return {
    clients,
    keys,
    flow: fastify.clientCredentials,
    guard: fastify.requireScopes(scope),
    maxIdLength: maxParamLengthOf(fastify),
    canRevokeTokens: canRevokeTokens(fastify.clientCredentials, clients)
  }
}

// Custom tokens of the application, such as those of @fastify/jwt, do not follow the client store.
function canRevokeTokens (flow: ClientCredentialsFlow, { entries }: ClientRegistry): boolean {
  const { accessTokens, missingCallbacks } = settingsOf(flow)
  return entries !== undefined && (accessTokens?.entries === entries || missingCallbacks.includes('generateAccessToken'))
}

// The application may set it at the root or in routerOptions, and Fastify keeps the two apart.
function maxParamLengthOf ({ initialConfig }: FastifyInstance): number {
  const { maxParamLength, routerOptions } = initialConfig as { maxParamLength: number, routerOptions?: { maxParamLength: number } }
  return routerOptions?.maxParamLength ?? maxParamLength
}
