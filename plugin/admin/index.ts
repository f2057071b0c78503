import type { FastifyPluginAsync } from 'fastify'
import { logAudit } from '../audit-follower.ts'
import { OutageLog } from '../outage-log.ts'
import { auditRoutes } from './audit-routes.ts'
import { clientRoutes } from './client-routes.ts'
import { keyRoutes } from './key-routes.ts'
import { resolveAdminOptions } from './options.ts'
import type { ClientAdminPluginOptions } from './options.ts'
import { serveAdminRoute } from './route.ts'
import { prepareAdminScope } from './scope.ts'
import { secretRoutes } from './secret-routes.ts'
import { stateRoutes } from './state-routes.ts'
import { tokenRoutes } from './token-routes.ts'

/**
 * Serves the administration of the clients of a registry, and of its signing keys, to administrators whose access token has the
 * scope. Register it after clientCredentialsPlugin, whose guards it uses, and after `@fastify/swagger`.
 *
 * A holder of the scope can grant any scope to any client, including its own. The scope is equivalent to all scopes together.
 */
export const clientAdminPlugin: FastifyPluginAsync<ClientAdminPluginOptions> = async (fastify, options) => {
  const settings = resolveAdminOptions(fastify, options)
  prepareAdminScope(fastify)
  const { flow, guard, keys, clients: { audit } } = settings
  logAudit(fastify, audit)
  const surroundings = { flow, guard, outage: new OutageLog('The admin API', fastify.log), isAudited: audit !== undefined }
  const routes = [
    ...clientRoutes(settings), ...secretRoutes(settings), ...stateRoutes(settings), ...tokenRoutes(settings),
    ...(keys ? keyRoutes(keys) : []), ...(audit ? auditRoutes(audit) : [])
  ]
  for (const route of routes) serveAdminRoute(fastify, surroundings, route)
}
