// A resource server elsewhere, as a process of its own: it verifies tokens by introspection on one port, and by the JWKS of the
// issuer on another. It reports each question that it asks.
import Fastify from 'fastify'
import clientCredentialsPlugin, { ClientCredentialsFlowBuilder, RemoteAccessTokens } from '../../plugin/index.ts'
import { systemClock } from '../../src/adapter.ts'
import type { ClockChange, Report, ResourceServerPlan } from './messages.ts'
import { now } from './time.ts'

const plan = JSON.parse(process.argv[2]!) as ResourceServerPlan
const send = (report: Report): void => { if (process.connected) process.send?.(report) }
const { issuer, audience, clientId, clientSecret } = plan
let ahead = 0
const options = { issuer, audience, fetch: reportingFetch, now: () => systemClock() + ahead }

await serve(new RemoteAccessTokens({ ...options, introspection: { clientId, clientSecret } }), plan.ports[0])
await serve(new RemoteAccessTokens(options), plan.ports[1])
process.on('message', (message: ClockChange) => {
  if (message.kind === 'clock') ahead = message.ahead
})
process.once('disconnect', () => { process.exit() })
send({ kind: 'ready' })

async function serve (tokens: RemoteAccessTokens, port: number): Promise<void> {
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: `${issuer}/oauth2/token` })
    .setScopes({ 'data:read': 'Read data' })
    .useAccessTokens(tokens)
    .build()
  const app = Fastify()
  await app.register(clientCredentialsPlugin, { flow })
  app.get('/data', { preHandler: app.requireScopes('data:read') }, async (request) => ({ caller: request.credentials?.app.id }))
  await app.listen({ port, host: '127.0.0.1' })
}

async function reportingFetch (...[url, init]: Parameters<typeof fetch>): Promise<Response> {
  const sentAt = now()
  const response = await fetch(url, init)
  if (response.status !== 200) return response
  const body = await response.clone().json() as { active?: boolean, keys?: Array<{ kid: string }> }
  const times = { sentAt, receivedAt: now(), by: response.headers.get('x-server') ?? '' }
  if (body.keys !== undefined) {
    send({ kind: 'question', about: 'jwks', ...times, kids: body.keys.map(({ kid }) => kid) })
  } else if (body.active !== undefined) {
    send({ kind: 'question', about: 'introspection', ...times, token: new URLSearchParams(String(init?.body)).get('token')!, isActive: body.active })
  }
  return response
}
