// A server with everything on, asked rightly, nearly rightly and wrongly: what it serves is what a small reading of the RFCs finds
// good, what it refuses is an error of those RFCs, and nothing is a failure of its own.
import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import type { InjectOptions } from 'fastify'
import t from 'tap'
import { allFeatures, assertionOf, CERTIFICATE_FIELD, CLIENTS, ISSUER, proofOf, REPORTS, ROUTES, SECRET } from '../support/all-features.ts'
import type { Way } from '../support/all-features.ts'
import { checkAnswer, isOfHttp } from '../support/answers.ts'
import { basic, FORM } from '../support/demo.ts'
import type { Answer } from '../support/demo.ts'
import { hostileText } from '../support/hostile.ts'
import { mutate, mutations } from '../support/mutations.ts'
import type { Pair, Sent } from '../support/mutations.ts'
import { describedRequests } from '../support/openapi-requests.ts'
import { forAllAsync, isReplayed } from '../support/properties.ts'
import { sendBytes } from '../support/raw-http.ts'
import { accessOf, callerOf, grantOf, Knowledge } from '../support/request-reading.ts'
import type { Known } from '../support/request-reading.ts'

const { app } = await allFeatures()
await app.listen({ port: 0, host: '127.0.0.1' })
const { port } = app.server.address() as AddressInfo
t.teardown(async () => { await app.close() })

const knowledge = new Knowledge()
const outcomes = new Map<string, number>()
const ENDPOINTS = ['/oauth2/token', '/oauth2/introspect', '/oauth2/revoke']

// --- Right requests

interface Plan { client: string, way: Way, binding: Known['binding'], scope: string | undefined, resource: string[], isNamed: boolean }

const plans: fc.Arbitrary<Plan> = fc.constantFrom(...Object.keys(CLIENTS)).chain((client) => fc.record({
  client: fc.constant(client),
  way: fc.constantFrom(...CLIENTS[client]!.way),
  binding: fc.constantFrom<Known['binding'][]>('none', 'none', 'proof', 'certificate'),
  scope: fc.constantFrom(undefined, '', 'data:read', [...CLIENTS[client]!.scopes].reverse().join(' '), 'data:write', 'clients:manage'),
  resource: fc.subarray([ISSUER, REPORTS], { maxLength: 2 }),
  isNamed: fc.boolean()
}))

function authenticated ({ client, way, isNamed }: Pick<Plan, 'client' | 'way' | 'isNamed'>, parameters: Pair[]): Pick<Sent, 'fields' | 'body'> {
  const fields: Pair[] = [['content-type', FORM], ...(way === 'basic' ? [['authorization', basic(client, SECRET)] as Pair] : [])]
  const form = [...parameters]
  if (isNamed || way === 'post' || way === 'certificate') form.push(['client_id', client])
  if (way === 'post') form.push(['client_secret', SECRET])
  if (way === 'key' || way === 'hmac') {
    const assertion = assertionOf(client)
    knowledge.assertions.set(assertion, client)
    form.push(['client_assertion', assertion], ['client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'])
  }
  if (way === 'certificate') fields.push(['client-cert', CERTIFICATE_FIELD])
  return { fields, body: new URLSearchParams(form).toString() }
}

function bound (sent: Sent, binding: Known['binding'], token?: string): Sent {
  if (binding === 'certificate' && !sent.fields.some(([name]) => name === 'client-cert')) return { ...sent, fields: [...sent.fields, ['client-cert', CERTIFICATE_FIELD]] }
  if (binding !== 'proof') return sent
  const proof = proofOf(sent.method, sent.target, token)
  knowledge.proofs.set(proof, `${sent.method} ${sent.target}${token === undefined ? '' : ` ${token}`}`)
  return { ...sent, fields: [...sent.fields, ['dpop', proof]] }
}

function tokenRequest (plan: Plan): Sent {
  const { scope, resource, binding } = plan
  const parameters: Pair[] = [['grant_type', 'client_credentials'], ...(scope === undefined ? [] : [['scope', scope] as Pair]), ...resource.map((name): Pair => ['resource', name])]
  return bound({ method: 'POST', target: ENDPOINTS[0]!, ...authenticated(plan, parameters) }, binding)
}

// --- Two ways in

// Of several fields with one name, injection takes one.
function collapse (sent: Sent): Sent {
  return { ...sent, fields: [...new Map(sent.fields.map(([name, value]): [string, string] => [name.toLowerCase(), value]))] }
}

async function inject ({ method, target, fields, body }: Sent): Promise<Answer> {
  return await app.inject({ method: method as NonNullable<InjectOptions['method']>, url: target, headers: Object.fromEntries(fields), ...(body !== undefined && { payload: Buffer.from(body) }) })
}

function bytesOf ({ method, target, fields, body = '' }: Sent, isLast: boolean, isChunked: boolean): Buffer {
  const payload = Buffer.from(body)
  const length = isChunked ? 'transfer-encoding: chunked' : `content-length: ${payload.length}`
  const head = [`${method} ${target} HTTP/1.1`, 'host: api.example', ...fields.map((field) => field.join(': ')), length, ...(isLast ? ['connection: close'] : []), '', ''].join('\r\n')
  const chunks = isChunked && payload.length > 0 ? [Buffer.from(`${payload.length.toString(16)}\r\n`), payload, Buffer.from('\r\n')] : [payload]
  return Buffer.concat([Buffer.from(head, 'latin1'), ...chunks, ...(isChunked ? [Buffer.from('0\r\n\r\n')] : [])])
}

// --- What must hold

function count (outcome: string): void {
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
}

function check (sent: Sent, answer: Answer): void {
  const path = sent.target.split(/[?#]/, 1)[0]!
  const error = checkAnswer(answer, { method: sent.method, isEndpoint: ENDPOINTS.includes(path) && sent.method !== 'OPTIONS' })
  count(`${path} ${error ?? 'served'}`)
  if (path === ENDPOINTS[0]) checkGrant(sent, answer)
  else if (path === ENDPOINTS[1]) checkIntrospection(sent, answer)
  else if (path === ENDPOINTS[2]) checkRevocation(sent, answer)
  else if (`${sent.method} ${path}` in ROUTES) checkAccess(sent, answer)
}

function checkGrant (sent: Sent, { statusCode, body }: Answer): void {
  const grant = grantOf(sent, knowledge)
  assert.equal(statusCode === 200, grant !== undefined, `${statusCode} ${body}, and the reading says ${JSON.stringify(grant)}`)
  if (grant === undefined) return
  const { access_token: token, scope, token_type: type, expires_in: lifetime, ...rest } = JSON.parse(body)
  assert.deepEqual({ scope: scope.split(' '), type, lifetime, rest }, { scope: [...new Set(grant.scopes)], type: grant.binding === 'proof' ? 'DPoP' : 'Bearer', lifetime: 3600, rest: {} })
  knowledge.tokens.set(token, { ...grant, isRevoked: false })
  useProofs(sent)
  for (const [name, value] of new URLSearchParams(sent.body)) if (name === 'client_assertion') knowledge.assertions.delete(value)
}

const tokenIn = (sent: Sent) => knowledge.tokens.get(new URLSearchParams(sent.body).get('token') ?? '')

function checkIntrospection (sent: Sent, { statusCode, body }: Answer): void {
  const caller = callerOf(sent, knowledge)
  assert.equal(statusCode === 200, caller !== undefined, body)
  if (statusCode !== 200) return
  const { active, client_id: client } = JSON.parse(body)
  const known = tokenIn(sent)
  if (active) assert.ok(known !== undefined && !known.isRevoked && client === known.client && [client, 'reader'].includes(caller))
  else assert.ok(known === undefined || known.isRevoked || known.client !== caller)
}

function checkRevocation (sent: Sent, { statusCode, body }: Answer): void {
  const caller = callerOf(sent, knowledge)
  const known = tokenIn(sent)
  assert.equal(statusCode === 200, caller !== undefined && (known === undefined || known.isRevoked || known.client === caller), body)
  if (statusCode === 200 && known !== undefined) known.isRevoked = true
}

function checkAccess (sent: Sent, answer: Answer): void {
  const { statusCode, body } = answer
  // A body that Fastify does not take is refused behind the guard, which has used the proof up.
  if (isOfHttp(answer)) return useProofs(sent)
  const caller = accessOf(sent, knowledge)
  assert.equal(statusCode === 200 ? JSON.parse(body).caller : undefined, caller, `${statusCode} ${body}`)
  if (statusCode === 200) useProofs(sent)
}

function useProofs ({ fields }: Sent): void {
  for (const [name, value] of fields) if (name.toLowerCase() === 'dpop') knowledge.proofs.delete(value.trim())
}

/** Sends a request, and again what it had proven: which may be good only once. */
async function send (sent: Sent): Promise<void> {
  // What injects requests sends no fragment.
  const collapsed = collapse({ ...sent, target: sent.target.split('#', 1)[0]! })
  check(collapsed, await inject(collapsed))
}

async function sendTwice (sent: Sent): Promise<void> {
  await send(sent)
  await send(sent)
}

// --- The properties

t.test('token requests, changed in up to four ways, are granted where a small reading of the RFCs finds them good, and nowhere else', async () => {
  await forAllAsync(700, fc.tuple(plans, mutations()), async ([plan, changes]) => { await sendTwice(mutate(tokenRequest(plan), changes)) })
})

/** A token of each kind, as it was granted. */
async function tokenFor (plan: Plan): Promise<[token: string, known: Known]> {
  await send(tokenRequest({ ...plan, scope: undefined, resource: [] }))
  return [...knowledge.tokens].at(-1)!
}

const TOKENS: Array<[string, Known]> = []
t.test('tokens of each client and kind are granted', async (t) => {
  for (const client of Object.keys(CLIENTS)) {
    for (const binding of ['none', 'proof', 'certificate'] as const) {
      for (const isEnded of [false, true]) {
        const [way] = CLIENTS[client]!.way
        const granted = await tokenFor({ client, way: way!, binding, scope: undefined, resource: [], isNamed: false })
        if (isEnded) await send({ method: 'POST', target: ENDPOINTS[2]!, ...authenticated({ client, way: way!, isNamed: false }, [['token', granted[0]]]) })
        t.equal(granted[1].isRevoked, isEnded)
        TOKENS.push(granted)
      }
    }
  }
})

const tokens = fc.nat({ max: 29 })
const routes = fc.constantFrom(...Object.keys(ROUTES))

function accessRequest (route: string, index: number): Sent {
  const [method = '', target = ''] = route.split(' ')
  const [token, { binding }] = TOKENS[index]!
  const sent: Sent = { method, target, fields: [['authorization', `${binding === 'proof' ? 'DPoP' : 'Bearer'} ${token}`]], body: undefined }
  return bound(sent, binding, token)
}

t.test('guarded routes let a request in where the reading knows its token as valid and sufficient, and nowhere else', async () => {
  await forAllAsync(800, fc.tuple(routes, tokens, mutations()), async ([route, index, changes]) => { await sendTwice(mutate(accessRequest(route, index), changes)) })
})

t.test('introspection and revocation answer whom the reading knows', async () => {
  const requests = fc.record({ plan: plans, index: tokens, isOwn: fc.boolean(), endpoint: fc.constantFrom(1, 1, 2), text: fc.option(hostileText, { freq: 5 }), changes: mutations() })
  await forAllAsync(400, requests, async ({ plan, index, isOwn, endpoint, text, changes }) => {
    const [token] = endpoint === 2 || isOwn ? await tokenFor(plan) : TOKENS[index]!
    await send(mutate({ method: 'POST', target: ENDPOINTS[endpoint]!, ...authenticated(plan, [['token', text ?? token]]) }, changes))
  })
})

t.test('over one connection, each of several requests gets its own answer, whatever is in it', async () => {
  const requests = fc.array(fc.record({ plan: plans, index: tokens, route: fc.option(routes), changes: mutations(), isChunked: fc.boolean() }), { minLength: 1, maxLength: 4 })
  await forAllAsync(150, requests, async (list) => {
    const sent = list.map(({ plan, index, route, changes }) => mutate(route === null ? tokenRequest(plan) : accessRequest(route, index), changes.filter(({ how }) => how !== 'method')))
    const answers = await sendBytes(port, Buffer.concat(sent.map((one, index) => bytesOf(one, index === list.length - 1, list[index]!.isChunked))))
    assert.ok(answers.length > 0 && answers.length <= sent.length)
    // Whatever HTTP itself refuses ends the connection.
    answers.forEach((answer, index) => { if (isOfHttp(answer)) count('refused by HTTP'); else check(sent[index]!, answer) })
    if (answers.length < sent.length) assert.ok(isOfHttp(answers.at(-1)!))
  })
})

// Where the end of a request is lost, the server would wait for more.
const LAST_REQUESTS = Array.from({ length: 3 }, () => Buffer.from('\r\n\r\nGET /nothing HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'))

t.test('bytes that are no HTTP anywhere in a request are refused, or do no harm', async () => {
  const bytes = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 8 }).map((list) => Buffer.from(list)), fc.constantFrom('\r\n', '\0', '\r\n\r\n', ' ', 'content-length: 1\r\n', 'transfer-encoding: chunked\r\n', 'x'.repeat(20_000)).map((text) => Buffer.from(text)))
  await forAllAsync(150, fc.tuple(plans, fc.nat(), bytes), async ([plan, at, piece]) => {
    const right = bytesOf(tokenRequest(plan), true, false)
    const where = at % right.length
    const answers = await sendBytes(port, Buffer.concat([right.subarray(0, where), piece, right.subarray(where), ...LAST_REQUESTS]))
    for (const answer of answers) if (!isOfHttp(answer)) checkAnswer(answer, { method: 'POST', isEndpoint: false })
  })
})

t.test('what the OpenAPI document describes is answered as it says, or refused, and changes nothing without the scope', async () => {
  const { app, registry } = await allFeatures()
  await registry.addAll([{ id: 'victim-1', scopes: ['data:read'] }, { id: 'victim-2' }])
  const bearerOf = async (id: string) => {
    const answer = await app.inject({ method: 'POST', url: ENDPOINTS[0]!, headers: { authorization: basic(id, SECRET), 'content-type': FORM }, payload: 'grant_type=client_credentials' })
    return `Bearer ${answer.json().access_token}`
  }
  const tokens = { admin: await bearerOf('admin'), reader: await bearerOf('reader') }
  const statuses = new Set<number>()
  const requests = fc.tuple(describedRequests(app.swagger()), fc.constantFrom('admin', 'admin', 'admin', 'reader', 'basic', undefined), fc.boolean())
  await forAllAsync(1000, requests, async ([{ method, url, type, body }, caller, isTyped]) => {
    // Who disables, removes or changes themselves ends the test.
    if (/^\/admin\/clients\/admin\b/.test(url) && method !== 'GET') return
    const authorization = caller === 'basic' ? basic('reader', SECRET) : caller && tokens[caller as keyof typeof tokens]
    const payload = body === undefined ? undefined : type === FORM ? new URLSearchParams(Object.entries(Object(body)).map(([name, value]): Pair => [name, String(value).toWellFormed()])).toString() : JSON.stringify(body)
    const answer = await app.inject({
      method: method as 'GET', url, headers: { ...(authorization !== undefined && { authorization }), ...(type !== undefined && isTyped && { 'content-type': type }) }, ...(payload !== undefined && { payload })
    })
    statuses.add(answer.statusCode)
    checkAnswer(answer, { method, isEndpoint: ENDPOINTS.includes(url) })
    if (url.startsWith('/admin/') && answer.statusCode < 400) assert.equal(caller, 'admin')
    if (url.startsWith('/admin/') && caller !== 'admin' && !isOfHttp(answer)) assert.ok([400, 401, 403].includes(answer.statusCode))
    if (url !== '/admin/tokens' || answer.statusCode !== 204) return
    // All tokens are revoked, that of this request too.
    for (const authorization of Object.values(tokens)) assert.equal((await app.inject({ url: '/any', headers: { authorization } })).statusCode, 401)
    Object.assign(tokens, { admin: await bearerOf('admin'), reader: await bearerOf('reader') })
  })
  await app.close()
  if (!isReplayed) for (const status of [200, 201, 204, 400, 401, 403, 404]) assert.ok(statuses.has(status), `never ${status}`)
})

t.test('all of that was both served and refused', async (t) => {
  if (isReplayed) return
  for (const outcome of ['served', 'invalid_client', 'invalid_request', 'invalid_scope', 'invalid_target', 'invalid_dpop_proof', 'unsupported_grant_type']) t.ok((outcomes.get(`${ENDPOINTS[0]} ${outcome}`) ?? 0) > 4, outcome)
  for (const outcome of ['served', 'invalid_token', 'insufficient_scope', 'unauthorized', 'invalid_request']) t.ok((outcomes.get(`/data ${outcome}`) ?? 0) > 4, outcome)
  for (const path of ENDPOINTS.slice(1)) for (const outcome of ['served', 'invalid_client']) t.ok((outcomes.get(`${path} ${outcome}`) ?? 0) > 4, `${path} ${outcome}`)
  t.ok((outcomes.get('refused by HTTP') ?? 0) > 4)
})
