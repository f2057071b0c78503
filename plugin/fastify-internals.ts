// Everything that relies on private members of Fastify. Each function also works without them, in the way that it documents.
import type { FastifyInstance, RouteOptions } from 'fastify'

// Fastify stores its state under symbols, which an encapsulation context inherits from its parent.
function internalOf (fastify: FastifyInstance, name: string): unknown {
  for (let owner: object | null = fastify; owner !== null; owner = Object.getPrototypeOf(owner)) {
    const key = Object.getOwnPropertySymbols(owner).find(({ description }) => description === `fastify.${name}`)
    if (key !== undefined) return Reflect.get(fastify, key)
  }
  return undefined
}

/**
 * Calls a function with every route as it was declared, before the onRoute hooks of all plugins, in any order of registration:
 * `@fastify/otel`, which must be registered before the plugins that it traces, wraps each function of a route.
 *
 * Does not call the function if Fastify stores its hooks differently.
 */
export function seeRoutesFirst (fastify: FastifyInstance, see: (route: RouteOptions) => void): void {
  const hooks = internalOf(fastify, 'hooks') as { onRoute?: unknown } | undefined
  if (Array.isArray(hooks?.onRoute)) hooks.onRoute.unshift(see)
}

const errorHandlers = new WeakMap<FastifyInstance, { readonly set: unknown, readonly isOwn: boolean }>()

/**
 * Returns whether the application has set an error handler that applies to an encapsulation context. Does not use function names,
 * which bundlers change. Returns true if Fastify stores its handlers differently.
 */
export function hasErrorHandler (scope: FastifyInstance): boolean {
  const found = errorHandlers.get(scope)
  if (found !== undefined && found.set === scope.errorHandler) return found.isOwn
  // Each handler inherits from that of the parent context, and the outermost from Fastify's default handler.
  const handler = internalOf(scope, 'errorHandler')
  const isOwn = typeof handler !== 'object' || handler === null || Object.getPrototypeOf(handler) !== Object.prototype
  errorHandlers.set(scope, { set: scope.errorHandler, isOwn })
  return isOwn
}

/**
 * Returns the servers that Fastify has started in addition to `fastify.server`, one per further address of a host name. Empty if it
 * stores them differently.
 */
export function secondaryServersOf (fastify: FastifyInstance): readonly FastifyInstance['server'][] {
  const servers = internalOf(fastify, 'serverBindings')
  return Array.isArray(servers) ? servers : []
}
