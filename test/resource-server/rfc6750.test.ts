// The lines of RFC 6750 that a resource server is judged by, on guarded routes.
import formbody from '@fastify/formbody'
import Fastify from 'fastify'
import type { FastifyInstance, RouteShorthandOptions } from 'fastify'
import { test } from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, { OAuth2Error, StrategyError, StrategyInternalError, StrategyInvalidTokenError } from '../../plugin/index.ts'
import { settingsOf, TemporarilyUnavailableError } from '../../src/adapter.ts'
import type { ClientCredentialsFlow, VerifyToken } from '../../plugin/index.ts'
import { demoApp, demoBuilder, exchange, FORM, form, tokenOf } from '../support/demo.ts'
import type { Answer } from '../support/demo.ts'

const READ = 'data:read'
const WRITE = 'data:write'
const TOKEN = tokenOf('reader', [READ])
const READER = { authorization: `Bearer ${TOKEN}` }
const CHALLENGE = 'Bearer realm="demo", scope="data:read"'
const CREDENTIALS = { app: { id: 'reader' }, scope: [READ] }

// RFC 6750 §3: %x20-21 / %x23-5B / %x5D-7E
const DESCRIPTION = /^[\x20\x21\x23-\x5B\x5D-\x7E]+$/

interface Refusal { status: number, error: string, description: string, challenge?: string | undefined }

const MISSING: Refusal = { status: 401, error: 'unauthorized', description: 'An access token is required', challenge: CHALLENGE }
const refusal = (status: number, error: string, description: string, scope = READ): Refusal =>
  ({ status, error, description, challenge: `Bearer realm="demo", scope="${scope}", error="${error}", error_description="${description}"` })
const invalidToken = (description = 'The access token is invalid') => refusal(401, 'invalid_token', description)
const MALFORMED = refusal(400, 'invalid_request', 'The Authorization header is malformed')
const SEVERAL = refusal(400, 'invalid_request', 'The access token is sent in more than one way')
const lacking = (scope: string) => refusal(403, 'insufficient_scope', 'The access token lacks a scope', scope)
const FAILED: Refusal = { status: 500, error: 'server_error', description: 'The server failed to verify the access token' }

/** The whole of an answer, without what changes from one to the next. */
function saying ({ statusCode, headers, body }: Answer) {
  const { date, connection, ...rest } = headers
  return { statusCode, headers: { ...rest, 'content-length': Number(rest['content-length']) }, body }
}

function isRefused (t: Test, answer: Answer, { status, error, description, challenge }: Refusal, name = ''): void {
  const body = JSON.stringify({ error, error_description: description })
  const headers = { ...(challenge !== undefined && { 'www-authenticate': challenge }), 'content-type': 'application/json; charset=utf-8', 'content-length': body.length }
  t.strictSame(saying(answer), { statusCode: status, headers, body }, name)
}

function isServed (t: Test, answer: Answer, credentials: unknown = CREDENTIALS, name = ''): void {
  t.equal(answer.statusCode, 200, `${name}: status`)
  t.strictSame(JSON.parse(answer.body), credentials, `${name}: body`)
  t.equal(answer.headers['www-authenticate'], undefined, `${name}: challenge`)
}

/** A flow that writes down every token that it is asked to verify. */
function watchedFlow (): { flow: ClientCredentialsFlow, verified: string[] } {
  const verified: string[] = []
  const { verifyToken } = settingsOf(demoBuilder().build())
  const flow = demoBuilder().verifyToken((token, context) => {
    verified.push(token)
    return verifyToken(token, context)
  }).build()
  return { flow, verified }
}

/** An application that takes forms, with a POST /data that is guarded in a hook. */
async function formApp (flow: ClientCredentialsFlow, hook = 'preHandler'): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(formbody)
  await app.register(clientCredentialsPlugin, { flow })
  app.post('/data', { [hook]: app.requireScopes(READ) } as RouteShorthandOptions, async (request) => request.credentials)
  return app
}

/** An application whose verifyToken is this one. */
function verifyingApp (verifyToken: VerifyToken): Promise<FastifyInstance> {
  return demoApp({ flow: demoBuilder().verifyToken(verifyToken).build() })
}

// RFC 6750 §2.1

test('RFC 6750 §2.1: a token in the header is verified as it was sent', async (t) => {
  const verified: string[] = []
  const app = await verifyingApp((token) => {
    verified.push(token)
    return { isValid: true, credentials: CREDENTIALS }
  })
  const tokens = ['a', 'AZaz09', '-._~+/', 'a=', 'a==', 'a.b.c', 'x'.repeat(4096)]
  for (const token of tokens) isServed(t, await app.inject({ url: '/data', headers: { authorization: `Bearer ${token}` } }), CREDENTIALS, token.slice(0, 10))
  t.strictSame(verified, tokens)
})

test('RFC 9110 §11.1: the scheme Bearer is written in any case', async (t) => {
  const app = await demoApp()
  t.teardown(() => app.close())
  for (const field of ['Bearer ', 'bearer ', 'BEARER ', 'bEARER ', 'Bearer   ']) {
    isServed(t, await exchange(app, 'GET /data', [`authorization: ${field}${TOKEN}`]), CREDENTIALS, field)
  }
})

const MALFORMED_FIELDS = {
  'no token': 'Bearer',
  'no token behind a space': 'Bearer ',
  'no token behind spaces': 'Bearer   ',
  'two tokens': `Bearer ${TOKEN} ${TOKEN}`,
  'a trailing space': `Bearer ${TOKEN} `,
  'tokens in a list': `Bearer ${TOKEN},${TOKEN}`,
  'schemes in a list': `Bearer ${TOKEN}, Bearer ${TOKEN}`,
  'an auth-param': `Bearer token="${TOKEN}"`,
  'a quoted token': `Bearer "${TOKEN}"`,
  'padding only': 'Bearer =',
  'padding inside': 'Bearer a=b',
  'a semicolon': `Bearer ${TOKEN};`,
  'a tab': `Bearer ${TOKEN}\tx`,
  'a percent sign': 'Bearer a%20b',
  'non-ASCII': 'Bearer é',
  'the scheme twice': `Bearer Bearer ${TOKEN}`
}

test('RFC 6750 §2.1: a malformed Authorization header is invalid_request', async (t) => {
  const { flow, verified } = watchedFlow()
  const app = await demoApp({ flow })
  for (const [name, authorization] of Object.entries(MALFORMED_FIELDS)) {
    isRefused(t, await app.inject({ url: '/data', headers: { authorization } }), MALFORMED, name)
  }
  t.strictSame(verified, [])
})

test('RFC 6750 §2.1: bytes outside of ASCII are invalid_request on the wire, too', async (t) => {
  const app = await demoApp()
  t.teardown(() => app.close())
  isRefused(t, await exchange(app, 'GET /data', ['authorization: Bearer caf\u00E9']), MALFORMED)
  isServed(t, await exchange(app, 'GET /data', [`authorization:   Bearer ${TOKEN}   `]), CREDENTIALS, 'white space around the field')
})

test('RFC 6750 §3.1: two Authorization headers are invalid_request', async (t) => {
  const { flow, verified } = watchedFlow()
  const app = await demoApp({ flow })
  t.teardown(() => app.close())
  const bearer = `authorization: ${READER.authorization}`
  const PAIRS = [
    [bearer, bearer],
    [bearer, 'AUTHORIZATION: Bearer other'],
    [bearer, 'authorization: Basic cmVhZGVyOnNlY3JldA=='],
    ['authorization: Basic cmVhZGVyOnNlY3JldA==', bearer],
    ['authorization:', bearer],
    [bearer, 'authorization:']
  ]
  for (const pair of PAIRS) isRefused(t, await exchange(app, 'GET /data', pair), MALFORMED, pair.join())
  t.strictSame(verified, [])
})

// RFC 6750 §2.2 and §2.3

test('RFC 6750 §2.3: a token in the query is not read', async (t) => {
  const { flow, verified } = watchedFlow()
  const app = await demoApp({ flow })
  for (const query of [`access_token=${TOKEN}`, `a=b&access_token=${TOKEN}`]) isRefused(t, await app.inject(`/data?${query}`), MISSING, query)
  t.strictSame(verified, [])
})

test('RFC 6750 §2: a token in the query beside a header is invalid_request', async (t) => {
  const { flow, verified } = watchedFlow()
  const app = await demoApp({ flow })
  for (const query of [`access_token=${TOKEN}`, `a=b&access_token=${TOKEN}`, 'access_token=other', 'access_token=', 'access%5Ftoken=other', 'access_token[]=other', 'access_token[%=other', 'ACCESS_TOKEN[%\n=other', 'access_token']) {
    isRefused(t, await app.inject({ url: `/data?${query}`, headers: READER }), SEVERAL, query)
  }
  t.strictSame(verified, [])
  isServed(t, await app.inject({ url: '/data?my_access_token=x&access_tokens=y&token=z', headers: READER }))
})

const FORM_TYPES = [FORM, `${FORM}; charset=utf-8`, FORM.toUpperCase()]
const sendForm = (app: FastifyInstance, parameters: Record<string, string> | [string, string][], headers: Record<string, string> = {}): Promise<Answer> =>
  app.inject({ method: 'POST', url: '/data', headers: { 'content-type': FORM, ...headers }, payload: form(parameters) })

test('RFC 6750 §2.2: a token in a form body is not read', async (t) => {
  const { flow, verified } = watchedFlow()
  const app = await formApp(flow)
  isRefused(t, await sendForm(app, { access_token: TOKEN }), MISSING)
  t.strictSame(verified, [])
})

for (const hook of ['onRequest', 'preValidation', 'preHandler']) {
  test(`RFC 6750 §2: a token in a form body beside a header is invalid_request, guarded in ${hook}`, async (t) => {
    const app = await formApp(demoBuilder().build(), hook)
    for (const type of FORM_TYPES) isRefused(t, await sendForm(app, { access_token: TOKEN }, { ...READER, 'content-type': type }), SEVERAL, type)
    isRefused(t, await sendForm(app, { access_token: 'other', a: 'b' }, READER), SEVERAL, 'another token')
    isRefused(t, await sendForm(app, { access_token: '' }, READER), SEVERAL, 'an empty token')
    isRefused(t, await sendForm(app, [['access_token', TOKEN], ['access_token', TOKEN]], READER), SEVERAL, 'twice')
    isServed(t, await sendForm(app, { my_access_token: 'x' }, READER), CREDENTIALS, 'another parameter')
  })
}

test('RFC 6750 §2.2: access_token is no token in a body that is no form', async (t) => {
  const app = await formApp(demoBuilder().build())
  isServed(t, await app.inject({ method: 'POST', url: '/data', headers: READER, payload: { access_token: 'x' } }))
})

// RFC 6750 §3

const OTHER_FIELDS = {
  Basic: 'Basic cmVhZGVyOnNlY3JldA==',
  DPoP: `DPoP ${TOKEN}`,
  Digest: 'Digest username="a", realm="b"',
  'a token without a scheme': TOKEN,
  'a scheme that begins alike': `Bearers ${TOKEN}`,
  'no space behind the scheme': `Bearer${TOKEN}`,
  'nothing in the header': ''
}

test('RFC 6750 §3.1: no token at all is 401 without an error code', async (t) => {
  const { flow, verified } = watchedFlow()
  const app = await demoApp({ flow })
  isRefused(t, await app.inject('/data'), MISSING, 'no header')
  for (const [name, authorization] of Object.entries(OTHER_FIELDS)) {
    isRefused(t, await app.inject({ url: '/data', headers: { authorization } }), MISSING, name)
  }
  t.strictSame(verified, [])
})

test('RFC 6750 §3.1: a token that is unknown is invalid_token', async (t) => {
  const app = await demoApp()
  isRefused(t, await app.inject({ url: '/data', headers: { authorization: 'Bearer nonsense' } }), invalidToken('Unknown token'))
})

test('RFC 6750 §3.1: a token that lacks a scope is insufficient_scope, with all that are needed', async (t) => {
  const app = await demoApp()
  app.get('/both', { preHandler: app.requireScopes(READ, WRITE) }, async (request) => request.credentials)
  app.get('/reverse', { onRequest: app.requireScopes(WRITE, READ) }, async (request) => request.credentials)
  const CASES: [string, string[], string][] = [
    ['/data', [], READ],
    ['/data', [WRITE], READ],
    ['/data', ['data:readonly', 'data', 'DATA:READ', 'xdata:read'], READ],
    ['/both', [READ], `${READ} ${WRITE}`],
    ['/both', [WRITE], `${READ} ${WRITE}`],
    ['/reverse', [READ], `${WRITE} ${READ}`]
  ]
  for (const [url, scopes, needed] of CASES) {
    isRefused(t, await app.inject({ url, headers: { authorization: `Bearer ${tokenOf('reader', scopes)}` } }), lacking(needed), `${url} with ${scopes}`)
  }
  for (const url of ['/both', '/reverse']) {
    isServed(t, await app.inject({ url, headers: { authorization: `Bearer ${tokenOf('writer', [WRITE, READ])}` } }), { app: { id: 'writer' }, scope: [WRITE, READ] }, url)
  }
})

test('RFC 6750 §3.1: an error that is thrown again gets the challenge of its own route', async (t) => {
  const revoked = new StrategyInvalidTokenError('Revoked')
  const app = await verifyingApp(() => { throw revoked })
  for (const [method, scope] of [['GET', READ], ['POST', WRITE], ['GET', READ]] as const) {
    isRefused(t, await app.inject({ method, url: '/data', headers: READER }), refusal(401, 'invalid_token', 'Revoked', scope), method)
  }
})

test('RFC 6750 §3.1: an error that cannot be changed gets its challenge all the same', async (t) => {
  const app = await verifyingApp(() => { throw Object.freeze(new StrategyInvalidTokenError('Revoked')) })
  isRefused(t, await app.inject({ url: '/data', headers: READER }), refusal(401, 'invalid_token', 'Revoked', READ))
})

test('RFC 6750 §3: a guard without scopes names none', async (t) => {
  const app = await demoApp()
  app.get('/any', { preHandler: app.requireScopes() }, async (request) => request.credentials)
  isRefused(t, await app.inject('/any'), { ...MISSING, challenge: 'Bearer realm="demo"' })
  isRefused(t, await app.inject({ url: '/any', headers: { authorization: 'Bearer nonsense' } }),
    { ...invalidToken('Unknown token'), challenge: 'Bearer realm="demo", error="invalid_token", error_description="Unknown token"' })
})

const away = new Error('database away')
const VERDICTS: [string, () => any, Refusal][] = [
  ['returns undefined', () => undefined, invalidToken()],
  ['returns null', () => null, invalidToken()],
  ['resolves to undefined', async () => undefined, invalidToken()],
  ['returns true', () => true, invalidToken()],
  ['returns an empty object', () => ({}), invalidToken()],
  ['says false', () => ({ isValid: false }), invalidToken()],
  ['says false, with credentials', () => ({ isValid: false, credentials: CREDENTIALS }), invalidToken()],
  ['says "true"', () => ({ isValid: 'true', credentials: CREDENTIALS }), invalidToken()],
  ['says 1', () => ({ isValid: 1, credentials: CREDENTIALS }), invalidToken()],
  ['says an object', () => ({ isValid: {}, credentials: CREDENTIALS }), invalidToken()],
  ['says why', () => ({ isValid: false, message: 'The token has expired' }), invalidToken('The token has expired')],
  ['says why with an empty text', () => ({ isValid: false, message: '' }), invalidToken()],
  ['throws an error of the protocol', () => { throw new StrategyInvalidTokenError('Revoked', { cause: away }) }, invalidToken('Revoked')],
  ['throws', () => { throw away }, FAILED],
  ['rejects', () => Promise.reject(away), FAILED],
  ['rejects with nothing', () => Promise.reject(), FAILED], // eslint-disable-line prefer-promise-reject-errors
  ['throws what is no error', () => { throw 'database away' }, FAILED], // eslint-disable-line no-throw-literal
  ['throws an error of the token endpoint', () => { throw new OAuth2Error('invalid_client', 401, 'database away') }, FAILED],
  ['throws a 500 of the protocol', () => { throw new StrategyInternalError(undefined, { cause: away }) }, FAILED],
  ['is valid without credentials', () => ({ isValid: true }), FAILED],
  ['is valid with a promise of credentials', () => ({ isValid: true, credentials: Promise.resolve({ app: { id: 'reader' }, scope: ['data:read'] }) }), FAILED],
  ['is valid with null credentials', () => ({ isValid: true, credentials: null }), FAILED],
  ...[5, true, null, {}, new Set([READ])].map((scope): [string, () => any, Refusal] =>
    [`is valid with a scope that is ${typeof scope} ${scope}`, () => ({ isValid: true, credentials: { ...CREDENTIALS, scope } }), FAILED]),
  ['is valid without a scope', () => ({ isValid: true, credentials: { app: { id: 'reader' } } }), lacking(READ)],
  ['is valid with an empty scope', () => ({ isValid: true, credentials: { ...CREDENTIALS, scope: '' } }), lacking(READ)],
  ['is valid with a scope text that only contains it', () => ({ isValid: true, credentials: { ...CREDENTIALS, scope: 'xdata:read data:readx' } }), lacking(READ)]
]

for (const [name, verifyToken, refused] of VERDICTS) {
  test(`RFC 6750 §3.1: verifyToken ${name}: ${refused.status} ${refused.error}`, async (t) => {
    const answer = await (await verifyingApp(verifyToken)).inject({ url: '/data', headers: READER })
    isRefused(t, answer, refused)
    t.notMatch(JSON.stringify(saying(answer)), 'database away')
  })
}

test('RFC 6749 §3.3: the scope of a token reaches the route as a list', async (t) => {
  const SHAPES: [unknown, string[]][] = [[READ, [READ]], [`${READ} ${WRITE}`, [READ, WRITE]], [` ${READ}  ${WRITE} `, [READ, WRITE]], [[READ, WRITE], [READ, WRITE]]]
  for (const [scope, list] of SHAPES) {
    const app = await verifyingApp(() => ({ isValid: true, credentials: { app: { id: 'reader' }, scope: scope as string } }))
    isServed(t, await app.inject({ url: '/data', headers: READER }), { app: { id: 'reader' }, scope: list }, JSON.stringify(scope))
  }
})

test('RFC 6750 §3.1: what failed in verifyToken is in the log', async (t) => {
  const causes: [string, VerifyToken][] = [
    ['an error', () => { throw away }],
    ['what is no error', () => { throw 'database away' }], // eslint-disable-line no-throw-literal
    ['a wrong scope', () => ({ isValid: true, credentials: { ...CREDENTIALS, scope: 5 as unknown as string } })]
  ]
  for (const [name, verifyToken] of causes) {
    const lines: string[] = []
    const app = await demoApp({ flow: demoBuilder().verifyToken(verifyToken).build() }, { logger: { level: 'error', stream: { write: (line) => { lines.push(line) } } } })
    await app.inject({ url: '/data', headers: READER })
    t.equal(lines.length, 1, name)
    t.match(lines[0], /database away|neither a list nor a string/, name)
    t.notMatch(lines[0], TOKEN, name)
  }
})

test('RFC 6750 §3: a message keeps to the characters that are allowed, and injects nothing', async (t) => {
  const MESSAGES: [string, string][] = [
    ['a "quoted" word', 'a ?quoted? word'],
    ['a back\\slash', 'a back?slash'],
    ['", error="none', '?, error=?none'],
    ['line\r\nset-cookie: a=b', 'line??set-cookie: a=b'],
    ['tab\tzero\0', 'tab?zero?'],
    ['naïve €', 'na?ve ?'],
    ['x'.repeat(400), 'x'.repeat(300)]
  ]
  for (const [message, description] of MESSAGES) {
    const app = await verifyingApp(() => ({ isValid: false, message }))
    t.teardown(() => app.close())
    isRefused(t, await exchange(app, 'GET /data', [`authorization: ${READER.authorization}`]), invalidToken(description), message.slice(0, 30))
    t.match(description, DESCRIPTION)
  }
})

test('RFC 6750 §3: no attribute is there twice', async (t) => {
  const app = await demoApp()
  const fields: (string | undefined)[] = [undefined, 'Bearer', 'Bearer nonsense', `Bearer ${tokenOf('reader')}`]
  for (const authorization of fields) {
    const { headers } = await app.inject({ url: '/data', headers: authorization === undefined ? {} : { authorization } })
    const names = [...String(headers['www-authenticate']).matchAll(/(\w+)="[^"]*"/g)].map(([, name]) => name)
    t.strictSame(names, [...new Set(names)], authorization ?? 'no header')
    t.ok(names.includes('realm'))
  }
})

test('RFC 6750 §3: the challenge survives the error handler of the application', async (t) => {
  const app = Fastify()
  app.setErrorHandler((error, _request, reply) => reply.code(error instanceof StrategyError ? 418 : 500).send('own words'))
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
  app.get('/data', { preHandler: app.requireScopes(READ) }, async (request) => request.credentials)
  app.get('/early', { onRequest: app.requireScopes(READ) }, async (request) => request.credentials)
  const CASES: [Record<string, string>, Refusal][] = [
    [{}, MISSING],
    [{ authorization: 'Bearer' }, MALFORMED],
    [{ authorization: 'Bearer nonsense' }, invalidToken('Unknown token')],
    [{ authorization: `Bearer ${tokenOf('reader')}` }, lacking(READ)]
  ]
  for (const url of ['/data', '/early']) {
    for (const [headers, { challenge, error }] of CASES) {
      const answer = await app.inject({ url, headers })
      t.strictSame([answer.statusCode, answer.body, answer.headers['www-authenticate']], [418, 'own words', challenge], `${url}: ${error}`)
    }
  }
})

test('RFC 9110 §10.2.3: an error that says when to try again is answered with it', async (t) => {
  const busy = new StrategyError('temporarily_unavailable', 503, 'The keys cannot be had', { retryAfter: 7 })
  const answer = await (await verifyingApp(() => { throw busy })).inject({ url: '/data', headers: READER })
  t.strictSame([answer.statusCode, answer.headers['retry-after'], answer.headers['www-authenticate']], [503, '7', undefined])
  t.strictSame(answer.json(), { error: 'temporarily_unavailable', error_description: 'The keys cannot be had' })
  const { headers } = new TemporarilyUnavailableError(undefined, { retryAfter: 7 })
  t.equal(headers['retry-after'], '7')
})
