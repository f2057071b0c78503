// What dpopRequestInterceptor sends, request by request. That it works in the page is in swagger-ui-dpop.full.test.ts.
import { createHash } from 'node:crypto'
import { calculateJwkThumbprint, decodeJwt, EmbeddedJWK, jwtVerify } from 'jose'
import t from 'tap'
import type { Test } from 'tap'
import { dpopRequestInterceptor } from '../../plugin/index.ts'

const ORIGIN = 'https://api.example'
const TOKEN_URL = `${ORIGIN}/oauth2/token`
const DATA_URL = `${ORIGIN}/data?page=1#top`
const BODY = 'scope=data%3Aread&grant_type=client_credentials'

interface PageRequest {
  url: string
  method: string
  headers: Record<string, string>
  body?: unknown
  userFetch?: typeof fetch
}

/** A page that has just been loaded. */
const load = (t: Test) => t.teardown(() => { delete (dpopRequestInterceptor as { page?: unknown }).page })
const request = (more: Partial<PageRequest> = {}): PageRequest => ({ url: DATA_URL, method: 'get', headers: { Authorization: 'DPoP the-token' }, ...more })
const tokenRequest = (more: Partial<PageRequest> = {}) => request({ url: TOKEN_URL, method: 'POST', headers: {}, body: BODY, ...more })
const proofOf = async ({ headers: { DPoP: proof = '' } }: PageRequest) => await jwtVerify(proof, EmbeddedJWK, { typ: 'dpop+jwt', algorithms: ['ES256'] })

t.test('a token request, and a call with a DPoP token, carry a proof of the key of the page', async (t) => {
  load(t)
  const sent = [await dpopRequestInterceptor(tokenRequest()), await dpopRequestInterceptor(request()), await dpopRequestInterceptor(request({ method: 'post' }))]
  const proofs = await Promise.all(sent.map(proofOf))
  const now = Date.now() / 1000
  for (const { payload } of proofs) {
    t.ok(Number.isInteger(payload.iat) && Math.abs(payload.iat! - now) < 60, 'seconds')
    t.match(payload.jti, /^[\da-f-]{36}$/)
  }
  const ath = createHash('sha256').update('the-token').digest('base64url')
  t.strictSame(proofs.map(({ payload: { iat, jti, ...claims } }) => claims), [
    { htm: 'POST', htu: TOKEN_URL },
    { htm: 'GET', htu: `${ORIGIN}/data`, ath },
    { htm: 'POST', htu: `${ORIGIN}/data`, ath }
  ])
  t.equal(new Set(proofs.map(({ payload }) => payload.jti)).size, 3)
  t.strictSame(Object.keys(proofs[0]!.protectedHeader.jwk!).sort(), ['crv', 'kty', 'x', 'y'], 'the public key alone')
  t.equal(new Set(await Promise.all(proofs.map(({ protectedHeader: { jwk } }) => calculateJwkThumbprint(jwk!)))).size, 1)
})

t.test('what is neither is sent as it is', async (t) => {
  load(t)
  for (const [title, untouched] of [
    ['another scheme', request({ headers: { Authorization: 'Bearer DPoP the-token' } })],
    ['no token', request({ headers: {} })],
    ['no header fields', { url: DATA_URL, method: 'GET' }],
    ['a body that is no form', tokenRequest({ body: new Blob([BODY]) })],
    ['a form that asks for no token', tokenRequest({ body: 'subgrant_type=a' })]
  ] as const) {
    const copy = { ...untouched, ...'headers' in untouched && { headers: { ...untouched.headers } } }
    t.equal(await dpopRequestInterceptor(untouched), untouched, title)
    t.strictSame(untouched, copy, title)
  }
  t.match(await dpopRequestInterceptor(tokenRequest({ body: BODY.split('&').reverse().join('&') })), { headers: { DPoP: /./ } }, 'grant_type first')
})

t.test('a page of plain http has no keys, and sends what it has', async (t) => {
  load(t)
  t.intercept(globalThis, 'crypto', { value: {} })
  t.strictSame(await dpopRequestInterceptor(request()), request())
})

const wants = (where: { status?: number, body?: string, challenge?: string, nonce?: string }) => new Response(where.body ?? null, {
  status: where.status ?? 200,
  headers: { ...where.nonce !== undefined && { 'dpop-nonce': where.nonce }, ...where.challenge !== undefined && { 'www-authenticate': where.challenge } }
})
const ASKS = '{"error":"use_dpop_nonce"}'
const CHALLENGE = 'DPoP error="use_dpop_nonce"'

/** Sends it as a page does, to a server that gives these answers. */
async function send (asked: PageRequest, answers: Response[]): Promise<{ answer: Response, nonces: unknown[], methods: unknown[] }> {
  const nonces: unknown[] = []
  const methods: unknown[] = []
  const userFetch: typeof fetch = async (url, init) => {
    nonces.push(decodeJwt(new Headers(init?.headers).get('dpop') ?? '').nonce)
    methods.push(`${init?.method} ${String(url)}`)
    return answers.shift()!
  }
  const sent = await dpopRequestInterceptor({ ...asked, userFetch })
  const answer = await sent.userFetch!(sent.url, { method: sent.method, headers: sent.headers })
  return { answer, nonces, methods }
}

t.test('a nonce that is wanted is put in, and the request sent again, once', async (t) => {
  load(t)
  const first = await send(tokenRequest(), [wants({ status: 400, body: ASKS, nonce: 'n1' }), wants({ body: 'a token', nonce: 'n2' })])
  t.strictSame(first.nonces, [undefined, 'n1'])
  t.strictSame(first.methods, [`POST ${TOKEN_URL}`, `POST ${TOKEN_URL}`])
  t.equal(await first.answer.text(), 'a token')
  const call = await send(request(), [wants({ status: 401, challenge: CHALLENGE, nonce: 'r1' }), wants({ status: 401, challenge: CHALLENGE, nonce: 'r2' })])
  t.strictSame(call.nonces, [undefined, 'r1'], 'the nonce of the token endpoint is none of the API (RFC 9449 section 9)')
  t.equal(call.answer.status, 401, 'not a third time')
  t.strictSame((await send(tokenRequest(), [wants({})])).nonces, ['n2'], 'that of the last answer')
  t.strictSame((await send(request(), [wants({})])).nonces, ['r2'], 'that of a refusal too')
  t.strictSame((await send(request({ url: 'https://other.example/data' }), [wants({})])).nonces, [undefined], 'another server')
})

t.test('an answer that wants no nonce is the answer', async (t) => {
  load(t)
  for (const [title, asked, refusal] of [
    ['no nonce', tokenRequest(), wants({ status: 400, body: ASKS })],
    ['another error of the token endpoint', tokenRequest(), wants({ status: 400, body: '{"error":"invalid_client"}', challenge: CHALLENGE, nonce: 'n' })],
    ['another error of the API', request(), wants({ status: 401, body: ASKS, challenge: 'DPoP error="invalid_token"', nonce: 'n' })],
    ['no challenge', request(), wants({ status: 403, nonce: 'n' })],
    ['a success', tokenRequest(), wants({ body: ASKS, nonce: 'n' })]
  ] as const) {
    const { answer, nonces } = await send(asked, [refusal])
    t.equal(answer, refusal, title)
    t.equal(answer.bodyUsed, false, 'the page reads it')
    t.equal(nonces.length, 1, title)
  }
  t.strictSame((await send(request(), [wants({})])).nonces, ['n'], 'one that comes by the way is used next time')
})

t.test('without userFetch it is sent by fetch', async (t) => {
  load(t)
  const fetched: unknown[] = []
  t.intercept(globalThis, 'fetch', { value: async (url: string) => { fetched.push(url); return wants({}) } })
  const sent: PageRequest = await dpopRequestInterceptor(request())
  await sent.userFetch!(sent.url)
  t.strictSame(fetched, [DATA_URL])
})
