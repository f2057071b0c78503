import type { FastifyInstance, RouteOptions } from 'fastify'

/**
 * Has a function see every route as it was declared, before the onRoute hooks of all plugins, whichever came first:
 * @fastify/otel wraps each function of a route into another, and one has to be registered before the plugins that it traces.
 *
 * Fastify has no public way to do it. Should it ever keep its hooks elsewhere, the function is not called.
 */
export function seeRoutesFirst (fastify: FastifyInstance, see: (route: RouteOptions) => void): void {
  const hooks = Object.getOwnPropertySymbols(fastify).find(({ description }) => description === 'fastify.hooks')
  const { onRoute } = fastify[hooks as never] as { onRoute?: unknown[] } ?? {}
  onRoute?.unshift(see)
}
