import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import { isStrategyError } from '../../src/adapter.ts'
import { hasErrorHandler } from '../fastify-internals.ts'
import { sendError } from '../reply.ts'

/**
 * Has the errors of guards answered as OAuth errors on a route, wherever the guard stands: also in a hook of a whole
 * scope, or in a function of the application that calls it. An error handler of the application takes precedence.
 */
export function formatGuardErrors (route: RouteOptions): void {
  route.errorHandler ??= formatGuardError
}

function formatGuardError (this: FastifyInstance, error: Error, request: FastifyRequest, reply: FastifyReply): unknown {
  if (isStrategyError(error) && !hasErrorHandler(request.server)) return sendError(reply, error)
  // Thrown on, an error reaches the next handler. Of anything else Fastify would make a 200.
  if (error instanceof Error) throw error
  return request.server.errorHandler.call(this, error, request, reply)
}
