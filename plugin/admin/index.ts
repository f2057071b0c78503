import type { FastifyPluginAsync } from 'fastify'
import { Outage } from '../outage.ts'
import { clientRoutes } from './client-routes.ts'
import { keyRoutes } from './key-routes.ts'
import { resolveAdminOptions } from './options.ts'
import type { ClientAdminPluginOptions } from './options.ts'
import { serveAdminRoute } from './route.ts'
import { prepareAdminScope } from './scope.ts'
import { secretRoutes } from './secret-routes.ts'
import { stateRoutes } from './state-routes.ts'

/**
 * The clients of a registry, and its signing keys, over HTTP: for administrators that have an access token with the scope.
 * Register it behind clientCredentialsPlugin, whose guards it uses, and behind @fastify/swagger.
 *
 * Whoever has the scope can give any scope to any client, this one too: it is worth as much as all others together.
 */
export const clientAdminPlugin: FastifyPluginAsync<ClientAdminPluginOptions> = async (fastify, options) => {
  const settings = resolveAdminOptions(fastify, options)
  prepareAdminScope(fastify)
  const surroundings = { guard: settings.guard, outage: new Outage('The admin API', fastify.log) }
  const routes = [...clientRoutes(settings), ...secretRoutes(settings), ...stateRoutes(settings), ...(settings.keys ? keyRoutes(settings.keys) : [])]
  for (const route of routes) serveAdminRoute(fastify, surroundings, route)
}
