/* eslint-disable @typescript-eslint/no-unused-vars */
// An application that declares its flow. The test compiles it twice, with the package and with its core as the declared module.
import Fastify from 'fastify'
import { ClientCredentialsFlowBuilder, clientCredentialsPlugin, credentialsOf } from 'fastify-client-credentials'
import type { AuthCredentials } from 'fastify-client-credentials'
import { expectType } from '../expect.ts'
import type { Same } from '../expect.ts'

export const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
  .setScopes({ 'data:read': 'Read data', 'data:write': 'Write data' })
  .verifyToken(() => ({ isValid: true, credentials: { app: { id: 'reader', tenant: 'acme', region: 'eu' }, scope: ['data:read'] } }))
  .build()

const other = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/other/token' })
  .setScopes({ admin: 'Everything' })
  .verifyToken(() => ({ isValid: true, credentials: { app: { id: 'admin', region: 'eu', level: 1 } } }))
  .build()

const app = Fastify()
await app.register(clientCredentialsPlugin, { flow })

app.get('/data', { preHandler: app.requireScopes('data:read', 'data:write') }, async (request) => {
  expectType<Same<ReturnType<typeof credentialsOf>['scope'], readonly string[]>>()
  expectType<Same<NonNullable<typeof request.credentials>['app']['tenant'], string>>()
  const credentials = credentialsOf(request)
  expectType<Same<typeof credentials.app.tenant, string>>()
  const level = credentialsOf(request, other).app.level
  expectType<Same<typeof level, number>>()
  const any: AuthCredentials = credentials
  // @ts-expect-error The flow has no such member.
  return [any, credentials.app.tenent]
})
app.get('/any', { preHandler: app.requireScopes() }, async (request) => {
  // @ts-expect-error The other flow has no such member.
  return credentialsOf(request, other).app.tenant
})
// @ts-expect-error The flow declares no such scope.
app.get('/wrong', { preHandler: app.requireScopes('data:raed') }, async () => 'never')
// @ts-expect-error The flow declares no such scope.
app.get('/wrong', { preHandler: app.requireScopes('data:read', 'admin') }, async () => 'never')
expectType<Same<typeof app.clientCredentials, typeof flow>>()
