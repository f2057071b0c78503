import { randomBytes } from 'node:crypto'
import formbody from '@fastify/formbody'
import jwt from '@fastify/jwt'
import Fastify, { LogController } from 'fastify'
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions, InjectOptions } from 'fastify'
import { test } from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, { ClientRegistry, fastifyJwtTokens, MemoryStore } from '../../plugin/index.ts'
import { FORM_BODY_LIMIT } from '../../src/adapter.ts'
import type { GenerateAccessToken, VerifyToken } from '../../plugin/index.ts'
import { basic, CLIENTS, demoBuilder, exchange, FORM, form, rawBasic, TOKEN_PATH } from '../support/demo.ts'

// --- What must never be in a log: all that was ever made here, in every form that it may take.
const forbidden = new Set<string>()
function formsOf (value: string): string[] {
  const bytes = Buffer.from(value)
  // In base64 a text looks different at each of three places. Its outer characters depend on its neighbours.
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64').slice(Math.ceil(shift * 8 / 6), Math.floor((shift + bytes.length) * 8 / 6)))
  const base64url = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))
  // The last is what JSON makes of a Buffer.
  return [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), form({ '': value }).slice(1), ...base64, ...base64url, bytes.toString('hex'), bytes.join()]
}

/** Of a JWT, each segment too. */
function forbid (value: string): string {
  for (const text of [value, ...value.split('.')].filter(({ length }) => length > 16).flatMap(formsOf)) forbidden.add(text)
  return value
}

const core = () => forbid(randomBytes(12).toString('hex'))
const secret = () => forbid(`s3:+% &é"${core()}`)
/** Of the characters that an Authorization field can carry. What stands first tells verifyToken what to do. */
const token = (verdict = 'any') => forbid(`${verdict}.${core()}~+/==`)
const field = (authorization: string) => ({ authorization: forbid(authorization) })
const bearer = (text: string) => field(`Bearer ${text}`)
const pair = (text: string) => field(rawBasic(forbid(text)))
const client = (id: string, clientSecret: string) => ({ ...pair(`${id}:${clientSecret}`), ...field(basic(id, clientSecret)) })

// --- Callbacks that fail in every way, by the id of the client or the first word of the token.
type Failures = Record<string, [reason: RegExp, fail: (...args: any[]) => any]>
const NO_TOKEN = /generateAccessToken returned/
const THROWS: Failures = {
  throwing: [/the database is away/, () => { throw new Error('the database is away') }],
  'throwing-text': [/the database is away/, () => { throw 'the database is away' }], // eslint-disable-line no-throw-literal
  rejecting: [/the database is away/, () => Promise.reject(new Error('the database is away'))]
}
const CLIENT_FAILURES: Failures = {
  ...THROWS,
  unlisted: [/grants are no list/, () => ({ id: 'unlisted', grants: 'client_credentials', secret: secret() })]
}
const TOKEN_FAILURES: Failures = {
  ...Object.fromEntries(Object.entries(THROWS).map(([name, failure]) => [`makes-${name}`, failure])),
  'makes-nothing': [NO_TOKEN, () => undefined],
  'makes-no-b64token': [NO_TOKEN, () => secret()],
  'makes-no-b64token-inside': [NO_TOKEN, () => ({ accessToken: `${token()} ${token()}` })],
  'makes-a-list': [NO_TOKEN, () => ({ accessToken: [token()] })],
  'makes-bad-expiry': [NO_TOKEN, () => ({ accessToken: token(), expiresIn: -1 })]
}
const VERDICTS: Failures = {
  ...THROWS,
  undecided: [/The access token is invalid/, () => undefined],
  refusing: [/Not today/, () => ({ isValid: false, message: 'Not today', cause: 'it is Sunday' })],
  'without-list': [/neither a list nor a string/, () => ({ isValid: true, credentials: { app: { id: 'reader' }, scope: 5 } })]
}

// --- Both kinds of token.
interface Tokens { issue: GenerateAccessToken, verify: VerifyToken, bad: [title: string, reason: RegExp, token: string][] }

const opaqueTokens = (): Tokens => ({
  issue: ({ scope }) => token(scope.length > 0 ? 'good' : 'weak'),
  verify: (text) => /^(?:good|weak)\./.test(text)
    ? { isValid: true, credentials: { app: { id: 'reader' }, scope: text.startsWith('good') ? 'data:read' : '' } }
    : { isValid: false, message: 'Unknown token', cause: new Error('no row has it') },
  bad: [['an unknown token', /no row has it/, token()]]
})

async function jwtTokens (): Promise<Tokens> {
  const [ours, stranger] = await Promise.all([0, 1].map(async () => {
    const app = Fastify()
    await app.register(jwt, { secret: randomBytes(32).toString('hex'), sign: { algorithm: 'HS256', header: { alg: 'HS256', typ: 'at+jwt' } } })
    return app.jwt
  })) as [FastifyInstance['jwt'], FastifyInstance['jwt']]
  const iss = 'https://as.example'
  const iat = Math.floor(Date.now() / 1000)
  const claims = { iss, aud: iss, sub: 'reader', client_id: 'reader', jti: 'one', iat, exp: iat + 600, scope: 'data:read' }
  const good = ours.sign(claims)
  const bad: Tokens['bad'] = [
    ['a token that is no JWT', /not of this server/, token()],
    ['an expired JWT', /has expired/, ours.sign({ ...claims, iat: iat - 60, exp: iat - 30 })],
    ['a JWT of another key', /signature is invalid/, stranger.sign(claims)],
    ['a JWT of another issuer', /The access token is invalid/, ours.sign({ ...claims, iss: 'https://other.example' })],
    ['a JWT of another audience', /another audience/, ours.sign({ ...claims, aud: 'https://other.example' })],
    ['a JWT whose payload is no JSON', /The access token is invalid/, [good.split('.')[0], Buffer.from(`{"iss":${core()}`).toString('base64url'), good.split('.')[2]].join('.')],
    ['a JWT without signature', /The access token is invalid/, good.replace(/[^.]*$/, '')]
  ]
  return { ...fastifyJwtTokens(ours, { issuer: iss, audience: iss }), bad: bad.map(([title, reason, text]) => [title, reason, forbid(text)]) }
}

// --- Every path. Each answers with a reason that the log must give.
interface Sent extends InjectOptions { url?: string, raw?: string[] }
/** Whether only Fastify's own lines tell of it. */
interface More { byFastify?: boolean }
type Path = [title: string, reason: RegExp, sent: Sent, more?: More]

const SERVED = /"id":"reader"/
const DONE = /"statusCode":200/
const TRAFFIC = { byFastify: true }
const REQUIRED = /An access token is required/
const SEVERAL = /more than one way/

const ask = (parameters: Parameters<typeof form>[0], headers = {}, more: Sent = {}): Sent => ({
  method: 'POST', url: TOKEN_PATH, headers: { 'content-type': FORM, ...headers }, payload: `grant_type=client_credentials&${form(parameters)}`, ...more
})

function tokenPaths (right: string): Path[] {
  const reader = () => client('reader', right)
  const posted = () => ({ client_id: 'reader', client_secret: secret() })
  const inUrl = (name: string, rest: Sent = {}) => ({ url: `${TOKEN_PATH}?a=b&${name}=${encodeURIComponent(secret())}&c=d`, ...rest })
  const sentAs = (type: string | undefined, payload: string) => ask({}, { ...reader(), 'content-type': type }, { payload })
  return [
    ['a token by Basic', DONE, ask({ scope: 'data:read' }, reader()), TRAFFIC],
    ['a token by a body secret', DONE, ask({ client_id: 'reader', client_secret: right }), TRAFFIC],
    ['a wrong secret by Basic', /knows no client reader/, ask({}, client('reader', secret()))],
    ['a wrong secret in the body', /knows no client reader/, ask(posted())],
    ['a wrong secret of a script in a page', /knows no client reader/, ask(posted(), { 'x-requested-with': 'XMLHttpRequest' })],
    ['an unknown client', /knows no client nobody/, ask({}, client('nobody', secret()))],
    ['Basic that is not base64', /not base64/, ask({}, field(`Basic ${token()}!`))],
    ['Basic with too much padding', /not base64/, ask({}, field(`${rawBasic(`reader:${token()}`)}=`))],
    ['Basic without a colon', /no colon/, ask({}, pair(token()))],
    ['Basic without an id', /is empty/, ask({}, pair(`:${token()}`))],
    ['Basic without a secret', /is empty/, ask({}, pair(`${token()}:`))],
    ['Basic with a percent sign that encodes nothing', /not form-encoded/, ask({}, pair(`reader:%zz${token()}`))],
    ['Basic with encoded bytes that are no UTF-8', /not form-encoded/, ask({}, pair(`reader:%FF${token()}`))],
    ['Basic with a zero byte', /control characters/, ask({}, pair(`reader:\0${token()}`))],
    ['a bearer token in place of Basic', /no credentials of/, ask({}, bearer(token()))],
    ['two credentials in one field', SEVERAL, ask({}, field(`${basic('reader', secret())}, ${basic('reader', secret())}`))],
    ['two Authorization fields', SEVERAL, { raw: [`POST ${TOKEN_PATH}`, `authorization: ${client('reader', right).authorization}`, `authorization: ${client('writer', secret()).authorization}`, `content-type: ${FORM}`, 'content-length: 29'], payload: 'grant_type=client_credentials' }],
    ['Basic and a body secret', SEVERAL, ask(posted(), reader())],
    ['Basic and an assertion', SEVERAL, ask({ client_assertion: token() }, reader())],
    ['a body secret and an assertion', SEVERAL, ask({ ...posted(), client_assertion: token() })],
    ['an assertion alone', /no credentials of/, ask({ client_assertion: token() })],
    ['a repeated client_secret', /more than once/, ask([['client_secret', secret()], ['client_secret', secret()]])],
    ['a secret in the URL', /must not be in the URL/, ask({}, reader(), inUrl('client_secret'))],
    ['an assertion in the URL', /must not be in the URL/, ask(posted(), {}, inUrl('client_assertion'))],
    ...['access_token', 'token'].map((name): Path => [`${name} in the URL`, DONE, ask({}, reader(), inUrl(name)), TRAFFIC]),
    ...['CLIENT_SECRET', 'client%5Fsecret', 'client_secret[]', 'CLIENT_SECRET[%'].map((name): Path => [`${name} in the URL`, /must not be in the URL/, ask({}, reader(), inUrl(name))]),
    ['a parameter in the URL whose name cannot be decoded, beside a token', DONE, ask({}, reader(), inUrl('%E0=a&token')), TRAFFIC],
    ['a secret in a text', /sent in the body as/, sentAs('text/plain', secret())],
    ['a secret in JSON', /sent in the body as/, sentAs('application/json', JSON.stringify(posted()))],
    ['a secret in a body without a type', /sent in the body as/, sentAs(undefined, form(posted()))],
    ['a body too large', /too large/, ask({ ...posted(), a: 'x'.repeat(FORM_BODY_LIMIT) }, reader())],
    ...(['GET', 'HEAD', 'PUT', 'DELETE'] as const).map((method): Path => [`${method} with a secret in the URL`, /takes POST only/, inUrl('client_secret', { method, headers: reader() })]),
    ['OPTIONS', /not found/, { method: 'OPTIONS', url: TOKEN_PATH, headers: reader() }, TRAFFIC],
    ['a path below', /not found/, ask(posted(), reader(), { url: `${TOKEN_PATH}/` }), TRAFFIC],
    ['a scope that the client does not have', /may not have the scope data:write/, ask({ scope: 'data:write' }, reader())],
    ['a malformed scope', /scope parameter is malformed/, ask({ ...posted(), scope: '"' })],
    ['another grant type', /must be client_credentials/, ask({}, reader(), { payload: form({ ...posted(), grant_type: 'password', password: secret() }) })],
    ['no grant type', /grant_type is missing/, ask({}, reader(), { payload: form(posted()) })],
    ['a client without the grant', /may not use this grant type/, ask({}, client('browser', right))],
    ['a client of another method', /registered for client_secret_post/, ask({}, client('poster', right))],
    ['another client_id beside Basic', /client_id differs/, ask({ client_id: 'writer' }, reader())],
    ['a client_id that is empty', /is empty/, ask({ client_secret: secret() })],
    ...Object.entries({ ...CLIENT_FAILURES, ...TOKEN_FAILURES }).flatMap(([id, [reason]]): Path[] => [
      [`a callback that fails for ${id}`, reason, ask({}, client(id, right))],
      [`a callback that fails for ${id}, with a body secret`, reason, ask({ client_id: id, client_secret: right })]
    ])
  ]
}

// The guard of /scope is a hook of its scope, of which the route's config tells. Nothing tells of that of /unseen: there, Fastify logs the URL as it is.
const URLS = ['/onRequest', '/preParsing', '/preValidation', '/preHandler', '/logged', '/rethrown', '/scope', '/unseen']

function guardPaths ({ bad }: Tokens, good: string, weak: string): Path[] {
  const inBody = (type: string, payload: string, headers = {}): Sent => ({ method: 'POST', headers: { 'content-type': type, ...headers }, payload })
  const callers = (url: string): Path[] => [
    ['a good token', SERVED, { headers: bearer(good) }],
    ['a token without the scope', /lacks a scope/, { headers: bearer(weak) }],
    ...bad.flatMap(([title, reason, text]) => (['GET', 'HEAD'] as const).map((method): Path => [`${title}, by ${method}`, reason, { method, headers: bearer(text) }])),
    ...Object.entries(VERDICTS).map(([verdict, [reason]]): Path => [`a verifyToken that is ${verdict}`, reason, { headers: bearer(token(verdict)) }]),
    ['a quoted token', /header is malformed/, { headers: bearer(`"${token()}"`) }],
    ['two tokens in one field', /header is malformed/, { headers: bearer(`${good}, Bearer ${token()}`) }],
    ['a token behind an equals sign', REQUIRED, { headers: field(`Bearer=${token()}`) }],
    ['a token without a scheme', REQUIRED, { headers: field(token()) }],
    ['Basic', REQUIRED, { headers: client('reader', secret()) }],
    ['two Authorization fields', /header is malformed/, { raw: [`GET ${url}`, `authorization: ${bearer(good).authorization}`, `authorization: ${client('reader', secret()).authorization}`] }],
    ['a token in a form', REQUIRED, inBody(FORM, form({ access_token: token() }))],
    ['a token in a form beside a header', SEVERAL, inBody(FORM, form({ access_token: token() }), bearer(good))],
    ['a token in JSON beside a header', SERVED, inBody('application/json', JSON.stringify({ access_token: token() }), bearer(good))],
    ['a token in JSON that is broken', /not valid JSON/, inBody('application/json', `{"access_token":${token()}`, bearer(good)), { byFastify: url !== '/logged' }],
    ['a token in the query', REQUIRED, { url: `${url}?a=b&access_token=${encodeURIComponent(token())}` }],
    ['a token in the query beside a header', SEVERAL, { url: `${url}?access_token=${token()}`, headers: bearer(good) }]
  ]
  return URLS.flatMap((url) => callers(url).filter(([, , sent]) => url !== '/unseen' || sent.url === undefined).map(([title, reason, sent, more]): Path => [`${url}: ${title}`, reason, { url, ...sent }, {
    byFastify: ['/rethrown', '/unseen'].includes(url),
    ...more
  }]))
}

// --- The applications.
const serializers = {
  req: ({ method, url }: FastifyRequest) => ({ method, url, by: 'own req' }),
  res: ({ statusCode }: FastifyReply) => ({ statusCode, by: 'own res' })
}
const SETTINGS: Record<string, { server?: FastifyServerOptions, logger?: object, scope?: object, writes?: RegExp }> = {
  'as Fastify logs by itself': { writes: /remoteAddress/ },
  'by serializers of the application': { logger: { serializers }, writes: /own req.*own res/s },
  'by serializers of a scope': { scope: { logSerializers: serializers }, writes: /own req.*own res/s },
  'without lines for each request': { server: { logController: new LogController({ disableRequestLogging: true }) }, writes: /OAuth/ }
}

async function loggingApp ({ server, logger, scope }: typeof SETTINGS[string], { issue, verify }: Tokens, right: string, options: object = {}): Promise<{ app: FastifyInstance, lines: string[] }> {
  const lines: string[] = []
  const app = Fastify({ ...server, logger: { level: 'trace', stream: { write: (line) => { lines.push(line) } }, ...logger } })
  const clientOf = (id: string) => ({ ...CLIENTS[id] ?? CLIENTS.reader!, id, secret: right })
  const flow = demoBuilder()
    .getClient(({ clientId, clientSecret }) => clientSecret === right ? (CLIENT_FAILURES[clientId]?.[1] ?? clientOf)(clientId) : undefined)
    .generateAccessToken((context) => (TOKEN_FAILURES[context.client.id]?.[1] ?? issue)(context))
    .verifyToken((text, context) => (VERDICTS[text.split('.', 1)[0]!]?.[1] ?? verify)(text, context))
    .build()

  const method = ['GET', 'POST'] as ('GET' | 'POST')[]
  const tell = (request: FastifyRequest, reply: FastifyReply, err?: unknown) => {
    request.log.debug({ credentials: request.credentials, req: request, res: reply, err }, 'told')
    return 'told'
  }
  const handler = async (request: FastifyRequest, reply: FastifyReply) => tell(request, reply)
  await app.register(formbody)
  await app.register(async (host) => {
    await host.register(clientCredentialsPlugin, { flow, ...options })
    const preHandler = host.requireScopes('data:read')
    for (const hook of URLS.slice(0, 4)) host.route({ method, url: hook, [hook.slice(1)]: preHandler, handler })
    host.register(async (scope) => { scope.addHook('onRequest', preHandler).route({ method, url: '/scope', handler, config: { oauth: { documentedScopes: ['data:read'] } } }) })
    host.register(async (scope) => { scope.setErrorHandler((error) => { throw error }).route({ method, url: '/rethrown', preHandler, handler }) })
    host.register(async (scope) => { scope.setErrorHandler((error, request, reply) => tell(request, reply, error)).route({ method, url: '/logged', preHandler, handler }) })
    app.route({ method, url: '/unseen', preHandler, handler })
  }, scope ?? {})
  return { app, lines }
}

/** @returns the token that was received, if there was one */
async function send (app: FastifyInstance, { raw, payload, ...sent }: Sent): Promise<string> {
  const { body } = raw === undefined ? await app.inject({ ...sent, ...(payload !== undefined && { payload }) }) : await exchange(app, raw[0]!, raw.slice(1), payload as string)
  await new Promise(setImmediate)
  return forbid(/"access_token":"([^"]+)"/.exec(body)?.[1] ?? '')
}

async function drive (t: Test, app: FastifyInstance, lines: string[], paths: Path[], quiet: boolean): Promise<void> {
  for (const [title, reason, sent, { byFastify = false } = {}] of paths) {
    lines.length = 0
    await send(app, sent)
    const log = lines.join('')
    t.strictSame([...forbidden].filter((text) => log.includes(text)), [], `${title}: nothing secret`)
    if (quiet && byFastify) continue
    t.match(log, reason, `${title}: the reason`)
    if (sent.url?.includes('?') && !quiet) t.match(log, '=[redacted]', `${title}: the name of the parameter`)
  }
}

for (const [how, setting] of Object.entries(SETTINGS)) {
  for (const [kind, makeTokens] of Object.entries({ 'opaque tokens': opaqueTokens, JWTs: jwtTokens })) {
    test(`No secret, no Authorization field and no token is logged, ${how}, with ${kind}`, async (t) => {
      forbidden.clear()
      const right = secret()
      const tokens = await makeTokens()
      const { app, lines } = await loggingApp(setting, tokens, right)
      t.teardown(() => app.close())
      const good = await send(app, ask({}, client('reader', right)))
      const weak = await send(app, ask({}, client('scopeless', right)))
      await send(app, { url: '/preHandler', headers: bearer(token()) })
      t.match(lines.join(''), setting.writes!)
      await drive(t, app, lines, [...tokenPaths(right), ...guardPaths(tokens, good, weak)], setting.server !== undefined)
    })
  }
}

test('A secret in JSON is not logged where JSON is taken', async (t) => {
  const right = secret()
  const { app, lines } = await loggingApp({}, opaqueTokens(), right, { acceptJson: true })
  const json = (payload: string) => ask({}, { 'content-type': 'application/json' }, { payload })
  const presented = (clientSecret: unknown) => json(JSON.stringify({ grant_type: 'client_credentials', client_id: 'reader', client_secret: clientSecret }))
  await drive(t, app, lines, [
    ['a token', DONE, presented(right)],
    ['a wrong secret', /knows no client reader/, presented(secret())],
    ['a secret in a list', /more than once/, presented([secret()])],
    ['a secret in an object', /not a string/, presented({ value: secret() })],
    ['a secret in broken JSON', /not valid JSON/, json(`{"client_secret":${secret()}`)]
  ], false)
})

test('A MemoryStore is warned of in production, and only there', async (t) => {
  const { NODE_ENV } = process.env
  t.teardown(() => { Object.assign(process.env, { NODE_ENV }) })
  const warnsIn = async (environment: string) => {
    process.env.NODE_ENV = environment
    const { app, lines } = await loggingApp({}, opaqueTokens(), secret())
    await app.ready()
    await app.close()
    return lines.filter((line) => line.includes('"level":40') && line.includes('MemoryStore')).length
  }
  t.equal(await warnsIn('production'), 0, 'without one')
  t.ok(new MemoryStore())
  t.equal(await warnsIn('development'), 0)
  t.equal(await warnsIn('production'), 1)
})

test('RFC 6749 §2.3: an identifier that holds a generated secret, or is anything else, is logged without it, short and printable', async (t) => {
  const { app, lines } = await loggingApp({}, opaqueTokens(), secret())
  t.teardown(() => app.close())
  const { secret: issued } = await new ClientRegistry(new MemoryStore()).add({ id: 'billing' })
  const generated = issued!.secret
  const tail = generated.slice(10)
  const jws = [{ alg: 'ES256' }, { iss: 'billing', exp: 1 }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.') + '.c2lnbmF0dXJl'
  const places: Record<string, (id: string) => Sent> = {
    'the client_id of Basic': (id) => ask({}, { authorization: basic(id, 'x') }),
    'the client_id of the form': (id) => ask({ client_id: id, client_secret: 'x' }),
    'a scope': (id) => ask({ client_id: 'reader', client_secret: 'x', scope: id }),
    'the client_id in the URL': (id) => ask({ client_id: 'a', client_secret: 'x' }, {}, { url: `${TOKEN_PATH}?client_id=${encodeURIComponent(id)}` })
  }
  const identifiers = [
    generated, `billing:${generated}`, `${generated} `, ` ${generated}\u202e`, `${generated.slice(0, 4)}\u200e${generated.slice(4)}`, encodeURIComponent(`billing:${generated}`).replace('_', '%5F'),
    Buffer.from(`billing:${generated}`).toString('base64'), Buffer.from(generated).toString('base64url'), `${'x'.repeat(90)}${generated}`
  ]
  for (const [place, sentWith] of Object.entries(places)) {
    for (const id of identifiers) {
      lines.length = 0
      await send(app, sentWith(id))
      const log = lines.join('')
      t.notOk(log.includes(tail) || log.includes(Buffer.from(generated).toString('base64').slice(8, 40)), `${place}: ${JSON.stringify(id.slice(0, 20))}`)
      t.ok(lines.length > 0)
    }
    lines.length = 0
    await send(app, sentWith(jws))
    t.notOk(lines.join('').includes(jws.split('.')[1]!), `${place}: an assertion`)
  }
  for (const id of ['x'.repeat(60_000), 'a\u202eb\u2066c\u200fd', '\u2028e\u061cf']) {
    lines.length = 0
    await send(app, ask({ client_id: id, client_secret: 'x' }))
    t.ok(Math.max(...lines.map(({ length }) => length)) < 1000, 'a short line')
    t.notMatch(lines.join(''), /[^\x20-\x7e\n]/, 'no bidirectional marks')
  }
})
