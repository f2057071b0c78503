import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import jwt from '@fastify/jwt'
import type { FastifyJWTOptions } from '@fastify/jwt'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { test } from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, { fastifyJwtTokens, PLUGIN_ERRORS } from '../plugin/index.ts'
import type { AuthCredentials, FastifyJwt, FastifyJwtTokensOptions, TokenType } from '../plugin/index.ts'
import { basic, demoBuilder, FORM, TOKEN_PATH } from './support/demo.ts'

const ISSUER = 'https://as.example'
const AUDIENCE = 'https://api.example'
const READ = 'data:read'
const LIFETIME = 1800

const INVALID = 'The access token is invalid'
const EXPIRED = 'The access token has expired'
const NOT_OURS = 'The access token is not of this server'
const OTHER_AUDIENCE = 'The access token is for another audience'

type Algorithm = 'ES256' | 'RS256' | 'EdDSA' | 'HS256'
type Members = Record<string, unknown>

const ALGORITHMS: readonly Algorithm[] = ['ES256', 'RS256', 'EdDSA', 'HS256']
const HMAC_KEY = 'a secret of more than thirty-two characters'

const makePair = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  EdDSA: () => generateKeyPairSync('ed25519')
}
const pairs = { ES256: makePair.ES256(), RS256: makePair.RS256(), EdDSA: makePair.EdDSA() }

const privatePem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }) as string
const publicPem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }) as string
const secretOf = (algorithm: Algorithm) => algorithm === 'HS256'
  ? HMAC_KEY
  : { private: privatePem(pairs[algorithm].privateKey), public: publicPem(pairs[algorithm].publicKey) }

const now = () => Math.floor(Date.now() / 1000)
const encode = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const decode = (segment = '') => JSON.parse(Buffer.from(segment, 'base64url').toString()) as Members

/** Signs any text as an algorithm does. */
function signatureOf (algorithm: Algorithm, input: string, key: KeyObject | string): string {
  if (typeof key === 'string') return createHmac('sha256', key).update(input).digest('base64url')
  const dsaEncoding = 'ieee-p1363'
  return sign(algorithm === 'EdDSA' ? null : 'sha256', Buffer.from(input), { key, dsaEncoding }).toString('base64url')
}

/** Makes tokens as the application does, and worse ones. */
class Forge {
  readonly algorithm: Algorithm
  readonly key: KeyObject | string

  constructor (algorithm: Algorithm) {
    this.algorithm = algorithm
    this.key = algorithm === 'HS256' ? HMAC_KEY : pairs[algorithm].privateKey
  }

  get header (): Members {
    return { alg: this.algorithm, typ: 'at+jwt' }
  }

  get claims (): Members {
    return { iss: ISSUER, aud: AUDIENCE, sub: 'reader', client_id: 'reader', jti: 'one', iat: now(), exp: now() + 60, scope: READ }
  }

  /** A token of these very header and payload, genuinely signed. */
  make (header: unknown, payload: unknown, key = this.key): string {
    const input = `${encode(header)}.${encode(payload)}`
    return `${input}.${signatureOf(this.algorithm, input, key)}`
  }

  /** A genuine token, but for some members of its header. */
  withHeader (members: Members): string {
    return this.make({ ...this.header, ...members }, this.claims)
  }

  /** A genuine token, but for some claims. Undefined takes one out. */
  withClaims (members: Members): string {
    return this.make(this.header, { ...this.claims, ...members })
  }

  genuine (): string {
    return this.withClaims({})
  }

  segments (): [string, string, string] {
    return this.genuine().split('.') as [string, string, string]
  }
}

interface JwtAppOptions extends Partial<FastifyJwtTokensOptions> {
  algorithm?: Algorithm
  secret?: FastifyJWTOptions['secret']
  sign?: FastifyJWTOptions['sign']
  verify?: FastifyJWTOptions['verify']
  tokenType?: TokenType
}

async function withJwt ({ algorithm = 'ES256', secret = secretOf(algorithm), sign, verify }: JwtAppOptions = {}): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(jwt, {
    secret,
    sign: { algorithm, header: { alg: algorithm, typ: 'at+jwt' }, ...sign },
    ...(verify !== undefined && { verify })
  } as FastifyJWTOptions)
  return app
}

/** An application that makes and takes tokens by @fastify/jwt, with a guarded GET /data that keeps its credentials. */
async function jwtApp (options: JwtAppOptions = {}): Promise<{ app: FastifyInstance, seen: AuthCredentials[] }> {
  const { issuer = ISSUER, audience = AUDIENCE, tokenType } = options
  const app = await withJwt(options)
  const builder = demoBuilder().setAccessTokenLifetime(LIFETIME).useAccessTokens(fastifyJwtTokens(app.jwt, { issuer, audience }))
  if (tokenType !== undefined) builder.setTokenType(tokenType)
  await app.register(clientCredentialsPlugin, { flow: builder.build() })
  const seen: AuthCredentials[] = []
  app.get('/data', { preHandler: app.requireScopes(READ) }, async (request) => {
    seen.push(request.credentials!)
    return request.credentials
  })
  return { app, seen }
}

async function requestToken (app: FastifyInstance, client = 'reader'): Promise<Members & { access_token: string }> {
  const response = await app.inject({
    method: 'POST',
    url: TOKEN_PATH,
    headers: { authorization: basic(client), 'content-type': FORM },
    payload: 'grant_type=client_credentials'
  })
  return response.json()
}

const use = (app: FastifyInstance, token: string) => app.inject({ url: '/data', headers: { authorization: `Bearer ${token}` } })

async function checkAccepted (t: Test, app: FastifyInstance, token: string, name: string): Promise<void> {
  const response = await use(app, token)
  t.equal(response.statusCode, 200, name)
  t.equal(response.json().app?.id, 'reader', name)
}

async function checkRefused (t: Test, app: FastifyInstance, token: string, description: string, name: string): Promise<void> {
  const response = await use(app, token)
  t.equal(response.statusCode, 401, name)
  t.strictSame(response.json(), { error: 'invalid_token', error_description: description }, name)
  t.equal(response.headers['www-authenticate'], `Bearer realm="demo", scope="data:read", error="invalid_token", error_description="${description}"`, name)
}

for (const algorithm of ALGORITHMS) {
  test(`RFC 9068 §2: a token of ${algorithm} has exactly its claims, and opens a guarded route`, async (t) => {
    const { app, seen } = await jwtApp({ algorithm })
    const before = now()
    const { access_token: token, ...rest } = await requestToken(app)
    t.strictSame(rest, { token_type: 'Bearer', expires_in: LIFETIME, scope: READ })

    const [header, payload] = token.split('.')
    t.strictSame(decode(header), { alg: algorithm, typ: 'at+jwt' })
    const { jti, iat, exp, ...claims } = decode(payload)
    t.strictSame(claims, { iss: ISSUER, aud: AUDIENCE, sub: 'reader', client_id: 'reader', scope: READ })
    t.match(jti, /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/)
    t.ok(Number.isInteger(iat) && (iat as number) >= before && (iat as number) <= now(), 'issued now')
    t.equal((exp as number) - (iat as number), LIFETIME)

    const response = await use(app, token)
    t.equal(response.statusCode, 200)
    t.strictSame(response.json(), { app: { id: 'reader' }, scope: [READ], claims: decode(payload) })
    t.strictSame(seen[0]?.claims, decode(payload))
  })
}

test('A token without scope has no scope claim, and every token an id of its own', async (t) => {
  const { app } = await jwtApp()
  const tokens = await Promise.all([requestToken(app, 'scopeless'), requestToken(app, 'scopeless')])
  const [first, second] = tokens.map(({ access_token: token }) => decode(token.split('.')[1]))
  t.notOk('scope' in first!)
  t.not(first!.jti, second!.jti)
  t.equal((await use(app, tokens[0]!.access_token)).statusCode, 403)
})

/** Tokens that another library with the same key may make of the same claims. */
const EQUIVALENTS: Record<string, (forge: Forge) => string> = {
  'as we make it': (forge) => forge.genuine(),
  'the header in another order': (forge) => forge.make({ typ: 'at+jwt', alg: forge.algorithm }, forge.claims),
  'the header with spaces': (forge) => forge.make(`{ "typ": "at+jwt", "alg": "${forge.algorithm}" }`, forge.claims),
  'the typ with its prefix': (forge) => forge.withHeader({ typ: 'application/at+jwt' }),
  'the typ in capitals': (forge) => forge.withHeader({ typ: 'AT+JWT' }),
  'the typ in capitals with its prefix': (forge) => forge.withHeader({ typ: 'Application/AT+JWT' }),
  'a kid': (forge) => forge.withHeader({ kid: 'one' }),
  'our audience in a list': (forge) => forge.withClaims({ aud: ['https://other.example', AUDIENCE] }),
  'a subject that is not the client': (forge) => forge.withClaims({ sub: 'somebody' }),
  'an nbf that is over': (forge) => forge.withClaims({ nbf: now() - 10 }),
  'times with fractions': (forge) => forge.withClaims({ iat: now() - 0.5, exp: now() + 60.5 }),
  'further claims': (forge) => forge.withClaims({ acr: 'urn:example', groups: ['a'], __proto__: null })
}

/** RFC 7519 §7.2, RFC 8725, RFC 9068 §4: tokens that nobody may get in with, and what is said of them. */
const ATTACKS: Record<string, [(forge: Forge) => string, string]> = {
  ...Object.fromEntries(['none', 'None', 'NONE', 'nOnE', ''].flatMap((alg) => [
    [`alg "${alg}" without a signature`, [(forge: Forge) => `${encode({ alg, typ: 'at+jwt' })}.${encode(forge.claims)}.`, NOT_OURS]],
    [`alg "${alg}" with a signature`, [(forge: Forge) => forge.withHeader({ alg }), NOT_OURS]]
  ])),
  'no alg': [(forge) => forge.withHeader({ alg: undefined }), NOT_OURS],
  'alg as a list': [(forge) => forge.withHeader({ alg: [forge.algorithm] }), NOT_OURS],
  'alg in lower case': [(forge) => forge.withHeader({ alg: forge.algorithm.toLowerCase() }), NOT_OURS],
  'alg of a longer hash': [(forge) => forge.withHeader({ alg: forge.algorithm.slice(0, 2) + '512' }), NOT_OURS],
  'alg of another kind of key': [(forge) => forge.withHeader({ alg: forge.algorithm === 'RS256' ? 'ES256' : 'RS256' }), NOT_OURS],

  ...Object.fromEntries(['JWT', 'jwt', '', 'at+jwt ', 'xat+jwt', 'at jwt', 'dpop+jwt', 'id_token+jwt', 'text/at+jwt', 'application/application/at+jwt'].map((typ) =>
    [`typ "${typ}"`, [(forge: Forge) => forge.withHeader({ typ }), NOT_OURS]])),
  'no typ': [(forge) => forge.withHeader({ typ: undefined }), NOT_OURS],
  'typ null': [(forge) => forge.withHeader({ typ: null }), NOT_OURS],
  'typ as a list': [(forge) => forge.withHeader({ typ: ['at+jwt'] }), NOT_OURS],

  'an unknown crit': [(forge) => forge.withHeader({ crit: ['exp'], exp: 1 }), INVALID],
  'a crit that is not there': [(forge) => forge.withHeader({ crit: ['urn:example'] }), INVALID],
  'an unencoded payload (RFC 7797)': [(forge) => forge.withHeader({ b64: false, crit: ['b64'] }), INVALID],
  'an empty crit': [(forge) => forge.withHeader({ crit: [] }), INVALID],
  'a crit that is text': [(forge) => forge.withHeader({ crit: 'exp' }), INVALID],
  'a crit of numbers': [(forge) => forge.withHeader({ crit: [1] }), INVALID],
  'a crit that is null': [(forge) => forge.withHeader({ crit: null }), INVALID],
  'a crit that is an object': [(forge) => forge.withHeader({ crit: { length: 0 } }), INVALID],

  'a header that is null': [(forge) => forge.make(null, forge.claims), NOT_OURS],
  'a header that is a list': [(forge) => forge.make([forge.header], forge.claims), NOT_OURS],
  'a header that is text': [(forge) => forge.make('"at+jwt"', forge.claims), NOT_OURS],
  'a header that is no JSON': [(forge) => forge.make('{', forge.claims), NOT_OURS],

  'the signature of another key': [(forge) => forge.make(forge.header, forge.claims, otherKey(forge)), INVALID],
  'an embedded jwk and its signature': [(forge) => forge.make({ ...forge.header, jwk: embeddedJwk(forge) }, forge.claims, otherKey(forge)), INVALID],
  'a signature cut in half': [(forge) => forge.genuine().slice(0, -20), INVALID],
  'a signature without its last byte': [(forge) => forge.genuine().slice(0, -2), INVALID],
  'a signature of zeros': [(forge) => `${forge.segments().slice(0, 2).join('.')}.${Buffer.alloc(64).toString('base64url')}`, INVALID],
  'the signature of another token': [(forge) => [...forge.segments().slice(0, 2), forge.withClaims({ sub: 'x' }).split('.')[2]].join('.'), INVALID],
  'a payload that was changed': [(forge) => {
    const [header, , signature] = forge.segments()
    return `${header}.${encode({ ...forge.claims, scope: 'data:read data:write' })}.${signature}`
  }, INVALID],

  'no dot': [(forge) => forge.segments().join(''), NOT_OURS],
  'one dot': [(forge) => forge.segments().slice(0, 2).join('.'), INVALID],
  'three dots': [(forge) => `${forge.genuine()}.${encode('x')}`, INVALID],
  'three dots, the last at the end': [(forge) => `${forge.genuine()}.`, INVALID],
  'four dots, as a JWE has': [(forge) => `${forge.genuine()}.${encode('x')}.${encode('y')}`, INVALID],
  'a dot at the front': [(forge) => `.${forge.genuine()}`, NOT_OURS],
  'dots alone': [() => '..', NOT_OURS],
  'no header': [(forge) => ['', ...forge.segments().slice(1)].join('.'), NOT_OURS],
  'no payload': [(forge) => [forge.segments()[0], '', forge.segments()[2]].join('.'), INVALID],
  'no signature': [(forge) => [...forge.segments().slice(0, 2), ''].join('.'), INVALID],
  'a header that is no base64': [(forge) => `~${forge.genuine()}`, INVALID],
  'a payload that is no base64': [(forge) => forge.genuine().replace('.', '.~'), INVALID],
  'a signature that is no base64': [(forge) => `${forge.segments().slice(0, 2).join('.')}.~~~~`, INVALID],
  'a genuine signature and more': [(forge) => `${forge.genuine()}~`, INVALID],
  'a genuine signature with padding': [(forge) => `${forge.genuine()}=`, INVALID],

  'a payload that is null': [(forge) => forge.make(forge.header, null), INVALID],
  'a payload that is a list': [(forge) => forge.make(forge.header, [forge.claims]), INVALID],
  'a payload that is a number': [(forge) => forge.make(forge.header, 1), INVALID],
  'a payload that is text': [(forge) => forge.make(forge.header, '"text"'), INVALID],
  'a payload that is true': [(forge) => forge.make(forge.header, true), INVALID],
  'a payload that is no JSON': [(forge) => forge.make(forge.header, '{"iss":'), INVALID],
  'a payload that is empty': [(forge) => forge.make(forge.header, {}), INVALID],
  'a payload whose exp is NaN': [(forge) => forge.make(forge.header, JSON.stringify(forge.claims).replace(/"exp":\d+/, '"exp":NaN')), INVALID],
  'a payload whose exp is beyond all numbers': [(forge) => forge.make(forge.header, JSON.stringify(forge.claims).replace(/"exp":\d+/, '"exp":1e999')), INVALID],
  'a payload whose claims are those of its prototype': [(forge) => forge.make(forge.header, `{"__proto__":${JSON.stringify(forge.claims)}}`), INVALID],

  ...Object.fromEntries(['iss', 'sub', 'client_id', 'jti', 'iat', 'exp'].map((name) =>
    [`no ${name}`, [(forge: Forge) => forge.withClaims({ [name]: undefined }), INVALID]])),
  'no aud': [(forge) => forge.withClaims({ aud: undefined }), OTHER_AUDIENCE],
  ...Object.fromEntries(['sub', 'client_id', 'jti'].flatMap((name) => ['', 5, null, ['x'], {}].map((value) =>
    [`${name} ${JSON.stringify(value)}`, [(forge: Forge) => forge.withClaims({ [name]: value }), INVALID]]))),
  ...Object.fromEntries(['https://evil.example', `${ISSUER}/`, ISSUER.toUpperCase(), 'as.example', '', null, 5, [ISSUER]].map((iss) =>
    [`iss ${JSON.stringify(iss)}`, [(forge: Forge) => forge.withClaims({ iss }), INVALID]])),
  ...Object.fromEntries(['https://other.example', `${AUDIENCE}/`, AUDIENCE.toUpperCase(), '', null, 5, {}, [], ['https://other.example'], [[AUDIENCE]]].map((aud) =>
    [`aud ${JSON.stringify(aud)}`, [(forge: Forge) => forge.withClaims({ aud }), OTHER_AUDIENCE]])),
  ...Object.fromEntries(['iat', 'exp', 'nbf'].flatMap((name) => [String(now() + 60), null, '', true, [now() + 60], {}].map((value) =>
    [`${name} ${JSON.stringify(value)}`, [(forge: Forge) => forge.withClaims({ [name]: value }), INVALID]]))),
  'exp in the past': [(forge) => forge.withClaims({ iat: now() - 100, exp: now() - 1 }), EXPIRED],
  'exp now': [(forge) => forge.withClaims({ exp: now() }), EXPIRED],
  'exp zero': [(forge) => forge.withClaims({ exp: 0 }), EXPIRED],
  'exp below zero': [(forge) => forge.withClaims({ exp: -1 }), EXPIRED],
  'nbf in the future': [(forge) => forge.withClaims({ nbf: now() + 30 }), INVALID],
  ...Object.fromEntries([[READ], { [READ]: true }, 5, true, null].map((scope) =>
    [`scope ${JSON.stringify(scope)}`, [(forge: Forge) => forge.withClaims({ scope }), INVALID]])),
  ...Object.fromEntries([{ jkt: 'thumbprint' }, { 'x5t#S256': 'thumbprint' }, {}, null, 'thumbprint', 5, false, []].map((cnf) =>
    [`cnf ${JSON.stringify(cnf)}, used as Bearer`, [(forge: Forge) => forge.withClaims({ cnf }), INVALID]])),

  'a huge token without a dot': [() => 'a'.repeat(1_000_000), NOT_OURS],
  'a huge token of dots': [() => '.'.repeat(100_000), NOT_OURS],
  'a huge header': [(forge) => `${encode('['.repeat(100_000))}.${encode(forge.claims)}.x`, NOT_OURS],
  'a huge payload': [(forge) => `${encode(forge.header)}.${encode('['.repeat(100_000))}.x`, INVALID],
  'a huge signature': [(forge) => `${forge.segments().slice(0, 2).join('.')}.${'a'.repeat(100_000)}`, INVALID]
}

/** What works only where there is a public key. */
const PUBLIC_KEY_ATTACKS: Record<string, [(forge: Forge) => string, string]> = {
  'HS256 with the public key as its secret': [(forge) => signedWithPublicKey(forge, 'HS256'), NOT_OURS],
  'HS256 with the public key as its secret, under our alg': [(forge) => signedWithPublicKey(forge, forge.algorithm), INVALID],
  'a signature in DER': [(forge) => {
    const input = forge.segments().slice(0, 2).join('.')
    const der = sign('sha256', Buffer.from(input), pairs.ES256.privateKey)
    return `${input}.${der.toString('base64url')}`
  }, INVALID]
}

function signedWithPublicKey (forge: Forge, alg: string): string {
  const input = `${encode({ alg, typ: 'at+jwt' })}.${encode(forge.claims)}`
  return `${input}.${signatureOf('HS256', input, publicPem(pairs[forge.algorithm as 'ES256'].publicKey))}`
}

const strangers = { ES256: makePair.ES256(), RS256: makePair.RS256(), EdDSA: makePair.EdDSA() }
const otherKey = ({ algorithm }: Forge) => algorithm === 'HS256' ? 'another secret of more than thirty-two characters' : strangers[algorithm].privateKey
const embeddedJwk = ({ algorithm }: Forge) => algorithm === 'HS256'
  ? { kty: 'oct', k: encode('another secret of more than thirty-two characters') }
  : strangers[algorithm].publicKey.export({ format: 'jwk' })

for (const algorithm of ALGORITHMS) {
  for (const cache of [false, true]) {
    test(`Every attack on a token of ${algorithm} is an invalid token${cache ? ', also with the cache of @fastify/jwt' : ''}`, async (t) => {
      const { app, seen } = await jwtApp({ algorithm, verify: { cache } })
      const forge = new Forge(algorithm)
      for (const [name, make] of Object.entries(EQUIVALENTS)) await checkAccepted(t, app, make(forge), name)
      seen.length = 0
      const attacks = algorithm === 'HS256' ? ATTACKS : { ...ATTACKS, ...PUBLIC_KEY_ATTACKS }
      for (const [name, [make, description]] of Object.entries(attacks)) {
        const token = make(forge)
        await checkRefused(t, app, token, description, name)
        if (cache) await checkRefused(t, app, token, description, `${name}, again`)
      }
      t.strictSame(seen, [])
    })
  }
}

test('A token that @fastify/jwt makes for another purpose is no access token', async (t) => {
  const { app } = await jwtApp()
  await checkRefused(t, app, app.jwt.sign({ sub: 'alice' }), INVALID, 'a session')
  await checkRefused(t, app, app.jwt.sign({ ...new Forge('ES256').claims }, { header: { alg: 'ES256', typ: 'JWT' } } as never), NOT_OURS, 'of another typ')
})

test('A character that no token may have is a malformed request', async (t) => {
  const { app } = await jwtApp()
  const [header, payload, signature] = new Forge('ES256').segments()
  for (const token of [`${header}.${payload}.!${signature}`, `${header}. ${payload}.${signature}`, `${header}.${payload}.${signature}"`]) {
    const response = await use(app, token)
    t.equal(response.statusCode, 400)
    t.equal(response.json().error, 'invalid_request')
  }
})

test('The claims are frozen, every member of them, also when requests share them', async (t) => {
  for (const cache of [false, true]) {
    const { app, seen } = await jwtApp({ verify: { cache } })
    const token = new Forge('ES256').withClaims({ aud: [AUDIENCE], act: { list: [{ deep: true }] } })
    await use(app, token)
    await use(app, token)
    t.equal(seen.length, 2)
    t.equal(seen[0]!.claims === seen[1]!.claims, cache, 'one payload with the cache, two without')
    for (const { claims } of seen) {
      const { aud, act } = claims as { aud: string[], act: { list: { deep: boolean }[] } }
      for (const member of [claims, aud, act, act.list, act.list[0]]) t.ok(Object.isFrozen(member))
      t.throws(() => { (claims as Members).scope = 'data:write' }, TypeError)
    }
    t.not(seen[0], seen[1], 'the credentials are of one request')
  }
})

test('A token that is in the cache of @fastify/jwt expires all the same', async (t) => {
  const { app } = await jwtApp({ verify: { cache: true } })
  const token = new Forge('ES256').genuine()
  await checkAccepted(t, app, token, 'now')
  const later = Date.now() + 61_000
  t.intercept(Date, 'now', { value: () => later })
  await checkRefused(t, app, token, EXPIRED, 'a minute later')
})

test('The clock tolerance of @fastify/jwt is honoured, and no more than that', async (t) => {
  const { app } = await jwtApp({ verify: { clockTolerance: 60_000 } })
  const forge = new Forge('ES256')
  await checkAccepted(t, app, forge.withClaims({ exp: now() - 30 }), 'exp within')
  await checkRefused(t, app, forge.withClaims({ exp: now() - 90 }), EXPIRED, 'exp beyond')
  await checkAccepted(t, app, forge.withClaims({ nbf: now() + 30 }), 'nbf within')
  await checkRefused(t, app, forge.withClaims({ nbf: now() + 90 }), INVALID, 'nbf beyond')
})

test('ignoreExpiration and ignoreNotBefore of the application let nothing in', async (t) => {
  const { app } = await jwtApp({ verify: { ignoreExpiration: true, ignoreNotBefore: true } })
  const forge = new Forge('ES256')
  await checkAccepted(t, app, forge.genuine(), 'a good one')
  await checkRefused(t, app, forge.withClaims({ exp: now() - 1 }), EXPIRED, 'exp')
  await checkRefused(t, app, forge.withClaims({ nbf: now() + 30 }), INVALID, 'nbf')
})

test('A token that is bound to a key opens what proves the same key only', async (t) => {
  const tokenType: TokenType = {
    name: 'Bearer',
    confirmTokenRequest: (request) => ({ jkt: request.header('x-key') ?? 'first' }),
    confirmAccess: (request) => ({ jkt: request.header('x-key') ?? 'none' })
  }
  const { app } = await jwtApp({ tokenType })
  const { access_token: token } = await requestToken(app)
  t.strictSame(decode(token.split('.')[1]).cnf, { jkt: 'first' })
  for (const [key, status] of [['first', 200], ['second', 401], ['', 401]] as const) {
    const response = await app.inject({ url: '/data', headers: { authorization: `Bearer ${token}`, 'x-key': key } })
    t.equal(response.statusCode, status, key)
  }
})

test('An error that says nothing of the token is a 500', async (t) => {
  const { app } = await jwtApp()
  const ERRORS = [new Error('out of memory'), Object.assign(new Error('no file'), { code: 'ENOENT' }), Object.assign(new Error('numbered'), { code: 5 })]
  for (const error of ERRORS) {
    app.jwt.verify = (() => { throw error }) as typeof app.jwt.verify
    const response = await use(app, new Forge('ES256').genuine())
    t.equal(response.statusCode, 500, error.message)
    t.equal(response.headers['www-authenticate'], undefined, error.message)
    t.strictSame(response.json(), { error: 'server_error', error_description: 'The server failed to verify the access token' }, error.message)
  }
})

test('What a library says of a token stays in the log', async (t) => {
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'info', stream: { write: (line) => { lines.push(line) } } } })
  await app.register(jwt, { secret: secretOf('ES256'), sign: { algorithm: 'ES256', header: { alg: 'ES256', typ: 'at+jwt' } } })
  const flow = demoBuilder().useAccessTokens(fastifyJwtTokens(app.jwt, { issuer: ISSUER, audience: AUDIENCE })).build()
  await app.register(clientCredentialsPlugin, { flow })
  app.get('/data', { preHandler: app.requireScopes(READ) }, async () => 'ok')
  const REASONS: [(forge: Forge) => string, RegExp][] = [
    [(forge) => forge.genuine().slice(0, -8), /signature/],
    [(forge) => forge.withHeader({ typ: 'JWT' }), /JOSE header/],
    [(forge) => forge.withClaims({ iss: 'https://evil.example' }), /iss/],
    [(forge) => forge.withClaims({ aud: 'https://evil.example' }), /aud/],
    [(forge) => forge.withClaims({ jti: undefined }), /jti/],
    [(forge) => forge.withClaims({ scope: [READ] }), /scope/]
  ]
  for (const [make, reason] of REASONS) {
    lines.length = 0
    const token = make(new Forge('ES256'))
    await checkRefused(t, app, token, (await use(app, token)).json().error_description, String(reason))
    const line = lines.map((line) => JSON.parse(line)).find(({ oauth }) => oauth !== undefined)
    t.match(line?.oauth, { error: 'invalid_token', status: 401, reason })
    t.notMatch(lines.join(''), token)
  }
})

test('Sign options of the application cannot change what a token says', async (t) => {
  const SIGN_OPTIONS: Record<string, FastifyJWTOptions['sign']> = {
    expiresIn: { expiresIn: '10s' },
    noTimestamp: { noTimestamp: true } as FastifyJWTOptions['sign'],
    jti: { jti: 'always the same' },
    sub: { sub: 'somebody' },
    iss: { iss: 'https://other.example' },
    aud: { aud: 'https://other.example' },
    notBefore: { notBefore: 3600 }
  }
  for (const [name, sign] of Object.entries(SIGN_OPTIONS)) {
    const app = await withJwt({ sign })
    const tokens = await attempt(() => fastifyJwtTokens(app.jwt, { issuer: ISSUER, audience: AUDIENCE }))
    if (tokens instanceof Error) {
      t.equal((tokens as { code?: string }).code, 'FST_OAUTH_JWT_UNUSABLE', `${name} is refused at boot`)
      continue
    }
    const issue = () => tokens.issue({ client: { id: 'reader', grants: [] }, grantType: '', scope: [READ], tokenType: 'Bearer', accessTokenLifetime: LIFETIME, confirmation: undefined })
    const [first, second] = [await issue(), await issue()].map((token) => decode((token as string).split('.')[1]))
    const { jti, iat, exp, ...claims } = first!
    t.strictSame(claims, { iss: ISSUER, aud: AUDIENCE, sub: 'reader', client_id: 'reader', scope: READ }, name)
    t.equal((exp as number) - (iat as number), LIFETIME, name)
    t.not(jti, second!.jti, name)
  }
})

async function attempt<T> (run: () => T | Promise<T>): Promise<T | Error> {
  try {
    return await run()
  } catch (error) {
    return error as Error
  }
}

const unsigned: FastifyJwt = {
  sign: (payload) => `${encode({ alg: 'none', typ: 'at+jwt' })}.${encode(payload)}.`,
  verify: (token) => decode(token.split('.')[1]),
  options: {}
}
const bootWith = (options: JwtAppOptions) => async () => jwtApp(options)
const options = { issuer: ISSUER, audience: AUDIENCE }

const BOOT_ERRORS: [keyof typeof PLUGIN_ERRORS, string, () => unknown, RegExp][] = [
  ['FST_OAUTH_JWT_INVALID_OPTION', '@fastify/jwt was not awaited', () => {
    const app = Fastify()
    app.register(jwt, { secret: HMAC_KEY })
    return fastifyJwtTokens(app.jwt, options)
  }, /await the registration of @fastify\/jwt/],
  ...['http://as.example', 'as.example', '/as', '', 'ftp://as.example', undefined, null, 5].map((issuer): typeof BOOT_ERRORS[number] =>
    ['FST_OAUTH_JWT_INVALID_OPTION', `issuer ${JSON.stringify(issuer)}`, async () => fastifyJwtTokens((await withJwt()).jwt, { ...options, issuer: issuer as string }), /an issuer that is an https URL/]),
  ...['', undefined, null, [AUDIENCE]].map((audience): typeof BOOT_ERRORS[number] =>
    ['FST_OAUTH_JWT_INVALID_OPTION', `audience ${JSON.stringify(audience)}`, async () => fastifyJwtTokens((await withJwt()).jwt, { ...options, audience: audience as string }), /an audience/]),
  ['FST_OAUTH_JWT_HEADER', 'typ is not set', bootWith({ sign: { header: { alg: 'ES256' } } as never }), /typ "JWT" and alg "ES256".*typ: "at\+jwt"/],
  ['FST_OAUTH_JWT_HEADER', 'typ is JWT', bootWith({ sign: { header: { alg: 'ES256', typ: 'JWT' } } }), /typ "JWT" and alg "ES256"/],
  ['FST_OAUTH_JWT_HEADER', 'tokens are not signed', () => fastifyJwtTokens(unsigned, options), /alg "none"/],
  ['FST_OAUTH_JWT_UNUSABLE', 'the two keys are no pair', bootWith({ secret: { private: privatePem(pairs.ES256.privateKey), public: publicPem(strangers.ES256.publicKey) } }), /signature/],
  ['FST_OAUTH_JWT_UNUSABLE', 'there is no private key', bootWith({ secret: { public: publicPem(pairs.ES256.publicKey) } as never }), /key pair/],
  ['FST_OAUTH_JWT_UNUSABLE', 'the secret comes by a callback', bootWith({ algorithm: 'HS256', secret: (_request, _token, done) => { done(null, HMAC_KEY) } }), /key pair or a secret/],
  ['FST_OAUTH_JWT_UNUSABLE', 'only another issuer is allowed', bootWith({ verify: { allowedIss: 'https://other.example' } }), /iss/],
  ['FST_OAUTH_JWT_UNUSABLE', 'only another audience is allowed', bootWith({ verify: { allowedAud: 'https://other.example' } }), /aud/],
  ['FST_OAUTH_JWT_UNUSABLE', 'a claim is required that tokens do not have', bootWith({ verify: { requiredClaims: ['email'] } }), /email/],
  ['FST_OAUTH_JWT_UNUSABLE', 'only another algorithm is allowed', bootWith({ algorithm: 'RS256', verify: { algorithms: ['RS512'] } }), /algorithm/],
  ['FST_OAUTH_JWT_UNUSABLE', 'signing is asynchronous', () => fastifyJwtTokens({ ...unsigned, sign: (async () => '') as never }, options), /asynchronously/]
]

for (const [code, trigger, boot, message] of BOOT_ERRORS) {
  test(`${code}: ${trigger}`, async (t) => {
    const error = await attempt(boot)
    t.ok(error instanceof PLUGIN_ERRORS[code], String(error))
    t.match(error, { code, message })
  })
}

test('An issuer on loopback may be without TLS', async (t) => {
  for (const issuer of ['http://localhost:3000', 'http://127.0.0.1:3000', 'http://[::1]:3000']) {
    const { app } = await jwtApp({ issuer })
    const { access_token: token } = await requestToken(app)
    t.equal(decode(token.split('.')[1]).iss, issuer)
    t.equal((await use(app, token)).statusCode, 200)
  }
})

test('Tokens of one audience do not open another with the same key', async (t) => {
  const { app } = await jwtApp()
  const { app: other } = await jwtApp({ audience: 'https://other.example' })
  const { access_token: token } = await requestToken(app)
  await checkAccepted(t, app, token, 'our own')
  await checkRefused(t, other, token, OTHER_AUDIENCE, 'the other')
})

// It is enough that this compiles: app.jwt, as @fastify/jwt types it, is what fastifyJwtTokens takes.
export const assignable = (app: FastifyInstance): FastifyJwt => app.jwt satisfies FastifyJwt
