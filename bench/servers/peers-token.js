// Token endpoints of other packages, on the clients, the scope, the key and the claims that ours has: RFC 9068, ES256.
import { createPrivateKey, randomUUID } from 'node:crypto'
import formbody from '@fastify/formbody'
import { AuthorizationServer, DateInterval } from '@jmondi/oauth2-server'
import { handleFastifyError, handleFastifyReply, requestFromFastify } from '@jmondi/oauth2-server/fastify'
import OAuth2Server from '@node-oauth/oauth2-server'
import express from 'express'
import Fastify from 'fastify'
import { Provider } from 'oidc-provider'
import { clientsOf, LIFETIME, SCOPE } from '../fixture.js'
import { claimsOf, clientTable, es256Signer } from './hand-written.js'
import { listening } from './listening.js'

const SCOPES = [SCOPE, 'data:write']
const PATH = '/oauth2/token'

// On Express, as its documentation has it; the token is the model's.
function nodeOauth (fixture) {
  const findClient = clientTable(fixture)
  const sign = es256Signer(fixture)
  const server = new OAuth2Server({
    model: {
      getClient: async (id, secret) => findClient(id, secret),
      getUserFromClient: async ({ id }) => ({ id }),
      validateScope: async (user, client, scope) => scope?.every((name) => client.scopes.includes(name)) ? scope : false,
      generateAccessToken: async (client, user, scope) => sign(claimsOf(fixture, client.id, scope.join(' '))),
      saveToken: async (token, client, user) => ({ ...token, client, user })
    },
    accessTokenLifetime: LIFETIME
  })
  const app = express()
  app.use(express.urlencoded({ extended: false }))
  app.post(PATH, async (req, res) => {
    const response = new OAuth2Server.Response(res)
    try {
      await server.token(new OAuth2Server.Request(req), response)
    } catch {}
    res.set(response.headers).status(response.status ?? 500).json(response.body)
  })
  return listening(app)
}

// On Fastify, by its own adapter. What signs is ours to give: its own service signs with a shared secret.
async function jmondi (fixture) {
  const findClient = clientTable(fixture)
  const signJwt = es256Signer(fixture)
  const scopes = new Map(SCOPES.map((name) => [name, { name }]))
  const server = new AuthorizationServer(
    {
      // The secret is compared in the second step.
      getByIdentifier: async (id) => ({ id, name: id, secret: 'hashed', redirectUris: [], allowedGrants: ['client_credentials'], scopes: [...scopes.values()] }),
      isClientValid: async (grantType, client, secret) => findClient(client.id, secret)?.grants.includes(grantType) === true
    },
    {
      issueToken: async (client, granted) => ({ accessToken: randomUUID(), accessTokenExpiresAt: new Date(), client, scopes: granted }),
      persist: async () => {}
    },
    {
      getAllByIdentifiers: async (names) => names.flatMap((name) => scopes.get(name) ?? []),
      finalize: async (granted) => granted
    },
    {
      sign: async (payload) => signJwt({ ...payload, sub: payload.client_id }),
      extraTokenFields: ({ client }) => ({ aud: fixture.audience, client_id: client.id })
    },
    { issuer: fixture.issuer, requiresS256: false }
  )
  server.enableGrantType('client_credentials', new DateInterval(`${LIFETIME}s`))
  const app = Fastify({ logger: false })
  await app.register(formbody)
  app.post(PATH, async (request, reply) => {
    try {
      handleFastifyReply(reply, await server.respondToAccessTokenRequest(requestFromFastify(request)))
    } catch (error) {
      handleFastifyError(error, reply)
    }
    return reply
  })
  return app
}

// A Koa application of its own. Its clients' secrets are kept as they are.
function oidcProvider (fixture) {
  const resourceServer = {
    scope: SCOPES.join(' '), audience: fixture.audience, accessTokenTTL: LIFETIME, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } }
  }
  const provider = new Provider(fixture.issuer, {
    clients: clientsOf(fixture).map(({ id, secret }) => ({
      client_id: id, client_secret: secret, grant_types: ['client_credentials'], redirect_uris: [], response_types: [], token_endpoint_auth_method: 'client_secret_basic', id_token_signed_response_alg: 'ES256'
    })),
    jwks: { keys: [{ ...createPrivateKey(fixture.privateKey).export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: fixture.kid }] },
    scopes: SCOPES,
    routes: { token: PATH },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => fixture.audience,
        getResourceServerInfo: () => resourceServer,
        useGrantedResource: () => true
      }
    }
  })
  return listening(provider.callback())
}

export const servers = { nodeOauth, jmondi, oidcProvider }
