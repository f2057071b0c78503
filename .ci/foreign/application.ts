// An application with all that the package describes in OpenAPI: the OAuth endpoints, guarded routes and the admin API.
import swagger from '@fastify/swagger'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import clientCredentialsPlugin, { clientAdminPlugin, ClientCredentialsFlowBuilder, ClientRegistry, JwtAccessTokens, MemoryStore, SigningKeys } from '../../plugin/index.ts'

export const SECRET = 'correct-horse-battery-staple'
const READ = 'data:read'
const NAME = { type: 'object', required: ['name'], properties: { name: { type: 'string', minLength: 1 } }, additionalProperties: false } as const

/** What the author of the application writes: what linters ask of everybody. */
const openapi = (version: string, url: string) => ({
  openapi: version,
  info: {
    title: 'Data',
    description: 'The data of the application.',
    version: '1.0.0',
    contact: { name: 'The team', url: 'https://example.org', email: 'team@example.org' },
    license: { name: 'MIT', url: 'https://opensource.org/license/mit' }
  },
  servers: [{ url }],
  tags: [{ name: 'Data', description: 'What it is about.' }]
})

interface Options { version?: string, issuer?: string, url?: string, tenants?: readonly string[] }

/** @param tenants prefixes of further servers, each with a flow and an admin API of its own, in the same document */
export async function buildApplication ({ version = '3.1.0', issuer = 'https://api.example.org', url = issuer, tenants = [] }: Options = {}): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(swagger, { openapi: openapi(version, url) })
  await app.register(async (scope) => {
    await addServer(scope, issuer, 'oauth2-flow')
    scope.get('/data/:id', {
      schema: {
        operationId: 'readData',
        summary: 'Read data',
        description: 'One of them.',
        tags: ['Data'],
        params: { type: 'object', required: ['id'], properties: { id: { type: 'string', description: 'Which.' } } },
        response: { 200: { description: 'The data.', ...NAME } }
      } as object,
      preHandler: scope.requireScopes(READ)
    }, async () => ({ name: 'first' }))
  })
  for (const tenant of tenants) {
    await app.register(async (scope) => { await addServer(scope, `${issuer}${tenant}`, tenant.slice(1)) }, { prefix: tenant })
  }
  await app.ready()
  return app
}

async function addServer (app: FastifyInstance, issuer: string, name: string): Promise<void> {
  const store = new MemoryStore()
  const keys = new SigningKeys(store)
  const clients = new ClientRegistry(store)
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
    .setSecuritySchemeName(name)
    .setScopes({ [READ]: 'Read data', 'clients:manage': 'Administer clients' })
    .clientSecretBasicAuthenticationMethod().clientSecretPostAuthenticationMethod()
    .useClients(clients)
    .useAccessTokens(new JwtAccessTokens({ issuer, audience: issuer, keys, revocations: store }))
    .build()
  await app.register(clientCredentialsPlugin, { flow })
  await app.register(clientAdminPlugin, { clients, keys, prefix: '/admin' })
  await clients.add({ id: 'root', secret: SECRET, scopes: [READ, 'clients:manage'] })
}
