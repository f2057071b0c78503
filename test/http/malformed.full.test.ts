// Thousands of requests that nobody should send, and what must hold for all of them. The seed is fixed, so that a run can
// be repeated; when a property fails, fast-check shrinks the request and prints it.
import assert from 'node:assert/strict'
import { Agent, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import type { InjectOptions } from 'fastify'
import t from 'tap'
import { FORM_BODY_LIMIT } from '../../src/adapter.ts'
import { basic, demoApp, demoBuilder, exchange, FORM, form, rawBasic, SECRET, TOKEN_PATH, tokenOf } from '../support/demo.ts'
import type { Answer } from '../support/demo.ts'

const SEED = 6749
const DEADLINE = 10_000
const JSON_TYPE = 'application/json; charset=utf-8'
const BASIC_CHALLENGE = 'Basic realm="demo", error="invalid_client"'

type Field = [name: string, value: string]
interface Sent { method: string, target: string, fields: Field[], body: Uint8Array }
type Send = (sent: Sent) => Promise<Answer>

// --- The two ways in: a connection that is kept alive, and Fastify's injection.

const app = await demoApp()
app.put('/data', { onRequest: app.requireScopes('data:write'), schema: { body: { type: 'object' } } }, async (request) => request.credentials)
app.patch('/data', { preHandler: [app.requireScopes('data:read'), app.requireScopes('data:write')] }, async (request) => request.credentials)
app.register(async (scope) => {
  scope.addHook('onRequest', scope.requireScopes())
  scope.all('/scope/*', async (request) => request.credentials)
})
await app.listen({ port: 0, host: '127.0.0.1' })

const agent = new Agent({ keepAlive: true, maxSockets: 1 })
let connections = 0
app.server.on('connection', () => { connections++ })

const overSocket: Send = ({ method, target, fields, body }) => new Promise((resolve, reject) => {
  const { port } = app.server.address() as AddressInfo
  const headers = [['host', 'localhost'], ...fields, ['content-length', String(body.length)]].flat()
  const request = httpRequest({ agent, host: '127.0.0.1', port, method, path: target, headers }, async (response) => {
    resolve({ statusCode: response.statusCode!, headers: response.headers, body: (await buffer(response)).toString() })
  })
  request.on('error', reject)
  request.end(body)
})

const injected: Send = ({ method, target, fields, body }) =>
  app.inject({ method: method as NonNullable<InjectOptions['method']>, url: target, headers: Object.fromEntries(fields), payload: Buffer.from(body) })

t.teardown(async () => {
  agent.destroy()
  await app.close()
})

// --- The requests.

const codes = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => String.fromCharCode(from + index))
// RFC 9110 §5.5: what a field value may hold. Node.js lets nothing else through.
const fieldText = fc.string({ unit: fc.constantFrom('\t', ...codes(0x20, 0x7E), ...codes(0x80, 0xFF)) }).map((text) => text.trim())
const queryText = fc.string({ unit: fc.constantFrom(...codes(0x21, 0x7E)) })

const INHERITED = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'then', 'length']
const BROKEN = ['%', '%z', '%zz', '%00', '%C0%80', '%FF', '%u0041', '\0', '\r\n', '\uFEFF', '\uD800', '+', '%2525']
const hostileText = fc.oneof(fc.constantFrom(...INHERITED, ...BROKEN), fc.string({ unit: 'binary' }), fc.string())

const validToken = tokenOf('writer', ['data:read', 'data:write'])
const base64 = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('base64'))
// Three of the longest fit in the 16 KiB that Node.js takes: beyond them it answers 431 by itself.
const authorization = fc.oneof(
  fieldText,
  fc.tuple(fc.constantFrom('Basic', 'BASIC ', 'bearer', 'Bearer ', 'Digest', 'DPoP', 'Basic\t', 'Basic,'), fc.oneof(fieldText, base64)).map((parts) => parts.join(' ')),
  fc.tuple(fc.constantFrom('reader', ''), hostileText, hostileText).map(([id, more, secret]) => rawBasic(`${id}${more}:${secret}`)),
  hostileText.map((secret) => rawBasic(`reader:${secret}`)),
  fc.tuple(fc.constantFrom('Basic', 'Bearer'), fc.integer({ min: 1000, max: 4800 })).map(([scheme, size]) => `${scheme} ${'A'.repeat(size)}`)
).map((text) => text.trim())

const fields = (authorizations: fc.Arbitrary<readonly string[]>): fc.Arbitrary<Field[]> => fc.tuple(
  authorizations,
  fc.oneof(
    { weight: 4, arbitrary: fc.constant(FORM) },
    { weight: 1, arbitrary: fc.constantFrom(`${FORM};charset=latin1`, FORM.toUpperCase(), `${FORM}, ${FORM}`, 'application/json', 'multipart/form-data; boundary=x', '', ';', '/', ...INHERITED) },
    { weight: 1, arbitrary: fieldText }
  ),
  fc.array(fc.tuple(fc.constantFrom('x-requested-with', 'dpop', 'cookie', 'accept', 'content-encoding', 'x-forwarded-for', 'x-http-method-override', '__proto__'), fc.oneof(fieldText, fc.constant('XMLHttpRequest'))), { maxLength: 3 })
).map(([values, type, others]) => [...values.map((value): Field => ['authorization', value]), ['content-type', type], ...others])

const parameterName = fc.oneof(fc.constantFrom('grant_type', 'scope', 'client_id', 'client_secret', 'client_assertion', 'resource', 'access_token', ...INHERITED), hostileText)
const parameterValue = fc.oneof(fc.constantFrom('client_credentials', 'data:read', 'reader', SECRET), hostileText)
const maybeEncoded = (text: fc.Arbitrary<string>) => fc.tuple(text, fc.boolean()).map(([value, encode]) => encode ? encodeURIComponent(value.toWellFormed()) : value)
const hostileForm = fc.tuple(
  fc.constantFrom('', 'grant_type=client_credentials', 'grant_type=client_credentials&client_id=reader', 'grant_type=client_credentials&scope=data:read'),
  fc.array(fc.tuple(maybeEncoded(parameterName), fc.constantFrom('=', '', '==', '%3D'), maybeEncoded(parameterValue)).map((parts) => parts.join('')), { maxLength: 6 }),
  fc.constantFrom('&', '&&', ';')
).map(([start, pairs, separator]) => [start, ...pairs].join(separator))

const count = fc.integer({ min: 1000, max: 5000 })
const hugeForm = fc.oneof(
  fc.tuple(fc.integer({ min: FORM_BODY_LIMIT - 2, max: FORM_BODY_LIMIT + 2 }), fc.constantFrom('x', '&', '=', '%', '+')).map(([size, filler]) => 'grant_type=client_credentials&a='.padEnd(size, filler)),
  count.map((size) => Array.from({ length: size }, (_, index) => `p${index}=${index}`).join('&')),
  fc.tuple(count, fc.constantFrom('scope=a&', 'resource=a&', 'grant_type=client_credentials&', '__proto__=a&')).map(([size, pair]) => pair.repeat(size)),
  count.map((size) => `grant_type=client_credentials&scope=${'a%20'.repeat(size)}`),
  count.map((size) => `grant_type=client_credentials&scope${'[a]'.repeat(size)}=b`),
  count.map((size) => `grant_type=client_credentials&scope=%${'25'.repeat(size)}`)
)
const body: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 6, arbitrary: hostileForm.map((text) => Buffer.from(text)) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.concat([Buffer.from('grant_type=client_credentials&scope='), bytes])) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  { weight: 1, arbitrary: hugeForm.map((text) => Buffer.from(text)) }
)

const METHODS = ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'QUERY']
const query = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: queryText.map((text) => `?${text}`) },
  { weight: 1, arbitrary: queryText.map((text) => `#${text}`) },
  { weight: 1, arbitrary: fc.constantFrom('?client_secret=a', '?client_id=reader&client_assertion=', '?grant_type=client_credentials&grant_type=a', '?__proto__=a', '?%', '?access_token=a') }
)

const tokenRequests = (authorizations: fc.Arbitrary<readonly string[]>, method: fc.Arbitrary<string>): fc.Arbitrary<Sent> =>
  fc.record({ method, target: query.map((text) => `${TOKEN_PATH}${text}`), fields: fields(authorizations), body })

const mostlyPost = fc.oneof({ weight: 9, arbitrary: fc.constant('POST') }, { weight: 1, arbitrary: fc.constantFrom(...METHODS) })
const severalAuthorizations = fc.array(authorization, { maxLength: 3 })
const upToOneAuthorization = fc.array(authorization, { maxLength: 1 })
const oneRightAuthorization = fc.constant([basic('reader')])

// A token that would be accepted, presented as none may be.
const misusedToken = fc.constantFrom(
  validToken, `Token ${validToken}`, `Basic ${validToken}`, `Bearer=${validToken}`, `Bearer\t${validToken}`, `Bearer "${validToken}"`,
  `Bearer ${validToken} x`, `Bearer ${validToken},`, `Bearer ${validToken}\u00A0`, `Bearer x ${validToken}`, `Bearer, Bearer ${validToken}`,
  `Bearer ${validToken}; x`, `Bearer ${validToken}=x`, `Bearer ${validToken.toUpperCase()}`
)
const guardedRequests = (authorizations: fc.Arbitrary<readonly string[]>): fc.Arbitrary<Sent> => fc.record({
  method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH'),
  target: fc.tuple(fc.constantFrom('/data', '/scope/a'), query).map((parts) => parts.join('')),
  fields: fields(authorizations),
  body
})

// --- What must hold for every answer.

const generated = { refused: 0, served: 0 }

// RFC 6749 §5.2 and RFC 6750 §3.1: each code with the statuses that it may have.
const TOKEN_CODES: Record<string, number[]> = {
  invalid_request: [400, 405, 413], invalid_client: [401], unsupported_grant_type: [400], unauthorized_client: [400], invalid_scope: [400], invalid_target: [400]
}
const GUARD_CODES: Record<string, number[]> = { invalid_request: [400], unauthorized: [401], invalid_token: [401] }
const DESCRIPTION = /^[\x20\x21\x23-\x5B\x5D-\x7E]{1,300}$/

function checkError ({ method }: Sent, { statusCode, headers, body }: Answer, known: Record<string, number[]>): void {
  generated.refused++
  assert.equal(headers['content-type'], JSON_TYPE)
  if (method === 'HEAD') {
    assert.ok(Object.values(known).flat().includes(statusCode), `status ${statusCode}`)
    return
  }
  const error = JSON.parse(body)
  assert.deepEqual(Object.keys(error), ['error', 'error_description'])
  assert.ok(known[error.error]?.includes(statusCode), `${error.error} with status ${statusCode}`)
  assert.match(error.error_description, DESCRIPTION)
}

function checkTokenAnswer (sent: Sent, answer: Answer): void {
  const { statusCode, headers } = answer
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal(headers.pragma, 'no-cache')
  if (statusCode === 200) {
    generated.served++
    const { access_token: token, scope, ...rest } = JSON.parse(answer.body)
    assert.deepEqual({ token, rest }, { token: tokenOf('reader', scope.split(' ')), rest: { token_type: 'Bearer', expires_in: 3600 } })
    return
  }
  checkError(sent, answer, TOKEN_CODES)
  const pages = sent.fields.filter(([name]) => name === 'x-requested-with').map(([, value]) => value)
  const fromPage = pages.join(', ') === 'XMLHttpRequest'
  assert.equal(headers['www-authenticate'], statusCode === 401 && !fromPage ? BASIC_CHALLENGE : undefined)
}

function checkGuardAnswer (sent: Sent, answer: Answer): void {
  checkError(sent, answer, GUARD_CODES)
  assert.match(String(answer.headers['www-authenticate']), /^Bearer realm="demo"[\x20-\x7E]*$/)
}

/** Holds a property for so many requests. One that is not answered in time fails it. */
async function forAll<T> (arbitrary: fc.Arbitrary<T>, numRuns: number, property: (value: T) => Promise<void>): Promise<void> {
  await fc.assert(fc.asyncProperty(arbitrary, property), { seed: SEED, numRuns, timeout: DEADLINE })
}

const each = (send: Send, check: (sent: Sent, answer: Answer) => void) => async (sent: Sent) => { check(sent, await send(sent)) }

// --- The properties.

const TOKEN_RUNS: [string, Send, fc.Arbitrary<readonly string[]>, number][] = [
  ['on a kept-alive connection', overSocket, severalAuthorizations, 900],
  ['of an authenticated client, on a kept-alive connection', overSocket, oneRightAuthorization, 400],
  ['by injection', injected, upToOneAuthorization, 500],
  ['of an authenticated client, by injection', injected, oneRightAuthorization, 300]
]

for (const [name, send, authorizations, runs] of TOKEN_RUNS) {
  t.test(`RFC 6749 §5.2: ${runs} malformed token requests ${name} are answered as OAuth errors (seed ${SEED})`, async () => {
    await forAll(tokenRequests(authorizations, mostlyPost), runs, each(send, checkTokenAnswer))
  })
}

const GUARD_RUNS: [string, Send, fc.Arbitrary<readonly string[]>, number][] = [
  ['with malformed fields', overSocket, severalAuthorizations, 600],
  ['with a good token, misused', overSocket, fc.array(misusedToken, { minLength: 1, maxLength: 2 }), 300],
  ['with a good token, twice', overSocket, fc.constant([`Bearer ${validToken}`, `Bearer ${validToken}`]), 50],
  ['with malformed fields, by injection', injected, upToOneAuthorization, 300]
]

for (const [name, send, authorizations, runs] of GUARD_RUNS) {
  t.test(`RFC 6750 §3.1: ${runs} requests to guarded routes ${name} are refused (seed ${SEED})`, async () => {
    await forAll(guardedRequests(authorizations), runs, each(send, checkGuardAnswer))
  })
}

t.test('More than 2,000 generated requests were refused, a few were good, and connections outlived them', async (t) => {
  const { refused, served } = generated
  t.ok(refused >= 2000, `${refused} refused`)
  t.ok(served > 0 && served < refused / 10, `${served} served`)
  t.ok(connections > 0 && connections < refused / 20, `${connections} connections`)
})

t.test(`Bytes that HTTP forbids in a field are refused by the HTTP server, or answered as an OAuth error (seed ${SEED})`, async () => {
  const anyByte = fc.string({ unit: fc.constantFrom(...codes(0x00, 0xFF).filter((byte) => byte !== '\r' && byte !== '\n')) })
  await forAll(fc.tuple(fc.constantFrom('authorization', 'content-type', 'x-requested-with'), anyByte), 150, async ([name, value]) => {
    const answer = await exchange(app, `POST ${TOKEN_PATH}`, [`${name}: ${value}`, 'content-length: 0'])
    if (/[^\t\x20-\x7E\x80-\xFF]/.test(value)) {
      generated.refused++
      assert.deepEqual([answer.statusCode, answer.body], [400, '{"error":"Bad Request","message":"Client Error","statusCode":400}'])
    } else {
      checkTokenAnswer({ method: 'POST', target: TOKEN_PATH, fields: [[name, value.trim()]], body: new Uint8Array() }, answer)
    }
  })
})

t.test(`Both front doors give the same answer (seed ${SEED})`, async (t) => {
  const flow = demoBuilder().build()
  const statuses = new Set<number>()
  const requests = fc.oneof(...[upToOneAuthorization, severalAuthorizations, oneRightAuthorization].map((list) => tokenRequests(list, fc.constant('POST'))))
  await forAll(requests, 800, async (sent) => {
    const { method, target, fields, body } = sent
    const [answer, result] = await Promise.all([
      overSocket(sent),
      flow.token(new Request(`http://localhost${target}`, { method, headers: fields, body: Buffer.from(body) }))
    ])
    statuses.add(answer.statusCode)
    const { status, body: json, headers } = result.success ? { status: 200, body: result.tokenResponse, headers: {} as Record<string, string> } : result.error
    assert.deepEqual(
      { status: answer.statusCode, body: answer.body, challenge: answer.headers['www-authenticate'] },
      { status, body: JSON.stringify(json), challenge: headers['www-authenticate'] }
    )
  })
  t.strictSame([...statuses].sort(), [200, 400, 401, 413])
})

// --- A model of the grant that knows nothing of its code.

interface Attempt { id: string, secret: string, way: 'basic' | 'post', scopes: string[] }
interface Registration { has: string[], ways: string[], grant: boolean }

const BOTH = ['basic', 'post']
const REGISTERED = new Map<string, Registration>([
  ['reader', { has: ['data:read'], ways: BOTH, grant: true }],
  ['writer', { has: ['data:read', 'data:write'], ways: BOTH, grant: true }],
  ['scopeless', { has: [], ways: BOTH, grant: true }],
  ['browser', { has: ['data:read'], ways: BOTH, grant: false }],
  ['poster', { has: ['data:read'], ways: ['post'], grant: true }],
  ['a:b c', { has: ['data:read'], ways: BOTH, grant: true }]
])

function model ({ id, secret, way, scopes }: Attempt): string {
  const client = REGISTERED.get(id)
  const asked = scopes.join(' ') === '' ? undefined : scopes
  if (asked?.some((scope) => !/^[!#-[\]-~]+$/.test(scope))) return '400 invalid_scope'
  if (client === undefined || secret !== SECRET || !client.ways.includes(way)) return '401 invalid_client'
  if (!client.grant) return '400 unauthorized_client'
  if (asked?.some((scope) => !client.has.includes(scope))) return '400 invalid_scope'
  return `200 ${[...new Set(asked ?? client.has)].join(' ')}`
}

t.test(`The outcome is the one of a model in ten lines (seed ${SEED})`, async (t) => {
  const attempts: fc.Arbitrary<Attempt> = fc.record({
    id: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...REGISTERED.keys()) }, { weight: 1, arbitrary: hostileText.map((text) => text.toWellFormed()) }),
    secret: fc.oneof({ weight: 3, arbitrary: fc.constant(SECRET) }, { weight: 1, arbitrary: fc.constantFrom('', SECRET.slice(1), `${SECRET} `, SECRET.toUpperCase(), encodeURIComponent(SECRET)) }),
    way: fc.constantFrom('basic', 'post'),
    scopes: fc.array(fc.oneof({ weight: 9, arbitrary: fc.constantFrom('data:read', 'data:write') }, { weight: 1, arbitrary: fc.constantFrom('data:delete', 'DATA:READ', '', 'a"b', 'a\\b', 'é', 'a\tb') }), { maxLength: 3 })
  })
  const outcomes = new Set<string>()
  await forAll(attempts, 600, async (attempt) => {
    const { id, secret, way, scopes } = attempt
    const parameters = { grant_type: 'client_credentials', scope: scopes.join(' '), ...(way === 'post' && { client_id: id, client_secret: secret }) }
    const headers: Record<string, string> = way === 'basic' ? { authorization: basic(id, secret) } : {}
    const { statusCode, body } = await app.inject({ method: 'POST', url: TOKEN_PATH, headers: { 'content-type': FORM, ...headers }, payload: form(parameters) })
    const { error, scope = '' } = JSON.parse(body)
    const outcome = `${statusCode} ${error ?? scope}`
    outcomes.add(outcome)
    assert.equal(outcome, model(attempt))
  })
  t.strictSame([...outcomes].sort(), [
    '200 ', '200 data:read', '200 data:read data:write', '200 data:write', '200 data:write data:read',
    '400 invalid_scope', '400 unauthorized_client', '401 invalid_client'
  ])
})
