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
 * The clients of a registry, and its signing keys, over HTTP: for administrators that have an access token with the scope.
 * Register it behind clientCredentialsPlugin, whose guards it uses, and behind `@fastify/swagger`.
 *
 * Whoever has the scope can give any scope to any client, this one too: it is worth as much as all others together.
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
