import 'reflect-metadata'
import { Controller, Get, HttpCode, Module, Post, UseGuards } from '@nestjs/common'
import type { CanActivate, ExecutionContext } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import type { NestFastifyApplication } from '@nestjs/platform-fastify'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { clientCredentialsPlugin } from '../../plugin/index.ts'
import type { ClientCredentialsFlow } from '../../plugin/index.ts'
import type { Hook, Order, Place, Served } from './cells.ts'
import { guardIn } from './fastify.ts'
import { ORIGIN, READ } from './flows.ts'

class OAuthGuard implements CanActivate {
  async canActivate (context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp()
    const request = http.getRequest<FastifyRequest>()
    await request.server.requireScopes(READ)(request, http.getResponse<FastifyReply>())
    return true
  }
}

// Decorators are called here, since the compiler does not know them.
function moduleOf (isGuarded: boolean, ran: () => void): object {
  class Data {
    read (): object {
      ran()
      return {}
    }

    write (): object {
      return this.read()
    }
  }
  for (const [name, route] of [['read', Get('/data')], ['write', Post('/data')]] as const) {
    const member = Object.getOwnPropertyDescriptor(Data.prototype, name)!
    route(Data.prototype, name, member)
    HttpCode(200)(Data.prototype, name, member)
    if (isGuarded) UseGuards(OAuthGuard)(Data.prototype, name, member)
  }
  Controller()(Data)
  class Application {}
  Module({ controllers: [Data] })(Application)
  return Application
}

/** Serves /data by NestJS, guarded by a guard of Nest or by a hook of the whole application. */
export async function serveNest (place: Place, order: Order, flow: ClientCredentialsFlow, ran: () => void): Promise<Served> {
  const app = await NestFactory.create<NestFastifyApplication>(moduleOf(place === 'guard', ran), new FastifyAdapter(), { logger: false })
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance
  const register = () => fastify.register(clientCredentialsPlugin, { flow, origin: ORIGIN })
  if (order === 'awaited, before the route') await register()
  if (order === 'not awaited, before the route') register()
  if (place !== 'guard') fastify.addHook(place.split(' ', 1)[0] as Hook as 'onRequest', guardIn(fastify))
  await app.init()
  if (order === 'after the route') await register()
  await fastify.ready()
  return { inject: async (request) => await fastify.inject(request), close: () => app.close() }
}
