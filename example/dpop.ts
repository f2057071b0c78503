// Tokens that are bound to a key of the client (DPoP, RFC 9449): whoever steals one cannot use it.
// Run it by: npm run example:dpop
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify from 'fastify'
import clientCredentialsPlugin, {
  ClientCredentialsFlowBuilder, credentialsOf, dpopRequestInterceptor, DPoPTokenType, JwtAccessTokens, MemoryStore, SigningKeys
} from 'fastify-client-credentials'
import { oauthClient } from 'fastify-client-credentials/client'

const port = Number(process.env.PORT ?? 3000)
const origin = `http://localhost:${port}`

// One demo client, with a secret that lives as long as this process. Only its hash is kept.
const sha256 = (text: string) => createHash('sha256').update(text).digest()
const secret = randomBytes(32).toString('base64url')
const secretHash = sha256(secret)

const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
  .setScopes({ 'notes:read': 'Read notes' })
  // Proofs are remembered until they expire, and need a nonce of this server, so that none can be made in advance.
  .setTokenType(new DPoPTokenType({ replays: new MemoryStore(), nonceKey: randomBytes(32).toString('base64url') }))
  .getClient(({ clientId, clientSecret = '' }) => {
    const matches = timingSafeEqual(sha256(clientSecret), secretHash)
    return matches && clientId === 'demo' ? { id: 'demo', grants: ['client_credentials'], scopes: ['notes:read'] } : undefined
  })
  .useAccessTokens(new JwtAccessTokens({ issuer: origin, audience: origin, keys: new SigningKeys(new MemoryStore()) }))
  .build()

const app = Fastify({ logger: { level: 'warn' } })
await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'Notes', version: '1.0.0' } } })
await app.register(swaggerUi, { routePrefix: '/docs', uiConfig: { requestInterceptor: dpopRequestInterceptor } })
await app.register(clientCredentialsPlugin, { flow })
app.get('/notes', { preHandler: app.requireScopes('notes:read') }, async (request) => {
  return { caller: credentialsOf(request).app.id, notes: ['Buy milk'] }
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => app.close())
await app.listen({ port })

// The client: it signs a proof for each request, and takes the nonce from the answer that asks for it.
const client = oauthClient({ issuer: origin, clientId: 'demo', clientSecret: secret, resource: origin, dpop: true })
const answer = await client.fetch(`${origin}/notes`)
const { accessToken: token } = await client.token()

console.log(`
The client has read ${await answer.text()} with a proof for each request.

Docs with a working Authorize button: ${origin}/docs   client_id: demo   client_secret: ${secret}

Steal the token, and try it as a bearer token, and without a proof:
  TOKEN=${token}
  curl -i -H "Authorization: Bearer $TOKEN" ${origin}/notes
  curl -i -H "Authorization: DPoP $TOKEN" ${origin}/notes

Without a proof there is no token either:
  curl -i -u 'demo:${secret}' -d grant_type=client_credentials ${origin}/oauth2/token
`)
