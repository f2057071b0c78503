import type { FastifyInstance, RouteOptions } from 'fastify'

/**
 * Has a function see every route as it was declared, before the onRoute hooks of all plugins, whichever came first:
 * `@fastify/otel`, which has to be registered before what it traces, wraps each function of a route into another.
 *
 * Fastify has no public way to do it. Where it keeps its hooks otherwise, the function is not called.
 */
export function seeRoutesFirst (fastify: FastifyInstance, see: (route: RouteOptions) => void): void {
  const key = Object.getOwnPropertySymbols(fastify).find(({ description }) => description === 'fastify.hooks')
  const hooks: { onRoute?: unknown } | undefined = key && Reflect.get(fastify, key)
  if (Array.isArray(hooks?.onRoute)) hooks.onRoute.unshift(see)
}
