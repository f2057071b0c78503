// What the consumers of events make of them, with the real libraries.
import { createHash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { FastifyOtelInstrumentation } from '@fastify/otel'
import { context, SpanStatusCode } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import Fastify from 'fastify'
import type { FastifyInstance, FastifyServerOptions, InjectOptions } from 'fastify'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose'
import promClient, { Registry } from 'prom-client'
import type { OpenMetricsContentType } from 'prom-client'
import { test } from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, {
  auditLog, BearerTokenType, ClientCredentialsFlowBuilder, ClientRegistry, DPoPTokenType, JwtAccessTokens, MemoryStore, openTelemetrySpans,
  prometheusMetrics, SigningKeys, StoreUnavailableError
} from '../../plugin/index.ts'
import { handleTokenRequest, settingsOf } from '../../src/adapter.ts'
import { basic, demoApp, demoBuilder, FORM, form, SECRET, TOKEN_PATH, tokenOf } from '../support/demo.ts'
import { recordEvents } from '../support/events.ts'
import { AUDIENCE, ISSUER, READ } from '../support/forge.ts'

const grant = (parameters: Record<string, string> = {}) => form({ grant_type: 'client_credentials', ...parameters })
const ask = (payload: string, headers: Record<string, string> = { authorization: basic('reader') }): InjectOptions =>
  ({ method: 'POST', url: TOKEN_PATH, headers: { 'content-type': FORM, ...headers }, payload })
const data = (token: string, method: 'GET' | 'POST' = 'GET'): InjectOptions => ({ method, url: '/data', headers: { authorization: `Bearer ${token}` } })
const good = tokenOf('reader', [READ])

/** An application that has sent everything that a client can be answered with. */
async function drive (app: FastifyInstance): Promise<void> {
  for (const sent of [ask(grant()), ask(grant(), { authorization: basic('reader', 'wrong') }), ask(''), data(good), data(good, 'POST'), data('bad')]) await app.inject(sent)
}

const failingApp = (server: FastifyServerOptions = {}) => demoApp({
  flow: demoBuilder().generateAccessToken(() => { throw new Error('boom') }).verifyToken(() => { throw new StoreUnavailableError(new Error('down')) }).build()
}, server)

/** The samples of the counters, and how often each decision was timed. */
async function samplesOf (register: { metrics (): Promise<string> }): Promise<string[]> {
  return (await register.metrics()).split('\n').filter((line) => line.startsWith('oauth_') && !/_bucket|_sum/.test(line)).sort()
}

test('prom-client counts every decision once, by labels of ours', async (t) => {
  const register = new Registry()
  t.teardown(prometheusMetrics(promClient, { register }))
  await drive(await demoApp())
  await drive(await failingApp())
  const store = new MemoryStore()
  const keys = new SigningKeys(store)
  await keys.revoke((await keys.current()).kid)
  await new ClientRegistry(store).add({ id: 'a' })
  t.strictSame(await samplesOf(register), [
    'oauth_client_changes_total{change="added"} 1',
    'oauth_decision_duration_seconds_count{flow="demo",decision="denied"} 5',
    'oauth_decision_duration_seconds_count{flow="demo",decision="issued"} 1',
    'oauth_decision_duration_seconds_count{flow="demo",decision="rejected"} 5',
    'oauth_decision_duration_seconds_count{flow="demo",decision="verified"} 2',
    'oauth_keys_revoked_total 1',
    'oauth_keys_rotated_total{alg="ES256"} 2',
    'oauth_requests_denied_total{flow="demo",endpoint="token",method="",error="invalid_request",status="400"} 2',
    'oauth_requests_denied_total{flow="demo",endpoint="token",method="client_secret_basic",error="invalid_client",status="401"} 2',
    'oauth_requests_denied_total{flow="demo",endpoint="token",method="client_secret_basic",error="server_error",status="500"} 1',
    'oauth_requests_rejected_total{flow="demo",token_type="Bearer",error="insufficient_scope",status="403"} 1',
    'oauth_requests_rejected_total{flow="demo",token_type="Bearer",error="invalid_token",status="401"} 1',
    'oauth_requests_rejected_total{flow="demo",token_type="Bearer",error="temporarily_unavailable",status="503"} 3',
    'oauth_tokens_issued_total{flow="demo",method="client_secret_basic",token_type="Bearer"} 1',
    'oauth_tokens_verified_total{flow="demo",token_type="Bearer"} 2'
  ])
})

test('Metrics go to the registry of prom-client, or another of any format, and leave it again', async (t) => {
  const openMetrics = new Registry<OpenMetricsContentType>()
  openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  const stops = [prometheusMetrics(promClient), prometheusMetrics(promClient, { register: openMetrics })]
  t.throws(() => prometheusMetrics(promClient), /already been registered/)
  await drive(await demoApp())
  t.match(await promClient.register.metrics(), 'oauth_tokens_issued_total{flow="demo",method="client_secret_basic",token_type="Bearer"} 1')
  t.match(await openMetrics.metrics(), 'oauth_tokens_issued_total{flow="demo",method="client_secret_basic",token_type="Bearer"} 1')
  stops.forEach((stop) => stop())
  t.strictSame(promClient.register.getMetricsAsArray(), [])
  t.strictSame(openMetrics.getMetricsAsArray(), [])
  prometheusMetrics(promClient)()
})

test('However many clients and strangers come, the number of series is bounded', async (t) => {
  // As many unauthenticated callers, and as many clients: 20,000 names.
  const COUNT = 10_000
  const MAX = 50
  const [plain, byClient] = [new Registry(), new Registry()]
  t.teardown(prometheusMetrics(promClient, { register: plain }))
  t.teardown(prometheusMetrics(promClient, { register: byClient, clientLabel: { max: MAX } }))
  const settings = settingsOf(demoBuilder().setThrottle(null)
    .getClient(({ clientId, clientSecret }) => clientSecret === SECRET ? { id: clientId, grants: ['client_credentials'] } : undefined)
    .build())
  const send = async (id: string, secret: string) => {
    const fields = { client_id: id, client_secret: secret, grant_type: 'client_credentials' }
    await handleTokenRequest(settings, { method: 'POST', url: TOKEN_PATH, header: () => undefined, form: fields }).catch(() => {})
  }
  for (let index = 0; index < COUNT; index++) await send(`stranger-${index}`, 'wrong')
  t.equal((await byClient.metrics()).includes('stranger'), false, 'what a stranger says is no label')
  for (let index = 0; index < COUNT; index++) await send(`client-${index}`, SECRET)

  t.strictSame((await samplesOf(plain)).filter((line) => line.startsWith('oauth_tokens_issued')), [
    `oauth_tokens_issued_total{flow="demo",method="client_secret_post",token_type="Bearer"} ${COUNT}`
  ])
  const issued = (await samplesOf(byClient)).filter((line) => line.startsWith('oauth_tokens_issued'))
  t.equal(issued.length, MAX + 1)
  t.ok(issued.includes(`oauth_tokens_issued_total{flow="demo",method="client_secret_post",token_type="Bearer",client="other"} ${COUNT - MAX}`))
  t.ok((await samplesOf(byClient)).includes(`oauth_requests_denied_total{flow="demo",endpoint="token",method="client_secret_post",error="invalid_client",status="401",client=""} ${COUNT}`))
  t.match(await samplesOf(byClient), [`oauth_decision_duration_seconds_count{flow="demo",decision="denied"} ${COUNT}`])
  t.ok((await byClient.metrics()).length < 20_000)
})

/** The real SDK, with the real propagation of context. */
function tracing (t: Test) {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  t.teardown(() => context.disable())
  return { exporter, provider, tracer: provider.getTracer('test') }
}

test('OpenTelemetry has a span of every decision, below the span of its request', async (t) => {
  const { exporter, provider, tracer } = tracing(t)
  t.teardown(openTelemetrySpans(tracer))
  const instrumentation = new FastifyOtelInstrumentation()
  instrumentation.setTracerProvider(provider)
  const spansOf = async (flow: ClientCredentialsFlowBuilder, sent: InjectOptions) => {
    const app = Fastify()
    await app.register(instrumentation.plugin())
    await app.register(clientCredentialsPlugin, { flow: flow.build() })
    app.route({ method: ['GET', 'POST'], url: '/data', preHandler: app.requireScopes(READ), handler: async () => 'data' })
    exporter.reset()
    await app.inject(sent)
    await app.close()
    const spans = exporter.getFinishedSpans()
    const requests = spans.filter(({ name }) => name === 'request')
    const [request] = requests
    const ours = spans.filter(({ name }) => name.startsWith('oauth.'))
    t.equal(requests.length, 1)
    for (const span of ours) {
      t.equal(span.spanContext().traceId, request!.spanContext().traceId, `${span.name} is in the trace of its request`)
      t.ok(span.parentSpanContext, 'and not at its root')
      const at = ([seconds, nanoseconds]: readonly [number, number]) => seconds * 1e9 + nanoseconds
      t.ok(at(span.startTime) <= at(span.endTime))
      // Milliseconds of clocks of two kinds.
      t.ok(at(span.startTime) >= at(request!.startTime) - 20e6, 'and not before it')
    }
    return ours.map(({ name, status, attributes }) => ({ name, code: status.code, attributes }))
  }
  const failing = () => demoBuilder().generateAccessToken(() => { throw new Error('boom') }).verifyToken(async () => { throw new Error('boom') })
  const UNSET = SpanStatusCode.UNSET

  t.match(await spansOf(demoBuilder(), ask(grant())), [{
    name: 'oauth.token',
    code: UNSET,
    attributes: { 'oauth.flow': 'demo', 'oauth.client.id': 'reader', 'oauth.client.auth_method': 'client_secret_basic', 'oauth.scope': [READ], 'oauth.token.type': 'Bearer', 'oauth.token.expires_in': 3600 }
  }])
  t.match(await spansOf(demoBuilder(), ask(grant(), { authorization: basic('reader', 'wrong') })), [
    { name: 'oauth.token', code: UNSET, attributes: { 'error.type': 'invalid_client', 'http.response.status_code': 401, 'oauth.client.id': undefined } }
  ])
  t.match(await spansOf(failing(), ask(grant())), [{ name: 'oauth.token', code: SpanStatusCode.ERROR, attributes: { 'error.type': 'server_error', 'http.response.status_code': 500 } }])
  t.match(await spansOf(demoBuilder(), data(good)), [{ name: 'oauth.verify', code: UNSET, attributes: { 'oauth.client.id': 'reader', 'oauth.scope': [READ], 'oauth.token.type': 'Bearer' } }])
  t.match(await spansOf(demoBuilder(), data(tokenOf('scopeless'))), [
    { name: 'oauth.verify', code: UNSET },
    { name: 'oauth.authorize', code: UNSET, attributes: { 'error.type': 'insufficient_scope', 'oauth.client.id': 'scopeless', 'oauth.scope.needed': [READ] } }
  ])
  t.match(await spansOf(failing(), data(good)), [{ name: 'oauth.verify', code: SpanStatusCode.ERROR, attributes: { 'error.type': 'server_error', 'oauth.client.id': undefined } }])
})

test('Spans of valid tokens can be left out, and all of them end', async (t) => {
  const { exporter, tracer } = tracing(t)
  const stop = openTelemetrySpans(tracer, { verified: false })
  const app = await demoApp()
  await drive(app)
  t.strictSame(exporter.getFinishedSpans().map(({ name }) => name), ['oauth.token', 'oauth.token', 'oauth.token', 'oauth.authorize', 'oauth.verify'])
  stop()
  await drive(app)
  t.equal(exporter.getFinishedSpans().length, 5)
})

test('The audit log has a line for every decision, by the id of its request', async (t) => {
  const lines: Array<{ level: number, msg: string, reqId?: string, audit?: { event: string }, req?: { url: string } }> = []
  const app = await demoApp({}, { logger: { stream: { write: (line) => { lines.push(JSON.parse(line)) } } } })
  const stop = auditLog(app.log)
  await drive(app)
  const audited = lines.filter(({ audit }) => audit !== undefined)
  t.match(audited, [
    { msg: 'token issued', audit: { event: 'token.issued', flow: 'demo', clientId: 'reader', method: 'client_secret_basic', scope: [READ], tokenType: 'Bearer', expiresIn: 3600, address: '127.0.0.1', duration: Number } },
    { msg: 'token denied', audit: { event: 'token.denied', endpoint: 'token', error: 'invalid_client', status: 401, presentedClientId: 'reader' } },
    { msg: 'token denied', audit: { error: 'invalid_request' } },
    { msg: 'token verified', audit: { clientId: 'reader' } },
    { msg: 'token verified', audit: { clientId: 'reader' } },
    { msg: 'token rejected', audit: { error: 'insufficient_scope', needed: ['data:write'], clientId: 'reader' } },
    { msg: 'token rejected', audit: { error: 'invalid_token', status: 401 } }
  ])
  t.equal(audited.length, 7)
  for (const { reqId, level } of audited) {
    t.equal(level, 30)
    t.ok(lines.some((line) => line.req !== undefined && line.reqId === reqId), 'Fastify tells of the same request')
  }

  stop()
  lines.length = 0
  await drive(app)
  t.notOk(lines.some(({ audit }) => audit !== undefined), 'none when it has ended')

  const quiet = auditLog(app.log, { verified: false })
  await drive(app)
  await demoBuilder().build().token(new Request('https://as.example/token'))
  await new ClientRegistry(new MemoryStore()).add({ id: 'billing' })
  quiet()
  const told = lines.filter(({ audit }) => audit !== undefined)
  t.strictSame(told.map(({ msg }) => msg), ['token issued', 'token denied', 'token denied', 'token rejected', 'token rejected', 'token denied', 'client changed'])
  t.match(told.at(-1), { audit: { event: 'client.changed', clientId: 'billing', change: 'added' } })
  t.notOk('reqId' in told.at(-1)!)
  t.notOk('reqId' in told.at(-2)!, 'a web Request has no id')
})

test('The dashboard asks for the metrics that there are, by the labels that they have', async (t) => {
  const register = new Registry()
  t.teardown(prometheusMetrics(promClient, { register }))
  const dashboard = readFileSync(new URL('../../example/grafana-dashboard.json', import.meta.url), 'utf8')
  const { panels } = JSON.parse(dashboard) as { panels: Array<{ targets?: Array<{ expr: string }> }> }
  const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  const metrics = new Map(register.getMetricsAsArray().map((metric) => [metric.name, (metric as unknown as { labelNames: string[] }).labelNames]))
  const asked = expressions.flatMap((expr) => [...expr.matchAll(/oauth_\w+/g)].map(([name]) => name.replace(/_(?:bucket|count|sum)$/, '')))
  t.strictSame([...new Set(asked)].sort(), [...metrics.keys()].sort())
  for (const expr of expressions) {
    const known = [...expr.matchAll(/oauth_\w+/g)].flatMap(([name]) => metrics.get(name.replace(/_bucket$/, ''))!)
    const used = [...expr.matchAll(/by \(([^)]+)\)|(\w+)=~?"/g)].flatMap(([, list, label = '']) => list?.split(', ') ?? [label])
    t.strictSame(used.filter((label) => label !== 'le' && !known.includes(label)), [], expr)
  }
})

test('No secret, token, assertion or proof is in an event, a metric, a span or the audit log', async (t) => {
  const forbidden = new Set<string>()
  const secret = <T extends string>(text: T): T => { forbidden.add(text); return text }
  const payloads = recordEvents(t)
  const register = new Registry()
  const { exporter, tracer } = tracing(t)
  const lines: string[] = []
  t.teardown(prometheusMetrics(promClient, { register, clientLabel: { max: 100 } }))
  t.teardown(openTelemetrySpans(tracer))

  const store = new MemoryStore()
  const registry = new ClientRegistry(store)
  const tokens = new JwtAccessTokens({ issuer: ISSUER, audience: AUDIENCE, keys: new SigningKeys(store), revocations: store })
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: TOKEN_PATH })
    .setScopes({ [READ]: 'Read data' })
    .clientSecretBasicAuthenticationMethod().clientSecretPostAuthenticationMethod().addClientAuthenticationMethod('private_key_jwt')
    .setTokenType(new BearerTokenType(), new DPoPTokenType({ replays: store }))
    .useClients(registry).useAccessTokens(tokens)
    .build()
  const app = Fastify()
  await app.register(clientCredentialsPlugin, { flow })
  app.get('/data', { preHandler: app.requireScopes(READ) }, async () => 'data')
  t.teardown(auditLog(Fastify({ logger: { stream: { write: (line) => { lines.push(line) } } } }).log))

  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const jwk = await exportJWK(publicKey)
  const proof = async (htm: string, htu: string, token?: string) => secret(await new SignJWT({
    htm, htu, jti: randomUUID(), ...(token !== undefined && { ath: createHash('sha256').update(token).digest('base64url') })
  }).setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk }).setIssuedAt().sign(privateKey))
  const assertion = async (aud = ISSUER) => secret(await new SignJWT().setProtectedHeader({ alg: 'ES256' })
    .setIssuer('partner').setSubject('partner').setAudience(aud).setIssuedAt().setExpirationTime('1 minute').setJti(randomUUID()).sign(privateKey))
  const asserted = async (aud?: string) => ({
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: await assertion(aud)
  })
  const send = async (payload: Record<string, string>, headers: Record<string, string> = {}, url = TOKEN_PATH) => {
    const answer = await app.inject({ method: 'POST', url, headers: { 'content-type': FORM, ...headers }, payload: form(payload) })
    return secret((answer.json() as { access_token?: string }).access_token ?? 'none was issued')
  }
  const credentials = (id: string, password: string) => {
    const field = basic(id, password)
    secret(field.slice('Basic '.length))
    return { authorization: field }
  }
  const get = async (authorization: string, headers: Record<string, string> = {}, url = '/data') => (await app.inject({ url, headers: { authorization, ...headers } })).statusCode

  const GRANT = { grant_type: 'client_credentials' }
  const billing = secret((await registry.add({ id: 'billing', scopes: [READ] })).secret!.secret)
  await registry.add({ id: 'partner', scopes: [READ], authMethods: ['private_key_jwt'], jwks: { keys: [{ ...jwk, alg: 'ES256', kid: await calculateJwkThumbprint(jwk) }] } })
  const second = secret((await registry.rotateSecret('billing'))!.secret)
  const [first, other] = [await send(GRANT, credentials('billing', billing)), await send({ ...GRANT, client_id: 'billing', client_secret: second })]
  const wrong = secret('a guess that is no secret')
  await send({ ...GRANT, client_id: 'billing', client_secret: wrong })
  await send(GRANT, credentials('billing', wrong))
  await send({ ...GRANT, client_id: second, client_secret: 'billing' })
  await send(GRANT, credentials(billing, 'billing'))
  await send({ ...GRANT, client_secret: second, client_id: 'billing' }, credentials('billing', billing))
  await send({ ...GRANT, scope: 'unknown' }, credentials('billing', billing))
  await send(GRANT, credentials('billing', billing), `${TOKEN_PATH}?client_secret=${billing}`)
  const bound = await send({ ...GRANT, ...await asserted() }, { dpop: await proof('POST', `${ISSUER}${TOKEN_PATH}`) })
  await send({ ...GRANT, ...await asserted('https://other.example') })
  await send({ ...GRANT, ...await asserted() }, { dpop: secret('no proof at all') })

  t.equal(await get(`Bearer ${first}`), 200)
  t.equal(await get(`DPoP ${bound}`, { dpop: await proof('GET', `${AUDIENCE}/data`, bound) }), 200)
  await get(`DPoP ${bound}`, { dpop: await proof('GET', `${AUDIENCE}/other`, bound) })
  await get(`Bearer ${bound}`)
  await get(secret('sesame-open-without-a-scheme'))
  await get(`Bearer ${secret('a-token-that-nobody-knows')}`)
  await get(`Bearer ${first}`, {}, `/data?access_token=${other}`)
  await send({ token: other }, credentials('billing', billing), '/oauth2/introspect')
  await send({ token: other }, credentials('billing', wrong), '/oauth2/introspect')
  await send({ token: bound }, credentials('billing', billing), '/oauth2/revoke')
  await send({ token: first }, credentials('billing', billing), '/oauth2/revoke')
  await tokens.revokeClient('partner')

  const heard = new Set(payloads.map(({ is }) => is))
  t.strictSame([...heard].sort(), ['client.changed', 'key.rotated', 'token.denied', 'token.issued', 'token.rejected', 'token.revoked', 'token.verified'])
  const written = [
    JSON.stringify(payloads), await register.metrics(), lines.join(''),
    JSON.stringify(exporter.getFinishedSpans().map(({ name, attributes, events, status, links }) => ({ name, attributes, events, status, links })))
  ]
  t.ok(written.every((text) => text.includes('billing')), 'all four were told')
  forbidden.delete('none was issued')
  t.ok(forbidden.size > 15)
  for (const text of forbidden) t.notOk(written.some((all) => all.includes(text)), `not ${text.slice(0, 12)}...`)
})
