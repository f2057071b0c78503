import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'
import * as plugin from '../plugin/index.ts'
import * as schemas from '../schemas/index.ts'
import * as core from '../src/index.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const filesOf = (folder: string) => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => posix.join(folder, name))
const textOf = (file: string) => readFileSync(join(root, file), 'utf8')

/** What a file imports: paths from the root for files of ours, names for packages. */
const importsOf = (file: string) => ts.preProcessFile(textOf(file), true, true).importedFiles
  .map(({ fileName }) => fileName.startsWith('.') ? posix.join(posix.dirname(file), fileName) : fileName)

const layers = { src: filesOf('src'), plugin: filesOf('plugin'), schemas: filesOf('schemas') }
const all = Object.values(layers).flat()

const CORE_EXPORTS = [
  'AUTHORIZATION_SERVER', 'BearerTokenType', 'CertificateBoundTokenType', 'ClientCredentialsFlow', 'ClientCredentialsFlowBuilder',
  'DPoPTokenType', 'FLOW_DEFAULTS', 'FLOW_ERRORS', 'FORM_BODY_LIMIT', 'FORM_MEDIA_TYPE', 'FailureThrottle', 'FlowConfigurationError',
  'GRANT_TYPE', 'INTROSPECTION_JWT_MEDIA_TYPE', 'InvalidClientError', 'InvalidDPoPProofError', 'InvalidRequestError', 'InvalidScopeError',
  'InvalidTargetError', 'JwtAccessTokens', 'MemoryStore', 'MethodNotAllowedError', 'NO_STORE', 'OAuth2Error', 'OpaqueAccessTokens',
  'PROTECTED_RESOURCE', 'RemoteAccessTokens', 'ServerError', 'SigningKeys', 'StrategyError', 'StrategyInsufficientScopeError',
  'StrategyInternalError', 'StrategyInvalidDPoPProofError', 'StrategyInvalidRequestError', 'StrategyInvalidTokenError',
  'StrategyMissingTokenError', 'TemporarilyUnavailableError', 'UnauthorizedClientError', 'UnsupportedGrantTypeError',
  'canSignIntrospection', 'checkPresentedToken', 'checkScope', 'checkTokenParameters', 'clientSecretBasic', 'clientSecretJwt',
  'clientSecretPost', 'formTooLarge', 'grantAudience', 'guardedFetch', 'introspectToken', 'introspectTokenAsJwt', 'isAccessTokenType',
  'isIssuer', 'isScopeToken', 'isSecureUrl', 'issueAccessToken', 'judgeClaims', 'notAForm', 'parseForm', 'plainParameterName',
  'privateKeyJwt', 'revokeToken', 'selfSignedTlsClientAuth', 'severalTokens', 'systemClock', 'tlsClientAuth', 'toResourceMetadata',
  'toSecuritySchemes', 'toServerMetadata', 'verifyAccess', 'wantsIntrospectionJwt', 'wellKnownUrl', 'workloadIdentities'
]

const CORE_DEPENDENCIES = ['fast-querystring', 'jose', 'node:crypto', 'node:dns', 'node:https', 'node:net', 'node:os', 'node:stream', 'node:util', 'toad-cache']

t.test('the core imports nothing of Fastify, of the plugin and of the schemas', async (t) => {
  for (const file of layers.src) {
    const foreign = importsOf(file).filter((name) => !name.startsWith('src/') && !CORE_DEPENDENCIES.includes(name))
    t.strictSame(foreign, [], file)
  }
})

t.test('the core reads the clock in one place, and never the process', async (t) => {
  for (const file of layers.src) {
    if (file !== 'src/clock.ts') t.notMatch(textOf(file), /\bprocess\.\w|Date\.now|new Date\(\)/, file)
  }
})

t.test('the plugin reaches the core and the schemas through their index only', async (t) => {
  for (const file of layers.plugin) {
    const inside = importsOf(file).filter((name) => /^(?:src|schemas|test|example)\//.test(name))
    t.strictSame(inside.filter((name) => name !== 'src/index.ts' && name !== 'schemas/index.ts'), [], file)
  }
})

t.test('the schemas import nothing but each other', async (t) => {
  for (const file of layers.schemas) t.strictSame(importsOf(file).filter((name) => !name.startsWith('schemas/')), [], file)
})

t.test('no import goes round in a circle, types included', async (t) => {
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    t.notOk(path.includes(file), [...path, file].join(' -> '))
    if (done.has(file) || path.includes(file)) return
    for (const imported of importsOf(file)) if (all.includes(imported)) visit(imported, [...path, file])
    done.add(file)
  }
  for (const file of all) visit(file, [])
})

t.test('no file is longer than 300 lines', async (t) => {
  for (const file of all) t.ok(textOf(file).split('\n').length <= 300, file)
})

t.test('the entry points export exactly what they mean to', async (t) => {
  t.strictSame(Object.keys(core).sort(), CORE_EXPORTS)
  t.strictSame(Object.keys(schemas).sort(), [
    'introspectionResponseSchema', 'jwksSchema', 'oauthErrorSchema', 'presentedTokenRequestSchema', 'resourceMetadataSchema', 'serverMetadataSchema',
    'tokenRequestSchema', 'tokenResponseSchema'
  ])
  t.strictSame(Object.keys(plugin).sort(), [
    ...CORE_EXPORTS, 'PLUGIN_ERRORS', 'clientCredentialsPlugin', 'credentialsOf', 'default', 'dpopRequestInterceptor', 'fastifyJwtTokens', 'oauthTransformObject'
  ].sort())
  t.equal(plugin.default, plugin.clientCredentialsPlugin)
})
