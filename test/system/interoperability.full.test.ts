import { createPublicKey } from 'node:crypto'
import type { JsonWebKey } from 'node:crypto'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import type { AddressInfo, Server } from 'node:net'
import jwt from '@fastify/jwt'
import type { FastifyJWTOptions } from '@fastify/jwt'
import { ClientCredentialsProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js'
import { auth as mcpAuth, extractWWWAuthenticateParams } from '@modelcontextprotocol/sdk/client/auth.js'
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js'
import { auth as expressAuth, requiredScopes } from 'express-oauth2-jwt-bearer'
import Fastify from 'fastify'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import t from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin from '../../plugin/index.ts'
import { JwtAccessTokens } from '../../src/access-token/jwt-access-tokens.ts'
import { systemClock } from '../../src/adapter.ts'
import { ClientCredentialsFlowBuilder } from '../../src/index.ts'
import type { OAuth2Client } from '../../src/index.ts'
import { SigningKeys } from '../../src/signing-keys/signing-keys.ts'
import { MemoryStore } from '../../src/stores/memory.ts'
import { basic, TOKEN_PATH } from '../support/demo.ts'
import { freePort } from '../support/program.ts'

// It brings no types.
const { ClientCredentials } = createRequire(import.meta.url)('simple-oauth2')

const READ = 'data:read'
const ALGORITHM = 'ES256'
const LIFETIME = 1800
// Of printable ASCII, which is all that simple-oauth2 takes.
const SECRETS: Readonly<Record<string, string>> = {
  // The same, whether or not it is form-encoded before it goes into HTTP Basic.
  'plain-client': 'AZaz09-._~',
  // Not the same: only those who follow RFC 6749 §2.3.1 get in by HTTP Basic.
  'a:b c': 'pa:ss+wo%rd &="/'
}
const CLIENT = 'plain-client'
const ODD_CLIENT = 'a:b c'

const port = await freePort()
const ISSUER = `http://localhost:${port}`
const RESOURCE = `${ISSUER}/mcp`
const METADATA_PATH = '/.well-known/oauth-authorization-server'
const RESOURCE_METADATA_PATH = '/.well-known/oauth-protected-resource/mcp'

const store = new MemoryStore()
const accessTokens = { issuer: ISSUER, audience: RESOURCE, keys: new SigningKeys(store, { algorithm: ALGORITHM }) }
const clientOf = (id: string): OAuth2Client => ({ id, grants: ['client_credentials'], scopes: [READ] })

const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: TOKEN_PATH, accessTokenLifetime: LIFETIME })
  .setScopes({ [READ]: 'Read data', 'data:write': 'Write data' })
  .clientSecretBasicAuthenticationMethod()
  .clientSecretPostAuthenticationMethod()
  .getClient(({ clientId, clientSecret }) => SECRETS[clientId] === clientSecret ? clientOf(clientId) : undefined)
  .useAccessTokens(new JwtAccessTokens({ ...accessTokens, revocations: store }))
  .build()

const app = Fastify()
const requests: { path: string, body: unknown }[] = []
app.addHook('preHandler', async ({ url, body }) => { requests.push({ path: url, body }) })
// The MCP SDK refuses metadata without it, though RFC 8414 §2 wants none of a server whose grants use none.
await app.register(clientCredentialsPlugin, { flow, metadata: { authorization_endpoint: `${ISSUER}/oauth2/authorize` } })
app.post('/mcp', { preHandler: app.requireScopes(READ) }, async (request) => ({ caller: request.credentials?.app.id }))
await app.listen({ port })
t.teardown(() => app.close())

/** Uses a token at the guarded route. */
const use = (token: string) => fetch(RESOURCE, { method: 'POST', headers: { authorization: `Bearer ${token}` } })

async function checkCaller (t: Test, token: string, caller: string): Promise<void> {
  const response = await use(token)
  t.equal(response.status, 200)
  t.strictSame(await response.json(), { caller })
}

async function checkRevoked (t: Test, token: string): Promise<void> {
  const response = await use(token)
  t.equal(response.status, 401)
  t.match(await response.json(), { error: 'invalid_token', error_description: 'The access token was revoked' })
}

async function getJson (url: string): Promise<any> {
  return (await fetch(url)).json()
}

const insecure = { [oauth.allowInsecureRequests]: true }

async function discover (): Promise<oauth.AuthorizationServer> {
  const issuer = new URL(ISSUER)
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' }))
}

t.test('verifiers that are not ours', async (t) => {
  const metadata = await getJson(`${ISSUER}${METADATA_PATH}`)
  const response = await fetch(metadata.token_endpoint, {
    method: 'POST', headers: { authorization: basic(CLIENT, SECRETS[CLIENT]) }, body: new URLSearchParams({ grant_type: 'client_credentials' })
  })
  const { access_token: genuine } = await response.json() as { access_token: string }
  const [header = '', payload = '', signature = ''] = genuine.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const tampered = [header, Buffer.from(JSON.stringify({ ...claims, scope: 'data:write' })).toString('base64url'), signature].join('.')

  // Signed with the same key, by a server whose clock is two lifetimes behind.
  const past = new JwtAccessTokens({ ...accessTokens, now: () => systemClock() - 2 * LIFETIME })
  const { accessToken: expired } = await past.issue({
    client: clientOf(CLIENT), grantType: 'client_credentials', scope: [READ], tokenType: 'Bearer', accessTokenLifetime: LIFETIME, origin: '', resource: [], audience: [RESOURCE], confirmation: undefined
  })

  interface Refusal { code: string, message?: string, status?: number }
  interface Refusals { tampered: Refusal, expired: Refusal }

  /** A verifier resolves to the claims of a token, or rejects. */
  async function checkVerifier (t: Test, verify: (token: string) => Promise<unknown>, refusals: Refusals): Promise<void> {
    t.match(await verify(genuine), {
      iss: ISSUER, aud: RESOURCE, sub: CLIENT, client_id: CLIENT, scope: READ, jti: String, iat: Number, exp: claims.iat + LIFETIME
    })
    await t.rejects(verify(tampered), refusals.tampered, 'refuses a tampered token')
    await t.rejects(verify(expired), refusals.expired, 'refuses an expired token')
  }

  t.test('jose, by the JWKS', async (t) => {
    const jwks = createRemoteJWKSet(new URL(metadata.jwks_uri))
    const rules = {
      issuer: ISSUER, audience: RESOURCE, typ: 'at+jwt', algorithms: [ALGORITHM], requiredClaims: ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti']
    }
    await checkVerifier(t, async (token) => (await jwtVerify(token, jwks, rules)).payload, {
      tampered: { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' }, expired: { code: 'ERR_JWT_EXPIRED' }
    })
  })

  t.test('oauth4webapi, as a resource server', async (t) => {
    const server = await discover()
    const verify = (token: string) => {
      const request = new Request(RESOURCE, { headers: { authorization: `Bearer ${token}` } })
      return oauth.validateJwtAccessToken(server, request, RESOURCE, { ...insecure, signingAlgorithms: [ALGORITHM] })
    }
    await checkVerifier(t, verify, {
      tampered: { code: oauth.INVALID_RESPONSE, message: 'JWT signature verification failed' }, expired: { code: oauth.JWT_TIMESTAMP_CHECK }
    })
  })

  t.test('@fastify/jwt, by the public key', async (t) => {
    const [jwk] = (await getJson(metadata.jwks_uri)).keys as JsonWebKey[]
    const resourceServer = Fastify()
    await resourceServer.register(jwt, {
      secret: { public: createPublicKey({ key: jwk!, format: 'jwk' }).export({ type: 'spki', format: 'pem' }) as string },
      verify: { algorithms: [ALGORITHM], allowedIss: ISSUER, allowedAud: RESOURCE, checkTyp: 'at+jwt', requiredClaims: ['iss', 'exp', 'aud'] }
    } as FastifyJWTOptions)
    resourceServer.get('/', async (request) => request.jwtVerify())
    const verify = async (token: string) => {
      const { statusCode, body } = await resourceServer.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })
      if (statusCode !== 200) throw Object.assign(new Error(), JSON.parse(body), { status: statusCode })
      return JSON.parse(body)
    }
    await checkVerifier(t, verify, {
      tampered: { status: 401, code: 'FST_JWT_AUTHORIZATION_TOKEN_INVALID' }, expired: { status: 401, code: 'FST_JWT_AUTHORIZATION_TOKEN_EXPIRED' }
    })
  })

  t.test('express-oauth2-jwt-bearer, by discovery', async (t) => {
    // An Express application; that it comes from the MCP SDK is of no account here.
    const express = createMcpExpressApp()
    const guards = [expressAuth({ issuerBaseURL: ISSUER, audience: RESOURCE, strict: true, tokenSigningAlg: ALGORITHM }), requiredScopes(READ)]
    express.get('/', ...guards, (request: any, response: any) => { response.json(request.auth.payload) })
    // It takes the fourth parameter to be an error handler.
    express.use(({ code, status, message }: any, _request: unknown, response: any, _next: unknown) => { response.status(status).json({ code, message }) })
    const server: Server = express.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())

    const verify = async (token: string) => {
      const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { headers: { authorization: `Bearer ${token}` } })
      const body = await response.json()
      if (!response.ok) throw Object.assign(new Error(), body, { status: response.status })
      return body
    }
    await checkVerifier(t, verify, {
      tampered: { status: 401, code: 'invalid_token', message: 'signature verification failed' },
      expired: { status: 401, code: 'invalid_token', message: '"exp" claim timestamp check failed' }
    })
  })
})

t.test('openid-client', async (t) => {
  for (const id of [CLIENT, ODD_CLIENT]) {
    for (const method of [openid.ClientSecretBasic, openid.ClientSecretPost]) {
      const options: openid.DiscoveryRequestOptions = { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] }
      const config = await openid.discovery(new URL(ISSUER), id, undefined, method(SECRETS[id]), options)
      const tokens = await openid.clientCredentialsGrant(config, { scope: READ, resource: RESOURCE })
      t.match(tokens, { token_type: 'bearer', scope: READ, expires_in: LIFETIME })
      const { access_token: token } = tokens

      const response = await openid.fetchProtectedResource(config, token, new URL(RESOURCE), 'POST')
      t.strictSame(await response.json(), { caller: id })
      t.match(await openid.tokenIntrospection(config, token), { active: true, client_id: id, scope: READ, aud: RESOURCE, token_type: 'Bearer' })
      await openid.tokenRevocation(config, token)
      t.strictSame(await openid.tokenIntrospection(config, token), { active: false })
      await checkRevoked(t, token)
      await t.rejects(openid.fetchProtectedResource(config, token, new URL(RESOURCE), 'POST'), {
        cause: [{ scheme: 'bearer', parameters: { error: 'invalid_token', resource_metadata: `${ISSUER}${RESOURCE_METADATA_PATH}` } }]
      })

      const stranger = await openid.discovery(new URL(ISSUER), id, undefined, method('wrong'), options)
      await t.rejects(openid.clientCredentialsGrant(stranger), { status: 401, cause: [{ scheme: 'basic' }] })
      await t.rejects(openid.clientCredentialsGrant(config, { scope: 'data:write' }), { code: oauth.RESPONSE_BODY_ERROR, cause: { error: 'invalid_scope' } })
    }
  }
})

t.test('oauth4webapi', async (t) => {
  const server = await discover()
  for (const id of [CLIENT, ODD_CLIENT]) {
    for (const method of [oauth.ClientSecretBasic, oauth.ClientSecretPost]) {
      const client: oauth.Client = { client_id: id }
      const authentication = method(SECRETS[id]!)
      const granted = await oauth.clientCredentialsGrantRequest(server, client, authentication, { scope: READ, resource: RESOURCE }, insecure)
      const tokens = await oauth.processClientCredentialsResponse(server, client, granted)
      t.match(tokens, { token_type: 'bearer', scope: READ, expires_in: LIFETIME })
      const { access_token: token } = tokens
      const used = await oauth.protectedResourceRequest(token, 'POST', new URL(RESOURCE), undefined, null, insecure)
      t.strictSame(await used.json(), { caller: id })

      const introspect = async (options: oauth.IntrospectionRequestOptions = {}) => {
        const response = await oauth.introspectionRequest(server, client, authentication, token, { ...insecure, ...options })
        const introspection = await oauth.processIntrospectionResponse(server, client, response)
        return { response, introspection }
      }
      t.match((await introspect()).introspection, { active: true, client_id: id, scope: READ, aud: RESOURCE, token_type: 'Bearer' })

      // RFC 9701: the same, signed.
      const signed = await introspect({ requestJwtResponse: true })
      t.match(signed.introspection, { active: true, client_id: id })
      t.match(signed.response.headers.get('content-type'), 'application/token-introspection+jwt')
      await oauth.validateApplicationLevelSignature(server, signed.response, insecure)

      await oauth.processRevocationResponse(await oauth.revocationRequest(server, client, authentication, token, insecure))
      t.strictSame((await introspect()).introspection, { active: false })
      await checkRevoked(t, token)

      const refused = await oauth.clientCredentialsGrantRequest(server, client, method('wrong'), {}, insecure)
      await t.rejects(oauth.processClientCredentialsResponse(server, client, refused), { code: oauth.WWW_AUTHENTICATE_CHALLENGE, status: 401 })
    }
  }

  // RFC 9728: from the URL of the resource to the server.
  const resource = await oauth.processResourceDiscoveryResponse(new URL(RESOURCE), await oauth.resourceDiscoveryRequest(new URL(RESOURCE), insecure))
  t.match(resource, { resource: RESOURCE, authorization_servers: [ISSUER], bearer_methods_supported: ['header'] })
})

t.test('simple-oauth2', async (t) => {
  const metadata = await getJson(`${ISSUER}${METADATA_PATH}`)
  const auth = {
    tokenHost: ISSUER, tokenPath: new URL(metadata.token_endpoint).pathname, revokePath: new URL(metadata.revocation_endpoint).pathname
  }
  for (const [id, secret] of Object.entries(SECRETS)) {
    for (const authorizationMethod of ['header', 'body']) {
      const client = new ClientCredentials({ client: { id, secret }, auth, options: { authorizationMethod } })
      const accessToken = await client.getToken({ scope: [READ], resource: RESOURCE })
      t.match(accessToken.token, { token_type: 'Bearer', scope: READ, expires_in: LIFETIME })
      t.notOk(accessToken.expired())
      const token = accessToken.token.access_token
      await checkCaller(t, token, id)
      await accessToken.revoke('access_token')
      await checkRevoked(t, token)

      const stranger = new ClientCredentials({ client: { id, secret: 'wrong' }, auth, options: { authorizationMethod } })
      await t.rejects(stranger.getToken({}), { message: 'Response Error: 401 Unauthorized', data: { payload: { error: 'invalid_client' } } })
    }
  }
})

t.test('@modelcontextprotocol/sdk is led from a 401 to the token endpoint', async (t) => {
  const refused = await fetch(RESOURCE, { method: 'POST' })
  t.equal(refused.status, 401)
  const { resourceMetadataUrl = new URL('about:blank'), scope = '' } = extractWWWAuthenticateParams(refused)
  t.equal(resourceMetadataUrl.href, `${ISSUER}${RESOURCE_METADATA_PATH}`)
  t.equal(scope, READ)

  requests.length = 0
  const provider = new ClientCredentialsProvider({ clientId: CLIENT, clientSecret: SECRETS[CLIENT]!, expectedIssuer: ISSUER })
  t.equal(await mcpAuth(provider, { serverUrl: RESOURCE, resourceMetadataUrl, scope }), 'AUTHORIZED')
  t.match(requests, [
    { path: RESOURCE_METADATA_PATH }, { path: METADATA_PATH }, { path: TOKEN_PATH, body: { grant_type: 'client_credentials', resource: RESOURCE } }
  ])
  t.equal(requests.length, 3)
  await checkCaller(t, provider.tokens()!.access_token, CLIENT)

  const stranger = new ClientCredentialsProvider({ clientId: CLIENT, clientSecret: 'wrong', expectedIssuer: ISSUER })
  await t.rejects(mcpAuth(stranger, { serverUrl: RESOURCE, resourceMetadataUrl }), { name: 'InvalidClientError' })
})
