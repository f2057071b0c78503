import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import { isStrategyError } from '../../src/adapter.ts'
import { hasErrorHandler } from '../fastify-internals.ts'
import { sendError } from '../reply.ts'

/**
 * Formats the errors of guards on a route as OAuth errors, wherever the guard is called: also in a hook of a whole encapsulation
 * context, or by a function of the application. An error handler of the application takes precedence.
 */
export function formatGuardErrors (route: RouteOptions): void {
  route.errorHandler ??= formatGuardError
}

function formatGuardError (this: FastifyInstance, error: Error, request: FastifyRequest, reply: FastifyReply): unknown {
  if (isStrategyError(error) && !hasErrorHandler(request.server)) return sendError(reply, error)
  // Rethrows, so that the error reaches the next handler. For any other value, Fastify would respond with 200.
  if (error instanceof Error) throw error
  return request.server.errorHandler.call(this, error, request, reply)
}
