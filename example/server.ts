// An authorization server, an API that it protects, and /docs, in one process: npm run example
import { createHash, generateKeyPairSync, randomBytes, timingSafeEqual } from 'node:crypto'
import jwt from '@fastify/jwt'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify from 'fastify'
import clientCredentialsPlugin, { ClientCredentialsFlowBuilder, credentialsOf, fastifyJwtTokens } from 'fastify-client-credentials'

const port = Number(process.env.PORT ?? 3000)
const origin = `http://localhost:${port}`

// One demo client, with a secret that lives as long as this process. Only its hash is kept.
const sha256 = (text: string) => createHash('sha256').update(text).digest()
const secret = randomBytes(32).toString('base64url')
const clients = new Map([['demo', { secretHash: sha256(secret), scopes: ['notes:read', 'notes:write'] }]])
const nobody = { secretHash: randomBytes(32), scopes: [] }

const app = Fastify({ logger: { level: 'warn' } })

const keys = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' }
})
await app.register(jwt, {
  secret: { private: keys.privateKey, public: keys.publicKey },
  sign: { algorithm: 'ES256', header: { alg: 'ES256', typ: 'at+jwt' } }
})

const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
  .setSecuritySchemeName('demo')
  .setDescription('The client credentials that this process printed when it started')
  .setScopes({ 'notes:read': 'Read notes', 'notes:write': 'Write notes' })
  .getClient(({ clientId, clientSecret = '' }) => {
    // An unknown client takes the same path, and so the same time, as a wrong secret.
    const { secretHash, scopes } = clients.get(clientId) ?? nobody
    const matches = timingSafeEqual(sha256(clientSecret), secretHash)
    return matches ? { id: clientId, grants: ['client_credentials'], scopes } : undefined
  })
  .useAccessTokens(fastifyJwtTokens(app.jwt, { issuer: origin, audience: `${origin}/notes` }))
  .build()

await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'Notes', version: '1.0.0' } } })
await app.register(swaggerUi, { routePrefix: '/docs' })
await app.register(clientCredentialsPlugin, { flow })

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

console.log(`
Docs with a working Authorize button: ${origin}/docs   client_id: demo   client_secret: ${secret}

Get a token:
  curl -u 'demo:${secret}' -d grant_type=client_credentials ${origin}/oauth2/token

Read, and write, with it:
  TOKEN=$(curl -s -u 'demo:${secret}' -d grant_type=client_credentials ${origin}/oauth2/token | node -p 'JSON.parse(fs.readFileSync(0)).access_token')
  curl -H "Authorization: Bearer $TOKEN" ${origin}/notes
  curl -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"text":"Call home"}' ${origin}/notes

A token that may only read is refused to write:
  TOKEN=$(curl -s -u 'demo:${secret}' -d grant_type=client_credentials -d scope=notes:read ${origin}/oauth2/token | node -p 'JSON.parse(fs.readFileSync(0)).access_token')
  curl -i -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"text":"Call home"}' ${origin}/notes
`)
