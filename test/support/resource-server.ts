// A resource server in a process of its own, for tokens of ISSUER that are for AUDIENCE, by the clock of PACE.
import Fastify from 'fastify'
import clientCredentialsPlugin, { ClientCredentialsFlowBuilder, RemoteAccessTokens } from '../../plugin/index.ts'
import { fastClock } from './fast-clock.ts'

const { ISSUER: issuer = '', AUDIENCE: audience = '', PACE = '' } = process.env
const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: `${issuer}/oauth2/token` })
  .useAccessTokens(new RemoteAccessTokens({ issuer, audience, now: fastClock(JSON.parse(PACE)) }))
  .build()

const app = Fastify()
await app.register(clientCredentialsPlugin, { flow })
app.get('/data', { preHandler: app.requireScopes('data:read') }, async (request) => ({ caller: request.credentials?.app.id }))
console.log(`listening at ${await app.listen({ port: 0, host: '127.0.0.1' })} `)
