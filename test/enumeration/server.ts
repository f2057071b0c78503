// The server under test, in a process of its own: all methods on one store. It is sent the URL of the store, and sends its address.
import { generateKeyPairSync } from 'node:crypto'
import Fastify from 'fastify'
import type { FastifyServerOptions } from 'fastify'
import clientCredentialsPlugin, { ClientCredentialsFlowBuilder, ClientRegistry, JwtAccessTokens, MemoryStore, SigningKeys } from '../../plugin/index.ts'
import { makeCertificate } from '../support/certificates.ts'
import { openStore } from '../support/open-store.ts'
import { ISSUER, KNOWN, KNOWN_WITH_SCOPES } from './classes.ts'

const [url = '', delay = ''] = process.argv.slice(2)
const store = url === 'memory' ? new MemoryStore() : openStore(url)
const clients = new ClientRegistry(store)
const builder = new ClientCredentialsFlowBuilder()
  .clientSecretBasicAuthenticationMethod()
  .clientSecretPostAuthenticationMethod()
  .addClientAuthenticationMethod('private_key_jwt')
  .addClientAuthenticationMethod('self_signed_tls_client_auth')
  .useClients(clients)
  .useAccessTokens(new JwtAccessTokens({ issuer: ISSUER, audience: ISSUER, keys: new SigningKeys(store), revocations: store }))
  // It would answer after ten samples.
  .setThrottle(null)
if (delay !== '') builder.setRejectionDelay(Number(delay))

const jwk = { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }), alg: 'ES256', kid: 'key' }
const scopes = Array.from({ length: 1000 }, (_, index) => `resource${index}:read`)
await clients.add({ id: KNOWN.secret, scopes: ['data:read'] })
await clients.add({ id: KNOWN_WITH_SCOPES.secret, scopes })
await clients.add({ id: KNOWN.key, jwks: { keys: [jwk] } })
await clients.add({ id: KNOWN_WITH_SCOPES.key, jwks: { keys: [jwk] }, scopes })
const { cert, key } = makeCertificate()
const app = Fastify({ https: { cert, key, requestCert: true, rejectUnauthorized: false } } as FastifyServerOptions)
await app.register(clientCredentialsPlugin, { flow: builder.build() })
process.send!(await app.listen({ port: 0, host: '127.0.0.1' }))
process.once('disconnect', () => { process.exit() })
