import swagger, { formatParamUrl } from '@fastify/swagger'
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import { Validator } from '@seriousme/openapi-schema-validator'
import Fastify from 'fastify'
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify'
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { fastifyZodOpenApiPlugin, fastifyZodOpenApiTransformers, serializerCompiler as serializeZodOpenApi, validatorCompiler as validateZodOpenApi } from 'fastify-zod-openapi'
import { test } from 'tap'
import type { Test } from 'tap'
import { parse } from 'yaml'
import { z } from 'zod'
import clientCredentialsPlugin, { ClientCredentialsFlowBuilder, oauthTransformObject } from '../../plugin/index.ts'
import type { ClientCredentialsFlow, ClientCredentialsPluginOptions } from '../../plugin/index.ts'
import { toDocumentedPath } from '../../plugin/openapi/documented-path.ts'
import { oauthErrorSchema, tokenRequestSchema, tokenResponseSchema } from '../../schemas/index.ts'
import { demoBuilder, TOKEN_PATH } from '../support/demo.ts'

type Document = Record<string, any>
type OpenAPIOptions = NonNullable<FastifyDynamicSwaggerOptions['openapi']>

const READ = 'data:read'
const WRITE = 'data:write'
const VERSIONS = ['3.0.3', '3.1.0', '3.2.0']
const UNAUTHORIZED = { $ref: '#/components/responses/OAuth2Unauthorized' }
const FORBIDDEN = { $ref: '#/components/responses/OAuth2Forbidden' }
const BAD_REQUEST = { $ref: '#/components/responses/OAuth2BadRequest' }
const UNAVAILABLE = { $ref: '#/components/responses/OAuth2Unavailable' }
/** The responses of every guarded route. */
const GUARDED = { 400: BAD_REQUEST, 401: UNAUTHORIZED, 503: UNAVAILABLE }
const ANSWER = { description: 'Default Response' }
const INFO = { title: 'Demo', version: '1.0.0' }
const API_KEY = { type: 'apiKey', in: 'header', name: 'x-api-key' } as const

const handler = async () => 'ok'
const json = (value: unknown) => JSON.parse(JSON.stringify(value))
const copies = <T>(value: T): T => structuredClone(value)

/** What makes an application's schemas: JSON Schema or zod. */
interface Dialect {
  body: unknown
  message: unknown
  prepare (app: FastifyInstance): void
  options: Partial<FastifyDynamicSwaggerOptions>
}

const DIALECTS: Record<string, Dialect> = {
  'JSON Schema': {
    body: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
    message: { type: 'object', properties: { message: { type: 'string' } } },
    prepare: () => {},
    options: {}
  },
  zod: {
    body: z.object({ name: z.string() }),
    message: z.object({ message: z.string() }),
    prepare: (app) => { app.setValidatorCompiler(validatorCompiler).setSerializerCompiler(serializerCompiler) },
    options: { transform: jsonSchemaTransform }
  },
  // Knows a route without a schema by that it has none, and every other by what it has put into its schema.
  'zod-openapi': {
    body: z.object({ name: z.string() }),
    message: z.object({ message: z.string() }),
    prepare (app) {
      app.setValidatorCompiler(validateZodOpenApi).setSerializerCompiler(serializeZodOpenApi)
      app.register(fastifyZodOpenApiPlugin)
    },
    options: fastifyZodOpenApiTransformers as unknown as Partial<FastifyDynamicSwaggerOptions>
  }
}

/** Routes of every kind. */
function declareRoutes (app: FastifyInstance, { body, message }: Dialect): void {
  const schema = (schema: Document) => schema as FastifySchema
  app.get('/read', { preHandler: app.requireScopes(READ) }, handler)
  app.post('/write', { schema: schema({ body }), onRequest: app.requireScopes(READ), preHandler: app.requireScopes(WRITE) }, handler)
  app.get('/valid', { preHandler: [app.requireScopes()] }, handler)
  app.get('/open', { schema: schema({ summary: 'Open' }) }, handler)
  app.get('/composed', { preHandler: async () => {}, config: { oauth: { documentedScopes: [READ, WRITE] } } }, handler)
  app.get('/own-security', { schema: schema({ security: [{ key: [] }] }), preHandler: app.requireScopes(READ) }, handler)
  app.get('/own-open', { schema: schema({ security: [] }), preHandler: app.requireScopes(READ) }, handler)
  app.get('/own-401', { schema: schema({ response: { 401: message } }), preHandler: app.requireScopes(READ) }, handler)
  app.get('/by-hand', { schema: schema({ security: [{ demo: [WRITE] }] }) }, handler)
  app.get('/together', { schema: schema({ security: [{ demo: [READ], key: [] }] }), preHandler: app.requireScopes(READ) }, handler)
  app.get('/either', { schema: schema({ security: [{ demo: [READ] }, { key: [] }] }), preHandler: app.requireScopes(READ) }, handler)
  app.route({ method: ['PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'], url: '/methods', preHandler: app.requireScopes(READ), handler })
  app.get('/hidden', { schema: schema({ hide: true }), preHandler: app.requireScopes(READ) }, handler)
}

/** What {@link declareRoutes} must read like: security, and the refusals. */
const OPERATIONS: [string, string, unknown, Document][] = [
  ['get', '/read', [{ demo: [READ] }], { ...GUARDED, 403: FORBIDDEN }],
  ['post', '/write', [{ demo: [READ, WRITE] }], { ...GUARDED, 403: FORBIDDEN }],
  ['get', '/valid', [{ demo: [] }], GUARDED],
  ...['put', 'delete', 'options', 'patch', 'trace'].map((method): [string, string, unknown, Document] => [method, '/methods', [{ demo: [READ] }], { ...GUARDED, 403: FORBIDDEN }]),
  ['get', '/open', undefined, {}],
  ['get', '/composed', [{ demo: [READ, WRITE] }], { ...GUARDED, 403: FORBIDDEN }],
  ['get', '/by-hand', [{ demo: [WRITE] }], { ...GUARDED, 403: FORBIDDEN }],
  ['get', '/together', [{ demo: [READ], key: [] }], { ...GUARDED, 403: FORBIDDEN }],
  ['get', '/either', [{ demo: [READ] }, { key: [] }], { ...GUARDED, 403: FORBIDDEN }]
]

const validator = new Validator()

/** What holds of every document: it validates, every reference leads somewhere, no mark is left. */
async function checkSound (t: Test, document: Document, version: string): Promise<void> {
  const result = await validator.validate(copies(json(document)))
  t.strictSame(result, { valid: true })
  t.equal(validator.version, version.slice(0, 3))
  t.equal(document.openapi, version)
  t.notMatch(JSON.stringify(document), 'x-oauth')
  for (const [, pointer] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    t.type(pointer!.split('/').reduce((node, key) => node?.[key], document), 'object', `#/${pointer}`)
  }
}

function checkRoutes (t: Test, document: Document, prefix = ''): void {
  for (const [method, path, security, refusals] of OPERATIONS) {
    const operation = document.paths[`${prefix}${path}`][method]
    t.strictSame(operation.security, security, `${path}: security`)
    t.strictSame(operation.responses, { 200: ANSWER, ...refusals }, `${path}: responses`)
  }
  const own = document.paths[`${prefix}/own-401`].get
  t.strictSame(own.security, [{ demo: [READ] }])
  t.equal(own.responses['401'].content['application/json'].schema.properties.message.type, 'string', 'an own 401 wins')
  t.strictSame(own.responses['403'], FORBIDDEN)
  t.strictSame(document.paths[`${prefix}/own-security`].get.security, [{ key: [] }], 'an own security wins')
  t.strictSame(document.paths[`${prefix}/own-open`].get.security, [], 'an own empty security wins')
  t.notOk(document.paths[`${prefix}/hidden`], 'a hidden route stays hidden')
}

function servedSchemes (flow: ClientCredentialsFlow, tokenUrl: string): Document {
  const schemes = flow.toOpenAPISecurityScheme()
  for (const scheme of Object.values(schemes)) scheme.flows.clientCredentials.tokenUrl = tokenUrl
  return schemes
}

function checkTokenRoute (t: Test, document: Document, path = TOKEN_PATH): void {
  const { post, ...others } = document.paths[path]
  t.strictSame(others, {})
  t.strictSame(post.tags, ['OAuth 2.0'])
  t.strictSame(document.tags, [{ name: 'OAuth 2.0', description: 'Access tokens for machines.' }])
  t.strictSame(post.security, [])
  t.strictSame(Object.keys(post.requestBody.content), ['application/x-www-form-urlencoded'])
  const form = post.requestBody.content['application/x-www-form-urlencoded']
  t.strictSame(form.schema, { $ref: '#/components/schemas/OAuth2TokenRequest' })
  t.strictSame(form.examples.client_secret_basic.value, { grant_type: 'client_credentials', scope: 'data:read data:write' })
  t.strictSame(Object.keys(form.examples.client_secret_post.value), ['grant_type', 'scope', 'client_id', 'client_secret'])

  t.strictSame(Object.keys(post.responses), ['200', '400', '401', '413', '429', '500', '503'])
  t.strictSame(post.responses['200'].content['application/json'].schema, { $ref: '#/components/schemas/OAuth2TokenResponse' })
  t.match(post.responses['200'].content['application/json'].example, { token_type: 'Bearer', expires_in: 3600, scope: 'data:read data:write' })
  const ERRORS: [string, string[]][] = [
    ['400', ['invalid_request', 'unsupported_grant_type', 'unauthorized_client', 'invalid_scope']],
    ['401', ['invalid_client']],
    ['413', ['invalid_request']],
    ['429', ['temporarily_unavailable']],
    ['500', ['server_error']],
    ['503', ['temporarily_unavailable']]
  ]
  for (const [status, codes] of ERRORS) {
    const { schema, examples } = post.responses[status].content['application/json']
    t.strictSame(schema, { $ref: '#/components/schemas/OAuth2Error' }, status)
    t.strictSame(Object.entries<Document>(examples).map(([name, { value }]) => [name, value.error]), codes.map((code) => [code, code]), status)
  }
  t.strictSame(document.components.schemas.OAuth2Error, oauthErrorSchema)
  t.match(document.components.schemas.OAuth2TokenRequest, { ...tokenRequestSchema, properties: { ...tokenRequestSchema.properties, resource: { type: 'array' } } })
  t.strictSame(document.components.schemas.OAuth2TokenResponse, tokenResponseSchema)
}

/** The JSON document, once it is known that asking again, also for YAML, gives the same. */
function readDocument (t: Test, app: FastifyInstance): Document {
  const document = app.swagger() as Document
  t.equal(app.swagger(), document, 'the document is made once')
  const yaml = app.swagger({ yaml: true })
  t.type(yaml, 'string')
  t.equal(app.swagger({ yaml: true }), yaml)
  t.equal(app.swagger(), document, 'also after the YAML')
  t.strictSame(parse(yaml), json(document), 'YAML and JSON are the same document')
  return document
}

interface Arranged { app: FastifyInstance, flow: ClientCredentialsFlow, options: FastifyDynamicSwaggerOptions, routes: (app: FastifyInstance) => void }
/** Registers all there is, and tells who has the document and where the plugin's scope is. */
type Arrangement = (arranged: Arranged) => Promise<{ owner: FastifyInstance, prefix?: string, routePrefix?: string }>

const ARRANGEMENTS: Record<string, Arrangement> = {
  'swagger first': async ({ app, flow, options, routes }) => {
    await app.register(swagger, options)
    await app.register(clientCredentialsPlugin, { flow })
    routes(app)
    return { owner: app }
  },
  'plugin first': async ({ app, flow, options, routes }) => {
    await app.register(clientCredentialsPlugin, { flow })
    await app.register(swagger, options)
    routes(app)
    return { owner: app }
  },
  'swagger first, nothing awaited': async ({ app, flow, options, routes }) => {
    app.register(swagger, options)
    app.register(clientCredentialsPlugin, { flow })
    app.register(async (child) => routes(child))
    return { owner: app }
  },
  'plugin first, nothing awaited': async ({ app, flow, options, routes }) => {
    app.register(clientCredentialsPlugin, { flow })
    app.register(swagger, options)
    app.after(() => routes(app))
    return { owner: app }
  },
  'swagger in a child': async ({ app, flow, options, routes }) => {
    let owner = app
    await app.register(clientCredentialsPlugin, { flow })
    await app.register(async (child) => {
      owner = child
      await child.register(swagger, options)
      routes(child)
    }, { prefix: '/child' })
    return { owner, routePrefix: '/child' }
  },
  'swagger in a grandchild': async ({ app, flow, options, routes }) => {
    let owner = app
    await app.register(clientCredentialsPlugin, { flow })
    await app.register(async (child) => {
      await child.register(async (grandchild) => {
        owner = grandchild
        await grandchild.register(swagger, options)
        routes(grandchild)
      })
    })
    return { owner }
  },
  'plugin in a child': async ({ app, flow, options, routes }) => {
    await app.register(swagger, options)
    await app.register(async (child) => {
      await child.register(clientCredentialsPlugin, { flow })
      routes(child)
    }, { prefix: '/api' })
    return { owner: app, prefix: '/api', routePrefix: '/api' }
  },
  'plugin in a child, with a prefix of its own': async ({ app, flow, options, routes }) => {
    app.register(swagger, options)
    app.register(async (child) => {
      child.register(clientCredentialsPlugin, { flow, prefix: '/auth' })
      child.after(() => routes(child))
    }, { prefix: '/api' })
    return { owner: app, prefix: '/api/auth', routePrefix: '/api' }
  }
}

for (const [arrangement, arrange] of Object.entries(ARRANGEMENTS)) {
  for (const [dialect, definition] of Object.entries(DIALECTS)) {
    test(`The document is complete and valid: ${arrangement}, ${dialect}`, async (t) => {
      for (const version of VERSIONS) {
        const app = Fastify()
        definition.prepare(app)
        const flow = demoBuilder().setDescription('Service to service').build()
        const options = { openapi: { openapi: version, info: INFO, components: { securitySchemes: { key: API_KEY } } }, ...definition.options } as FastifyDynamicSwaggerOptions
        const before = json(options.openapi)
        const { owner, prefix = '', routePrefix = '' } = await arrange({ app, flow, options, routes: (instance) => declareRoutes(instance, definition) })
        await app.ready()

        const document = readDocument(t, owner)
        t.comment(version)
        await checkSound(t, document, version)
        checkRoutes(t, document, routePrefix)
        checkTokenRoute(t, document, `${prefix}${TOKEN_PATH}`)
        t.strictSame(document.components.securitySchemes, { key: API_KEY, ...servedSchemes(flow, `${prefix}${TOKEN_PATH}`) })
        t.strictSame(document.info, INFO)
        t.strictSame(json(options.openapi), before, 'the options of @fastify/swagger are left alone')
      }
    })
  }
}

/** An application with @fastify/swagger first, then the plugin. */
async function documentedApp (openapi: Partial<OpenAPIOptions> = {}, plugin: Partial<ClientCredentialsPluginOptions> = {}, options: Partial<FastifyDynamicSwaggerOptions> = {}): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: INFO, ...openapi }, ...options } as FastifyDynamicSwaggerOptions)
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().build(), ...plugin })
  return app
}

async function documentOf (app: FastifyInstance): Promise<Document> {
  await app.ready()
  return app.swagger() as Document
}

test('The description of the flow is left out where it has none', async (t) => {
  const document = await documentOf(await documentedApp())
  t.strictSame(document.components.securitySchemes, demoBuilder().build().toOpenAPISecurityScheme())
  t.notOk('description' in document.components.securitySchemes.demo)
})

test('An operation keeps all that its schema says', async (t) => {
  const app = await documentedApp()
  const schema = { operationId: 'read', summary: 'Read', tags: ['data'], description: 'All of it', deprecated: true, 'x-own': 1 } as FastifySchema
  app.get('/data', { schema, preHandler: app.requireScopes(READ) }, handler)
  t.strictSame((await documentOf(app)).paths['/data'].get, {
    operationId: 'read',
    summary: 'Read',
    tags: ['data'],
    description: 'All of it',
    deprecated: true,
    'x-own': 1,
    responses: { 200: ANSWER, ...GUARDED, 403: FORBIDDEN },
    security: [{ demo: [READ] }]
  })
})

test('The answers of guarded routes are described once, with challenge and examples', async (t) => {
  const { responses } = (await documentOf(await documentedApp())).components
  t.strictSame(Object.keys(responses), ['OAuth2BadRequest', 'OAuth2Unauthorized', 'OAuth2Forbidden', 'OAuth2Unavailable'])
  const EXPECTED: [string, string[]][] = [
    ['OAuth2BadRequest', ['invalid_request']],
    ['OAuth2Unauthorized', ['unauthorized', 'invalid_token']],
    ['OAuth2Forbidden', ['insufficient_scope']]
  ]
  for (const [name, codes] of EXPECTED) {
    const { headers, content } = responses[name]
    t.strictSame(Object.keys(headers), ['WWW-Authenticate'], name)
    t.strictSame(content['application/json'].schema, { $ref: '#/components/schemas/OAuth2Error' }, name)
    t.strictSame(Object.values<Document>(content['application/json'].examples).map(({ value }) => value.error), codes, name)
  }
})

test('Without @fastify/swagger everything works and nothing is decorated', async (t) => {
  const app = Fastify()
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
  declareRoutes(app, DIALECTS['JSON Schema']!)
  await app.ready()
  t.notOk(app.hasDecorator('swagger'))
  t.equal((await app.inject('/read')).statusCode, 401)
  t.equal((await app.inject('/open')).statusCode, 200)
})

test('A static document is completed, and the object of the user left alone', async (t) => {
  for (const version of VERSIONS) {
    for (const order of ['swagger first', 'plugin first']) {
      const specification = {
        openapi: version,
        info: INFO,
        paths: {
          '/read': { get: { security: [{ demo: [READ] }], responses: { 200: ANSWER } } },
          '/open': { summary: 'Open', parameters: [], get: { responses: { 200: ANSWER } } }
        }
      }
      const before = copies(specification)
      const app = Fastify()
      const flow = demoBuilder().build()
      const steps = [
        () => app.register(swagger, { mode: 'static', specification: { document: specification as never } }),
        () => app.register(clientCredentialsPlugin, { flow })
      ]
      for (const step of order === 'swagger first' ? steps : steps.reverse()) await step()
      app.get('/read', { preHandler: app.requireScopes(READ) }, handler)
      await app.ready()

      const document = readDocument(t, app)
      await checkSound(t, document, version)
      checkTokenRoute(t, document)
      t.strictSame(document.components.securitySchemes, flow.toOpenAPISecurityScheme())
      t.strictSame(document.paths['/read'], before.paths['/read'])
      t.strictSame(document.paths['/open'], before.paths['/open'])
      t.strictSame(specification, before)
    }
  }
})

test("The user's own words win", async (t) => {
  const scheme = { type: 'http', scheme: 'bearer', description: 'Mine' } as const
  const post = { summary: 'My words', responses: { 200: { description: 'Mine' } } }
  const get = { summary: 'Also mine', responses: { 200: { description: 'Mine' } } }
  const response = { description: 'My own answer' }
  const tag = { name: 'OAuth 2.0', description: 'Mine' }
  const error = { type: 'object', description: 'Mine' } as const
  const app = await documentedApp({
    tags: [tag],
    paths: { [TOKEN_PATH]: { post, get } },
    components: { securitySchemes: { demo: scheme }, responses: { OAuth2Unauthorized: response }, schemas: { OAuth2Error: error } }
  })
  app.get('/data', { preHandler: app.requireScopes(READ) }, handler)
  const document = await documentOf(app)
  await checkSound(t, document, '3.1.0')
  t.strictSame(document.components.securitySchemes, { demo: scheme })
  t.strictSame(document.components.responses.OAuth2Unauthorized, response)
  t.strictSame(document.components.schemas.OAuth2Error, error)
  t.strictSame(document.tags, [tag])
  t.strictSame(document.paths[TOKEN_PATH], { post, get })
})

test('Other tags and other methods on the path of the token route stay', async (t) => {
  const get = { summary: 'Mine', responses: { 200: { description: 'Mine' } } }
  const document = await documentOf(await documentedApp({ tags: [{ name: 'data' }], paths: { [TOKEN_PATH]: { get } } }))
  await checkSound(t, document, '3.1.0')
  t.strictSame(document.paths[TOKEN_PATH].get, get)
  t.strictSame(document.paths[TOKEN_PATH].post.tags, ['OAuth 2.0'])
  t.strictSame(document.tags.map(({ name }: Document) => name), ['data', 'OAuth 2.0'])
})

test('Schemas that routes share are not changed', async (t) => {
  const plain = { summary: 'Shared', response: { 200: { type: 'string' } } }
  const written = { ...plain, security: [{ demo: [WRITE] }] }
  const before = json([plain, written])
  const app = await documentedApp()
  const schema = plain as FastifySchema
  app.get('/read', { schema, preHandler: app.requireScopes(READ) }, handler)
  app.get('/write', { schema, preHandler: app.requireScopes(WRITE) }, handler)
  app.get('/open', { schema }, handler)
  app.get('/by-hand', { schema: written as FastifySchema }, handler)
  app.get('/by-hand-too', { schema: written as FastifySchema, preHandler: app.requireScopes(READ) }, handler)

  const { paths } = await documentOf(app)
  t.strictSame(paths['/read'].get.security, [{ demo: [READ] }])
  t.strictSame(paths['/write'].get.security, [{ demo: [WRITE] }])
  t.notOk('security' in paths['/open'].get)
  t.strictSame(Object.keys(paths['/open'].get.responses), ['200'])
  t.strictSame(paths['/by-hand'].get.security, [{ demo: [WRITE] }])
  t.strictSame(paths['/by-hand-too'].get.security, [{ demo: [WRITE] }])
  t.strictSame(json([plain, written]), before)
})

test('HEAD routes are described as their GET is', async (t) => {
  const ORDERS: Record<string, (app: FastifyInstance) => Promise<void>> = {
    'swagger first': async (app) => {
      await app.register(swagger, { exposeHeadRoutes: true, openapi: { openapi: '3.1.0', info: INFO } })
      await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
    },
    'plugin first': async (app) => {
      await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
      await app.register(swagger, { exposeHeadRoutes: true, openapi: { openapi: '3.1.0', info: INFO } })
    }
  }
  for (const [order, register] of Object.entries(ORDERS)) {
    const app = Fastify()
    await register(app)
    app.get('/plain', { preHandler: app.requireScopes(READ) }, handler)
    app.get('/named', { schema: { operationId: 'named' } as FastifySchema, preHandler: app.requireScopes(READ) }, handler)
    app.get('/open', { schema: { operationId: 'open' } as FastifySchema }, handler)
    app.head('/own', { preHandler: app.requireScopes(WRITE) }, handler)
    await app.ready()
    const document = readDocument(t, app)
    await checkSound(t, document, '3.1.0')
    for (const path of ['/plain', '/named']) {
      for (const method of ['get', 'head']) {
        t.strictSame(document.paths[path][method].security, [{ demo: [READ] }], `${order}, ${method} ${path}`)
        t.strictSame(document.paths[path][method].responses, { 200: ANSWER, ...GUARDED, 403: FORBIDDEN }, `${order}, ${method} ${path}`)
      }
    }
    t.equal(document.paths['/named'].head.operationId, 'named-head', order)
    t.notOk('security' in document.paths['/open'].head, order)
    t.strictSame(document.paths['/own'].head.security, [{ demo: [WRITE] }], order)
  }
})

test('HEAD routes are left out when @fastify/swagger leaves them out', async (t) => {
  const app = await documentedApp()
  app.get('/data', { preHandler: app.requireScopes(READ) }, handler)
  t.strictSame(Object.keys((await documentOf(app)).paths['/data']), ['get'])
})

const SERVERS: [string, OpenAPIOptions['servers'], Partial<FastifyDynamicSwaggerOptions>, string][] = [
  ['none', [], {}, '/v1'],
  ['an absolute URL', [{ url: 'https://api.example/v1' }], {}, ''],
  ['a path', [{ url: '/v1' }], {}, ''],
  ['a URL without a path', [{ url: 'https://api.example' }], {}, '/v1'],
  ['the root', [{ url: '/' }], {}, '/v1'],
  ['another path', [{ url: 'https://api.example/v2' }], {}, '/v1'],
  ['the second of two', [{ url: 'https://api.example/v2' }, { url: 'https://api.example/v1' }], {}, ''],
  ['a variable in the host', [{ url: 'https://{tenant}.example/v1', variables: { tenant: { default: 'main' } } }], {}, ''],
  ['a variable in the path', [{ url: 'https://api.example/{version}', variables: { version: { default: 'v1' } } }], {}, ''],
  ['a base path that is to be kept', [{ url: 'https://api.example/v1' }], { stripBasePath: false }, '/v1']
]

// @fastify/swagger does not see what was there before it, so the path is worked out from the servers.
const UNSEEN = SERVERS.filter(([, , { stripBasePath = true }]) => stripBasePath).map(([name, ...rest]) => [`${name}, plugin first`, ...rest] as typeof SERVERS[number])

for (const [name, servers, options, base] of [...SERVERS, ...UNSEEN]) {
  test(`The token route stands where other routes stand below the servers: ${name}`, async (t) => {
    const app = Fastify()
    const registerSwagger = (scope: FastifyInstance) => scope.register(swagger, { openapi: { openapi: '3.1.0', info: INFO, servers }, ...options } as FastifyDynamicSwaggerOptions)
    const pluginFirst = name.endsWith('plugin first')
    let documented: FastifyInstance = app
    if (!pluginFirst) await registerSwagger(app)
    await app.register(async (child) => {
      await child.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
      if (pluginFirst) await registerSwagger(documented = child)
      child.get('/data', { preHandler: child.requireScopes(READ) }, handler)
    }, { prefix: '/v1' })
    await app.ready()
    const document = documented.swagger() as Document
    await checkSound(t, document, '3.1.0')
    t.strictSame(Object.keys(document.paths).sort(), [`${base}/data`, `${base}${TOKEN_PATH}`])
    t.equal(document.components.securitySchemes.demo.flows.clientCredentials.tokenUrl, `/v1${TOKEN_PATH}`, 'the URL that clients call')
  })
}

test('A token endpoint on another server is named, not described', async (t) => {
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: 'https://as.example/token' }).setSecuritySchemeName('demo').verifyToken(() => undefined).build()
  const app = await documentedApp({}, { flow })
  app.get('/data', { preHandler: app.requireScopes() }, handler)
  const document = await documentOf(app)
  await checkSound(t, document, '3.1.0')
  t.strictSame(Object.keys(document.paths), ['/data'])
  t.strictSame(document.components.securitySchemes, flow.toOpenAPISecurityScheme())
  t.equal(document.components.securitySchemes.demo.flows.clientCredentials.tokenUrl, 'https://as.example/token')
  t.notOk('tags' in document)
})

test('The token operation offers only what the flow takes', async (t) => {
  const flow = demoBuilder().setScopes({}).setAccessTokenLifetime(60).removeClientAuthenticationMethod('client_secret_post').build()
  const { post } = (await documentOf(await documentedApp({}, { flow }))).paths[TOKEN_PATH]
  t.strictSame(post.requestBody.content['application/x-www-form-urlencoded'].examples, {
    client_secret_basic: { summary: 'With an HTTP Basic header', value: { grant_type: 'client_credentials' } }
  })
  t.match(post.description, /authenticate by client_secret_basic\.$/)
  t.strictSame(post.responses['200'].content['application/json'].example, { access_token: 'eyJhbGciOi...', token_type: 'Bearer', expires_in: 60 })
})

async function twoScopes (app: FastifyInstance, names: [string, string]): Promise<void> {
  for (const [index, name] of names.entries()) {
    await app.register(async (scope) => {
      await scope.register(clientCredentialsPlugin, { flow: demoBuilder().setSecuritySchemeName(name).build() })
      scope.get('/data', { preHandler: scope.requireScopes(READ) }, handler)
    }, { prefix: `/${index}` })
  }
}

test('Two flows with two names share one document', async (t) => {
  for (const version of VERSIONS) {
    const app = Fastify()
    await app.register(swagger, { openapi: { openapi: version, info: INFO } })
    await twoScopes(app, ['blue', 'green'])
    await app.ready()
    const document = readDocument(t, app)
    await checkSound(t, document, version)
    t.strictSame(Object.keys(document.components.securitySchemes), ['blue', 'green'])
    for (const [index, name] of ['blue', 'green'].entries()) {
      t.strictSame(document.paths[`/${index}/data`].get.security, [{ [name]: [READ] }])
      t.strictSame(document.paths[`/${index}${TOKEN_PATH}`].post.tags, ['OAuth 2.0'])
      t.equal(document.components.securitySchemes[name].flows.clientCredentials.tokenUrl, `/${index}${TOKEN_PATH}`)
    }
    t.equal(document.tags.length, 1)
  }
})

test('Two flows with one name in one document fail at boot', async (t) => {
  const app = Fastify()
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: INFO } })
  await twoScopes(app, ['same', 'same'])
  await t.rejects(async () => { await app.ready() }, { code: 'FST_OAUTH_SECURITY_SCHEME_TAKEN', message: /"same".*setSecuritySchemeName/ })
})

test('Two flows with one name in two documents, or in none, are fine', async (t) => {
  const none = Fastify()
  await twoScopes(none, ['same', 'same'])
  await none.ready()

  const documents: FastifyInstance[] = []
  const app = Fastify()
  for (const prefix of ['/a', '/b']) {
    await app.register(async (scope) => {
      await scope.register(swagger, { openapi: { openapi: '3.1.0', info: INFO } })
      await scope.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
      scope.get('/data', { preHandler: scope.requireScopes(READ) }, handler)
      documents.push(scope)
    }, { prefix })
  }
  await app.ready()
  for (const [index, prefix] of ['/a', '/b'].entries()) {
    const document = readDocument(t, documents[index]!)
    await checkSound(t, document, '3.1.0')
    t.strictSame(Object.keys(document.paths).sort(), [`${prefix}/data`, `${prefix}${TOKEN_PATH}`])
  }
})

test('Swagger 2.0 is left alone', async (t) => {
  const apiKey = { type: 'apiKey', in: 'header', name: 'x-api-key' } as const
  const options = { swagger: { info: INFO, securityDefinitions: { key: apiKey } } }
  const declare = (app: FastifyInstance, guard: object) => {
    app.get('/data', { schema: { summary: 'Data' } as FastifySchema, ...guard }, handler)
    app.get('/bare', { ...guard }, handler)
    app.get('/key', { schema: { security: [{ key: [] }] } as FastifySchema, ...guard }, handler)
  }

  const plain = Fastify()
  await plain.register(swagger, options)
  declare(plain, {})
  await plain.ready()

  for (const order of ['swagger first', 'plugin first']) {
    const app = Fastify()
    if (order === 'swagger first') await app.register(swagger, options)
    await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
    if (order === 'plugin first') await app.register(swagger, options)
    declare(app, { preHandler: app.requireScopes(READ) })
    await app.ready()
    t.strictSame(app.swagger(), plain.swagger(), order)
    t.equal(app.swagger({ yaml: true }), plain.swagger({ yaml: true }), order)
  }
})

test('Swagger 2.0 does not fail on a route that names the scheme by hand', async (t) => {
  const app = Fastify()
  await app.register(swagger, { swagger: { info: INFO } })
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
  app.get('/data', { schema: { security: [{ demo: [READ] }] } as FastifySchema }, handler)
  const document = await documentOf(app)
  t.equal(document.swagger, '2.0')
  t.ok(document.paths['/data'].get)
  t.notMatch(JSON.stringify(document), 'x-oauth')
})

declare module 'fastify' {
  interface FastifyInstance {
    apiDocs: (options?: { yaml?: boolean }) => object
  }
}

test('oauthTransformObject completes a document under another decorator', async (t) => {
  for (const version of VERSIONS) {
    for (const order of ['swagger first', 'plugin first']) {
      const app = Fastify()
      const flow = demoBuilder().build()
      const openapi = { openapi: version, info: INFO, components: { securitySchemes: { key: API_KEY } } }
      const steps = [
        () => app.register(swagger, { decorator: 'apiDocs' as 'swagger', openapi, transformObject: oauthTransformObject(app) as never }),
        () => app.register(clientCredentialsPlugin, { flow })
      ]
      for (const step of order === 'swagger first' ? steps : steps.reverse()) await step()
      declareRoutes(app, DIALECTS['JSON Schema']!)
      await app.ready()
      const document = app.apiDocs() as Document
      t.equal(app.apiDocs(), document)
      await checkSound(t, document, version)
      checkRoutes(t, document)
      checkTokenRoute(t, document)
      t.strictSame(document.components.securitySchemes, { ...flow.toOpenAPISecurityScheme(), key: API_KEY })
      t.strictSame(parse(app.apiDocs({ yaml: true }) as unknown as string), json(document))
    }
  }
})

test('oauthTransformObject beside the decorator "swagger" adds nothing twice', async (t) => {
  const app = Fastify()
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: INFO }, transformObject: oauthTransformObject(app) as never })
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
  app.get('/data', { preHandler: app.requireScopes(READ) }, handler)
  const document = await documentOf(app)
  await checkSound(t, document, '3.1.0')
  checkTokenRoute(t, document)
  t.strictSame(document.paths['/data'].get.security, [{ demo: [READ] }])
})

test('oauthTransformObject leaves Swagger 2.0 as it is', async (t) => {
  const documents: object[] = []
  for (const guarded of [false, true]) {
    const app = Fastify()
    await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
    await app.register(swagger, { decorator: 'apiDocs' as 'swagger', swagger: { info: INFO }, transformObject: oauthTransformObject(app) as never })
    app.get('/data', guarded ? { preHandler: app.requireScopes(READ) } : {}, handler)
    await app.ready()
    documents.push(app.apiDocs())
  }
  t.strictSame(documents[1], documents[0])
})

test('oauthTransformObject takes a Swagger 2.0 document without paths', async (t) => {
  const app = await documentedApp()
  t.strictSame(oauthTransformObject(app)({ swaggerObject: { swagger: '2.0', info: INFO } }), { swagger: '2.0', info: INFO, paths: {} })
})

test('A document that is asked for in an onReady hook is complete', async (t) => {
  const app = await documentedApp()
  app.get('/data', { preHandler: app.requireScopes(READ) }, handler)
  const documents: Document[] = []
  app.addHook('onReady', async () => { documents.push(app.swagger() as Document) })
  await app.ready()
  t.equal(documents[0], app.swagger())
  await checkSound(t, documents[0]!, '3.1.0')
  t.strictSame(documents[0]!.paths['/data'].get.security, [{ demo: [READ] }])
})

test('A security of the whole document does not reach the token route', async (t) => {
  const app = await documentedApp({ security: [{ key: [] }], components: { securitySchemes: { key: API_KEY } } })
  app.get('/data', { preHandler: app.requireScopes(READ) }, handler)
  app.get('/open', handler)
  const document = await documentOf(app)
  await checkSound(t, document, '3.1.0')
  t.strictSame(document.security, [{ key: [] }])
  t.strictSame(document.paths[TOKEN_PATH].post.security, [])
  t.strictSame(document.paths['/data'].get.security, [{ demo: [READ] }])
  t.notOk('security' in document.paths['/open'].get)
})

test('A transform of the application still runs on guarded routes', async (t) => {
  const seen: string[] = []
  const transform = ({ schema, url }: { schema: FastifySchema, url: string }) => {
    seen.push(url)
    return { schema: { ...schema, summary: `At ${url}` }, url }
  }
  const app = await documentedApp({}, {}, { transform: transform as never })
  app.get('/data', { preHandler: app.requireScopes(READ) }, handler)
  const document = await documentOf(app)
  t.ok(seen.includes('/data'))
  t.equal(document.paths['/data'].get.summary, 'At /data')
  t.strictSame(document.paths['/data'].get.security, [{ demo: [READ] }])
  await checkSound(t, document, '3.1.0')
})

test('A security that a transform of the application writes wins', async (t) => {
  const transform = ({ schema, url }: { schema: FastifySchema, url: string }) => ({ schema: { ...schema, security: [{ key: [] }] }, url })
  const app = await documentedApp({ components: { securitySchemes: { key: API_KEY } } }, {}, { transform: transform as never })
  app.get('/data', { preHandler: app.requireScopes(READ) }, handler)
  const document = await documentOf(app)
  await checkSound(t, document, '3.1.0')
  t.strictSame(document.paths['/data'].get.security, [{ key: [] }])
})

test('Webhooks, extensions and paths of the user pass through', async (t) => {
  const webhooks = { changed: { post: { responses: { 200: { description: 'Fine' } } } } }
  const paths = { '/elsewhere': { summary: 'Mine', get: { responses: { 200: { description: 'Fine' } } } } }
  const document = await documentOf(await documentedApp({ webhooks, paths, 'x-own': { a: 1 } } as never))
  await checkSound(t, document, '3.1.0')
  t.strictSame(document.webhooks, webhooks)
  t.strictSame(document.paths['/elsewhere'], paths['/elsewhere'])
  t.strictSame(document['x-own'], { a: 1 })
})

test('What is no operation passes through: extensions of paths and items, references, empty items', async (t) => {
  const odd = () => ({ 'x-null': null, 'x-text': 'hello', '/odd': { 'x-null': null, parameters: [], summary: 'Odd' }, '/empty': {} })
  const reference = { $ref: '#/components/pathItems/token' }
  const three = () => ({ openapi: '3.1.0', info: INFO, paths: { ...odd(), [TOKEN_PATH]: reference } })
  const WAYS = [{ openapi: three() }, { mode: 'static', specification: { document: three() } }, { mode: 'static', specification: { document: { swagger: '2.0', info: INFO, paths: odd() } } }]
  for (const options of WAYS) {
    const app = Fastify()
    await app.register(swagger, options as unknown as FastifyDynamicSwaggerOptions)
    await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
    const { paths, openapi } = await documentOf(app)
    t.match(paths, odd())
    if (openapi !== undefined) t.strictSame(paths[TOKEN_PATH], reference, 'the words of the user win')
  }
})

test('YAML of many guarded routes can be read again', async (t) => {
  const app = await documentedApp()
  for (let route = 0; route < 150; route++) app.get(`/data/${route}`, { preHandler: app.requireScopes(READ) }, handler)
  await app.ready()
  t.strictSame(parse(app.swagger({ yaml: true })), JSON.parse(JSON.stringify(app.swagger())))
})

test('An open route beside a guarded one of the same path is described as open', async (t) => {
  const app = Fastify()
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'Demo', version: '1.0.0' } } })
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
  app.get('/both', { preHandler: app.requireScopes('data:read') }, async () => ({}))
  app.post('/both', async () => ({}))
  await app.ready()
  const { get, post } = app.swagger().paths!['/both'] as Record<string, { security?: unknown }>
  t.strictSame([get!.security, post!.security], [[{ demo: ['data:read'] }], undefined])
})

/** Both orders in which a route can be seen: a test of what must not depend on it. */
const ORDERS = ['swagger first', 'plugin first']

async function documentedIn (order: string, options: FastifyDynamicSwaggerOptions): Promise<FastifyInstance> {
  const app = Fastify()
  const steps = [() => app.register(swagger, options), () => app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })]
  for (const step of order === 'swagger first' ? steps : steps.reverse()) await step()
  return app
}

test('A route keeps its very schema, and one without stays without', async (t) => {
  for (const order of ORDERS) {
    const seen: Record<string, unknown>[] = []
    const transform = ({ schema, url, route }: { schema: FastifySchema, url: string, route: { schema?: FastifySchema } }) => {
      seen.push({ url, schema, own: route.schema })
      return { schema, url }
    }
    const app = await documentedIn(order, { openapi: { openapi: '3.1.0', info: INFO }, transform: transform as never })
    const options: Record<string, RouteOptions> = {}
    app.addHook('onRoute', (route) => { options[`${String(route.method)} ${route.url}`] = route })
    const schema = { summary: 'Mine', security: [] } as FastifySchema
    app.get('/bare', { preHandler: app.requireScopes(READ) }, handler)
    app.get('/described', { schema, preHandler: app.requireScopes(READ) }, handler)
    app.get('/hidden', { schema: { hide: true } as FastifySchema, preHandler: app.requireScopes(READ) }, handler)
    const { paths } = await documentOf(app)
    for (const method of ['GET', 'HEAD']) {
      t.equal(options[`${method} /bare`]!.schema, undefined, `${order}, ${method}`)
      t.equal(options[`${method} /described`]!.schema, schema, `${order}, ${method}`)
      t.notOk(Object.keys(options[`${method} /bare`]!).includes('links'), `${order}, ${method}`)
    }
    t.match(seen.filter(({ url }) => url !== TOKEN_PATH).map(({ url, schema, own }) => [url, schema, own]), [
      ['/bare', undefined, undefined], ['/described', schema, schema], ['/hidden', { hide: true }, { hide: true }]
    ])
    t.strictSame(paths['/bare'].get.security, [{ demo: [READ] }], order)
    t.strictSame(paths['/described'].get.security, [], order)
    t.notOk(paths['/hidden'], order)
  }
})

test('A hidden route stays hidden, however it is hidden, and what the user wrote in its place is left alone', async (t) => {
  const written = { summary: 'By hand', responses: { 200: ANSWER } }
  const transform = ({ schema, url }: { schema: FastifySchema, url: string }) => ({ schema: url === '/transformed' ? { hide: true } : schema, url })
  const HIDDEN: [string, Document][] = [['/hide', { hide: true }], ['/tag', { tags: ['X-HIDDEN'] }], ['/transformed', {}]]
  for (const order of ORDERS) {
    for (const paths of [{}, Object.fromEntries(HIDDEN.map(([path]) => [path, { get: written }]))]) {
      const app = await documentedIn(order, { openapi: { openapi: '3.1.0', info: INFO, paths: { ...paths } }, transform: transform as never })
      for (const [url, schema] of HIDDEN) app.get(url, { schema: schema as FastifySchema, preHandler: app.requireScopes(READ) }, handler)
      app.get('/data', { preHandler: app.requireScopes(READ) }, handler)
      const document = await documentOf(app)
      for (const [url] of HIDDEN) t.strictSame(document.paths[url], (paths as Document)[url], `${order}, ${url}`)
      t.strictSame(document.paths['/data'].get.security, [{ demo: [READ] }])
    }
  }
})

test('Untagged routes stay hidden where they are to be', async (t) => {
  const app = await documentedApp({}, {}, { hideUntagged: true })
  app.get('/untagged', { preHandler: app.requireScopes(READ) }, handler)
  app.get('/tagged', { schema: { tags: ['data'] } as FastifySchema, preHandler: app.requireScopes(READ) }, handler)
  const { paths } = await documentOf(app)
  t.strictSame(Object.keys(paths).sort(), [TOKEN_PATH, '/tagged'].sort())
  t.strictSame(paths['/tagged'].get.security, [{ demo: [READ] }])
})

test('The path of a route is written as @fastify/swagger writes it', async (t) => {
  const PATHS = [
    '/', '/data', '/:id', '/a/:id/b', '/:id?', '/*', '/files/*', '/:lat-:lng', '/:name.:ext', '/:hour(^\\d{2})h:minute(^\\d{2})m', '/:id(^(a|b)+$)/c',
    '/(^\\d+$)', '/(a)/(b)', '/user::watch', '/::a/:b', '/:a::b', '/:a:b', '/:', '/:a*', '/:-', '/:(a)', '/:a(b)(c)', '/a)b', '/:id_2'
  ]
  for (const path of PATHS) t.equal(toDocumentedPath(path), formatParamUrl(path), path)
})

test('Routes with parameters, patterns, wildcards, both slashes and constraints are found in the document', async (t) => {
  for (const order of ORDERS) {
    for (const servers of [[], [{ url: 'https://api.example/v1' }]]) {
      const app = await documentedIn(order, { openapi: { openapi: '3.1.0', info: INFO, servers } })
      await app.register(async (scope) => {
        const guard = { preHandler: app.requireScopes(READ) }
        for (const url of ['/:id', '/at/:hour(^\\d{2})h:minute(^\\d{2})m', '/files/*', '/maybe/:id?', '/verb::watch']) scope.get(url, guard, handler)
        scope.register(async (inner) => { inner.get('/', guard, handler) }, { prefix: '/inner' })
        scope.get('/versioned', { ...guard, constraints: { version: '1.0.0' } }, handler)
        scope.get('/versioned', { preHandler: app.requireScopes(WRITE), constraints: { version: '2.0.0' } }, handler)
      }, { prefix: '/v1' })
      const { paths } = await documentOf(app)
      const { [TOKEN_PATH]: _token, ...others } = paths as Document
      const base = servers.length === 0 ? '/v1' : ''
      t.equal(Object.keys(others).length, 7)
      for (const [path, item] of Object.entries<Document>(others)) {
        t.strictSame(item.get.security, [{ demo: [path === `${base}/versioned` ? WRITE : READ] }], `${order}, ${path}`)
      }
    }
  }
})

const RENAMING: Record<string, (url: string) => string> = {
  'a prefix is taken away': (url) => url.replace(/^\/api/, ''),
  'a prefix is added': (url) => `/gateway${url}`,
  'every path is another': (url) => `/${Buffer.from(url).toString('hex')}`,
  'parameters are in braces already': (url) => url.replace(/:(\w+)/g, '{$1}')
}

for (const [name, rename] of Object.entries(RENAMING)) {
  test(`A transform of the application that changes paths loses no security: ${name}`, async (t) => {
    const transform = ({ schema, url }: { schema?: FastifySchema, url: string }) => {
      if (schema !== undefined && !('summary' in schema) && !('operationId' in schema)) throw new Error('A schema that the application does not know')
      return { schema, url: url.startsWith('/api') ? rename(url) : url }
    }
    for (const order of ORDERS) {
      const app = await documentedIn(order, { exposeHeadRoutes: true, openapi: { openapi: '3.1.0', info: INFO }, transform: transform as never })
      app.get('/api/data', { preHandler: app.requireScopes(READ) }, handler)
      app.post('/api/data', { preHandler: app.requireScopes(WRITE) }, handler)
      app.get('/api/open', handler)
      app.get('/api/:id', { schema: { summary: 'One' } as FastifySchema, preHandler: app.requireScopes(READ) }, handler)
      app.get('/api/named', { schema: { operationId: 'named' } as FastifySchema, preHandler: app.requireScopes(WRITE) }, handler)
      app.get('/elsewhere', { preHandler: app.requireScopes(READ) }, handler)
      const document = await documentOf(app)
      await checkSound(t, document, '3.1.0')
      const at = (url: string) => document.paths[formatParamUrl(rename(url))]
      t.strictSame(at('/api/data').get.security, [{ demo: [READ] }], order)
      t.strictSame(at('/api/data').head.security, [{ demo: [READ] }], order)
      t.strictSame(at('/api/data').post.security, [{ demo: [WRITE] }], order)
      t.notOk('security' in at('/api/open').get, order)
      t.strictSame(at('/api/:id').get.security, [{ demo: [READ] }], order)
      for (const method of ['get', 'head']) t.strictSame(at('/api/named')[method].security, [{ demo: [WRITE] }], `${order}, ${method}`)
      t.strictSame(document.paths['/elsewhere'].get.security, [{ demo: [READ] }], order)
    }
  })
}

test('A changed path is known by its operationId, or by its end, where the document has other paths too', async (t) => {
  const paths = { '/written': { get: { responses: { 200: ANSWER } } } }
  const transform = ({ schema, url }: { schema?: FastifySchema, url: string }) => ({ schema, url: { '/api/data': '/data', '/api/named': '/other' }[url] ?? url })
  const app = Fastify()
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: INFO, paths: { ...paths } }, transform: transform as never })
  // Outside of the scope of the plugin.
  app.get('/outside', handler)
  await app.register(async (scope) => {
    await scope.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
    scope.get('/data', { preHandler: scope.requireScopes(READ) }, handler)
    scope.get('/named', { schema: { operationId: 'named' } as FastifySchema, preHandler: scope.requireScopes(WRITE) }, handler)
  }, { prefix: '/api' })
  const document = await documentOf(app)
  t.strictSame(document.paths['/data'].get.security, [{ demo: [READ] }])
  t.strictSame(document.paths['/other'].get.security, [{ demo: [WRITE] }])
  t.strictSame(document.paths['/written'], paths['/written'])
  t.notOk('security' in document.paths['/outside'].get)
})

test('An own HEAD route beside a guarded GET is described as it is', async (t) => {
  for (const order of ORDERS) {
    const app = await documentedIn(order, { exposeHeadRoutes: true, openapi: { openapi: '3.1.0', info: INFO } })
    app.head('/data', handler)
    app.get('/data', { preHandler: app.requireScopes(READ), exposeHeadRoute: false }, handler)
    app.head('/named', { schema: { operationId: 'named' } as FastifySchema, preHandler: app.requireScopes(WRITE) }, handler)
    const { paths } = await documentOf(app)
    t.notOk('security' in paths['/data'].head, order)
    t.strictSame(paths['/data'].get.security, [{ demo: [READ] }], order)
    t.strictSame(paths['/named'].head.security, [{ demo: [WRITE] }], order)
  }
})

test('Links of a route are kept', async (t) => {
  const links = { 200: { next: { operationId: 'named' } } }
  const app = await documentedApp()
  app.get('/named', { schema: { operationId: 'named' } as FastifySchema, preHandler: app.requireScopes(READ), links } as never, handler)
  app.addHook('onRoute', (route) => { if (route.url === '/later') Object.assign(route, { links }) })
  app.get('/later', { preHandler: app.requireScopes(READ) }, handler)
  const { paths } = await documentOf(app)
  t.strictSame(paths['/later'].get.responses[200].links, links[200])
  t.strictSame(paths['/later'].get.security, [{ demo: [READ] }])
  t.strictSame(paths['/named'].get.responses[200].links, links[200])
  t.strictSame(paths['/named'].get.security, [{ demo: [READ] }])
})

test('A document that was made before the plugin could complete it is complete', async (t) => {
  const app = Fastify()
  app.register(swagger, { openapi: { openapi: '3.1.0', info: INFO } })
  app.after(() => { app.addHook('onReady', async () => { app.swagger() }) })
  app.register(clientCredentialsPlugin, { flow: demoBuilder().build() })
  app.after(() => { app.get('/data', { preHandler: app.requireScopes(READ) }, handler) })
  t.strictSame((await documentOf(app)).paths['/data'].get.security, [{ demo: [READ] }])
})

test('A security that names the scheme is only taken out of a clone, also of HEAD routes and of Swagger 2.0', async (t) => {
  const key = { type: 'apiKey', in: 'header', name: 'x-api-key' } as const
  const schema = Object.freeze({ summary: 'Either', security: Object.freeze([{ demo: [READ] }, { key: [] }]) }) as FastifySchema
  for (const order of ORDERS) {
    const app = await documentedIn(order, { exposeHeadRoutes: true, openapi: { openapi: '3.1.0', info: INFO, components: { securitySchemes: { key } } } })
    app.get('/:id', { schema }, handler)
    const { paths } = await documentOf(app)
    for (const method of ['get', 'head']) t.strictSame(paths['/{id}'][method].security, [{ demo: [READ] }, { key: [] }], `${order}, ${method}`)

    const old = await documentedIn(order, { exposeHeadRoutes: true, swagger: { info: INFO, basePath: '/v1', securityDefinitions: { key } } })
    old.get('/v1/:id', { schema }, handler)
    const document = await documentOf(old)
    for (const method of ['get', 'head']) t.strictSame(document.paths['/{id}'][method].security, [{ key: [] }], `${order}, ${method}`)
  }
})

test('Paths below the servers are told apart that end alike', async (t) => {
  const written = { '/written': { get: { responses: { 200: ANSWER } } } }
  const app = await documentedApp({ servers: [{ url: '/v1' }], paths: { ...written } })
  app.get('/v1/data', { preHandler: app.requireScopes(READ) }, handler)
  app.get('/v1/v2/data', { preHandler: app.requireScopes(WRITE) }, handler)
  const { paths } = await documentOf(app)
  t.strictSame(paths['/data'].get.security, [{ demo: [READ] }])
  t.strictSame(paths['/v2/data'].get.security, [{ demo: [WRITE] }])
  t.strictSame(paths['/written'], written['/written'])
})
