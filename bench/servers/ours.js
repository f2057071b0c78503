// An application with the plugin, from the built package.
import jwt from '@fastify/jwt'
import Fastify from 'fastify'
import { LIFETIME, SCOPE } from '../fixture.js'
import { clientTable } from './hand-written.js'

export const {
  ClientCredentialsFlowBuilder, ClientRegistry, default: clientCredentialsPlugin, fastifyJwtTokens, JwtAccessTokens, MemoryStore, SigningKeys
} = await import(new URL(process.env.BENCH_PACKAGE ?? '../../dist/plugin/index.js', import.meta.url))

/**
 * @param complete gets the builder and the application, and sets what makes and verifies tokens
 * @param options further options of the plugin
 */
export async function ours (fixture, complete, options) {
  const app = Fastify({ logger: false })
  const findClient = clientTable(fixture)
  const builder = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
    .setScopes({ [SCOPE]: 'Read data', 'data:write': 'Write data' })
    .setAccessTokenLifetime(LIFETIME)
    .getClient(({ clientId, clientSecret = '' }) => findClient(clientId, clientSecret))
  await complete(builder, app)
  await app.register(clientCredentialsPlugin, { flow: builder.build(), ...options })
  return app
}

/** Registers @fastify/jwt as the documentation of fastifyJwtTokens has it. */
export async function registerJwt (app, { privateKey, publicKey }, verify) {
  await app.register(jwt, {
    secret: { private: privateKey, public: publicKey },
    sign: { algorithm: 'ES256', header: { alg: 'ES256', typ: 'at+jwt' } },
    ...(verify && { verify })
  })
}

/** Access tokens by the application's own @fastify/jwt. */
export function useFastifyJwt (fixture, verify) {
  return async (builder, app) => {
    await registerJwt(app, fixture, verify)
    builder.useAccessTokens(fastifyJwtTokens(app.jwt, { issuer: fixture.issuer, audience: fixture.audience }))
  }
}

/** Access tokens of our own, with revocation. */
export function useJwtAccessTokens ({ issuer, audience, privateKey }, options, algorithm = 'ES256') {
  return async (builder) => {
    const store = new MemoryStore()
    const keys = new SigningKeys(store, { algorithm })
    await keys.import(privateKey)
    builder.useAccessTokens(new JwtAccessTokens({ issuer, audience, keys, revocations: store, ...options }))
  }
}
