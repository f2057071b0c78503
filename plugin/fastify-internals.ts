// Everything that relies on members of Fastify that are not public. Each function works without them, and says how.
import type { FastifyInstance, RouteOptions } from 'fastify'

// Fastify keeps its state under symbols, which scopes inherit from the instance around them.
function internalOf (fastify: FastifyInstance, name: string): unknown {
  for (let owner: object | null = fastify; owner !== null; owner = Object.getPrototypeOf(owner)) {
    const key = Object.getOwnPropertySymbols(owner).find(({ description }) => description === `fastify.${name}`)
    if (key !== undefined) return Reflect.get(fastify, key)
  }
  return undefined
}

/**
 * Has a function see every route as it was declared, before the onRoute hooks of all plugins, whichever came first:
 * `@fastify/otel`, which has to be registered before what it traces, wraps each function of a route into another.
 *
 * Where Fastify keeps its hooks otherwise, the function is not called.
 */
export function seeRoutesFirst (fastify: FastifyInstance, see: (route: RouteOptions) => void): void {
  const hooks = internalOf(fastify, 'hooks') as { onRoute?: unknown } | undefined
  if (Array.isArray(hooks?.onRoute)) hooks.onRoute.unshift(see)
}

const errorHandlers = new WeakMap<FastifyInstance, { readonly set: unknown, readonly isOwn: boolean }>()

/**
 * Tells whether the application has set an error handler that counts in a scope. Does not read the names of functions, which
 * bundlers change. True where Fastify keeps its handlers otherwise.
 */
export function hasErrorHandler (scope: FastifyInstance): boolean {
  const found = errorHandlers.get(scope)
  if (found !== undefined && found.set === scope.errorHandler) return found.isOwn
  // Each handler inherits from the one of the scope around it, and the first from that of Fastify.
  const handler = internalOf(scope, 'errorHandler')
  const isOwn = typeof handler !== 'object' || handler === null || Object.getPrototypeOf(handler) !== Object.prototype
  errorHandlers.set(scope, { set: scope.errorHandler, isOwn })
  return isOwn
}

/** The servers that Fastify has opened beside `fastify.server`, one for each further address of a host name. None where it keeps them otherwise. */
export function secondaryServersOf (fastify: FastifyInstance): readonly FastifyInstance['server'][] {
  const servers = internalOf(fastify, 'serverBindings')
  return Array.isArray(servers) ? servers : []
}
