// A server with the plugin, which runtimes other than Node.js run and others call. The port goes to stdout.
import Fastify from 'fastify'
import clientCredentialsPlugin, { ClientCredentialsFlowBuilder, ClientRegistry, credentialsOf, JwtAccessTokens, MemoryStore, SigningKeys } from '../../dist/plugin/index.js'

const store = new MemoryStore()
const clients = new ClientRegistry(store)
await clients.add({ id: 'billing', secret: 'correct-horse-battery-staple', scopes: ['data:read'] })
await clients.add({ id: 'api', secret: 'correct-horse-battery-staple', introspects: ['https://api.example'] })

const app = Fastify()
app.addHook('onListen', async () => { console.log(JSON.stringify({ port: app.server.address().port })) })
const issuer = process.argv[2] ?? 'https://as.example'
const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
  .setScopes({ 'data:read': 'Read data', 'data:write': 'Write data' })
  .useClients(clients)
  .useAccessTokens(new JwtAccessTokens({ issuer, audience: 'https://api.example', keys: new SigningKeys(store), revocations: store }))
  .build()
await app.register(clientCredentialsPlugin, { flow })
app.get('/data', { preHandler: app.requireScopes('data:read') }, async (request) => credentialsOf(request).app)
app.post('/data', { preHandler: app.requireScopes('data:write') }, async () => 'written')
await app.listen({ port: Number(process.argv[3] ?? 0), host: '127.0.0.1' })
