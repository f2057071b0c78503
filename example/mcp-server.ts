// An MCP server whose clients need a token, and the authorization server that they are led to, in one process.
// Run it by: npm run example:mcp
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import Fastify from 'fastify'
import clientCredentialsPlugin, {
  ClientCredentialsFlowBuilder, credentialsOf, JwtAccessTokens, MemoryStore, SigningKeys
} from 'fastify-client-credentials'

const port = Number(process.env.PORT ?? 3000)
const issuer = `http://localhost:${port}`
const resource = `${issuer}/mcp`

// One demo client, with a secret that lives as long as this process. Only its hash is kept.
const sha256 = (text: string) => createHash('sha256').update(text).digest()
const secret = randomBytes(32).toString('base64url')
const secretHash = sha256(secret)
const agent = { id: 'agent', grants: ['client_credentials'], scopes: ['mcp:tools'] }

// The audience is the URL of the MCP endpoint: that is what a 401 leads to the authorization server by (RFC 9728).
const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
  .setScopes({ 'mcp:tools': 'Use the tools' })
  .getClient(({ clientId, clientSecret = '' }) => {
    const matches = timingSafeEqual(sha256(clientSecret), secretHash)
    return matches && clientId === agent.id ? agent : undefined
  })
  .useAccessTokens(new JwtAccessTokens({ issuer, audience: resource, keys: new SigningKeys(new MemoryStore()) }))
  .build()

const app = Fastify({ logger: { level: 'warn' } })
// The MCP SDK takes no metadata without an authorization endpoint, though this grant has none: nothing is served there.
await app.register(clientCredentialsPlugin, { flow, metadata: { authorization_endpoint: `${issuer}/oauth2/authorize` } })

// Without sessions: each request has a server of its own, which knows who calls.
app.post('/mcp', { preHandler: app.requireScopes('mcp:tools') }, async (request, reply) => {
  const server = new McpServer({ name: 'example', version: '1.0.0' })
  server.registerTool('whoami', { description: 'Says who calls' }, () => {
    return { content: [{ type: 'text', text: credentialsOf(request).app.id }] }
  })
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
  await server.connect(transport)
  const webRequest = new Request(resource, { method: 'POST', headers: request.headers as Record<string, string> })
  return reply.send(await transport.handleRequest(webRequest, { parsedBody: request.body }))
})
app.get('/mcp', async (_request, reply) => reply.code(405).header('allow', 'POST').send())

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => app.close())
await app.listen({ port })

console.log(`
MCP endpoint: ${resource}   client_id: ${agent.id}   client_secret: ${secret}

A client without a token is told where to get one:
  curl -i -X POST ${resource}

Get one, and call a tool:
  TOKEN=$(curl -s -u 'agent:${secret}' -d grant_type=client_credentials -d resource=${resource} ${issuer}/oauth2/token | node -p 'JSON.parse(fs.readFileSync(0)).access_token')
  curl -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"}}' ${resource}
`)
