// Routes that other packages guard: the same claims checked, and the same scope.
import { createServer } from 'node:http'
import { once } from 'node:events'
import express from 'express'
import { auth, requiredScopes } from 'express-oauth2-jwt-bearer'
import Fastify from 'fastify'
import jwtJwks from 'fastify-jwt-jwks'
import { importSPKI, jwtVerify } from 'jose'
import { SCOPE } from '../fixture.js'
import { insufficientScope, invalidToken, serve } from './guarded.js'
import { readBearer } from './hand-written.js'
import { listening } from './listening.js'

const REQUIRED = ['iss', 'aud', 'exp', 'iat', 'sub', 'client_id', 'jti']

// By hand, as the documentation of jose has it.
async function jose ({ publicKey, issuer, audience }) {
  const key = await importSPKI(publicKey, 'ES256')
  const options = { issuer, audience, typ: 'at+jwt', algorithms: ['ES256'], requiredClaims: REQUIRED }
  const app = Fastify({ logger: false })
  app.decorateRequest('claims', null)
  return serve(app, {
    async onRequest (request) {
      try {
        const { payload } = await jwtVerify(readBearer(request.headers.authorization) ?? '', key, options)
        request.claims = payload
      } catch {
        throw invalidToken()
      }
      if (!request.claims.scope.split(' ').includes(SCOPE)) throw insufficientScope()
    }
  }, (request) => request.claims.client_id)
}

async function expressBearer (fixture) {
  const app = express()
  const check = auth({ issuer: fixture.issuer, audience: fixture.audience, jwksUri: await serveJwks(fixture.jwks), tokenSigningAlg: 'ES256', strict: true })
  app.get('/data', check, requiredScopes(SCOPE), (req, res) => {
    res.json({ caller: req.auth.payload.client_id, items: ['milk', 'bread'] })
  })
  app.use((error, req, res, next) => { res.status(error.status).set(error.headers).json({ error: error.code }) })
  return listening(app)
}

// It takes RS256 and EdDSA only.
function fastifyJwtJwks (cache) {
  return async ({ edJwks, issuer, audience }) => {
    const app = Fastify({ logger: false })
    await app.register(jwtJwks, {
      jwksUrl: await serveJwks(edJwks), issuer, audience, checkTyp: 'at+jwt', requiredClaims: REQUIRED, secretsTtl: 3_600_000, ...cache
    })
    return serve(app, {
      async onRequest (request, reply) {
        await app.authenticate(request, reply)
        if (!request.user.scope.split(' ').includes(SCOPE)) throw insufficientScope()
      }
    }, (request) => request.user.client_id)
  }
}

async function serveJwks (jwks) {
  const body = JSON.stringify(jwks)
  const server = createServer((req, res) => res.setHeader('content-type', 'application/json').end(body)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${server.address().port}/jwks`
}

export const servers = { jose, expressBearer, fastifyJwtJwks: fastifyJwtJwks({}), fastifyJwtJwksCached: fastifyJwtJwks({ cache: true }) }
