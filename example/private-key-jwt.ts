// A partner authenticates by a key: it keeps the private half, the server knows the public one, and no secret is shared.
// Run it by: npm run example:private-key-jwt
import { randomUUID } from 'node:crypto'
import Fastify from 'fastify'
import clientCredentialsPlugin, { ClientCredentialsFlowBuilder, credentialsOf, JwtAccessTokens, MemoryStore, SigningKeys } from 'fastify-client-credentials'
import type { OAuth2Client } from 'fastify-client-credentials'
import { oauthClient } from 'fastify-client-credentials/client'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

const port = Number(process.env.PORT ?? 3000)
const issuer = `http://localhost:${port}`

// The partner's key pair. It sends you the public key once, as JWKS, or the URL of one as jwks_uri.
const { privateKey, publicKey } = await generateKeyPair('ES256')
const jwks = { keys: [{ ...await exportJWK(publicKey), kid: 'partner-1', alg: 'ES256' }] }

// The server. What is kept in memory is gone with this process: several processes need a store that they share.
const partner: OAuth2Client = {
  id: 'partner',
  grants: ['client_credentials'],
  scopes: ['orders:read'],
  metadata: { token_endpoint_auth_method: 'private_key_jwt', jwks }
}
const findClient = (id: string) => id === partner.id ? partner : undefined

const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
  .setScopes({ 'orders:read': 'Read orders' })
  // getClient is asked once the assertion is found right: there is nothing left to compare.
  .useClients({ findClient, getClient: ({ clientId }) => findClient(clientId), replays: new MemoryStore() })
  .addClientAuthenticationMethod('private_key_jwt')
  .useAccessTokens(new JwtAccessTokens({ issuer, audience: issuer, keys: new SigningKeys(new MemoryStore()) }))
  .build()

const app = Fastify({ logger: { level: 'warn' } })
await app.register(clientCredentialsPlugin, { flow })
app.get('/orders', { preHandler: app.requireScopes('orders:read') }, async (request) => {
  return { caller: credentialsOf(request).app.id, orders: [] }
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => app.close())
await app.listen({ port })

// The partner. Without TLS for this demo only.
const client = oauthClient({ issuer, clientId: partner.id, privateKey: { key: privateKey, kid: 'partner-1' }, resource: issuer })
const answer = await client.fetch(`${issuer}/orders`)

// By hand: an assertion is a JWT of the client about itself, for this server, that is good once.
const assertion = await new SignJWT()
  .setProtectedHeader({ alg: 'ES256', kid: 'partner-1' })
  .setIssuer(partner.id).setSubject(partner.id).setAudience(issuer)
  .setIssuedAt().setExpirationTime('5 minutes').setJti(randomUUID())
  .sign(privateKey)
const curl = `curl -s -d grant_type=client_credentials -d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer -d client_assertion=$ASSERTION ${issuer}/oauth2/token`

console.log(`
The partner has read ${await answer.text()} by the client library.

Send an assertion yourself, within five minutes:
  ASSERTION=${assertion}
  ${curl}

A second time it is refused, since it is used up:
  ${curl}
`)
