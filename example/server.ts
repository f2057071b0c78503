// An authorization server, an API that it protects, and /docs, in one process: npm run example
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify from 'fastify'
import clientCredentialsPlugin, { authorizationServer, credentialsOf } from 'fastify-client-credentials'
import { sqliteStore } from 'fastify-client-credentials/stores/sqlite'
import Database from 'libsql'

const port = Number(process.env.PORT ?? 3000)
const origin = `http://localhost:${port}`

// Clients, keys and revocations are in one file: after a restart, the tokens of before are still valid.
const db = new Database(process.env.DATABASE ?? 'example.db')
const server = authorizationServer({
  issuer: origin,
  audience: `${origin}/notes`,
  scopes: { 'notes:read': 'Read notes', 'notes:write': 'Write notes' },
  store: sqliteStore(db),
  securitySchemeName: 'demo',
  description: 'The client credentials that this process printed when it started'
})
const { clients } = server

const app = Fastify({ logger: true })
// In front of the plugin, since hooks of closing run backwards: what it puts off is written first.
app.addHook('onClose', async () => { db.close() })
await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'Notes', version: '1.0.0' } } })
await app.register(swaggerUi, { routePrefix: '/docs' })
await app.register(clientCredentialsPlugin, server)

const notes = ['Buy milk']

app.get('/notes', { preHandler: app.requireScopes('notes:read') }, async (request) => {
  return { caller: credentialsOf(request).app.id, notes }
})

app.post<{ Body: { text: string } }>('/notes', {
  preHandler: app.requireScopes('notes:write'),
  schema: { body: { type: 'object', required: ['text'], properties: { text: { type: 'string', examples: ['Call home'] } } } }
}, async (request, reply) => {
  notes.push(request.body.text)
  return reply.code(201).send({ notes })
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => app.close())
await app.listen({ port })

// What is stored is a hash, so that nobody can print a secret a second time: each start makes another.
const isThere = await clients.find('demo') !== undefined
const made = isThere ? await clients.rotateSecret('demo') : (await clients.add({ id: 'demo', scopes: ['notes:read', 'notes:write'] })).secret
const secret = made!.secret

console.log(`
Docs with a working Authorize button: ${origin}/docs   client_id: demo   client_secret: ${secret}

Get a token:
  curl -u 'demo:${secret}' -d grant_type=client_credentials ${origin}/oauth2/token

Read, and write, with it:
  TOKEN=$(curl -s -u 'demo:${secret}' -d grant_type=client_credentials ${origin}/oauth2/token | node -p 'JSON.parse(fs.readFileSync(0)).access_token')
  curl -H "Authorization: Bearer $TOKEN" ${origin}/notes
  curl -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"text":"Call home"}' ${origin}/notes

Revoke it:
  curl -u 'demo:${secret}' -d token=$TOKEN ${origin}/oauth2/revoke
  curl -H "Authorization: Bearer $TOKEN" ${origin}/notes

A token that may only read is refused to write:
  TOKEN=$(curl -s -u 'demo:${secret}' -d grant_type=client_credentials -d scope=notes:read ${origin}/oauth2/token | node -p 'JSON.parse(fs.readFileSync(0)).access_token')
  curl -i -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"text":"Call home"}' ${origin}/notes

The client has this secret since this start. Those of earlier starts still work for a day.
`)
