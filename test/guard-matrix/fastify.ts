import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { clientCredentialsPlugin } from '../../plugin/index.ts'
import type { ClientCredentialsFlow, Guard } from '../../plugin/index.ts'
import type { Hook, Order, Place, Served } from './cells.ts'
import { ORIGIN, READ } from './flows.ts'

/** Serves /data, guarded in a hook of the route or of a scope around it. */
export async function serveFastify (place: Exclude<Place, 'guard'>, order: Order, flow: ClientCredentialsFlow, ran: () => void): Promise<Served> {
  const app = Fastify()
  const hook = place.split(' ', 1)[0] as Hook
  const register = () => app.register(clientCredentialsPlugin, { flow, origin: ORIGIN })
  const handler = async () => {
    ran()
    return {}
  }
  const route = (guard: Guard) => {
    const url = '/data'
    const method = ['GET', 'POST']
    if (place.endsWith('of the route')) return app.route({ method, url, handler, [hook]: guard })
    return app.register(async (scope) => {
      scope.addHook(hook as 'onRequest', guard)
      scope.route({ method, url, handler })
    })
  }

  if (order === 'after the route') {
    route(guardIn(app))
    await register()
  } else if (order === 'awaited, before the route') {
    await register()
    route(app.requireScopes(READ))
  } else {
    register().after(() => { route(app.requireScopes(READ)) })
  }
  await app.ready()
  return { inject: async (request) => await app.inject(request), close: () => app.close() }
}

/** A hook for an application that has no guards yet. */
export function guardIn (app: FastifyInstance): Guard {
  return async (request, reply) => { await app.requireScopes(READ)(request, reply) }
}
