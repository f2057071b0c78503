import { settingsOf } from '../../src/adapter.ts'
import auth from '@fastify/auth'
import cors from '@fastify/cors'
import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest, FastifySchema, InjectOptions, RouteShorthandOptions } from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { test } from 'tap'
import type { Test } from 'tap'
import { z } from 'zod'
import clientCredentialsPlugin from '../../plugin/index.ts'
import { PLUGIN_ERRORS } from '../../plugin/errors.ts'
import { CertificateBoundTokenType, ClientCredentialsFlowBuilder, credentialsOf, DPoPTokenType, StrategyError } from '../../plugin/index.ts'
import type { ClientCertificateOptions } from '../../plugin/client-certificate/proxy.ts'
import type { AuthCredentials, ClientCredentialsFlow, ClientCredentialsPluginOptions, Guard, TokenType } from '../../plugin/index.ts'
import type { PlainRequest } from '../../src/adapter.ts'
import { basic, demoApp, demoBuilder, exchange, FORM, form, TOKEN_PATH, tokenOf } from '../support/demo.ts'

const READ = 'data:read'
const WRITE = 'data:write'
const JSON_TYPE = 'application/json; charset=utf-8'
const REFUSED = { error: 'unauthorized', error_description: 'An access token is required' }
const LACKING = { error: 'insufficient_scope', error_description: 'The access token lacks a scope' }
const CHALLENGE = 'Bearer realm="demo", scope="data:read"'
const TOKEN_REQUEST = { method: 'POST', headers: { authorization: basic('reader'), 'content-type': FORM }, payload: 'grant_type=client_credentials' } as const

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const reader = bearer(tokenOf('reader', [READ]))
const writer = bearer(tokenOf('writer', [READ, WRITE]))
const credentials = async (request: FastifyRequest) => request.credentials
const pass = async () => {}
const boom = async () => { throw new Error('boom') }

/** What a route that needs data:read answers to each kind of caller. */
const VERDICTS = [
  { caller: 'no token', headers: {}, status: 401, challenge: CHALLENGE, body: REFUSED },
  {
    caller: 'a bad token',
    headers: bearer('nonsense'),
    status: 401,
    challenge: `${CHALLENGE}, error="invalid_token", error_description="Unknown token"`,
    body: { error: 'invalid_token', error_description: 'Unknown token' }
  },
  {
    caller: 'a token without the scope',
    headers: bearer(tokenOf('scopeless')),
    status: 403,
    challenge: `${CHALLENGE}, error="insufficient_scope", error_description="The access token lacks a scope"`,
    body: LACKING
  },
  { caller: 'a good token', headers: reader, status: 200, challenge: undefined, body: { app: { id: 'reader' }, scope: [READ] } }
]

async function checkGuard (t: Test, app: FastifyInstance, { url = '/data', method = 'GET' }: InjectOptions & { url?: string } = {}): Promise<void> {
  for (const { caller, headers, status, challenge, body } of VERDICTS) {
    const response = await app.inject({ method, url, headers })
    t.equal(response.statusCode, status, `${method} ${url}, ${caller}: status`)
    t.equal(response.headers['www-authenticate'], challenge, `${method} ${url}, ${caller}: challenge`)
    if (method === 'HEAD') continue
    t.equal(response.headers['content-type'], JSON_TYPE, `${method} ${url}, ${caller}: type`)
    t.strictSame(response.json(), body, `${method} ${url}, ${caller}: body`)
  }
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

async function pluginApp (options: Partial<ClientCredentialsPluginOptions> = {}): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().build(), ...options })
  return app
}

async function statusOf (app: FastifyInstance, url: string, headers: Record<string, string> = {}): Promise<number> {
  return (await app.inject({ url, headers })).statusCode
}

const HOOKS = ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const
const SHAPES: Record<string, (guard: Guard) => unknown> = {
  alone: (guard) => guard,
  'in an array': (guard) => [guard],
  'after another hook': (guard) => [pass, guard],
  'before another hook': (guard) => [guard, pass],
  'between two hooks': (guard) => [pass, guard, pass],
  'twice over': (guard) => [guard, guard]
}

for (const hook of HOOKS) {
  test(`A guard in ${hook} works in every shape, scope and method`, async (t) => {
    for (const [shape, put] of Object.entries(SHAPES)) {
      const { flow, verified } = watchedFlow()
      const app = await pluginApp({ flow })
      const guarded = () => ({ [hook]: put(app.requireScopes(READ)) }) as RouteShorthandOptions
      app.route({ method: ['GET', 'POST'], url: '/data', ...guarded(), handler: credentials })
      app.register(async (child) => {
        child.get('/data', guarded(), credentials)
        child.register(async (grandchild) => grandchild.get('/deep/data', guarded(), credentials))
      }, { prefix: '/child' })

      t.comment(shape)
      await checkGuard(t, app)
      await checkGuard(t, app, { method: 'POST' })
      await checkGuard(t, app, { method: 'HEAD' })
      await checkGuard(t, app, { url: '/child/data' })
      await checkGuard(t, app, { url: '/child/deep/data' })

      verified.length = 0
      await app.inject({ url: '/data', headers: reader })
      t.equal(verified.length, 1, `${shape}: verified once`)
    }
  })
}

const ROUNDABOUT: Record<string, (app: FastifyInstance) => void> = {
  'an onRequest hook of a whole scope': (app) => {
    app.addHook('onRequest', app.requireScopes(READ))
    app.get('/data', credentials)
  },
  'a preValidation hook of a whole scope': (app) => {
    app.addHook('preValidation', app.requireScopes(READ))
    app.get('/data', credentials)
  },
  'a preHandler hook of a whole scope': (app) => {
    app.addHook('preHandler', app.requireScopes(READ))
    app.get('/data', credentials)
  },
  'a hook of a whole scope, and a guard on the route': (app) => {
    app.addHook('onRequest', app.requireScopes(READ))
    app.get('/data', { preHandler: app.requireScopes(READ) }, credentials)
  },
  'a hook that awaits the guard': (app) => {
    const guard = app.requireScopes(READ)
    app.get('/data', { preHandler: async (request, reply) => { await guard(request, reply) } }, credentials)
  },
  'a handler that awaits the guard': (app) => {
    const guard = app.requireScopes(READ)
    app.get('/data', async (request, reply) => {
      await guard(request, reply)
      return request.credentials
    })
  },
  '@fastify/auth, any of two': (app) => {
    app.get('/data', { preHandler: app.auth([needsApiKey, app.requireScopes(READ)]), config: { oauth: { documentedScopes: [READ] } } }, credentials)
  },
  '@fastify/auth, both of two': (app) => {
    app.get('/data', { preHandler: app.auth([pass, app.requireScopes(READ)], { relation: 'and' }), config: { oauth: { documentedScopes: [READ] } } }, credentials)
  },
  '@fastify/auth, without a word in its config': (app) => {
    app.get('/data', { onRequest: app.auth([app.requireScopes(READ)]) }, credentials)
  }
}

async function needsApiKey (request: FastifyRequest): Promise<void> {
  if (request.headers['x-api-key'] !== 'key') throw new Error('No API key')
}

for (const [way, declare] of Object.entries(ROUNDABOUT)) {
  test(`A guard works in ${way}`, async (t) => {
    const { flow, verified } = watchedFlow()
    const app = await pluginApp({ flow })
    await app.register(auth)
    await app.register(async (scope) => declare(scope))
    await checkGuard(t, app)
    t.equal(verified.length, 3, 'once for each token')
  })
}

test('A guard that is one of several ways in lets the other way in', async (t) => {
  const { flow, verified } = watchedFlow()
  const app = await pluginApp({ flow })
  await app.register(auth)
  const guard = app.requireScopes(READ)
  app.get('/any', { preHandler: app.auth([guard, needsApiKey]) }, credentials)
  app.get('/group', { preHandler: app.auth([[guard, app.requireScopes(WRITE)], needsApiKey]) }, credentials)
  app.get('/both', { preHandler: app.auth([guard, needsApiKey], { relation: 'and' }) }, credentials)

  const key = { 'x-api-key': 'key' }
  const CASES: [string, Record<string, string>, number][] = [
    ['/any', {}, 401],
    ['/any', key, 200],
    ['/any', reader, 200],
    ['/group', reader, 401],
    ['/group', writer, 200],
    ['/group', key, 200],
    ['/both', key, 401],
    ['/both', reader, 401],
    ['/both', { ...reader, ...key }, 200]
  ]
  for (const [url, headers, status] of CASES) t.equal(await statusOf(app, url, headers), status, `${url} ${Object.keys(headers)}`)
  t.equal(verified.length, 5, 'once for each token')
})

test('All scopes of all guards are needed', async (t) => {
  const app = await pluginApp()
  app.get('/list', { preHandler: app.requireScopes(READ, WRITE) }, credentials)
  app.get('/two', { preHandler: [app.requireScopes(READ), app.requireScopes(WRITE)] }, credentials)
  app.get('/split', { onRequest: app.requireScopes(WRITE), preHandler: app.requireScopes(READ) }, credentials)
  for (const url of ['/list', '/two', '/split']) {
    t.equal(await statusOf(app, url), 401, url)
    t.equal(await statusOf(app, url, reader), 403, url)
    t.equal(await statusOf(app, url, bearer(tokenOf('writer', [WRITE]))), 403, url)
    t.equal(await statusOf(app, url, writer), 200, url)
  }
  const refused = await app.inject({ url: '/list', headers: reader })
  t.equal(refused.headers['www-authenticate'], 'Bearer realm="demo", scope="data:read data:write", error="insufficient_scope", error_description="The access token lacks a scope"')
})

test('RFC 6750 §3.1: of several alternatives one scope is enough, and the challenge names the first', async (t) => {
  const app = await pluginApp()
  app.get('/any', { preHandler: app.requireScopes({ anyOf: [WRITE, READ] }) }, credentials)
  app.get('/both', { onRequest: app.requireScopes({ anyOf: [WRITE, READ] }), preHandler: app.requireScopes(WRITE) }, credentials)
  t.equal(await statusOf(app, '/any', reader), 200)
  t.equal(await statusOf(app, '/any', bearer(tokenOf('writer', [WRITE]))), 200)
  t.equal(await statusOf(app, '/both', reader), 403)
  t.equal(await statusOf(app, '/both', bearer(tokenOf('writer', [WRITE]))), 200)
  const lacking = await app.inject({ url: '/any', headers: bearer(tokenOf('scopeless')) })
  t.equal(lacking.statusCode, 403)
  t.match(lacking.headers['www-authenticate'], /^Bearer realm="demo", scope="data:write", error="insufficient_scope"/)
})

test('RFC 6749 §3.3: a guard accepts a token whose scope implies the one that is needed', async (t) => {
  const flow = demoBuilder().setScopes({ [READ]: 'Read', [WRITE]: { description: 'Write', implies: [READ] } }).build()
  const app = await pluginApp({ flow })
  app.get('/data', { preHandler: app.requireScopes(READ) }, credentials)
  app.get('/write', { preHandler: app.requireScopes(WRITE) }, credentials)
  const writing = await app.inject({ url: '/data', headers: bearer(tokenOf('writer', [WRITE])) })
  t.equal(writing.statusCode, 200)
  t.strictSame(writing.json().scope, [WRITE], 'the scope of the token stays as it is')
  t.equal(await statusOf(app, '/write', reader), 403)
})

test('Requests are decorated under another name, where the application uses request.credentials', async (t) => {
  const app = Fastify()
  app.decorateRequest('credentials', 'of the application' as never)
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().build(), decoratorName: 'caller' })
  app.get('/data', { preHandler: app.requireScopes(READ) }, async (request) => ({
    own: request.credentials, named: (request as unknown as { caller: AuthCredentials }).caller.app, found: credentialsOf(request).app
  }))
  app.get('/open', async (request) => credentialsOf(request))
  t.strictSame((await app.inject({ url: '/data', headers: reader })).json(), { own: 'of the application', named: { id: 'reader' }, found: { id: 'reader' } })
  t.equal((await app.inject('/open')).json().code, 'FST_OAUTH_ROUTE_NOT_GUARDED')
})

test('A guard that another plugin has wrapped, and never waits for, lets nobody in', async (t) => {
  const app = Fastify()
  let handled = 0
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().verifyToken(async () => ({ isValid: false })).build() })
  app.addHook('onRoute', (route) => {
    for (const name of HOOKS) {
      const hooks = [route[name] ?? []].flat() as ((...args: unknown[]) => unknown)[]
      if (hooks.length > 0) {
        Object.assign(route, {
          [name]: hooks.map((hook) => (request: unknown, reply: unknown, done: () => void) => {
            Promise.resolve(hook(request, reply, () => {})).catch(() => {})
            done()
          })
        })
      }
    }
  })
  for (const hook of HOOKS) app.get(`/${hook}`, { [hook]: app.requireScopes(READ) }, async () => { handled++ })
  for (const hook of HOOKS) for (const headers of [{}, reader]) t.not(await statusOf(app, `/${hook}`, headers), 200, hook)
  t.equal(handled, 0)
})

test('A guard without scopes needs a valid token only', async (t) => {
  const app = await pluginApp()
  app.get('/data', { preHandler: app.requireScopes() }, credentials)
  const refused = await app.inject('/data')
  t.equal(refused.statusCode, 401)
  t.equal(refused.headers['www-authenticate'], 'Bearer realm="demo"')
  t.equal(await statusOf(app, '/data', bearer('nonsense')), 401)
  t.equal(await statusOf(app, '/data', bearer(tokenOf('scopeless'))), 200)
})

test('A guarded route authenticates before its body is parsed and validated', async (t) => {
  const { flow, verified } = watchedFlow()
  const app = Fastify({ bodyLimit: 1000 })
  await app.register(clientCredentialsPlugin, { flow })
  const schema = { body: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } } }
  app.post('/data', { schema, preHandler: app.requireScopes(READ) }, credentials)

  const BODIES: [string, string, string, number][] = [
    ['huge', 'application/json', JSON.stringify({ name: 'x'.repeat(2000) }), 413],
    ['malformed', 'application/json', '{', 400],
    ['poisoned', 'application/json', '{"__proto__":{}}', 400],
    ['of an unknown type', 'application/x-unknown', 'x', 415],
    ['against the schema', 'application/json', '{}', 400]
  ]
  for (const [name, type, payload, status] of BODIES) {
    const send = (headers: Record<string, string>) => app.inject({ method: 'POST', url: '/data', headers: { 'content-type': type, ...headers }, payload })
    const refused = await send({})
    t.equal(refused.statusCode, 401, `${name}, no token`)
    t.strictSame(refused.json(), REFUSED, `${name}, no token`)
    t.equal((await send(bearer('nonsense'))).statusCode, 401, `${name}, bad token`)
    verified.length = 0
    t.equal((await send(reader)).statusCode, status, `${name}, good token`)
    t.equal(verified.length, 1, `${name}: verified once`)
  }
})

test('A hook in front of the guard sees the credentials', async (t) => {
  const app = await pluginApp()
  const seen: (AuthCredentials | null)[] = []
  const look = async (request: FastifyRequest) => { seen.push(request.credentials) }
  app.get('/data', { onRequest: look, preHandler: [look, app.requireScopes(READ)] }, credentials)
  await app.inject({ url: '/data', headers: reader })
  t.strictSame(seen, [null, { app: { id: 'reader' }, scope: [READ] }])
})

test('A route without a guard is never verified', async (t) => {
  const { flow, verified } = watchedFlow()
  const app = await pluginApp({ flow })
  app.get('/open', async (request) => ({ credentials: request.credentials }))
  app.get('/documented', { config: { oauth: { documentedScopes: [READ] } } }, async (request) => ({ credentials: request.credentials }))
  for (const url of ['/open', '/documented']) {
    const response = await app.inject({ url, headers: reader })
    t.equal(response.statusCode, 200)
    t.equal(response.body, '{"credentials":null}')
  }
  t.equal((await app.inject({ url: '/nowhere', headers: reader })).statusCode, 404)
  t.strictSame(verified, [])
})

test('Credentials do not outlive their request', async (t) => {
  const app = await demoApp()
  await app.inject({ url: '/data', headers: reader })
  t.equal((await app.inject('/data')).statusCode, 401)
  t.equal((await app.inject('/open')).body, '{"credentials":null}')
})

test('A route that comes before the plugin has loaded cannot be declared', async (t) => {
  const app = Fastify()
  app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
  t.throws(() => app.get('/data', { preHandler: app.requireScopes(READ) }, credentials), TypeError)
  t.equal(await statusOf(app, '/data'), 404)
})

test('A route guards itself whether the plugin was awaited or not', async (t) => {
  const app = Fastify()
  app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
  app.register(async (child) => { child.get('/child', { preHandler: child.requireScopes(READ) }, credentials) })
  app.after(() => { app.get('/after', { preHandler: app.requireScopes(READ) }, credentials) })
  await checkGuard(t, app, { url: '/child' })
  await checkGuard(t, app, { url: '/after' })
})

test('A guard works on a route that the plugin never saw', async (t) => {
  const app = Fastify()
  const guards: Guard[] = []
  app.get('/data', { preHandler: async (request, reply) => { await guards[0]?.(request, reply) } }, credentials)
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
  guards.push(app.requireScopes(READ))
  const refused = await app.inject('/data')
  t.equal(refused.statusCode, 401)
  t.equal(refused.headers['www-authenticate'], CHALLENGE)
  t.equal(await statusOf(app, '/data', bearer(tokenOf('scopeless'))), 403)
  t.equal(await statusOf(app, '/data', reader), 200)
})

test('HEAD is guarded as its GET is, also where routes declare it themselves', async (t) => {
  const { flow, verified } = watchedFlow()
  const app = Fastify({ exposeHeadRoutes: false })
  await app.register(clientCredentialsPlugin, { flow })
  app.get('/data', { exposeHeadRoute: true, preHandler: app.requireScopes(READ) }, credentials)
  app.head('/own', { preHandler: app.requireScopes(READ) }, credentials)
  for (const url of ['/data', '/own']) {
    await checkGuard(t, app, { url, method: 'HEAD' })
    t.equal((await app.inject({ url, method: 'HEAD' })).body, '')
  }
  t.equal(verified.length, 6)
})

test('The plugin decorates with the flow and leaves its options alone', async (t) => {
  const options = Object.freeze({ flow: demoBuilder().build(), prefix: '/auth', acceptJson: true })
  const app = Fastify()
  await app.register(clientCredentialsPlugin, options)
  t.equal(app.clientCredentials, options.flow)
  t.strictSame(Object.keys(options), ['flow', 'prefix', 'acceptJson'])
  t.equal((await app.inject({ ...TOKEN_REQUEST, url: '/auth/oauth2/token' })).statusCode, 200)
})

/** What an application's error handler got. */
interface Caught { error: FastifyError, challenge: unknown }

function keepingHandler (caught: Caught[], name: string) {
  return (error: FastifyError, _request: FastifyRequest, reply: FastifyReply) => {
    caught.push({ error, challenge: reply.getHeader('www-authenticate') })
    reply.code(error.statusCode ?? 500).send({ handledBy: name, code: error.code })
  }
}

type Scenario = (app: FastifyInstance, register: () => Promise<void>, keep: (name: string) => ReturnType<typeof keepingHandler>) => Promise<void>

const declareData = (app: FastifyInstance, options: RouteShorthandOptions = {}) =>
  app.get('/data', { preHandler: app.requireScopes(READ), ...options }, credentials)

const ERROR_HANDLERS: Record<string, Scenario> = {
  'set before the plugin': async (app, register, keep) => {
    app.setErrorHandler(keep('user'))
    await register()
    declareData(app)
  },
  'set after the plugin': async (app, register, keep) => {
    await register()
    app.setErrorHandler(keep('user'))
    declareData(app)
  },
  'set after the route': async (app, register, keep) => {
    await register()
    declareData(app)
    app.setErrorHandler(keep('user'))
  },
  'that is asynchronous': async (app, register, keep) => {
    await register()
    app.setErrorHandler(async (error: FastifyError, request, reply) => { keep('user')(error, request, reply) })
    declareData(app)
  },
  "that bears the name of Fastify's": async (app, register, keep) => {
    await register()
    const handle = keep('user')
    app.setErrorHandler(function defaultErrorHandler (error: FastifyError, request, reply) { handle(error, request, reply) })
    declareData(app)
  },
  'of the parent, with the route in a child': async (app, register, keep) => {
    app.setErrorHandler(keep('user'))
    await register()
    await app.register(async (child) => { declareData(child) })
  },
  'of the child, over one of the parent': async (app, register, keep) => {
    app.setErrorHandler(keep('parent'))
    await register()
    await app.register(async (child) => {
      child.setErrorHandler(keep('user'))
      declareData(child)
    })
  },
  'of the route, over one of the application': async (app, register, keep) => {
    app.setErrorHandler(keep('application'))
    await register()
    declareData(app, { errorHandler: keep('user') })
  },
  "of the route, over Fastify's own": async (app, register, keep) => {
    await register()
    declareData(app, { errorHandler: keep('user') })
  },
  'over a guard that is a hook of the whole scope': async (app, register, keep) => {
    await register()
    app.setErrorHandler(keep('user'))
    await app.register(async (child) => {
      child.addHook('onRequest', child.requireScopes(READ))
      child.get('/data', credentials)
    })
  }
}

for (const [place, scenario] of Object.entries(ERROR_HANDLERS)) {
  test(`An error handler of the user's ${place} gets the error, and the challenge survives`, async (t) => {
    const app = Fastify()
    const caught: Caught[] = []
    const register = async () => { await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() }) }
    await scenario(app, register, (name) => keepingHandler(caught, name))

    for (const { caller, headers, status, challenge, body } of VERDICTS.filter(({ status }) => status !== 200)) {
      caught.length = 0
      const response = await app.inject({ url: '/data', headers })
      const { error } = body as { error: string }
      t.equal(response.statusCode, status, caller)
      t.equal(response.headers['www-authenticate'], challenge, caller)
      t.strictSame(response.json(), { handledBy: 'user', code: error }, caller)
      t.equal(caught.length, 1, caller)
      t.ok(caught[0]!.error instanceof StrategyError, caller)
      t.match(caught[0], { error: { status, statusCode: status, code: error }, challenge }, caller)
    }
  })
}

/** What an application logs besides its requests coming and going. */
function watchedLog (): { lines: Record<string, any>[], logger: { level: string, stream: { write (line: string): void } } } {
  const lines: Record<string, any>[] = []
  const write = (text: string) => {
    const line = JSON.parse(text)
    if (line.msg !== 'incoming request' && line.msg !== 'request completed') lines.push(line)
  }
  return { lines, logger: { level: 'info', stream: { write } } }
}

const teapot = async () => {
  throw Object.assign(new Error('short and stout'), { statusCode: 418, code: 'TEAPOT', headers: { 'x-tea': 'green' } })
}
const needsName = { type: 'object', required: ['name'], properties: { name: { type: 'string' } } }
const FAILURES: [string, RouteShorthandOptions, () => Promise<unknown>][] = [
  ['a plain error', {}, boom],
  ['an error with a status and headers', {}, teapot],
  ['a failed validation', { schema: { body: needsName } }, pass],
  ['a failed serialization', { schema: { response: { 200: needsName } } }, async () => ({})],
  ['an error of a hook', { preValidation: boom }, pass]
]

test('Errors that are not of a guard keep the answer and the log of Fastify', async (t) => {
  for (const [name, options, handler] of FAILURES) {
    const { lines: plainLines, logger: plainLogger } = watchedLog()
    const plain = Fastify({ logger: plainLogger })
    plain.post('/data', options, handler)

    const { lines, logger } = watchedLog()
    const app = Fastify({ logger })
    await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
    app.post('/data', { ...options, preHandler: app.requireScopes(READ) }, handler)

    const expected = await plain.inject({ method: 'POST', url: '/data', payload: {} })
    const response = await app.inject({ method: 'POST', url: '/data', headers: reader, payload: {} })
    t.ok(response.statusCode >= 400, name)
    t.equal(response.statusCode, expected.statusCode, name)
    t.equal(response.body, expected.body, name)
    t.strictSame({ ...response.headers, date: '' }, { ...expected.headers, date: '' }, name)
    t.equal(lines.length, 1, `${name} is logged once`)
    const said = ({ level, msg, err }: Record<string, any>) => ({ level, msg, type: err.type, message: err.message })
    t.strictSame(lines.map(said), plainLines.map(said), name)
  }
})

test('What is thrown and no error is answered by Fastify as it is without the plugin', async (t) => {
  const throwing = async () => { throw 'short and stout' } // eslint-disable-line no-throw-literal
  const answers = []
  for (const app of [Fastify(), await pluginApp()]) {
    app.get('/data', throwing)
    const { statusCode, body } = await app.inject('/data')
    answers.push({ statusCode, body })
  }
  t.equal(answers[0]!.statusCode, 500)
  t.strictSame(answers[1], answers[0])
})

test('A refusal is logged once, with its reason but without the token', async (t) => {
  for (const hook of ['preHandler', 'onRequest']) {
    const { lines, logger } = watchedLog()
    const app = Fastify({ logger })
    const flow = demoBuilder().verifyToken(() => ({ isValid: false, message: 'Unknown', cause: new Error('the reason') })).build()
    await app.register(clientCredentialsPlugin, { flow })
    app.get('/data', { [hook]: app.requireScopes(READ) }, credentials)
    await app.inject({ url: '/data', headers: bearer('s3cret-token') })
    t.equal(lines.length, 1, hook)
    t.match(lines[0], { level: 30, msg: 'OAuth invalid_token: Unknown', oauth: { error: 'invalid_token', status: 401, reason: 'the reason' } }, hook)
    t.notMatch(JSON.stringify(lines), 's3cret-token', hook)
  }
})

test('A verifyToken that fails is a 500 without a challenge, logged with its cause', async (t) => {
  const { lines, logger } = watchedLog()
  const app = Fastify({ logger })
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().verifyToken(() => { throw new Error('database away') }).build() })
  app.get('/data', { preHandler: app.requireScopes(READ) }, credentials)
  const response = await app.inject({ url: '/data', headers: reader })
  t.equal(response.statusCode, 500)
  t.equal(response.headers['www-authenticate'], undefined)
  t.strictSame(response.json(), { error: 'server_error', error_description: 'The server failed to verify the access token' })
  t.equal(lines.length, 1)
  t.match(lines[0], { level: 50, err: { message: /database away/ } })
})

test('A token that was wrongly sent in the query is not logged', async (t) => {
  for (const hook of ['preHandler', 'onRequest']) {
    const logged: string[] = []
    const app = Fastify({ logger: { level: 'info', stream: { write: (line) => { logged.push(line) } } } })
    await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
    app.get('/data', { [hook]: app.requireScopes(READ) }, credentials)
    t.equal(await statusOf(app, '/data?access_token=s3cret&page=2'), 401, hook)
    t.ok(logged.some((line) => line.includes('access_token=[redacted]&page=2')), hook)
    t.notMatch(logged.join(''), 's3cret', hook)
  }
})

test('A token in the query is seen, and kept out of the log, whatever the path has before it', async (t) => {
  const logged: string[] = []
  const app = Fastify({ logger: { level: 'info', stream: { write: (line) => { logged.push(line) } } } })
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
  app.get('/files/:name', { preHandler: app.requireScopes(READ) }, credentials)
  for (const path of ['/files/a;b', '/files/a&b', '/files/a&b=c', '/files/&', '/files/a&access_token=b']) {
    t.equal(await statusOf(app, `${path}?access_token=s3cret`, reader), 400, path)
    t.equal(await statusOf(app, `${path}?next=/a?access_token=x`, reader), 200, `${path}: a question mark in a value`)
  }
  t.notMatch(logged.join(''), 's3cret')
})

test('Where Fastify takes a semicolon for the begin of the query, a token behind one is seen, and kept out of the log', async (t) => {
  const logged: string[] = []
  const app = Fastify({ routerOptions: { useSemicolonDelimiter: true } as object, logger: { level: 'info', stream: { write: (line) => { logged.push(line) } } } })
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
  app.get('/data', { preHandler: app.requireScopes(READ) }, credentials)
  for (const query of [';access_token=s3cret', ';a=b&access_token=s3cret&c=d', ';access_token=s3cret?c=d', ';a=b?c=d&access_token=s3cret', '?access_token=s3cret;x']) {
    t.equal(await statusOf(app, `/data${query}`, reader), 400, query)
  }
  for (const query of [';a=b', '?a=b;access_token=x', ';a=b;access_token=x']) t.equal(await statusOf(app, `/data${query}`, reader), 200, `${query}: a semicolon in a value`)
  t.notMatch(logged.join(''), 's3cret')
  t.ok(logged.some((line) => line.includes('/data;a=b&access_token=[redacted]&c=d"')))
})

test('A token behind a number sign is seen, and kept out of the log, since Fastify reads a query there', async (t) => {
  const logged: string[] = []
  const app = Fastify({ logger: { level: 'info', stream: { write: (line) => { logged.push(line) } } } })
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
  app.get('/data', { preHandler: app.requireScopes(READ) }, credentials)
  app.get('/open', async ({ query }) => query)
  t.teardown(() => app.close())
  for (const url of ['/data#access_token=s3cret', '/data#a=b&access_token=s3cret', '/data#a?access_token=s3cret', '/data#a?b#c&access_token=s3cret', '/data?access_token=s3#cret']) {
    const { statusCode, body } = await exchange(app, `GET ${url}`, [`authorization: ${reader.authorization}`])
    t.equal(statusCode, 400, url)
    t.match(body, 'in more than one way', url)
  }
  t.match((await exchange(app, 'GET /open#access_token=x')).body, '{"access_token":"x"}')
  t.notMatch(logged.join(''), /s3|cret/)
})

test('A serializer of the application that writes no URL, or writes nothing, is left alone', async (t) => {
  for (const written of [{ verb: 'GET' }, { url: 7 }, undefined]) {
    const logged: { req?: unknown }[] = []
    const app = Fastify({ logger: { level: 'info', serializers: { req: () => written as Record<string, unknown> }, stream: { write: (line) => { logged.push(JSON.parse(line)) } } } })
    await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
    app.get('/data', { preHandler: app.requireScopes(READ) }, credentials)
    t.equal(await statusOf(app, '/data?access_token=s3cret', reader), 400)
    t.strictSame(logged.find((line) => 'req' in line)?.req, written)
  }
})

test('The message of a route without a guard has no query, wherever that begins', async (t) => {
  for (const query of ['?access_token=s3cret', ';access_token=s3cret', '#access_token=s3cret', ';a=b?access_token=s3cret', '']) {
    t.throws(() => credentialsOf({ method: 'GET', url: `/open${query}` }), { code: 'FST_OAUTH_ROUTE_NOT_GUARDED', message: /^(?!.*s3cret).*\/open(?![;?#])/ }, query)
  }
  t.end()
})

test('A 401 schema of the user does not break the refusal', async (t) => {
  const jsonSchema = { type: 'object', required: ['message'], properties: { message: { type: 'string' } }, additionalProperties: false }
  const plain = await pluginApp()
  plain.get('/data', { schema: { response: { 401: jsonSchema, '4xx': jsonSchema } }, preHandler: plain.requireScopes(READ) }, credentials)
  await checkGuard(t, plain)

  const zod = await pluginApp()
  zod.setValidatorCompiler(validatorCompiler).setSerializerCompiler(serializerCompiler)
  const message = z.object({ message: z.string() })
  zod.get('/data', { schema: { response: { 401: message, 403: message } }, preHandler: zod.requireScopes(READ) }, credentials)
  await checkGuard(t, zod)
})

test('A preSerialization hook of the application leaves refusals alone, an onSend hook sees them', async (t) => {
  const app = await pluginApp()
  const sent: unknown[] = []
  app.addHook('preSerialization', async (_request, _reply, payload) => ({ envelope: payload }))
  app.addHook('onSend', async (_request, _reply, payload) => { sent.push(payload) })
  app.get('/data', { preHandler: app.requireScopes(READ) }, credentials)
  t.strictSame((await app.inject('/data')).json(), REFUSED)
  t.strictSame(sent, [JSON.stringify(REFUSED)])
  t.strictSame((await app.inject({ url: '/data', headers: reader })).json(), { envelope: { app: { id: 'reader' }, scope: [READ] } })
})

function namedFlow (name: string): ClientCredentialsFlow {
  return demoBuilder()
    .setSecuritySchemeName(name)
    .generateAccessToken(() => `${name}-token`)
    .verifyToken((token) => token === `${name}-token` ? { isValid: true, credentials: { app: { id: name }, scope: READ } } : { isValid: false })
    .build()
}

async function twoFlows (): Promise<{ app: FastifyInstance, guards: Record<string, Guard> }> {
  const app = Fastify()
  const guards: Record<string, Guard> = {}
  for (const name of ['blue', 'green']) {
    await app.register(async (scope) => {
      await scope.register(clientCredentialsPlugin, { flow: namedFlow(name) })
      guards[name] = scope.requireScopes(READ)
      scope.get('/data', { preHandler: guards[name]! }, credentials)
      if (name === 'green') scope.get('/both', { preHandler: [guards.green!, guards.blue!] }, credentials)
    }, { prefix: `/${name}` })
  }
  return { app, guards }
}

test('A token type of the user sees the request as it came', async (t) => {
  const seen: unknown[] = []
  const see = ({ method, url, header }: PlainRequest, fields: string) => { seen.push(method, url, header.length, fields) }
  const tokenType: TokenType = {
    name: 'Seeing',
    confirmTokenRequest: (request) => see(request, `${request.header('x-proof')} ${request.form.scope}`) as undefined,
    confirmAccess: (request) => see(request, `${request.header('x-proof')}`) as undefined
  }
  const app = await pluginApp({ flow: demoBuilder().setTokenType(tokenType).build() })
  app.get('/data', { preHandler: app.requireScopes(READ) }, credentials)
  const proof = { 'x-proof': 'one' }
  t.equal((await app.inject({ ...TOKEN_REQUEST, url: `${TOKEN_PATH}?a=b`, headers: { ...TOKEN_REQUEST.headers, ...proof }, payload: form({ grant_type: 'client_credentials', scope: READ }) })).json().token_type, 'Seeing')
  t.equal(await statusOf(app, '/data?a=b', { authorization: `seeing ${tokenOf('reader', [READ])}`, ...proof }), 200)
  t.strictSame(seen, ['POST', `${TOKEN_PATH}?a=b`, 1, `one ${READ}`, 'GET', '/data?a=b', 1, 'one'])
})

test('Two flows in sibling scopes do not take the tokens of each other', async (t) => {
  const { app } = await twoFlows()
  t.notOk(app.hasDecorator('requireScopes'))
  for (const [mine, other] of [['blue', 'green'], ['green', 'blue']] as const) {
    const issued = await app.inject({ ...TOKEN_REQUEST, url: `/${mine}${TOKEN_PATH}` })
    t.equal(issued.json().access_token, `${mine}-token`)
    t.strictSame((await app.inject({ url: `/${mine}/data`, headers: bearer(issued.json().access_token) })).json(), { app: { id: mine }, scope: [READ] })
    const refused = await app.inject({ url: `/${other}/data`, headers: bearer(issued.json().access_token) })
    t.equal(refused.statusCode, 401)
    t.equal(refused.headers['www-authenticate'], `Bearer realm="${other}", scope="data:read", error="invalid_token", error_description="The access token is invalid"`)
  }
})

test('A guard of one flow does not take what the guard of another has verified', async (t) => {
  const { app } = await twoFlows()
  t.equal(await statusOf(app, '/green/both', bearer('green-token')), 401)
  t.equal(await statusOf(app, '/green/both', bearer('blue-token')), 401)
})

test('Credentials that no guard has verified open nothing', async (t) => {
  const app = await pluginApp()
  app.addHook('onRequest', async (request) => { request.credentials = { app: { id: 'nobody' }, scope: [READ] } })
  app.get('/route', { preHandler: app.requireScopes(READ) }, credentials)
  await app.register(async (scope) => {
    scope.addHook('preHandler', scope.requireScopes(READ))
    scope.get('/scope', credentials)
  })
  await checkGuard(t, app, { url: '/route' })
  await checkGuard(t, app, { url: '/scope' })
})

test('Twice in one scope, or once more below, fails at boot', async (t) => {
  const flow = demoBuilder().build()
  const same = await pluginApp()
  await t.rejects(async () => { await same.register(clientCredentialsPlugin, { flow }) }, { code: 'FST_ERR_DEC_ALREADY_PRESENT' })
  const below = await pluginApp()
  below.register(async (child) => { await child.register(clientCredentialsPlugin, { flow }) })
  await t.rejects(async () => { await below.ready() }, { code: 'FST_ERR_DEC_ALREADY_PRESENT' })
})

const PREFIXES: [string, { scope?: string, plugin?: string }, string][] = [
  ['no prefix', {}, '/oauth2/token'],
  ['the option', { plugin: '/auth' }, '/auth/oauth2/token'],
  ['the scope', { scope: '/api' }, '/api/oauth2/token'],
  ['both', { scope: '/api', plugin: '/auth' }, '/api/auth/oauth2/token'],
  ['the option, without a slash in front', { plugin: 'own/auth' }, '/own/auth/oauth2/token'],
  ['the option, with a slash behind', { plugin: '/a/b/' }, '/a/b/oauth2/token']
]

for (const [name, { scope, plugin }, path] of PREFIXES) {
  test(`The token route is served below the prefix: ${name}`, async (t) => {
    const app = Fastify()
    await app.register(async (child) => {
      await child.register(clientCredentialsPlugin, { flow: demoBuilder().build(), ...(plugin !== undefined && { prefix: plugin }) })
      child.get('/data', { preHandler: child.requireScopes(READ) }, credentials)
    }, scope === undefined ? {} : { prefix: scope })

    const issued = await app.inject({ ...TOKEN_REQUEST, url: path })
    t.equal(issued.statusCode, 200)
    await checkGuard(t, app, { url: `${scope ?? ''}/data` })
    for (const other of PREFIXES.map(([, , other]) => other).filter((other) => other !== path)) {
      t.equal((await app.inject({ ...TOKEN_REQUEST, url: other })).statusCode, 404, other)
    }
  })
}

test('Other plugins find it by its name, and it is for Fastify 5', async (t) => {
  const app = await pluginApp()
  t.ok(app.hasPlugin('fastify-client-credentials'))
  const meta = Reflect.get(clientCredentialsPlugin, Symbol.for('plugin-meta')) as unknown
  t.match(meta, { fastify: '5.x', name: 'fastify-client-credentials' })
})

test('A token endpoint on another server is not served here', async (t) => {
  const { verifyToken } = settingsOf(demoBuilder().build())
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: 'https://as.example/oauth2/token' })
    .setSecuritySchemeName('demo').setScopes({ [READ]: 'Read' }).verifyToken(verifyToken).build()
  const app = await pluginApp({ flow })
  app.get('/data', { preHandler: app.requireScopes(READ) }, credentials)
  t.equal((await app.inject({ ...TOKEN_REQUEST, url: TOKEN_PATH })).statusCode, 404)
  t.notOk(app.hasRoute({ method: 'POST', url: TOKEN_PATH }))
  await checkGuard(t, app)
})

test('A flow without scopes lets guards name any', async (t) => {
  const app = await pluginApp({ flow: demoBuilder().setScopes({}).build() })
  app.get('/data', { preHandler: app.requireScopes(READ) }, credentials)
  await checkGuard(t, app)
})

const NO_CALLBACKS = new ClientCredentialsFlowBuilder()
const withPlugin = (use: (app: FastifyInstance) => void) => async () => {
  const app = await pluginApp()
  use(app)
  await app.ready()
}

const WRONG_CERTIFICATE_OPTIONS = [
  null, {}, { format: 'nginx' }, { trustedProxies: ['::1'] }, { trustedProxies: ['::1'], format: 'base64' },
  { trustedProxies: ['::1'], format: 'pem', header: 'x-cert' }, { trustedProxies: ['::1'], format: 'constructor' },
  ...[{ trustedProxies: [] }, { trustedProxies: '10.0.0.1' }, { trustedProxies: ['proxy'] }, { trustedProxies: [''] }, { trustedProxies: ['10.0.0.0/33'] }, { trustedProxies: ['010.0.0.1'] }, { trustedProxies: ['127.1'] }, { trustedProxies: ['loopback'] },
    { trustedProxies: ['::/129'] }, { trustedProxies: ['10.0.0.0/'] }, { trustedProxies: ['10.0.0.0/8/9'] }, { trustedProxies: ['10.0.0.0/x8'] }, { trustedProxies: ['10.0.0.0/8x'] }, { trustedProxies: ['10.0.0.1', null] },
    { trustedProxies: ['::1'], verified: false }, { trustedProxies: ['::1'], verified: '' }, { trustedProxies: ['::1'], header: null }, { trustedProxies: ['::1'], verified: {} }, { trustedProxies: ['::1'], verified: [] },
    { trustedProxies: ['::1'], verified: null }, { trustedProxies: ['::1'], verified: { 'x y': '0' } }, { trustedProxies: ['::1'], verified: { 'x-y': '' } }, { trustedProxies: ['::1'], verified: { 'x-y': 0 } }, { trustedProxies: ['::1'], header: 'x cert' },
    { trustedProxies: ['::1'], header: 5 }].map((options) => ({ format: 'nginx', ...options }))
]

type Misuse = [code: keyof typeof PLUGIN_ERRORS, trigger: string, misuse: () => Promise<unknown>, message: RegExp]
const MISUSES: Misuse[] = [
  ['FST_OAUTH_FLOW_REQUIRED', 'no options', async () => Fastify().register(clientCredentialsPlugin, {} as ClientCredentialsPluginOptions), /"flow"/],
  ['FST_OAUTH_FLOW_REQUIRED', 'a builder that was not built', async () => Fastify().register(clientCredentialsPlugin, { flow: demoBuilder() as unknown as ClientCredentialsFlow }), /build\(\)/],
  ['FST_OAUTH_ORIGIN', 'DPoP without a URL', async () => pluginApp({ flow: demoBuilder().setTokenType(new DPoPTokenType({ replays: { reserve: async () => true } })).build() }), /"origin"/],
  ['FST_OAUTH_ORIGIN', 'DPoP beside certificates, without a URL', async () => {
    const dpop = new DPoPTokenType({ replays: { reserve: async () => true } })
    return pluginApp({ flow: demoBuilder().setTokenType(new CertificateBoundTokenType(), dpop).build() })
  }, /"origin"/],
  ['FST_OAUTH_ORIGIN', 'no URL', async () => pluginApp({ flow: demoBuilder().build(), origin: 'api.example' }), /https/],
  ['FST_OAUTH_ORIGIN', 'http on another host', async () => pluginApp({ flow: demoBuilder().build(), origin: 'http://api.example' }), /loopback/],
  ...WRONG_CERTIFICATE_OPTIONS.map((options): Misuse =>
    ['FST_OAUTH_CLIENT_CERTIFICATE', JSON.stringify(options), async () => pluginApp({ flow: demoBuilder().build(), clientCertificate: options as unknown as ClientCertificateOptions }), /trustedProxies/]),
  ['FST_OAUTH_CALLBACK_MISSING', 'no getClient', () => pluginApp({ flow: NO_CALLBACKS.build() }), /no getClient, .*Call getClient /],
  ['FST_OAUTH_CALLBACK_MISSING', 'no generateAccessToken', () => pluginApp({ flow: new ClientCredentialsFlowBuilder().getClient(() => undefined).build() }), /no generateAccessToken, .*Call generateAccessToken /],
  ['FST_OAUTH_CALLBACK_MISSING', 'no verifyToken, and a guard', async () => {
    const app = await pluginApp({ flow: new ClientCredentialsFlowBuilder({ tokenEndpoint: 'https://as.example/token' }).build() })
    app.requireScopes()
  }, /no verifyToken, .*Call verifyToken /],
  ['FST_OAUTH_INVALID_SCOPE', 'two scopes in one argument', withPlugin((app) => app.requireScopes(`${READ} ${WRITE}`)), /requireScopes\("data:read", "data:write"\)/],
  ['FST_OAUTH_INVALID_SCOPE', 'an empty scope', withPlugin((app) => app.requireScopes('')), /requireScopes/],
  ['FST_OAUTH_INVALID_SCOPE', 'a list', withPlugin((app) => app.requireScopes([READ] as unknown as string)), /requireScopes/],
  ['FST_OAUTH_INVALID_SCOPE', 'no alternatives', withPlugin((app) => app.requireScopes({ anyOf: [] })), /anyOf/],
  ['FST_OAUTH_INVALID_SCOPE', 'alternatives that are no list', withPlugin((app) => app.requireScopes({ anyOf: READ as never })), /anyOf/],
  ['FST_OAUTH_INVALID_SCOPE', 'alternatives beside a scope', withPlugin((app) => app.requireScopes({ anyOf: [READ] } as never, WRITE)), /anyOf/],
  ['FST_OAUTH_INVALID_SCOPE', 'an unknown member beside anyOf', withPlugin((app) => app.requireScopes({ anyOf: [READ], allOf: [WRITE] } as never)), /anyOf/],
  ['FST_OAUTH_UNKNOWN_SCOPE', 'a typo in an alternative', withPlugin((app) => app.requireScopes({ anyOf: [READ, 'data:raed'] })), /"data:raed"/],
  ['FST_OAUTH_INVALID_ROUTE_CONFIG', 'the former name of documentedScopes', withPlugin((app) => app.get('/', { config: { oauth: { scopes: [READ] } as never } }, pass)), /"scopes".*documentedScopes/],
  ['FST_OAUTH_INVALID_ROUTE_CONFIG', 'no list in documentedScopes', withPlugin((app) => app.get('/', { config: { oauth: { documentedScopes: READ as never } } }, pass)), /documentedScopes/],
  ['FST_OAUTH_OTHER_VERSION', 'a flow of another version', async () => pluginApp({ flow: Object.create(demoBuilder().build(), { [Symbol.for('fastify-client-credentials.flow')]: { value: 0 } }) }), /twice/],
  ['FST_OAUTH_INVALID_SCOPE', 'two scopes in one member of config.oauth.documentedScopes', withPlugin((app) => app.get('/', { config: { oauth: { documentedScopes: [`${READ} ${WRITE}`] } } }, pass)), /requireScopes/],
  ['FST_OAUTH_UNKNOWN_SCOPE', 'a typo in a guard', withPlugin((app) => app.requireScopes(READ, 'data:raed')), /"data:raed"/],
  ['FST_OAUTH_UNKNOWN_SCOPE', 'a typo in config.oauth.documentedScopes', withPlugin((app) => app.get('/', { config: { oauth: { documentedScopes: ['data:raed'] } } }, pass)), /"data:raed"/],
  ['FST_OAUTH_UNKNOWN_SCOPE', 'a typo in config.oauth.documentedScopes beside a guard', withPlugin((app) => app.get('/', { preHandler: app.requireScopes(READ), config: { oauth: { documentedScopes: ['data:raed'] } } }, pass)), /"data:raed"/]
]

for (const [code, trigger, misuse, message] of MISUSES) {
  test(`${code}: ${trigger}`, async (t) => {
    const error = await misuse().then(() => undefined, (error: FastifyError) => error)
    t.ok(error instanceof PLUGIN_ERRORS[code])
    t.equal(error?.code, code)
    t.match(error?.message, message)
  })
}

test('A flow without verifyToken boots as long as nothing is guarded', async (t) => {
  const { getClient, generateAccessToken } = settingsOf(demoBuilder().build())
  const app = await pluginApp({ flow: new ClientCredentialsFlowBuilder({ tokenEndpoint: TOKEN_PATH, getClient, generateAccessToken }).build() })
  t.equal((await app.inject({ ...TOKEN_REQUEST, url: TOKEN_PATH })).statusCode, 200)
})

test('credentialsOf gives the credentials, or names the route that lacks a guard', async (t) => {
  const app = await pluginApp()
  app.get('/data/:id', { preHandler: app.requireScopes(READ) }, async (request) => credentialsOf(request).app.id)
  app.get('/open', async (request) => credentialsOf(request).app.id)
  t.equal((await app.inject({ url: '/data/1', headers: reader })).body, 'reader')
  const failed = await app.inject({ url: '/open?page=1', headers: reader })
  t.equal(failed.statusCode, 500)
  t.strictSame(failed.json(), {
    statusCode: 500,
    code: 'FST_OAUTH_ROUTE_NOT_GUARDED',
    error: 'Internal Server Error',
    message: 'The request has no credentials, since no guard has run. Put preHandler: app.requireScopes() on the route GET /open'
  })
  t.throws(() => credentialsOf({ method: 'GET', url: '/bare' }), { code: 'FST_OAUTH_ROUTE_NOT_GUARDED' })
})

const LIMITED = { rateLimit: { max: 1, timeWindow: '1 minute' } }
const LIMIT_ORDERS: Record<string, (app: FastifyInstance, flow: ClientCredentialsFlow) => Promise<void>> = {
  before: async (app, flow) => {
    await app.register(rateLimit, { global: false })
    await app.register(clientCredentialsPlugin, { flow })
  },
  after: async (app, flow) => {
    await app.register(clientCredentialsPlugin, { flow })
    await app.register(rateLimit, { global: false })
  }
}

for (const [order, register] of Object.entries(LIMIT_ORDERS)) {
  test(`A rate limit of a route, registered ${order} the plugin, counts before a token is verified`, async (t) => {
    const { flow, verified } = watchedFlow()
    const app = Fastify()
    await register(app, flow)
    app.get('/data', { config: LIMITED, preHandler: app.requireScopes(READ) }, credentials)
    const first = await app.inject({ url: '/data', headers: bearer('nonsense') })
    t.equal(first.statusCode, 401)
    const second = await app.inject({ url: '/data', headers: bearer('nonsense') })
    t.equal(second.statusCode, 429)
    t.strictSame(second.json(), { statusCode: 429, error: 'Too Many Requests', message: 'Rate limit exceeded, retry in 1 minute' })
    t.equal(verified.length, 1)
  })
}

const ORIGIN = 'https://page.example'
const CORS_ORDERS: Record<string, (app: FastifyInstance) => Promise<void>> = {
  before: async (app) => {
    await app.register(cors, { origin: ORIGIN })
    await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
  },
  after: async (app) => {
    await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
    await app.register(cors, { origin: ORIGIN })
  }
}

for (const [order, register] of Object.entries(CORS_ORDERS)) {
  test(`@fastify/cors, registered ${order} the plugin, answers the preflight of the token route`, async (t) => {
    const app = Fastify()
    await register(app)
    const preflight = await app.inject({
      method: 'OPTIONS',
      url: TOKEN_PATH,
      headers: { origin: ORIGIN, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' }
    })
    t.equal(preflight.statusCode, 204)
    t.equal(preflight.headers['access-control-allow-origin'], ORIGIN)
    t.equal(preflight.headers['access-control-allow-headers'], 'authorization')

    for (const [authorization, status] of [[basic('reader'), 200], [basic('reader', 'wrong'), 401]] as const) {
      const answer = await app.inject({ ...TOKEN_REQUEST, url: TOKEN_PATH, headers: { ...TOKEN_REQUEST.headers, authorization, origin: ORIGIN } })
      t.equal(answer.statusCode, status)
      t.equal(answer.headers['access-control-allow-origin'], ORIGIN)
    }
  })
}

test('The guard works in a zod application with the types of its routes', async (t) => {
  const app = (await pluginApp()).withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler(validatorCompiler).setSerializerCompiler(serializerCompiler)
  const schema = { body: z.object({ count: z.number() }), response: { 200: z.object({ doubled: z.number() }) } }
  app.post('/double', { schema, preHandler: app.requireScopes(READ) }, async (request) => ({ doubled: request.body.count * 2 satisfies number }))
  t.equal((await app.inject({ method: 'POST', url: '/double', payload: { count: 'one' } })).statusCode, 401)
  t.equal((await app.inject({ method: 'POST', url: '/double', headers: reader, payload: { count: 'one' } })).statusCode, 400)
  t.strictSame((await app.inject({ method: 'POST', url: '/double', headers: reader, payload: { count: 21 } })).json(), { doubled: 42 })
  const issued = await app.inject({ ...TOKEN_REQUEST, url: TOKEN_PATH, payload: form({ grant_type: 'client_credentials', scope: READ }) })
  t.equal(issued.statusCode, 200)
})

test('The guard works on an HTTP/2 server', async (t) => {
  const app = Fastify({ http2: true })
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
  app.get('/data', { preHandler: app.requireScopes(READ) }, async (request) => request.credentials)
  await checkGuard(t, app as unknown as FastifyInstance)
})

// From here on it is enough that it compiles.

interface IdRoute { Params: { id: string }, Body: { name: string }, Reply: { id: string } }

export const nullableCredentials = (request: FastifyRequest): string =>
  // @ts-expect-error credentials are null until a guard has run
  request.credentials.app.id

export const sureCredentials = (request: FastifyRequest): AuthCredentials => credentialsOf(request) satisfies AuthCredentials

export const readOnlyScope = (request: FastifyRequest): void => {
  // @ts-expect-error the scopes of a token are not for changing
  credentialsOf(request).scope.push(WRITE)
}

export function genericRoutes (app: FastifyInstance): void {
  app.post<IdRoute>('/a/:id', { preHandler: app.requireScopes(READ) }, async (request) => ({ id: request.params.id + request.body.name + credentialsOf(request).app.id }))
  app.get<IdRoute>('/b/:id', { onRequest: [app.requireScopes(READ)], preParsing: app.requireScopes(), preValidation: app.requireScopes(WRITE) }, async (request) => ({ id: request.params.id }))
  app.route<IdRoute>({ method: 'PUT', url: '/c/:id', preHandler: [app.requireScopes(READ), async (request) => { request.params.id satisfies string }], handler: async (request) => ({ id: request.body.name }) })
  app.addHook('onRequest', app.requireScopes(READ))
  app.addHook('preHandler', app.requireScopes(READ))
  // @ts-expect-error a route's config names scopes, not one text
  app.get('/d', { config: { oauth: { documentedScopes: READ } } }, credentials)
  // @ts-expect-error scopes are arguments of their own
  app.requireScopes([READ])
  app.clientCredentials satisfies ClientCredentialsFlow
}

export async function secureHttp2 (): Promise<void> {
  const app = Fastify({ http2: true, https: {} })
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().build(), prefix: '/auth' })
  app.get<IdRoute>('/:id', { preHandler: app.requireScopes(READ) }, async (request) => ({ id: credentialsOf(request).app.id }))
  app.withTypeProvider<ZodTypeProvider>().get('/zod', { schema: { querystring: z.object({ page: z.coerce.number() }) }, onRequest: app.requireScopes(READ) }, async (request) => request.query.page satisfies number)
}

export async function typedSchema (app: FastifyInstance): Promise<void> {
  const schema = { security: [app.clientCredentials.toOpenAPIPathItem([READ])] } as FastifySchema
  app.get('/', { schema, preHandler: app.requireScopes(READ) }, async (request) => credentialsOf(request).claims?.jti satisfies unknown)
  // @ts-expect-error a flow is required
  await app.register(clientCredentialsPlugin, { prefix: '/auth' })
  // @ts-expect-error the flow itself, not its builder
  await app.register(clientCredentialsPlugin, { flow: demoBuilder() })
}

test('What clients put off is written when the server closes, and a failure of that stops nothing', async (t) => {
  for (const [flush, warnings] of [[async () => {}, 0], [async () => { throw new Error('away') }, 1], [undefined, 0]] as const) {
    const lines: string[] = []
    let flushed = 0
    const clients = { getClient: () => undefined, findClient: () => undefined, ...(flush && { flush: async () => { flushed++; await flush() } }) }
    const app = Fastify({ logger: { level: 'warn', stream: { write: (line: string) => { lines.push(line) } } } })
    await app.register(clientCredentialsPlugin, { flow: demoBuilder().useClients(clients).build() })
    await app.ready()
    t.equal(flushed, 0)
    await app.close()
    t.equal(flushed, flush === undefined ? 0 : 1)
    t.equal(lines.filter((line) => line.includes('away')).length, warnings)
    t.equal(lines.length, warnings)
  }
})
