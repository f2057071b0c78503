// The server of the soak, a process of its own: all that the package does. It is asked for its memory, and to revoke keys, by
// messages.
import { Writable } from 'node:stream'
import { writeHeapSnapshot } from 'node:v8'
import Fastify from 'fastify'
import * as promClient from 'prom-client'
import { base64url, keyPair } from './jws.js'
import { measure } from './measure.js'
import { openStores } from './stores.js'
import { ISSUER, LIFETIME, SHORT_LIFETIME } from './world.js'

const {
  auditLog, BearerTokenType, clientAdminPlugin, ClientCredentialsFlowBuilder, ClientRegistry, default: clientCredentialsPlugin, DPoPTokenType,
  FailureThrottle, JwtAccessTokens, OpaqueAccessTokens, prometheusMetrics, RemoteAccessTokens, SigningKeys
} = await import(new URL('../../dist/plugin/index.js', import.meta.url))
const { settingsOf, verifyRequest } = await import(new URL('../../dist/src/adapter.js', import.meta.url))

// As many as are seen in the first minutes, whatever the machine.
const CACHE = 1000
// What strangers can fill, however slowly: pairs of client and address that have failed, and keys of proofs.
const STRANGERS = 10_000
const PROOF_KEYS = 1000

const stores = openStores()
const { lasting, shared, failures } = stores
const clients = new ClientRegistry(lasting)
const keys = new SigningKeys(lasting, { rotateEvery: 20, announceFor: 5, maxTokenLifetime: LIFETIME, clockTolerance: 1 })
const throttle = new FailureThrottle({ store: failures })
const SCOPES = { 'data:read': 'Read data', 'clients:manage': 'Administer clients' }

// The server asks itself, by the way that it asks others.
let base = ''
const fetchHere = (url, init) => fetch(String(url).replace(ISSUER, base), init)
const resource = await clients.add({ id: 'resource', introspects: [ISSUER] })

const builder = (name, tokenEndpoint = '/oauth2/token') => new ClientCredentialsFlowBuilder({ tokenEndpoint, securitySchemeName: name })
  .setScopes(SCOPES)
const server = (name) => builder(name)
  .addClientAuthenticationMethod('client_secret_basic')
  .addClientAuthenticationMethod('client_secret_post')
  .addClientAuthenticationMethod('private_key_jwt')
  .setAccessTokenLifetime(LIFETIME)
  .setThrottle(throttle)
  .useClients(clients)
const remote = (name, options) => builder(name, `${ISSUER}/oauth2/token`)
  .useAccessTokens(new RemoteAccessTokens({ issuer: ISSUER, audience: ISSUER, clockTolerance: 1, cacheSize: CACHE, fetch: fetchHere, ...options }))

const flow = server('jwt')
  .setTokenType(new BearerTokenType(), new DPoPTokenType({ replays: shared, maxAge: 5 }))
  .useAccessTokens(new JwtAccessTokens({ issuer: ISSUER, audience: ISSUER, keys, revocations: shared, clockTolerance: 1, cacheSize: CACHE }))
  .build()
const opaque = server('opaque')
  .useAccessTokens(new OpaqueAccessTokens({ issuer: `${ISSUER}/opaque`, audience: `${ISSUER}/opaque`, store: lasting, cacheSize: CACHE }))
  .build()
const byKeys = remote('by-keys').build()
const byIntrospection = remote('by-introspection', { introspection: { clientId: resource.client.id, clientSecret: resource.secret.secret } }).build()

// Both listen to every decision. What they write goes nowhere.
prometheusMetrics(promClient, { clientLabel: { max: 10 } })
const sink = new Writable({ write: (chunk, encoding, done) => done() })
auditLog({ info: (line) => sink.write(JSON.stringify(line)) })

const app = Fastify({ logger: false })
const serve = (prefix, served, { origin, more } = {}) => app.register(async (scope) => {
  await scope.register(clientCredentialsPlugin, { flow: served, ...(origin && { origin }) })
  scope.get('/data', { preHandler: scope.requireScopes('data:read') }, async ({ credentials }) => ({ caller: credentials.app.id }))
  await more?.(scope)
}, { prefix })
await serve('', flow, { origin: ISSUER, more: (scope) => scope.register(clientAdminPlugin, { clients, keys, prefix: '/admin' }) })
await serve('/opaque', opaque)
await serve('/by-keys', byKeys)
await serve('/by-introspection', byIntrospection)
app.get('/metrics', () => promClient.register.metrics())
await app.listen({ port: 0, host: '127.0.0.1' })
base = `http://127.0.0.1:${app.server.address().port}`

const operator = await clients.add({ id: 'operator', scopes: ['clients:manage'] })
const hasty = await clients.add({ id: 'hasty', scopes: ['data:read'], accessTokenLifetime: SHORT_LIFETIME })

async function fill () {
  for (let number = 0; number < STRANGERS; number++) await throttle.failed(`stranger ${number}`, '192.0.2.1')
  for (let number = 0; number < PROOF_KEYS; number++) {
    const fields = { authorization: 'DPoP x', dpop: `${base64url({ typ: 'dpop+jwt', alg: 'ES256', jwk: keyPair().jwk })}.e30.AA` }
    await verifyRequest(settingsOf(flow), { method: 'GET', url: '/data', header: (name) => fields[name] }).catch(() => {})
  }
}

const DEEDS = {
  // Those caches that take long to fill, so that they do not look like something that grows.
  fill,
  measure: async () => ({ ...measure(), sizes: await stores.sizes() }),
  // The oldest: of those that are known, the one that signed the fewest tokens that are good still. Never the only one.
  async revokeOldestKey () {
    const [oldest, ...others] = await keys.list()
    if (others.length === 0) return undefined
    await keys.revoke(oldest.kid)
    return oldest.kid
  },
  snapshot: ({ file }) => writeHeapSnapshot(file)
}

process.on('message', async ({ id, deed, ...order }) => { process.send({ id, result: await DEEDS[deed](order) }) })
process.once('disconnect', () => {
  stores.close()
  process.exit()
})
process.send({ port: app.server.address().port, operator: operator.secret.secret, hasty: hasty.secret.secret })
