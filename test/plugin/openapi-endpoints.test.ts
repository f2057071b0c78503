// What is served beside the token endpoint, in OpenAPI.
import swagger from '@fastify/swagger'
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import { Validator } from '@seriousme/openapi-schema-validator'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { test } from 'tap'
import type { Test } from 'tap'
import { z } from 'zod'
import clientCredentialsPlugin, { JwtAccessTokens, OpaqueAccessTokens, StoreUnavailableError } from '../../plugin/index.ts'
import type { AccessTokens, ClientCredentialsFlow } from '../../plugin/index.ts'
import {
  introspectionResponseSchema, jwksSchema, oauthErrorSchema, presentedTokenRequestSchema, resourceMetadataSchema, serverMetadataSchema, tokenRequestSchema,
  tokenResponseSchema
} from '../../schemas/index.ts'
import { SigningKeys } from '../../src/signing-keys/signing-keys.ts'
import { MemoryStore } from '../../src/stores/memory.ts'
import { basic, demoBuilder, FORM, form, TOKEN_PATH } from '../support/demo.ts'

type Document = Record<string, any>
type OpenAPIOptions = NonNullable<FastifyDynamicSwaggerOptions['openapi']>

const ISSUER = 'https://as.example/tenant'
const RESOURCE = 'https://api.example/v1'
const VERSIONS = ['3.0.3', '3.1.0', '3.2.0']
const INFO = { title: 'Demo', version: '1.0.0' }
const SERVER_METADATA = '/.well-known/oauth-authorization-server/tenant'
const RESOURCE_METADATA = '/.well-known/oauth-protected-resource/v1'
const JWKS = '/.well-known/jwks.json'
const SIGNED = 'application/token-introspection+jwt'

/** What is served: how, where, with which body and answer, and whether it stays where it is under a prefix. */
const OPERATIONS: [method: string, path: string, body: string | undefined, answer: string | undefined, moves: boolean][] = [
  ['post', TOKEN_PATH, 'OAuth2TokenRequest', 'OAuth2TokenResponse', true],
  ['post', '/oauth2/introspect', 'OAuth2PresentedTokenRequest', 'OAuth2IntrospectionResponse', true],
  ['post', '/oauth2/revoke', 'OAuth2PresentedTokenRequest', undefined, true],
  ['get', JWKS, undefined, 'OAuth2JsonWebKeySet', true],
  ['get', SERVER_METADATA, undefined, 'OAuth2ServerMetadata', false],
  ['get', RESOURCE_METADATA, undefined, 'OAuth2ResourceMetadata', false]
]
const SCHEMAS = {
  OAuth2Error: oauthErrorSchema,
  // A parameter that repeats is an array in the document.
  OAuth2TokenRequest: { ...tokenRequestSchema, properties: { ...tokenRequestSchema.properties, resource: { type: 'array', items: { type: 'string' }, description: tokenRequestSchema.properties.resource.description } } },
  OAuth2TokenResponse: tokenResponseSchema,
  OAuth2IntrospectionResponse: introspectionResponseSchema,
  OAuth2PresentedTokenRequest: presentedTokenRequestSchema,
  OAuth2JsonWebKeySet: jwksSchema,
  OAuth2ServerMetadata: serverMetadataSchema,
  OAuth2ResourceMetadata: resourceMetadataSchema
}

const store = new MemoryStore()
const keys = new SigningKeys(store)
const jwtTokens = (more: object = {}) => new JwtAccessTokens({ issuer: ISSUER, audience: RESOURCE, keys, revocations: store, ...more })
const flowOf = (accessTokens: AccessTokens = jwtTokens(), tokenEndpoint = TOKEN_PATH): ClientCredentialsFlow =>
  demoBuilder().setTokenEndpoint(tokenEndpoint).useAccessTokens(accessTokens).build()

const json = (value: unknown) => JSON.parse(JSON.stringify(value))
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const validator = new Validator()

/** What holds of every document: it validates, every reference leads somewhere, no mark is left. */
async function checkSound (t: Test, document: Document, version = '3.1.0'): Promise<void> {
  t.strictSame(await validator.validate(json(document)), { valid: true }, version)
  t.equal(document.openapi, version)
  t.notMatch(JSON.stringify(document), 'x-oauth')
  for (const [, pointer] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    t.type(pointer!.split('/').reduce((node, key) => node?.[key], document), 'object', `#/${pointer}`)
  }
}

/** The paths of ours, and what stands at them. */
function checkOperations (t: Test, document: Document, base = '', operations = OPERATIONS): void {
  const served = operations.map(([, path, , , moves]) => moves ? `${base}${path}` : path)
  const tagged = Object.entries<Document>(document.paths).filter(([, item]) => Object.values<Document>(item).some(({ tags }) => tags?.includes('OAuth 2.0')))
  t.strictSame(tagged.map(([path]) => path).sort(), served.sort())
  t.equal(document.tags.filter(({ name }: Document) => name === 'OAuth 2.0').length, 1)
  for (const [method, path, body, answer, moves] of operations) {
    const item = document.paths[moves ? `${base}${path}` : path]
    t.strictSame(Object.keys(item), [method], path)
    const operation = item[method]
    t.strictSame(operation.tags, ['OAuth 2.0'], path)
    t.strictSame(operation.security, [], `${path}: no token is needed`)
    for (const text of [operation.summary, operation.description]) t.match(text, /\S/, path)
    t.strictSame(operation.requestBody?.content[FORM].schema, body && ref(body), path)
    t.strictSame(operation.responses['200'].content['application/json'].schema, answer === undefined ? { type: 'object' } : ref(answer), path)
    t.strictSame(Object.keys(operation.responses), method === 'post' ? ['200', '400', '401', '413', '429', '500', '503'] : ['200', '429', '500', '503'], path)
    if (method !== 'post') continue
    t.strictSame(Object.keys(operation.requestBody.content), [FORM], path)
    t.strictSame(Object.keys(operation.responses['401'].headers), ['WWW-Authenticate'], path)
    t.strictSame(Object.keys(operation.responses['200'].headers), ['Cache-Control'], path)
    for (const status of ['400', '401', '413', '429', '500', '503']) t.strictSame(operation.responses[status].content['application/json'].schema, ref('OAuth2Error'), path)
  }
}

const swaggerOf = (version = '3.1.0', openapi: Partial<OpenAPIOptions> = {}, options: object = {}) =>
  ({ openapi: { openapi: version, info: INFO, ...openapi }, ...options }) as FastifyDynamicSwaggerOptions

interface Arranged { app: FastifyInstance, options: FastifyDynamicSwaggerOptions, flow: ClientCredentialsFlow }

/** Registers both, and tells which prefix the endpoints have. */
const ARRANGEMENTS: Record<string, (arranged: Arranged) => Promise<string>> = {
  'swagger first': async ({ app, options, flow }) => {
    await app.register(swagger, options)
    await app.register(clientCredentialsPlugin, { flow })
    return ''
  },
  'plugin first': async ({ app, options, flow }) => {
    await app.register(clientCredentialsPlugin, { flow })
    await app.register(swagger, options)
    return ''
  },
  'nothing awaited': async ({ app, options, flow }) => {
    app.register(clientCredentialsPlugin, { flow })
    app.register(swagger, options)
    return ''
  },
  'the option prefix': async ({ app, options, flow }) => {
    await app.register(swagger, options)
    await app.register(clientCredentialsPlugin, { flow, prefix: '/auth' })
    return '/auth'
  },
  'the option prefix, plugin first': async ({ app, options, flow }) => {
    await app.register(clientCredentialsPlugin, { flow, prefix: '/auth' })
    await app.register(swagger, options)
    return '/auth'
  },
  'plugin in a scope with a prefix': async ({ app, options, flow }) => {
    await app.register(swagger, options)
    await app.register(async (scope) => { await scope.register(clientCredentialsPlugin, { flow, prefix: '/auth' }) }, { prefix: '/api' })
    return '/api/auth'
  }
}

const DIALECTS: Record<string, { prepare (app: FastifyInstance): void, body: unknown, options: object }> = {
  'JSON Schema': { prepare: () => {}, body: { type: 'object' }, options: {} },
  zod: {
    prepare: (app) => { app.setValidatorCompiler(validatorCompiler).setSerializerCompiler(serializerCompiler) },
    body: z.object({ name: z.string() }),
    options: { transform: jsonSchemaTransform }
  }
}

for (const [arrangement, arrange] of Object.entries(ARRANGEMENTS)) {
  for (const [dialect, { prepare, body, options }] of Object.entries(DIALECTS)) {
    test(`All that is served is in the document, which is valid: ${arrangement}, ${dialect}`, async (t) => {
      for (const version of VERSIONS) {
        const app = Fastify()
        prepare(app)
        const base = await arrange({ app, options: swaggerOf(version, {}, options), flow: flowOf() })
        app.after(() => { app.post('/own', { schema: { body } }, async () => 'fine') })
        await app.ready()
        const document = app.swagger() as Document
        await checkSound(t, document, version)
        checkOperations(t, document, base)
        t.strictSame(Object.keys(document.paths['/own']), ['post'])
        t.match(document.components.schemas, SCHEMAS)
        for (const [name, schema] of Object.entries(SCHEMAS)) t.strictSame(document.components.schemas[name], schema, name)
        for (const [method, path, , , moves] of OPERATIONS) {
          const { statusCode } = await app.inject({ method: method.toUpperCase() as 'GET', url: moves ? `${base}${path}` : path })
          t.not(statusCode, 404, `${path} is there`)
        }
      }
    })
  }
}

async function documentOf (flow: ClientCredentialsFlow, options = swaggerOf(), pluginFirst = false): Promise<Document> {
  const app = Fastify()
  const steps = [() => app.register(swagger, options), () => app.register(clientCredentialsPlugin, { flow })]
  for (const step of pluginFirst ? steps.reverse() : steps) await step()
  await app.ready()
  return app.swagger() as Document
}

test('Signed introspection is described where answers can be signed', async (t) => {
  const content = async (flow: ClientCredentialsFlow) => {
    const document = await documentOf(flow)
    return document.paths['/oauth2/introspect'].post.responses['200'].content
  }
  t.strictSame(Object.keys(await content(flowOf())), ['application/json', SIGNED])
  t.strictSame(Object.keys(await content(flowOf(opaqueTokens()))), ['application/json'])
})

const JSON_TYPE = 'application/json'
const SERVICE = { client_id: 'my-service', client_secret: 'its-secret' }

/** A server whose document is read, of which clients and their store can be taken away. */
async function exemplaryApp (): Promise<{ app: FastifyInstance, document: Document, fault: { error?: Error } }> {
  const fault: { error?: Error } = {}
  const flow = demoBuilder()
    .setScopes({ 'data:read': 'Read data', 'data:write': 'Write data' })
    .useAccessTokens(jwtTokens())
    .getClient(({ clientId, clientSecret }) => {
      if (fault.error !== undefined) throw fault.error
      if (clientSecret !== SERVICE.client_secret) return undefined
      return { id: clientId, grants: clientId === 'browser' ? ['authorization_code'] : ['client_credentials'], scopes: ['data:read', 'data:write'] }
    })
    .build()
  const app = Fastify()
  await app.register(swagger, swaggerOf())
  await app.register(clientCredentialsPlugin, { flow })
  await app.ready()
  return { app, document: app.swagger() as Document, fault }
}

const authorization = basic(SERVICE.client_id, SERVICE.client_secret)
const send = (app: FastifyInstance, url: string, parameters: Record<string, string>, headers: Record<string, string> = { authorization }) =>
  app.inject({ method: 'POST', url, headers: { ...headers, 'content-type': FORM }, payload: form(parameters) })
const examplesOf = (response: Document): Record<string, unknown> =>
  Object.fromEntries(Object.entries<Document>(response.content[JSON_TYPE].examples).map(([name, { value }]) => [name, value]))

test('The requests of the examples are answered as the examples say', async (t) => {
  const { app, document } = await exemplaryApp()
  const { requestBody, responses } = document.paths[TOKEN_PATH].post
  t.equal(requestBody.required, true)
  const { client_secret_basic: byBasic, client_secret_post: byPost, ...more } = requestBody.content[FORM].examples
  t.strictSame(more, {})
  t.strictSame(byPost.value, { ...byBasic.value, ...SERVICE })
  const { example } = responses['200'].content[JSON_TYPE]
  let token = ''
  for (const answer of [await send(app, TOKEN_PATH, byBasic.value), await send(app, TOKEN_PATH, byPost.value, {})]) {
    const { access_token: issued, ...rest } = answer.json()
    t.strictSame({ access_token: `${issued.slice(0, 10)}...`, ...rest }, example)
    t.equal(answer.headers['cache-control'], 'no-store')
    token = issued
  }

  const introspection = document.paths['/oauth2/introspect'].post
  t.equal(introspection.requestBody.required, true)
  t.strictSame(introspection.requestBody.content[FORM].example, { token: example.access_token })
  const { active, inactive } = examplesOf(introspection.responses['200']) as { active: object, inactive: object }
  t.match((await send(app, '/oauth2/introspect', { token })).json(), { ...active, scope: example.scope })
  t.strictSame((await send(app, '/oauth2/introspect', introspection.requestBody.content[FORM].example)).json(), inactive)
  t.strictSame(introspection.responses['200'].content[SIGNED], { schema: { type: 'string' } })

  const revocation = document.paths['/oauth2/revoke'].post
  t.strictSame((await send(app, '/oauth2/revoke', { token })).json(), revocation.responses['200'].content[JSON_TYPE].example)
})

test('The errors of the document are those of the server, word for word', async (t) => {
  const { app, document, fault } = await exemplaryApp()
  const good = { grant_type: 'client_credentials' }
  const CAUSES: Record<string, [parameters: Record<string, string>, headers?: Record<string, string>][]> = {
    400: [[{}], [{ grant_type: 'password' }], [good, { authorization: basic('browser', SERVICE.client_secret) }], [{ ...good, scope: 'data:delete' }]],
    401: [[good, { authorization: basic(SERVICE.client_id, 'wrong') }]],
    500: [[good]],
    503: [[good]]
  }
  for (const [status, causes] of Object.entries(CAUSES)) {
    if (status === '500') fault.error = new Error('a mistake')
    if (status === '503') fault.error = new StoreUnavailableError(new Error('away'))
    for (const [path, asked] of [[TOKEN_PATH, causes], ['/oauth2/introspect', causes.slice(0, 1)], ['/oauth2/revoke', causes.slice(0, 1)]] as const) {
      const response = document.paths[path].post.responses[status]
      const seen: Record<string, unknown> = {}
      for (const [parameters, headers] of asked) {
        const answer = await send(app, path, path === TOKEN_PATH || status === '400' ? parameters : { token: 'any' }, headers)
        t.equal(answer.statusCode, Number(status))
        for (const [name, { description, schema }] of Object.entries<Document>(response.headers ?? {})) {
          t.match(answer.headers[name.toLowerCase()], schema.type === 'integer' ? /^\d+$/ : /\S/, name)
          t.match(description, /\S/)
        }
        seen[answer.json().error] = answer.json()
      }
      t.strictSame(examplesOf(response), seen, `${path} ${status}`)
    }
  }
})

function opaqueTokens (): OpaqueAccessTokens {
  return new OpaqueAccessTokens({ issuer: ISSUER, audience: RESOURCE, store: new MemoryStore() })
}

const schemasOf = (operations: typeof OPERATIONS) =>
  ['OAuth2Error', 'OAuth2TokenRequest', 'OAuth2TokenResponse', ...operations.flatMap(([, , body, answer]) => [body, answer])].filter((name) => name !== undefined)

const butFor = (...paths: string[]) => OPERATIONS.filter(([, path]) => !paths.includes(path))
const PARTS: [name: string, flow: () => ClientCredentialsFlow, operations: typeof OPERATIONS][] = [
  ['JWT without revocations', () => flowOf(new JwtAccessTokens({ issuer: ISSUER, audience: RESOURCE, keys: new SigningKeys(new MemoryStore()) })), butFor('/oauth2/revoke')],
  ['opaque tokens', () => flowOf(opaqueTokens()), butFor(JWKS)],
  ['an audience that is no URL', () => flowOf(jwtTokens({ audience: 'api' })), butFor(RESOURCE_METADATA)],
  ['a flow without accessTokens', () => demoBuilder().build(), OPERATIONS.slice(0, 1)],
  ['a resource server only', () => flowOf(jwtTokens(), 'https://as.example/token'), OPERATIONS.slice(5)]
]

test('Only what is served is described, with the schemas that it needs', async (t) => {
  for (const [name, flow, operations] of PARTS) {
    for (const pluginFirst of [false, true]) {
      const document = await documentOf(flow(), swaggerOf(), pluginFirst)
      t.comment(name)
      await checkSound(t, document)
      checkOperations(t, document, '', operations)
      t.strictSame(Object.keys(document.components.schemas).sort(), [...new Set(schemasOf(operations))].sort(), name)
    }
  }
})

test("The user's own description of such a path, and of a schema, wins", async (t) => {
  const own = { summary: 'My words', responses: { 200: { description: 'Mine' } } }
  const schema = { type: 'object', description: 'Mine' } as const
  for (const [method, path] of OPERATIONS) {
    for (const pluginFirst of [false, true]) {
      const paths = { [path]: { [method]: own } }
      const document = await documentOf(flowOf(), swaggerOf('3.1.0', { paths, components: { schemas: { OAuth2JsonWebKeySet: schema } } }), pluginFirst)
      await checkSound(t, document)
      t.strictSame(document.paths[path], { [method]: own }, path)
      t.strictSame(document.components.schemas.OAuth2JsonWebKeySet, schema)
      t.strictSame(Object.keys(document.paths).sort(), OPERATIONS.map(([, path]) => path).sort())
    }
  }
})

test('Another method of the user on such a path stays beside ours', async (t) => {
  const own = { summary: 'My words', responses: { 200: { description: 'Mine' } } }
  for (const [method, path] of OPERATIONS) {
    for (const pluginFirst of [false, true]) {
      const document = await documentOf(flowOf(), swaggerOf('3.1.0', { paths: { [path]: { delete: own } } }), pluginFirst)
      await checkSound(t, document)
      t.strictSame(document.paths[path].delete, own, path)
      t.strictSame(document.paths[path][method].tags, ['OAuth 2.0'], path)
    }
  }
})

test('A path of the user whose end is like one of ours takes nothing from it', async (t) => {
  const own = { summary: 'My words', responses: { 200: { description: 'Mine' } } }
  const document = await documentOf(flowOf(), swaggerOf('3.1.0', { paths: { '/revoke': { post: own }, '/jwks.json': { get: own } } }))
  await checkSound(t, document)
  t.strictSame(document.paths['/revoke'], { post: own })
  t.strictSame(document.paths['/oauth2/revoke'].post.tags, ['OAuth 2.0'])
  t.strictSame(document.paths[JWKS].get.tags, ['OAuth 2.0'])
})

test('A HEAD route that @fastify/swagger shows is described as its GET is', async (t) => {
  for (const pluginFirst of [false, true]) {
    const document = await documentOf(flowOf(), swaggerOf('3.1.0', {}, { exposeHeadRoutes: true }), pluginFirst)
    await checkSound(t, document)
    for (const path of [JWKS, SERVER_METADATA, RESOURCE_METADATA]) {
      t.strictSame(document.paths[path].get.tags, ['OAuth 2.0'])
      const { operationId, ...get } = document.paths[path].get
      if (!pluginFirst) t.strictSame(document.paths[path].head, { ...get, operationId: `${operationId}-head` }, path)
    }
  }
})

test('A transform of the application sees none of our routes, and a security of the whole document does not reach them', async (t) => {
  const seen: string[] = []
  const transform = ({ schema, url }: { schema: object, url: string }) => {
    seen.push(url)
    return { schema, url }
  }
  const components = { securitySchemes: { key: { type: 'apiKey', in: 'header', name: 'x-api-key' } as const } }
  const document = await documentOf(flowOf(), swaggerOf('3.1.0', { security: [{ key: [] }], components }, { transform }))
  await checkSound(t, document)
  checkOperations(t, document)
  t.strictSame(seen, [])
})

test('Two servers share one document, each below its prefix and with one tag', async (t) => {
  const app = Fastify()
  await app.register(swagger, swaggerOf())
  const tenants = ['/one', '/two']
  for (const tenant of tenants) {
    const accessTokens = jwtTokens({ issuer: `https://as.example${tenant}`, audience: `https://api.example${tenant}` })
    const flow = demoBuilder().setSecuritySchemeName(tenant.slice(1)).useAccessTokens(accessTokens).build()
    await app.register(async (scope) => { await scope.register(clientCredentialsPlugin, { flow }) }, { prefix: tenant })
  }
  await app.ready()
  const document = app.swagger() as Document
  await checkSound(t, document)
  t.strictSame(Object.keys(document.paths).sort(), tenants.flatMap((tenant) => [
    `/.well-known/oauth-authorization-server${tenant}`, `/.well-known/oauth-protected-resource${tenant}`,
    ...[JWKS, '/oauth2/introspect', '/oauth2/revoke', TOKEN_PATH].map((path) => `${tenant}${path}`)
  ]).sort())
  t.equal(document.tags.length, 1)
  t.equal(document.paths['/one/oauth2/token'].post.operationId, 'oneRequestAccessToken')
  t.equal(document.paths['/two/oauth2/token'].post.operationId, 'twoRequestAccessToken')
})

const idsOf = (document: Document) => Object.values<Document>(document.paths).flatMap((item) => Object.values<Document>(item).map(({ operationId }) => operationId))

test('Every operation of ours has an id, and leaves those of the user alone', async (t) => {
  const flow = (name: string) => demoBuilder().setSecuritySchemeName(name).useAccessTokens(jwtTokens()).build()
  for (const pluginFirst of [false, true]) {
    const document = await documentOf(flow('oauth2-flow'), swaggerOf(), pluginFirst)
    t.strictSame(idsOf(document).sort(), [
      'introspectAccessToken', 'readJsonWebKeySet', 'readResourceMetadata', 'readServerMetadata', 'requestAccessToken', 'revokeAccessToken'
    ])
    t.equal((await documentOf(flow('service.auth_v2'), swaggerOf(), pluginFirst)).paths[TOKEN_PATH].post.operationId, 'serviceAuthV2RequestAccessToken')

    const own = { get: { operationId: 'requestAccessToken', responses: { 200: { description: 'Mine' } } }, put: { operationId: 'requestAccessToken2', responses: { 200: { description: 'Mine' } } } }
    const mixed = await documentOf(flow('oauth2-flow'), swaggerOf('3.1.0', { paths: { '/zzz': own } }), pluginFirst)
    t.strictSame(mixed.paths['/zzz'], own)
    t.equal(mixed.paths[TOKEN_PATH].post.operationId, 'requestAccessToken3')
    t.equal(new Set(idsOf(mixed)).size, idsOf(mixed).length)
  }
})

test('Paths stand where other routes stand below the servers of the document', async (t) => {
  for (const pluginFirst of [false, true]) {
    const app = Fastify()
    let documented: FastifyInstance = app
    const options = swaggerOf('3.1.0', { servers: [{ url: 'https://api.example/api' }] })
    if (!pluginFirst) await app.register(swagger, options)
    await app.register(async (scope) => {
      await scope.register(clientCredentialsPlugin, { flow: flowOf() })
      if (pluginFirst) await (documented = scope).register(swagger, options)
    }, { prefix: '/api' })
    await app.ready()
    const document = documented.swagger() as Document
    await checkSound(t, document)
    checkOperations(t, document)
  }
})

test('Swagger 2.0 is left as it would be without the plugin', async (t) => {
  for (const pluginFirst of [false, true]) {
    const without = Fastify()
    await without.register(swagger, { swagger: { info: INFO } })
    without.get('/own', async () => 'fine')
    await without.ready()

    const app = Fastify()
    const steps = [() => app.register(swagger, { swagger: { info: INFO } }), () => app.register(clientCredentialsPlugin, { flow: flowOf() })]
    for (const step of pluginFirst ? steps.reverse() : steps) await step()
    app.get('/own', { preHandler: app.requireScopes() }, async () => 'fine')
    await app.ready()
    t.strictSame(app.swagger(), without.swagger())
  }
})
