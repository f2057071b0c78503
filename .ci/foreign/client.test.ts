// The client library against oidc-provider: each credential, Bearer and DPoP, and our own API that verifies its tokens.
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, { BearerTokenType, ClientCredentialsFlowBuilder, DPoPTokenType, MemoryStore, RemoteAccessTokens } from '../../plugin/index.ts'
import { oauthClient } from '../../src/client/index.ts'
import type { OAuthClientOptions } from '../../src/client/index.ts'
import { makeCertificate } from '../../test/support/certificates.ts'
import { freePort } from '../../test/support/program.ts'

// By a variable, since it has no types, and is installed beside this file only.
const name = 'oidc-provider'
const { default: Provider } = await import(name)

const SECRET = 'a secret: with %, + and &'
const AUDIENCE = 'urn:example:orders'
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const partner = makeCertificate({ subject: '/CN=partner' })
const x509 = new X509Certificate(partner.cert)
const publicJwk = (members: object) => ({ ...members, use: 'sig' })
const client = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [], scope: 'orders:read' }

const clients = [
  { ...client, client_id: 'basic', client_secret: SECRET, token_endpoint_auth_method: 'client_secret_basic' },
  { ...client, client_id: 'post', client_secret: SECRET, token_endpoint_auth_method: 'client_secret_post' },
  { ...client, client_id: 'es256', token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [publicJwk({ ...key.publicKey.export({ format: 'jwk' }), kid: 'e' })] } },
  { ...client, client_id: 'rs256', token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [publicJwk({ ...rsa.publicKey.export({ format: 'jwk' }), kid: 'r' })] } },
  {
    ...client,
    client_id: 'partner',
    token_endpoint_auth_method: 'self_signed_tls_client_auth',
    jwks: { keys: [{ ...x509.publicKey.export({ format: 'jwk' }), x5c: [x509.raw.toString('base64')] }] }
  }
]

/** Starts oidc-provider, with JWT access tokens for one resource. */
async function provider (t: Test, tls?: { cert: string, key: string }): Promise<string> {
  const port = await freePort()
  const issuer = `${tls === undefined ? 'http' : 'https'}://localhost:${port}`
  const oidc = new Provider(issuer, {
    clients,
    scopes: ['orders:read'],
    jwks: { keys: [{ ...rsa.privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'server' }] },
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'self_signed_tls_client_auth'],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 7), requireNonce: () => true },
      mTLS: { enabled: true, selfSignedTlsClientAuth: true, getCertificate: (context: { socket: { getPeerX509Certificate (): unknown } }) => context.socket.getPeerX509Certificate() },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({ scope: 'orders:read', audience: AUDIENCE, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } }, accessTokenTTL: 600 })
      }
    }
  })
  oidc.on('grant.error', (_context: unknown, error: Error) => { t.comment(`${error.message}: ${(error as { error_description?: string }).error_description} ${(error as { error_detail?: string }).error_detail}`) })
  oidc.on('server_error', (_context: unknown, error: Error) => { t.comment(error.stack ?? '') })
  const server = tls === undefined ? createHttpServer(oidc.callback()) : createHttpsServer({ ...tls, requestCert: true, rejectUnauthorized: false }, oidc.callback())
  server.listen(port, 'localhost')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return issuer
}

/** An API of ours that takes the tokens of the issuer. */
async function api (t: Test, issuer: string, isDPoP: boolean): Promise<string> {
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: `${issuer}/token` })
    .setScopes({ 'orders:read': 'Read orders' })
    .setTokenType(isDPoP ? new DPoPTokenType({ replays: new MemoryStore() }) : new BearerTokenType())
    .useAccessTokens(new RemoteAccessTokens({ issuer, audience: AUDIENCE }))
    .build()
  const app = Fastify()
  const port = await freePort()
  const origin = `http://localhost:${port}`
  // Proofs name the URL of the API, whose own origin no part of the flow says.
  await app.register(clientCredentialsPlugin, { flow, origin })
  app.get('/orders', { preHandler: app.requireScopes('orders:read') }, async (request) => request.credentials?.app?.id)
  t.teardown(() => app.close())
  await app.listen({ port, host: 'localhost' })
  return origin
}

const CREDENTIALS: Readonly<Record<string, Partial<OAuthClientOptions>>> = {
  basic: { clientSecret: SECRET },
  post: { clientSecret: () => SECRET, clientAuthMethod: 'client_secret_post' },
  es256: { privateKey: key.privateKey },
  rs256: { privateKey: rsa.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string }
}

for (const dpop of [false, true]) {
  t.test(`oidc-provider issues ${dpop ? 'DPoP' : 'Bearer'} tokens for each credential`, async (t) => {
    const issuer = await provider(t)
    const origin = await api(t, issuer, dpop)
    for (const [clientId, credential] of Object.entries(CREDENTIALS)) {
      const caller = oauthClient({ issuer, clientId, resource: AUDIENCE, scope: 'orders:read', allowedOrigins: [origin], dpop, ...credential })
      const response = await caller.fetch(`${origin}/orders`)
      t.strictSame([response.status, await response.text()], [200, clientId], `${clientId} ${response.headers.get('www-authenticate')}`)
      t.equal((await caller.token()).tokenType, dpop ? 'DPoP' : 'Bearer')
    }
  })

  t.test(`oidc-provider issues ${dpop ? 'DPoP' : 'Bearer'} tokens for a certificate`, async (t) => {
    const server = makeCertificate({ subject: '/CN=localhost', subjectAltName: 'DNS:localhost' })
    const issuer = await provider(t, server)
    const caller = oauthClient({ issuer, clientId: 'partner', certificate: { ...partner, ca: server.cert }, resource: AUDIENCE, scope: 'orders:read', dpop })
    t.equal((await caller.token()).tokenType, dpop ? 'DPoP' : 'Bearer')
    await caller.close()
  })
}

t.test('oidc-provider rejects a wrong secret as invalid_client, once', async (t) => {
  const issuer = await provider(t)
  const caller = oauthClient({ issuer, clientId: 'basic', clientSecret: 'wrong', resource: AUDIENCE })
  for (let count = 0; count < 3; count++) await t.rejects(caller.token(), { code: 'OAUTH_CLIENT_TOKEN_DENIED', error: 'invalid_client', status: 401 })
})
