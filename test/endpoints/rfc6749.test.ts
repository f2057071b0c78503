// The lines of RFC 6749 that a client credentials server is judged by, through the plugin.
import { EventEmitter } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import jwt from '@fastify/jwt'
import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { test } from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, { ClientCredentialsFlowBuilder, fastifyJwtTokens, InvalidClientError, StrategyError } from '../../plugin/index.ts'
import { FORM_BODY_LIMIT, TemporarilyUnavailableError } from '../../src/adapter.ts'
import type { ClientAuthMethod, ClientCredentialsFlow, ClientCredentialsTokenRequest, OAuth2Client } from '../../plugin/index.ts'
import { basic, CLIENTS, demoApp, demoBuilder, exchange, FORM, form, getClient, rawBasic, SECRET, TOKEN_PATH, tokenOf } from '../support/demo.ts'
import type { Answer } from '../support/demo.ts'
import { parsedForm, parsedJson, rawOnly, startPlatform } from '../support/platform.ts'
import type { Leave } from '../support/platform.ts'

const READ = 'data:read'
const WRITE = 'data:write'
const CHALLENGE = 'Basic realm="demo", error="invalid_client"'
const GRANT = 'grant_type=client_credentials'
const READER = { authorization: basic('reader') }
const WRITER = { authorization: basic('writer') }
const URN = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const ASSERTION = { client_assertion_type: URN, client_assertion: 'aaa.bbb.ccc' }

// RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E
const DESCRIPTION = /^[\x20\x21\x23-\x5B\x5D-\x7E]+$/

type Parameters = Record<string, string> | [string, string][]
interface Refusal { status: number, error: string, description: string, challenge?: string | undefined }

const MALFORMED_SCOPE: Refusal = { status: 400, error: 'invalid_scope', description: 'The scope parameter is malformed' }
const foreign = (scope: string): Refusal => ({ status: 400, error: 'invalid_scope', description: `The client may not have the scope ${scope}` })
const invalidRequest = (description: string, status = 400): Refusal => ({ status, error: 'invalid_request', description })
const INVALID_CLIENT: Refusal = { status: 401, error: 'invalid_client', description: 'Client authentication failed', challenge: CHALLENGE }
const SEVERAL = invalidRequest('The client authenticates in more than one way')
const REPEATED = invalidRequest('A parameter was sent more than once')
const NO_GRANT_TYPE = invalidRequest('The parameter grant_type is missing')
const NOT_A_FORM = invalidRequest('The parameters must be sent in the body as application/x-www-form-urlencoded')
const TOO_LARGE = invalidRequest('The request body is too large', 413)
const MALFORMED = invalidRequest('The request is malformed')
const IN_THE_URL = invalidRequest('Client credentials must not be in the URL')
const UNSUPPORTED: Refusal = { status: 400, error: 'unsupported_grant_type', description: 'The grant type must be client_credentials' }
const UNAUTHORIZED: Refusal = { status: 400, error: 'unauthorized_client', description: 'The client may not use this grant type' }
const NOT_POST = invalidRequest('The token endpoint takes POST only', 405)
const SERVER_ERROR: Refusal = { status: 500, error: 'server_error', description: 'The server failed to handle the request' }
const unavailable = (status: number): Refusal => ({ status, error: 'temporarily_unavailable', description: 'The server cannot handle the request now' })

/** Sends a token request: parameters as they are, or beside grant_type. */
function ask (app: FastifyInstance, parameters: Parameters | string = {}, headers: Record<string, string> = READER, url = TOKEN_PATH): Promise<Answer> {
  const payload = typeof parameters === 'string' ? parameters : [GRANT, form(parameters)].filter(Boolean).join('&')
  return app.inject({ method: 'POST', url, headers: { 'content-type': FORM, ...headers }, payload })
}

/** What an answer says, without what HTTP adds to every answer. */
function saying ({ statusCode, headers, body }: Answer) {
  const { 'www-authenticate': challenge, 'content-type': type, 'cache-control': cacheControl, pragma } = headers
  return { statusCode, challenge, type, cacheControl, pragma, body }
}

const UNCACHED_JSON = { type: 'application/json; charset=utf-8', cacheControl: 'no-store', pragma: 'no-cache' }

function isGranted (t: Test, answer: Answer, scope: string | undefined, clientId = 'reader', name = ''): void {
  const body = { access_token: tokenOf(clientId, scope?.split(' ')), token_type: 'Bearer', expires_in: 3600, ...(scope !== undefined && { scope }) }
  t.strictSame(saying(answer), { ...UNCACHED_JSON, statusCode: 200, challenge: undefined, body: JSON.stringify(body) }, name)
}

function isRefused (t: Test, answer: Answer, { status, error, description, challenge }: Refusal, name = ''): void {
  const body = { error, error_description: description }
  t.strictSame(saying(answer), { ...UNCACHED_JSON, statusCode: status, challenge, body: JSON.stringify(body) }, name)
}

/** An application that writes down what getClient is asked and what generateAccessToken makes. */
async function watchedApp (adapt = (builder: ClientCredentialsFlowBuilder) => builder): Promise<{ app: FastifyInstance, asked: ClientCredentialsTokenRequest<string | undefined>[], issued: string[] }> {
  const asked: ClientCredentialsTokenRequest<string | undefined>[] = []
  const issued: string[] = []
  const builder = demoBuilder()
    .getClient((context) => {
      asked.push(context)
      return getClient(context)
    })
    .generateAccessToken(({ client, scope }) => {
      issued.push(client.id)
      return tokenOf(client.id, scope)
    })
  return { app: await demoApp({ flow: adapt(builder).build() }), asked, issued }
}

function watchedLog (): { lines: Record<string, any>[], server: FastifyServerOptions } {
  const lines: Record<string, any>[] = []
  return { lines, server: { logger: { level: 'info', stream: { write: (line) => { lines.push(JSON.parse(line)) } } } } }
}

/** An application with the plugin, of which something is set before the plugin is there. */
async function hostApp (host: (app: FastifyInstance) => unknown, flow: ClientCredentialsFlow = demoBuilder().build(), server: FastifyServerOptions = {}): Promise<FastifyInstance> {
  const app = Fastify(server)
  await host(app)
  await app.register(clientCredentialsPlugin, { flow })
  return app
}

// RFC 6749 §2.3

const POST_READER = { client_id: 'reader', client_secret: SECRET }
const MECHANISM_PAIRS: [string, Parameters, Record<string, string>][] = [
  ['Basic and body secret', POST_READER, READER],
  ['Basic and a body secret of another', { client_id: 'writer', client_secret: 'wrong' }, READER],
  ['Basic and a lone body secret', { client_secret: SECRET }, READER],
  ['Basic and assertion', ASSERTION, READER],
  ['body secret and assertion', { ...POST_READER, ...ASSERTION }, {}],
  ['all three', { ...POST_READER, ...ASSERTION }, READER],
  ['another scheme and body secret', POST_READER, { authorization: 'Bearer aaa' }],
  ['another scheme and assertion', ASSERTION, { authorization: 'Digest aaa' }]
]

test('RFC 6749 §2.3: two mechanisms in one request are refused, enabled or not', async (t) => {
  const { app, asked } = await watchedApp()
  const { app: basicOnly, asked: askedBasicOnly } = await watchedApp((builder) => builder.removeClientAuthenticationMethod('client_secret_post'))
  for (const [name, parameters, headers] of MECHANISM_PAIRS) {
    isRefused(t, await ask(app, parameters, headers), SEVERAL, name)
    isRefused(t, await ask(basicOnly, parameters, headers), SEVERAL, `${name}, Basic only`)
  }
  t.strictSame([asked, askedBasicOnly], [[], []], 'no client is looked up')
})

test('RFC 6749 §2.3: two Authorization headers are refused', async (t) => {
  const { app, asked } = await watchedApp()
  t.teardown(() => app.close())
  const good = `authorization: ${READER.authorization}`
  const pairs = [[good, good], [good, 'authorization: Bearer aaa'], ['authorization: Bearer aaa', good], [good, `AUTHORIZATION: ${WRITER.authorization}`]]
  for (const pair of pairs) {
    const answer = await exchange(app, `POST ${TOKEN_PATH}`, [...pair, `content-type: ${FORM}`, `content-length: ${GRANT.length}`], GRANT)
    isRefused(t, answer, SEVERAL, pair.join())
  }
  t.strictSame(asked, [])
})

const PAIRS: [string, string, string, string][] = [
  ['plain', 'reader:secret', 'reader', 'secret'],
  ['raw colons in the secret', 'reader:a:b::', 'reader', 'a:b::'],
  ['encoded colons in both', 'a%3Ab:c%3Ad', 'a:b', 'c:d'],
  ['an encoded colon in the id and a raw one in the secret', 'a%3Ab:c:d', 'a:b', 'c:d'],
  ['plus is a space', 'a+b:c+d', 'a b', 'c d'],
  ['nothing but what is encoded', '%25%2B:++', '%+', '  '],
  ['%20 is a space too', 'a%20b:c%20d', 'a b', 'c d'],
  ['encoded plus', 'a%2Bb:c%2bd', 'a+b', 'c+d'],
  ['encoded percent', 'a%25b:100%25', 'a%b', '100%'],
  ['decoded once', 'a%253Ab:c%252Bd', 'a%3Ab', 'c%2Bd'],
  ['encoded non-ASCII', 'r%C3%A9ader:%E2%82%AC%F0%9F%94%91', 'réader', '€🔑'],
  ['raw UTF-8', 'réader:€🔑', 'réader', '€🔑'],
  ['raw spaces', 'a b:c d', 'a b', 'c d'],
  ['every other printable character', 'reader:!"#$&\'()*,-./;<=>?@[\\]^_`{|}~', 'reader', '!"#$&\'()*,-./;<=>?@[\\]^_`{|}~']
]

test('RFC 6749 §2.3.1: Basic is split at its first colon, then each half is form-decoded', async (t) => {
  const { app, asked } = await watchedApp()
  for (const [name, pair, clientId, clientSecret] of PAIRS) {
    isRefused(t, await ask(app, {}, { authorization: rawBasic(pair) }), INVALID_CLIENT, name)
    t.strictSame(asked.pop(), { clientId, clientSecret, grantType: 'client_credentials', scope: undefined, clientAuthMethod: 'client_secret_basic', clientAuthData: undefined, origin: '' }, name)
  }
  isGranted(t, await ask(app, {}, { authorization: basic('a:b c') }), READ, 'a:b c')
})

test('RFC 6749 §2.3.1: id and secret in the body are decoded as the form is', async (t) => {
  const { app, asked } = await watchedApp()
  for (const [name, , clientId, clientSecret] of PAIRS) {
    isRefused(t, await ask(app, { client_id: clientId, client_secret: clientSecret }, {}), INVALID_CLIENT, name)
    t.strictSame(asked.pop(), { clientId, clientSecret, grantType: 'client_credentials', scope: undefined, clientAuthMethod: 'client_secret_post', clientAuthData: undefined, origin: '' }, name)
  }
  isGranted(t, await ask(app, { client_id: 'a:b c', client_secret: SECRET }, {}), READ, 'a:b c')
})

test('RFC 6749 §2.3.1: a client is served by Basic and by its body secret', async (t) => {
  const app = await demoApp()
  isGranted(t, await ask(app), READ)
  isGranted(t, await ask(app, POST_READER, {}), READ)
})

test('RFC 9110 §11.1: the scheme Basic is written in any case', async (t) => {
  const app = await demoApp()
  t.teardown(() => app.close())
  const encoded = basic('reader').slice('Basic '.length)
  isGranted(t, await ask(app, {}, { authorization: `Basic ${encoded}  ` }), READ, 'reader', 'spaces behind it, where no HTTP parser has taken them away')
  for (const field of ['basic ', 'BASIC ', 'bAsIc ', 'Basic   ']) {
    const answer = await exchange(app, `POST ${TOKEN_PATH}`, [`authorization: ${field}${encoded}`, `content-type: ${FORM}`, `content-length: ${GRANT.length}`], GRANT)
    isGranted(t, answer, READ, 'reader', field)
  }
})

const BAD_BASIC: [string, string, RegExp][] = [
  ['no colon', rawBasic('reader'), /no colon/],
  ['an encoded colon only', rawBasic('reader%3Asecret'), /no colon/],
  ['nothing', 'Basic', /not base64/],
  ['a space', 'Basic ', /not base64|no colon/],
  ['an empty pair', rawBasic(':'), /is empty/],
  ['an empty id', rawBasic(':secret'), /is empty/],
  ['an empty secret', rawBasic('reader:'), /is empty/],
  ['no base64', 'Basic !!!!', /not base64/],
  ['base64 without its padding', rawBasic('reader:s').replaceAll('=', ''), /not base64/],
  ['base64url', `Basic ${Buffer.from('reader:\u{3FF}\u{3FF}>>>???').toString('base64url')}`, /not base64/],
  ['something behind it', `${rawBasic('reader:secret')} x`, /not base64/],
  ['a lone percent sign', rawBasic('reader:100%'), /RFC 6749 section 2\.3\.1 wants a percent sign sent as %25/],
  ['percent and no hex', rawBasic('reader:%zz'), /not form-encoded/],
  ['encoded bytes that are no UTF-8', rawBasic('reader:%FF'), /not form-encoded/],
  ['a zero byte', rawBasic('reader:%00'), /control characters/],
  ['a raw line break', rawBasic('rea\nder:secret'), /control characters/]
]

test('RFC 6749 §2.3.1: malformed Basic credentials are invalid_client, and the log says why', async (t) => {
  const { lines, server } = watchedLog()
  const app = await demoApp({}, server)
  for (const [name, authorization, reason] of BAD_BASIC) {
    isRefused(t, await ask(app, {}, { authorization }), INVALID_CLIENT, name)
    t.match(lines.find(({ oauth }) => oauth !== undefined), { level: 30, oauth: { error: 'invalid_client', reason } }, name)
    lines.length = 0
  }
})

test('RFC 7617 §2: a long field of spaces costs no more than its length', async (t) => {
  const flow = demoBuilder().build()
  const headers = { 'content-type': FORM }
  for (const spaces of [1_000, 1_000_000]) {
    const request = new Request('https://as.example/token', { method: 'POST', headers: { ...headers, authorization: `Basic${' '.repeat(spaces)}!` }, body: GRANT })
    const result = await flow.token(request)
    t.equal(!result.success && result.error.code, 'invalid_client')
  }
})

test('RFC 9110 §11.4: the parameters of another scheme are no second Authorization field', async (t) => {
  const hawk: ClientAuthMethod = {
    name: 'hawk',
    scheme: 'Hawk',
    carries: (request) => request.header('authorization')?.startsWith('Hawk ') === true,
    authenticate: () => ({ kind: 'secret', clientId: 'reader', clientSecret: SECRET })
  }
  const app = await demoApp({ flow: demoBuilder().addClientAuthenticationMethod(hawk).build() })
  isGranted(t, await ask(app, {}, { authorization: 'Hawk id="reader", ts="1353832234", mac="abc="' }), READ)
  isRefused(t, await ask(app, {}, { authorization: `Hawk id="reader", ${basic('reader')}` }), SEVERAL)
})

test('RFC 6749 §2.3.1: an id without a secret is no authentication', async (t) => {
  const { app, asked } = await watchedApp()
  const CASES: Parameters[] = [{ client_id: 'reader' }, { client_id: 'reader', client_secret: '' }, { client_secret: SECRET }, { client_id: '', client_secret: SECRET }]
  for (const parameters of CASES) isRefused(t, await ask(app, parameters, {}), INVALID_CLIENT, JSON.stringify(parameters))
  isRefused(t, await ask(app, { client_id: 'rea\0der', client_secret: SECRET }, {}), INVALID_CLIENT, 'control characters')
  t.strictSame(asked, [])
})

test('RFC 6749 §2.3.1: credentials in the URL are refused and not logged', async (t) => {
  const { lines, server } = watchedLog()
  const app = await demoApp({ flow: demoBuilder().getClient(() => t.fail('a client is looked up') as never).build() }, server)
  const URLS = ['?client_id=reader&client_secret=s3cret', '?client_secret=s3cret', '?client_assertion=s3cret', '?client_secret=']
  for (const query of URLS) {
    isRefused(t, await ask(app, {}, {}, TOKEN_PATH + query), IN_THE_URL, query)
    isRefused(t, await ask(app, {}, READER, TOKEN_PATH + query), IN_THE_URL, `${query} beside Basic`)
    isRefused(t, await ask(app, POST_READER, {}, TOKEN_PATH + query), IN_THE_URL, `${query} beside a body secret`)
  }
  t.notMatch(JSON.stringify(lines), 's3cret')
})

test('RFC 6749 §2.3.1: a client_id in the URL is not read', async (t) => {
  const app = await demoApp()
  isRefused(t, await ask(app, { client_secret: SECRET }, {}, `${TOKEN_PATH}?client_id=reader`), INVALID_CLIENT)
  isGranted(t, await ask(app, {}, READER, `${TOKEN_PATH}?client_id=writer`), READ)
})

test('RFC 6749 §2.3.1: a token endpoint without TLS is refused outside loopback', async (t) => {
  for (const url of ['http://as.example/token', 'http://10.0.0.1/token', 'http://localhost.example/token', 'http://127.0.0.1.example/token', 'ftp://as.example/token']) {
    t.throws(() => demoBuilder().setTokenEndpoint(url).build(), { name: 'FlowConfigurationError', code: 'FST_OAUTH_INVALID_TOKEN_ENDPOINT' }, url)
  }
  for (const url of ['https://as.example/token', 'http://localhost:3000/token', 'http://127.0.0.1/token', 'http://[::1]:3000/token']) {
    t.equal(demoBuilder().setTokenEndpoint(url).build().getTokenEndpoint(), url)
  }
})

test('RFC 6749 §2.3.1: a rate limit of the application stops guessing, by an OAuth error', async (t) => {
  const { asked, app: { clientCredentials: flow } } = await watchedApp()
  const app = await hostApp((app) => app.register(rateLimit, { max: 2, timeWindow: '1 minute' }), flow)
  const guess = () => ask(app, {}, { authorization: basic('reader', 'guess') })
  isRefused(t, await guess(), INVALID_CLIENT)
  isRefused(t, await guess(), INVALID_CLIENT)
  const limited = await guess()
  isRefused(t, limited, unavailable(429))
  t.equal(limited.headers['retry-after'], '60')
  t.equal(asked.length, 2)
})

test('RFC 7591 §2: a client authenticates by its registered method only', async (t) => {
  const app = await demoApp()
  const poster = { client_id: 'poster', client_secret: SECRET }
  isGranted(t, await ask(app, poster, {}), READ, 'poster')
  isRefused(t, await ask(app, {}, { authorization: basic('poster') }), INVALID_CLIENT)

  const noneOnly = demoBuilder().getClient(() => ({ ...CLIENTS.reader!, metadata: { token_endpoint_auth_method: 'none' } })).build()
  isRefused(t, await ask(await demoApp({ flow: noneOnly })), INVALID_CLIENT, 'registered as a public client')
})

test('RFC 6749 §2.3: a client_id must be the one that authenticates', async (t) => {
  const { app, asked, issued } = await watchedApp()
  for (const id of ['writer', 'Reader', 'reader ', 'unknown']) {
    isRefused(t, await ask(app, { client_id: id }), invalidRequest('The client_id differs from the client that authenticates'), id)
  }
  t.strictSame([asked, issued], [[], []])
  isGranted(t, await ask(app, { client_id: 'reader' }), READ)
  isGranted(t, await ask(app, { client_id: 'a:b c' }, { authorization: basic('a:b c') }), READ, 'a:b c')
})

test('RFC 6749 §2.3: unknown client, wrong secret and wrong method are answered alike, byte for byte', async (t) => {
  const app = await demoApp()
  const bytes = ({ statusCode, headers, body }: Answer) => ({ statusCode, headers: { ...headers, date: '' }, body })
  for (const extra of [{}, { 'x-requested-with': 'XMLHttpRequest' }]) {
    const [first, ...others] = await Promise.all([
      ask(app, {}, { authorization: basic('reader', 'wrong'), ...extra }),
      ask(app, {}, { authorization: basic('unknown'), ...extra }),
      ask(app, {}, { authorization: basic('poster'), ...extra }),
      ask(app, {}, { authorization: basic('toString'), ...extra }),
      ask(app, { client_id: 'reader', client_secret: 'wrong' }, extra),
      ask(app, { client_id: 'unknown', client_secret: SECRET }, extra)
    ])
    for (const other of others) t.strictSame(bytes(other), bytes(first!))
  }
})

// RFC 6749 §3.2

test('RFC 6749 §3.2: only POST is taken, whatever comes with the request', async (t) => {
  const { app, asked } = await watchedApp()
  t.teardown(() => app.close())
  const fields = [`authorization: ${READER.authorization}`]
  const withBody = (type: string) => [...fields, `content-type: ${type}`, `content-length: ${GRANT.length}`]
  const CASES: [string, string[], string][] = [
    ['GET', fields, ''],
    ['DELETE', fields, ''],
    ['TRACE', fields, ''],
    ['PUT', withBody(FORM), GRANT],
    ['PATCH', withBody('application/json'), GRANT],
    ['PUT', withBody('application/x-unknown'), GRANT]
  ]
  for (const [method, lines, body] of CASES) {
    const answer = await exchange(app, `${method} ${TOKEN_PATH}?${GRANT}`, lines, body)
    isRefused(t, answer, NOT_POST, method)
    t.equal(answer.headers.allow, 'POST', method)
  }
  const head = await exchange(app, `HEAD ${TOKEN_PATH}`, fields)
  t.strictSame([head.statusCode, head.headers.allow, head.headers['cache-control'], head.body], [405, 'POST', 'no-store', ''])
  t.strictSame(asked, [])
})

test('RFC 6749 §3.2: parameters in the query are not read', async (t) => {
  const app = await demoApp()
  isRefused(t, await ask(app, 'x=y', READER, `${TOKEN_PATH}?${GRANT}`), NO_GRANT_TYPE)
  isRefused(t, await ask(app, '', READER, `${TOKEN_PATH}?${GRANT}`), NO_GRANT_TYPE)
  isGranted(t, await ask(app, {}, WRITER, `${TOKEN_PATH}?scope=${READ}&grant_type=password&scope=x`), `${READ} ${WRITE}`, 'writer')
})

test('RFC 6749 §3.2: an empty value counts as omitted', async (t) => {
  const app = await demoApp()
  isGranted(t, await ask(app, { scope: '' }), READ)
  isGranted(t, await ask(app, `${GRANT}&scope`), READ, 'reader', 'without its equals sign')
  isGranted(t, await ask(app, { client_id: '', client_secret: '', client_assertion: '', client_assertion_type: '', resource: '' }), READ)
  isRefused(t, await ask(app, 'grant_type='), NO_GRANT_TYPE)
})

test('RFC 6749 §3.2: unknown parameters are ignored', async (t) => {
  const app = await demoApp()
  isGranted(t, await ask(app, { audience: 'x', foo: 'bar', '': 'x', __proto__x: '1' }), READ)
  for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
    isGranted(t, await ask(app, [[name, '1'], ['foo', 'bar']]), READ, 'reader', name)
  }
})

const REPEATABLE_WRONGLY = ['grant_type', 'scope', 'client_id', 'client_secret', 'client_assertion', 'client_assertion_type', 'foo', '__proto__', '']

test('RFC 6749 §3.2: no parameter may be sent more than once', async (t) => {
  const { app, asked } = await watchedApp()
  const good: Record<string, string> = { grant_type: 'client_credentials', scope: READ, client_id: 'reader', client_secret: SECRET }
  for (const name of REPEATABLE_WRONGLY) {
    const value = good[name] ?? 'x'
    const rest = name === 'grant_type' ? '' : `${GRANT}&`
    const pair = (text: string) => `${encodeURIComponent(name)}=${encodeURIComponent(text)}`
    const headers: Record<string, string> = name.startsWith('client_') ? {} : READER
    isRefused(t, await ask(app, `${rest}${pair(value)}&${pair(value)}`, headers), REPEATED, `${name}, the same`)
    isRefused(t, await ask(app, `${rest}${pair(value)}&a=b&${pair('other')}`, headers), REPEATED, `${name}, the first is good`)
    isRefused(t, await ask(app, `${rest}${pair('other')}&${pair(value)}`, headers), REPEATED, `${name}, the last is good`)
    isRefused(t, await ask(app, `${rest}${pair(value)}&${pair('')}`, headers), REPEATED, `${name}, the last is empty`)
  }
  isRefused(t, await ask(app, `${GRANT}&scope=${READ}&sc%6Fpe=${READ}`), REPEATED, 'a name that is encoded')
  isRefused(t, await ask(app, `${GRANT}&scope=a&scope=b&scope=c`), REPEATED, 'three times')
  t.strictSame(asked, [])
})

test('RFC 8707 §2: resource may be sent more than once', async (t) => {
  const app = await demoApp()
  isGranted(t, await ask(app, [['resource', 'https://a.example'], ['resource', 'https://b.example']]), READ)
})

test('RFC 6749 §4.4.2: the form comes with any spelling of its media type', async (t) => {
  const app = await demoApp()
  t.teardown(() => app.close())
  for (const type of [FORM, `${FORM};charset=UTF-8`, `${FORM}; charset=utf-8`, `${FORM} ; charset="utf-8"`, FORM.toUpperCase()]) {
    const answer = await exchange(app, `POST ${TOKEN_PATH}`, [`authorization: ${READER.authorization}`, `content-type: ${type}`, `content-length: ${GRANT.length}`], GRANT)
    isGranted(t, answer, READ, 'reader', type)
  }
})

test('RFC 6749 §4.4.2: a chunked form is read', async (t) => {
  const app = await demoApp()
  t.teardown(() => app.close())
  const half = GRANT.length / 2
  const chunks = [GRANT.slice(0, half), GRANT.slice(half)].map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join('')
  const answer = await exchange(app, `POST ${TOKEN_PATH}`, [`authorization: ${READER.authorization}`, `content-type: ${FORM}`, 'transfer-encoding: chunked'], `${chunks}0\r\n\r\n`)
  isGranted(t, answer, READ)
})

test('RFC 6749 §4.4.2: another media type, or none, is refused with what to send', async (t) => {
  const { app, asked } = await watchedApp()
  t.teardown(() => app.close())
  const TYPES = ['application/json', 'text/plain', 'multipart/form-data; boundary=x', `${FORM}x`, 'application/xml', 'nonsense', `text/${FORM}`]
  for (const type of TYPES) {
    isRefused(t, await ask(app, JSON.stringify({ grant_type: 'client_credentials' }), { ...READER, 'content-type': type }), NOT_A_FORM, type)
  }
  const fields = [`authorization: ${READER.authorization}`]
  isRefused(t, await exchange(app, `POST ${TOKEN_PATH}`, [...fields, `content-length: ${GRANT.length}`], GRANT), NOT_A_FORM, 'no media type')
  isRefused(t, await exchange(app, `POST ${TOKEN_PATH}`, [...fields, 'content-length: 0']), NO_GRANT_TYPE, 'no body')
  isRefused(t, await exchange(app, `POST ${TOKEN_PATH}`, [...fields, `content-type: ${FORM}`, 'content-length: 0']), NO_GRANT_TYPE, 'an empty form')
  t.strictSame(asked, [])
})

test('RFC 6749 §3.2: a body over 64 KiB is refused, announced or not', async (t) => {
  const app = await demoApp()
  t.teardown(() => app.close())
  const filled = (size: number) => `${GRANT}&fill=`.padEnd(size, 'x')
  isGranted(t, await ask(app, filled(FORM_BODY_LIMIT)), READ, 'reader', 'at the limit')
  isRefused(t, await ask(app, filled(FORM_BODY_LIMIT + 1)), TOO_LARGE, 'one byte more')

  const fields = [`authorization: ${READER.authorization}`, `content-type: ${FORM}`]
  isRefused(t, await exchange(app, `POST ${TOKEN_PATH}`, [...fields, `content-length: ${FORM_BODY_LIMIT + 1}`]), TOO_LARGE, 'announced')
  const size = FORM_BODY_LIMIT + 1
  isRefused(t, await exchange(app, `POST ${TOKEN_PATH}`, [...fields, 'transfer-encoding: chunked'], `${size.toString(16)}\r\n${filled(size)}`), TOO_LARGE, 'chunked')
})

test('RFC 6749 appendix B: what is not UTF-8 is never taken for something else', async (t) => {
  const app = await demoApp()
  t.teardown(() => app.close())
  const BODIES: [string, Buffer, Refusal][] = [
    ['a raw byte', Buffer.concat([Buffer.from(`${GRANT}&scope=${READ}`), Buffer.from([0xFF])]), MALFORMED_SCOPE],
    ['an encoded byte', Buffer.from(`${GRANT}&scope=${READ}%FF`), foreign(`${READ}%FF`)],
    ['an overlong space', Buffer.from(`${GRANT}&scope=${READ}%C0%A0${READ}`), foreign(`${READ}%C0%A0${READ}`)],
    ['a lone percent sign', Buffer.from(`${GRANT}&scope=${READ}%`), foreign(`${READ}%`)],
    ['a byte order mark', Buffer.from(`\uFEFF${GRANT}`), NO_GRANT_TYPE]
  ]
  for (const [name, body, refusal] of BODIES) {
    const fields = [`authorization: ${READER.authorization}`, `content-type: ${FORM}`, `content-length: ${body.length}`]
    isRefused(t, await exchange(app, `POST ${TOKEN_PATH}`, fields, body), refusal, name)
  }
})

test('RFC 6749 §3.2: the endpoint may have a query, never a fragment', async (t) => {
  const app = await demoApp({ flow: demoBuilder().setTokenEndpoint(`${TOKEN_PATH}?tenant=a`).build() })
  isGranted(t, await ask(app, {}, READER, `${TOKEN_PATH}?tenant=a`), READ)
  for (const endpoint of [`${TOKEN_PATH}#token`, 'https://as.example/token#token', 'https://as.example/token#']) {
    t.throws(() => demoBuilder().setTokenEndpoint(endpoint).build(), { code: 'FST_OAUTH_INVALID_TOKEN_ENDPOINT' }, endpoint)
  }
})

// RFC 6749 §3.3

const BAD_SCOPES = {
  'two spaces': `${READ}  ${WRITE}`,
  'a leading space': ` ${READ}`,
  'a trailing space': `${READ} `,
  'a space only': ' ',
  'a quote': `${READ}"`,
  'a backslash': `data\\read ${READ}`,
  'a tab': `${READ}\t${WRITE}`,
  'a line break': `${READ}\n`,
  'a leading line break': `\n${READ}`,
  'a zero byte': `${READ}\0`,
  delete: `${READ}\x7F`,
  'a no-break space': `${READ}\u00A0${WRITE}`,
  'non-ASCII': 'data:résumé'
}

test('RFC 6749 §3.3: a scope outside of the grammar is invalid_scope', async (t) => {
  const { app, asked } = await watchedApp()
  for (const [name, scope] of Object.entries(BAD_SCOPES)) isRefused(t, await ask(app, { scope }, WRITER), MALFORMED_SCOPE, name)
  t.strictSame(asked, [])
})

test('RFC 6749 §3.3: a scope may have every other character', async (t) => {
  const every = Array.from({ length: 0x7F - 0x21 }, (_, i) => String.fromCharCode(0x21 + i)).filter((char) => char !== '"' && char !== '\\')
  const scopes = [every.join(''), ...every]
  const app = await demoApp({ flow: demoBuilder().setScopes({ [READ]: '', [WRITE]: '', ...Object.fromEntries(scopes.map((scope) => [scope, ''])) }).getClient(() => ({ ...CLIENTS.reader!, scopes })).build() })
  isGranted(t, await ask(app, { scope: scopes.join(' ') }), scopes.join(' '))
})

const SCOPES: [string, string | undefined, string][] = [
  ['one of two', READ, READ],
  ['in its order', `${READ} ${WRITE}`, `${READ} ${WRITE}`],
  ['in another order', `${WRITE} ${READ}`, `${WRITE} ${READ}`],
  ['duplicates', `${WRITE} ${READ} ${WRITE} ${READ}`, `${WRITE} ${READ}`],
  ['none: all of the client', undefined, `${READ} ${WRITE}`],
  ['an empty one: all of the client', '', `${READ} ${WRITE}`]
]

test('RFC 6749 §3.3: what is granted is always returned, in order, without duplicates', async (t) => {
  const { app, asked } = await watchedApp()
  for (const [name, scope, granted] of SCOPES) {
    isGranted(t, await ask(app, scope === undefined ? {} : { scope }, WRITER), granted, 'writer', name)
    t.strictSame(asked.pop()?.scope, scope ? granted.split(' ') : undefined, `${name}: getClient is asked`)
  }
})

test('RFC 6749 §3.3: a scope beyond the client is invalid_scope, never dropped in silence', async (t) => {
  const { app, issued } = await watchedApp()
  const CASES: [string, string][] = [[WRITE, WRITE], [`${READ} ${WRITE}`, WRITE], [`${WRITE} ${READ}`, WRITE], ['DATA:READ', 'DATA:READ'], ['data', 'data'], [`${READ}x`, `${READ}x`], ['unknown', 'unknown']]
  for (const [scope, offender] of CASES) isRefused(t, await ask(app, { scope }), foreign(offender), scope)
  t.strictSame(issued, [])
})

test('RFC 6749 §3.3: a client without scopes gets a token without scope', async (t) => {
  const app = await demoApp()
  const scopeless = { authorization: basic('scopeless') }
  isGranted(t, await ask(app, {}, scopeless), undefined, 'scopeless')
  isRefused(t, await ask(app, { scope: READ }, scopeless), foreign(READ))
})

test('RFC 6749 §3.3: the scopes that the flow declares bound those of the client', async (t) => {
  const undeclared = () => ({ id: 'reader', grants: ['client_credentials'], scopes: ['admin', READ, READ] })
  const declaring = await demoApp({ flow: demoBuilder().getClient(undeclared).build() })
  isGranted(t, await ask(declaring), READ)
  isRefused(t, await ask(declaring, { scope: 'admin' }), foreign('admin'))

  const silent = await demoApp({ flow: demoBuilder().setScopes({}).getClient(undeclared).build() })
  isGranted(t, await ask(silent), `admin ${READ}`)
  isGranted(t, await ask(silent, { scope: 'admin' }), 'admin')
  isRefused(t, await ask(silent, { scope: WRITE }), foreign(WRITE))
})

// RFC 6749 §4.4

test('RFC 6749 §3.3: a text is never taken for a list of scopes or grants', async (t) => {
  const CASES: object[] = [
    { grants: ['client_credentials'], scopes: `${READ} ${WRITE}` },
    { grants: ['client_credentials'], scopes: READ },
    { grants: 'client_credentials', scopes: [READ] }
  ]
  for (const client of CASES) {
    const builder = demoBuilder().setScopes({}).getClient(() => ({ id: 'reader', ...client }) as OAuth2Client)
    const app = Fastify()
    await app.register(clientCredentialsPlugin, { flow: builder.build() })
    for (const parameters of [{}, { scope: READ }, { scope: 'read' }] as Parameters[]) isRefused(t, await ask(app, parameters), SERVER_ERROR, JSON.stringify([client, parameters]))
  }
})

test('RFC 6749 §4.4: there are no public clients', async (t) => {
  const { app, asked } = await watchedApp((builder) => builder.noneAuthenticationMethod())
  isRefused(t, await ask(app, { client_id: 'reader' }, {}), INVALID_CLIENT)
  isRefused(t, await ask(app, {}, {}), INVALID_CLIENT)
  t.strictSame(asked, [])
  t.strictSame(app.clientCredentials.getTokenEndpointAuthMethods(), ['client_secret_basic', 'client_secret_post'])
})

test('RFC 6749 §4.4.2: the grant type is client_credentials, to the letter', async (t) => {
  const { app, asked } = await watchedApp()
  const TYPES = ['password', 'authorization_code', 'refresh_token', 'Client_Credentials', 'client_credentials ', ' client_credentials', 'client_credential', 'client_credentialsx', 'constructor']
  for (const type of TYPES) isRefused(t, await ask(app, form({ grant_type: type })), UNSUPPORTED, type)
  t.strictSame(asked, [])
})

test('RFC 6749 §4.4.3: there is no refresh token, whatever is generated', async (t) => {
  const generated = { accessToken: 'aaa', refreshToken: 'bbb', refresh_token: 'ccc', id_token: 'ddd' }
  const answer = await ask(await demoApp({ flow: demoBuilder().generateAccessToken(() => generated).build() }))
  t.strictSame(JSON.parse(answer.body), { access_token: 'aaa', token_type: 'Bearer', expires_in: 3600, scope: READ })
})

// RFC 6749 §5.1

test('RFC 6749 §5.1: success is 200 with these bytes, and no-store', async (t) => {
  const app = await demoApp()
  t.teardown(() => app.close())
  const answer = await exchange(app, `POST ${TOKEN_PATH}`, [`authorization: ${READER.authorization}`, `content-type: ${FORM}`, `content-length: ${GRANT.length}`], GRANT)
  const body = `{"access_token":"${tokenOf('reader', [READ])}","token_type":"Bearer","expires_in":3600,"scope":"data:read"}`
  const { date, ...headers } = answer.headers
  t.equal(answer.statusCode, 200)
  t.equal(answer.body, body)
  t.strictSame(headers, {
    'cache-control': 'no-store',
    pragma: 'no-cache',
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(body.length),
    connection: 'close'
  })
})

test('RFC 6749 §5.1: expires_in is the lifetime of the flow, or of the token', async (t) => {
  const lifetimeOf = async (adapt: (builder: ClientCredentialsFlowBuilder) => ClientCredentialsFlowBuilder) =>
    JSON.parse((await ask(await demoApp({ flow: adapt(demoBuilder()).build() }))).body).expires_in
  t.equal(await lifetimeOf((builder) => builder), 3600)
  t.equal(await lifetimeOf((builder) => builder.setAccessTokenLifetime(1800)), 1800)
  t.equal(await lifetimeOf((builder) => builder.generateAccessToken(() => ({ accessToken: 'aaa', expiresIn: 60 }))), 60)
})

test('RFC 6749 §5.1: expires_in is what is between iat and exp of a JWT', async (t) => {
  const app = Fastify()
  await app.register(jwt, { secret: 'a secret of thirty-two characters', sign: { algorithm: 'HS256', header: { alg: 'HS256', typ: 'at+jwt' } } })
  const flow = demoBuilder().setAccessTokenLifetime(777).useAccessTokens(fastifyJwtTokens(app.jwt, { issuer: 'https://as.example', audience: 'api' })).build()
  await app.register(clientCredentialsPlugin, { flow })
  const { access_token: token, expires_in: expiresIn } = JSON.parse((await ask(app)).body)
  const { exp, iat } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString())
  t.equal(expiresIn, 777)
  t.equal(exp - iat, expiresIn)
})

// RFC 6749 §5.2

test('RFC 6749 §5.2: a missing grant_type is invalid_request, an unknown one unsupported_grant_type', async (t) => {
  const app = await demoApp()
  isRefused(t, await ask(app, `scope=${READ}`), NO_GRANT_TYPE)
  isRefused(t, await ask(app, 'grant_type=unknown'), UNSUPPORTED)
})

test('RFC 6749 §5.2: no client authentication at all is invalid_client with a challenge', async (t) => {
  const app = await demoApp()
  isRefused(t, await ask(app, {}, {}), INVALID_CLIENT, 'nothing')
  isRefused(t, await ask(app, {}, { authorization: 'Bearer aaa' }), INVALID_CLIENT, 'a scheme that is not taken')
  isRefused(t, await ask(app, ASSERTION, {}), INVALID_CLIENT, 'an assertion that is not taken')
  const basicOnly = await demoApp({ flow: demoBuilder().removeClientAuthenticationMethod('client_secret_post').build() })
  isRefused(t, await ask(basicOnly, POST_READER, {}), INVALID_CLIENT, 'a body secret that is not taken')
  const postOnly = await demoApp({ flow: demoBuilder().removeClientAuthenticationMethod('client_secret_basic').build() })
  isRefused(t, await ask(postOnly), INVALID_CLIENT, 'Basic that is not taken')
})

test('RFC 6749 §5.2: invalid_client carries a Basic challenge, except for a script in a page', async (t) => {
  const app = await demoApp()
  const wrong = { authorization: basic('reader', 'wrong') }
  isRefused(t, await ask(app, {}, wrong), INVALID_CLIENT)
  for (const value of ['XMLHttpRequest', 'xmlhttprequest']) {
    isRefused(t, await ask(app, {}, { ...wrong, 'x-requested-with': value }), { ...INVALID_CLIENT, challenge: undefined }, value)
  }
  isRefused(t, await ask(app, {}, { ...wrong, 'x-requested-with': 'com.example.app' }), INVALID_CLIENT, 'another value')
})

test('RFC 6749 §5.2: a client without the grant is unauthorized_client', async (t) => {
  const app = await demoApp()
  isRefused(t, await ask(app, {}, { authorization: basic('browser') }), UNAUTHORIZED)
  isRefused(t, await ask(app, {}, { authorization: basic('browser', 'wrong') }), INVALID_CLIENT, 'not told to strangers')
})

const FAILING_GETS: Record<string, () => never> = {
  'getClient throws': () => { throw new Error('database away') },
  'getClient rejects': (() => Promise.reject(new Error('database away'))) as () => never,
  'getClient throws what is no error': () => { throw 'database away' }, // eslint-disable-line no-throw-literal
  'getClient throws an error of the resource side': () => { throw new StrategyError('invalid_token', 401, 'database away') }
}
const FAILING_GENERATES: Record<string, [() => any, RegExp]> = {
  'generateAccessToken throws': [FAILING_GETS['getClient throws']!, /database away/],
  'generateAccessToken rejects': [FAILING_GETS['getClient rejects']!, /database away/],
  'generateAccessToken throws what is no error': [FAILING_GETS['getClient throws what is no error']!, /database away/],
  'generateAccessToken returns undefined': [() => undefined, /generateAccessToken returned no token/],
  'generateAccessToken returns null': [() => null, /generateAccessToken returned no token/],
  'generateAccessToken resolves to undefined': [async () => undefined, /generateAccessToken returned no token/],
  'generateAccessToken returns an empty token': [() => '', /no Authorization header can carry/],
  'generateAccessToken returns a token with a space': [() => 'database away', /no Authorization header can carry/]
}

async function isOurFailure (t: Test, name: string, builder: ClientCredentialsFlowBuilder, cause: RegExp): Promise<void> {
  const { lines, server } = watchedLog()
  isRefused(t, await ask(await demoApp({ flow: builder.build() }, server)), SERVER_ERROR, name)
  const logged = lines.filter(({ level }) => level === 50)
  t.equal(logged.length, 1, `${name}: logged once`)
  t.match(JSON.stringify(logged), cause, `${name}: the log has the cause`)
  t.notMatch(JSON.stringify(lines), READER.authorization.slice(6), `${name}: the log has no credentials`)
}

test('RFC 6749 §5.2: a callback that fails is server_error, its cause for the log only', async (t) => {
  for (const [name, fail] of Object.entries(FAILING_GETS)) await isOurFailure(t, name, demoBuilder().getClient(fail), /database away/)
  for (const [name, [fail, cause]] of Object.entries(FAILING_GENERATES)) await isOurFailure(t, name, demoBuilder().generateAccessToken(fail), cause)
})

test('RFC 6749 §5.2: a callback that rejects with nothing is server_error', async (t) => {
  const nothing = () => Promise.reject() // eslint-disable-line prefer-promise-reject-errors
  isRefused(t, await ask(await demoApp({ flow: demoBuilder().getClient(nothing).build() })), SERVER_ERROR)
  isRefused(t, await ask(await demoApp({ flow: demoBuilder().generateAccessToken(nothing).build() })), SERVER_ERROR)
})

test('RFC 6749 §5.2: getClient that returns nothing is invalid_client', async (t) => {
  const NOTHINGS: (() => any)[] = [() => undefined, async () => undefined, () => null, () => false, () => '']
  for (const nothing of NOTHINGS) {
    isRefused(t, await ask(await demoApp({ flow: demoBuilder().getClient(nothing).build() })), INVALID_CLIENT)
  }
})

test('RFC 6749 §5.2: an OAuth error of a callback is answered as it is, in the characters that are allowed', async (t) => {
  const busy = new TemporarilyUnavailableError('Try "later"\r\nX-Injected: \\ é', { retryAfter: 7 })
  for (const builder of [demoBuilder().getClient(() => { throw busy }), demoBuilder().generateAccessToken(() => { throw busy })]) {
    const answer = await ask(await demoApp({ flow: builder.build() }))
    isRefused(t, answer, { status: 503, error: 'temporarily_unavailable', description: 'Try ?later???X-Injected: ? ?' })
    t.equal(answer.headers['retry-after'], '7')
    t.equal(answer.headers['x-injected'], undefined)
  }
})

test('RFC 9110 §15.5.2: a 401 has a challenge, whichever callback it comes from', async (t) => {
  const refuse = () => { throw new InvalidClientError() }
  isRefused(t, await ask(await demoApp({ flow: demoBuilder().getClient(refuse).build() })), INVALID_CLIENT, 'getClient')
  isRefused(t, await ask(await demoApp({ flow: demoBuilder().generateAccessToken(refuse).build() })), INVALID_CLIENT, 'generateAccessToken')
})

const withStatus = (statusCode: number) => Object.assign(new Error('internal details'), { statusCode, code: 'HOST_SAYS_NO' })
const HOST_ERRORS: [string, unknown, Refusal][] = [
  ['429', withStatus(429), unavailable(429)],
  ['503', withStatus(503), unavailable(503)],
  ['403', withStatus(403), { ...MALFORMED, status: 403 }],
  ['a plain error', new Error('internal details'), SERVER_ERROR],
  ['502', withStatus(502), SERVER_ERROR],
  ['a redirect that was thrown', withStatus(302), SERVER_ERROR],
  ['what is no error', 'internal details', SERVER_ERROR],
  ['an OAuth error', new TemporarilyUnavailableError(), unavailable(503)]
]

test('RFC 6749 §5.2: a hook of the application that throws is answered as an OAuth error', async (t) => {
  for (const [name, error, refusal] of HOST_ERRORS) {
    for (const hook of ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const) {
      const app = await hostApp((app) => app.addHook(hook as 'onRequest', async () => { throw error }))
      isRefused(t, await ask(app), refusal, `${name} in ${hook}`)
    }
  }
})

const HOSTS: Record<string, (app: FastifyInstance) => unknown> = {
  'an envelope in preSerialization': (app) => app.addHook('preSerialization', async (_request, _reply, payload) => ({ data: payload })),
  'an error handler': (app) => app.setErrorHandler((_error, _request, reply) => reply.code(418).send('teapot')),
  'a not-found handler': (app) => app.setNotFoundHandler((_request, reply) => reply.code(418).send('teapot')),
  'a schema error formatter': (app) => app.setSchemaErrorFormatter(() => new Error('teapot')),
  'zod compilers': (app) => app.setValidatorCompiler(validatorCompiler).setSerializerCompiler(serializerCompiler),
  'a validator that refuses all': (app) => app.setValidatorCompiler(() => () => ({ error: new Error('teapot') })),
  'a serializer compiler of its own': (app) => app.setSerializerCompiler(() => () => 'teapot'),
  'a reply serializer of its own': (app) => app.setReplySerializer(() => 'teapot'),
  'a form parser of its own': (app) => app.addContentTypeParser(FORM, { parseAs: 'string' }, (_request, _body, done) => done(null, { teapot: true })),
  'a parser for everything': (app) => app.addContentTypeParser('*', { parseAs: 'string' }, (_request, _body, done) => done(null, { grant_type: 'client_credentials' }))
}

test('RFC 6749 §5.2: what the application sets for its own routes does not touch the answers', async (t) => {
  for (const [name, host] of Object.entries(HOSTS)) {
    const app = await hostApp(host)
    isGranted(t, await ask(app), READ, 'reader', name)
    isRefused(t, await ask(app, 'x=y'), NO_GRANT_TYPE, name)
    isRefused(t, await ask(app, {}, {}), INVALID_CLIENT, name)
    isRefused(t, await ask(app, '{}', { 'content-type': 'application/json' }), NOT_A_FORM, name)
    isRefused(t, await ask(app, 'x'.repeat(FORM_BODY_LIMIT + 1)), TOO_LARGE, name)
  }
})

test('RFC 6749 §5.2: a small body limit of the application does not touch the token route', async (t) => {
  const app = await hostApp(() => {}, undefined, { bodyLimit: 5 })
  isGranted(t, await ask(app), READ)
})

test('RFC 6749 §4.4.2: JSON is taken where acceptJson says so, beside forms', async (t) => {
  const app = await demoApp({ acceptJson: true })
  const askJson = (payload: string, headers: Record<string, string> = READER) => ask(app, payload, { 'content-type': 'application/json', ...headers })
  isGranted(t, await ask(app), READ, 'reader', 'a form')
  isGranted(t, await askJson(JSON.stringify({ grant_type: 'client_credentials', scope: READ })), READ, 'reader', 'Basic')
  isGranted(t, await askJson(JSON.stringify({ grant_type: 'client_credentials', ...POST_READER }), {}), READ, 'reader', 'a body secret')
  isGranted(t, await askJson(JSON.stringify({ grant_type: 'client_credentials', resource: ['https://a.example', 'https://b.example'] })), READ, 'reader', 'resources')
  isRefused(t, await ask(app, GRANT, { ...READER, 'content-type': 'text/plain' }), NOT_A_FORM, 'another type')
})

const NOT_A_STRING = invalidRequest('A parameter is not a string')
const BAD_JSON: [string, string, Refusal][] = [
  ['half an object', '{', MALFORMED],
  ['nothing', '', MALFORMED],
  ['a poisoned prototype', '{"grant_type":"client_credentials","__proto__":{"scope":"x"}}', MALFORMED],
  ['a poisoned constructor', '{"grant_type":"client_credentials","constructor":{"prototype":{}}}', MALFORMED],
  ['null', 'null', NO_GRANT_TYPE],
  ['a number', '5', NO_GRANT_TYPE],
  ['a string', '"grant_type=client_credentials"', NO_GRANT_TYPE],
  ['a list', '[]', NO_GRANT_TYPE],
  ['no grant_type', '{}', NO_GRANT_TYPE],
  ['a list of grant types', '{"grant_type":["client_credentials"]}', REPEATED],
  ['a number as grant_type', '{"grant_type":1}', NOT_A_STRING],
  ['null as scope', '{"grant_type":"client_credentials","scope":null}', NOT_A_STRING],
  ['an object as scope', '{"grant_type":"client_credentials","scope":{}}', NOT_A_STRING],
  ['a list of scopes', '{"grant_type":"client_credentials","scope":["data:read"]}', REPEATED],
  ['a number as resource', '{"grant_type":"client_credentials","resource":5}', MALFORMED],
  ['numbers as resources', '{"grant_type":"client_credentials","resource":[5]}', MALFORMED],
  ['an unknown parameter that is no string', '{"grant_type":"client_credentials","foo":true}', NOT_A_STRING],
  ['too much', `{"grant_type":"${'x'.repeat(FORM_BODY_LIMIT)}"}`, TOO_LARGE]
]

test('RFC 6749 §5.2: malformed JSON is answered as an OAuth error', async (t) => {
  const app = await demoApp({ acceptJson: true })
  for (const [name, payload, refusal] of BAD_JSON) isRefused(t, await ask(app, payload, { ...READER, 'content-type': 'application/json' }), refusal, name)
})

test('RFC 6749 §5.2: every error_description keeps to the characters that are allowed', async (t) => {
  const app = await demoApp({ acceptJson: true })
  const REQUESTS: [Parameters | string, Record<string, string>][] = [
    ...Object.values(BAD_SCOPES).map((scope): [Parameters, Record<string, string>] => [{ scope }, READER]),
    ...BAD_BASIC.map(([, authorization]): [Parameters, Record<string, string>] => [{}, { authorization }]),
    ...BAD_JSON.map(([, payload]): [string, Record<string, string>] => [payload, { ...READER, 'content-type': 'application/json' }]),
    ...MECHANISM_PAIRS.map(([, parameters, headers]): [Parameters, Record<string, string>] => [parameters, headers]),
    [{ scope: 'x'.repeat(1000) }, READER],
    [{ scope: '<script>alert(1)</script>' }, READER],
    ['', {}],
    ['grant_type=%22%0D%0A', READER],
    [GRANT, { 'content-type': 'text/"\\plain' }]
  ]
  for (const [parameters, headers] of REQUESTS) {
    const answer = await ask(app, parameters, headers)
    const { error, error_description: description, ...rest } = JSON.parse(answer.body)
    t.match(description, DESCRIPTION)
    t.ok(description.length <= 300, 'of bounded length')
    t.match(error, /^(?:invalid_|unsupported_)[a-z_]+$/)
    t.strictSame(rest, {}, 'no member of Fastify')
  }
})

test('RFC 6749 §3.2: a web Request is answered as the same request to the plugin', async (t) => {
  const app = await demoApp()
  const REQUESTS: [string, Record<string, string>][] = [
    [GRANT, READER],
    [GRANT, {}],
    [GRANT, { ...READER, 'content-type': 'text/plain' }],
    [`${GRANT}&scope=${READ}&scope=${READ}`, READER],
    [`${GRANT}&scope=a+b&%zz=%&=&&a`, WRITER],
    [`${GRANT}&scope=%FF`, READER],
    [`\uFEFF${GRANT}`, READER],
    [`${GRANT};scope=${READ}`, READER],
    ['', READER],
    ['grant_type=password', READER],
    [`${GRANT}&client_id=writer`, READER],
    [`${GRANT}&fill=${'x'.repeat(FORM_BODY_LIMIT)}`, READER]
  ]
  for (const [payload, headers] of REQUESTS) {
    const answer = await ask(app, payload, headers)
    const request = new Request(`https://as.example${TOKEN_PATH}`, { method: 'POST', headers: { 'content-type': FORM, ...headers }, body: payload })
    const result = await app.clientCredentials.token(request)
    const told = result.success ? [200, result.tokenResponse, undefined] : [result.error.status, result.error.body, result.error.challenge]
    t.strictSame([answer.statusCode, JSON.parse(answer.body), answer.headers['www-authenticate']], told, payload.slice(0, 60))
  }
})

// Bodies that a platform has read

const PLATFORMS: Record<string, Leave> = {
  'rawBody as bytes': rawOnly,
  'rawBody as a string': (request, bytes) => { request.rawBody = String(bytes) },
  'body as bytes': (request, bytes) => { request.body = new Uint8Array(bytes) },
  'body as a string': (request, bytes) => { request.body = String(bytes) },
  'body parsed': parsedForm,
  // As Object.fromEntries does, which loses repeated parameters.
  'rawBody, and body parsed': (request, bytes) => {
    rawOnly(request, bytes)
    request.body = Object.fromEntries(new URLSearchParams(String(bytes)))
  },
  'rawBody, and the empty body of a parser for other types': (request, bytes) => {
    rawOnly(request, bytes)
    request.body = {}
  },
  'body parsed, and an empty rawBody': (request, bytes) => {
    parsedForm(request, bytes)
    request.rawBody = ''
  }
}
const FORM_READER = { ...READER, 'content-type': FORM }

test('RFC 6749 §4.4.2: a form that the platform has read before Fastify is answered as every other', async (t) => {
  for (const [name, leave] of Object.entries(PLATFORMS)) {
    const sendTo = await startPlatform(t, await demoApp(), leave)
    const send = async (payload: string, headers: Record<string, string> = FORM_READER) => await sendTo(TOKEN_PATH, headers, payload)
    isGranted(t, await send(GRANT), READ, 'reader', name)
    isGranted(t, await send(`${GRANT}&${form(POST_READER)}`, { 'content-type': `${FORM}; charset=UTF-8` }), READ, 'reader', `${name}, client_secret_post`)
    isGranted(t, await send(`${GRANT}&resource=https://a.example&resource=https://b.example`), READ, 'reader', `${name}, resources`)
    isGranted(t, await send(`${GRANT}&__proto__=x&constructor=x&toString=x`), READ, 'reader', `${name}, names of Object.prototype`)
    isRefused(t, await send(GRANT, { ...FORM_READER, authorization: basic('reader', 'wrong') }), INVALID_CLIENT, name)
    isRefused(t, await send(`${GRANT}&scope=${READ}&scope=${READ}`), REPEATED, name)
    isRefused(t, await send(`${GRANT}&unknown=1&unknown=2`), REPEATED, name)
    isRefused(t, await send('x=y'), NO_GRANT_TYPE, name)
    isRefused(t, await send(''), NO_GRANT_TYPE, `${name}, empty`)
    isRefused(t, await send(`${GRANT}&${Array.from({ length: 100 }, (_, at) => `p${at}=1`).join('&')}`), invalidRequest('The request has more than 100 parameters'), name)
    isRefused(t, await send(`${GRANT}&fill=${'x'.repeat(FORM_BODY_LIMIT)}`), TOO_LARGE, name)
    isRefused(t, await send(GRANT, { ...READER, 'content-type': 'text/plain' }), NOT_A_FORM, name)
    isRefused(t, await send(GRANT, { ...READER, 'content-type': 'application/json' }), NOT_A_FORM, name)
    t.equal((await sendTo(TOKEN_PATH, READER, undefined, 'GET')).statusCode, 405, name)
  }
})

const JSON_READER = { ...READER, 'content-type': 'application/json' }

test('RFC 6749 §4.4.2: JSON that the platform has read before Fastify is taken where acceptJson says so', async (t) => {
  const leaves: [string, Leave][] = [['rawBody', rawOnly], ['body', parsedJson]]
  for (const [name, leave] of leaves) {
    const send = await startPlatform(t, await demoApp({ acceptJson: true }), leave)
    isGranted(t, await send(TOKEN_PATH, JSON_READER, '{ "grant_type": "client_credentials" }'), READ, 'reader', name)
    isRefused(t, await send(TOKEN_PATH, JSON_READER, '{"grant_type":"client_credentials","__proto__":{"scope":"x"}}'), MALFORMED, name)
    isRefused(t, await send(TOKEN_PATH, JSON_READER, '{"grant_type":"client_credentials","scope":["data:read"]}'), REPEATED, name)
    isRefused(t, await send(TOKEN_PATH, JSON_READER, '{"grant_type":"client_credentials","scope":1}'), NOT_A_STRING, name)
    isRefused(t, await send(TOKEN_PATH, JSON_READER, '[]'), NO_GRANT_TYPE, name)
    isRefused(t, await send(TOKEN_PATH, JSON_READER, ''), MALFORMED, name)
    isRefused(t, await send(TOKEN_PATH, { ...READER, 'content-type': 'application/json' }, `{"grant_type":"${'x'.repeat(FORM_BODY_LIMIT)}"}`), TOO_LARGE, name)
  }
  const formsOnly = await startPlatform(t, await demoApp(), parsedJson)
  isRefused(t, await formsOnly(TOKEN_PATH, JSON_READER, '{"grant_type":"client_credentials"}'), NOT_A_FORM)
})

const cyclic: Record<string, unknown> = {}
cyclic.self = cyclic
const LEFT: [string, Refusal | undefined, Leave][] = [
  ['neither', MALFORMED, () => {}],
  ['null', MALFORMED, (request) => { request.body = null }],
  ['neither, and a stream that was destroyed', MALFORMED, (request) => { request.destroy() }],
  ['a body that cannot be read', MALFORMED, (request) => { Object.defineProperty(request, 'body', { get () { throw new Error('not JSON') } }) }],
  ['a number', MALFORMED, (request) => { request.body = 5 }],
  ['a list', MALFORMED, (request) => { request.body = [GRANT] }],
  ['inherited members only', NO_GRANT_TYPE, (request) => { request.body = Object.create({ grant_type: 'client_credentials' }, { x: { value: '', enumerable: true } }) }],
  ['a parameter in a list of one', NOT_A_STRING, (request) => { request.body = { grant_type: ['client_credentials'] } }],
  ['a parameter in an empty list', NOT_A_STRING, (request) => { request.body = { grant_type: 'client_credentials', scope: [] } }],
  ['a parameter in an object', NOT_A_STRING, (request) => { request.body = { grant_type: 'client_credentials', scope: { a: 'b' } } }],
  ['a cyclic object', NOT_A_STRING, (request) => { request.body = cyclic }],
  ['an own __proto__', NOT_A_STRING, (request) => { request.body = JSON.parse('{"grant_type":"client_credentials","__proto__":{"scope":"data:read"}}') }],
  ['no prototype', undefined, (request) => { request.body = Object.assign(Object.create(null), { grant_type: 'client_credentials' }) }],
  ['a larger body than was sent', undefined, (request) => { request.rawBody = `${GRANT}&scope=${READ}` }],
  ['another Content-Length', undefined, (request, bytes) => {
    request.headers['content-length'] = '7'
    rawOnly(request, bytes)
  }],
  ['a Content-Length of 0', MALFORMED, (request, bytes) => {
    request.headers['content-length'] = '0'
    rawOnly(request, bytes)
  }]
]

test('RFC 6749 §5.2: a body that was read and is lost, or is no form, is answered at once', async (t) => {
  for (const [name, refusal, leave] of LEFT) {
    const send = await startPlatform(t, await demoApp(), leave)
    const answer = await send(TOKEN_PATH, FORM_READER, GRANT)
    if (refusal === undefined) isGranted(t, answer, READ, 'reader', name)
    else isRefused(t, answer, refusal, name)
  }
  t.notOk('scope' in {}, 'no prototype is polluted')
  const json = await startPlatform(t, await demoApp({ acceptJson: true }), (request) => { request.body = cyclic })
  isRefused(t, await json(TOKEN_PATH, JSON_READER, '{}'), MALFORMED, 'a cyclic object as JSON')
})

test('RFC 9110 §8.4: a compressed form is the one that the platform has decompressed', async (t) => {
  const packed = gzipSync(`${GRANT}&fill=${'x'.repeat(1000)}`)
  const headers = { ...FORM_READER, 'content-encoding': 'gzip' }
  const leaves: [string, Leave][] = [
    ['rawBody is decompressed', (request) => { request.rawBody = GRANT }],
    ['rawBody is compressed, and body is parsed', (request, bytes) => {
      request.rawBody = bytes
      request.body = { grant_type: 'client_credentials' }
    }]
  ]
  for (const [name, leave] of leaves) isGranted(t, await (await startPlatform(t, await demoApp(), leave))(TOKEN_PATH, headers, packed), READ, 'reader', name)
  const compressed = await startPlatform(t, await demoApp(), rawOnly)
  t.equal((await compressed(TOKEN_PATH, headers, packed)).statusCode, 400, 'nobody has decompressed it')
})

test('RFC 6749 §4.4.2: a stream that nobody has read counts, whatever else the request carries', async (t) => {
  const app = await hostApp((app) => app.addHook('onRequest', async ({ raw }) => { Object.assign(raw, { body: { grant_type: 'password' }, rawBody: 'grant_type=password' }) }))
  t.teardown(() => app.close())
  isGranted(t, await ask(app), READ)
  const fields = [...Object.entries(FORM_READER), ['content-length', GRANT.length]].map((field) => field.join(': '))
  isGranted(t, await exchange(app, `POST ${TOKEN_PATH}`, fields, GRANT), READ, 'reader', 'over a socket')
  const replaced = await hostApp((app) => app.addHook('preParsing', async ({ raw }, _reply, payload) => {
    await buffer(payload)
    Object.assign(raw, { rawBody: 'grant_type=password' })
    return Object.assign(Readable.from([Buffer.from(GRANT)]), { receivedEncodedLength: GRANT.length })
  }))
  isGranted(t, await ask(replaced), READ, 'reader', 'a stream of a hook')
})

/** Passes an application a request that did not come from a server. */
async function pass (app: FastifyInstance, request: object): Promise<{ statusCode: number, token: unknown }> {
  await app.ready()
  const raw = Object.assign(request, {
    method: 'POST',
    url: TOKEN_PATH,
    httpVersionMajor: 1,
    headers: { ...FORM_READER, 'content-length': String(GRANT.length) },
    rawHeaders: Object.entries(FORM_READER).flat(),
    body: { grant_type: 'client_credentials' }
  }) as unknown as IncomingMessage
  const response = new ServerResponse(raw)
  const body = await new Promise<string>((resolve, reject) => {
    setTimeout(reject, 5000, new Error('no answer')).unref()
    response.end = ((text: string) => { resolve(text) }) as never
    app.routing(raw, response)
  })
  return { statusCode: response.statusCode, token: JSON.parse(body).access_token }
}

test('RFC 6749 §4.4.2: a request that an adapter has built is answered, though it never delivers its body', async (t) => {
  const app = await demoApp()
  const granted = { statusCode: 200, token: tokenOf('reader', [READ]) }
  t.strictSame(await pass(app, Object.assign(new IncomingMessage(new Socket()), { complete: true })), granted, 'a complete request')
  t.strictSame(await pass(app, new IncomingMessage(new Socket()).destroy()), granted, 'a stream that is destroyed')
  t.strictSame(await pass(app, Object.assign(new EventEmitter(), { socket: new Socket() })), granted, 'no stream')
})
