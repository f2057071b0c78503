import type { FastifyInstance, FastifyReply, FastifySchema } from 'fastify'
import { settingsOf } from '../src/adapter.ts'
import type { ClientCredentialsFlow } from '../src/index.ts'

/** The paths of the liveness and readiness probes. */
export const HEALTH_PATHS = Object.freeze({ live: '/health/live', ready: '/health/ready' })

/**
 * Serves the health of the process. `/health/live` always responds with 200. `/health/ready` responds with 200 while access tokens
 * can be verified and, if they are issued here, signed, from data that was read less than `maxStale` ago. So a store outage takes
 * no server out of service before it has to respond with 503.
 */
export function serveHealth (app: FastifyInstance, flow: ClientCredentialsFlow): void {
  const { accessTokens } = settingsOf(flow)
  // Orchestrators send probes every few seconds, and clients of the API do not use these routes.
  const options = { schema: { hide: true } as FastifySchema, logLevel: 'warn' } as const
  app.get(HEALTH_PATHS.live, options, async (_request, reply) => send(reply, 200, 'live'))
  app.get(HEALTH_PATHS.ready, options, async (request, reply) => {
    try {
      await accessTokens?.ready?.()
      return send(reply, 200, 'ready')
    } catch (error) {
      request.log.warn({ err: error }, 'The server is not ready')
      return send(reply, 503, 'unavailable')
    }
  })
}

function send (reply: FastifyReply, code: number, status: string): FastifyReply {
  return reply.code(code).header('cache-control', 'no-store').type('application/json').send(JSON.stringify({ status }))
}
