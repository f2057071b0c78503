import crypto, { createPrivateKey, createPublicKey, generateKeyPair, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { jwtVerify } from 'jose'
import { test } from 'tap'
import type { Test } from 'tap'
import { JwtAccessTokens } from '../../src/access-token/jwt-access-tokens.ts'
import type { JwtAccessTokensOptions } from '../../src/access-token/jwt-access-tokens.ts'
import { TokenCache } from '../../src/access-token/token-cache.ts'
import { validateClaims } from '../../src/access-token/validate-claims.ts'
import { FlowConfigurationError } from '../../src/errors/configuration-error.ts'
import { MemoryStore, SigningKeys } from '../../src/index.ts'
import type { VerifyTokenResult } from '../../src/adapter.ts'
import type { ClientCredentialsGrantContext, OAuth2Client, TokenType } from '../../src/index.ts'
import type { SigningKey } from '../../src/jws/signing-key.ts'
import { createSigner } from '../../src/jws/sign.ts'
import { basic, CLIENTS, demoApp, demoBuilder, FORM, form, TOKEN_PATH } from '../support/demo.ts'
import {
  ATTACKS, AUDIENCE, decode, EQUIVALENTS, EXPIRED, FixedKeys, Forge, INVALID, ISSUER, KEY_ATTACKS, KIDS, NOT_OURS, now, OTHER_AUDIENCE, pairs,
  PUBLIC_ALGORITHMS, PUBLIC_KEY_ATTACKS, READ, TestStore
} from '../support/forge.ts'
import type { PublicAlgorithm } from '../support/forge.ts'
import { stopwatch } from '../support/stopwatch.ts'

const OTHER = 'https://other.example'
const TENANT = `${AUDIENCE}/tenant`
const REVOKED = 'The access token was revoked'
const LIFETIME = 1800
const START = 1_800_000_000
const CHALLENGE = `Bearer realm="demo", scope="${READ}", error="invalid_token", error_description="$", resource_metadata="${AUDIENCE}/.well-known/oauth-protected-resource"`

const ALL_CLIENTS: Readonly<Record<string, OAuth2Client>> = {
  ...CLIENTS,
  brief: { ...CLIENTS.reader!, id: 'brief', accessTokenLifetime: 60 },
  eternal: { ...CLIENTS.reader!, id: 'eternal', accessTokenLifetime: 1_000_000 },
  limited: { ...CLIENTS.reader!, id: 'limited', audiences: [OTHER] },
  stranded: { ...CLIENTS.reader!, id: 'stranded', audiences: [] },
  unlisted: { ...CLIENTS.reader!, id: 'unlisted', audiences: TENANT as never }
}

const tokensWith = (options: Partial<JwtAccessTokensOptions> = {}) =>
  new JwtAccessTokens({ issuer: ISSUER, audience: AUDIENCE, keys: new FixedKeys(), ...options })

function appWith (tokens: JwtAccessTokens, tokenType?: TokenType, server?: FastifyServerOptions): Promise<FastifyInstance> {
  const builder = demoBuilder().setAccessTokenLifetime(LIFETIME).useAccessTokens(tokens).getClient(({ clientId }) => ALL_CLIENTS[clientId])
  if (tokenType !== undefined) builder.setTokenType(tokenType)
  return demoApp({ flow: builder.build() }, server)
}

const requestToken = (app: FastifyInstance, client = 'reader', resources: string[] = []) => app.inject({
  method: 'POST',
  url: TOKEN_PATH,
  headers: { authorization: basic(client), 'content-type': FORM },
  payload: form([['grant_type', 'client_credentials'], ...resources.map((resource): [string, string] => ['resource', resource])])
})

const use = (app: FastifyInstance, token: string) => app.inject({ url: '/data', headers: { authorization: `Bearer ${token}` } })

async function checkRefused (t: Test, app: FastifyInstance, token: string, description: string, name: string): Promise<void> {
  const response = await use(app, token)
  t.equal(response.statusCode, 401, name)
  t.strictSame(response.json(), { error: 'invalid_token', error_description: description }, name)
  t.equal(response.headers['www-authenticate'], CHALLENGE.replace('$', description), name)
}

const context = (members: Partial<ClientCredentialsGrantContext> = {}): ClientCredentialsGrantContext => ({
  client: CLIENTS.reader!, grantType: '', scope: [READ], tokenType: 'Bearer', accessTokenLifetime: LIFETIME, origin: '', resource: [], audience: [AUDIENCE], confirmation: undefined, ...members
})
const issue = async (tokens: JwtAccessTokens, members?: Partial<ClientCredentialsGrantContext>) => (await tokens.issue(context(members))).accessToken
const claimsOf = (token: string) => decode(token.split('.')[1])
const messageOf = (result: VerifyTokenResult) => result.isValid ? 'valid' : result.message ?? INVALID
const verdictOn = async (tokens: JwtAccessTokens, token: string) => messageOf(await tokens.verify(token))
const credentialsOf = (result: VerifyTokenResult) => result.isValid ? result.credentials : undefined

for (const algorithm of PUBLIC_ALGORITHMS) {
  test(`RFC 9068 §2.1, §2.2: a token of ${algorithm} has exactly this header and these claims, and opens a guarded route`, async (t) => {
    const app = await appWith(tokensWith({ keys: new FixedKeys(algorithm) }))
    const before = now()
    const { access_token: token, ...rest } = (await requestToken(app)).json()
    t.strictSame(rest, { token_type: 'Bearer', expires_in: LIFETIME, scope: READ })
    t.strictSame(decode(token.split('.')[0]), { alg: algorithm, typ: 'at+jwt', kid: KIDS[algorithm] })
    const { jti, iat, exp, ...claims } = claimsOf(token)
    t.strictSame(claims, { iss: ISSUER, aud: AUDIENCE, sub: 'reader', client_id: 'reader', scope: READ })
    t.match(jti, /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/)
    t.ok(Number.isInteger(iat) && (iat as number) >= before && (iat as number) <= now(), 'issued now')
    t.equal((exp as number) - (iat as number), LIFETIME)
    const response = await use(app, token)
    t.equal(response.statusCode, 200)
    t.strictSame(response.json(), { app: { id: 'reader' }, scope: [READ], claims: claimsOf(token) })
  })

  for (const signing of ['pool', 'batch'] as const) {
    test(`RFC 9068 §4: another library verifies tokens of ${algorithm} that are signed by "${signing}", 100 at once`, async (t) => {
      const tokens = tokensWith({ keys: new FixedKeys(algorithm), signing })
      const issued = await Promise.all(Array.from({ length: 100 }, (_, index) => issue(tokens, { client: { id: `client ${index}`, grants: [] } })))
      t.equal(new Set(issued.map((token) => claimsOf(token).jti)).size, 100)
      for (const [index, token] of issued.entries()) {
        const { payload } = await jwtVerify(token, pairs[algorithm].publicKey, { issuer: ISSUER, audience: AUDIENCE, typ: 'at+jwt', algorithms: [algorithm] })
        t.equal(payload.sub, `client ${index}`)
      }
      t.equal(await verdictOn(tokens, issued[0]!), 'valid')
    })
  }

  for (const signing of ['pool', 'batch'] as const) {
    test(`RFC 9068 §4: every attack on a token of ${algorithm} is an invalid token, however often it is tried, verified by "${signing}"`, async (t) => {
      const app = await appWith(tokensWith({ keys: new FixedKeys(algorithm), clockTolerance: 0, signing }))
      const forge = new Forge(algorithm, KIDS[algorithm])
      const { 'a kid': _, ...equivalents } = EQUIVALENTS
      for (const [name, make] of Object.entries(equivalents)) t.equal((await use(app, make(forge))).json().app?.id, 'reader', name)
      for (const [name, [make, description]] of Object.entries({ ...ATTACKS, ...PUBLIC_KEY_ATTACKS, ...KEY_ATTACKS })) {
        const token = make(forge)
        await checkRefused(t, app, token, description === NOT_OURS ? INVALID : description, name)
        await checkRefused(t, app, token, description === NOT_OURS ? INVALID : description, `${name}, again`)
      }
    })
  }
}

test('RFC 7515 §2, RFC 4648 §3.5: one signature has one spelling', async (t) => {
  const tokens = tokensWith()
  const token = new Forge('ES256', KIDS.ES256).genuine()
  t.equal(await verdictOn(tokens, token), 'valid')
  // 64 bytes leave four bits of the last character unused.
  const spare = String.fromCharCode(token.charCodeAt(token.length - 1) + 1)
  const spellings = [`${token.slice(0, -1)}${spare}`, `${token}=`, `${token}==`, `${token}!`, `${token} `, `${token}\n`, `${token}A`, `${token}.`, `.${token}`, `${token}.${token}`]
  for (const other of spellings) t.equal(await verdictOn(tokens, other), INVALID, JSON.stringify(other.slice(-3)))
})

test('A key of an algorithm that access tokens are not signed by is an error of the server', async (t) => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const key = { kid: 'large', alg: 'ES384', publicKey, privateKey }
  const keys = Object.assign(new FixedKeys(), { current: () => key, find: () => key })
  const tokens = tokensWith({ keys })
  const error = new TypeError('Access tokens are signed by ES256, EdDSA, RS256 or PS256')
  await t.rejects(issue(tokens), error)
  await t.rejects(async () => tokens.verify(new Forge('ES256', 'large').withHeader({ alg: 'ES384' })), error)
})

test('RFC 8725 §3.1, §3.5: a key that does not fit its algorithm is an error of the server, in either half', async (t) => {
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const weak = await promisify(generateKeyPair)('rsa', { modulusLength: 1024 })
  const unfit: [PublicAlgorithm, { privateKey: KeyObject, publicKey: KeyObject }, RegExp][] = [
    ['ES256', pairs.EdDSA, /does not fit ES256, which needs an EC key on the curve P-256/],
    ['ES256', pairs.RS256, /does not fit ES256/],
    ['ES256', p384, /does not fit ES256/],
    ['ES256', { ...pairs.ES256, publicKey: p384.publicKey }, /does not fit ES256/],
    ['ES256', { ...pairs.ES256, privateKey: p384.privateKey }, /does not fit ES256/],
    ['RS256', pairs.ES256, /does not fit RS256, which needs an RSA key of at least 2048 bits/],
    ['RS256', weak, /does not fit RS256/],
    ['PS256', weak, /does not fit PS256/],
    ['EdDSA', generateKeyPairSync('ed448'), /does not fit EdDSA, which needs an Ed25519 key/]
  ]
  for (const [alg, pair, error] of unfit) {
    const key: SigningKey = { kid: 'unfit', alg, ...pair }
    const tokens = tokensWith({ keys: Object.assign(new FixedKeys(), { current: () => key, find: () => key }) })
    await t.rejects(issue(tokens), error)
    await t.rejects(async () => tokens.verify(new Forge(alg, 'unfit').genuine()), error)
  }
})

test('A token of 16 KiB is verified, one that is a byte longer is not even looked at', async (t) => {
  const keys = new FixedKeys()
  const tokens = tokensWith({ keys })
  const forge = new Forge('ES256', KIDS.ES256)
  // Three bytes of a claim are four of the token.
  const ofLength = (length: number) => {
    for (let filler = Math.floor((length - forge.genuine().length) * 0.75) - 20; ; filler++) {
      const token = forge.withClaims({ filler: 'a'.repeat(filler) })
      if (token.length >= length) return token
    }
  }
  const fits = ofLength(16_382)
  t.ok(fits.length <= 16_384)
  t.equal(await verdictOn(tokens, fits), 'valid')
  t.equal(keys.checks, 1)
  const tooLong = ofLength(16_385)
  t.ok(tooLong.length <= 16_387)
  t.strictSame(await tokens.verify(tooLong), { isValid: false, cause: 'the token is too long' })
  t.equal(keys.checks, 1)
})

test('A claim may hold text of any language', async (t) => {
  const tokens = tokensWith({ claims: () => ({ name: 'Grüße, 世界 🎉' }) })
  t.match(credentialsOf(await tokens.verify(await issue(tokens))), { claims: { name: 'Grüße, 世界 🎉' } })
})

test('RFC 9068 §2.2.3: a token without scope has no scope claim', async (t) => {
  const app = await appWith(tokensWith())
  const { access_token: token, ...rest } = (await requestToken(app, 'scopeless')).json()
  t.notOk('scope' in rest || 'scope' in claimsOf(token))
  t.equal((await use(app, token)).statusCode, 403)
})

test('RFC 9068 §4: clocks may differ by five seconds, or by what is said', async (t) => {
  for (const [clockTolerance, seconds] of [[undefined, 5], [60, 60], [0, 0]] as const) {
    let time = START
    const tokens = tokensWith({ now: () => time, ...(clockTolerance !== undefined && { clockTolerance }) })
    const token = await issue(tokens)
    const at = async (moment: number) => {
      time = moment
      return await verdictOn(tokens, token)
    }
    t.equal(await at(START - seconds - 1), INVALID, `iat, ${seconds}`)
    t.equal(await at(START - seconds), 'valid', `iat, ${seconds}`)
    t.equal(await at(START + LIFETIME + seconds - 1), 'valid', `exp, ${seconds}`)
    t.equal(await at(START + LIFETIME + seconds), EXPIRED, `exp, ${seconds}`)
  }
})

test('RFC 9068 §2.2, §5: no claim of the application takes the place of one of ours, there or not', async (t) => {
  const forged = {
    iss: OTHER, aud: OTHER, sub: 'admin', client_id: 'admin', jti: 'one', iat: 1, exp: START * 2, nbf: START * 2, scope: 'data:write', cnf: { jkt: 'x' }
  }
  const asked: unknown[] = []
  const tokens = tokensWith({
    claims: (client, scope) => {
      asked.push([client.id, scope])
      return { ...forged, tenant: 'acme' }
    },
    now: () => START
  })
  const bearer = claimsOf(await issue(tokens, { scope: [] }))
  t.strictSame(bearer, { tenant: 'acme', iss: ISSUER, aud: AUDIENCE, sub: 'reader', client_id: 'reader', jti: bearer.jti, iat: START, exp: START + LIFETIME })
  t.not(bearer.jti, 'one')
  const bound = claimsOf(await issue(tokens, { confirmation: { jkt: 'ours' } }))
  t.strictSame([bound.scope, bound.cnf], [READ, { jkt: 'ours' }])
  t.strictSame(asked, [['reader', []], ['reader', [READ]]])
})

test('A token lives as long as its client may have it, and never longer than its key', async (t) => {
  for (const [client, cap, lifetime] of [['reader', 86_400, LIFETIME], ['brief', 86_400, 60], ['eternal', 86_400, 86_400], ['reader', 600, 600], ['brief', 600, 60]] as const) {
    const app = await appWith(tokensWith({ keys: new FixedKeys('ES256', cap) }))
    const { access_token: token, expires_in: expiresIn } = (await requestToken(app, client)).json()
    const { iat, exp } = claimsOf(token) as { iat: number, exp: number }
    t.equal(expiresIn, lifetime, `${client}, ${cap}`)
    t.equal(exp - iat, lifetime, `${client}, ${cap}`)
  }
})

const BAD_URI = 'A resource must be an absolute URI without fragment'
const NOT_FOR_CLIENT = 'The client may not have a token for this resource'
const RESOURCES: [section: string, title: string, client: string, resources: string[], outcome: { aud: unknown } | string][] = [
  ['RFC 9068 §3', 'none is asked for', 'reader', [], { aud: AUDIENCE }],
  ['RFC 8707 §2', 'an empty one counts as none', 'reader', [''], { aud: AUDIENCE }],
  ['RFC 9068 §3', 'one is asked for', 'reader', [OTHER], { aud: OTHER }],
  ['RFC 8707 §2', 'several are asked for', 'reader', [OTHER, AUDIENCE], { aud: [OTHER, AUDIENCE] }],
  ['RFC 8707 §2', 'one is asked for twice', 'reader', [OTHER, OTHER], { aud: OTHER }],
  ['RFC 8707 §3', 'one is that of a tenant, by its path', 'reader', [TENANT], { aud: TENANT }],
  ['RFC 8707 §2', 'one is no URL', 'reader', ['urn:example:api'], { aud: 'urn:example:api' }],
  ['RFC 8707 §2', 'the client may have another only', 'limited', [], { aud: OTHER }],
  ['RFC 8707 §2', 'the client asks for the one that it may have', 'limited', [OTHER], { aud: OTHER }],
  ['RFC 8707 §2', 'the client may not have it', 'limited', [AUDIENCE], NOT_FOR_CLIENT],
  ['RFC 8707 §2', 'the client may not have one of two', 'limited', [OTHER, AUDIENCE], NOT_FOR_CLIENT],
  ['RFC 8707 §2', 'the client may have none', 'stranded', [], 'The client may not have a token for any resource of this server'],
  ['RFC 8707 §2', 'the client asks, and may have none', 'stranded', [AUDIENCE], NOT_FOR_CLIENT],
  ['RFC 8707 §2', 'one is unknown', 'reader', ['https://unknown.example'], NOT_FOR_CLIENT],
  ['RFC 8707 §2', 'one of two is unknown', 'reader', [AUDIENCE, 'https://unknown.example'], NOT_FOR_CLIENT],
  ['RFC 8707 §3', 'the tenant is unknown', 'reader', [`${TENANT}2`], NOT_FOR_CLIENT],
  ['RFC 8707 §2', 'one has a slash more', 'reader', [`${AUDIENCE}/`], NOT_FOR_CLIENT],
  ['RFC 8707 §2', 'one has a query', 'reader', [`${AUDIENCE}?tenant=1`], NOT_FOR_CLIENT],
  ...['api.example', '/api', '//api.example', 'name', 'https://', `${AUDIENCE}#`, `${AUDIENCE}#part`].map((resource): typeof RESOURCES[number] =>
    ['RFC 8707 §2', `"${resource}" is no absolute URI, or has a fragment`, 'reader', [resource], BAD_URI]),
  ['RFC 8707 §2', 'a malformed one stands behind a good one', 'reader', [AUDIENCE, 'api'], BAD_URI]
]

for (const [section, title, client, resources, outcome] of RESOURCES) {
  test(`${section}: the audience of a token when ${title}`, async (t) => {
    const app = await appWith(tokensWith({ audience: [AUDIENCE, OTHER, TENANT, 'urn:example:api', 'name'] }))
    const response = await requestToken(app, client, resources)
    if (typeof outcome === 'string') {
      t.equal(response.statusCode, 400)
      t.strictSame(response.json(), { error: 'invalid_target', error_description: outcome })
      t.equal(response.headers['cache-control'], 'no-store')
      return
    }
    t.equal(response.statusCode, 200)
    t.strictSame(claimsOf(response.json().access_token).aud, outcome.aud)
    t.equal((await use(app, response.json().access_token)).statusCode, 200)
  })
}

test('RFC 8707 §2: a column of text is no list of audiences, and grants no part of itself', async (t) => {
  const app = await appWith(tokensWith())
  const response = await requestToken(app, 'unlisted', [AUDIENCE])
  t.equal(response.statusCode, 500)
  t.equal(response.json().error, 'server_error')
})

test('RFC 8707 §2, §2.2: a token opens the resources it is for, each with its whole scope, and no other', async (t) => {
  const server = tokensWith({ audience: [AUDIENCE, OTHER, TENANT] })
  const token = await issue(server, { audience: [AUDIENCE, OTHER] })
  for (const audience of [AUDIENCE, OTHER]) t.match(credentialsOf(await tokensWith({ audience }).verify(token)), { scope: [READ] }, audience)
  for (const audience of [TENANT, 'https://api.example.evil', 'https://api']) t.equal(await verdictOn(tokensWith({ audience }), token), OTHER_AUDIENCE, audience)
})

const ISSUERS: [issuer: unknown, dangerouslyAllowHttpIssuer: boolean, isGood: boolean][] = [
  ...['https://as.example', 'https://as.example/tenant', 'http://localhost:3000', 'http://127.0.0.1', 'http://[::1]:3000']
    .flatMap((issuer): typeof ISSUERS => [[issuer, false, true], [issuer, true, true]]),
  ...['http://as.example', 'http://localhost.example', 'http://127.0.0.1.example', 'http://10.0.0.1'].flatMap((issuer): typeof ISSUERS => [[issuer, false, false], [issuer, true, true]]),
  ...['https://as.example?', 'https://as.example?a=b', 'https://as.example#', 'https://as.example/#a', 'http://localhost?a', 'http://localhost#a', 'ftp://as.example', 'ftp://localhost', 'as.example', '/as', '', undefined, null, 5, ['https://as.example']]
    .flatMap((issuer): typeof ISSUERS => [[issuer, false, false], [issuer, true, false]])
]

test('FST_OAUTH_INVALID_ISSUER: an issuer is an https URL without query and fragment, with http on loopback or by consent', async (t) => {
  for (const [issuer, dangerouslyAllowHttpIssuer, isGood] of ISSUERS) {
    const make = () => tokensWith({ issuer: issuer as string, dangerouslyAllowHttpIssuer })
    const name = `${JSON.stringify(issuer)}, ${dangerouslyAllowHttpIssuer}`
    if (isGood) t.equal(claimsOf(await issue(make())).iss, issuer, name)
    else t.throws(make, { constructor: FlowConfigurationError, code: 'FST_OAUTH_INVALID_ISSUER' }, name)
  }
})

test('FST_OAUTH_INVALID_AUDIENCE: there is an audience, and no empty one', async (t) => {
  for (const audience of ['', [], [''], [AUDIENCE, ''], undefined, null, 5, [5], [[AUDIENCE]]]) {
    t.throws(() => tokensWith({ audience: audience as string }), { constructor: FlowConfigurationError, code: 'FST_OAUTH_INVALID_AUDIENCE' }, JSON.stringify(audience))
  }
})

test('What metadata tells cannot be changed', async (t) => {
  const audience = [AUDIENCE]
  const keys = new FixedKeys()
  const { metadata } = tokensWith({ audience, keys })
  audience.push(OTHER)
  t.strictSame(metadata.audience, [AUDIENCE])
  t.equal(metadata.keys, keys)
  t.ok(Object.isFrozen(metadata) && Object.isFrozen(metadata.audience))
})

test('A token is verified once for many requests, and what is remembered is frozen', async (t) => {
  const keys = new FixedKeys()
  const tokens = tokensWith({ keys, claims: () => ({ act: { list: [{ deep: true }] } }) })
  const token = await issue(tokens, { confirmation: { jkt: 'ours' } })
  const results = [await tokens.verify(token), ...await Promise.all(Array.from({ length: 50 }, () => tokens.verify(token)))]
  t.equal(keys.checks, 1)
  t.ok(results.every((result) => result === results[0]))
  const visit = (value: unknown, path: string): void => {
    for (const [name, member] of Object.entries(value as object)) {
      t.ok(Object.isFrozen(member), `${path}.${name}`)
      if (typeof member === 'object') visit(member, `${path}.${name}`)
    }
  }
  const { credentials, confirmation } = results[0] as VerifyTokenResult & { isValid: true }
  visit({ credentials, confirmation }, 'result')
})

test('What one request does to its credentials is nothing to the next', async (t) => {
  const app = await appWith(tokensWith())
  app.get('/change', { preHandler: app.requireScopes() }, async ({ credentials }) => {
    Object.assign(credentials!, { scope: ['data:write'] })
    return Reflect.set(credentials!.app, 'id', 'admin')
  })
  const { access_token: token } = (await requestToken(app)).json()
  await app.inject({ url: '/change', headers: { authorization: `Bearer ${token}` } })
  t.match((await use(app, token)).json(), { app: { id: 'reader' }, scope: [READ] })
})

test('A remembered token expires on the second', async (t) => {
  let time = START
  const keys = new FixedKeys()
  const tokens = tokensWith({ keys, clockTolerance: 0, now: () => time })
  const token = await issue(tokens)
  t.equal(await verdictOn(tokens, token), 'valid')
  time = START + LIFETIME - 1
  t.equal(await verdictOn(tokens, token), 'valid')
  t.equal(keys.checks, 1)
  time++
  t.equal(await verdictOn(tokens, token), EXPIRED)
  t.equal(await verdictOn(tokens, token), EXPIRED)
})

test('RFC 9068 §4: claims are judged one by one, whatever a library in front lets through', (t) => {
  const expectation = { issuer: ISSUER, audience: [AUDIENCE], now: () => START, clockTolerance: 5 }
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'reader', client_id: 'reader', jti: 'x', iat: START, exp: START + 60 }
  t.match(validateClaims({ ...claims }, expectation), { isValid: true, credentials: { scope: [] } }, 'no scope is none')
  for (const member of [{ exp: START - 4 }, { iat: START + 5 }, { nbf: START + 5 }, { cnf: { jkt: 'x', 'x5t#S256': 'y' } }]) t.match(validateClaims({ ...claims, ...member }, expectation), { isValid: true }, JSON.stringify(member))
  const wrong: [object, string, string?][] = [
    ...[undefined, null, String(START + 60), NaN, Infinity].map((exp): [object, string] => [{ exp }, 'exp, iat or nbf is no time']),
    ...[undefined, null, '0', NaN].map((iat): [object, string] => [{ iat }, 'exp, iat or nbf is no time']),
    ...[null, '0', NaN].map((nbf): [object, string] => [{ nbf }, 'exp, iat or nbf is no time']),
    [{ exp: START - 5 }, 'exp is over', 'The access token has expired'],
    [{ iat: START + 6 }, 'iat is to come'],
    [{ nbf: START + 6 }, 'nbf is to come'],
    ...['sub', 'client_id', 'jti'].flatMap((name) => [undefined, null, '', 5].map((value): [object, string] => [{ [name]: value }, 'sub, client_id or jti is missing'])),
    [{ scope: ['a'] }, 'scope is no string'],
    ...[null, 'x', [], ['x'], { jkt: '' }, { jkt: 'x', 'x5t#S256': 5 }].map((cnf): [object, string] => [{ cnf }, 'cnf is no set of thumbprints'])
  ]
  for (const [member, cause, message] of wrong) {
    t.strictSame(validateClaims({ ...claims, ...member }, expectation), { isValid: false, ...(message !== undefined && { message }), cause }, JSON.stringify(member))
  }
  t.end()
})

test('As many tokens are remembered as is said; the one longest unused goes, and none for a bad or revoked one', async (t) => {
  const keys = new FixedKeys()
  const revocations = new TestStore()
  const tokens = tokensWith({ keys, cacheSize: 2, clockTolerance: 0, revocations })
  const [first, second, third, revoked] = await Promise.all(Array.from({ length: 4 }, () => issue(tokens))) as [string, string, string, string]
  const checksOf = async (...presented: string[]) => {
    const before = keys.checks
    for (const token of presented) await tokens.verify(token)
    return keys.checks - before
  }
  await tokensWith({ revocations }).revoke!(revoked)
  t.equal(await checksOf(first, second, first), 2)
  const forge = new Forge('ES256', KIDS.ES256)
  // A token that is bound to a key is a good one, which the request must fit.
  const attacks = Object.entries({ ...ATTACKS, ...KEY_ATTACKS }).filter(([name]) => !name.startsWith('cnf '))
  for (const [, [make]] of attacks) await tokens.verify(make(forge))
  t.equal(await checksOf(first, second, first), 0, 'bad tokens push none out')
  t.equal(await checksOf(revoked, revoked), 2)
  t.equal(await checksOf(second, first), 0, 'a revoked token pushes none out')
  t.equal(await checksOf(third), 1)
  t.equal(await checksOf(first, third), 0)
  t.equal(await checksOf(second), 1, 'the one longest unused is gone')
})

test('A cache of size zero remembers nothing', async (t) => {
  const keys = new FixedKeys()
  const tokens = tokensWith({ keys, cacheSize: 0 })
  const token = await issue(tokens)
  for (let use = 0; use < 3; use++) t.equal(await verdictOn(tokens, token), 'valid')
  t.equal(keys.checks, 3)
})

test('Verified tokens are kept until they expire', (t) => {
  let time = START
  const verified = new TokenCache<string>({ max: 2, now: () => time })
  verified.set('long', 'yes', START + 30)
  verified.set('short', 'yes', START + 10)
  const at = (moment: number) => {
    time = moment
    return [verified.get('long'), verified.get('short')]
  }
  t.strictSame([at(START + 9), at(START + 10), at(START + 29), at(START + 30)], [['yes', 'yes'], ['yes', undefined], ['yes', undefined], [undefined, undefined]])
  t.end()
})

test('A key that is dropped takes its tokens with it at once, remembered or not', async (t) => {
  const keys = new FixedKeys()
  const tokens = tokensWith({ keys })
  const app = await appWith(tokens)
  const [seen, unseen] = [await issue(tokens), await issue(tokens)]
  t.equal((await use(app, seen)).statusCode, 200)
  keys.drop()
  await checkRefused(t, app, seen, INVALID, 'seen before')
  await checkRefused(t, app, unseen, INVALID, 'never seen')
})

test('RFC 8725 §3.1: a key that comes back for another algorithm does not bring its old tokens back', async (t) => {
  const keys = new SigningKeys(new MemoryStore(), { algorithm: 'RS256' })
  const pem = pairs.RS256.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const { kid } = await keys.import(pem)
  const tokens = tokensWith({ keys })
  const token = await issue(tokens)
  t.equal(await verdictOn(tokens, token), 'valid')
  await keys.revoke(kid)
  t.equal(await verdictOn(tokens, token), INVALID)
  t.equal((await keys.import(pem, { algorithm: 'PS256' })).kid, kid)
  t.equal(await verdictOn(tokens, token), INVALID)
  t.equal(await verdictOn(tokensWith({ keys }), token), INVALID, 'as where it was never remembered')
})

test('Keys that are looked up elsewhere verify tokens, and a failure there is a 500 that is no news to the process', async (t) => {
  class RemoteKeys extends FixedKeys {
    isAway = false
    override async find (kid: string): Promise<SigningKey | undefined> {
      await setImmediate()
      if (this.isAway) throw new Error('the keys are away')
      return await super.find(kid)
    }
  }
  const keys = new RemoteKeys()
  const tokens = tokensWith({ keys })
  const app = await appWith(tokens)
  const token = await issue(tokens)
  for (let use = 0; use < 2; use++) t.equal(await verdictOn(tokens, token), 'valid')
  keys.isAway = true
  const response = await use(app, token)
  t.equal(response.statusCode, 500)
  t.notMatch(response.body, /away/)
  await setImmediate()
  keys.isAway = false
  t.equal((await use(app, token)).statusCode, 200)
  keys.drop()
  await checkRefused(t, app, token, INVALID, 'dropped')
})

test('A revoked token and the tokens of a revoked client are refused at once here, and elsewhere after a second', async (t) => {
  const pass = stopwatch(t)
  let time = START
  const now = () => time
  const options = { revocations: new TestStore({ now }), now }
  const [here, elsewhere] = [tokensWith(options), tokensWith(options)]
  const [token, clients, ours] = [await issue(here), await issue(here, { client: CLIENTS.writer! }), await issue(here)]
  const verdicts = (tokens: JwtAccessTokens) => Promise.all([token, clients, ours].map((token) => verdictOn(tokens, token)))
  for (const tokens of [here, elsewhere]) t.strictSame(await verdicts(tokens), ['valid', 'valid', 'valid'])
  await here.revoke!(token)
  await here.revokeClient('writer')
  t.strictSame(await verdicts(here), [REVOKED, REVOKED, 'valid'])
  await checkRefused(t, await appWith(here), token, REVOKED, 'in the answer')
  t.strictSame(await verdicts(elsewhere), ['valid', 'valid', 'valid'], 'not known there yet')
  pass(1000)
  t.strictSame(await verdicts(elsewhere), [REVOKED, REVOKED, 'valid'], 'a second later')
  time += 7
  t.equal(await verdictOn(elsewhere, await issue(here, { client: CLIENTS.writer! })), 'valid', 'one that was issued afterwards')
  t.strictSame(await Promise.all([here.introspect(token), elsewhere.introspect(clients)]), [undefined, undefined])
})

test('Revocations are read in the background from half a second on, and waited for from a second on', async (t) => {
  const pass = stopwatch(t)
  const store = new TestStore()
  const tokens = tokensWith({ revocations: store })
  const token = await issue(tokens)
  const reads = () => store.calls.filter((name) => name === 'listRevocations').length
  await tokens.verify(token)
  await tokens.verify(token)
  pass(499)
  t.match(tokens.cached(token), { isValid: true })
  t.equal(reads(), 1)
  await tokensWith({ revocations: store }).revoke!(token)
  t.equal(reads(), 2)
  pass(1)
  t.match(tokens.cached(token), { isValid: true }, 'nobody waits')
  await setImmediate()
  t.equal(reads(), 3)
  t.equal(await verdictOn(tokens, token), REVOKED)
  pass(1000)
  await Promise.all(Array.from({ length: 20 }, () => tokens.verify(token)))
  t.equal(reads(), 4, 'once for all that wait')
})

test('A cut-off of a client that no registry keeps counts with the clock tolerance', async (t) => {
  let time = START
  const tokens = tokensWith({ revocations: new TestStore({ now: () => time }), now: () => time })
  const ahead = tokensWith({ revocations: new TestStore({ now: () => time }), now: () => time + 4 })
  const issued = await issue(ahead)
  await tokens.revokeClient('reader')
  t.equal(await verdictOn(tokens, issued), REVOKED, 'the clock of the process that issued it was ahead')
  time += 10
  t.equal(await verdictOn(tokens, await issue(tokens)), 'valid', 'one that was issued later')
})

test('When the store of revocations is away tokens are verified all the same, unless it was from the start, and it is told once per outage', async (t) => {
  const pass = stopwatch(t)
  const store = new TestStore()
  const errors: Error[] = []
  const tokens = tokensWith({ revocations: store, onError: (error) => { errors.push(error) } })
  const [token, revoked, later] = await Promise.all(Array.from({ length: 3 }, () => issue(tokens))) as [string, string, string]
  const verdicts = async () => {
    pass(1000)
    return [await verdictOn(tokens, token), await verdictOn(tokens, revoked), await verdictOn(tokens, later)]
  }
  store.isAway = true
  for (const attempt of ['first', 'second']) await t.rejects(verdicts(), { message: 'the store is away' }, `nobody knows what is revoked: ${attempt}`)
  t.equal(errors.length, 1)
  store.isAway = false
  t.strictSame(await verdicts(), ['valid', 'valid', 'valid'], 'back, without a restart')
  store.isAway = true
  t.strictSame(await verdicts(), ['valid', 'valid', 'valid'])
  t.strictSame(await verdicts(), ['valid', 'valid', 'valid'])
  t.equal(errors.length, 2)
  store.isAway = false
  await tokensWith({ revocations: store }).revoke!(revoked)
  t.strictSame(await verdicts(), ['valid', REVOKED, 'valid'], 'what was revoked meanwhile is learnt')
  store.isAway = true
  t.strictSame(await verdicts(), ['valid', REVOKED, 'valid'], 'what is known stays in force')
  t.strictSame(await verdicts(), ['valid', REVOKED, 'valid'])
  t.strictSame(errors.map(({ message }) => message), ['the store is away', 'the store is away', 'the store is away'])
  await t.rejects(tokens.revoke!(later), { message: 'the store is away' })
  await t.rejects(tokens.revokeClient('reader'), { message: 'the store is away' })
  t.strictSame(await verdicts(), ['valid', REVOKED, 'valid'], 'what the store does not have is not in force')
  await t.rejects(verdictOn(tokensWith({ revocations: store }), token), { message: 'the store is away' }, 'without onError')
})

test('Without a store of revocations there is nothing to revoke by', async (t) => {
  const tokens = tokensWith()
  t.equal(tokens.revoke, undefined)
  await t.rejects(tokens.revokeClient('reader'), { name: 'TypeError' })
})

test('A token that is not valid here is not revoked', async (t) => {
  const store = new TestStore()
  await tokensWith({ revocations: store }).revoke!(new Forge('ES256', KIDS.ES256).withClaims({ iss: OTHER }))
  t.strictSame((await store.listRevocations()).entries, [])
})

test('Introspection tells the claims of a valid token, and nothing of any other', async (t) => {
  const tokens = tokensWith({ audience: [AUDIENCE, OTHER], claims: () => ({ email: 'a@b.example' }), now: () => START })
  const common = { iss: ISSUER, sub: 'reader', client_id: 'reader', iat: START, exp: START + LIFETIME, email: 'a@b.example' }
  const plain = await issue(tokens)
  t.strictSame(await tokens.introspect(plain), { ...common, aud: AUDIENCE, scope: READ, jti: claimsOf(plain).jti, token_type: 'Bearer' })
  const bound = await issue(tokens, { scope: [], audience: [AUDIENCE, OTHER], confirmation: { jkt: 'ours' } })
  t.strictSame(await tokens.introspect(bound), { ...common, aud: [AUDIENCE, OTHER], jti: claimsOf(bound).jti, token_type: 'DPoP', cnf: { jkt: 'ours' } })
  t.equal(await tokens.introspect(`${plain}x`), undefined)
})

test('A token that is bound to a key opens what proves the same key only', async (t) => {
  const app = await appWith(tokensWith(), {
    name: 'Bearer', confirmTokenRequest: () => ({ jkt: 'first' }), confirmAccess: (request) => ({ confirmation: { jkt: request.header('x-key') ?? 'none' } })
  })
  const { access_token: token } = (await requestToken(app)).json()
  t.strictSame(claimsOf(token).cnf, { jkt: 'first' })
  for (const [key, status] of [['first', 200], ['second', 401], ['', 401]] as const) {
    const response = await app.inject({ url: '/data', headers: { authorization: `Bearer ${token}`, 'x-key': key } })
    t.equal(response.statusCode, status, key)
  }
})

const failing = (current: () => SigningKey | Promise<SigningKey>) => Object.assign(new FixedKeys(), { current })
const keyOf = (privateKey: KeyObject): SigningKey => ({ kid: 'x', alg: 'ES256', privateKey, publicKey: createPublicKey(pairs.ES256.publicKey.export({ type: 'spki', format: 'pem' })) })
const ISSUE_FAILURES: [title: string, cause: RegExp, options: Partial<JwtAccessTokensOptions>][] = [
  ['the source of keys rejects', /the vault is sealed/, { keys: failing(async () => { throw new Error('the vault is sealed') }) }],
  ['the source of keys throws', /the vault is sealed/, { keys: failing(() => { throw new Error('the vault is sealed') }) }],
  ['the key cannot sign, in the pool', /./, { keys: failing(() => keyOf(pairs.ES256.publicKey)), signing: 'pool' }],
  ['the key cannot sign, in a batch', /./, { keys: failing(() => keyOf(pairs.ES256.publicKey)), signing: 'batch' }],
  ['the signature fails in the pool', /no inverse/, { keys: failing(() => ({ kid: 'x', alg: 'RS256', ...brokenPair })), signing: 'pool' }],
  ['the claims of the application fail', /no such tenant/, { claims: () => { throw new Error('no such tenant') } }]
]
const brokenPair = { privateKey: withEvenPrime(pairs.RS256.privateKey), publicKey: pairs.RS256.publicKey }

// Found out only while signing.
function withEvenPrime (key: KeyObject): KeyObject {
  const prime = Buffer.from(key.export({ format: 'jwk' }).p as string, 'base64url')
  const der = key.export({ type: 'pkcs1', format: 'der' })
  der[der.indexOf(prime) + prime.length - 1]! &= 0xfe
  return createPrivateKey({ key: der, type: 'pkcs1', format: 'der' })
}

for (const [title, cause, options] of ISSUE_FAILURES) {
  test(`A token request is a 500 whose cause is in the log only, when ${title}`, async (t) => {
    const lines: string[] = []
    const app = await appWith(tokensWith(options), undefined, { logger: { level: 'info', stream: { write: (line) => { lines.push(line) } } } })
    const response = await requestToken(app)
    t.equal(response.statusCode, 500)
    t.strictSame(response.json(), { error: 'server_error', error_description: 'The server failed to handle the request' })
    t.match(lines.map((line) => JSON.parse(line)).find(({ level }) => level === 50), { err: { message: cause } })
  })
}

test('Signatures are made and verified in the pool where there is a second core, else on the event loop', async (t) => {
  const { sign, verify } = crypto
  const calls: number[] = []
  const spyOn = (original: (...args: never[]) => unknown) => (...args: never[]) => {
    // But for the trial of a key, which has nothing to verify.
    if ((args as unknown[] as [string, Buffer])[1].length > 0) calls.push(args.length)
    return original(...args)
  }
  const spies = [t.intercept(crypto, 'sign', { value: spyOn(sign) }), t.intercept(crypto, 'verify', { value: spyOn(verify) })]
  for (const [cores, expected] of [[2, [4, 5]], [1, [3, 4]]] as const) {
    spies.push(t.intercept(os, 'availableParallelism', { value: () => cores }))
    syncBuiltinESMExports()
    const tokens = tokensWith()
    t.equal(await verdictOn(tokens, await issue(tokens)), 'valid')
    t.strictSame(calls.splice(0), expected, `with ${cores} cores, a callback for the pool`)
  }
  spies.reverse().forEach((spy) => { spy.restore() })
  syncBuiltinESMExports()
})

test('Keys may come as what can be awaited and is no Promise', async (t) => {
  const keys = new FixedKeys()
  const [tokens, lazy] = [tokensWith({ keys }), tokensWith({ keys: Object.assign(new FixedKeys(), { find: (kid: string) => lazily(() => keys.find(kid)) }) })]
  const token = await issue(tokens)
  for (let use = 0; use < 2; use++) t.equal(await verdictOn(lazy, token), 'valid')
  const failing = tokensWith({ keys: Object.assign(new FixedKeys(), { find: () => lazily(() => { throw new Error('away') }) }) })
  await t.rejects(async () => failing.verify(token), /away/)
})

// As the query of a database library.
function lazily<T> (work: () => T | Promise<T>): Promise<T> {
  return { then: (...handlers: Parameters<Promise<T>['then']>) => Promise.resolve().then(work).then(...handlers) } as Promise<T>
}

test('A signature that cannot be verified is an error of the server, wherever that is found out', async (t) => {
  const token = await issue(tokensWith())
  const failure = new Error('no memory')
  const fail = (...args: unknown[]) => {
    const callback = args.at(4) as ((error: Error) => void) | undefined
    if (callback === undefined) throw failure
    callback(failure)
  }
  const spy = t.intercept(crypto, 'verify', { value: fail })
  syncBuiltinESMExports()
  for (const signing of ['pool', 'batch'] as const) await t.rejects(async () => tokensWith({ signing }).verify(token), failure)
  spy.restore()
  syncBuiltinESMExports()
})

test('A batch goes on when one of its signatures fails', async (t) => {
  const sign = createSigner('batch')
  const good = new FixedKeys().current() as SigningKey
  const bad = keyOf(pairs.ES256.publicKey)
  const outcomes = await Promise.allSettled(Array.from({ length: 40 }, (_, index) => sign(index % 2 === 0 ? good : bad, 'at+jwt', { index })))
  t.strictSame(outcomes.map(({ status }) => status), outcomes.map((_, index) => index % 2 === 0 ? 'fulfilled' : 'rejected'))
  outcomes.forEach((outcome, index) => { if (outcome.status === 'fulfilled') t.equal(claimsOf(outcome.value).index, index) })
  t.equal(claimsOf(await sign(good, 'at+jwt', { index: 40 })).index, 40, 'and the next one comes')
  t.equal(decode((await sign(good, 'other+jwt', {})).split('.')[0]).typ, 'other+jwt')
})
