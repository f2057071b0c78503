import Fastify from '/tmp/w/obs/node_modules/fastify/fastify.js'
import promClient from '/tmp/w/obs/node_modules/prom-client/index.js'
const N = 200_000
async function make (root: string) {
  const { default: plugin, ClientCredentialsFlowBuilder, JwtAccessTokens, SigningKeys, MemoryStore } = await import(`${root}/plugin/index.ts`)
  const store = new MemoryStore()
  const tokens = new JwtAccessTokens({ issuer: 'https://as.example', audience: 'https://api.example', keys: new SigningKeys(store), revocations: store })
  const flow = new ClientCredentialsFlowBuilder().setScopes({ a: 'A' }).getClient(() => undefined).useAccessTokens(tokens).build()
  const app = Fastify()
  await app.register(plugin, { flow })
  const guard = app.requireScopes('a')
  const { accessToken } = await tokens.issue({ client: { id: 'c', grants: [] }, grantType: '', scope: ['a'], tokenType: 'Bearer', accessTokenLifetime: 3600, resource: [], confirmation: undefined })
  await flow.settings.verifyToken(accessToken, {})
  const raw = { rawHeaders: ['host', 'localhost', 'connection', 'keep-alive', 'authorization', `Bearer ${accessToken}`], socket: {} }
  const reply = { headers () {} }
  return async () => {
    const begin = process.hrtime.bigint()
    for (let i = 0; i < N; i++) await guard({ method: 'GET', url: '/data', body: undefined, ip: '::1', id: 'req-1', raw, headers: {}, credentials: null }, reply)
    return Number(process.hrtime.bigint() - begin) / N
  }
}

const ours = await make('/tmp/w/obs')
const core = await import('/tmp/w/obs/plugin/index.ts')
const stop3 = core.auditLog({ info () { } })
for (let round = 0; round < 10; round++) console.log(await ours())
