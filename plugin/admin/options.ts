import type { FastifyInstance } from 'fastify'
import type { ClientCredentialsFlow, ClientRegistry, SigningKeys } from '../../src/index.ts'
import { checkOptions, required, settingsOf, table, text, withError, withMethods } from '../../src/adapter.ts'
import type { OptionsDescription } from '../../src/adapter.ts'
import { FST_OAUTH_ADMIN_INVALID_OPTION } from '../errors.ts'
import type { Guard } from '../guard/guard.ts'

/** The options of the admin plugin. */
export interface ClientAdminPluginOptions {
  /** The clients that are administered. Required. */
  clients: ClientRegistry
  /** The signing keys, to be administered too. Default none. */
  keys?: SigningKeys
  /** The scope that every request needs. The flow must declare it. Default "clients:manage". */
  scope?: string
  /** A path in front of the routes. Default none. */
  prefix?: string
}

/** The options of clientAdminPlugin, and those that Fastify reads itself. */
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

/** What the routes are served from. */
export interface AdminSettings {
  readonly clients: ClientRegistry
  readonly keys: SigningKeys | undefined
  readonly flow: ClientCredentialsFlow
  readonly guard: Guard
  /** Characters of the longest client_id that a path has room for. */
  readonly maxIdLength: number
  /** Whether the access tokens that this server issues, if it does, are rejected when the registry says so. */
  readonly canRevokeTokens: boolean
}

/**
 * Checks the options of the admin plugin. Does not change them.
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

// Tokens of the application's own, such as those of @fastify/jwt, do not follow the store of the clients.
function canRevokeTokens (flow: ClientCredentialsFlow, { entries }: ClientRegistry): boolean {
  const { accessTokens, missingCallbacks } = settingsOf(flow)
  return entries !== undefined && (accessTokens?.entries === entries || missingCallbacks.includes('generateAccessToken'))
}

// Wherever the application has set it: Fastify keeps both apart.
function maxParamLengthOf ({ initialConfig }: FastifyInstance): number {
  const { maxParamLength, routerOptions } = initialConfig as { maxParamLength: number, routerOptions?: { maxParamLength: number } }
  return routerOptions?.maxParamLength ?? maxParamLength
}
