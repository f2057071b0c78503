// Token endpoints: a constant answer, hand-written ones, and ours.
import { createHash } from 'node:crypto'
import formbody from '@fastify/formbody'
import { createSigner } from 'fast-jwt'
import Fastify from 'fastify'
import { clientsOf, LIFETIME, SCOPE } from '../fixture.js'
import { claimsOf, clientTable, es256Signer, grantScope, readBasic, tokenStore } from './hand-written.js'
import { ClientRegistry, MemoryStore, ours, useFastifyJwt, useJwtAccessTokens } from './ours.js'

const SCOPES = [SCOPE, 'data:write']
const NO_TOKEN = () => undefined
const string = { type: 'string' }
const schema = {
  body: { type: 'object', required: ['grant_type'], properties: { grant_type: string, scope: string } },
  response: { 200: { type: 'object', properties: { access_token: string, token_type: string, expires_in: { type: 'integer' }, scope: string } } }
}

async function endpoint (handler) {
  const app = Fastify({ logger: false })
  await app.register(formbody)
  app.post('/oauth2/token', { schema }, handler)
  return app
}

// issue(client, scope) makes the token.
function handWritten (fixture, issue) {
  const findClient = clientTable(fixture)
  return endpoint(async (request, reply) => {
    const { grant_type: grantType, scope: requested } = request.body
    reply.header('cache-control', 'no-store').header('pragma', 'no-cache')
    if (grantType !== 'client_credentials') return refuse(reply, 400, 'unsupported_grant_type')

    const credentials = readBasic(request.headers.authorization)
    const client = credentials && findClient(credentials.id, credentials.secret)
    if (client === undefined) return refuse(reply.header('www-authenticate', 'Basic realm="bench"'), 401, 'invalid_client')
    if (!client.grants.includes(grantType)) return refuse(reply, 400, 'unauthorized_client')

    const granted = grantScope(client, requested)
    if (granted === undefined) return refuse(reply, 400, 'invalid_scope')
    const scope = granted.join(' ')
    return { access_token: issue(client, scope), token_type: 'Bearer', expires_in: LIFETIME, scope }
  })
}

function refuse (reply, status, error) {
  reply.code(status)
  return { error }
}

function oursWith (fixture, generate) {
  return ours(fixture, (builder) => { builder.generateAccessToken(generate).verifyToken(NO_TOKEN) })
}

export const servers = {
  constant: () => endpoint(async () => ({ access_token: 'constant', token_type: 'Bearer', expires_in: LIFETIME, scope: 'data:read' })),

  handRandom (fixture) {
    const store = tokenStore()
    return handWritten(fixture, (client, scope) => store.issue(client.id, scope))
  },
  oursRandom (fixture) {
    const store = tokenStore()
    return oursWith(fixture, ({ client, scope }) => store.issue(client.id, scope.join(' ')))
  },

  handCrypto (fixture) {
    const sign = es256Signer(fixture)
    return handWritten(fixture, (client, scope) => sign(claimsOf(fixture, client.id, scope)))
  },
  oursCrypto (fixture) {
    const sign = es256Signer(fixture)
    return oursWith(fixture, ({ client, scope }) => sign(claimsOf(fixture, client.id, scope.join(' '))))
  },

  handFastJwt (fixture) {
    const sign = createSigner({ key: fixture.privateKey, algorithm: 'ES256', header: { alg: 'ES256', typ: 'at+jwt' } })
    return handWritten(fixture, (client, scope) => sign(claimsOf(fixture, client.id, scope)))
  },
  oursFastifyJwt: (fixture) => ours(fixture, useFastifyJwt(fixture)),
  oursJwtAccessTokens: (fixture) => ours(fixture, useJwtAccessTokens(fixture)),
  // Clients in the registry, as most will have them, in place of the table that all others have.
  oursRegistry: async (fixture) => {
    const store = new MemoryStore()
    const clients = new ClientRegistry(store)
    for (const { id, secret } of [{ id: fixture.clientId, secret: fixture.clientSecret }, ...clientsOf(fixture)]) {
      await clients.add({ id, secretHash: `sha256:${createHash('sha256').update(secret).digest('hex')}`, scopes: SCOPES })
    }
    return ours(fixture, async (builder) => { await useJwtAccessTokens(fixture)(builder.getClient(clients.getClient).useClients(clients)) })
  },
  oursBatch: (fixture) => ours(fixture, useJwtAccessTokens(fixture, { signing: 'batch' })),
  oursPool: (fixture) => ours(fixture, useJwtAccessTokens(fixture, { signing: 'pool' }))
}
