// The lines of RFC 9449 (DPoP) that a server and its API are judged by, and the negative steps of the OpenID Foundation's suite.
import { createHash, createSign, generateKeyPairSync, randomUUID } from 'node:crypto'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { calculateJwkThumbprint, CompactSign, decodeJwt, exportJWK, generateKeyPair } from 'jose'
import type { CryptoKey, JWK } from 'jose'
import { test } from 'tap'
import clientCredentialsPlugin, {
  BearerTokenType, CertificateBoundTokenType, ClientCredentialsFlowBuilder, DPoPTokenType, JwtAccessTokens, MemoryStore, SigningKeys
} from '../../plugin/index.ts'
import { settingsOf } from '../../src/adapter.ts'
import { FLOW_ERRORS } from '../../src/errors/configuration-error.ts'
import type { OAuth2Client, TokenType } from '../../plugin/index.ts'
import type { DPoPTokenTypeOptions } from '../../src/token-type/dpop/dpop-token-type.ts'
import { StoreUnavailableError } from '../../src/errors/store-unavailable.ts'
import { weaknessOf, weaknessOfKey } from '../../src/lib/weak-keys.ts'
import { basic, exchange, getClient } from '../support/demo.ts'
import { MemoryReplays, SlowReplays } from '../support/replays.ts'

const ISSUER = 'https://api.example'
const TOKEN_URL = `${ISSUER}/oauth2/token`
const DATA_URL = `${ISSUER}/data`
const START = 1_800_000_000
const NONCE_KEY = 'n'.repeat(32)
const FORM = 'application/x-www-form-urlencoded'

interface Holder { alg: string, privateKey: CryptoKey, jwk: JWK, jkt: string }

async function makeHolder (alg = 'ES256'): Promise<Holder> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = await exportJWK(publicKey)
  return { alg, privateKey, jwk, jkt: await calculateJwkThumbprint(jwk) }
}

const holder = await makeHolder()
const stranger = await makeHolder()

interface ProofParts { header?: Record<string, unknown>, claims?: Record<string, unknown>, by?: Holder }

/** A proof that is right but for what is given. An undefined member is left out. */
async function proofOf ({ header, claims, by = holder }: ProofParts = {}): Promise<string> {
  const payload = { htm: 'POST', htu: TOKEN_URL, iat: START, jti: randomUUID(), ...claims }
  const fields = { typ: 'dpop+jwt', alg: by.alg, jwk: by.jwk, ...header }
  return await new CompactSign(Buffer.from(JSON.stringify(payload))).setProtectedHeader(fields as { alg: string }).sign(by.privateKey)
}

const athOf = (token: string) => createHash('sha256').update(token).digest('base64url')
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

interface World { app: FastifyInstance, replays: MemoryReplays, time: { now: number } }

async function worldOf (options: Partial<DPoPTokenTypeOptions> = {}, { before = [], after = [], clients = {}, issuer = ISSUER }: { before?: TokenType[], after?: TokenType[], clients?: Record<string, OAuth2Client>, issuer?: string } = {}): Promise<World> {
  const time = { now: START }
  const now = () => time.now
  const replays = new MemoryReplays()
  const [first, ...others] = [...before, new DPoPTokenType({ replays, now, ...options }), ...after]
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
    .setSecuritySchemeName('demo')
    .setScopes({ 'data:read': 'Read data', 'data:write': 'Write data' })
    .setTokenType(first as TokenType, ...others)
    .getClient((context) => clients[context.clientId] ?? getClient(context))
    .useAccessTokens(new JwtAccessTokens({ issuer, audience: ISSUER, keys: new SigningKeys(new MemoryStore(), { now }), now }))
    .build()
  const app = Fastify({ exposeHeadRoutes: false })
  await app.register(clientCredentialsPlugin, { flow })
  app.get('/data', { preHandler: app.requireScopes('data:read') }, async (request) => request.credentials?.scope)
  app.post('/data', { onRequest: app.requireScopes('data:write') }, async () => 'written')
  return { app, replays, time }
}

function askToken (app: FastifyInstance, proof?: string | string[], id = 'reader') {
  return app.inject({
    method: 'POST',
    url: '/oauth2/token',
    headers: { authorization: basic(id), 'content-type': FORM, ...(proof !== undefined && { dpop: proof }) },
    payload: 'grant_type=client_credentials'
  })
}

async function takeToken (app: FastifyInstance, by = holder, id = 'reader'): Promise<string> {
  const answer = await askToken(app, await proofOf({ by }), id)
  return answer.json().access_token
}

function askData (app: FastifyInstance, token: string, proof?: string, { scheme = 'DPoP', url = '/data' } = {}) {
  return app.inject({ url, headers: { authorization: `${scheme} ${token}`, ...(proof !== undefined && { dpop: proof }) } })
}

const accessProof = (token: string, { claims, ...parts }: ProofParts = {}) => proofOf({ ...parts, claims: { htm: 'GET', htu: DATA_URL, ath: athOf(token), ...claims } })

const ALGS = 'algs="PS256 ES256 EdDSA Ed25519"'
const CHALLENGE = 'DPoP realm="demo", scope="data:read"'
const REFUSED = `${CHALLENGE}, error="invalid_dpop_proof", error_description="The DPoP proof is invalid", resource_metadata="${ISSUER}/.well-known/oauth-protected-resource", ${ALGS}`
const MISSING_PROOF = { error: 'invalid_dpop_proof', error_description: 'A DPoP proof is required' }
const INVALID_PROOF = { error: 'invalid_dpop_proof', error_description: 'The DPoP proof is invalid' }

// The twelve checks

const { d, ...publicMembers } = await exportJWK(holder.privateKey)
const rsa = await makeHolder('RS256')
const hs256 = { alg: 'HS256' }

/** What is wrong with each proof, by the check of §4.3 that finds it. Claims of the token endpoint; a resource has the same checks. */
const WRONG: Record<string, (proof: (parts: ProofParts) => Promise<string>) => Promise<string>> = {
  '2: no JWT': async () => 'nonsense',
  '2: an empty field': async () => ' ',
  '2: two parts only': async (proof) => (await proof({})).split('.').slice(0, 2).join('.'),
  '2: a JWT in JSON serialisation': async (proof) => JSON.stringify((([header, payload, signature]) => ({ protected: header, payload, signature }))((await proof({})).split('.'))),
  '2: a proof of 10,000 characters': (proof) => proof({ claims: { filler: 'x'.repeat(10_000) } }),
  '2: claims that are no object': async () => {
    const fields = { typ: 'dpop+jwt', alg: holder.alg, jwk: holder.jwk }
    return await new CompactSign(Buffer.from('null')).setProtectedHeader(fields).sign(holder.privateKey)
  },
  '3: no jti': (proof) => proof({ claims: { jti: undefined } }),
  '3: an empty jti': (proof) => proof({ claims: { jti: '' } }),
  '3: a jti that is no text': (proof) => proof({ claims: { jti: 5 } }),
  '3: a jti of 257 characters': (proof) => proof({ claims: { jti: 'j'.repeat(257) } }),
  '3: no htm': (proof) => proof({ claims: { htm: undefined } }),
  '3: no htu': (proof) => proof({ claims: { htu: undefined } }),
  '3: no iat': (proof) => proof({ claims: { iat: undefined } }),
  '3: an iat that is a text': (proof) => proof({ claims: { iat: String(START) } }),
  '4: no typ': (proof) => proof({ header: { typ: undefined } }),
  '4: another typ': (proof) => proof({ header: { typ: 'JWT' } }),
  '5: alg none': async (proof) => `${encode({ typ: 'dpop+jwt', alg: 'none', jwk: holder.jwk })}.${(await proof({})).split('.')[1]}.`,
  '5: no alg': async (proof) => [encode({ typ: 'dpop+jwt', jwk: holder.jwk }), ...(await proof({})).split('.').slice(1)].join('.'),
  '5: a symmetric alg': async (proof) => [encode({ typ: 'dpop+jwt', ...hs256, jwk: holder.jwk }), ...(await proof({})).split('.').slice(1)].join('.'),
  '5: an alg that is not taken': (proof) => proof({ by: rsa }),
  '5: an alg that is not the key\'s': async (proof) => [encode({ typ: 'dpop+jwt', alg: 'PS256', jwk: holder.jwk }), ...(await proof({})).split('.').slice(1)].join('.'),
  '6: the signature of another key': (proof) => proof({ header: { jwk: stranger.jwk } }),
  '6: a signature in DER': async (proof) => {
    const signed = (await proof({})).split('.').slice(0, 2).join('.')
    const { KeyObject } = await import('node:crypto')
    return `${signed}.${createSign('sha256').update(signed).sign(KeyObject.from(holder.privateKey)).toString('base64url')}`
  },
  '6: claims that were changed': async (proof) => {
    const [header, payload = '', signature] = (await proof({})).split('.')
    return [header, encode({ ...decodeJwt(`${header}.${payload}.`), jti: 'other' }), signature].join('.')
  },
  '7: no jwk': (proof) => proof({ header: { jwk: undefined } }),
  '7: a jwk that is no object': (proof) => proof({ header: { jwk: 'key' } }),
  '7: a jwk that is a list': (proof) => proof({ header: { jwk: [holder.jwk] } }),
  '7: a private jwk': (proof) => proof({ header: { jwk: { ...publicMembers, d } } }),
  ...Object.fromEntries(['p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'].map((name) => [
    `7: a jwk with the private member ${name}`, (proof: (parts: ProofParts) => Promise<string>) => proof({ header: { jwk: { ...publicMembers, [name]: 'AA' } } })
  ])),
  '7: a symmetric jwk': (proof) => proof({ header: { jwk: { kty: 'oct', k: 'c2VjcmV0' } } }),
  '7: a jwk off the curve': (proof) => proof({ header: { jwk: { ...holder.jwk, x: holder.jwk.y } } }),
  '8: another method': (proof) => proof({ claims: { htm: 'DELETE' } }),
  '8: the method in small letters': (proof) => proof({ claims: { htm: 'post' } }),
  '9: another path': (proof) => proof({ claims: { htu: `${ISSUER}/other` } }),
  '9: another host': (proof) => proof({ claims: { htu: 'https://evil.example/oauth2/token' } }),
  '9: another port': (proof) => proof({ claims: { htu: 'https://api.example:8443/oauth2/token' } }),
  '9: another scheme': (proof) => proof({ claims: { htu: 'http://api.example/oauth2/token' } }),
  '9: with a user': (proof) => proof({ claims: { htu: 'https://user@api.example/oauth2/token' } }),
  '9: with a password': (proof) => proof({ claims: { htu: 'https://:pw@api.example/oauth2/token' } }),
  '9: an encoded slash': (proof) => proof({ claims: { htu: `${ISSUER}/oauth2%2ftoken` } }),
  '9: a path in other letters': (proof) => proof({ claims: { htu: `${ISSUER}/OAUTH2/token` } }),
  '9: no URL': (proof) => proof({ claims: { htu: '/oauth2/token' } }),
  '11: an hour old': (proof) => proof({ claims: { iat: START - 3600 } }),
  '11: sixty seconds old': (proof) => proof({ claims: { iat: START - 60 } }),
  '11: an hour ahead': (proof) => proof({ claims: { iat: START + 3600 } }),
  '11: eleven seconds ahead': (proof) => proof({ claims: { iat: START + 11 } }),
  '2: critical extensions': async (proof) => [encode({ typ: 'dpop+jwt', alg: 'ES256', jwk: holder.jwk, crit: ['exp'], exp: 1 }), ...(await proof({})).split('.').slice(1)].join('.')
}

test('RFC 9449 §4.3: check 1: exactly one DPoP field', async (t) => {
  const { app } = await worldOf()
  t.teardown(() => app.close())
  const body = 'grant_type=client_credentials'
  const send = (...fields: string[]) => exchange(app, 'POST /oauth2/token', [
    `authorization: ${basic('reader')}`, `content-type: ${FORM}`, ...fields, `content-length: ${body.length}`
  ], body)
  t.equal((await send(`DPoP: ${await proofOf()}`)).statusCode, 200)
  t.equal((await send(`DPOP: ${await proofOf()}`)).statusCode, 200, 'whatever the case of its name')
  for (const fields of [[`DPoP: ${await proofOf()}`, `DPoP: ${await proofOf()}`], [`DPoP: ${await proofOf()}`, 'DPoP: x'], ['DPoP: a.b.c, d.e.f']]) {
    const refused = await send(...fields)
    t.equal(refused.statusCode, 400)
    t.strictSame(JSON.parse(refused.body), INVALID_PROOF)
  }
})

for (const [name, make] of Object.entries(WRONG)) {
  test(`RFC 9449 §4.3: check ${name}: refused at the token endpoint and at the resource`, async (t) => {
    const { app, replays } = await worldOf()
    const refused = await askToken(app, await make(proofOf))
    t.equal(refused.statusCode, 400, '§5: 400 at the token endpoint')
    t.strictSame(refused.json(), INVALID_PROOF)
    t.equal(refused.headers['cache-control'], 'no-store')
    t.equal(refused.headers['dpop-nonce'], undefined)
    t.equal(replays.reserved.size, 0, 'nothing is remembered of it')

    const token = await takeToken(app)
    // The wrong htu and htm of the token endpoint are wrong here too.
    const proof = await make(({ claims, ...parts }) => accessProof(token, { ...parts, claims: { ...claims } }))
    const denied = await askData(app, token, proof)
    t.equal(denied.statusCode, 401, '§7.1: 401 at the resource')
    t.strictSame(denied.json(), INVALID_PROOF)
    t.equal(denied.headers['www-authenticate'], REFUSED)
    t.equal((await askData(app, token, await accessProof(token))).statusCode, 200, 'a right one is taken')
  })
}

test('RFC 9449 §4.3: check 9: the URL is compared without query and fragment, and normalised (RFC 3986 §6.2.2, §6.2.3)', async (t) => {
  const { app } = await worldOf()
  const same = [TOKEN_URL, `${TOKEN_URL}?x=1`, `${TOKEN_URL}#f`, 'HTTPS://API.example/oauth2/token', 'https://api.example:443/oauth2/token', `${ISSUER}/oauth2/%74oken`, `${ISSUER}/oauth2/tok%65n`, `${ISSUER}/x/../oauth2/token`, `${ISSUER}/oauth2/./token`]
  for (const htu of same) t.equal((await askToken(app, await proofOf({ claims: { htu } }))).statusCode, 200, htu)
  const token = await takeToken(app)
  const odd = await askData(app, token, await accessProof(token), { url: '/data?x=1' })
  t.equal(odd.statusCode, 200, 'nor the query of the request')
  const foreign = await app.inject({ url: '/data', headers: { host: 'evil.example', authorization: `DPoP ${token}`, dpop: await accessProof(token, { claims: { htu: 'https://evil.example/data' } }) } })
  t.equal(foreign.statusCode, 401, 'the Host field is no authority')
  t.equal((await app.inject({ url: '/data', headers: { host: 'evil.example', authorization: `DPoP ${token}`, dpop: await accessProof(token) } })).statusCode, 200)
})

test('RFC 9449 §4.3: check 9: a proof for one path opens no other, however a router reads that', async (t) => {
  const { app } = await worldOf()
  app.get('/admin/*', { preHandler: app.requireScopes('data:read') }, async () => 'admin')
  const token = await takeToken(app)
  const ask = async (url: string, htu: string) => {
    const dpop = await accessProof(token, { claims: { htu } })
    return (await exchange(app, `GET ${url}`, [`authorization: DPoP ${token}`, `dpop: ${dpop}`])).statusCode
  }
  t.teardown(() => app.close())
  for (const url of ['/admin/../data', '/admin/%2e%2E/data', '/admin/.%2e/data', '/admin/x/../../data', '/admin/x\\..\\..\\data', 'http://api.example/admin/../data']) {
    t.equal(await ask(url, DATA_URL), 401, url)
    t.equal(await ask(url, `${ISSUER}/`), 401, url)
  }
  t.equal(await ask('/admin/x', `${ISSUER}/admin/x`), 200)
  t.equal(await ask('http://api.example/admin/x', `${ISSUER}/admin/x`), 200)
  t.equal(await ask('/admin/../data', `${ISSUER}/admin/../data`), 200, 'it is what the proof says')
})

test('RFC 9449 §4.3: an API is at the URL that its tokens are for, where the issuer has another', async (t) => {
  const issuer = 'https://as.example'
  const { app } = await worldOf({}, { issuer })
  const issued = await askToken(app, await proofOf({ claims: { htu: `${issuer}/oauth2/token` } }))
  t.equal(issued.statusCode, 200)
  const token = issued.json().access_token
  t.equal((await askData(app, token, await accessProof(token))).statusCode, 200)
  t.equal((await askData(app, token, await accessProof(token, { claims: { htu: `${issuer}/data` } }))).statusCode, 401)
})

test('RFC 9449 §11.6: an RSA key is taken that costs no more to verify by than is usual', async (t) => {
  const { app } = await worldOf()
  const strong = await makeHolder('PS256')
  t.equal((await askToken(app, await proofOf({ by: strong }))).statusCode, 200)
  for (const jwk of [{ ...strong.jwk, n: 'x'.repeat(1368) }, { ...strong.jwk, e: 'x'.repeat(7) }, { ...strong.jwk, n: { toString: 1 } }, { ...strong.jwk, e: [] }]) {
    t.strictSame((await askToken(app, await proofOf({ by: strong, header: { jwk } }))).json(), INVALID_PROOF)
  }
})

test('RFC 9449 §4.3: check 9: behind a proxy that takes a path away, the option origin has it', async (t) => {
  const { flow } = await flowFor()
  const app = Fastify()
  await app.register(clientCredentialsPlugin, { flow, origin: 'https://public.example/base/' })
  t.equal((await askToken(app, await proofOf({ claims: { htu: 'https://public.example/base/oauth2/token' } }))).statusCode, 200)
  t.equal((await askToken(app, await proofOf())).statusCode, 400)
})

async function flowFor () {
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
    .setTokenType(new DPoPTokenType({ replays: new MemoryReplays(), now: () => START }))
    .getClient(getClient).generateAccessToken(({ confirmation }) => `token.${confirmation?.jkt}`)
    .verifyToken((token, { confirmation }) => ({ isValid: true, credentials: { app: { id: token }, scope: '' }, ...(confirmation && { confirmation }) }))
    .build()
  return { flow }
}

test('RFC 9449 §4.3: check 9: a web Request says by which URL it came', async (t) => {
  const { flow } = await flowFor()
  const ask = async (htu: string) => await flow.token(new Request('https://web.example/oauth2/token', {
    method: 'POST', headers: { authorization: basic('reader'), dpop: await proofOf({ claims: { htu } }) }, body: new URLSearchParams({ grant_type: 'client_credentials' })
  }))
  t.match(await ask('https://web.example/oauth2/token'), { success: true, tokenResponse: { token_type: 'DPoP', access_token: `token.${holder.jkt}` } })
  t.match(await ask(TOKEN_URL), { success: false, error: { code: 'invalid_dpop_proof' } })
  const token = `token.${holder.jkt}`
  const dpop = await accessProof(token, { claims: { htu: 'https://web.example/data' } })
  t.match(await flow.verifyToken(new Request('https://web.example/data', { headers: { authorization: `DPoP ${token}`, dpop } })), { success: true })
  // As some servers hand on a request target that is a whole URL.
  const settings = settingsOf(flow)
  const { verifyRequest } = await import('../../src/resource-server/verify-request.ts')
  const plain = async (url: string, htu: string) => {
    const fields: Record<string, string> = { authorization: `DPoP ${token}`, dpop: await accessProof(token, { claims: { htu } }) }
    return await verifyRequest(settings, { method: 'GET', url, origin: 'https://web.example', header: (name) => fields[name] })
  }
  t.ok(await plain('http://evil.example/data?x', 'https://web.example/data'))
  await t.rejects(plain('http://evil.example/data', 'http://evil.example/data'), { code: 'invalid_dpop_proof' })
  await t.rejects(plain('*', 'https://web.example/*'), { code: 'invalid_dpop_proof' })
  await t.rejects(async () => await verifyRequest(settings, { method: 'GET', url: '/data', header: (name) => ({ authorization: `DPoP ${token}`, dpop })[name] }), { code: 'server_error' })
})

test('RFC 9449 §4.3: check 11: ten seconds before and after, and with nbf and exp of its own', async (t) => {
  const { app } = await worldOf()
  for (const claims of [{ iat: START - 10 }, { iat: START + 10 }, { iat: START - 59 }, { iat: START + 0.5 }, { nbf: START, exp: START + 300 }, { extra: { claim: true } }]) {
    t.equal((await askToken(app, await proofOf({ claims }))).statusCode, 200, JSON.stringify(claims))
  }
  t.equal((await askToken(app, await proofOf({ header: { extra: 'field', kid: 'mine' } }))).statusCode, 200)
})

test('RFC 9449 §4.3: check 12: the ath is the hash of the token, and the key is the one that the token is bound to', async (t) => {
  const { app } = await worldOf()
  const token = await takeToken(app)
  const other = await takeToken(app)
  for (const ath of [undefined, athOf(other), athOf(token).toUpperCase(), 5]) {
    const refused = await askData(app, token, await accessProof(token, { claims: { ath } }))
    t.equal(refused.statusCode, 401)
    t.equal(refused.headers['www-authenticate'], REFUSED)
  }
  const stolen = await askData(app, token, await accessProof(token, { by: stranger }))
  t.equal(stolen.statusCode, 401)
  t.match(stolen.json(), { error: 'invalid_token' })
  t.match(stolen.headers['www-authenticate'], `${CHALLENGE}, error="invalid_token"`)
})

for (const alg of ['PS256', 'ES256', 'EdDSA', 'Ed25519']) {
  test(`RFC 9449 §11.6: a proof by ${alg} is taken`, async (t) => {
    const { app } = await worldOf()
    const by = await makeHolder(alg)
    const token = await takeToken(app, by)
    t.equal((await askData(app, token, await accessProof(token, { by }))).statusCode, 200)
  })
}

test('RFC 9449 §11.6: the algorithms are those that are set', async (t) => {
  const { app } = await worldOf({ algorithms: ['RS256'] })
  t.equal((await askToken(app, await proofOf({ by: rsa }))).statusCode, 200)
  t.equal((await askToken(app, await proofOf())).statusCode, 400)
})

// The token endpoint

test('RFC 9449 §5, §6.1: the answer says DPoP, and the token is bound to the thumbprint of the key', async (t) => {
  const { app } = await worldOf()
  const answer = await askToken(app, await proofOf())
  t.equal(answer.json().token_type, 'DPoP')
  t.strictSame(decodeJwt(answer.json().access_token).cnf, { jkt: holder.jkt })
})

test('RFC 9449 §5: without Bearer a proof is mandatory', async (t) => {
  const { app } = await worldOf()
  const refused = await askToken(app)
  t.equal(refused.statusCode, 400)
  t.strictSame(refused.json(), MISSING_PROOF)
})

test('RFC 9449 §5: with Bearer beside it, whichever comes first, a request without proof gets a bearer token', async (t) => {
  for (const order of [[new BearerTokenType()], []]) {
    const { app } = await worldOf({}, { before: order, after: order.length === 0 ? [new BearerTokenType()] : [] })
    t.equal((await askToken(app)).json().token_type, 'Bearer')
    t.equal((await askToken(app, await proofOf())).json().token_type, 'DPoP')
  }
})

test('RFC 9449 §5: without Bearer among several, the first says what is missing', async (t) => {
  const { app } = await worldOf({}, { after: [new CertificateBoundTokenType()] })
  t.strictSame((await askToken(app)).json(), MISSING_PROOF)
})

test('RFC 9449 §5.1: the metadata of server and resource name the algorithms', async (t) => {
  const { app } = await worldOf()
  const algorithms = ['PS256', 'ES256', 'EdDSA', 'Ed25519']
  const server = (await app.inject('/.well-known/oauth-authorization-server')).json()
  t.strictSame(server.dpop_signing_alg_values_supported, algorithms)
  const resource = (await app.inject('/.well-known/oauth-protected-resource')).json()
  t.strictSame([resource.dpop_signing_alg_values_supported, resource.dpop_bound_access_tokens_required], [algorithms, true])
  const { app: both } = await worldOf({}, { before: [new BearerTokenType()] })
  t.notOk('dpop_bound_access_tokens_required' in (await both.inject('/.well-known/oauth-protected-resource')).json())
})

const bound = (metadata: Record<string, unknown>): OAuth2Client => ({ id: 'bound', grants: ['client_credentials'], scopes: ['data:read'], metadata })

test('RFC 9449 §5.2: a client that is registered for bound tokens gets no other', async (t) => {
  const clients = { bound: bound({ dpop_bound_access_tokens: true }), certified: bound({ tls_client_certificate_bound_access_tokens: true }) }
  const { app } = await worldOf({}, { before: [new BearerTokenType()], clients })
  const refused = await askToken(app, undefined, 'bound')
  t.equal(refused.statusCode, 400)
  t.strictSame(refused.json(), MISSING_PROOF)
  t.equal((await askToken(app, await proofOf(), 'bound')).json().token_type, 'DPoP')
  t.equal((await askToken(app)).json().token_type, 'Bearer', 'others get the default')
  t.match((await askToken(app, await proofOf(), 'certified')).json(), { error: 'invalid_request' }, 'and none by a proof of another kind')
})

test('RFC 9449 §5.2: what a database has for true is not taken for false', async (t) => {
  const clients = { bound: bound({ dpop_bound_access_tokens: 1 }), certified: bound({ tls_client_certificate_bound_access_tokens: 'true' }), free: bound({ dpop_bound_access_tokens: null }) }
  const { app } = await worldOf({}, { before: [new BearerTokenType()], clients })
  t.equal((await askToken(app, undefined, 'bound')).statusCode, 500)
  t.equal((await askToken(app, undefined, 'certified')).statusCode, 500)
  t.equal((await askToken(app, undefined, 'free')).json().token_type, 'Bearer')
})

test('RFC 9449 §5: a proof is checked behind the client, so that failed authentication uses none up', async (t) => {
  const { app, replays } = await worldOf()
  const proof = await proofOf()
  const unknown = await app.inject({ method: 'POST', url: '/oauth2/token', headers: { authorization: basic('reader', 'wrong'), 'content-type': FORM, dpop: proof }, payload: 'grant_type=client_credentials' })
  t.equal(unknown.statusCode, 401)
  t.equal(replays.reserved.size, 0)
  t.equal((await askToken(app, proof)).statusCode, 200)
})

// The resource

test('RFC 9449 §7.1: the scheme is DPoP, in any case', async (t) => {
  const { app } = await worldOf()
  const token = await takeToken(app)
  for (const scheme of ['DPoP', 'dpop', 'dPOP']) t.equal((await askData(app, token, await accessProof(token), { scheme })).statusCode, 200, scheme)
})

test('RFC 9449 §7.1: no proof with a token is a refusal', async (t) => {
  const { app } = await worldOf()
  const refused = await askData(app, await takeToken(app))
  t.equal(refused.statusCode, 401)
  t.equal(refused.headers['www-authenticate'], REFUSED.replace('The DPoP proof is invalid', 'A DPoP proof is required'))
})

test('RFC 9449 §7.2: a bound token is no bearer token, nor the other way round', async (t) => {
  const { app } = await worldOf({}, { before: [new BearerTokenType()] })
  const token = await takeToken(app)
  const plain = (await askToken(app)).json().access_token
  for (const proof of [undefined, await accessProof(token)]) {
    const downgraded = await askData(app, token, proof, { scheme: 'Bearer' })
    t.equal(downgraded.statusCode, 401)
    t.match(downgraded.json(), { error: 'invalid_token' })
  }
  t.equal((await askData(app, plain, undefined, { scheme: 'Bearer' })).statusCode, 200)
  t.match((await askData(app, plain, await accessProof(plain))).json(), { error: 'invalid_token' })
})

test('RFC 9449 §7.1: as in figures 17 to 19, every scheme is offered, and the error stands with the one that was used', async (t) => {
  const { app } = await worldOf({}, { before: [new BearerTokenType()] })
  const metadata = `resource_metadata="${ISSUER}/.well-known/oauth-protected-resource"`
  const common = 'realm="demo", scope="data:read"'
  const [bearer, dpop] = [`Bearer ${common}, ${metadata}`, `DPoP ${common}, ${metadata}, ${ALGS}`]
  const withError = (scheme: string, code: string, description: string, rest = '') => `${scheme} ${common}, error="${code}", error_description="${description}", ${metadata}${rest}`
  const challengeOf = async (authorization?: string, proof?: string) => {
    const answer = await app.inject({ url: '/data', headers: { ...(authorization && { authorization }), ...(proof && { dpop: proof }) } })
    return [answer.statusCode, answer.headers['www-authenticate']]
  }
  t.strictSame(await challengeOf(), [401, `${bearer}, ${dpop}`], 'figure 17: nothing was sent')
  t.strictSame(await challengeOf('Basic YTpi'), [401, `${bearer}, ${dpop}`], 'another scheme')
  t.strictSame(await challengeOf('DPoP token'), [401, `${withError('DPoP', 'invalid_dpop_proof', 'A DPoP proof is required', `, ${ALGS}`)}, ${bearer}`], 'figure 18, the scheme that was used first')
  t.strictSame(await challengeOf('Bearer token'), [401, `${withError('Bearer', 'invalid_token', 'The access token is invalid')}, ${dpop}`])

  const token = await takeToken(app)
  const lacking = await app.inject({ method: 'POST', url: '/data', headers: { authorization: `DPoP ${token}`, dpop: await accessProof(token, { claims: { htm: 'POST' } }) } })
  t.equal(lacking.statusCode, 403)
  t.match(lacking.headers['www-authenticate'], /^DPoP realm="demo", scope="data:write", error="insufficient_scope"[^,]*, .*, Bearer realm="demo", scope="data:write", resource_metadata="[^"]*"$/)

  t.teardown(() => app.close())
  const twice = await exchange(app, 'GET /data', ['authorization: Bearer a', 'authorization: DPoP b'])
  t.equal(twice.statusCode, 400, 'figure 19: two Authorization fields')
  t.equal(String(twice.headers['www-authenticate']).match(/error="invalid_request"/g)?.length, 2)
})

// Points of small order (RFC 8032 §5.1): the neutral one, and those of order 2, 4 and 8, with either sign.
const SMALL_ORDER = ['01' + '00'.repeat(31), 'ec' + 'ff'.repeat(30) + '7f', '00'.repeat(32), '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a']
  .flatMap((hex) => [0, 0x80].map((sign) => {
    const point = Buffer.from(hex, 'hex')
    point[31]! |= sign
    return point
  }))

test('RFC 9449 §4.3: a key for which anybody can sign proves nothing', async (t) => {
  const { app } = await worldOf({ algorithms: ['EdDSA', 'RS256'] })
  const refused = async (jwk: JWK, alg: string, signature: Buffer, message: string) => {
    const input = `${encode({ typ: 'dpop+jwt', alg, jwk })}.${encode({ htm: 'POST', htu: TOKEN_URL, iat: START, jti: randomUUID() })}`
    t.match((await askToken(app, `${input}.${signature.toString('base64url')}`)).json(), INVALID_PROOF, message)
  }
  for (const point of SMALL_ORDER) {
    // R is the neutral point and S is 0: right for every message.
    const signature = Buffer.from([1, ...Buffer.alloc(63)])
    const x = point.toString('base64url')
    t.match(weaknessOf({ kty: 'OKP', crv: 'Ed25519', x }), 'small order', x)
    await refused({ kty: 'OKP', crv: 'Ed25519', x }, 'EdDSA', signature, x)
  }
  // With the exponent 1, a signature is its own padded hash (RFC 8017 §8.2.2).
  for (const e of ['AQ', 'AAE', 'Ag', 'AQAA']) await refused({ kty: 'RSA', n: rsa.jwk.n!, e }, 'RS256', Buffer.alloc(256, 1), e)
})

test('RFC 7518 §3.3: weak keys are told from others, however they are written', async (t) => {
  const n = Buffer.from(rsa.jwk.n!, 'base64url')
  const withN = (modulus: Buffer) => ({ kty: 'RSA', n: modulus.toString('base64url'), e: 'AQAB' })
  const point = Buffer.alloc(32, 0xFF)
  const WEAK: Record<string, JWK> = {
    'no modulus': { kty: 'RSA', e: 'AQAB' },
    'an even modulus': withN(Buffer.from(n.with(-1, 0))),
    'a short modulus': withN(n.subarray(1)),
    'a short modulus behind zeros': withN(Buffer.concat([Buffer.alloc(64), n.subarray(64)])),
    'a long modulus': withN(Buffer.concat([n, n, n, n, n])),
    'a modulus of 3 times something': withN(Buffer.from((BigInt(`0x${n.subarray(1).toString('hex')}`) * 3n << 8n | 0n).toString(16).padStart(512, '0'), 'hex')),
    'an exponent of 33 bits': { ...rsa.jwk, e: 'AQAAAAE' },
    'an exponent that is no text': { ...rsa.jwk, e: 3 as never },
    'a point of another length': { kty: 'OKP', crv: 'Ed25519', x: 'AQ' },
    'no point': { kty: 'OKP', crv: 'Ed25519' },
    'a point beyond the prime': { kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') },
    'the neutral point of Ed448': { kty: 'OKP', crv: 'Ed448', x: Buffer.from([1, ...Buffer.alloc(56)]).toString('base64url') }
  }
  for (const [what, jwk] of Object.entries(WEAK)) t.type(weaknessOf(jwk), 'string', what)
  for (const alg of ['RS256', 'ES256', 'EdDSA']) t.equal(weaknessOf((await makeHolder(alg)).jwk), undefined, alg)
  t.equal(weaknessOf({ ...rsa.jwk, e: 'Aw' }), undefined, 'the exponent 3')
  t.equal(weaknessOfKey(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey), undefined)
  t.type(weaknessOfKey(generateKeyPairSync('rsa-pss', { modulusLength: 1024 }).publicKey), 'string')
  t.type(weaknessOfKey(generateKeyPairSync('x25519').publicKey), 'string')
  t.equal(weaknessOfKey(generateKeyPairSync('ed448').publicKey), undefined)
})

test("RFC 9449 §4.3: behind Fastify's rewriteUrl, the htu is compared with the URL that the client sent", async (t) => {
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
    .setSecuritySchemeName('demo').setScopes({ 'data:read': 'Read data' })
    .setTokenType(new DPoPTokenType({ replays: new MemoryReplays(), now: () => START }))
    .getClient(getClient)
    .useAccessTokens(new JwtAccessTokens({ issuer: ISSUER, audience: ISSUER, keys: new SigningKeys(new MemoryStore(), { now: () => START }), now: () => START }))
    .build()
  const app = Fastify({ rewriteUrl: ({ url }) => url!.replace(/^\/v1(?=\/)/, '').replace('~', '?access_token=') })
  await app.register(clientCredentialsPlugin, { flow })
  app.get('/data', { preHandler: app.requireScopes('data:read') }, async () => 'read')
  const ask = async (htu: string) => await app.inject({
    method: 'POST', url: '/v1/oauth2/token', headers: { authorization: basic('reader'), 'content-type': FORM, dpop: await proofOf({ claims: { htu } }) }, payload: 'grant_type=client_credentials'
  })
  t.equal((await ask(TOKEN_URL)).statusCode, 400)
  const issued = await ask(`${ISSUER}/v1/oauth2/token`)
  t.equal(issued.statusCode, 200)
  const token = issued.json().access_token
  const read = async (url: string, htu: string) => (await askData(app, token, await accessProof(token, { claims: { htu } }), { url })).statusCode
  t.equal(await read('/v1/data', DATA_URL), 401)
  t.equal(await read('/v1/data', `${ISSUER}/v1/data`), 200)
  t.equal(await read('/v1/data?access_token=x', `${ISSUER}/v1/data`), 400, 'a token in the query that the client sent')
  t.equal(await read('/v1/data~x', `${ISSUER}/v1/data~x`), 200, 'and not in one that was written here')
})

// Nonces

const nonceOf = (answer: { headers: Record<string, unknown> }) => answer.headers['dpop-nonce'] as string

test('RFC 9449 §8: without the nonce of the server, 400 use_dpop_nonce with exactly one', async (t) => {
  const { app } = await worldOf({ nonceKey: NONCE_KEY })
  const refused = await askToken(app, await proofOf())
  t.equal(refused.statusCode, 400)
  t.strictSame(refused.json(), { error: 'use_dpop_nonce', error_description: 'The DPoP proof must have the nonce of this answer' })
  t.match(nonceOf(refused), /^[\x21\x23-\x5B\x5D-\x7E]+$/, '§8.1: NQCHAR')
  t.equal(refused.headers['cache-control'], 'no-store')
  t.equal(refused.headers['access-control-expose-headers'], 'DPoP-Nonce, WWW-Authenticate', 'scripts of other origins may read it')
  t.equal((await askToken(app, await proofOf({ claims: { nonce: nonceOf(refused) } }))).statusCode, 200)
})

test('RFC 9449 §9: without the nonce of the resource, 401 with the challenge and the nonce', async (t) => {
  const { app } = await worldOf({ nonceKey: NONCE_KEY })
  const nonce = nonceOf(await askToken(app, await proofOf()))
  const token = (await askToken(app, await proofOf({ claims: { nonce } }))).json().access_token
  const refused = await askData(app, token, await accessProof(token))
  t.equal(refused.statusCode, 401)
  t.match(refused.headers['www-authenticate'], `${CHALLENGE}, error="use_dpop_nonce"`)
  t.equal((await askData(app, token, await accessProof(token, { claims: { nonce } }))).statusCode, 200, 'the nonce of the token endpoint')
  t.equal((await askData(app, token, await accessProof(token, { claims: { nonce: nonceOf(refused) } }))).statusCode, 200)
  t.equal((await askToken(app, await proofOf({ claims: { nonce: nonceOf(refused) } }))).statusCode, 200, 'the nonce of the resource at the token endpoint')
})

test('RFC 9449 §11.3: a wrong nonce is refused, and a proof without one once they are wanted', async (t) => {
  const { app } = await worldOf({ nonceKey: NONCE_KEY })
  for (const nonce of ['x', '', 5, nonceOf(await (await worldOf({ nonceKey: 'm'.repeat(32) })).app.inject({ method: 'POST', url: '/oauth2/token', headers: { authorization: basic('reader'), 'content-type': FORM, dpop: await proofOf() }, payload: 'grant_type=client_credentials' }))]) {
    t.match((await askToken(app, await proofOf({ claims: { nonce } }))).json(), { error: 'use_dpop_nonce' })
  }
})

test('RFC 9449 §8: nonces rotate, and the one before the last rotation is still taken', async (t) => {
  const { app, time } = await worldOf({ nonceKey: NONCE_KEY })
  const first = nonceOf(await askToken(app, await proofOf()))
  const statusAfter = async (seconds: number) => {
    time.now = START + seconds
    return (await askToken(app, await proofOf({ claims: { nonce: first, iat: time.now } }))).statusCode
  }
  t.equal(await statusAfter(0), 200)
  t.equal(await statusAfter(120), 200)
  t.not(nonceOf(await askToken(app, await proofOf({ claims: { iat: time.now } }))), first)
  t.equal(await statusAfter(240), 400)
})

test('RFC 9449 §8: processes with the same key take each other\'s nonces', async (t) => {
  const [first, second] = [await worldOf({ nonceKey: NONCE_KEY }), await worldOf({ nonceKey: NONCE_KEY })]
  const nonce = nonceOf(await askToken(first.app, await proofOf()))
  t.equal((await askToken(second.app, await proofOf({ claims: { nonce } }))).statusCode, 200)
})

// Replay

test('RFC 9449 §11.1: a proof is taken once, at the token endpoint and at the resource', async (t) => {
  const { app, replays } = await worldOf()
  const proof = await proofOf()
  t.equal((await askToken(app, proof)).statusCode, 200)
  t.strictSame((await askToken(app, proof)).json(), INVALID_PROOF)
  const token = await takeToken(app)
  const access = await accessProof(token)
  t.equal((await askData(app, token, access)).statusCode, 200)
  const replayed = await askData(app, token, access)
  t.equal(replayed.statusCode, 401)
  t.equal(replayed.headers['www-authenticate'], REFUSED)
  t.ok([...replays.reserved.keys()].every((key) => key.length === 43), 'only a hash is kept')
})

test('RFC 9449 §11.1: it is remembered for as long as it would be taken', async (t) => {
  for (const iat of [START - 30, START, START + 10]) {
    const { app, replays } = await worldOf()
    await askToken(app, await proofOf({ claims: { iat } }))
    t.strictSame([...replays.reserved.values()], [iat + 60])
  }
})

test('RFC 9449 §11.1: one that becomes too old on the way to the store is not taken: nobody remembers then whether it was used', async (t) => {
  const time = { now: START }
  const { app } = await worldOf({ replays: new SlowReplays(time), now: () => time.now })
  const proof = await proofOf()
  t.equal((await askToken(app, proof)).statusCode, 200)
  const token = await takeToken(app)
  const access = await accessProof(token)
  t.equal((await askData(app, token, access)).statusCode, 200)

  for (const before of [2, 1]) {
    time.now = START + 60 - before
    t.strictSame((await askToken(app, proof)).json(), INVALID_PROOF, 'at the token endpoint')
    time.now = START + 60 - before
    t.equal((await askData(app, token, access)).statusCode, 401, 'at the resource')
  }
  time.now = START + 58
  t.equal((await askToken(app, await proofOf())).statusCode, 200, 'just in time')
  t.strictSame((await askToken(app, await proofOf())).json(), INVALID_PROOF, 'too late, and never used')
})

test('RFC 9449 §11.1: two clients may have the same jti', async (t) => {
  const { app } = await worldOf()
  const claims = { jti: 'same' }
  t.equal((await askToken(app, await proofOf({ claims }))).statusCode, 200)
  t.equal((await askToken(app, await proofOf({ claims, by: stranger }))).statusCode, 200)
})

test('RFC 9449 §11.1: of many uses at once, one is taken', async (t) => {
  const { app } = await worldOf()
  const proof = await proofOf()
  const statuses = await Promise.all(Array.from({ length: 50 }, async () => (await askToken(app, proof)).statusCode))
  t.equal(statuses.filter((status) => status === 200).length, 1)
  const token = await takeToken(app)
  const access = await accessProof(token)
  const answers = await Promise.all(Array.from({ length: 50 }, async () => (await askData(app, token, access)).statusCode))
  t.equal(answers.filter((status) => status === 200).length, 1)
})

test('RFC 9449 §11.1: nothing is remembered of a proof whose token is wrong: a stranger fills no store', async (t) => {
  const { app, replays } = await worldOf()
  t.equal((await askData(app, 'wrong', await accessProof('wrong'))).statusCode, 401)
  t.equal(replays.reserved.size, 0)
})

test('RFC 9449 §11.1: a store of replays that is away refuses: 503, never 200 and never 401', async (t) => {
  let isAway = false
  const replays = { reserve: async () => { if (isAway) throw new StoreUnavailableError(new Error('refused')); return true } }
  const { app } = await worldOf({ replays })
  const token = await takeToken(app)
  isAway = true
  t.equal((await askToken(app, await proofOf())).statusCode, 503)
  t.equal((await askData(app, token, await accessProof(token))).statusCode, 503)
})

test('A DPoPTokenType is refused that could not do its work', async (t) => {
  const replays = new MemoryReplays()
  const wrong = [{}, { replays: {} }, { replays, algorithms: [] }, { replays, algorithms: ['HS256'] }, { replays, algorithms: ['ES256', 'HS256'] }, { replays, algorithms: 'ES256' }, { replays, nonceKey: 'short' }, { replays, nonceKey: 5 }, { replays, maxAge: 0 }, { replays, maxAge: 1.5 }]
  for (const options of wrong) {
    t.throws(() => new DPoPTokenType(options as DPoPTokenTypeOptions), { code: 'FST_OAUTH_INVALID_DPOP', message: FLOW_ERRORS.FST_OAUTH_INVALID_DPOP }, JSON.stringify(options))
  }
  t.ok(new DPoPTokenType({ replays }))
})
