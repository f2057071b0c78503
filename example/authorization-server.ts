// An authorization server: signed tokens that other processes verify by its JWKS, introspection and revocation.
// Run it by: npm run example:authorization-server   and beside it: npm run example:resource-server
import Fastify from 'fastify'
import clientCredentialsPlugin, { authorizationServer } from 'fastify-client-credentials'
import { sqliteStore } from 'fastify-client-credentials/stores/sqlite'
import Database from 'libsql'

const port = Number(process.env.PORT ?? 3000)
const issuer = `http://localhost:${port}`
// What tokens are for: the URL of the resource server.
const api = process.env.API ?? 'http://localhost:3001'

// Clients, keys and revocations are gone with this process. They stay in a file: example/server.ts.
const server = authorizationServer({
  issuer,
  audience: api,
  scopes: { 'notes:read': 'Read notes', 'notes:write': 'Write notes' },
  store: sqliteStore(new Database(':memory:')),
  accessTokenLifetime: 900
})

const app = Fastify({ logger: true })
await app.register(clientCredentialsPlugin, server)

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => app.close())
await app.listen({ port })

const demo = await server.clients.add({ id: 'demo', scopes: ['notes:read', 'notes:write'] })
const curl = `curl -s -u 'demo:${demo.secret?.secret}'`
const takeToken = `TOKEN=$(${curl} -d grant_type=client_credentials -d scope=notes:read ${issuer}/oauth2/token | node -p 'JSON.parse(fs.readFileSync(0)).access_token')`

console.log(`
What others need to know of this server is its URL:
  curl ${issuer}/.well-known/oauth-authorization-server
  curl ${issuer}/.well-known/jwks.json

Get a token, ask what it says, revoke it, and ask again:
  ${takeToken}
  ${curl} -d token=$TOKEN ${issuer}/oauth2/introspect
  ${curl} -d token=$TOKEN ${issuer}/oauth2/revoke
  ${curl} -d token=$TOKEN ${issuer}/oauth2/introspect

Use one at the resource server, once that runs too:
  ${takeToken}
  curl -H "Authorization: Bearer $TOKEN" ${api}/notes
  curl -i -H "Authorization: Bearer $TOKEN" -d '{"text":"Call home"}' -H 'Content-Type: application/json' ${api}/notes
`)
