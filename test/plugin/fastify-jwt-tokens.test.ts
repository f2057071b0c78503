import type { KeyObject } from 'node:crypto'
import jwt from '@fastify/jwt'
import type { FastifyJWTOptions } from '@fastify/jwt'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { test } from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin from '../../plugin/index.ts'
import { PLUGIN_ERRORS } from '../../plugin/errors.ts'
import { fastifyJwtTokens } from '../../plugin/index.ts'
import type { FastifyJwt, FastifyJwtTokensOptions } from '../../plugin/fastify-jwt-tokens.ts'
import type { AuthCredentials, OAuth2AccessTokenResult, TokenType } from '../../plugin/index.ts'
import { basic, demoBuilder, FORM, TOKEN_PATH } from '../support/demo.ts'
import {
  ATTACKS, AUDIENCE, decode, encode, EQUIVALENTS, EXPIRED, Forge, HMAC_KEY, INVALID, ISSUER, NOT_OURS, now, OTHER_AUDIENCE, pairs,
  PUBLIC_KEY_ATTACKS, publicPem, READ, strangers
} from '../support/forge.ts'
import type { Algorithm, Members } from '../support/forge.ts'

const LIFETIME = 1800
const ALGORITHMS: readonly Algorithm[] = ['ES256', 'RS256', 'EdDSA', 'HS256']

const privatePem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }) as string
const secretOf = (algorithm: Algorithm) => algorithm === 'HS256'
  ? HMAC_KEY
  : { private: privatePem(pairs[algorithm].privateKey), public: publicPem(pairs[algorithm].publicKey) }

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
  t.equal(decode((await requestToken(app, 'writer')).access_token.split('.')[1]).scope, 'data:read data:write')
  t.not(first!.jti, second!.jti)
  t.equal((await use(app, tokens[0]!.access_token)).statusCode, 403)
})

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
    confirmAccess: (request) => ({ confirmation: { jkt: request.header('x-key') ?? 'none' } })
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
    const issue = () => tokens.issue({ client: { id: 'reader', grants: [] }, grantType: '', scope: [READ], tokenType: 'Bearer', accessTokenLifetime: LIFETIME, origin: '', resource: [], audience: [AUDIENCE], confirmation: undefined })
    const [first, second] = [await issue(), await issue()].map((token) => decode((token as OAuth2AccessTokenResult).accessToken.split('.')[1]))
    const { jti, iat, exp, ...claims } = first!
    t.match(await issue(), { audience: [AUDIENCE] }, 'the event can tell what it is for')
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
