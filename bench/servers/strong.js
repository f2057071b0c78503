// Strong clients: a route for DPoP tokens, and a token endpoint for assertions, by hand and by ours. Both have the same
// cryptography: signatures verified by jose with keys that are read once, replays in a Map.
import { createHash, createPublicKey } from 'node:crypto'
import formbody from '@fastify/formbody'
import Fastify from 'fastify'
import { compactVerify, importJWK } from 'jose'
import { ASSERTION_TYPE, LIFETIME, ORIGIN, SCOPE } from '../fixture.js'
import { claimsOf, es256Signer, tokenStore } from './hand-written.js'
import { ours } from './ours.js'

const { DPoPTokenType, privateKeyJwt } = await import(new URL('../../dist/plugin/index.js', import.meta.url))

const MAX_AGE = 3600
const URL_OF_DATA = `${ORIGIN}/data`
const schema = { response: { 200: { type: 'object', properties: { caller: { type: 'string' } } } } }
const now = () => Math.floor(Date.now() / 1000)

function replayMap () {
  const used = new Map()
  return {
    async reserve (key, expiresAt) {
      if (used.has(key)) return false
      used.set(key, expiresAt)
      return true
    }
  }
}

function refusal (status, error) {
  return Object.assign(new Error(error), { statusCode: status })
}

function boundTokens ({ clientId, opaqueToken, kid }) {
  const store = tokenStore()
  store.save(opaqueToken, clientId, [SCOPE])
  return (token) => {
    const entry = store.find(token)
    return entry && { ...entry, jkt: kid }
  }
}

function verifier () {
  const keys = new Map()
  return async (jwt) => {
    const encoded = jwt.slice(0, jwt.indexOf('.'))
    let known = keys.get(encoded)
    if (known === undefined) {
      const header = JSON.parse(Buffer.from(encoded, 'base64url'))
      if (header.typ !== 'dpop+jwt' || header.alg !== 'ES256' || header.jwk?.d !== undefined) throw refusal(401, 'invalid_dpop_proof')
      const { crv, kty, x, y } = header.jwk
      const jkt = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
      known = { key: await importJWK({ crv, kty, x, y }, 'ES256'), jkt }
      keys.set(encoded, known)
    }
    const { payload } = await compactVerify(jwt, known.key, { algorithms: ['ES256'] })
    return { claims: JSON.parse(Buffer.from(payload)), jkt: known.jkt }
  }
}

export const servers = {
  handDpop (fixture) {
    const find = boundTokens(fixture)
    const verify = verifier()
    const replays = replayMap()
    const app = Fastify({ logger: false })
    app.decorateRequest('client', null)
    app.get('/data', {
      schema,
      async onRequest (request) {
        const [scheme, token] = (request.headers.authorization ?? '').split(' ')
        if (scheme.toLowerCase() !== 'dpop' || token === undefined) throw refusal(401, 'unauthorized')
        const { claims, jkt } = await verify(request.headers.dpop)
        const isFresh = claims.iat <= now() + 10 && claims.iat > now() - MAX_AGE
        if (claims.htm !== request.method || claims.htu !== URL_OF_DATA || !isFresh || typeof claims.jti !== 'string') throw refusal(401, 'invalid_dpop_proof')
        if (claims.ath !== createHash('sha256').update(token).digest('base64url')) throw refusal(401, 'invalid_dpop_proof')
        const entry = find(token)
        if (entry === undefined || entry.jkt !== jkt) throw refusal(401, 'invalid_token')
        const key = createHash('sha256').update(`${jkt} ${claims.jti}`).digest('base64url')
        if (!await replays.reserve(key, claims.iat + MAX_AGE)) throw refusal(401, 'invalid_dpop_proof')
        if (!entry.scope.includes(SCOPE)) throw refusal(403, 'insufficient_scope')
        request.client = entry
      }
    }, async (request) => ({ caller: request.client.clientId }))
    return app
  },

  async oursDpop (fixture) {
    const find = boundTokens(fixture)
    const app = await ours(fixture, (builder) => {
      builder.setTokenType(new DPoPTokenType({ replays: replayMap(), maxAge: MAX_AGE })).generateAccessToken(() => undefined).verifyToken((token) => {
        const entry = find(token)
        if (entry === undefined) return { isValid: false }
        return { isValid: true, credentials: { app: { id: entry.clientId }, scope: entry.scope }, confirmation: { jkt: entry.jkt } }
      })
    }, { origin: ORIGIN })
    app.get('/data', { schema, preHandler: app.requireScopes(SCOPE) }, async (request) => ({ caller: request.credentials.app.id }))
    return app
  },

  async handAssertion (fixture) {
    const key = createPublicKey(fixture.publicKey)
    const sign = es256Signer(fixture)
    const replays = replayMap()
    const app = Fastify({ logger: false })
    await app.register(formbody)
    app.post('/oauth2/token', async (request, reply) => {
      const { grant_type: grantType, client_assertion_type: type, client_assertion: assertion, scope } = request.body
      reply.header('cache-control', 'no-store').header('pragma', 'no-cache')
      if (grantType !== 'client_credentials' || scope !== SCOPE) throw refusal(400, 'invalid_request')
      if (type !== ASSERTION_TYPE) throw refusal(401, 'invalid_client')
      const { payload } = await compactVerify(assertion, key, { algorithms: ['ES256'] })
      const { iss, sub, aud, exp, jti } = JSON.parse(Buffer.from(payload))
      if (iss !== sub || sub !== fixture.clientId || aud !== fixture.issuer || !(exp > now()) || typeof jti !== 'string') throw refusal(401, 'invalid_client')
      if (!await replays.reserve(createHash('sha256').update(`${sub} ${jti}`).digest('base64url'), exp)) throw refusal(401, 'invalid_client')
      return { access_token: sign(claimsOf(fixture, sub, SCOPE)), token_type: 'Bearer', expires_in: LIFETIME, scope: SCOPE }
    })
    return app
  },

  oursAssertion (fixture) {
    const jwks = { keys: [createPublicKey(fixture.publicKey).export({ format: 'jwk' })] }
    const sign = es256Signer(fixture)
    const client = { id: fixture.clientId, grants: ['client_credentials'], scopes: [SCOPE] }
    return ours(fixture, (builder) => {
      builder
        .addClientAuthenticationMethod(privateKeyJwt({ issuer: fixture.issuer, keys: () => jwks, replays: replayMap(), maxLifetime: MAX_AGE * 2 }))
        .getClient(({ clientId, clientSecret }) => clientSecret === undefined && clientId === client.id ? client : undefined)
        .generateAccessToken(({ client: { id }, scope }) => sign(claimsOf(fixture, id, scope.join(' '))))
        .verifyToken(() => undefined)
    })
  }
}
