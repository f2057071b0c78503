import type { FastifyInstance, FastifyReply, FastifySchema } from 'fastify'
import { settingsOf } from '../src/adapter.ts'
import type { ClientCredentialsFlow } from '../src/index.ts'

/** Where an orchestrator asks whether the process lives, and whether it should get requests. */
export const HEALTH_PATHS = Object.freeze({ live: '/health/live', ready: '/health/ready' })

/**
 * Serves the health of the process: `/health/live` is 200 as long as it answers at all; `/health/ready` is 200 as long as access tokens
 * can be verified and, where they are issued here, signed: by what was read of the stores less than `maxStale` ago. So an outage of a
 * store takes no server out of service before it has to answer with 503.
 */
export function serveHealth (app: FastifyInstance, flow: ClientCredentialsFlow): void {
  const { accessTokens } = settingsOf(flow)
  // Orchestrators ask every few seconds, and no client of the API does.
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
