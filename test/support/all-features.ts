// A server with everything on, and who may ask it: each way to authenticate, each type of token.
import { createHash, createHmac, generateKeyPairSync, randomUUID, sign, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import swagger from '@fastify/swagger'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import type { JWK } from 'jose'
import clientCredentialsPlugin, {
  BearerTokenType, CertificateBoundTokenType, clientAdminPlugin, ClientCredentialsFlowBuilder, ClientRegistry, clientSecretJwt,
  DPoPTokenType, JwtAccessTokens, MemoryStore, SigningKeys
} from '../../plugin/index.ts'
import type { OAuth2Client } from '../../plugin/index.ts'
import { makeCertificate } from './certificates.ts'

export const ISSUER = 'https://api.example'
export const REPORTS = 'https://reports.example/v1'
export const SECRET = 'pa:ss+wo%rd and more, of 32 bytes'
export const SCOPES = ['data:read', 'data:write', 'clients:manage']
/** The guarded routes, with the scopes that they need. */
export const ROUTES: Readonly<Record<string, readonly string[]>> = { 'GET /data': ['data:read'], 'POST /data': ['data:write'], 'GET /files/a&b': ['data:read'], 'GET /any': [] }

export type Way = 'basic' | 'post' | 'key' | 'hmac' | 'certificate'
/** Who may ask, and for what. */
export const CLIENTS: Readonly<Record<string, { way: readonly Way[], scopes: readonly string[], audiences: readonly string[] }>> = {
  reader: { way: ['basic', 'post'], scopes: ['data:read'], audiences: [ISSUER, REPORTS] },
  'wri:ter': { way: ['basic', 'post'], scopes: ['data:read', 'data:write'], audiences: [ISSUER] },
  signer: { way: ['key'], scopes: ['data:read', 'data:write'], audiences: [ISSUER, REPORTS] },
  maker: { way: ['hmac'], scopes: ['data:read'], audiences: [ISSUER, REPORTS] },
  holder: { way: ['certificate'], scopes: ['data:read'], audiences: [ISSUER, REPORTS] }
}

const { cert } = makeCertificate({ subject: '/CN=holder', subjectAltName: 'DNS:holder.example' })
/** As a proxy writes it by RFC 9440. */
export const CERTIFICATE_FIELD = `:${new X509Certificate(cert).raw.toString('base64')}:`

const clientKey = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const proofKey = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const now = () => Math.floor(Date.now() / 1000)

function signJwt (header: object, claims: object, key: KeyObject | string): string {
  const input = `${encode(header)}.${encode(claims)}`
  const signature = typeof key === 'string' ? createHmac('sha256', key).update(input).digest() : sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

/** A new client assertion. */
export function assertionOf (id: string): string {
  const claims = { iss: id, sub: id, aud: ISSUER, iat: now(), exp: now() + 60, jti: randomUUID() }
  return id === 'maker' ? signJwt({ alg: 'HS256' }, claims, SECRET) : signJwt({ alg: 'ES256' }, claims, clientKey.privateKey)
}

/** A new DPoP proof. */
export function proofOf (method: string, path: string, token?: string): string {
  const claims = { htm: method, htu: `${ISSUER}${path}`, iat: now(), jti: randomUUID(), ...(token !== undefined && { ath: createHash('sha256').update(token).digest('base64url') }) }
  return signJwt({ typ: 'dpop+jwt', alg: 'ES256', jwk: proofKey.publicKey.export({ format: 'jwk' }) }, claims, proofKey.privateKey)
}

/** Starts a server. `revoked` is what it may be told to forget. */
export async function allFeatures (): Promise<{ app: FastifyInstance, registry: ClientRegistry, keys: SigningKeys }> {
  const store = new MemoryStore()
  const registry = new ClientRegistry(store)
  const { reader, 'wri:ter': writer, signer, holder } = CLIENTS
  // Not the secret itself, which would be hashed slowly for each wrong one.
  const secretHash = `sha256:${createHash('sha256').update(SECRET).digest('base64url')}`
  await registry.addAll([
    { id: 'reader', scopes: reader!.scopes, secretHash, introspects: [ISSUER] },
    { id: 'wri:ter', scopes: writer!.scopes, audiences: [ISSUER], secretHash },
    { id: 'signer', scopes: signer!.scopes, authMethods: ['private_key_jwt'], jwks: { keys: [clientKey.publicKey.export({ format: 'jwk' }) as JWK] } },
    { id: 'holder', scopes: holder!.scopes, authMethods: ['tls_client_auth'], certificateName: { sanDns: 'holder.example' } },
    { id: 'admin', scopes: ['clients:manage'], secretHash }
  ])
  // A registry has hashes only: whoever makes assertions with a secret is known elsewhere.
  const maker: OAuth2Client = { id: 'maker', grants: ['client_credentials'], scopes: ['data:read'], metadata: { token_endpoint_auth_method: 'client_secret_jwt' } }
  const keys = new SigningKeys(store)
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
    .setSecuritySchemeName('all')
    .setScopes(Object.fromEntries(SCOPES.map((name) => [name, name])))
    .clientSecretBasicAuthenticationMethod()
    .clientSecretPostAuthenticationMethod()
    .addClientAuthenticationMethod('private_key_jwt')
    .addClientAuthenticationMethod(clientSecretJwt({ issuer: ISSUER, replays: store, secrets: (id) => id === 'maker' ? SECRET : undefined }))
    .addClientAuthenticationMethod('tls_client_auth')
    .useClients({
      replays: store,
      findClient: (id) => registry.findClient(id),
      getClient: (context) => context.clientId === 'maker' ? (context.clientSecret === undefined ? maker : undefined) : registry.getClient(context)
    })
    .setThrottle(null)
    .setTokenType(new BearerTokenType(), new DPoPTokenType({ replays: store }), new CertificateBoundTokenType())
    .useAccessTokens(new JwtAccessTokens({ issuer: ISSUER, audience: [ISSUER, REPORTS], keys, revocations: store }))
    .build()
  const app = Fastify({ exposeHeadRoutes: false, connectionTimeout: 2000 })
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'All', version: '1' } } })
  await app.register(clientCredentialsPlugin, { flow, clientCertificate: { trustedProxies: ['127.0.0.1'], format: 'rfc9440', verified: true } })
  await app.register(clientAdminPlugin, { clients: registry, keys, prefix: '/admin' })
  for (const [route, scopes] of Object.entries(ROUTES)) {
    const [method, url] = route.split(' ') as ['GET' | 'POST', string]
    app.route({ method, url: url.replace('a&b', ':name'), preHandler: app.requireScopes(...scopes), handler: async (request) => ({ caller: request.credentials?.app.id }) })
  }
  await app.ready()
  return { app, registry, keys }
}
