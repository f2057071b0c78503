// What operators see: a metric and an audit line for every decision. example/grafana-dashboard.json shows the metrics.
// Run it by: npm run example:observability
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import Fastify, { LogController } from 'fastify'
import clientCredentialsPlugin, {
  auditLog, ClientCredentialsFlowBuilder, credentialsOf, JwtAccessTokens, MemoryStore, prometheusMetrics, SigningKeys
} from 'fastify-client-credentials'
import promClient from 'prom-client'

const port = Number(process.env.PORT ?? 3000)
const origin = `http://localhost:${port}`

// One demo client, with a secret that lives as long as this process. Only its hash is kept.
const sha256 = (text: string) => createHash('sha256').update(text).digest()
const secret = randomBytes(32).toString('base64url')
const secretHash = sha256(secret)

// The lines of Fastify for each request are left out, to leave those of the audit.
const app = Fastify({ logger: true, logController: new LogController({ disableRequestLogging: true }) })
// First of all, so that the first signing key is counted, too. A client of your own has a series of its own, up to 100.
prometheusMetrics(promClient, { clientLabel: { max: 100 } })
// In a log of its own: auditLog(pino({ name: 'audit' }, pino.destination('/var/log/audit.log')))
auditLog(app.log)

const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
  .setSecuritySchemeName('notes')
  .setScopes({ 'notes:read': 'Read notes', 'notes:write': 'Write notes' })
  .getClient(({ clientId, clientSecret = '' }) => {
    const matches = timingSafeEqual(sha256(clientSecret), secretHash)
    return matches && clientId === 'demo' ? { id: 'demo', grants: ['client_credentials'], scopes: ['notes:read'] } : undefined
  })
  .useAccessTokens(new JwtAccessTokens({ issuer: origin, audience: origin, keys: new SigningKeys(new MemoryStore()) }))
  .build()

await app.register(clientCredentialsPlugin, { flow })
app.get('/notes', { preHandler: app.requireScopes('notes:read') }, async (request) => {
  return { caller: credentialsOf(request).app.id, notes: ['Buy milk'] }
})
app.post('/notes', { preHandler: app.requireScopes('notes:write') }, async () => ({}))
// For Prometheus alone: in earnest, on a port that the world does not reach.
app.get('/metrics', async (_request, reply) => reply.type(promClient.register.contentType).send(await promClient.register.metrics()))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => app.close())
await app.listen({ port })

// A client that gets a token and reads; one who guesses; and two requests that are not let in.
const ask = (password: string) => fetch(`${origin}/oauth2/token`, {
  method: 'POST',
  headers: { authorization: `Basic ${btoa(`demo:${password}`)}` },
  body: new URLSearchParams({ grant_type: 'client_credentials' })
})
const { access_token: token } = await (await ask(secret)).json() as { access_token: string }
const headers = { authorization: `Bearer ${token}` }
await fetch(`${origin}/notes`, { headers })
await ask('a guess')
await fetch(`${origin}/notes`, { method: 'POST', headers })
await fetch(`${origin}/notes`)

console.log(`
Each line above that has an "audit" is a decision. The metrics:
  curl -s ${origin}/metrics | grep ^oauth_

Make more of them:
  TOKEN=$(curl -s -u 'demo:${secret}' -d grant_type=client_credentials ${origin}/oauth2/token | node -p 'JSON.parse(fs.readFileSync(0)).access_token')
  curl -s -H "Authorization: Bearer $TOKEN" ${origin}/notes
  curl -s ${origin}/metrics | grep ^oauth_tokens
`)
