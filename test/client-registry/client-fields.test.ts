// Every field of a client, through every surface that the table of fields drives; and the claims of clients in every kind of token.
import jwt from '@fastify/jwt'
import createAjvCompiler from '@fastify/ajv-compiler'
import Fastify from 'fastify'
import { test } from 'tap'
import clientCredentialsPlugin, {
  ClientCredentialsFlowBuilder, ClientRegistry, fastifyJwtTokens, JwtAccessTokens, MemoryStore, OpaqueAccessTokens, SigningKeys
} from '../../plugin/index.ts'
import type { AccessTokens } from '../../plugin/index.ts'
import { clientInformationSchema, clientRegistrationSchema } from '../../schemas/index.ts'
import { readRegistration } from '../../src/cli/commands/client-options.ts'
import { printClient } from '../../src/cli/commands/client-output.ts'
import { readRows } from '../../src/cli/import/rows.ts'
import { FIELD_ENTRIES } from '../../src/client-registry/client-fields.ts'
import type { ClientRegistration } from '../../src/client-registry/client-fields.ts'
import { fromClientMetadata, toClientMetadata, toReplacement } from '../../src/client-registry/client-metadata.ts'
import { RESERVED_CLAIMS } from '../../src/jws/reserved-claims.ts'
import { createGrant, toClaims, toTokenInformation } from '../../src/access-token/token-grant.ts'
import { basic, FORM, TOKEN_PATH } from '../support/demo.ts'

const ISSUER = 'https://as.example'
const AUDIENCE = 'https://api.example'
const JWKS = { keys: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo', kid: 'one' }] }

type Fields = Required<ClientRegistration>
/** A value of each field, as an option of the command line has it, and the other fields that it needs. */
const SAMPLES: { [Name in keyof Fields]: readonly [value: Fields[Name], option: string, others?: ClientRegistration] } = {
  name: ['Zoë', 'Zoë'],
  scopes: [['a', 'b'], 'a b'],
  defaultScopes: [['a'], 'a', { scopes: ['a'] }],
  audiences: [['https://one.example', 'two'], 'https://one.example two'],
  introspects: [['https://one.example'], 'https://one.example'],
  accessTokenLifetime: [900, '15m'],
  authMethods: [['private_key_jwt'], 'private_key_jwt', { jwks: JWKS }],
  jwks: [JWKS, JSON.stringify(JWKS)],
  jwksUri: ['https://client.example/jwks.json', 'https://client.example/jwks.json'],
  certificateName: [{ sanDns: 'client.example' }, 'dns:client.example'],
  senderConstraint: ['dpop', 'dpop'],
  claims: [{ tenant: { id: 't7', tags: ['a', 1, null, true] } }, '{"tenant":{"id":"t7","tags":["a",1,null,true]}}'],
  metadata: [{ team: 'billing' }, '{"team":"billing"}']
}

const accepts = (schema: object, value: object) => {
  const validate = createAjvCompiler()({}, { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } })({ schema } as never) as (value: object) => boolean
  return validate(value)
}

async function rowsOf (text: string, format: 'csv' | 'jsonl'): Promise<object[]> {
  const clients = []
  for await (const { client } of readRows((async function * () { yield text })(), format)) clients.push(client)
  return clients
}

test('A field keeps its value in the registry, in metadata, in files and on the command line', async (t) => {
  t.strictSame(Object.keys(SAMPLES), FIELD_ENTRIES.map(([name]) => name))
  const registry = new ClientRegistry(new MemoryStore())
  for (const [name, field] of FIELD_ENTRIES) {
    const [value, option, others] = SAMPLES[name]
    const registration: ClientRegistration = { ...others, [name]: value }
    const { client } = await registry.add({ id: name, ...registration })
    t.strictSame((await registry.find(name))?.[name], value, name)

    const metadata = toClientMetadata(registration)
    t.ok(accepts(clientRegistrationSchema, metadata), `${name} in the schema`)
    for (const member of Object.keys(metadata)) t.ok(member in clientInformationSchema.properties, member)
    t.strictSame(fromClientMetadata(metadata), registration, `${name} from metadata`)
    t.ok(name in toReplacement({}), `${name} is removed by a replacement`)

    const cells = Object.fromEntries(Object.entries(metadata).map(([member, cell]) => [member, Array.isArray(cell) ? cell.join(' ') : typeof cell === 'object' ? JSON.stringify(cell) : String(cell)]))
    const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
    const csv = `client_id,${Object.keys(cells).join(',')}\n${name},${Object.values(cells).map(quoted).join(',')}\n`
    t.strictSame(await rowsOf(csv, 'csv'), [{ id: name, ...registration }], `${name} from CSV`)
    t.strictSame(await rowsOf(JSON.stringify({ client_id: name, ...metadata }), 'jsonl'), [{ id: name, ...registration }], `${name} from JSON lines`)

    t.strictSame(await readRegistration({ [field.option.name]: option }, {} as never), { [name]: value }, `${name} from an option`)
    t.strictSame(await readRegistration({ [field.option.name]: '' }, {} as never), { [name]: undefined }, `${name} is removed by an empty option`)
    let shown = ''
    const stdout = { write: (text: string, done: () => void) => { shown += text; done() } }
    await printClient({ io: { stdout }, isJson: false } as never, client)
    t.match(shown, new RegExp(`^${field.label} +\\S`, 'm'))

    const found = await registry.findClient(name) as unknown as Record<string, object>
    t.equal(name in found, field.reaches === 'client', `${name} in OAuth2Client`)
    if (field.reaches === 'client') t.match(found[name], value)
    else t.equal(Object.keys(field.members).some((member) => member in (found['metadata'] ?? {})), field.reaches === 'metadata')
  }
})

test('A value of another type is rejected by its name, and JSON without its text', async (t) => {
  t.throws(() => fromClientMetadata({ jwks: '{ secret' }), { code: 'FST_OAUTH_INVALID_CLIENT', detail: 'jwks must be JSON' })
  for (const option of ['jwks', 'claims', 'metadata']) await t.rejects(readRegistration({ [option]: '{ secret' }, {} as never), { message: `--${option} must be JSON` })
  const file = t.testdir({ 'jwks.json': '{ secret' })
  await t.rejects(readRegistration({ jwks: `${file}/jwks.json` }, {} as never), { message: `--jwks must be JSON, and ${file}/jwks.json is not` })
})

test('Claims and metadata of clients: every claim that a grant writes is reserved, and metadata reaches no token', async (t) => {
  const context = { client: { id: 'a', grants: [], claims: { sub: 'b', active: false, tenant: 't7' }, metadata: { team: 'x' } }, scope: ['a'], audience: [AUDIENCE], accessTokenLifetime: 1, confirmation: { jkt: 'x' }, generation: 1 }
  const grant = createGrant(context, { issuer: ISSUER, audiences: [AUDIENCE], id: 'x', issuedAt: 1 })
  for (const name of Object.keys({ ...toClaims(grant), ...toTokenInformation(grant) })) if (name !== 'tenant') t.ok(RESERVED_CLAIMS.has(name), name)
  t.match(toClaims(grant), { sub: 'a', tenant: 't7', active: undefined, team: undefined })
})

const KINDS: Record<string, (store: MemoryStore, app: ReturnType<typeof Fastify>) => Promise<AccessTokens>> = {
  JWT: async (store) => new JwtAccessTokens({ issuer: ISSUER, audience: AUDIENCE, keys: new SigningKeys(store), claims: () => ({ region: 'by code' }) }),
  opaque: async (store) => new OpaqueAccessTokens({ issuer: ISSUER, audience: AUDIENCE, store }),
  '@fastify/jwt': async (_, app) => {
    await app.register(jwt, { secret: 's'.repeat(32), sign: { algorithm: 'HS256', header: { alg: 'HS256', typ: 'at+jwt' } as never } })
    return fastifyJwtTokens(app.jwt, { issuer: ISSUER, audience: AUDIENCE })
  }
}

for (const [kind, tokensOf] of Object.entries(KINDS)) {
  test(`RFC 7519 §4.3: ${kind} tokens carry the claims of their client, to guards and to introspection`, async (t) => {
    const app = Fastify()
    t.teardown(() => app.close())
    const store = new MemoryStore()
    const clients = new ClientRegistry(store)
    const { secret } = await clients.add({ id: 'billing', scopes: ['read'], introspects: [AUDIENCE], claims: { tenant: { id: 't7' }, region: 'by registration' }, metadata: { team: 'x' } })
    const tokens = await tokensOf(store, app)
    const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: TOKEN_PATH }).useClients(clients).useAccessTokens(tokens).build()
    await app.register(clientCredentialsPlugin, { flow })
    app.get('/', { preHandler: app.requireScopes('read') }, async (request) => request.credentials)
    const post = async (url: string, payload: string) => (await app.inject({ method: 'POST', url, headers: { authorization: basic('billing', secret!.secret), 'content-type': FORM }, payload })).json()
    const { access_token: token } = await post(TOKEN_PATH, 'grant_type=client_credentials')
    const region = kind === 'JWT' ? 'by code' : 'by registration'
    const { claims } = (await app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })).json()
    t.match(claims, { sub: 'billing', tenant: { id: 't7' }, region })
    t.notOk('team' in claims)
    if (tokens.introspect === undefined) return
    const answer = await post('/oauth2/introspect', `token=${token}`)
    t.match(answer, { active: true, client_id: 'billing', tenant: { id: 't7' }, region })
    t.notOk('team' in answer)
  })
}
