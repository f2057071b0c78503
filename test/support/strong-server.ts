// A server for strong clients, whose memory of assertions and proofs is in a store: node --import tsx test/support/strong-server.ts URL JWKS
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import type { JSONWebKeySet } from 'jose'
import clientCredentialsPlugin, { ClientCredentialsFlowBuilder, DPoPTokenType, MemoryStore, privateKeyJwt } from '../../plugin/index.ts'
import type { ReplayStore } from '../../src/stores/contracts/index.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { openStore } from './open-store.ts'

const [url = '', jwks = ''] = process.argv.slice(2)
const ISSUER = 'https://as.example'
const keys = JSON.parse(jwks) as JSONWebKeySet

function replaysOf (): ReplayStore {
  if (url === 'memory') return new MemoryStore()
  return url.startsWith('redis:') ? redisStore(new Redis(url)) : openStore(url)
}

const replays = replaysOf()
const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/token' })
  .addClientAuthenticationMethod(privateKeyJwt({ issuer: ISSUER, keys: () => keys, replays }))
  .setTokenType(new DPoPTokenType({ replays }))
  .setThrottle(null)
  .getClient(({ clientId, clientSecret }) => clientSecret === undefined ? { id: clientId, grants: ['client_credentials'] } : undefined)
  .generateAccessToken(({ confirmation }) => `bound-to.${confirmation?.jkt}`)
  .verifyToken((token) => ({ isValid: true, credentials: { app: { id: 'partner' } }, confirmation: { jkt: token.slice('bound-to.'.length) } }))
  .build()
const app = Fastify()
await app.register(clientCredentialsPlugin, { flow, origin: ISSUER })
app.get('/data', { preHandler: app.requireScopes() }, async () => 'data')
console.log(`listening at ${await app.listen({ port: 0, host: '127.0.0.1' })} .`)
