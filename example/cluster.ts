// Several processes on one port: clients and keys are in PostgreSQL, revocations in Redis, and what one changes all know.
// Run it by: SEALING_KEY=... DATABASE_URL=postgres://... REDIS_URL=redis://... npm run example:cluster
import cluster from 'node:cluster'
import { once } from 'node:events'
import Fastify from 'fastify'
import clientCredentialsPlugin, { authorizationServer, ClientRegistry, credentialsOf } from 'fastify-client-credentials'
import { postgresStore } from 'fastify-client-credentials/stores/postgres'
import { redisStore } from 'fastify-client-credentials/stores/redis'
import { Redis } from 'ioredis'
import pg from 'pg'

const { DATABASE_URL: databaseUrl = '', REDIS_URL: redisUrl = '', SEALING_KEY: sealingKey = '' } = process.env
if (databaseUrl === '' || redisUrl === '' || sealingKey === '') {
  console.error(`This example needs PostgreSQL, Redis, and a key that private keys are sealed with in the store:
  export SEALING_KEY=$(openssl rand -base64 32)
By Docker:
  docker run -d -p 5432:5432 -e POSTGRES_PASSWORD=example postgres
  docker run -d -p 6379:6379 redis
  DATABASE_URL=postgres://postgres:example@localhost/postgres REDIS_URL=redis://localhost npm run example:cluster
Or by Debian's packages:
  sudo apt-get install -y postgresql redis-server
  sudo -u postgres psql -c "CREATE ROLE example LOGIN PASSWORD 'example'" -c 'CREATE DATABASE example OWNER example'
  DATABASE_URL=postgres://example:example@localhost/example REDIS_URL=redis://localhost npm run example:cluster`)
  process.exit(1)
}

const port = Number(process.env.PORT ?? 3000)
const origin = `http://localhost:${port}`
// Without a limit, pg waits for ever for a server that does not answer.
const poolOptions = { connectionString: databaseUrl, connectionTimeoutMillis: 3000, query_timeout: 3000 }

await (cluster.isPrimary ? startWorkers(Number(process.env.WORKERS ?? 4)) : serve())

async function serve (): Promise<void> {
  const app = Fastify({ logger: true })
  const onError = (error: Error) => app.log.error(error)

  // While a server is away, both clients tell of it by an event that nobody may miss.
  const pool = new pg.Pool(poolOptions).on('error', onError)
  const redis = new Redis(redisUrl).on('error', onError)
  const server = authorizationServer({
    issuer: origin,
    scopes: { 'notes:read': 'Read notes', 'clients:write': 'Disable and enable clients, and give them secrets' },
    store: postgresStore(pool),
    revocations: redisStore(redis),
    sealingKeys: [sealingKey],
    health: true
  })
  const { clients } = server
  // In front of the plugin, since hooks of closing run backwards: what it puts off is written first.
  app.addHook('onClose', async () => {
    await pool.end()
    redis.disconnect()
  })
  await app.register(clientCredentialsPlugin, server)

  app.get('/notes', { preHandler: app.requireScopes('notes:read') }, async (request) => {
    return { caller: credentialsOf(request).app.id, worker: cluster.worker?.id }
  })

  const operators = { preHandler: app.requireScopes('clients:write') }
  interface ClientRoute { Params: { id: string } }
  app.post<ClientRoute>('/clients/:id/disable', operators, async ({ params: { id } }, reply) => {
    await clients.disable(id)
    return reply.code(204).send()
  })
  app.post<ClientRoute>('/clients/:id/enable', operators, async ({ params: { id } }, reply) => {
    await clients.enable(id)
    return reply.code(204).send()
  })
  app.post<ClientRoute>('/clients/:id/secrets', operators, async ({ params: { id } }) => clients.rotateSecret(id, { overlap: 0 }))

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, async () => {
      await app.close()
      process.disconnect()
    })
  }
  await app.listen({ port })
}

async function startWorkers (count: number): Promise<void> {
  const pool = new pg.Pool(poolOptions)
  const clients = new ClientRegistry(postgresStore(pool))
  const demo = await makeSecret(clients, 'demo', 'notes:read')
  const operator = await makeSecret(clients, 'operator', 'clients:write')
  await pool.end()

  const workers = Array.from({ length: count }, () => cluster.fork())
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => workers.forEach((worker) => worker.process.kill(signal)))
  await Promise.all(workers.map((worker) => once(worker, 'listening')))

  const take = (id: string, secret: string) =>
    `$(curl -s -u '${id}:${secret}' -d grant_type=client_credentials ${origin}/oauth2/token | node -p 'JSON.parse(fs.readFileSync(0)).access_token')`
  const eight = (request: string) => `for i in 1 2 3 4 5 6 7 8; do curl -s ${request}; done; echo`
  const status = "-o /dev/null -w '%{http_code} '"
  const operate = (path: string) => `curl -s -X POST -H "Authorization: Bearer $OPERATOR" ${origin}/clients/demo/${path}`

  console.log(`
${count} processes take turns at ${origin}; an orchestrator asks ${origin}/health/ready. Each of them accepts what another has issued:
  TOKEN=${take('demo', demo)}
  ${eight(`-H "Authorization: Bearer $TOKEN" ${origin}/notes`)}

One disables the client. A second later all of them refuse its tokens, and its secret:
  OPERATOR=${take('operator', operator)}
  ${operate('disable')}; sleep 1
  ${eight(`${status} -H "Authorization: Bearer $TOKEN" ${origin}/notes`)}
  ${eight(`${status} -u 'demo:${demo}' -d grant_type=client_credentials ${origin}/oauth2/token`)}

One enables it, another gives it a new secret. A second later all of them take that, and the old one no more:
  ${operate('enable')}
  SECRET=$(${operate('secrets')} | node -p 'JSON.parse(fs.readFileSync(0)).secret'); sleep 1
  ${eight(`${status} -u "demo:$SECRET" -d grant_type=client_credentials ${origin}/oauth2/token`)}
  ${eight(`${status} -u 'demo:${demo}' -d grant_type=client_credentials ${origin}/oauth2/token`)}

Stop PostgreSQL and go on: tokens are verified, the token endpoint answers 503 until it is back, and nothing needs a restart.
`)
}

// What is stored is a hash, so that nobody can print a secret a second time: each start makes another.
async function makeSecret (clients: ClientRegistry, id: string, scope: string): Promise<string> {
  const isThere = await clients.find(id) !== undefined
  const made = isThere ? await clients.rotateSecret(id) : (await clients.add({ id, scopes: [scope] })).secret
  return made!.secret
}
