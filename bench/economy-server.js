// The server whose CPU time is measured: all methods, all kinds of tokens, and clients with many keys and scopes.
import { pathToFileURL } from 'node:url'
import { resolve } from 'node:path'
import Fastify from 'fastify'
import { modulusOf } from './economy-requests.js'

const ISSUER = 'http://localhost:3999'
// Longer keys cannot be registered any more.
const RSA_BITS = [8192, 4096]
const MANY = 30

export async function startServer () {
  const dist = process.env.DIST ?? 'dist'
  const load = (name) => import(pathToFileURL(resolve(dist, name)))
  const {
    BearerTokenType, clientCredentialsPlugin, ClientCredentialsFlowBuilder, ClientRegistry, DPoPTokenType, JwtAccessTokens, MemoryStore, SigningKeys
  } = await load('plugin/index.js')
  const store = new MemoryStore()
  const clients = new ClientRegistry(store)
  const keys = new SigningKeys(store)
  const builder = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
    .clientSecretBasicAuthenticationMethod().clientSecretPostAuthenticationMethod()
    .addClientAuthenticationMethod('private_key_jwt')
    .setTokenType(new DPoPTokenType({ replays: store }), new BearerTokenType())
    .useClients(clients).setThrottle(null)
    .useAccessTokens(new JwtAccessTokens({ issuer: ISSUER, audience: ISSUER, keys, revocations: store }))
  // The time that a rejection is held is no CPU time, and older releases hold none.
  builder.setRejectionDelay?.(0)
  const app = Fastify()
  await app.register(clientCredentialsPlugin, { flow: builder.build() })
  app.get('/data', { preHandler: app.requireScopes() }, async () => ({}))
  await clients.add({ id: 'scopes1000', scopes: Array.from({ length: 1000 }, (_, index) => `resource${index}:read`) })
  const rsaBits = await firstAccepted(RSA_BITS, (bits) => clients.add({ id: 'keys', jwks: { keys: manyKeys(bits) } }))
  await clients.add({ id: 'legacy', secret: 'correct horse battery staple' })
  const { kid } = await keys.current()
  process.send({ address: await app.listen({ port: 0, host: '127.0.0.1' }), issuer: ISSUER, kid, rsaBits })
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send((user + system) / 1000)
  })
  process.once('disconnect', () => process.exit())
}

async function firstAccepted (list, attempt) {
  for (const value of list) {
    try {
      await attempt(value)
      return value
    } catch {
      // The next one is smaller.
    }
  }
  throw new Error('No key was accepted')
}

function manyKeys (bits) {
  const e = 'AQAB'
  return Array.from({ length: MANY }, (_, index) => ({ kty: 'RSA', n: modulusOf(bits), e, kid: `key${index}`, alg: 'PS256', use: 'sig' }))
}
