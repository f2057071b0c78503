// The core on its own: builder, flow and the web Request door, without Fastify.
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { test } from 'tap'
import type { VerifyTokenContext } from '../../src/access-token/access-tokens.ts'
import {
  checkScope, FLOW_DEFAULTS, FORM_BODY_LIMIT, hasScopes, isFlow, isOAuth2Error, MethodNotAllowedError, settingsOf,
  TemporarilyUnavailableError
} from '../../src/adapter.ts'
import type { PlainRequest } from '../../src/adapter.ts'
import { clientSecretBasic } from '../../src/client-auth/client-secret-basic.ts'
import { FLOW_ERRORS } from '../../src/errors/configuration-error.ts'
import { StrategyInvalidRequestError, StrategyMissingTokenError } from '../../src/errors/strategy-error.ts'
import {
  BearerTokenType, ClientCredentialsFlow, ClientCredentialsFlowBuilder, FlowConfigurationError, InvalidClientError, InvalidRequestError,
  InvalidScopeError, OAuth2Error, ServerError, StrategyError, StrategyInsufficientScopeError, StrategyInternalError,
  StrategyInvalidTokenError, UnauthorizedClientError, UnsupportedGrantTypeError
} from '../../src/index.ts'
import type {
  AccessTokens, ClientAuthMethod, ClientCredentialsFlowOptions, ClientCredentialsGrantContext, ClientCredentialsTokenRequest, Clients,
  Confirmation, FlowErrorCode, OAuth2Client, TokenRequest, TokenType
} from '../../src/index.ts'
import { NonceRequired, toAccessError } from '../../src/token-type/dpop/proof-errors.ts'
import { basic, CLIENTS, demoBuilder, FORM, form, getClient, SECRET, TOKEN_PATH, tokenOf } from '../support/demo.ts'

const READ = 'data:read'
const WRITE = 'data:write'
const URL_BASE = 'https://as.example'
const TOKEN = tokenOf('reader', [READ])
const CREDENTIALS = { app: { id: 'reader' }, scope: [READ] }
const NO_STORE = { 'cache-control': 'no-store', pragma: 'no-cache' }
const BASIC_CHALLENGE = 'Basic realm="demo", error="invalid_client"'

/** A token request of the client "reader", as a web Request. */
function tokenRequest (parameters: Record<string, string> | [string, string][] = {}, headers: Record<string, string> = { authorization: basic('reader') }): Request {
  return new Request(URL_BASE + TOKEN_PATH, { method: 'POST', headers: { 'content-type': FORM, ...headers }, body: `grant_type=client_credentials&${form(parameters)}` })
}

function resourceRequest (authorization?: string): Request {
  return new Request(`${URL_BASE}/data`, authorization === undefined ? {} : { headers: { authorization } })
}

async function refusalOf (flow: ClientCredentialsFlow, request = tokenRequest()): Promise<OAuth2Error> {
  const result = await flow.token(request)
  if (result.success) throw new Error(`The token ${result.tokenResponse.access_token} was issued`)
  return result.error
}

async function strategyErrorOf (flow: ClientCredentialsFlow, request = resourceRequest(`Bearer ${TOKEN}`)): Promise<StrategyError> {
  const result = await flow.verifyToken(request)
  if (result.success) throw new Error('The token was accepted')
  return result.error
}

async function issuedBy (flow: ClientCredentialsFlow, request = tokenRequest()): Promise<unknown> {
  const result = await flow.token(request)
  if (!result.success) throw result.error
  return result.tokenResponse
}

// The builder

const none = () => undefined
const customMethod: ClientAuthMethod = { name: 'custom', carries: () => true, authenticate: none }
const dpopLike: TokenType = { name: 'DPoP' }
const OPTIONS: Partial<ClientCredentialsFlowOptions> = {
  tokenEndpoint: '/oauth2/token',
  securitySchemeName: 'serviceAuth',
  description: 'Service to service',
  scopes: { [READ]: 'Read data' },
  accessTokenLifetime: 1800,
  tokenType: dpopLike,
  clientAuthenticationMethods: ['client_secret_post', customMethod],
  getClient,
  generateAccessToken: () => 'token',
  verifyToken: () => undefined
}

function byConstructor (): ClientCredentialsFlowBuilder {
  return new ClientCredentialsFlowBuilder(OPTIONS)
}

function bySetters (): ClientCredentialsFlowBuilder {
  return new ClientCredentialsFlowBuilder()
    .setTokenEndpoint(OPTIONS.tokenEndpoint!)
    .setSecuritySchemeName(OPTIONS.securitySchemeName!)
    .setDescription(OPTIONS.description!)
    .setScopes(OPTIONS.scopes!)
    .setAccessTokenLifetime(OPTIONS.accessTokenLifetime!)
    .setTokenType(OPTIONS.tokenType!)
    .addClientAuthenticationMethod('client_secret_post')
    .addClientAuthenticationMethod(customMethod)
    .getClient(getClient)
    .generateAccessToken(OPTIONS.generateAccessToken!)
    .verifyToken(OPTIONS.verifyToken!)
}

function gettersOf (flow: ClientCredentialsFlow): unknown[] {
  return [
    flow.getTokenEndpoint(), flow.getSecuritySchemeName(), flow.getDescription(), flow.getScopes(), flow.getAccessTokenLifetime(),
    flow.tokenType, flow.grantType, flow.getTokenEndpointAuthMethods()
  ]
}

test('What is not set has its default', async (t) => {
  for (const flow of [new ClientCredentialsFlowBuilder().build(), new ClientCredentialsFlowBuilder({}).build(), new ClientCredentialsFlow()]) {
    t.strictSame(gettersOf(flow), ['/token', 'oauth2-flow', undefined, {}, 3600, 'Bearer', 'client_credentials', ['client_secret_basic']])
    t.strictSame(settingsOf(flow).missingCallbacks, ['getClient', 'generateAccessToken', 'verifyToken'])
  }
  t.ok(FLOW_DEFAULTS.tokenType instanceof BearerTokenType)
  t.ok(Object.isFrozen(FLOW_DEFAULTS))
})

test('What is undefined has its default, too', async (t) => {
  const undefinedOptions = Object.fromEntries(Object.keys(OPTIONS).map((name) => [name, undefined])) as Partial<ClientCredentialsFlowOptions>
  t.strictSame(gettersOf(new ClientCredentialsFlowBuilder(undefinedOptions).build()), gettersOf(new ClientCredentialsFlow()))
})

test('Constructor and setters set the same', async (t) => {
  for (const flow of [byConstructor().build(), bySetters().build(), new ClientCredentialsFlow(OPTIONS)]) {
    t.strictSame(gettersOf(flow), [
      '/oauth2/token', 'serviceAuth', 'Service to service', { [READ]: 'Read data' }, 1800,
      'DPoP', 'client_credentials', ['client_secret_post', 'custom']
    ])
    t.strictSame(settingsOf(flow).missingCallbacks, [])
    for (const name of ['getClient', 'generateAccessToken', 'verifyToken', 'tokenType'] as const) t.equal(settingsOf(flow)[name], OPTIONS[name], name)
    t.equal(settingsOf(flow).clientAuthMethods[1], customMethod)
    t.equal(settingsOf(flow).realm, 'serviceAuth')
  }
})

test('Every setter returns its builder', async (t) => {
  const builder = new ClientCredentialsFlowBuilder()
  const calls = [
    builder.setTokenEndpoint('/token'), builder.setSecuritySchemeName('a'), builder.setDescription('a'), builder.setScopes({}),
    builder.setAccessTokenLifetime(1), builder.setTokenType(dpopLike), builder.addClientAuthenticationMethod('none'),
    builder.removeClientAuthenticationMethod('none'), builder.clientSecretBasicAuthenticationMethod(),
    builder.clientSecretPostAuthenticationMethod(), builder.noneAuthenticationMethod(), builder.getClient(none),
    builder.generateAccessToken(none), builder.verifyToken(none), builder.useAccessTokens({ issue: none, verify: none }),
    builder.useClients({ getClient, findClient: none })
  ]
  for (const returned of calls) t.equal(returned, builder)
})

test('A setter wins over the constructor, and the last call over those before', async (t) => {
  const flow = byConstructor().setAccessTokenLifetime(60).setAccessTokenLifetime(90).setSecuritySchemeName('other').setScopes({ [WRITE]: 'Write' }).build()
  t.equal(flow.getAccessTokenLifetime(), 90)
  t.equal(flow.getSecuritySchemeName(), 'other')
  t.strictSame(flow.getScopes(), { [WRITE]: 'Write' }, 'replaced, not merged')
})

const replacement: ClientAuthMethod = { name: 'client_secret_basic', carries: () => true, authenticate: none }
const METHODS: [string, (builder: ClientCredentialsFlowBuilder) => ClientCredentialsFlowBuilder, string[]][] = [
  ['nothing', (builder) => builder, ['client_secret_basic']],
  ['none', (builder) => builder.noneAuthenticationMethod(), ['client_secret_basic']],
  ['none by name', (builder) => builder.addClientAuthenticationMethod('none'), ['client_secret_basic']],
  ['none beside another', (builder) => builder.noneAuthenticationMethod().clientSecretPostAuthenticationMethod().addClientAuthenticationMethod('none'), ['client_secret_post']],
  ['post only', (builder) => builder.addClientAuthenticationMethod('client_secret_post'), ['client_secret_post']],
  ['both', (builder) => builder.clientSecretPostAuthenticationMethod().clientSecretBasicAuthenticationMethod(), ['client_secret_post', 'client_secret_basic']],
  ['one twice', (builder) => builder.clientSecretPostAuthenticationMethod().clientSecretPostAuthenticationMethod(), ['client_secret_post']],
  ['one of our own', (builder) => builder.addClientAuthenticationMethod(customMethod), ['custom']],
  ['one taken back', (builder) => builder.clientSecretPostAuthenticationMethod().clientSecretBasicAuthenticationMethod().removeClientAuthenticationMethod('client_secret_basic'), ['client_secret_post']],
  ['one of our own taken back', (builder) => builder.clientSecretPostAuthenticationMethod().addClientAuthenticationMethod(customMethod).removeClientAuthenticationMethod('custom'), ['client_secret_post']],
  ['all taken back', (builder) => builder.clientSecretPostAuthenticationMethod().removeClientAuthenticationMethod('client_secret_post'), ['client_secret_basic']],
  ['what was never there taken back', (builder) => builder.clientSecretPostAuthenticationMethod().removeClientAuthenticationMethod('custom'), ['client_secret_post']],
  ['one taken back and added again', (builder) => builder.clientSecretPostAuthenticationMethod().removeClientAuthenticationMethod('client_secret_post').clientSecretPostAuthenticationMethod(), ['client_secret_post']]
]

test('Client authentication methods are added and taken back', async (t) => {
  for (const [name, adapt, methods] of METHODS) {
    t.strictSame(adapt(new ClientCredentialsFlowBuilder()).build().getTokenEndpointAuthMethods(), methods, name)
  }
  const given = new ClientCredentialsFlowBuilder({ clientAuthenticationMethods: ['none', 'client_secret_post'] })
  t.strictSame(given.build().getTokenEndpointAuthMethods(), ['client_secret_post'], 'by constructor')
  t.strictSame(given.clientSecretBasicAuthenticationMethod().build().getTokenEndpointAuthMethods(), ['client_secret_post', 'client_secret_basic'], 'added to those of the constructor')
  t.strictSame(given.removeClientAuthenticationMethod('client_secret_post').build().getTokenEndpointAuthMethods(), ['client_secret_basic'], 'taken from those of the constructor')
})

test('A method of our own takes the place of one of the same name', async (t) => {
  const methods = (builder: ClientCredentialsFlowBuilder) => settingsOf(builder.build()).clientAuthMethods
  const builder = new ClientCredentialsFlowBuilder().clientSecretBasicAuthenticationMethod().clientSecretPostAuthenticationMethod().addClientAuthenticationMethod(replacement)
  t.equal(methods(builder)[0], replacement)
  t.equal(methods(builder).length, 2)
  t.equal(methods(builder.clientSecretBasicAuthenticationMethod())[0], clientSecretBasic)
})

test('A flow whose callbacks were never set denies', async (t) => {
  const bare = new ClientCredentialsFlowBuilder({ tokenEndpoint: TOKEN_PATH }).build()
  t.match(await refusalOf(bare), { code: 'invalid_client', status: 401 })
  t.match(await strategyErrorOf(bare), { code: 'invalid_token', status: 401 })

  const tokenless = new ClientCredentialsFlowBuilder().getClient(getClient).build()
  t.match(await refusalOf(tokenless), { code: 'server_error', status: 500, cause: { message: 'generateAccessToken returned no token' } })
  t.strictSame(settingsOf(tokenless).missingCallbacks, ['generateAccessToken', 'verifyToken'])
})

test('What was given is left alone, and a flow does not change with it', async (t) => {
  const scopes = Object.freeze({ [READ]: 'Read data' })
  const methods = Object.freeze(['client_secret_post'] as const)
  const options = Object.freeze({ ...OPTIONS, scopes, clientAuthenticationMethods: methods })
  const builder = new ClientCredentialsFlowBuilder(options).clientSecretBasicAuthenticationMethod().setAccessTokenLifetime(5).setScopes(scopes)
  const flow = builder.build()
  t.strictSame(methods, ['client_secret_post'])
  t.equal(options.accessTokenLifetime, 1800)

  builder.setAccessTokenLifetime(6).removeClientAuthenticationMethod('client_secret_post').setScopes({})
  t.strictSame([flow.getAccessTokenLifetime(), flow.getTokenEndpointAuthMethods(), flow.getScopes()], [5, ['client_secret_post', 'client_secret_basic'], scopes])
  t.strictSame(builder.build().getTokenEndpointAuthMethods(), ['client_secret_basic'])
})

test('Neither what was given nor what is got reaches into a flow', async (t) => {
  const scopes: Record<string, string> = { [READ]: 'Read data' }
  const methods: ('client_secret_basic' | 'client_secret_post')[] = ['client_secret_post']
  const options = { scopes, clientAuthenticationMethods: methods, accessTokenLifetime: 5 }
  const builder = new ClientCredentialsFlowBuilder(options)
  options.accessTokenLifetime = 6
  const flow = builder.build()
  scopes[WRITE] = 'Write data'
  methods.push('client_secret_basic')
  flow.getTokenEndpointAuthMethods().push('none')
  flow.toOpenAPIPathItem([READ])['oauth2-flow']!.push(WRITE)
  flow.toOpenAPISecurityScheme()['oauth2-flow']!.flows.clientCredentials.scopes[WRITE] = 'Write data'

  t.strictSame(flow.getScopes(), { [READ]: 'Read data' })
  t.strictSame(flow.getTokenEndpointAuthMethods(), ['client_secret_post'])
  t.equal(flow.getAccessTokenLifetime(), 5)
  t.strictSame(flow.toOpenAPIPathItem([READ]), { 'oauth2-flow': [READ] })
  t.strictSame(flow.toOpenAPISecurityScheme()['oauth2-flow']?.flows.clientCredentials.scopes, { [READ]: 'Read data' })
})

test('Settings are frozen', async (t) => {
  const settings = settingsOf(demoBuilder().build())
  for (const part of [settings, settings.scopes, settings.clientAuthMethods, settings.missingCallbacks]) t.ok(Object.isFrozen(part))
  t.throws(() => { (settings as { accessTokenLifetime: number }).accessTokenLifetime = 1 }, TypeError)
})

// The refusal to build

const wrong = (options: object) => options as Partial<ClientCredentialsFlowOptions>
// Those of access tokens, keys, clients and stores have tests of their own.
type FlowOptionCode = Extract<FlowErrorCode, `FST_OAUTH_INVALID_${'TOKEN_ENDPOINT' | 'SECURITY_SCHEME_NAME' | 'SCOPES' | 'LIFETIME' | 'TOKEN_TYPE' | 'AUTH_METHOD' | 'CALLBACK'}`>
const CONFIGURATION_ERRORS: Record<FlowOptionCode, Record<string, Partial<ClientCredentialsFlowOptions>>> = {
  FST_OAUTH_INVALID_TOKEN_ENDPOINT: {
    empty: { tokenEndpoint: '' },
    'no slash': { tokenEndpoint: 'token' },
    'another host': { tokenEndpoint: '//as.example/token' },
    'a path parameter': { tokenEndpoint: '/:tenant/token' },
    'a wildcard': { tokenEndpoint: '/token/*' },
    'a space': { tokenEndpoint: '/to ken' },
    'a line break': { tokenEndpoint: '/token\n' },
    'a fragment': { tokenEndpoint: '/token#a' },
    'http elsewhere': { tokenEndpoint: 'http://as.example/token' },
    'another scheme': { tokenEndpoint: 'ftp://as.example/token' },
    'another scheme on loopback': { tokenEndpoint: 'ftp://localhost/token' },
    'a URL with a fragment': { tokenEndpoint: 'https://as.example/token#a' },
    'no text': wrong({ tokenEndpoint: 5 }),
    'a URL object': wrong({ tokenEndpoint: new URL('https://as.example/token') }),
    null: wrong({ tokenEndpoint: null })
  },
  FST_OAUTH_INVALID_SECURITY_SCHEME_NAME: {
    empty: { securitySchemeName: '' },
    'a space': { securitySchemeName: 'my scheme' },
    'a quote': { securitySchemeName: 'a"b' },
    'a backslash': { securitySchemeName: 'a\\b' },
    'a slash': { securitySchemeName: 'a/b' },
    'a line break': { securitySchemeName: 'a\n' },
    'non-ASCII': { securitySchemeName: 'é' }
  },
  FST_OAUTH_INVALID_SCOPES: {
    'a list': wrong({ scopes: [READ] }),
    'a text': wrong({ scopes: READ }),
    null: wrong({ scopes: null }),
    'a space in a name': { scopes: { [`${READ} ${WRITE}`]: '' } },
    'a quote in a name': { scopes: { 'a"b': '' } },
    'a backslash in a name': { scopes: { 'a\\b': '' } },
    'a line break in a name': { scopes: { 'a\n': '' } },
    'an empty name': { scopes: { '': '' } },
    'a non-ASCII name': { scopes: { é: '' } },
    'a description that is no text': wrong({ scopes: { [READ]: true } })
  },
  FST_OAUTH_INVALID_LIFETIME: {
    zero: { accessTokenLifetime: 0 },
    negative: { accessTokenLifetime: -1 },
    'a fraction': { accessTokenLifetime: 1.5 },
    NaN: { accessTokenLifetime: NaN },
    infinite: { accessTokenLifetime: Infinity },
    'a text': wrong({ accessTokenLifetime: '3600' }),
    null: wrong({ accessTokenLifetime: null })
  },
  FST_OAUTH_INVALID_TOKEN_TYPE: {
    'a text': wrong({ tokenType: 'Bearer' }),
    null: wrong({ tokenType: null }),
    'no name': wrong({ tokenType: {} }),
    'a name that is no text': wrong({ tokenType: { name: 5 } }),
    'a name with a space': { tokenType: { name: 'my type' } },
    'a name with a quote': { tokenType: { name: 'a"' } },
    'an empty name': { tokenType: { name: '' } },
    'others that are no list': wrong({ otherTokenTypes: new BearerTokenType() }),
    'another with a space in its name': wrong({ otherTokenTypes: [{ name: 'my type', confirmationName: 'own' }] }),
    'two that bind by the same': wrong({ tokenType: { name: 'One', confirmationName: 'own' }, otherTokenTypes: [{ name: 'Two', confirmationName: 'own' }] }),
    'two that do not bind': { otherTokenTypes: [new BearerTokenType()] }
  },
  FST_OAUTH_INVALID_AUTH_METHOD: {
    'an unknown name': wrong({ clientAuthenticationMethods: ['private_key'] }),
    'a name that objects inherit': wrong({ clientAuthenticationMethods: ['toString'] }),
    'no function': wrong({ clientAuthenticationMethods: [{ name: 'custom' }] }),
    'no name': wrong({ clientAuthenticationMethods: [{ authenticate: none }] }),
    'a function': wrong({ clientAuthenticationMethods: [none] }),
    null: wrong({ clientAuthenticationMethods: [null] })
  },
  FST_OAUTH_INVALID_CALLBACK: {
    'getClient that is an object': wrong({ getClient: {} }),
    'generateAccessToken that is a text': wrong({ generateAccessToken: 'token' }),
    'verifyToken that is null': wrong({ verifyToken: null }),
    'clients that are a function': wrong({ clients: getClient }),
    'clients that cannot be found': wrong({ clients: { getClient } }),
    'clients that are null': wrong({ clients: null })
  }
}

function thrownBy (call: () => unknown): unknown {
  try {
    return call()
  } catch (error) {
    return error
  }
}

for (const code of Object.keys(CONFIGURATION_ERRORS) as (keyof typeof CONFIGURATION_ERRORS)[]) {
  test(`A flow is not built: ${code}`, async (t) => {
    for (const [name, options] of Object.entries(CONFIGURATION_ERRORS[code])) {
      for (const build of [() => new ClientCredentialsFlowBuilder(options).build(), () => new ClientCredentialsFlow(options)]) {
        const error = thrownBy(build)
        t.ok(error instanceof FlowConfigurationError && error instanceof TypeError, name)
        t.match(error, { name: 'FlowConfigurationError', code, message: FLOW_ERRORS[code] }, name)
      }
    }
  })
}

test('A builder refuses only when it builds', async (t) => {
  t.doesNotThrow(() => new ClientCredentialsFlowBuilder().setTokenEndpoint('token').setAccessTokenLifetime(0).setTokenEndpoint('/token').setAccessTokenLifetime(1).build())
})

// OpenAPI

test('A flow describes itself in OpenAPI', async (t) => {
  const flow = byConstructor().build()
  t.strictSame(flow.toOpenAPIPathItem([READ, WRITE]), { serviceAuth: [READ, WRITE] })
  t.strictSame(flow.toOpenAPIPathItem([]), { serviceAuth: [] })
  t.strictSame(flow.toOpenAPIPathItem(), { serviceAuth: [] })
  t.strictSame(flow.toOpenAPISecurityScheme(), {
    serviceAuth: {
      type: 'oauth2',
      flows: { clientCredentials: { scopes: { [READ]: 'Read data' }, tokenUrl: '/oauth2/token' } },
      description: 'Service to service'
    }
  })
  t.strictSame(new ClientCredentialsFlow().toOpenAPISecurityScheme(), {
    'oauth2-flow': { type: 'oauth2', flows: { clientCredentials: { scopes: {}, tokenUrl: '/token' } } }
  }, 'no description, no member')
})

// flow.token

test('flow.token answers with the token', async (t) => {
  const flow = demoBuilder().build()
  t.strictSame(await flow.token(tokenRequest()), {
    success: true,
    tokenResponse: { access_token: TOKEN, token_type: 'Bearer', expires_in: 3600, scope: READ },
    grantType: 'client_credentials'
  })
  t.strictSame(await flow.token(tokenRequest({}, { authorization: basic('scopeless') })), {
    success: true,
    tokenResponse: { access_token: tokenOf('scopeless'), token_type: 'Bearer', expires_in: 3600 },
    grantType: 'client_credentials'
  })
  t.strictSame(await issuedBy(flow, tokenRequest({ client_id: 'writer', client_secret: SECRET, scope: WRITE }, {})),
    { access_token: tokenOf('writer', [WRITE]), token_type: 'Bearer', expires_in: 3600, scope: WRITE })
})

test('flow.token refuses with an error that knows its answer', async (t) => {
  const result = await demoBuilder().build().token(tokenRequest({}, { authorization: basic('reader', 'wrong') }))
  t.strictSame(Object.keys(result), ['success', 'error'])
  if (result.success) throw new Error('A token was issued')
  const { error } = result
  t.ok(error instanceof InvalidClientError && error instanceof OAuth2Error && error instanceof Error)
  t.equal(error.name, 'InvalidClientError')
  t.equal(error.code, 'invalid_client')
  t.equal(error.status, 401)
  t.equal(error.statusCode, 401)
  t.equal(error.message, 'Client authentication failed')
  t.equal(error.challenge, BASIC_CHALLENGE)
  t.equal(error.cause, 'getClient knows no client reader with these credentials')
  t.strictSame(error.headers, { 'www-authenticate': BASIC_CHALLENGE, ...NO_STORE })
  t.strictSame(error.body, { error: 'invalid_client', error_description: 'Client authentication failed' })
})

/** An error class of the application that keeps private members, which a copy does not have. */
class LockedError extends InvalidClientError {
  readonly #hint = 'hint'

  override get headers (): Record<string, string> {
    return { ...super.headers, 'x-hint': this.#hint }
  }
}

test('RFC 9110 §15.5.2: one error may be thrown for many requests, frozen or not: each answer has its own challenge, and the error stays as it was', async (t) => {
  for (const shared of [new InvalidClientError('One for all'), Object.freeze(new LockedError('One for all')), new LockedError('One for all')]) {
    const before = Object.getOwnPropertyDescriptors(shared)
    const flowOf = (realm: string) => demoBuilder().setSecuritySchemeName(realm).getClient(() => { throw shared }).build()
    const errors: OAuth2Error[] = []
    for (const realm of ['one', 'two', 'one']) {
      const result = await flowOf(realm).token(tokenRequest())
      if (result.success) throw new Error('A token was issued')
      errors.push(result.error)
      t.equal(result.error.headers['www-authenticate'], `Basic realm="${realm}", error="invalid_client"`)
      t.match(result.error, { code: 'invalid_client', status: 401, statusCode: 401, expose: true, message: 'One for all', body: { error: 'invalid_client', error_description: 'One for all' } })
      t.ok(result.error instanceof shared.constructor && result.error instanceof OAuth2Error)
      if (shared instanceof LockedError) t.equal(result.error.headers['x-hint'], 'hint')
    }
    t.equal(new Set([...errors, shared]).size, 4)
    t.strictSame(Object.getOwnPropertyDescriptors(shared), before)
    t.equal(shared.headers['www-authenticate'], undefined)
  }
})

test('RFC 9449 §8: an error that a token type throws twice leaks nothing from one answer into the other', async (t) => {
  const shared = toAccessError(new NonceRequired(), 'first')
  const type: TokenType = { name: 'DPoP', confirmationName: 'jkt', confirmAccess: () => { throw shared } }
  for (const realm of ['one', 'two']) {
    const result = await demoBuilder().setSecuritySchemeName(realm).setTokenType(type).build().verifyToken(new Request('https://a/', { headers: { authorization: 'DPoP x' } }))
    t.match(result, { success: false, error: { code: 'use_dpop_nonce', headers: { 'www-authenticate': `DPoP realm="${realm}", error="use_dpop_nonce"`, 'dpop-nonce': 'first' } } })
  }
  t.equal(shared.challenge, undefined)
  t.notMatch(JSON.stringify({ ...shared }), 'first', 'no log prints it')
})

test('Errors of another copy of the package are recognised by what they carry, and nothing else is', async (t) => {
  const folder = t.testdir()
  cpSync(fileURLToPath(new URL('../../src', import.meta.url)), join(folder, 'src'), { recursive: true })
  const other = await import(pathToFileURL(join(folder, 'src/index.ts')).href) as typeof import('../../src/index.ts')
  t.not(other.InvalidScopeError, InvalidScopeError)
  const refused = await demoBuilder().generateAccessToken(() => { throw new other.InvalidScopeError('Not today') }).build().token(tokenRequest())
  t.match(refused, { success: false, error: { code: 'invalid_scope', status: 400, message: 'Not today' } })
  const unavailable = await demoBuilder().getClient(() => { throw new Error('no', { cause: new other.StoreUnavailableError('away') }) }).build().token(tokenRequest())
  t.match(unavailable, { success: false, error: { status: 503 } })
  t.ok(new other.StrategyInvalidTokenError() instanceof StrategyError)
  t.notOk(new other.StrategyInvalidTokenError() instanceof OAuth2Error)
  t.ok(isFlow(new other.ClientCredentialsFlowBuilder().build()))
  t.equal(isFlow({ [Symbol.for('fastify-client-credentials.flow')]: 0 }), 'other version')
  const brand = Symbol.for('fastify-client-credentials.error')
  for (const value of [undefined, null, 'x', {}, new Error('x'), { [brand]: 'oauth2' }, { [brand]: 'oauth2', code: 'x', status: 200 }, { [brand]: 'strategy', code: 'x', status: 401 }, { [brand]: 'oauth2', code: 7, status: 401 }]) {
    t.notOk(isOAuth2Error(value), JSON.stringify(value))
  }
})

test('RFC 6749 §3.3: a scope implies others, and they theirs', async (t) => {
  const scopes = { 'data:admin': { description: 'All', implies: ['data:write'] }, 'data:write': { description: 'Write', implies: ['data:read'] }, 'data:read': 'Read' }
  const flow = demoBuilder().setScopes(scopes).build()
  t.strictSame(flow.getScopes(), { 'data:admin': 'All', 'data:write': 'Write', 'data:read': 'Read' })
  const holding = (scope: string[]) => ({ app: { id: 'a' }, scope })
  t.ok(hasScopes(settingsOf(flow), holding(['data:admin']), ['data:read', 'data:write']))
  t.ok(hasScopes(settingsOf(flow), holding(['data:write']), ['data:read']))
  t.notOk(hasScopes(settingsOf(flow), holding(['data:read']), ['data:write']))
  const issued = async (held: string[], scope?: string) => {
    const result = await demoBuilder().setScopes(scopes).getClient(({ clientId }) => ({ id: clientId, grants: ['client_credentials'], scopes: held })).build()
      .token(tokenRequest(scope === undefined ? {} : { scope }))
    return result.success ? result.tokenResponse.scope : result.error.code
  }
  t.equal(await issued(['data:admin'], 'data:read'), 'data:read', 'less than the client has')
  t.equal(await issued(['data:write']), 'data:write', 'none that it does not have by name')
  t.equal(await issued(['data:read'], 'data:write'), 'invalid_scope')
  const WRONG: [unknown, RegExp][] = [
    [{ a: { description: 'A', implies: ['b'] } }, /"b", which is not declared/],
    [{ a: { description: 'A', implies: ['a'] } }, /"a" implies itself/],
    [{ a: { description: 'A', implies: ['b'] }, b: { description: 'B', implies: ['c'] }, c: { description: 'C', implies: ['a'] } }, /implies itself/],
    [{ a: { implies: [] } }, /no description/],
    [{ a: 5 }, /no description/],
    [{ a: { description: 'A', implies: 'b' }, b: 'B' }, /not a list/],
    [{ a: { description: 'A', imply: ['b'] }, b: 'B' }, /"imply"/]
  ]
  for (const [declared, message] of WRONG) t.throws(() => demoBuilder().setScopes(declared as never).build(), { code: 'FST_OAUTH_INVALID_SCOPES', message })
})

const OAUTH_ERRORS: [new () => OAuth2Error, string, number, string, Record<string, string>][] = [
  [InvalidRequestError, 'invalid_request', 400, 'The request is malformed', {}],
  [MethodNotAllowedError, 'invalid_request', 405, 'The token endpoint takes POST only', { allow: 'POST' }],
  [InvalidClientError, 'invalid_client', 401, 'Client authentication failed', {}],
  [UnauthorizedClientError, 'unauthorized_client', 400, 'The client may not use this grant type', {}],
  [UnsupportedGrantTypeError, 'unsupported_grant_type', 400, 'The grant type must be client_credentials', {}],
  [InvalidScopeError, 'invalid_scope', 400, 'The requested scope is invalid', {}],
  [ServerError, 'server_error', 500, 'The server failed to handle the request', {}],
  [TemporarilyUnavailableError, 'temporarily_unavailable', 503, 'The server cannot handle the request now', {}]
]
const STRATEGY_ERRORS: [new () => StrategyError, string, number, string][] = [
  [StrategyInvalidRequestError, 'invalid_request', 400, 'The Authorization header is malformed'],
  [StrategyMissingTokenError, 'unauthorized', 401, 'An access token is required'],
  [StrategyInvalidTokenError, 'invalid_token', 401, 'The access token is invalid'],
  [StrategyInsufficientScopeError, 'insufficient_scope', 403, 'The access token lacks a scope'],
  [StrategyInternalError, 'server_error', 500, 'The server failed to verify the access token']
]

test('Every error knows its answer without being told', async (t) => {
  for (const [Class, code, status, message, headers] of OAUTH_ERRORS) {
    const error = new Class()
    t.strictSame([error.name, error.code, error.status, error.message, error.cause], [Class.name, code, status, message, undefined])
    t.strictSame(error.headers, { ...NO_STORE, ...headers }, Class.name)
    t.notOk('cause' in error, 'no cause, no member')
  }
  for (const [Class, code, status, message] of STRATEGY_ERRORS) {
    const error = new Class()
    t.strictSame([error.name, error.code, error.status, error.message, error.headers], [Class.name, code, status, message, {}])
    t.strictSame(error.body, { error: code, error_description: message })
  }
  t.strictSame(new TemporarilyUnavailableError('Later', { status: 429, retryAfter: 9 }).headers, { 'retry-after': '9', ...NO_STORE })
})

test('flow.token takes POST only', async (t) => {
  const flow = demoBuilder().build()
  for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    const error = await refusalOf(flow, new Request(URL_BASE + TOKEN_PATH, { method, headers: { authorization: basic('reader'), 'content-type': FORM } }))
    t.match(error, { name: 'MethodNotAllowedError', status: 405, code: 'invalid_request' }, method)
    t.strictSame(error.headers, { ...NO_STORE, allow: 'POST' }, method)
  }
})

test('flow.token takes forms only', async (t) => {
  const flow = demoBuilder().build()
  const send = (type: string) => new Request(URL_BASE + TOKEN_PATH, { method: 'POST', headers: { authorization: basic('reader'), 'content-type': type }, body: 'grant_type=client_credentials' })
  for (const type of [FORM, `${FORM};charset=UTF-8`, `${FORM} ; a=b`, FORM.toUpperCase()]) t.match(await issuedBy(flow, send(type)), { access_token: TOKEN }, type)
  const bare = new Request(URL_BASE + TOKEN_PATH, { method: 'POST', body: Buffer.from('grant_type=client_credentials'), headers: { authorization: basic('reader') } })
  for (const request of [send('application/json'), send('text/plain'), send(`${FORM}x`), bare]) {
    t.match(await refusalOf(flow, request), { code: 'invalid_request', status: 400, message: `The parameters must be sent in the body as ${FORM}` }, String(request.headers.get('content-type')))
  }
  const empty = new Request(URL_BASE + TOKEN_PATH, { method: 'POST', headers: { authorization: basic('reader'), 'content-type': FORM } })
  t.match(await refusalOf(flow, empty), { code: 'invalid_request', status: 400, message: 'The parameter grant_type is missing' })
})

test('flow.token reads a body of 64 KiB and no more', async (t) => {
  const flow = demoBuilder().build()
  const send = (body: string) => new Request(URL_BASE + TOKEN_PATH, { method: 'POST', headers: { authorization: basic('reader'), 'content-type': FORM }, body })
  const filled = (size: number) => 'grant_type=client_credentials&fill='.padEnd(size, 'x')
  t.match(await issuedBy(flow, send(filled(FORM_BODY_LIMIT))), { access_token: TOKEN })
  t.match(await refusalOf(flow, send(filled(FORM_BODY_LIMIT + 1))), { code: 'invalid_request', status: 413, message: 'The request body is too large' })
})

/** A token request whose body comes in chunks. */
function streamed (chunks: Iterable<Uint8Array>, onCancel: () => void = () => {}): Request {
  const iterator = chunks[Symbol.iterator]()
  const body = new ReadableStream<Uint8Array>({
    pull (controller) {
      const { done, value } = iterator.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: onCancel
  })
  return new Request(URL_BASE + TOKEN_PATH, { method: 'POST', headers: { authorization: basic('writer'), 'content-type': FORM }, body, duplex: 'half' })
}

test('flow.token reads a streamed body, even one that breaks inside a character', async (t) => {
  const bytes = Buffer.from(`grant_type=client_credentials&scope=${READ}&a=é€🔑`)
  const flow = demoBuilder().build()
  t.match(await issuedBy(flow, streamed(Array.from(bytes, (byte) => Uint8Array.of(byte)))), { access_token: tokenOf('writer', [READ]) })
})

test('flow.token stops reading a stream that is too large', async (t) => {
  function * endless () {
    while (true) yield new Uint8Array(FORM_BODY_LIMIT / 2).fill(0x61)
  }
  let cancelled = false
  const error = await refusalOf(demoBuilder().build(), streamed(endless(), () => { cancelled = true }))
  t.match(error, { code: 'invalid_request', status: 413 })
  t.ok(cancelled)
})

test('flow.token never throws', async (t) => {
  const flow = demoBuilder().build()
  const used = tokenRequest()
  await used.text()
  t.match(await refusalOf(flow, used), { code: 'server_error', status: 500, cause: TypeError })

  function * broken (): Generator<Uint8Array> {
    yield Buffer.from('grant_type=')
    throw new Error('connection reset')
  }
  t.match(await refusalOf(flow, streamed(broken())), { code: 'server_error', status: 500, cause: { message: 'connection reset' } })
  t.match(await refusalOf(flow, {} as Request), { status: 405 })
  t.match(await refusalOf(flow, null as unknown as Request), { code: 'server_error', cause: TypeError })
})

test('flow.token reads every Authorization field, and no query', async (t) => {
  const flow = demoBuilder().build()
  const twice = tokenRequest()
  twice.headers.append('authorization', basic('writer'))
  t.match(await refusalOf(flow, twice), { code: 'invalid_request', status: 400, message: 'The client authenticates in more than one way' })

  const query = new Request(`${URL_BASE}${TOKEN_PATH}?grant_type=client_credentials`, { method: 'POST', headers: { authorization: basic('reader'), 'content-type': FORM }, body: 'a=b' })
  t.match(await refusalOf(flow, query), { code: 'invalid_request', message: 'The parameter grant_type is missing' })
  const secret = new Request(`${URL_BASE}${TOKEN_PATH}?client_secret=a`, { method: 'POST', headers: { 'content-type': FORM }, body: 'grant_type=client_credentials' })
  t.match(await refusalOf(flow, secret), { code: 'invalid_request', message: 'Client credentials must not be in the URL' })
})

// The callbacks

test('Callbacks are told everything', async (t) => {
  const asked: (ClientCredentialsTokenRequest<string | undefined> | ClientCredentialsGrantContext)[] = []
  const flow = demoBuilder()
    .setAccessTokenLifetime(60)
    .getClient((context) => { asked.push(context); return getClient(context) })
    .generateAccessToken((context) => { asked.push(context); return 'token' })
    .build()
  await issuedBy(flow, tokenRequest({ scope: READ }, { authorization: basic('writer') }))
  t.strictSame(asked, [
    { clientId: 'writer', clientSecret: SECRET, grantType: 'client_credentials', scope: [READ], clientAuthMethod: 'client_secret_basic', clientAuthData: undefined, origin: URL_BASE },
    { client: CLIENTS.writer, grantType: 'client_credentials', scope: [READ], tokenType: 'Bearer', accessTokenLifetime: 60, origin: URL_BASE, resource: [], audience: undefined, confirmation: undefined, generation: undefined }
  ])
})

test('Callbacks get copies, which they may change', async (t) => {
  const confirmed: unknown[] = []
  const change = (context: { scope: string[] | undefined, clientId?: string, clientSecret?: string | undefined }) => {
    context.scope?.splice(0)
    Object.assign(context, { clientId: 'other', clientSecret: 'other', accessTokenLifetime: 1 })
  }
  const clients: Clients = {
    getClient,
    findClient: (id) => CLIENTS[id],
    confirm (client, { clientId, clientSecret, scope }) { confirmed.push({ clientId, clientSecret, scope }); return client }
  }
  const flow = demoBuilder()
    .useClients(clients)
    .getClient((context) => { const client = getClient(context); change(context); return client })
    .generateAccessToken((context) => { change(context); return 'token' })
    .build()
  t.match(await issuedBy(flow, tokenRequest({ scope: READ })), { scope: READ, expires_in: 3600 })
  t.strictSame(confirmed, Array(2).fill({ clientId: 'reader', clientSecret: SECRET, scope: [READ] }))
})

test('Callbacks may be sync or async', async (t) => {
  const sync = demoBuilder().getClient(getClient).generateAccessToken(() => 'token').verifyToken(() => ({ isValid: true, credentials: CREDENTIALS })).build()
  const async = demoBuilder().getClient(async (context) => getClient(context)).generateAccessToken(async () => 'token').verifyToken(async () => ({ isValid: true, credentials: CREDENTIALS })).build()
  for (const flow of [sync, async]) {
    t.match(await issuedBy(flow), { access_token: 'token' })
    t.strictSame(await flow.verifyToken(resourceRequest('Bearer token')), { success: true, credentials: CREDENTIALS })
  }
})

test('A token is generated as a text or an object, with a lifetime of its own or not', async (t) => {
  const SHAPES: [any, string, number][] = [['a.b', 'a.b', 3600], [{ accessToken: 'a.b' }, 'a.b', 3600], [{ accessToken: 'a==', expiresIn: 5 }, 'a==', 5], [{ accessToken: 'a', expiresIn: undefined }, 'a', 3600]]
  for (const [generated, token, lifetime] of SHAPES) {
    t.strictSame(await issuedBy(demoBuilder().generateAccessToken(() => generated).build()), { access_token: token, token_type: 'Bearer', expires_in: lifetime, scope: READ })
  }
})

const BAD_TOKENS: [string, unknown, RegExp][] = [
  ['nothing', undefined, /returned no token/],
  ['null', null, /returned no token/],
  ['an empty text', '', /no Authorization header can carry/],
  ['an empty object', {}, /no Authorization header can carry/],
  ['a number', 5, /no Authorization header can carry/],
  ['an object with a number', { accessToken: 5 }, /no Authorization header can carry/],
  ['a space', 'a b', /no Authorization header can carry/],
  ['a line break', 'a\n', /no Authorization header can carry/],
  ['a quote', 'a"', /no Authorization header can carry/],
  ['non-ASCII', { accessToken: 'é' }, /no Authorization header can carry/],
  ['padding inside', 'a=b', /no Authorization header can carry/],
  ...[0, -1, 1.5, NaN, Infinity, '3600', {}].map((expiresIn): [string, unknown, RegExp] => [`expiresIn ${expiresIn}`, { accessToken: 'a', expiresIn }, /no positive number of seconds/])
]

test('A token that cannot be used is server_error, with its reason as the cause', async (t) => {
  for (const [name, generated, reason] of BAD_TOKENS) {
    const error = await refusalOf(demoBuilder().generateAccessToken(() => generated as string).build())
    t.match(error, { code: 'server_error', status: 500, cause: TypeError }, name)
    t.match((error.cause as Error).message, reason, name)
    t.strictSame(error.body, { error: 'server_error', error_description: 'The server failed to handle the request' }, name)
  }
})

test('Access tokens as a parameter fill the callbacks that are not set', async (t) => {
  const accessTokens = { issue: () => 'theirs', verify: () => ({ isValid: true as const, credentials: CREDENTIALS }) }
  const settings = settingsOf(new ClientCredentialsFlowBuilder({ accessTokens }).build())
  t.strictSame(settings.missingCallbacks, ['getClient'])
  t.match(await issuedBy(new ClientCredentialsFlow({ getClient: settingsOf(demoBuilder().build()).getClient, accessTokens, generateAccessToken: () => 'ours' })), { access_token: 'ours' })
})

test('useAccessTokens fills both callbacks, with their object', async (t) => {
  class Handles implements AccessTokens {
    readonly #issued = new Map<string, string>()
    issue ({ client }: ClientCredentialsGrantContext) {
      this.#issued.set('handle', client.id)
      return 'handle'
    }

    verify (token: string, { tokenType }: VerifyTokenContext) {
      const id = this.#issued.get(token)
      return id === undefined ? { isValid: false as const } : { isValid: true as const, credentials: { app: { id }, scope: tokenType } }
    }
  }
  const flow = new ClientCredentialsFlowBuilder().getClient(getClient).useAccessTokens(new Handles()).build()
  t.strictSame(settingsOf(flow).missingCallbacks, [])
  t.match(await issuedBy(flow), { access_token: 'handle' })
  t.strictSame(await flow.verifyToken(resourceRequest('Bearer handle')), { success: true, credentials: { app: { id: 'reader' }, scope: ['Bearer'] } })
  t.match(await strategyErrorOf(flow, resourceRequest('Bearer other')), { code: 'invalid_token' })
})

test('useClients fills getClient, with its object, where that is not set', async (t) => {
  class Table implements Clients {
    readonly #clients = CLIENTS
    getClient ({ clientId, clientSecret }: ClientCredentialsTokenRequest<string | undefined>) {
      return clientSecret === SECRET ? this.findClient(clientId) : undefined
    }

    findClient (clientId: string) {
      return this.#clients[clientId]
    }
  }
  const complete = (builder: ClientCredentialsFlowBuilder) => builder.generateAccessToken(({ client }) => client.id).build()
  for (const builder of [new ClientCredentialsFlowBuilder().useClients(new Table()), new ClientCredentialsFlowBuilder({ clients: new Table() })]) {
    const flow = complete(builder)
    t.strictSame(settingsOf(flow).missingCallbacks, ['verifyToken'])
    t.match(await issuedBy(flow), { access_token: 'reader' })
    t.match(await refusalOf(flow, tokenRequest({}, { authorization: basic('reader', 'wrong') })), { code: 'invalid_client' })
  }
  const own = complete(new ClientCredentialsFlowBuilder().useClients(new Table()).getClient(() => ({ ...CLIENTS.reader!, id: 'own' })))
  t.match(await issuedBy(own), { access_token: 'own' }, 'getClient wins')
})

test('A client that asks for no scope gets its default scopes, and one that asks gets what it asks for', async (t) => {
  const flowFor = (client: Partial<OAuth2Client>) => demoBuilder().getClient(() => ({ ...CLIENTS.writer!, ...client })).build()
  const some = flowFor({ defaultScopes: [READ] })
  t.match(await issuedBy(some), { scope: READ })
  t.match(await issuedBy(some, tokenRequest({ scope: '' })), { scope: READ }, 'empty is left out (RFC 6749 §3.2)')
  t.match(await issuedBy(some, tokenRequest({ scope: WRITE })), { scope: WRITE })
  t.match(await issuedBy(flowFor({})), { scope: `${READ} ${WRITE}` }, 'without, all of its scopes')
  t.notOk('scope' in (await issuedBy(flowFor({ defaultScopes: [] })) as object), 'none by default')
  t.match(await refusalOf(flowFor({ scopes: [READ], defaultScopes: [WRITE] })), { code: 'invalid_scope' }, 'a default is no grant')
})

// flow.verifyToken

test('flow.verifyToken gives the credentials, and leaves the body alone', async (t) => {
  const flow = demoBuilder().build()
  const request = new Request(`${URL_BASE}/data`, { method: 'POST', headers: { authorization: `bearer ${TOKEN}`, 'content-type': FORM }, body: 'access_token=other' })
  t.strictSame(await flow.verifyToken(request), { success: true, credentials: CREDENTIALS })
  t.equal(request.bodyUsed, false)
})

test('flow.verifyToken passes the token and how it came', async (t) => {
  const asked: unknown[] = []
  const flow = demoBuilder().verifyToken((...args) => { asked.push(args); return { isValid: true, credentials: { ...CREDENTIALS, claims: { jti: '1' } } } }).build()
  t.strictSame(await flow.verifyToken(resourceRequest('Bearer a.b')), { success: true, credentials: { ...CREDENTIALS, claims: { jti: '1' } } })
  t.strictSame(asked, [['a.b', { tokenType: 'Bearer', confirmation: undefined }]])
})

const CHALLENGE = 'Bearer realm="demo"'
const WEB_REFUSALS: [string, Request, new () => StrategyError, string][] = [
  ['no token', resourceRequest(), StrategyMissingTokenError, CHALLENGE],
  ['another scheme', resourceRequest(basic('reader')), StrategyMissingTokenError, CHALLENGE],
  ['a malformed token', resourceRequest('Bearer a b'), StrategyInvalidRequestError, `${CHALLENGE}, error="invalid_request", error_description="The Authorization header is malformed"`],
  ['a second token in the query', new Request(`${URL_BASE}/data?access_token=a`, { headers: { authorization: `Bearer ${TOKEN}` } }), StrategyInvalidRequestError, `${CHALLENGE}, error="invalid_request", error_description="The access token is sent in more than one way"`],
  ['an unknown token', resourceRequest('Bearer nonsense'), StrategyInvalidTokenError, `${CHALLENGE}, error="invalid_token", error_description="Unknown token"`]
]

test('flow.verifyToken refuses with an error that knows its answer', async (t) => {
  const flow = demoBuilder().build()
  for (const [name, request, Class, challenge] of WEB_REFUSALS) {
    const result = await flow.verifyToken(request)
    t.strictSame(Object.keys(result), ['success', 'error'], name)
    if (result.success) throw new Error(`${name} was accepted`)
    t.ok(result.error instanceof Class, name)
    t.equal(result.error.challenge, challenge, name)
    t.strictSame(result.error.headers, { 'www-authenticate': challenge }, name)
    t.strictSame(result.error.body, { error: new Class().code, error_description: result.error.message }, name)
  }
})

test('flow.verifyToken never throws', async (t) => {
  const reason = new Error('database away')
  const failing = demoBuilder().verifyToken(() => { throw reason }).build()
  const error = await strategyErrorOf(failing)
  t.ok(error instanceof StrategyInternalError)
  t.equal(error.cause, reason)
  t.strictSame(error.headers, {})
  t.ok(await strategyErrorOf(failing, null as unknown as Request) instanceof StrategyInternalError)
  t.match(await strategyErrorOf(failing, {} as Request), { code: 'server_error', cause: TypeError })
})

test('checkScope wants every scope that is needed', async (t) => {
  const settings = settingsOf(demoBuilder().build())
  const both = { app: { id: 'writer' }, scope: [READ, WRITE] }
  const REQUEST: PlainRequest = { method: 'GET', url: '/', header: () => 'Bearer token' }
  t.doesNotThrow(() => checkScope(settings, REQUEST, both, [READ, WRITE]))
  t.doesNotThrow(() => checkScope(settings, REQUEST, both, [WRITE]))
  t.doesNotThrow(() => checkScope(settings, REQUEST, CREDENTIALS, []))
  for (const needed of [[WRITE], [READ, WRITE], [WRITE, READ]]) {
    t.throws(() => checkScope(settings, REQUEST, CREDENTIALS, needed), {
      name: 'StrategyInsufficientScopeError',
      status: 403,
      challenge: `${CHALLENGE}, scope="${needed.join(' ')}", error="insufficient_scope", error_description="The access token lacks a scope"`
    })
  }
})

// Client authentication methods of one's own

/** Takes the client's word from a header field, as a proxy that has checked it would. */
const proxied: ClientAuthMethod = {
  name: 'proxied',
  scheme: 'Proxied',
  carries: (request) => request.header('x-client') !== undefined,
  async authenticate (request) {
    const clientId = request.header('x-client')
    if (clientId === undefined) return undefined
    if (clientId === 'malformed') throw new InvalidClientError(undefined, { cause: 'the proxy is confused' })
    if (clientId === 'broken') throw new Error('proxy away')
    return { kind: 'verified', clientId }
  }
}

/** The same, by what can be awaited and is no Promise, as the query of a database library. */
const queried: ClientAuthMethod = {
  ...proxied,
  authenticate: (request) => ({ then: (fulfilled: never, rejected: never) => Promise.resolve(proxied.authenticate(request)).then(fulfilled, rejected) }) as never
}

/** A flow with a method of its own, whose getClient trusts what that has proven. */
function proxiedFlow (adapt = (builder: ClientCredentialsFlowBuilder) => builder, method = proxied): { flow: ClientCredentialsFlow, asked: ClientCredentialsTokenRequest<string | undefined>[] } {
  const asked: ClientCredentialsTokenRequest<string | undefined>[] = []
  const builder = demoBuilder().addClientAuthenticationMethod(method).getClient((context) => {
    asked.push(context)
    return context.clientAuthMethod === 'proxied' ? CLIENTS[context.clientId] : getClient(context)
  })
  return { flow: adapt(builder).build(), asked }
}

for (const [how, method] of Object.entries({ 'by a promise': proxied, 'by what can be awaited': queried })) {
  test(`A method of our own proves a client without a secret, ${how}`, async (t) => {
    const { flow, asked } = proxiedFlow(undefined, method)
    t.strictSame(flow.getTokenEndpointAuthMethods(), ['client_secret_basic', 'client_secret_post', 'proxied'])
    t.match(await issuedBy(flow, tokenRequest({ scope: READ }, { 'x-client': 'writer' })), { access_token: tokenOf('writer', [READ]) })
    t.strictSame(asked, [{ clientId: 'writer', clientSecret: undefined, grantType: 'client_credentials', scope: [READ], clientAuthMethod: 'proxied', clientAuthData: undefined, origin: URL_BASE }])
    t.match(await issuedBy(flow, tokenRequest({ client_id: 'writer' }, { 'x-client': 'writer' })), { access_token: tokenOf('writer', [READ, WRITE]) })
    t.match(await issuedBy(flow), { access_token: TOKEN }, 'the others still work')
  })
}

test('A method of our own is bound by the same rules', async (t) => {
  const { flow } = proxiedFlow()
  const SEVERAL = { code: 'invalid_request', status: 400, message: 'The client authenticates in more than one way' }
  const offered = `${BASIC_CHALLENGE}, Proxied realm="demo"`
  t.match(await refusalOf(flow, tokenRequest({}, { 'x-client': 'reader', authorization: basic('reader') })), SEVERAL, 'beside Basic')
  t.match(await refusalOf(flow, tokenRequest({ client_id: 'reader', client_secret: SECRET }, { 'x-client': 'reader' })), SEVERAL, 'beside a body secret')
  t.match(await refusalOf(flow, tokenRequest({ client_id: 'writer' }, { 'x-client': 'reader' })), { code: 'invalid_request', message: 'The client_id differs from the client that authenticates' })
  t.match(await refusalOf(flow, tokenRequest({}, { 'x-client': 'poster' })), { code: 'invalid_client', challenge: offered, cause: 'the client poster is registered for client_secret_post, and used proxied' })
  t.match(await refusalOf(flow, tokenRequest({}, { 'x-client': 'unknown' })), { code: 'invalid_client', challenge: offered })
  t.match(await refusalOf(flow, tokenRequest({}, { 'x-client': 'malformed' })), { code: 'invalid_client', status: 401, challenge: offered, cause: 'the proxy is confused' })
  t.match(await refusalOf(flow, tokenRequest({}, { 'x-client': 'broken' })), { code: 'server_error', status: 500, challenge: undefined, cause: { message: 'proxy away' } })
  t.match(await refusalOf(flow, tokenRequest({}, {})), { code: 'invalid_client', challenge: offered, cause: 'the request carries no credentials of client_secret_basic, client_secret_post, proxied' })
})

test('A method of our own is offered in the challenge by its scheme', async (t) => {
  const challengeOf = async (...methods: ClientCredentialsFlowOptions['clientAuthenticationMethods']) =>
    (await refusalOf(new ClientCredentialsFlow({ clientAuthenticationMethods: methods }), tokenRequest({}, {}))).challenge
  const schemeless: ClientAuthMethod = { name: 'schemeless', carries: () => false, authenticate: none }
  t.equal(await challengeOf(proxied), 'Proxied realm="oauth2-flow"')
  t.equal(await challengeOf(proxied, 'client_secret_basic'), 'Proxied realm="oauth2-flow", Basic realm="oauth2-flow", error="invalid_client"')
  t.equal(await challengeOf(proxied, { ...proxied, name: 'again' }), 'Proxied realm="oauth2-flow"', 'once')
  t.equal(await challengeOf(schemeless), 'Basic realm="oauth2-flow", error="invalid_client"', 'never without a challenge')
  t.equal(await challengeOf('client_secret_post'), 'Basic realm="oauth2-flow", error="invalid_client"')
})

test('A method of our own may bring its challenge', async (t) => {
  const picky: ClientAuthMethod = { name: 'picky', carries: () => true, authenticate: () => { throw new InvalidClientError('Sign it', { challenge: 'Picky nonce="a"' }) } }
  t.match(await refusalOf(demoBuilder().addClientAuthenticationMethod(picky).build(), tokenRequest({}, {})), { challenge: 'Picky nonce="a"', body: { error: 'invalid_client', error_description: 'Sign it' } })
})

test('A method of our own sees the whole request', async (t) => {
  const seen: unknown[] = []
  const curious: ClientAuthMethod = {
    name: 'curious',
    carries: () => true,
    authenticate: ({ method, url, form, header }: TokenRequest) => { seen.push(method, url, { ...form }, header('x-a'), header('x-b')); return undefined }
  }
  await refusalOf(new ClientCredentialsFlow({ clientAuthenticationMethods: [curious] }), tokenRequest([['resource', 'a'], ['resource', 'b']], { 'X-A': '1' }))
  t.strictSame(seen, ['POST', URL_BASE + TOKEN_PATH, { grant_type: 'client_credentials', resource: ['a', 'b'] }, '1', undefined])
})

// Token types of one's own

/** Binds tokens to what a header field says. */
class BoundTokenType implements TokenType {
  readonly name = 'Bound'
  readonly challengeParameters = { algs: 'ES256 EdDSA' }

  async confirmTokenRequest (request: TokenRequest): Promise<Confirmation | undefined> {
    return this.#proofOf(request, () => new InvalidRequestError('The proof is missing'))
  }

  async confirmAccess (request: PlainRequest): Promise<{ confirmation: Confirmation } | undefined> {
    const confirmation = this.#proofOf(request, () => new StrategyError('invalid_dpop_proof', 401, 'The proof is missing'))
    return confirmation && { confirmation }
  }

  #proofOf (request: PlainRequest, refusal: () => Error): Confirmation | undefined {
    const proof = request.header('x-proof')
    if (proof === undefined) throw refusal()
    if (proof === 'broken') throw new Error('replay store away')
    return proof === 'none' ? undefined : { jkt: proof }
  }
}

const BOUND_CHALLENGE = 'Bound realm="demo"'
const ALGS = 'algs="ES256 EdDSA"'
const proving = (proof: string | undefined, authorization = 'Bound token') =>
  new Request(`${URL_BASE}/data`, { headers: { authorization, ...(proof !== undefined && { 'x-proof': proof }) } })

/** A flow of one token type whose one token is bound to this. */
function boundFlow (confirmation: Confirmation | undefined, tokenType: TokenType = new BoundTokenType()): ClientCredentialsFlow {
  return demoBuilder().setTokenType(tokenType).verifyToken(() => ({ isValid: true, credentials: CREDENTIALS, confirmation })).build()
}

test('A token type of our own binds what is issued', async (t) => {
  const confirmations: unknown[] = []
  const flow = demoBuilder().setTokenType(new BoundTokenType()).generateAccessToken(({ tokenType, confirmation }) => { confirmations.push(tokenType, confirmation); return 'token' }).build()
  const send = (headers: Record<string, string>) => tokenRequest({}, { authorization: basic('reader'), ...headers })
  t.strictSame(await issuedBy(flow, send({ 'x-proof': 'key' })), { access_token: 'token', token_type: 'Bound', expires_in: 3600, scope: READ })
  t.strictSame(confirmations, ['Bound', { jkt: 'key' }])
  t.match(await refusalOf(flow, send({})), { code: 'invalid_request', status: 400, message: 'The proof is missing' })
  t.match(await refusalOf(flow, send({ 'x-proof': 'broken' })), { code: 'server_error', status: 500, cause: { message: 'replay store away' } })
})

test('A proof is not looked at before the client and its scope are', async (t) => {
  let proofs = 0
  const counting: TokenType = { name: 'Counting', confirmTokenRequest: () => { proofs++; return undefined } }
  const flow = demoBuilder().setTokenType(counting).build()
  t.match(await refusalOf(flow, tokenRequest({}, { authorization: basic('reader', 'wrong') })), { code: 'invalid_client' })
  t.match(await refusalOf(flow, tokenRequest({}, { authorization: basic('browser') })), { code: 'unauthorized_client' })
  t.match(await refusalOf(flow, tokenRequest({ scope: WRITE })), { code: 'invalid_scope' })
  t.equal(proofs, 0)
  await issuedBy(flow)
  t.equal(proofs, 1)
})

const BOUND = { jkt: 'key' }
const CONFIRMATIONS: [string, Confirmation | undefined, string, boolean][] = [
  ['a bound token with its proof', BOUND, 'key', true],
  ['a bound token with another proof', BOUND, 'other', false],
  ['a bound token with a proof in another case', BOUND, 'KEY', false],
  ['a bound token without a proof', BOUND, 'none', false],
  ['a bearer token with a proof', undefined, 'key', false],
  ['a bearer token without a proof', undefined, 'none', true],
  ['a token that is bound twice', { ...BOUND, 'x5t#S256': 'cert' }, 'key', false],
  ['a token that is bound by another member', { 'x5t#S256': 'key' }, 'key', false],
  ['a token that is bound to nothing', {}, 'key', false],
  ['a token that is bound to nothing, without a proof', {}, 'none', false]
]

test('A bound token is taken with its own proof only', async (t) => {
  for (const [name, confirmation, proof, accepted] of CONFIRMATIONS) {
    const result = await boundFlow(confirmation).verifyToken(proving(proof))
    t.equal(result.success, accepted, name)
    if (result.success) continue
    t.match(result.error, {
      code: 'invalid_token',
      status: 401,
      cause: 'the token is bound to another sender',
      challenge: `${BOUND_CHALLENGE}, error="invalid_token", error_description="The access token is invalid", ${ALGS}`
    }, name)
  }
})

test('RFC 9449 §7.2: a bound token is never a bearer token', async (t) => {
  for (const confirmation of [BOUND, {}]) {
    t.match(await strategyErrorOf(boundFlow(confirmation, new BearerTokenType())), { code: 'invalid_token', cause: 'the token is bound to another sender' })
  }
  t.match(await boundFlow(undefined, new BearerTokenType()).verifyToken(resourceRequest(`Bearer ${TOKEN}`)), { success: true })
  t.match(await strategyErrorOf(boundFlow(BOUND), proving('key', 'Bearer token')), { name: 'StrategyMissingTokenError', challenge: `${BOUND_CHALLENGE}, ${ALGS}` }, 'under its scheme only')
  t.match(await boundFlow(BOUND).verifyToken(proving('key', 'bOUND token')), { success: true }, 'in any case')
})

test('A proof of nothing binds to nothing', async (t) => {
  const empty: TokenType = { name: 'Empty', confirmAccess: () => ({ confirmation: {} }) }
  for (const confirmation of [{}, undefined, BOUND]) {
    t.match(await strategyErrorOf(boundFlow(confirmation, empty), proving(undefined, 'Empty token')), { code: 'invalid_token' })
  }
})

test('An answer of confirmAccess that is no proof is never taken for none', async (t) => {
  for (const answer of [BOUND, { confirmation: undefined }, { confirmation: null }, { confirmation: 'key' }, null, 'key', true]) {
    const wrong = { name: 'Wrong', confirmAccess: () => answer } as unknown as TokenType
    for (const confirmation of [undefined, BOUND]) {
      t.match(await strategyErrorOf(boundFlow(confirmation, wrong), proving(undefined, 'Wrong token')), { code: 'server_error', cause: TypeError })
    }
  }
})

test('A proof is consumed once, and only with a valid token that is bound to it', async (t) => {
  let consumed = 0
  const once: TokenType = { name: 'Once', confirmAccess: () => ({ confirmation: BOUND, consume: async () => { if (consumed++ > 0) throw new StrategyError('invalid_dpop_proof', 401, 'The proof was used before') } }) }
  t.match(await strategyErrorOf(boundFlow({ jkt: 'another' }, once), proving(undefined, 'Once token')), { code: 'invalid_token' })
  t.equal(consumed, 0)
  t.match(await boundFlow(BOUND, once).verifyToken(proving(undefined, 'Once token')), { success: true })
  t.equal(consumed, 1)
  t.match(await strategyErrorOf(boundFlow(BOUND, once), proving(undefined, 'Once token')), { code: 'invalid_dpop_proof' })
})

test('A proof of more than the token is bound to is another proof', async (t) => {
  const both = { jkt: 'key', 'x5t#S256': 'cert' }
  const double: TokenType = { name: 'Double', confirmAccess: () => ({ confirmation: both }) }
  t.match(await strategyErrorOf(boundFlow(BOUND, double), proving(undefined, 'Double token')), { code: 'invalid_token' })
  t.match(await boundFlow({ ...both }, double).verifyToken(proving(undefined, 'Double token')), { success: true })
})

test('A token type of our own refuses and fails in its own words', async (t) => {
  const asked: string[] = []
  const flow = demoBuilder().setTokenType(new BoundTokenType()).verifyToken((token, { tokenType, confirmation }) => {
    asked.push(token, tokenType, JSON.stringify(confirmation))
    return { isValid: true, credentials: CREDENTIALS, confirmation }
  }).build()
  t.match(await strategyErrorOf(flow, proving(undefined)), {
    code: 'invalid_dpop_proof',
    status: 401,
    challenge: `${BOUND_CHALLENGE}, error="invalid_dpop_proof", error_description="The proof is missing", ${ALGS}`
  })
  t.match(await strategyErrorOf(flow, proving('broken')), { code: 'server_error', status: 500, challenge: undefined, cause: { message: 'replay store away' } })
  t.strictSame(asked, [], 'the token is not verified')
  t.strictSame(await flow.verifyToken(proving('key')), { success: true, credentials: CREDENTIALS })
  t.strictSame(asked, ['token', 'Bound', '{"jkt":"key"}'])
})

test('A token type of our own cannot double a parameter of the challenge', async (t) => {
  const greedy: TokenType = { name: 'Greedy', challengeParameters: { realm: 'mine', algs: 'ES256' } }
  t.equal((await strategyErrorOf(boundFlow(undefined, greedy), resourceRequest())).challenge, 'Greedy realm="mine", algs="ES256"')
})
