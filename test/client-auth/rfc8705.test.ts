// The lines of RFC 8705 (mutual TLS) that a server and its API are judged by, on real TLS connections.
import { createHash, X509Certificate } from 'node:crypto'
import dns from 'node:dns'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { request as sendHttp } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { request as sendHttps } from 'node:https'
import type { RequestOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { calculateJwkThumbprint, CompactSign, decodeJwt, exportJWK, generateKeyPair } from 'jose'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { test } from 'tap'
import type { Test } from 'tap'
import { fromProxy } from '../../plugin/client-certificate/proxy.ts'
import { fromTlsSocket, refuseRenegotiation } from '../../plugin/client-certificate/tls-socket.ts'
import clientCredentialsPlugin, {
  BearerTokenType, CertificateBoundTokenType, ClientCredentialsFlowBuilder, DPoPTokenType, guardedFetch, JwtAccessTokens, MemoryStore,
  OpaqueAccessTokens, selfSignedTlsClientAuth, SigningKeys, tlsClientAuth
} from '../../plugin/index.ts'
import type { ClientCertificateOptions } from '../../plugin/client-certificate/proxy.ts'
import type { ClientCredentialsPluginOptions, OAuth2Client, TokenType } from '../../plugin/index.ts'
import { makeCertificate } from '../support/certificates.ts'
import type { VerifiedClient } from '../../src/client-auth/client-auth-method.ts'
import type { Certified } from '../support/certificates.ts'
import { basic, demoBuilder, exchange, form, FORM, SECRET, TOKEN_PATH } from '../support/demo.ts'
import { HttpsServer } from '../support/https-server.ts'
import { startNginx } from '../support/nginx.ts'
import { freePort } from '../support/program.ts'
import { MemoryReplays } from '../support/replays.ts'

const authority = makeCertificate({ subject: '/CN=Authority' })
const server = makeCertificate({ subject: '/CN=localhost', subjectAltName: 'DNS:localhost,IP:127.0.0.1' })
const NAMES = 'DNS:reader.example,DNS:other.example,URI:https://reader.example/id,IP:10.0.0.7,IP:2001:db8::7,email:reader@example.org'
const reader = makeCertificate({ subject: '/O=Example/CN=reader', subjectAltName: NAMES, by: authority })
const writer = makeCertificate({ subject: '/O=Example/CN=writer', subjectAltName: 'DNS:writer.example', by: authority })
const nameless = makeCertificate({ subject: '/', subjectAltName: 'DNS:nameless.example', by: authority })
const expired = makeCertificate({ subject: '/O=Example/CN=reader', subjectAltName: NAMES, by: authority, days: -1 })
const foreign = makeCertificate({ subject: '/O=Example/CN=reader', subjectAltName: NAMES, by: makeCertificate({ subject: '/CN=Authority' }) })
const selfSigned = makeCertificate({ subject: '/O=Example/CN=reader', subjectAltName: NAMES })
const selfSignedTwin = makeCertificate({ subject: '/O=Example/CN=reader', subjectAltName: NAMES })

const derOf = ({ cert }: Certified) => new X509Certificate(cert).raw
const x5cOf = (certified: Certified) => [derOf(certified).toString('base64')]
const thumbprintOf = (certified: Certified) => createHash('sha256').update(derOf(certified)).digest('base64url')

const SUBJECT = { tls_client_auth_subject_dn: 'CN=reader,O=Example' }
const GRANT = { grant_type: 'client_credentials' }
const NONE = undefined

interface WorldOptions {
  types?: [TokenType, ...TokenType[]]
  /** Metadata of the clients, by client_id. */
  clients?: Record<string, Record<string, unknown>>
  tokens?: 'jwt' | 'opaque'
  plugin?: Partial<ClientCredentialsPluginOptions>
  listener?: 'https' | 'http2' | 'http'
  port?: number
}

interface World { app: FastifyInstance, port: number, refusals: string[] }

async function worldOf (t: Test, { types = [new CertificateBoundTokenType()], clients = { reader: SUBJECT }, tokens = 'jwt', plugin = {}, listener = 'https', port = 0 }: WorldOptions = {}): Promise<World> {
  const findClient = (id: string): OAuth2Client | undefined => Object.hasOwn(clients, id)
    ? { id, grants: ['client_credentials'], scopes: ['data:read'], introspects: ['https://localhost'], metadata: clients[id]! }
    : undefined
  const options = { issuer: port === 0 ? 'https://localhost' : `https://localhost:${port}`, audience: 'https://localhost' }
  const [first, ...others] = types
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: TOKEN_PATH })
    .setSecuritySchemeName('demo')
    .setScopes({ 'data:read': 'Read data' })
    .setTokenType(first, ...others)
    .addClientAuthenticationMethod('client_secret_basic')
    .addClientAuthenticationMethod('client_secret_post')
    .addClientAuthenticationMethod('tls_client_auth')
    .addClientAuthenticationMethod('self_signed_tls_client_auth')
    .useClients({
      findClient,
      getClient: ({ clientId, clientSecret, clientAuthMethod }) => clientAuthMethod.startsWith('client_secret') && clientSecret !== SECRET ? undefined : findClient(clientId)
    })
    .useAccessTokens(tokens === 'jwt'
      ? new JwtAccessTokens({ ...options, keys: new SigningKeys(new MemoryStore()) })
      : new OpaqueAccessTokens({ ...options, store: new MemoryStore() }))
    .build()
  const https = { key: server.key, cert: server.cert, ca: authority.cert, requestCert: true, rejectUnauthorized: false }
  const app = (listener === 'https' ? Fastify({ https }) : listener === 'http2' ? Fastify({ http2: true, https }) : Fastify()) as unknown as FastifyInstance
  t.teardown(() => app.close())
  const refusals: string[] = []
  app.addHook('onError', async (_request, _reply, error) => { refusals.push(String(error.cause)) })
  await app.register(clientCredentialsPlugin, { flow, ...plugin })
  app.get('/data', { preHandler: app.requireScopes('data:read') }, async (request) => request.credentials?.scope)
  await app.listen({ port, host: '127.0.0.1' })
  return { app, port: (app.server.address() as AddressInfo).port, refusals }
}

interface Answer { status: number, headers: Record<string, unknown>, body: string, json: Record<string, unknown> }

async function send (port: number, options: RequestOptions, certified: Partial<Certified> = {}, body = ''): Promise<Answer> {
  const request = sendHttps({ host: '127.0.0.1', port, servername: 'localhost', ca: server.cert, agent: false, ...certified, ...options }).end(body)
  const [response] = await once(request, 'response')
  const answer = await text(response)
  return { status: response.statusCode, headers: response.headers, body: answer, json: answer.startsWith('{') ? JSON.parse(answer) : {} }
}

function askToken ({ port }: Pick<World, 'port'>, certified: Certified | undefined, parameters: Record<string, string> = { client_id: 'reader' }, headers: Record<string, string> = {}) {
  return send(port, { method: 'POST', path: TOKEN_PATH, headers: { 'content-type': FORM, ...headers } }, certified, form({ ...GRANT, ...parameters }))
}

function askData ({ port }: Pick<World, 'port'>, certified: Certified | undefined, token: unknown, scheme = 'Bearer', headers: Record<string, string> = {}) {
  return send(port, { path: '/data', headers: { authorization: `${scheme} ${token}`, ...headers } }, certified)
}

/** Refused as an unknown client is, whatever the reason. */
function isRefused (t: Test, answer: Answer, message = 'is refused'): void {
  t.equal(answer.status, 401, message)
  t.strictSame(answer.json, { error: 'invalid_client', error_description: 'Client authentication failed' }, message)
  t.equal(answer.headers['www-authenticate'], 'Basic realm="demo", error="invalid_client"', message)
}

// Section 2.1: tls_client_auth

const REGISTRATIONS: [title: string, metadata: Record<string, unknown>][] = [
  ['its subject', SUBJECT],
  ['its subject in other words', { tls_client_auth_subject_dn: '2.5.4.3=\\72eader, organizationName=Example' }],
  ['a DNS name', { tls_client_auth_san_dns: 'reader.example' }],
  ['a DNS name in another case', { tls_client_auth_san_dns: 'Other.Example' }],
  ['a URI', { tls_client_auth_san_uri: 'https://reader.example/id' }],
  ['an IPv4 address', { tls_client_auth_san_ip: '10.0.0.7' }],
  ['an IPv6 address', { tls_client_auth_san_ip: '2001:DB8:0::7' }],
  ['an email address', { tls_client_auth_san_email: 'reader@example.org' }],
  ['a name beside members that are null', { tls_client_auth_san_dns: null, ...SUBJECT }]
]

const STRANGERS: [title: string, certified: Certified | undefined, cause: RegExp][] = [
  ['another name', writer, /another name/],
  ['no subject', nameless, /another name/],
  ['an expired certificate', expired, /not validated/],
  ['a certificate of the same names by an authority of the same name', foreign, /not validated/],
  ['a self-signed certificate of the same names', selfSigned, /not validated/],
  ['no certificate', NONE, /no credentials/]
]

test('RFC 8705 §2.1.2: the certificate has the one name that the client is registered by', async (t) => {
  const clients = Object.fromEntries(REGISTRATIONS)
  const world = await worldOf(t, { clients })
  for (const [title] of REGISTRATIONS) {
    t.equal((await askToken(world, reader, { client_id: title })).status, 200, title)
    for (const [stranger, certified, cause] of STRANGERS) {
      isRefused(t, await askToken(world, certified, { client_id: title }), `${title}: ${stranger}`)
      t.match(world.refusals.pop(), cause)
    }
  }
})

const UNUSABLE: [title: string, metadata: Record<string, unknown>, cause: RegExp][] = [
  ['two names', { ...SUBJECT, tls_client_auth_san_dns: 'reader.example' }, /more than one name/],
  ['a name that is no text', { tls_client_auth_san_dns: ['reader.example'] }, /no text/],
  ['a subject that is none', { tls_client_auth_subject_dn: 'reader' }, /another name/],
  ['an empty subject', { tls_client_auth_subject_dn: '' }, /another name/],
  ['an empty DNS name', { tls_client_auth_san_dns: '' }, /another name/],
  ['a wildcard', { tls_client_auth_san_dns: '*.example' }, /another name/],
  ['an address that is none', { tls_client_auth_san_ip: '10.0.0' }, /another name/],
  ['the name of a DNS server as URI', { tls_client_auth_san_uri: 'reader.example' }, /another name/],
  ['the subject in another order', { tls_client_auth_subject_dn: 'O=Example,CN=reader' }, /another name/],
  ['the subject in another case', { tls_client_auth_subject_dn: 'CN=Reader,O=Example' }, /another name/],
  ['a part of the subject', { tls_client_auth_subject_dn: 'CN=reader' }, /another name/],
  ['nothing but the method', { token_endpoint_auth_method: 'tls_client_auth' }, /nothing that its certificate could be compared with/],
  ['a secret', { token_endpoint_auth_method: 'client_secret_basic' }, /no credentials of/],
  ['the other method', { token_endpoint_auth_method: 'self_signed_tls_client_auth', ...SUBJECT }, /nothing that its certificate could be compared with/],
  ['nothing', {}, /no credentials of/]
]

for (const [title, metadata, cause] of UNUSABLE) {
  test(`RFC 8705 §2.1.2: a client that is registered by ${title} has no certificate that would do`, async (t) => {
    const world = await worldOf(t, { clients: { reader: metadata } })
    isRefused(t, await askToken(world, reader))
    t.match(world.refusals, [cause])
    t.equal(world.refusals.length, 1)
  })
}

test('RFC 8705 §2: the client_id is there in every request', async (t) => {
  const world = await worldOf(t)
  isRefused(t, await askToken(world, reader, {}))
  isRefused(t, await askToken(world, reader, { client_id: 'nobody' }), 'an unknown one')
})

test('RFC 8705 §2: the certificate of one client with the client_id of another is invalid_client', async (t) => {
  const world = await worldOf(t, { clients: { reader: SUBJECT, writer: { tls_client_auth_subject_dn: 'CN=writer,O=Example' }, self: { jwks: { keys: [{ kty: 'EC', x5c: x5cOf(selfSigned) }] } } } })
  isRefused(t, await askToken(world, reader, { client_id: 'writer' }))
  isRefused(t, await askToken(world, writer, { client_id: 'reader' }))
  isRefused(t, await askToken(world, reader, { client_id: 'self' }))
  isRefused(t, await askToken(world, selfSigned, { client_id: 'reader' }))
  t.equal((await askToken(world, writer, { client_id: 'writer' })).status, 200)
})

test('A client that is found without metadata, and clients that cannot be found', async (t) => {
  const certificate = { x509: new X509Certificate(reader.cert), isTrusted: true }
  const request = { method: 'POST', url: '/', header: () => undefined, form: { client_id: 'reader' }, clientCertificate: () => certificate }
  t.equal(await tlsClientAuth({ clients: { findClient: () => ({ id: 'reader', grants: [] }) } }).authenticate(request), undefined)
  const { clientCertificate: _, ...web } = request
  t.equal(await tlsClientAuth({ clients: { findClient: () => ({ id: 'reader', grants: [], metadata: SUBJECT }) } }).authenticate(web), undefined, 'a request that cannot have any')
  for (const make of [tlsClientAuth, selfSignedTlsClientAuth]) t.throws(() => make({} as never), { code: 'FST_OAUTH_AUTH_METHOD_INCOMPLETE' })
})

// Section 2.2: self_signed_tls_client_auth

const THIRD = { kty: 'EC', x5c: x5cOf(writer) }
const SELF: Record<string, Record<string, unknown>> = {
  'x5c in one of its keys': { jwks: { keys: [THIRD, { kty: 'EC', x5c: x5cOf(selfSigned) }] } },
  'x5t#S256 in one of its keys': { jwks: { keys: [THIRD, { kty: 'EC', 'x5t#S256': thumbprintOf(selfSigned) }] } },
  'x5t#S256 alone': { jwks: { keys: [{ kty: 'EC', 'x5t#S256': thumbprintOf(selfSigned) }] } },
  'x5c beside a key without certificates': { jwks: { keys: [{ kty: 'EC' }, { kty: 'EC', x5c: x5cOf(selfSigned) }] } },
  'x5c, and the method': { token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks: { keys: [{ kty: 'EC', x5c: x5cOf(selfSigned) }] } },
  'x5c, the method, and a name that means nothing then': { ...SUBJECT, token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks: { keys: [{ kty: 'EC', x5c: x5cOf(selfSigned) }] } }
}

test('RFC 8705 §2.2: the certificate is one of those that are registered', async (t) => {
  const world = await worldOf(t, { clients: SELF })
  for (const id of Object.keys(SELF)) {
    t.equal((await askToken(world, selfSigned, { client_id: id })).status, 200, id)
    for (const other of [selfSignedTwin, reader, NONE]) isRefused(t, await askToken(world, other, { client_id: id }), id)
  }
  t.strictSame(world.refusals.filter((refusal) => /not registered/.test(String(refusal))).length, 2 * Object.keys(SELF).length, 'and says so of every certificate')
})

test('RFC 8705 §2.2: a chain and dates mean nothing', async (t) => {
  const clients = Object.fromEntries([expired, foreign, reader].map((certified, index) => [String(index), { jwks: { keys: [{ kty: 'EC', x5c: x5cOf(certified) }] } }]))
  const world = await worldOf(t, { clients })
  t.strictSame(await Promise.all([expired, foreign, reader].map(async (certified, index) => (await askToken(world, certified, { client_id: String(index) })).status)), [200, 200, 200])
})

test('RFC 8705 §2.2: the first certificate of a chain is the key\'s, and no other', async (t) => {
  const world = await worldOf(t, { clients: { reader: { jwks: { keys: [{ kty: 'EC', x5c: [...x5cOf(writer), ...x5cOf(selfSigned)] }] } } } })
  isRefused(t, await askToken(world, selfSigned))
})

test('A client with a name, and keys that have certificates for something else, authenticates by its name', async (t) => {
  const world = await worldOf(t, { clients: { reader: { ...SUBJECT, jwks: { keys: [THIRD] } } } })
  t.equal((await askToken(world, reader)).status, 200)
})

test('Keys without certificates are no certificates', async (t) => {
  const world = await worldOf(t, { clients: { reader: { jwks: { keys: [{ kty: 'EC' }] } }, odd: { jwks: 'keys' } } })
  isRefused(t, await askToken(world, selfSigned))
  isRefused(t, await askToken(world, selfSigned, { client_id: 'odd' }))
  t.match(world.refusals, [/no credentials of/, /no JWKS/])
})

test('RFC 8705 §2.2.2: certificates at the jwks_uri of the client, read again for one that is missing', async (t) => {
  const keys = await HttpsServer.start()
  t.teardown(() => keys.close())
  keys.serve({ keys: [{ kty: 'EC', x5c: x5cOf(selfSigned) }] })
  let time = 1_800_000_000
  const method = selfSignedTlsClientAuth({
    clients: { findClient: (id) => ({ id, grants: [], metadata: { jwks_uri: keys.url('/', 'localhost') } }) },
    fetch: guardedFetch({ ca: keys.certificate, dangerouslyAllowPrivateAddresses: true }),
    now: () => time
  })
  const prove = async (certified: Certified): Promise<VerifiedClient | undefined> => await method.authenticate({
    method: 'POST', url: '/', header: () => undefined, form: { client_id: 'reader' }, clientCertificate: () => ({ x509: new X509Certificate(certified.cert), isTrusted: false })
  }) as VerifiedClient | undefined
  const authenticate = async (certified: Certified) => ({ ...await prove(certified) })
  t.match(await authenticate(selfSigned), { clientId: 'reader', clientAuthData: { id: 'reader' } })
  keys.serve({ keys: [{ kty: 'EC', x5c: x5cOf(selfSignedTwin) }] })
  time += 60
  t.match(await authenticate(selfSignedTwin), { clientId: 'reader' }, 'a certificate that is new')
  await t.rejects(authenticate(selfSigned), { code: 'invalid_client' }, 'a certificate that is gone')
  t.equal(keys.requests.length, 3)
  const proven = await prove(selfSignedTwin)
  await proven?.recheck?.()
  keys.serve({ keys: [{ kty: 'EC', x5c: x5cOf(selfSigned) }] })
  time += 600
  await t.rejects(async () => await proven?.recheck?.(), { code: 'invalid_client' }, 'a certificate that is removed while the token is made')
})

// Several ways to authenticate

test('Beside a secret, a certificate binds the token and does not authenticate', async (t) => {
  const world = await worldOf(t, { clients: { reader: {}, nobody: SUBJECT } })
  for (const certified of [reader, selfSigned]) {
    for (const [parameters, headers] of [[{}, { authorization: basic('reader') }], [{ client_id: 'reader', client_secret: SECRET }, {}]] as const) {
      const { json } = await askToken(world, certified, parameters, headers)
      t.strictSame(decodeJwt(String(json.access_token)).cnf, { 'x5t#S256': thumbprintOf(certified) })
    }
  }
  isRefused(t, await askToken(world, reader, { client_id: 'nobody', client_secret: 'wrong' }), 'a wrong secret beside the right certificate')
})

test('RFC 7591 §2: the registered method is the only one', async (t) => {
  const world = await worldOf(t, {
    clients: {
      secret: { ...SUBJECT, token_endpoint_auth_method: 'client_secret_post' },
      tls: { ...SUBJECT, token_endpoint_auth_method: 'tls_client_auth' },
      self: { jwks: { keys: [{ kty: 'EC', x5c: x5cOf(reader) }] }, token_endpoint_auth_method: 'tls_client_auth' }
    }
  })
  isRefused(t, await askToken(world, reader, { client_id: 'secret' }))
  isRefused(t, await askToken(world, reader, { client_id: 'self' }))
  isRefused(t, await askToken(world, reader, { client_id: 'tls', client_secret: SECRET }))
  t.equal((await askToken(world, reader, { client_id: 'secret', client_secret: SECRET })).status, 200)
  t.equal((await askToken(world, reader, { client_id: 'tls' })).status, 200)
})

// Section 3: tokens that are bound to the certificate

for (const tokens of ['jwt', 'opaque'] as const) {
  test(`RFC 8705 §3: a ${tokens} token is bound to the certificate, and good for nobody else`, async (t) => {
    const world = await worldOf(t, { tokens })
    const { status, json } = await askToken(world, reader)
    t.equal(status, 200)
    t.equal(json.token_type, 'Bearer')
    const token = String(json.access_token)
    const cnf = { 'x5t#S256': thumbprintOf(reader) }
    if (tokens === 'jwt') t.strictSame(decodeJwt(token).cnf, cnf, 'section 3.1')

    const introspection = await send(world.port, { method: 'POST', path: '/oauth2/introspect', headers: { 'content-type': FORM } }, reader, form({ client_id: 'reader', token }))
    t.match(introspection.json, { active: true, token_type: 'Bearer', cnf }, 'section 3.2')

    t.equal((await askData(world, reader, token)).body, '["data:read"]')
    t.equal((await askData(world, reader, token, 'bEARER')).status, 200)
    for (const certified of [NONE, writer, selfSigned]) {
      const refused = await askData(world, certified, token)
      t.equal(refused.status, 401)
      t.equal(refused.json.error, 'invalid_token')
      t.match(refused.headers['www-authenticate'], /^Bearer realm="demo", scope="data:read", error="invalid_token"/)
    }
  })
}

test('RFC 8705 §3: where every token is bound, a request without a certificate gets none', async (t) => {
  const world = await worldOf(t, { clients: { reader: {} } })
  const refused = await askToken(world, NONE, {}, { authorization: basic('reader') })
  t.equal(refused.status, 400)
  t.strictSame(refused.json, { error: 'invalid_request', error_description: 'A client certificate is needed, to bind the access token to' })
})

test('Beside Bearer, a certificate binds, and tokens that are bound to nothing are taken with or without one', async (t) => {
  for (const types of [[new BearerTokenType(), new CertificateBoundTokenType()], [new CertificateBoundTokenType(), new BearerTokenType()]] as [TokenType, TokenType][]) {
    const world = await worldOf(t, { types, clients: { reader: SUBJECT, secret: {}, careful: { tls_client_certificate_bound_access_tokens: true } } })
    const bound = (await askToken(world, reader)).json.access_token
    t.strictSame(decodeJwt(String(bound)).cnf, { 'x5t#S256': thumbprintOf(reader) })
    t.equal((await askData(world, reader, bound)).status, 200)
    t.equal((await askData(world, NONE, bound)).json.error, 'invalid_token')
    t.equal((await askData(world, writer, bound)).json.error, 'invalid_token')

    const careful = await askToken(world, NONE, {}, { authorization: basic('careful') })
    t.equal(careful.status, 400, 'tls_client_certificate_bound_access_tokens of the client (section 3.4)')
    t.equal(careful.json.error, 'invalid_request')
    t.match(decodeJwt(String((await askToken(world, writer, {}, { authorization: basic('careful') })).json.access_token)), { cnf: { 'x5t#S256': thumbprintOf(writer) } })

    const plain = (await askToken(world, NONE, {}, { authorization: basic('secret') })).json.access_token
    t.equal((await askData(world, NONE, plain)).status, 200)
    t.equal((await askData(world, reader, plain)).status, 200)
  }
})

test('RFC 8705 §3.4: a client that is registered for bound tokens gets none where they are not made', async (t) => {
  const world = await worldOf(t, { types: [new BearerTokenType()], clients: { reader: { ...SUBJECT, tls_client_certificate_bound_access_tokens: true } } })
  t.equal((await askToken(world, reader)).json.error, 'invalid_request')
})

async function dpopOf (htm: string, htu: string, token?: string) {
  const { privateKey, publicKey } = keyPair
  const claims = { htm, htu, iat: Math.floor(Date.now() / 1000), jti: String(proofs++), ...(token !== undefined && { ath: createHash('sha256').update(token).digest('base64url') }) }
  return { dpop: await new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: await exportJWK(publicKey) }).sign(privateKey) }
}
const keyPair = await generateKeyPair('ES256', { extractable: true })
let proofs = 0

test('Beside DPoP, the scheme tells which proof a token needs', async (t) => {
  const dpop = new DPoPTokenType({ replays: new MemoryReplays() })
  const world = await worldOf(t, { types: [dpop, new CertificateBoundTokenType()], plugin: { origin: 'https://localhost' } })
  const [tokenUrl, dataUrl] = [`https://localhost${TOKEN_PATH}`, 'https://localhost/data']

  const byCertificate = (await askToken(world, reader)).json
  t.equal(byCertificate.token_type, 'Bearer')
  t.equal((await askData(world, reader, byCertificate.access_token)).status, 200)
  t.equal((await askData(world, reader, byCertificate.access_token, 'DPoP', await dpopOf('GET', dataUrl, String(byCertificate.access_token)))).json.error, 'invalid_token')

  // A client that authenticates by its certificate and binds by a key: DPoP stands first.
  const byKey = (await askToken(world, reader, { client_id: 'reader' }, await dpopOf('POST', tokenUrl))).json
  const token = String(byKey.access_token)
  t.equal(byKey.token_type, 'DPoP')
  t.strictSame(decodeJwt(token).cnf, { jkt: await calculateJwkThumbprint(await exportJWK(keyPair.publicKey)) })
  t.equal((await askData(world, NONE, token, 'DPoP', await dpopOf('GET', dataUrl, token))).status, 200)
  t.equal((await askData(world, reader, token)).json.error, 'invalid_token', 'as Bearer with the certificate')
})

test('With the certificate first, it binds though a proof of DPoP is there too', async (t) => {
  const world = await worldOf(t, { types: [new CertificateBoundTokenType(), new DPoPTokenType({ replays: new MemoryReplays() })], clients: { reader: SUBJECT, secret: {} }, plugin: { origin: 'https://localhost' } })
  t.equal((await askToken(world, reader, { client_id: 'reader' }, await dpopOf('POST', `https://localhost${TOKEN_PATH}`))).json.token_type, 'Bearer')
  t.equal((await askToken(world, NONE, {}, { authorization: basic('secret'), ...await dpopOf('POST', `https://localhost${TOKEN_PATH}`) })).json.token_type, 'DPoP')
})

// Sections 3.3 and 5: metadata

test('RFC 8705 §3.3, §5: metadata names the methods, bound tokens and the aliases of endpoints', async (t) => {
  const aliases = { token_endpoint: 'https://mtls.localhost/oauth2/token' }
  const world = await worldOf(t, { plugin: { metadata: { mtls_endpoint_aliases: aliases } } })
  const { json } = await send(world.port, { path: '/.well-known/oauth-authorization-server' })
  t.equal(json.tls_client_certificate_bound_access_tokens, true)
  t.strictSame(json.token_endpoint_auth_methods_supported, ['client_secret_basic', 'client_secret_post', 'tls_client_auth', 'self_signed_tls_client_auth'])
  t.strictSame(json.mtls_endpoint_aliases, aliases)
  const resource = await send(world.port, { path: '/.well-known/oauth-protected-resource' })
  t.equal(resource.json.tls_client_certificate_bound_access_tokens, true, 'RFC 9728 section 2')
  t.notOk((await send((await worldOf(t, { types: [new BearerTokenType()] })).port, { path: '/.well-known/oauth-authorization-server' })).json.tls_client_certificate_bound_access_tokens)
})

// The TLS layer

test('On a connection that resumes a session the certificate is known, and how far it is trusted', async (t) => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const [certified, status] of [[reader, 200], [foreign, 401]] as const) {
      const world = await worldOf(t)
      const agentOptions = { ...certified, maxVersion }
      let session: Buffer | undefined
      for (const isResumed of [false, true]) {
        const socket: TLSSocket = connectTls({ host: '127.0.0.1', port: world.port, servername: 'localhost', ca: server.cert, ...agentOptions, ...(session && { session }) })
        socket.on('session', (given) => { session = given })
        const connected = once(socket, 'secureConnect').then(() => socket.isSessionReused())
        const body = form({ ...GRANT, client_id: 'reader' })
        socket.write(`POST ${TOKEN_PATH} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: ${FORM}\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
        t.match(await text(socket), new RegExp(`^HTTP/1.1 ${status} `))
        t.equal(await connected, isResumed)
      }
    }
  }
})

test('A client that begins another handshake loses its connection', async (t) => {
  const world = await worldOf(t)
  const socket = connectTls({ host: '127.0.0.1', port: world.port, servername: 'localhost', ca: server.cert, ...reader, maxVersion: 'TLSv1.2' })
  await once(socket, 'secureConnect')
  const outcome = await new Promise((resolve) => {
    socket.on('error', () => {}).once('close', () => resolve('closed')).resume()
    socket.renegotiate({}, (error) => { if (error === null) resolve('another handshake') })
  })
  socket.destroy()
  t.equal(outcome, 'closed')
  t.equal((await askToken(world, reader)).status, 200, 'and nobody else does')
})

test('Every listener of a host name ends the connection of a client that begins another handshake', async (t) => {
  const lookup = dns.lookup
  Object.assign(dns, { lookup: (host: string, options: object, callback: (error: null, addresses: object[]) => void) => host === 'localhost' && 'all' in options ? callback(null, [{ address: '127.0.0.1', family: 4 }, { address: '::1', family: 6 }]) : (lookup as (...args: unknown[]) => void)(host, options, callback) })
  t.teardown(() => { Object.assign(dns, { lookup }) })
  const app = Fastify({ https: { cert: server.cert, key: server.key, ca: authority.cert, requestCert: true, rejectUnauthorized: false } })
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
  await app.listen({ port: 0 })
  t.teardown(() => app.close())
  t.ok(app.addresses().length > 1)
  for (const { address, port } of app.addresses() as AddressInfo[]) {
    const socket = connectTls({ host: address, port, ...reader, rejectUnauthorized: false, maxVersion: 'TLSv1.2' })
    await once(socket, 'secureConnect')
    const outcome = await new Promise((resolve) => {
      socket.on('error', () => {}).on('close', () => resolve('closed')).resume()
      socket.renegotiate({}, (error) => { if (error === null) resolve('another handshake') })
    })
    socket.destroy()
    t.equal(outcome, 'closed', address)
  }
})

test('The certificate of a connection on which another handshake could begin is ignored', async (t) => {
  const x509 = new X509Certificate(reader.cert)
  const socketOf = (protocol: string) => ({ authorized: true, getProtocol: () => protocol, getPeerX509Certificate: () => x509, disableRenegotiation: () => {} }) as unknown as Socket
  t.equal(fromTlsSocket()({ socket: socketOf('TLSv1.2'), rawHeaders: [] }), undefined)
  t.strictSame(fromTlsSocket()({ socket: socketOf('TLSv1.2'), rawHeaders: [], stream: {} })?.x509, x509, 'HTTP/2')
  const listeners: ((socket: Socket) => void)[] = []
  refuseRenegotiation({ on: (_event, listener) => listeners.push(listener as never) })
  const guarded = socketOf('TLSv1.2')
  for (const listener of listeners) listener(guarded)
  t.equal(listeners.length, 1)
  t.strictSame(fromTlsSocket()({ socket: guarded, rawHeaders: [] }), { x509, isTrusted: true })
})

test('A certificate that was shown in a later handshake is not trusted for the first', async (t) => {
  const x509 = new X509Certificate(foreign.cert)
  const socketOf = (authorizationError: unknown, authorized = true) => ({ authorized, authorizationError, getProtocol: () => 'TLSv1.3', getPeerX509Certificate: () => x509 }) as unknown as Socket
  t.strictSame(fromTlsSocket()({ socket: socketOf('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), rawHeaders: [] }), { x509, isTrusted: false })
  t.strictSame(fromTlsSocket()({ socket: socketOf(null, false), rawHeaders: [] }), { x509, isTrusted: false })
  t.strictSame(fromTlsSocket()({ socket: socketOf(null), rawHeaders: [] }), { x509, isTrusted: true })
})

test('A certificate is read once for each connection, and once for each value of the field of a proxy', async (t) => {
  let reads = 0
  const socket = { authorized: true, getProtocol: () => 'TLSv1.3', getPeerX509Certificate: () => { reads++; return new X509Certificate(reader.cert) } } as unknown as Socket
  const read = fromTlsSocket()
  t.equal(read({ socket, rawHeaders: [] }), read({ socket, rawHeaders: [] }))
  t.equal(reads, 1)
  const behind = fromProxy({ trustedProxies: ['::1'], format: 'nginx' })
  const request = { socket: { remoteAddress: '::1' } as Socket, rawHeaders: ['x-ssl-client-cert', pem] }
  t.equal(behind(request)?.x509, behind(request)?.x509)
})

test('On HTTP/2, all requests of a connection come with its certificate', async (t) => {
  const world = await worldOf(t, { listener: 'http2' })
  const ask = async (certified: Partial<Certified>) => {
    const session = connectHttp2(`https://127.0.0.1:${world.port}`, { ca: server.cert, servername: 'localhost', ...certified })
    const send = async (headers: Record<string, string>, body?: string) => {
      const stream = session.request(headers)
      stream.end(body)
      const [answered, answer] = await Promise.all([once(stream, 'response'), text(stream)])
      return { status: answered[0][':status'], json: JSON.parse(answer) }
    }
    const issued = await send({ ':method': 'POST', ':path': TOKEN_PATH, 'content-type': FORM }, form({ ...GRANT, client_id: 'reader' }))
    const data = await send({ ':path': '/data', authorization: `Bearer ${issued.json.access_token}` })
    session.close()
    return [issued.status, data.status, issued.json.access_token]
  }
  const [issued, data, token] = await ask(reader)
  t.strictSame([issued, data], [200, 200])
  t.strictSame(decodeJwt(token).cnf, { 'x5t#S256': thumbprintOf(reader) })
  t.strictSame((await ask({})).slice(0, 2), [401, 401])
})

// Section 6.5: a proxy in front

const pem = encodeURIComponent(reader.cert)
const SEQUENCE = `:${x5cOf(reader)[0]}:`
const otherPem = encodeURIComponent(writer.cert)
const DER = x5cOf(reader)[0]!
const otherDer = x5cOf(writer)[0]!
// The lines of a PEM, as a field has them.
const spaced = reader.cert.replaceAll('\n', ' ')
const notDer = ['', '%', '%ZZ', '=', 'AAAA', ':', Buffer.from(reader.cert).toString('base64'), DER.slice(0, 40), pem, spaced.trim()]

/** Fields that carry the certificate, or do not, by format. */
const FIELDS: Record<ClientCertificateOptions['format'], { field: string, header?: string, good: string[], bad: string[][] }> = {
  rfc9440: {
    field: 'Client-Cert',
    good: [SEQUENCE],
    bad: [[''], ['::'], [':####:'], [':AAAA:'], [x5cOf(reader)[0]!], [`${SEQUENCE}, ${SEQUENCE}`], [`${SEQUENCE};a`], [SEQUENCE, SEQUENCE], [pem]]
  },
  nginx: {
    field: 'X-SSL-Client-Cert',
    good: [pem, encodeURIComponent(reader.cert.trim())],
    bad: [[''], ['%'], ['%ZZ'], ['x'], [SEQUENCE], [pem, pem], [`${pem}, ${pem}`], [`${pem}${otherPem}`], [`${otherPem}${pem}`], [reader.cert.replaceAll('\n', ' ')], [encodeURIComponent('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')]]
  },
  base64: {
    field: 'X-Client-Certificate',
    header: 'x-client-certificate',
    good: [DER],
    bad: [...notDer.map((value) => [value]), [SEQUENCE], [encodeURIComponent(DER)], [DER, DER], [`${DER},${otherDer}`]]
  },
  apache: {
    field: 'X-SSL-Client-Cert',
    good: [spaced, spaced.trim()],
    bad: [[''], ['(null)'], ['x'], [SEQUENCE], [DER], [pem], [spaced, spaced], [`${spaced}${writer.cert.replaceAll('\n', ' ')}`], [`x ${spaced}`], ['-----BEGIN CERTIFICATE----- AAAA -----END CERTIFICATE-----']]
  },
  haproxy: {
    field: 'X-SSL-Client-Cert',
    good: [DER, SEQUENCE],
    bad: [...notDer.map((value) => [value]), [encodeURIComponent(DER)], [DER, DER], [`${DER},${otherDer}`], [`:${DER}`], [`${SEQUENCE}, ${SEQUENCE}`]]
  },
  traefik: {
    field: 'X-Forwarded-Tls-Client-Cert',
    good: [DER, encodeURIComponent(DER), `${DER},${otherDer}`, `${encodeURIComponent(DER)},${encodeURIComponent(otherDer)}`],
    bad: [...notDer.map((value) => [value]), [SEQUENCE], [DER, DER], [`${otherDer},${DER}`], [`${DER}, ${otherDer}`], [`${DER},`], [`,${DER}`], [`${DER},x y`]]
  },
  cloudflare: {
    field: 'Cf-Client-Cert-Der-Base64',
    good: [DER],
    bad: [...notDer.map((value) => [value]), [SEQUENCE], [encodeURIComponent(DER)], [DER, DER], [`${DER},${otherDer}`]]
  },
  'aws-alb': {
    field: 'X-Amzn-Mtls-Clientcert-Leaf',
    good: [pem, pem.replaceAll('%2B', '+').replaceAll('%3D', '=').replaceAll('%2F', '/')],
    bad: [[''], ['%'], ['x'], [SEQUENCE], [DER], [pem, pem], [`${pem}${otherPem}`], [spaced]]
  },
  envoy: {
    field: 'X-Forwarded-Client-Cert',
    good: [
      `Cert="${pem}"`, `Cert=${pem}`, `cert="${pem}"`,
      `By=spiffe://x/server;Hash=ab;Cert="${pem}";Subject="CN=reader,O=\\"a\\";Cert=${otherPem}";URI=spiffe://x/reader;DNS=a.example;DNS=b.example`
    ],
    bad: [
      [''], ['Hash=ab'], ['Cert='], ['Cert=""'], [pem], [`Cert="${pem}"`, `Cert="${pem}"`], [`Cert="${pem}",Cert="${pem}"`], [`Hash=ab,Cert="${pem}"`],
      [`Cert="${otherPem}";Cert="${pem}"`], [`Cert="${pem}";Cert="${otherPem}"`], [`Subject="CN=x;Cert=${pem};"`], [`Subject="CN=\\";Cert=${pem};"`], [`Cert="${pem}`], [`Subject="a"b;Cert="${pem}"`], [`Cert="${pem}";;`]
    ]
  }
}

const LOCAL = ['127.0.0.1']

async function askBehindProxy ({ app }: World, fields: string[]) {
  const body = form({ ...GRANT, client_id: 'reader' })
  const answer = await exchange(app, `POST ${TOKEN_PATH}`, [`content-type: ${FORM}`, `content-length: ${body.length}`, ...fields], body)
  return answer.statusCode
}

for (const format of ['rfc9440', 'base64', 'nginx', 'apache', 'envoy', 'haproxy', 'traefik', 'cloudflare', 'aws-alb'] as const) {
  test(`The field of a trusted proxy in the format ${format} has the certificate, and no other field`, async (t) => {
    const { field, good, bad, ...named } = FIELDS[format]
    const world = await worldOf(t, { listener: 'http', plugin: { clientCertificate: { trustedProxies: LOCAL, format, verified: true, ...named } } })
    for (const value of good) t.equal(await askBehindProxy(world, [`${field}: ${value}`]), 200, value)
    t.equal(await askBehindProxy(world, [`${field.toUpperCase()}: ${good[0]}`]), 200, 'in any case')
    for (const values of bad) t.equal(await askBehindProxy(world, values.map((value) => `${field}: ${value}`)), 401, values.join('|'))
    t.equal(await askBehindProxy(world, [`x-other: ${good[0]}`]), 401)
    const untrusted = await worldOf(t, { listener: 'http', plugin: { clientCertificate: { trustedProxies: ['10.0.0.0/8'], format, verified: true, ...named } } })
    t.equal(await askBehindProxy(untrusted, [`${field}: ${good[0]}`]), 401, 'from anybody else')

    const renamed = await worldOf(t, { listener: 'http', plugin: { clientCertificate: { trustedProxies: LOCAL, format, verified: true, header: 'X-Cert' } } })
    t.equal(await askBehindProxy(renamed, [`x-cert: ${good[0]}`]), 200, 'under the name that is set')
    t.equal(await askBehindProxy(renamed, [`${field}: ${good[0]}`]), 401, 'and under no other')
  })
}

test('RFC 8705 §6.5: from anybody but a trusted proxy the field means nothing', async (t) => {
  const fields = [`x-ssl-client-cert: ${pem}`, 'x-forwarded-for: 10.0.0.1']
  const worldBehind = (trustedProxies: string[]) => worldOf(t, { listener: 'http', plugin: { clientCertificate: { trustedProxies, format: 'nginx', verified: true } } })
  for (const trustedProxies of [['10.0.0.0/8'], ['127.0.0.2', '::1'], ['126.0.0.0/8', '2001:db8::/32', 'fe80::1%1']]) t.equal(await askBehindProxy(await worldBehind(trustedProxies), fields), 401, trustedProxies.join())
  for (const trustedProxies of [['127.0.0.0/8'], ['::1', '127.0.0.1'], ['0.0.0.0/0'], ['::ffff:127.0.0.1']]) t.equal(await askBehindProxy(await worldBehind(trustedProxies), fields), 200, trustedProxies.join())
  t.equal(await askBehindProxy(await worldOf(t, { listener: 'http' }), fields), 401, 'without the option')
})

test('A proxy is known by its IPv4 address on a listener for IPv6', async (t) => {
  const world = await worldOf(t, { listener: 'http', plugin: { clientCertificate: { trustedProxies: LOCAL, format: 'nginx', verified: true } } })
  await world.app.close()
  const other = Fastify()
  t.teardown(() => other.close())
  await other.register(clientCredentialsPlugin, { flow: world.app.clientCredentials, clientCertificate: { trustedProxies: LOCAL, format: 'nginx', verified: true } })
  let address: string | undefined
  other.addHook('onRequest', async (request) => { address = request.raw.socket.remoteAddress })
  await other.listen({ port: 0, host: '::' })
  t.equal(await askBehindProxy({ ...world, app: other }, [`x-ssl-client-cert: ${pem}`]), 200)
  t.equal(address, '::ffff:127.0.0.1')
})

test('A proxy is trusted by its address, of IPv4 and of IPv6, and by as many bits of it as there are', async (t) => {
  const isTrusted = (trusted: string, remoteAddress: string) =>
    fromProxy({ trustedProxies: [trusted], format: 'nginx' })({ socket: { remoteAddress } as Socket, rawHeaders: ['x-ssl-client-cert', pem] }) !== undefined
  for (const [trusted, address] of [['2001:db8::/48', '2001:db8:0:1::1'], ['2001:db8::1/128', '2001:db8::1'], ['::1', '::1'], ['10.0.0.1/32', '10.0.0.1'], ['10.0.0.0/31', '10.0.0.1'], ['0.0.0.0/0', '203.0.113.1'], ['::/0', '9000::1'], ['fe80::/10', 'fe80::1%eth0'], ['10.0.0.0/8', '::ffff:10.0.0.1']] as const) {
    t.equal(isTrusted(trusted, address), true, trusted)
  }
  for (const [trusted, address] of [['2001:db8::/48', '2001:db8:1::1'], ['2001:db8::1/128', '2001:db8::2'], ['10.0.0.1/32', '10.0.0.2'], ['10.0.0.0/31', '10.0.0.2'], ['0.0.0.0/0', '2001:db8::1'], ['::1', 'fe80::1%eth0']] as const) {
    t.equal(isTrusted(trusted, address), false, trusted)
  }
})

test('A peer at a Unix socket is no trusted proxy', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'socket-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const { app: { clientCredentials: flow } } = await worldOf(t, { listener: 'http' })
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(clientCredentialsPlugin, { flow, clientCertificate: { trustedProxies: ['0.0.0.0/0', '::/0'], format: 'nginx', verified: true } })
  const socketPath = join(folder, 'app.sock')
  await app.listen({ path: socketPath })
  const request = sendHttp({ socketPath, method: 'POST', path: TOKEN_PATH, headers: { 'content-type': FORM, 'x-ssl-client-cert': pem } }).end(form({ ...GRANT, client_id: 'reader' }))
  const [response] = await once(request, 'response')
  t.equal(response.statusCode, 401)
  response.resume()
})

type Verified = ClientCertificateOptions['verified']
const NGINX = 'X-SSL-Client-Verify'
const CLOUDFLARE = { 'cf-cert-verified': 'true', 'CF-Cert-Revoked': 'false' }
const VERDICTS: [format: ClientCertificateOptions['format'], verified: Verified, fields: string[], status: number][] = [
  ['nginx', true, [], 200],
  ['nginx', undefined, [], 401],
  ['nginx', undefined, ['x-ssl-client-verify: SUCCESS'], 401],
  ['nginx', NGINX, ['x-ssl-client-verify: SUCCESS'], 200],
  ['nginx', NGINX, [], 401],
  ['nginx', NGINX, ['x-ssl-client-verify: FAILED:certificate has expired'], 401],
  ['nginx', NGINX, ['x-ssl-client-verify: NONE'], 401],
  ['nginx', NGINX, ['x-ssl-client-verify: success'], 401],
  ['nginx', NGINX, ['x-ssl-client-verify: 0'], 401],
  ['nginx', NGINX, ['x-ssl-client-verify: SUCCESS', 'x-ssl-client-verify: SUCCESS'], 401],
  ['nginx', NGINX, ['x-ssl-client-verify: SUCCESS', 'x-ssl-client-verify: FAILED'], 401],
  ['apache', NGINX, ['x-ssl-client-verify: SUCCESS'], 200],
  ...['GENEROUS', 'NONE', '(null)', 'FAILED:unable to verify'].map((value): typeof VERDICTS[number] => ['apache', NGINX, [`x-ssl-client-verify: ${value}`], 401]),
  ['haproxy', NGINX, ['x-ssl-client-verify: 0'], 200],
  ...['', '1', '10', '18', '00', '0.0', '-0', '0, 0', 'SUCCESS', 'true', 'false'].map((value): typeof VERDICTS[number] => ['haproxy', NGINX, [`x-ssl-client-verify: ${value}`], 401]),
  ['haproxy', NGINX, ['x-ssl-client-verify: 0', 'x-ssl-client-verify: 0'], 401],
  ['rfc9440', NGINX, ['x-ssl-client-verify: 0'], 200],
  ['rfc9440', NGINX, ['x-ssl-client-verify: SUCCESS'], 200],
  ['rfc9440', NGINX, ['x-ssl-client-verify: true'], 200],
  ...['', '1', '20', 'false', 'FAILED', 'NONE', 'SUCCESS, 0'].map((value): typeof VERDICTS[number] => ['rfc9440', NGINX, [`x-ssl-client-verify: ${value}`], 401]),
  ['cloudflare', 'cf-cert-verified', ['cf-cert-verified: true', 'cf-cert-revoked: false'], 200],
  ['cloudflare', 'cf-cert-verified', ['cf-cert-verified: true', 'cf-cert-revoked: true'], 401],
  ['cloudflare', 'cf-cert-verified', ['cf-cert-verified: true'], 401],
  ['cloudflare', 'cf-cert-verified', ['cf-cert-verified: false', 'cf-cert-revoked: false'], 401],
  ['cloudflare', CLOUDFLARE, ['cf-cert-verified: true', 'cf-cert-revoked: false'], 200],
  ['cloudflare', CLOUDFLARE, ['cf-cert-verified: true'], 401],
  ['cloudflare', CLOUDFLARE, ['cf-cert-verified: true', 'cf-cert-revoked: true'], 401],
  ['traefik', { 'x-verify': 'yes' }, ['x-verify: yes'], 200],
  ['traefik', { 'x-verify': 'yes' }, ['x-verify: SUCCESS'], 401],
  ['traefik', { 'x-verify': 'yes' }, [], 401]
]

test('RFC 8705 §2.1: tls_client_auth needs a proxy that says that the chain was validated', async (t) => {
  for (const [format, verified, fields, status] of VERDICTS) {
    const world = await worldOf(t, { listener: 'http', plugin: { clientCertificate: { trustedProxies: LOCAL, format, ...(verified !== undefined && { verified }) } } })
    t.equal(await askBehindProxy(world, [`${FIELDS[format].field}: ${FIELDS[format].good[0]}`, ...fields]), status, `${format} ${JSON.stringify(verified)}: ${fields.join()}`)
  }
  const clients = { reader: { jwks: { keys: [{ kty: 'EC', x5c: x5cOf(reader) }] } } }
  const world = await worldOf(t, { listener: 'http', clients, plugin: { clientCertificate: { trustedProxies: LOCAL, format: 'nginx' } } })
  t.equal(await askBehindProxy(world, [`x-ssl-client-cert: ${pem}`]), 200, 'self_signed_tls_client_auth does not')
})

test('With a proxy in front, the certificate of the connection is the proxy\'s own', async (t) => {
  const world = await worldOf(t, { plugin: { clientCertificate: { trustedProxies: LOCAL, format: 'nginx', verified: true } } })
  isRefused(t, await askToken(world, reader))
  t.equal((await askToken(world, writer, { client_id: 'reader' }, { 'x-ssl-client-cert': pem })).status, 200)
})

test('nginx in front', async (t) => {
  const clients = { reader: SUBJECT, self: { jwks: { keys: [{ kty: 'EC', x5c: x5cOf(selfSigned) }] } } }
  const clientCertificate = { trustedProxies: LOCAL, format: 'nginx', verified: 'x-ssl-client-verify' } as const
  const world = await worldOf(t, { listener: 'http', clients, plugin: { clientCertificate } })
  const port = await startTlsProxy(t, world.port)
  const behind = { port }

  const { status, json } = await askToken(behind, reader)
  t.equal(status, 200)
  t.strictSame(decodeJwt(String(json.access_token)).cnf, { 'x5t#S256': thumbprintOf(reader) })
  t.equal((await askData(behind, reader, json.access_token)).status, 200)
  t.equal((await askData(behind, writer, json.access_token)).status, 401)
  t.equal((await askToken(behind, selfSigned, { client_id: 'self' })).status, 200)
  for (const certified of [NONE, writer, foreign, selfSigned]) isRefused(t, await askToken(behind, certified))
  t.equal((await askToken(behind, expired)).status, 400, 'nginx lets none through that is expired')
  isRefused(t, await askToken(behind, selfSignedTwin, { client_id: 'self' }))

  // What a client smuggles is overwritten.
  const smuggled = { 'x-ssl-client-cert': pem, 'X-SSL-CLIENT-CERT': pem, x_ssl_client_cert: pem, 'x-ssl-client-verify': 'SUCCESS' }
  for (const certified of [NONE, writer, foreign]) {
    isRefused(t, await askToken(behind, certified, { client_id: 'reader' }, smuggled))
    t.equal((await askData(behind, certified, json.access_token, 'Bearer', smuggled)).status, 401)
  }
})

/** Starts nginx as a proxy that ends TLS and asks for certificates of any authority. */
function startTlsProxy (t: Test, upstream: number): Promise<number> {
  return startNginx(t, {
    listen: 'ssl',
    files: { 'cert.pem': server.cert, 'key.pem': server.key, 'ca.pem': authority.cert },
    server: `
      ssl_certificate $folder/cert.pem; ssl_certificate_key $folder/key.pem;
      ssl_verify_client optional_no_ca; ssl_client_certificate $folder/ca.pem;
      location / {
        proxy_pass http://127.0.0.1:${upstream};
        proxy_set_header X-SSL-Client-Cert $ssl_client_escaped_cert;
        proxy_set_header X-SSL-Client-Verify $ssl_client_verify;
      }`
  })
}

// Real clients

/** A fetch whose connections show a certificate. */
function fetchAs (certified: Certified) {
  return async (url: string, { method, headers, body }: { method: string, headers: Record<string, string>, body?: unknown }): Promise<Response> => {
    const request = sendHttps(url, { method, headers, ca: server.cert, agent: false, lookup: loopback, ...certified }).end(body === undefined || body === null ? '' : String(body))
    const [response] = await once(request, 'response')
    return new Response(await text(response), { status: response.statusCode, headers: Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)])) })
  }
}

const loopback = ((_host: string, { all }: { all?: boolean }, done: (error: null, address: unknown, family?: number) => void) => {
  if (all) done(null, [{ address: '127.0.0.1', family: 4 }])
  else done(null, '127.0.0.1', 4)
}) as never

test('openid-client and oauth4webapi', async (t) => {
  const port = await freePort()
  const clients = { tls: SUBJECT, self: { jwks: { keys: [{ kty: 'EC', x5c: x5cOf(selfSigned) }] } } }
  const issuer = `https://localhost:${port}`
  const world = await worldOf(t, { clients, port, plugin: { metadata: { mtls_endpoint_aliases: { token_endpoint: `https://localhost:${port}${TOKEN_PATH}` } } } })

  for (const [id, certified] of [['tls', reader], ['self', selfSigned]] as const) {
    const customFetch = fetchAs(certified)

    const config = await openid.discovery(new URL(issuer), id, { use_mtls_endpoint_aliases: true }, openid.TlsClientAuth(), { [openid.customFetch]: customFetch, algorithm: 'oauth2' })
    const tokens = await openid.clientCredentialsGrant(config, { scope: 'data:read' })
    t.strictSame(decodeJwt(tokens.access_token).cnf, { 'x5t#S256': thumbprintOf(certified) }, `openid-client, ${id}`)
    t.equal((await openid.fetchProtectedResource(config, tokens.access_token, new URL(`${issuer}/data`), 'GET')).status, 200)

    const options = { [oauth.customFetch]: customFetch }
    const as = await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer), { ...options, algorithm: 'oauth2' }))
    const client: oauth.Client = { client_id: id, use_mtls_endpoint_aliases: true }
    const response = await oauth.clientCredentialsGrantRequest(as, client, oauth.TlsClientAuth(), {}, options)
    const result = await oauth.processClientCredentialsResponse(as, client, response)
    t.equal(result.token_type, 'bearer', `oauth4webapi, ${id}`)
    t.equal((await oauth.protectedResourceRequest(result.access_token, 'GET', new URL(`${issuer}/data`), undefined, undefined, options)).status, 200)
    t.equal((await askData(world, writer, result.access_token)).status, 401)
  }
})
