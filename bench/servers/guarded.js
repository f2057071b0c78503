// An API of one route: open, guarded by hand, by @fastify/jwt, and by ours.
import Fastify from 'fastify'
import { SCOPE } from '../fixture.js'
import { es256Verifier, readBearer, tokenStore } from './hand-written.js'
import { ours, registerJwt, useFastifyJwt, useJwtAccessTokens } from './ours.js'

const CACHED = { cache: true }
const schema = {
  response: { 200: { type: 'object', properties: { caller: { type: 'string' }, items: { type: 'array', items: { type: 'string' } } } } }
}

/** Adds the route. `callerOf` says whom it answers to. */
export function serve (app, options, callerOf) {
  app.get('/data', { ...options, schema }, async (request) => ({ caller: callerOf(request), items: ['milk', 'bread'] }))
  return app
}

const anybody = () => 'anybody'
const appId = (request) => request.credentials.app.id

function filledStore ({ clientId, opaqueToken }) {
  const store = tokenStore()
  store.save(opaqueToken, clientId, [SCOPE])
  return store
}

function refusal (status, error, challenge) {
  return Object.assign(new Error(error), { statusCode: status, headers: { 'www-authenticate': challenge } })
}

export function invalidToken () {
  return refusal(401, 'invalid_token', 'Bearer realm="bench", error="invalid_token"')
}

export function insufficientScope () {
  return refusal(403, 'insufficient_scope', `Bearer realm="bench", error="insufficient_scope", scope="${SCOPE}"`)
}

function handMap (fixture) {
  const store = filledStore(fixture)
  return handGuarded((token) => store.find(token), (entry) => entry.clientId)
}

function handJwt (fixture, kept) {
  return handGuarded(es256Verifier(fixture, kept), (entry) => entry.claims.client_id)
}

// find(token) gives an entry with its scope, or undefined.
function handGuarded (find, idOf) {
  const app = Fastify({ logger: false })
  app.decorateRequest('client', null)
  return serve(app, {
    async onRequest (request) {
      const token = readBearer(request.headers.authorization)
      if (token === undefined) throw refusal(401, 'unauthorized', 'Bearer realm="bench"')
      const entry = find(token)
      if (entry === undefined) throw invalidToken()
      if (!entry.scope.includes(SCOPE)) throw insufficientScope()
      request.client = entry
    }
  }, (request) => idOf(request.client))
}

// With what @fastify/jwt leaves unchecked unless told.
async function jwtVerify (fixture, cache) {
  const app = Fastify({ logger: false })
  await registerJwt(app, fixture, {
    ...cache,
    algorithms: ['ES256'],
    checkTyp: 'at+jwt',
    allowedIss: fixture.issuer,
    allowedAud: fixture.audience,
    requiredClaims: ['iss', 'aud', 'exp', 'iat', 'sub', 'client_id', 'jti']
  })
  return serve(app, {
    async onRequest (request) {
      await request.jwtVerify()
      if (!request.user.scope.split(' ').includes(SCOPE)) throw insufficientScope()
    }
  }, (request) => request.user.client_id)
}

// Looks tokens up in a Map.
function lookUp (fixture) {
  const store = filledStore(fixture)
  return (builder) => {
    builder.generateAccessToken(() => undefined).verifyToken((token) => {
      const entry = store.find(token)
      if (entry === undefined) return { isValid: false }
      return { isValid: true, credentials: { app: { id: entry.clientId }, scope: entry.scope } }
    })
  }
}

async function guardedByOurs (fixture, complete, hook = 'preHandler') {
  const app = await ours(fixture, complete)
  return serve(app, { [hook]: app.requireScopes(SCOPE) }, appId)
}

export const servers = {
  open: () => serve(Fastify({ logger: false }), {}, anybody),
  oursOpen: async (fixture) => serve(await ours(fixture, lookUp(fixture)), {}, anybody),

  handMap,
  oursMap: (fixture) => guardedByOurs(fixture, lookUp(fixture)),
  oursMapOnRequest: (fixture) => guardedByOurs(fixture, lookUp(fixture), 'onRequest'),

  jwtVerify: (fixture) => jwtVerify(fixture),
  jwtVerifyCached: (fixture) => jwtVerify(fixture, CACHED),
  oursJwt: (fixture) => guardedByOurs(fixture, useFastifyJwt(fixture)),
  handJwtCached: (fixture) => handJwt(fixture, 10_000),
  handJwtUncached: (fixture) => handJwt(fixture, 0),
  oursAccessTokens: (fixture) => guardedByOurs(fixture, useJwtAccessTokens(fixture)),
  oursAccessTokensSmall: (fixture) => guardedByOurs(fixture, useJwtAccessTokens(fixture, { cacheSize: 1000 })),
  oursAccessTokensUncached: (fixture) => guardedByOurs(fixture, useJwtAccessTokens(fixture, { cacheSize: 0 })),
  oursEdDsa: (fixture) => guardedByOurs(fixture, useJwtAccessTokens({ ...fixture, privateKey: fixture.edPrivateKey }, { cacheSize: 10_000 }, 'EdDSA')),
  oursEdDsaUncached: (fixture) => guardedByOurs(fixture, useJwtAccessTokens({ ...fixture, privateKey: fixture.edPrivateKey }, { cacheSize: 0 }, 'EdDSA')),
  oursEdDsaSmall: (fixture) => guardedByOurs(fixture, useJwtAccessTokens({ ...fixture, privateKey: fixture.edPrivateKey }, { cacheSize: 1000 }, 'EdDSA')),
  oursJwtCached: (fixture) => guardedByOurs(fixture, useFastifyJwt(fixture, CACHED))
}
