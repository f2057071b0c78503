// A resource server: an API that takes the tokens of another process, of which it knows the URL alone.
// Run it by: npm run example:resource-server   and beside it: npm run example:authorization-server
import Fastify from 'fastify'
import clientCredentialsPlugin, { ClientCredentialsFlowBuilder, credentialsOf, RemoteAccessTokens } from 'fastify-client-credentials'

const port = Number(process.env.PORT ?? 3001)
const origin = `http://localhost:${port}`
const issuer = process.env.ISSUER ?? 'http://localhost:3000'

// The metadata and the keys of the issuer are fetched when the first token comes, so it does not matter which of the
// two starts first. A revoked token is taken until it expires: with `introspection`, the issuer is asked instead.
const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: `${issuer}/oauth2/token` })
  .setScopes({ 'notes:read': 'Read notes', 'notes:write': 'Write notes' })
  .useAccessTokens(new RemoteAccessTokens({ issuer, audience: origin }))
  .build()

const app = Fastify({ logger: true })
await app.register(clientCredentialsPlugin, { flow })

const notes = ['Buy milk']

app.get('/notes', { preHandler: app.requireScopes('notes:read') }, async (request) => {
  return { caller: credentialsOf(request).app.id, notes }
})

app.post<{ Body: { text: string } }>('/notes', {
  preHandler: app.requireScopes('notes:write'),
  schema: { body: { type: 'object', required: ['text'], properties: { text: { type: 'string' } } } }
}, async (request, reply) => {
  notes.push(request.body.text)
  return reply.code(201).send({ notes })
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => app.close())
await app.listen({ port })

console.log(`
This API takes tokens of ${issuer}, which prints how to get and use one.

Whoever comes without is told where to go:
  curl -i ${origin}/notes
  curl ${origin}/.well-known/oauth-protected-resource
`)
