// The server of the soak, a process of its own: all that the package does, over SQLite. It is asked for its memory, and to
// rotate and revoke keys, by messages.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import Fastify from 'fastify'
import Database from 'libsql'
import { ISSUER, LIFETIME, SHORT_LIFETIME } from './world.js'

const {
  BearerTokenType, clientAdminPlugin, ClientCredentialsFlowBuilder, ClientRegistry, default: clientCredentialsPlugin, DPoPTokenType,
  JwtAccessTokens, OpaqueAccessTokens, SigningKeys
} = await import(new URL('../../dist/plugin/index.js', import.meta.url))
const { sqliteStore } = await import(new URL('../../dist/src/store/sqlite.js', import.meta.url))

const folder = mkdtempSync(join(tmpdir(), 'soak-'))
const handle = new Database(join(folder, 'soak.db'))
const store = sqliteStore(handle)
const clients = new ClientRegistry(store)
const keys = new SigningKeys(store, { rotateEvery: 20, announceFor: 5, maxTokenLifetime: LIFETIME, clockTolerance: 1 })

const SCOPES = { 'data:read': 'Read data', 'clients:manage': 'Administer clients' }
const methods = (builder) => builder
  .addClientAuthenticationMethod('client_secret_basic')
  .addClientAuthenticationMethod('client_secret_post')
  .addClientAuthenticationMethod('private_key_jwt')
  .setScopes(SCOPES)
  .setAccessTokenLifetime(LIFETIME)
  .useClients(clients)

const flow = methods(new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' }))
  .setTokenType(new BearerTokenType(), new DPoPTokenType({ replays: store, maxAge: 5 }))
  .useAccessTokens(new JwtAccessTokens({ issuer: ISSUER, audience: ISSUER, keys, revocations: store, clockTolerance: 1 }))
  .build()
const opaque = methods(new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token', securitySchemeName: 'opaque' }))
  .useAccessTokens(new OpaqueAccessTokens({ issuer: `${ISSUER}/opaque`, audience: `${ISSUER}/opaque`, store }))
  .build()

const app = Fastify({ logger: false })
const data = async ({ credentials }) => ({ caller: credentials.app.id })
await app.register(async (scope) => {
  await scope.register(clientCredentialsPlugin, { flow, origin: ISSUER })
  scope.get('/data', { preHandler: scope.requireScopes('data:read') }, data)
  await scope.register(clientAdminPlugin, { clients, keys, prefix: '/admin' })
})
await app.register(async (scope) => {
  await scope.register(clientCredentialsPlugin, { flow: opaque })
  scope.get('/data', { preHandler: scope.requireScopes('data:read') }, data)
}, { prefix: '/opaque' })
await app.listen({ port: 0, host: '127.0.0.1' })

const operator = await clients.add({ id: 'operator', scopes: ['clients:manage'] })
const hasty = await clients.add({ id: 'hasty', scopes: ['data:read'], accessTokenLifetime: SHORT_LIFETIME })

const delay = monitorEventLoopDelay({ resolution: 10 })
delay.enable()

// Twice: what is finalized by the first is freed by the second.
function measure () {
  globalThis.gc()
  globalThis.gc()
  const { heapUsed, external, rss } = process.memoryUsage()
  const resources = {}
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1
  const p99 = delay.percentile(99) / 1e6
  delay.reset()
  const rows = {}
  for (const { name } of handle.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'oauth_%'").all()) {
    rows[name] = handle.prepare(`SELECT count(*) AS count FROM ${name}`).get().count
  }
  return { heapUsed, external, rss, resources, p99, rows }
}

const DEEDS = {
  measure,
  // The oldest is the one that no token of the last seconds is signed by, unless there is one only.
  async revokeOldestKey () {
    const list = await keys.list()
    const retired = list.find(({ state }) => state === 'retired')
    if (retired !== undefined) await keys.revoke(retired.kid)
    return retired?.kid
  }
}

process.on('message', async ({ id, deed }) => { process.send({ id, result: await DEEDS[deed]() }) })
process.once('disconnect', () => {
  rmSync(folder, { recursive: true, force: true })
  process.exit()
})
process.send({ port: app.server.address().port, operator: operator.secret.secret, hasty: hasty.secret.secret })
