// An authorization server as a process of its own: clients, keys and opaque tokens in PostgreSQL, revocations of signed tokens
// in Redis. It serves signed tokens on one port and opaque ones on another.
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import pg from 'pg'
import clientCredentialsPlugin, { clientAdminPlugin, ClientCredentialsFlowBuilder, ClientRegistry, JwtAccessTokens, OpaqueAccessTokens, SigningKeys } from '../../plugin/index.ts'
import type { AccessTokens } from '../../plugin/index.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import type { Order, Report, ServerPlan } from './messages.ts'
import { carryOut } from './orders.ts'
import { KEY_TIMES, LIFETIME } from './settings.ts'
import { watchDatabase, watchRevocationStore } from './watch-store.ts'

const plan = JSON.parse(process.argv[2]!) as ServerPlan
const send = (report: Report): void => { if (process.connected) process.send?.(report) }

const pool = new pg.Pool({
  host: '127.0.0.1', port: plan.postgresPort, user: 'postgres', database: 'postgres', max: 8, connectionTimeoutMillis: 2000, query_timeout: 2000
}).on('error', () => {})
const redis = new Redis({ port: plan.redisPort, host: '127.0.0.1', retryStrategy: () => 50 }).on('error', () => {})
const store = postgresStore(pool, { prepare: true })
const revocations = redisStore(redis)
watchDatabase(store, send)
watchRevocationStore(revocations, send)

const clients = new ClientRegistry(store)
const keys = new SigningKeys(store, KEY_TIMES)
const { issuer, opaqueIssuer, audience } = plan

await serve(new JwtAccessTokens({ issuer, audience, keys, revocations }), plan.ports[0], async (app) => {
  await app.register(clientAdminPlugin, { clients, keys, prefix: '/admin' })
  app.post('/orders', async (request) => await carryOut(request.body as Order, { clients, keys }))
})
await serve(new OpaqueAccessTokens({ issuer: opaqueIssuer, audience, store, maxTokenLifetime: LIFETIME }), plan.ports[1])
process.once('disconnect', () => { process.exit() })
send({ kind: 'ready' })

async function serve (tokens: AccessTokens, port: number, prepare: (app: FastifyInstance) => Promise<void> = async () => {}): Promise<void> {
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token', accessTokenLifetime: LIFETIME })
    .setScopes({ 'data:read': 'Read data', 'clients:manage': 'Administer clients and keys' })
    .setThrottle(null)
    .useClients(clients)
    .useAccessTokens(tokens)
    .build()
  const app = Fastify({ logger: plan.logFile !== undefined && { file: plan.logFile, level: 'info' } })
  app.addHook('onRequest', async (_request, reply) => { reply.header('x-server', plan.name) })
  await app.register(clientCredentialsPlugin, { flow })
  app.get('/data', { preHandler: app.requireScopes('data:read') }, async (request) => ({ caller: request.credentials?.app.id }))
  await prepare(app)
  await app.listen({ port, host: '127.0.0.1' })
}
