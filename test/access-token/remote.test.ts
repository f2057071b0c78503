import { constants, createHmac, createPublicKey, generateKeyPair, generateKeyPairSync, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import Fastify from 'fastify'
import { test } from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, { ClientCredentialsFlowBuilder } from '../../plugin/index.ts'
import type { VerifyTokenResult } from '../../src/access-token/access-tokens.ts'
import { RemoteAccessTokens } from '../../src/access-token/remote/remote-access-tokens.ts'
import type { RemoteAccessTokensOptions } from '../../src/access-token/remote/remote-access-tokens.ts'
import { FlowConfigurationError } from '../../src/errors/configuration-error.ts'
import { isStoreUnavailable } from '../../src/errors/store-unavailable.ts'
import { RemoteDocument } from '../../src/http-client/remote-document.ts'
import { remoteJwks } from '../../src/http-client/remote-jwks.ts'
import type { TokenPresetName } from '../../src/access-token/remote/presets.ts'
import { FOREIGN_AUDIENCE, FOREIGN_CLIENT, foreignTokens } from '../support/foreign-tokens.ts'
import type { ForeignJwt, ForeignTokens } from '../support/foreign-tokens.ts'
import { stopwatch } from '../support/stopwatch.ts'

const AUDIENCE = 'https://api.example'
const START = 1_800_000_000
const METADATA_PATH = '/.well-known/oauth-authorization-server'
const OPENID_PATH = '/.well-known/openid-configuration'
const JWKS_PATH = '/jwks.json'
const INTROSPECTION_PATH = '/introspect'
const CREDENTIALS = { clientId: 'api', clientSecret: 'secret' }
const EXPIRED = 'The access token has expired'
const OTHER_AUDIENCE = 'The access token is for another audience'
// Turns of the event loop in which a request that nobody waits for is answered, however slow the machine is.
const TURNS = 50

type Members = Record<string, unknown>
type Answer = (response: ServerResponse, body: string, request: IncomingMessage) => void

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const causeOf = (result: VerifyTokenResult) => result.isValid ? undefined : result.cause
const messageOf = (result: VerifyTokenResult) => result.isValid ? undefined : result.message
const background = async () => { for (let turn = 0; turn < TURNS; turn++) await setTimeout(1) }

// Node.js 20 sometimes never comes back from exporting an RSA key that was made synchronously.
const RSA_PAIR = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })

const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }

/** A key of the issuer. */
class Key {
  readonly alg: string
  readonly kid: string | undefined
  readonly #pair: { publicKey: KeyObject, privateKey: KeyObject }

  constructor (kid?: string, alg = 'ES256') {
    this.kid = kid
    this.alg = alg
    const namedCurve = CURVES[alg]
    this.#pair = namedCurve !== undefined
      ? generateKeyPairSync('ec', { namedCurve })
      : alg.startsWith('Ed') ? generateKeyPairSync('ed25519') : RSA_PAIR
  }

  get jwk (): Members {
    return { ...this.#pair.publicKey.export({ format: 'jwk' }), ...(this.kid && { kid: this.kid }), alg: this.alg, use: 'sig' }
  }

  get publicPem (): string {
    return createPublicKey(this.#pair.privateKey).export({ type: 'spki', format: 'pem' }) as string
  }

  /** A token of these very claims, genuinely signed. */
  sign (claims: Members, header: Members = {}): string {
    const input = `${encode({ alg: this.alg, typ: 'at+jwt', ...(this.kid && { kid: this.kid }), ...header })}.${encode(claims)}`
    const digest = this.alg.startsWith('Ed') ? null : `sha${this.alg.slice(2)}`
    const padding = this.alg.startsWith('PS') ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : {}
    const signature = sign(digest, Buffer.from(input), { key: this.#pair.privateKey, dsaEncoding: 'ieee-p1363', ...padding })
    return `${input}.${signature.toString('base64url')}`
  }
}

const MISSING = { name: 'kid', isHeld: false }
const json = (value: unknown): Answer => (response) => {
  response.setHeader('content-type', 'application/json')
  response.end(typeof value === 'string' ? value : JSON.stringify(value))
}
const status = (code: number): Answer => (response) => { response.writeHead(code).end('{}') }

/** An authorization server on loopback whose answers a test may change, and a resource server's view of it. */
class Issuer {
  keys: Key[] = [new Key('one')]
  time = START
  /** What is asked of it, by path. */
  readonly requests: string[] = []
  /** Answers in place of the good ones, by path. */
  readonly answers: Record<string, Answer> = {}
  metadata: Members = {}
  url = ''
  readonly #server = createServer((request, response) => { this.#answer(request, response) })

  static async start (t: Test, path = ''): Promise<Issuer> {
    const issuer = new Issuer()
    await issuer.listen()
    issuer.url += path
    issuer.metadata.issuer = issuer.url
    t.teardown(() => issuer.stop())
    return issuer
  }

  async listen (port = 0): Promise<void> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    if (port !== 0) return
    this.url = `http://127.0.0.1:${this.port}`
    this.metadata = { issuer: this.url, jwks_uri: this.url + JWKS_PATH, introspection_endpoint: this.url + INTROSPECTION_PATH }
  }

  get port (): number {
    return (this.#server.address() as AddressInfo).port
  }

  async stop (): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  remote (options: Partial<RemoteAccessTokensOptions> = {}): RemoteAccessTokens {
    return new RemoteAccessTokens({ issuer: this.url, audience: AUDIENCE, now: () => this.time, ...options })
  }

  claims (members: Members = {}): Members {
    const { url, time } = this
    return { iss: url, aud: AUDIENCE, sub: 'reader', client_id: 'reader', jti: 'one', iat: time, exp: time + 3600, scope: 'data:read', ...members }
  }

  /** A genuine token, but for some claims and members of its header. Undefined takes one out. */
  token (claims: Members = {}, header: Members = {}, key = this.keys.at(-1)!): string {
    return key.sign(this.claims(claims), header)
  }

  count (path: string): number {
    return this.requests.filter((requested) => requested === path).length
  }

  #answer (request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? ''
    this.requests.push(path)
    let body = ''
    request.on('data', (chunk) => { body += chunk })
    request.on('end', () => {
      const good: Record<string, Answer> = {
        [METADATA_PATH]: json(this.metadata),
        [JWKS_PATH]: json({ keys: this.keys.map(({ jwk }) => jwk) })
      }
      const answer = this.answers[path] ?? good[path] ?? status(404)
      answer(response, body, request)
    })
  }
}

async function accepts (t: Test, remote: RemoteAccessTokens, token: string, title = 'is accepted'): Promise<void> {
  t.match(await remote.verify(token), { isValid: true }, title)
}

async function refuses (t: Test, remote: RemoteAccessTokens, token: string, title = 'is refused'): Promise<void> {
  t.match(await remote.verify(token), { isValid: false }, title)
}

test('what is no issuer and no audience is refused at once, and nothing is asked of a good one before the first token', async (t) => {
  const wrong = ['', 'as.example', 'http://as.example', 'ftp://as.example', 'https://as.example?', 'https://as.example/?a=b', 'https://as.example#', 1]
  for (const issuer of wrong) {
    t.throws(() => new RemoteAccessTokens({ issuer: issuer as string, audience: AUDIENCE }), { code: 'FST_OAUTH_INVALID_ISSUER' }, String(issuer))
  }
  for (const audience of ['', [], ['a', '']]) {
    t.throws(() => new RemoteAccessTokens({ issuer: 'https://as.example', audience }), { code: 'FST_OAUTH_INVALID_AUDIENCE' })
  }
  t.throws(() => new RemoteAccessTokens({ issuer: 'https://as.example', audience: '' }), FlowConfigurationError)

  const issuer = await Issuer.start(t)
  const { metadata } = issuer.remote()
  t.strictSame(metadata, { issuer: issuer.url, audience: [AUDIENCE] })
  t.notOk('keys' in metadata)
  await background()
  t.strictSame(issuer.requests, [])
})

test('a token of the issuer is accepted with its claims frozen, and verified once', async (t) => {
  const issuer = await Issuer.start(t)
  const remote = issuer.remote({ audience: ['https://other.example', AUDIENCE] })
  const token = issuer.token({ cnf: { jkt: 'thumbprint' } })
  const result = await remote.verify(token)
  t.match(result, {
    isValid: true,
    credentials: { app: { id: 'reader' }, scope: ['data:read'], claims: { jti: 'one' } },
    confirmation: { jkt: 'thumbprint' }
  })
  t.ok(result.isValid && Object.isFrozen(result.credentials.claims))
  t.equal(await remote.verify(token), result, 'the very verdict')
  t.strictSame(issuer.requests, [METADATA_PATH, JWKS_PATH])
})

test('the clock and the fetch of Node are the defaults', async (t) => {
  const issuer = await Issuer.start(t)
  const remote = new RemoteAccessTokens({ issuer: issuer.url, audience: AUDIENCE })
  issuer.time = Math.floor(Date.now() / 1000)
  await accepts(t, remote, issuer.token())
  await refuses(t, remote, issuer.token({ exp: issuer.time - 61 }))
})

test('every algorithm of the issuer that is asymmetric is accepted', async (t) => {
  const issuer = await Issuer.start(t)
  for (const alg of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']) {
    issuer.keys = [new Key(alg, alg)]
    await accepts(t, issuer.remote(), issuer.token(), alg)
  }
})

test('the type of the header may be written in full and in any case', async (t) => {
  const issuer = await Issuer.start(t)
  for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/AT+jwt']) await accepts(t, issuer.remote(), issuer.token({}, { typ }), typ)
})

test('a token with a wrong header, claim or signature is refused', async (t) => {
  const issuer = await Issuer.start(t)
  const remote = issuer.remote()
  const [header, payload, signature] = issuer.token().split('.') as [string, string, string]
  const stranger = new Key('one')
  const embedded = new Key()

  const hmac = (secret: string) => {
    const input = `${encode({ alg: 'HS256', typ: 'at+jwt', kid: 'one' })}.${payload}`
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
  }
  const bad: Record<string, string> = {
    'typ JWT': issuer.token({}, { typ: 'JWT' }),
    'no typ': issuer.token({}, { typ: undefined }),
    'typ of a response to introspection': issuer.token({}, { typ: 'token-introspection+jwt' }),
    'alg none': `${encode({ alg: 'none', typ: 'at+jwt', kid: 'one' })}.${payload}.`,
    'alg none with a signature': `${encode({ alg: 'none', typ: 'at+jwt', kid: 'one' })}.${payload}.${signature}`,
    'HS256 with the public key as secret': hmac(issuer.keys[0]!.publicPem),
    'HS256 with the JWK as secret': hmac(JSON.stringify(issuer.keys[0]!.jwk)),
    'another alg than that of the key': issuer.token({}, { alg: 'ES384' }),
    'an embedded jwk': embedded.sign(issuer.claims(), { jwk: embedded.jwk }),
    'an embedded jwk beside a kid': embedded.sign(issuer.claims(), { jwk: embedded.jwk, kid: 'one' }),
    'an unknown crit': issuer.token({}, { crit: ['exp2'], exp2: 1 }),
    'an unencoded payload': issuer.token({}, { crit: ['b64'], b64: false }),
    'a key of somebody else': stranger.sign(issuer.claims()),
    'a payload of another token': `${header}.${encode(issuer.claims({ scope: 'data:write' }))}.${signature}`,
    'no signature': `${header}.${payload}.`,
    'no payload': header,
    'no JSON': `${Buffer.from('{').toString('base64url')}.${payload}.${signature}`,
    'another issuer': issuer.token({ iss: `${issuer.url}/` }),
    'no issuer': issuer.token({ iss: undefined }),
    'another audience': issuer.token({ aud: ['https://other.example', `${AUDIENCE}/`] }),
    'no audience': issuer.token({ aud: undefined }),
    'no exp': issuer.token({ exp: undefined }),
    'an exp that is text': issuer.token({ exp: String(START + 60) }),
    'an exp that is over': issuer.token({ exp: START - 60 }),
    'an nbf that is to come': issuer.token({ nbf: START + 61 }),
    'an iat that is to come': issuer.token({ iat: START + 61 }),
    'no jti': issuer.token({ jti: undefined }),
    'no client_id': issuer.token({ client_id: undefined }),
    'too many characters': issuer.token({ filler: 'x'.repeat(16_384) })
  }
  for (const [title, token] of Object.entries(bad)) await refuses(t, remote, token, title)
  t.equal(messageOf(await remote.verify(bad['an exp that is over']!)), EXPIRED)
  t.equal(messageOf(await remote.verify(bad['another audience']!)), OTHER_AUDIENCE)
  t.equal(messageOf(await remote.verify(bad['a key of somebody else']!)), undefined, 'the message of a library stays in the log')
  await accepts(t, remote, issuer.token({ exp: START - 59, nbf: START + 60 }), 'clocks may differ by a minute')
  await refuses(t, issuer.remote({ clockTolerance: 0 }), issuer.token({ exp: START }), 'unless they may not')
})

test('a token is not accepted for longer than it lives because it was seen before', async (t) => {
  const issuer = await Issuer.start(t)
  const remote = issuer.remote()
  const token = issuer.token({ exp: START + 100 })
  await accepts(t, remote, token)
  issuer.time += 159
  await accepts(t, remote, token)
  issuer.time += 1
  t.equal(messageOf(await remote.verify(token)), EXPIRED)
})

test('the metadata is looked for between the host and the path of the issuer', async (t) => {
  for (const [path, inserted] of [['', ''], ['/', ''], ['/tenant/one', '/tenant/one'], ['/tenant/', '/tenant']] as const) {
    const issuer = await Issuer.start(t, path)
    issuer.answers[METADATA_PATH + inserted] = json(issuer.metadata)
    await accepts(t, issuer.remote(), issuer.token(), `"${path}"`)
    t.equal(issuer.requests[0], METADATA_PATH + inserted)
  }
})

test('metadata that is not where RFC 8414 has it is looked for where OpenID Connect has it, behind the path', async (t) => {
  for (const [path, place] of [['', OPENID_PATH], ['/', OPENID_PATH], ['/tenant/one', `/tenant/one${OPENID_PATH}`], ['/tenant/', `/tenant${OPENID_PATH}`]] as const) {
    const issuer = await Issuer.start(t, path)
    issuer.answers[METADATA_PATH] = status(404)
    issuer.answers[place] = json(issuer.metadata)
    await accepts(t, issuer.remote(), issuer.token(), `"${path}"`)
    t.equal(issuer.requests[1], place)
  }
})

test('what has no metadata of its own is asked for that of OpenID Connect, and what is broken is not', async (t) => {
  const issuer = await Issuer.start(t)
  issuer.answers[OPENID_PATH] = json(issuer.metadata)
  for (const [code, isAsked] of [[400, true], [403, true], [404, true], [499, true], [399, false], [500, false], [503, false]] as const) {
    issuer.requests.length = 0
    issuer.answers[METADATA_PATH] = status(code)
    const verdict = issuer.remote().verify(issuer.token())
    if (isAsked) t.match(await verdict, { isValid: true }, String(code))
    else await t.rejects(verdict, { message: `The authorization server gave no usable answer at ${issuer.url}${METADATA_PATH}`, cause: { message: `The status is ${code}` } })
    t.equal(issuer.count(OPENID_PATH), Number(isAsked), String(code))
  }
  issuer.answers[METADATA_PATH] = status(404)
  issuer.answers[OPENID_PATH] = json({ ...issuer.metadata, issuer: `${issuer.url}/` })
  await t.rejects(issuer.remote().verify(issuer.token()), { message: `The authorization server gave no usable answer at ${issuer.url}${METADATA_PATH}` })
  issuer.answers[METADATA_PATH] = json({ ...issuer.metadata, issuer: `${issuer.url}/` })
  issuer.answers[OPENID_PATH] = json(issuer.metadata)
  await t.rejects(issuer.remote().verify(issuer.token()), /of another issuer/)
})

test('metadata that cannot be trusted is no verdict on the token but an exception', async (t) => {
  const issuer = await Issuer.start(t)
  const { metadata } = issuer
  const stranger = createServer((_, response) => { response.end('{}') }).listen(0, '127.0.0.1')
  await once(stranger, 'listening')
  t.teardown(() => { stranger.closeAllConnections(); stranger.close() })
  const elsewhere = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}/`
  let redirected = 0
  stranger.on('request', () => { redirected++ })

  const bad: Record<string, Answer> = {
    'another issuer': json({ ...metadata, issuer: `${issuer.url}/` }),
    'no issuer': json({ ...metadata, issuer: undefined }),
    'no jwks_uri': json({ ...metadata, jwks_uri: undefined }),
    'a jwks_uri without TLS': json({ ...metadata, jwks_uri: 'http://as.example/jwks' }),
    'a jwks_uri that is a path': json({ ...metadata, jwks_uri: JWKS_PATH }),
    'a jwks_uri that is a file': json({ ...metadata, jwks_uri: 'file:///etc/passwd' }),
    'a list': json([metadata]),
    null: json(null),
    'no JSON': json('<html>'),
    'no body': json(''),
    'status 404': status(404),
    'status 201': status(201),
    'a redirect to somebody else': (response) => { response.writeHead(302, { location: elsewhere }).end() },
    'a redirect within': (response) => { response.writeHead(307, { location: issuer.url + METADATA_PATH }).end() },
    'a closed connection': (response) => { response.destroy() }
  }
  for (const [title, answer] of Object.entries(bad)) {
    issuer.answers[METADATA_PATH] = answer
    await t.rejects(issuer.remote().verify(issuer.token()), title)
  }
  t.equal(redirected, 0, 'no redirect is followed')
  t.equal(issuer.count(JWKS_PATH), 0)
})

test('no redirect of the JWKS is followed', async (t) => {
  const issuer = await Issuer.start(t)
  issuer.answers[JWKS_PATH] = (response) => { response.writeHead(302, { location: '/moved' }).end() }
  issuer.answers['/moved'] = json({ keys: [issuer.keys[0]!.jwk] })
  await t.rejects(issuer.remote().verify(issuer.token()), { message: `The authorization server gave no usable answer at ${issuer.url}${JWKS_PATH}` })
  t.equal(issuer.count('/moved'), 0)
})

test('a body without end or of more than 512 KiB is given up', async (t) => {
  const issuer = await Issuer.start(t)
  let isClosed = false
  let sent = 0
  issuer.answers[JWKS_PATH] = (response) => {
    response.on('close', () => { isClosed = true })
    const chunk = `{"keys":[],"filler":"${'x'.repeat(64 * 1024)}`
    const write = () => {
      let hasRoom = true
      while (hasRoom && !response.closed) {
        hasRoom = response.write(chunk)
        sent += chunk.length
      }
    }
    response.on('drain', write)
    write()
  }
  await t.rejects(issuer.remote().verify(issuer.token()), { cause: { message: 'The body is longer than 524288 bytes' } })
  await background()
  t.ok(isClosed, 'the connection is closed')
  t.ok(sent < 16 * 1024 * 1024)

  issuer.answers[JWKS_PATH] = json({ keys: [issuer.keys[0]!.jwk], filler: 'x'.repeat(500 * 1024) })
  await accepts(t, issuer.remote(), issuer.token(), 'what is less is read')
})

test('an answer that is late, or comes by drops, is given up after 5 seconds', async (t) => {
  // The same limits, a hundred times as fast.
  const { timeout } = AbortSignal
  const limits = t.capture(AbortSignal, 'timeout', (milliseconds: number) => timeout.call(AbortSignal, milliseconds / 100))
  const issuer = await Issuer.start(t)
  const slow: Record<string, Answer> = {
    'no header': () => {},
    'no body': (response) => { response.writeHead(200).flushHeaders() },
    drops: (response) => {
      const timer = setInterval(() => { response.write(' ') }, 10)
      response.on('close', () => { clearInterval(timer) })
    }
  }
  for (const [title, answer] of Object.entries(slow)) {
    for (const path of [METADATA_PATH, JWKS_PATH]) {
      issuer.answers[path] = answer
      await t.rejects(issuer.remote().verify(issuer.token()), { cause: { name: 'TimeoutError' } }, title)
      delete issuer.answers[path]
    }
  }
  issuer.answers[INTROSPECTION_PATH] = slow.drops!
  await t.rejects(issuer.remote({ introspection: CREDENTIALS }).verify('opaque'), { cause: { name: 'TimeoutError' } })
  t.ok(limits().every(({ args }) => args[0] === 5000))
})

test('an answer without a body is no answer', async (t) => {
  const fetch = async () => new Response(null)
  const remote = new RemoteAccessTokens({ issuer: 'https://as.example', audience: AUDIENCE, fetch })
  await t.rejects(remote.verify('token'), { cause: { message: 'The body is not a JSON object' } })
  const refused = new RemoteAccessTokens({ issuer: 'https://as.example', audience: AUDIENCE, fetch: async () => new Response(null, { status: 204 }) })
  await t.rejects(refused.verify('token'), { cause: { message: 'The status is 204' } })
})

test('a thousand first tokens cost the issuer one look at its metadata and one at its keys', async (t) => {
  const issuer = await Issuer.start(t)
  const remote = issuer.remote()
  const tokens = Array.from({ length: 1000 }, (_, index) => issuer.token({ jti: `token ${index}` }))
  const results = await Promise.all(tokens.map((token) => remote.verify(token)))
  t.ok(results.every(({ isValid }) => isValid))
  t.strictSame(issuer.requests, [METADATA_PATH, JWKS_PATH])
})

test('a key that was announced before it signs is found at once, wherever in the time of the keys it is', async (t) => {
  for (const age of [0, 1, 15, 29, 30, 31, 599, 600, 3600]) {
    const issuer = await Issuer.start(t)
    const remote = issuer.remote()
    await accepts(t, remote, issuer.token())
    issuer.keys.push(new Key('two'))
    issuer.time += age
    await accepts(t, remote, issuer.token(), `${age} seconds after the keys were read`)
    await accepts(t, remote, issuer.token({}, {}, issuer.keys[0]), 'the former still is')
  }
})

test('no flood of unknown keys hides a key that was announced half a minute before it signs', async (t) => {
  const issuer = await Issuer.start(t)
  const remote = issuer.remote()
  let count = 0
  const flood = async (seconds: number) => {
    for (const until = issuer.time + seconds; issuer.time < until; issuer.time++) {
      const bad = Array.from({ length: 5 }, () => remote.verify(issuer.token({}, { kid: `unknown ${count++}` })))
      for (const result of await Promise.all(bad)) t.notOk(result.isValid)
      // The name of the next key is no secret.
      await refuses(t, remote, new Key('two').sign(issuer.claims()))
    }
  }
  await accepts(t, remote, issuer.token())
  await flood(17)
  const next = new Key('two')
  issuer.keys.push(next)
  await flood(30)
  await accepts(t, remote, issuer.token({}, {}, next), 'the key is found')
  issuer.keys = [next]
  await flood(60)
  await accepts(t, remote, issuer.token({}, {}, next), 'and stays')
})

test('a flood of unknown keys, and of bad signatures, costs the issuer ten requests at once, and six a minute', async (t) => {
  const issuer = await Issuer.start(t)
  const remote = issuer.remote()
  await accepts(t, remote, issuer.token())
  const stranger = new Key('one')
  const flood = (name: string) => Promise.all(Array.from({ length: 50 }, (_, index) =>
    remote.verify(index % 2 === 0 ? issuer.token({}, { kid: `${name} ${index}` }) : stranger.sign(issuer.claims({ jti: `${name} ${index}` })))))
  for (let second = 0; second < 120; second++) {
    const results = await flood(`second ${second}`)
    t.ok(results.every(({ isValid }) => !isValid))
    issuer.time++
  }
  t.equal(issuer.count(JWKS_PATH), 1 + 10 + 11)
  t.equal(issuer.count(METADATA_PATH), 1)
})

test('keys that are replaced one right after the other, never announced, are found at once, whatever comes of the dropped ones', async (t) => {
  const issuer = await Issuer.start(t)
  const remote = issuer.remote()
  await accepts(t, remote, issuer.token())
  const dropped: string[] = []
  let count = 0
  const verifyDropped = async () => {
    for (const token of dropped) await refuses(t, remote, token)
    dropped.forEach((_, index) => { dropped[index] = issuer.token({ jti: `dropped ${count++}` }, {}, droppedKeys[index]) })
  }
  const droppedKeys: Key[] = []
  for (const [name, seconds] of [['two', 1], ['three', 20], ['four', 60], ['five', 1], ['six', 120]] as const) {
    const [former] = issuer.keys
    issuer.keys = [new Key(name)]
    droppedKeys.push(former!)
    dropped.push(issuer.token({}, {}, former))
    await accepts(t, remote, issuer.token(), name)
    for (const until = issuer.time + seconds; issuer.time < until; issuer.time++) {
      await verifyDropped()
      await verifyDropped()
      await accepts(t, remote, issuer.token({ jti: `valid ${count++}` }))
    }
  }
  t.ok(issuer.count(JWKS_PATH) < 35)
})

test('a key that the issuer does not show at once is found when its tokens come again 2 seconds later', async (t) => {
  const issuer = await Issuer.start(t)
  const remote = issuer.remote()
  await accepts(t, remote, issuer.token())
  const next = new Key('two')
  await refuses(t, remote, issuer.token({}, {}, next), 'another process of the issuer has not read it yet')
  issuer.keys.push(next)
  issuer.time += 2
  await accepts(t, remote, issuer.token({}, {}, next))
})

test('while the issuer is unavailable, nothing is concluded about a token whose key is not held', async (t) => {
  const issuer = await Issuer.start(t)
  const remote = issuer.remote()
  await accepts(t, remote, issuer.token())
  issuer.answers[JWKS_PATH] = status(503)
  for (const seconds of [0, 1, 4, 5, 60, 300, 500]) {
    issuer.time = START + seconds
    await accepts(t, remote, issuer.token({ jti: `at ${seconds}` }))
    for (const kid of ['next', `next ${seconds}`]) await t.rejects(remote.verify(new Key(kid).sign(issuer.claims())), { name: 'IssuerUnavailableError' })
    await refuses(t, remote, new Key('one').sign(issuer.claims()), 'the key is held, and the signature is wrong')
  }
  const next = new Key('next')
  issuer.keys.push(next)
  delete issuer.answers[JWKS_PATH]
  issuer.time += 5
  await accepts(t, remote, issuer.token({}, {}, next))
})

test('an issuer that names no keys, or all of them the same, may rotate them too', async (t) => {
  for (const kid of [undefined, 'the key']) {
    const issuer = await Issuer.start(t)
    issuer.keys = [new Key(kid)]
    const remote = issuer.remote()
    const former = issuer.token()
    await accepts(t, remote, former)
    issuer.keys = [new Key(kid)]
    await accepts(t, remote, issuer.token(), 'the new key')
    await refuses(t, remote, former, 'the old key')

    issuer.time += 30
    issuer.keys.push(new Key(kid))
    await accepts(t, remote, issuer.token(), 'the newest of two')
    await accepts(t, remote, issuer.token({}, {}, issuer.keys[0]), 'the former of two')
    await refuses(t, remote, new Key(kid).sign(issuer.claims()), 'neither of two')
    await refuses(t, remote, issuer.token({ exp: START - 61 }), 'expired')
  }
})

test('a token whose key the issuer has dropped is rejected after ten minutes, though it was verified before', async (t) => {
  const issuer = await Issuer.start(t)
  const remote = issuer.remote()
  const token = issuer.token()
  const first = await remote.verify(token)
  issuer.keys.push(new Key('two'))
  issuer.time += 600
  t.equal(await remote.verify(token), first, 'a further key changes nothing')

  const [dropped] = issuer.keys
  issuer.keys.shift()
  issuer.time += 479
  t.equal(await remote.verify(token), first)
  await background()
  t.equal(issuer.count(JWKS_PATH), 2, 'the keys are recent')
  issuer.time += 1
  t.equal(await remote.verify(token), first, 'while the keys are read again')
  await background()
  t.equal(issuer.count(JWKS_PATH), 3)
  await refuses(t, remote, token, 'the key is gone')
  await refuses(t, remote, issuer.token({ jti: 'two' }, {}, dropped), 'for tokens that were not seen before too')
  await accepts(t, remote, issuer.token())
})

for (const silence of [600, 1190, 1200, 8 * 3600]) {
  test(`a key that was dropped is rejected after a silence of ${silence} seconds, and its many tokens cost two requests`, async (t) => {
    const issuer = await Issuer.start(t)
    const remote = issuer.remote()
    const [leaked] = issuer.keys
    const known = issuer.token({ exp: START + 100_000 })
    await accepts(t, remote, known)
    issuer.keys = [new Key('next')]
    issuer.time += silence - 1
    if (silence === 600) await accepts(t, remote, known, 'a second before')
    issuer.time += 1
    const forged = Array.from({ length: 10 }, (_, index) => issuer.token({ jti: `forged ${index}` }, {}, leaked))
    for (const result of await Promise.all([known, ...forged].map((token) => remote.verify(token)))) t.notOk(result.isValid)
    t.equal(issuer.count(JWKS_PATH), 3, 'the one that is waited for, and one for the key that is missing')
    await accepts(t, remote, issuer.token())
  })
}

test('after one request that failed, a key that was dropped is rejected behind any silence', async (t) => {
  for (const silence of [5, 6, 30, 600, 8 * 3600]) {
    const issuer = await Issuer.start(t)
    const errors: Error[] = []
    const remote = issuer.remote({ onError: (error) => { errors.push(error) } })
    const [leaked] = issuer.keys
    const forge = () => issuer.token({}, {}, leaked)
    await accepts(t, remote, forge())
    issuer.time += 700
    issuer.answers[JWKS_PATH] = status(503)
    await accepts(t, remote, forge(), 'the issuer is unavailable')
    t.equal(errors.length, 1)
    delete issuer.answers[JWKS_PATH]
    issuer.keys = [new Key('next')]
    issuer.time += silence
    const results = await Promise.all(Array.from({ length: 10 }, async () => await remote.verify(forge())))
    t.ok(results.every(({ isValid }) => !isValid), `${silence} seconds after`)
    await accepts(t, remote, issuer.token())
  }
})

test('the age of the keys is the greater of wall and monotonic time', async (t) => {
  const pass = stopwatch(t)
  for (const [wall, milliseconds] of [[600, 0], [0, 600_000], [-86_400, 600_000]] as const) {
    const issuer = await Issuer.start(t)
    const remote = issuer.remote()
    const [leaked] = issuer.keys
    const token = issuer.token({ iat: START - 90_000 })
    await accepts(t, remote, token)
    issuer.keys = [new Key('next')]
    issuer.time += wall
    pass(milliseconds)
    await refuses(t, remote, token)
    await refuses(t, remote, issuer.token({}, {}, leaked))
    await accepts(t, remote, issuer.token())
  }
})

test('a token is not accepted by keys that have become too old while it was verified, such as in a suspended process', async (t) => {
  for (const isKnown of [true, false]) {
    const issuer = await Issuer.start(t)
    const remote = issuer.remote()
    const token = issuer.token({ exp: START + 100_000 })
    await accepts(t, remote, isKnown ? token : issuer.token({ jti: 'other' }))
    issuer.time += 400
    const result = remote.verify(token)
    issuer.time += 200
    issuer.keys = [new Key('next')]
    t.notOk((await result).isValid)
  }
})

test('a token that has expired while it was verified is rejected', async (t) => {
  const issuer = await Issuer.start(t)
  const remote = issuer.remote({ clockTolerance: 0 })
  await accepts(t, remote, issuer.token())
  const { subtle } = globalThis.crypto
  const { verify } = subtle
  t.intercept(subtle, 'verify', { value: async (...args: Parameters<typeof verify>) => { issuer.time += 10; return await verify.apply(subtle, args) } })
  t.equal(messageOf(await remote.verify(issuer.token({ exp: issuer.time + 10 }))), EXPIRED)
  await accepts(t, remote, issuer.token({ exp: issuer.time + 11 }))
})

test('a process that is suspended each time that it verifies gives up', async (t) => {
  const issuer = await Issuer.start(t)
  const remote = issuer.remote()
  const token = issuer.token({ exp: START + 100_000 })
  const { subtle } = globalThis.crypto
  const { verify } = subtle
  t.intercept(subtle, 'verify', { value: async (...args: Parameters<typeof verify>) => { issuer.time += 600; return await verify.apply(subtle, args) } })
  await t.rejects(remote.verify(token), { name: 'IssuerUnavailableError' })
  t.equal(issuer.count(JWKS_PATH), 3)
})

test('keys are read again in the background from eight minutes on, and waited for from ten minutes on', async (t) => {
  const issuer = await Issuer.start(t)
  const remote = issuer.remote()
  const token = issuer.token({ exp: START + 100_000 })
  await accepts(t, remote, token)
  issuer.time += 479
  await accepts(t, remote, token)
  await background()
  t.equal(issuer.count(JWKS_PATH), 1)
  for (let count = 2; count <= 7; count++) {
    issuer.time += 480
    for (const result of await Promise.all([remote.verify(token), remote.verify(token)])) t.ok(result.isValid)
    await background()
    t.equal(issuer.count(JWKS_PATH), count)
  }
  let isAnswered = false
  issuer.answers[JWKS_PATH] = (...answer) => { isAnswered = true; json({ keys: issuer.keys.map(({ jwk }) => jwk) })(...answer) }
  issuer.time += 600
  await accepts(t, remote, token)
  t.ok(isAnswered)

  issuer.time -= 100_000
  await accepts(t, remote, token)
  await background()
  t.equal(issuer.count(JWKS_PATH), 8, 'a wall clock that is set back hides no age, and adds none')
})

test('metadata is used for an hour', async (t) => {
  const issuer = await Issuer.start(t)
  const remote = issuer.remote()
  const token = issuer.token({ exp: START + 100_000 })
  await accepts(t, remote, token)
  issuer.metadata.jwks_uri = `${issuer.url}/moved`
  issuer.answers['/moved'] = json({ keys: issuer.keys.map(({ jwk }) => jwk) })
  issuer.time += 2000
  await accepts(t, remote, token)
  t.equal(issuer.count(METADATA_PATH), 1)
  issuer.time += 1600
  await accepts(t, remote, token)
  t.equal(issuer.count(METADATA_PATH), 2)
  t.equal(issuer.count('/moved'), 1, 'keys that have moved are found')
})

test('while the issuer is unavailable the keys stay in use, and it is asked every 5 seconds at most', async (t) => {
  const issuer = await Issuer.start(t)
  const errors: Error[] = []
  const remote = issuer.remote({ onError: (error) => { errors.push(error) } })
  const token = issuer.token({ exp: START + 100_000 })
  await accepts(t, remote, token)
  issuer.answers[JWKS_PATH] = status(503)
  issuer.time += 600
  for (let second = 0; second < 20; second++) {
    await accepts(t, remote, token, 'seen before')
    await accepts(t, remote, issuer.token({ jti: `token ${second}` }), 'not seen before')
    await t.rejects(remote.verify(issuer.token({}, { kid: 'unknown' })), { name: 'IssuerUnavailableError' }, 'of an unknown key')
    await background()
    issuer.time++
  }
  t.equal(issuer.count(JWKS_PATH), 1 + 4)
  t.match(errors, [{ message: `The authorization server gave no usable answer at ${issuer.url}${JWKS_PATH}` }])
  t.equal(errors.length, 1, 'one error in an outage')

  delete issuer.answers[JWKS_PATH]
  issuer.keys.push(new Key('two'))
  issuer.time += 5
  await accepts(t, remote, issuer.token(), 'the new key of an issuer that is back')
  issuer.answers[JWKS_PATH] = json({ error: 'server_error' })
  issuer.time += 600
  await accepts(t, remote, issuer.token())
  await background()
  t.equal(errors.length, 2, 'the next outage')
  await t.rejects(issuer.remote().verify(token), 'keys that were never had are no verdict')
})

test('a new key that was looked for in vain while the issuer was away is found 5 seconds after it is back', async (t) => {
  const issuer = await Issuer.start(t)
  const remote = issuer.remote()
  await accepts(t, remote, issuer.token())
  issuer.keys.push(new Key('two'))
  issuer.answers[JWKS_PATH] = status(503)
  await t.rejects(remote.verify(issuer.token()), { name: 'IssuerUnavailableError' })
  delete issuer.answers[JWKS_PATH]
  issuer.time += 5
  await accepts(t, remote, issuer.token())
})

test('an issuer that is away when the first token comes is asked again every 5 seconds, and found when it is back', async (t) => {
  const issuer = await Issuer.start(t)
  const { port } = issuer
  const errors: Error[] = []
  const remote = issuer.remote({ onError: (error) => { errors.push(error) } })
  const token = issuer.token()
  await issuer.stop()
  await t.rejects(remote.verify(token), { message: /no usable answer at http.*oauth-authorization-server$/ })
  await issuer.listen(port)
  issuer.time += 4
  await t.rejects(remote.verify(token), { message: /no usable answer/ }, 'not asked')
  t.strictSame(issuer.requests, [])
  issuer.time += 1
  await accepts(t, remote, token)
  t.strictSame(errors, [], 'who called was told')
})

test('keys are used for maxStale beyond ten minutes while the issuer is unavailable, and then the answer is a 503', async (t) => {
  for (const [maxStale, seconds] of [[undefined, 600], [60, 60], [0, 0]] as const) {
    const issuer = await Issuer.start(t)
    const remote = issuer.remote({ ...(maxStale !== undefined && { maxStale }) })
    const [leaked] = issuer.keys
    const token = issuer.token({ exp: START + 100_000 })
    await accepts(t, remote, token)
    issuer.answers[JWKS_PATH] = status(503)
    for (let age = 480; age <= 600 + seconds; age += 60) {
      issuer.time = START + age
      await accepts(t, remote, token, `${age} seconds`)
      await accepts(t, remote, issuer.token({ jti: `token at ${age}` }), 'not seen before')
      await background()
    }
    issuer.time = START + 600 + seconds + 1
    for (const unknown of [token, issuer.token({ jti: 'new' })]) {
      await t.rejects(remote.verify(unknown), { name: 'IssuerUnavailableError', message: `The authorization server gave no usable answer at ${issuer.url}${JWKS_PATH}` })
    }
    issuer.time += 8 * 3600
    const requests = issuer.requests.length
    for (let request = 0; request < 5; request++) t.ok(isStoreUnavailable(await remote.verify(token).catch((error: unknown) => error)))
    t.equal(issuer.requests.length, requests + 1 + Number(issuer.count(METADATA_PATH) > 1))

    delete issuer.answers[JWKS_PATH]
    issuer.keys = [new Key('next')]
    issuer.time += 5
    await refuses(t, remote, issuer.token({}, {}, leaked))
    await accepts(t, remote, issuer.token())
  }
})

test('keys stay in use while the metadata cannot be read, as long as they are recent enough themselves', async (t) => {
  const issuer = await Issuer.start(t)
  const remote = issuer.remote()
  const token = issuer.token({ exp: START + 100_000 })
  await accepts(t, remote, token)
  issuer.answers[METADATA_PATH] = status(503)
  for (let minute = 10; minute <= 70; minute += 10) {
    issuer.time = START + minute * 60
    await accepts(t, remote, token, `${minute} minutes`)
  }
  t.equal(issuer.count(JWKS_PATH), 8)
  issuer.time += 600
  await accepts(t, remote, token)
  t.equal(issuer.count(JWKS_PATH), 8, 'the place of the keys is not known')
  issuer.time += 601
  await t.rejects(remote.verify(token), { name: 'IssuerUnavailableError', message: `The authorization server gave no usable answer at ${issuer.url}${METADATA_PATH}` })
})

test('a protected route answers 503 with Retry-After when the issuer is unavailable for too long', async (t) => {
  for (const introspection of [undefined, CREDENTIALS]) {
    const issuer = await Issuer.start(t)
    const app = Fastify()
    t.teardown(() => app.close())
    const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: `${issuer.url}/token` }).useAccessTokens(issuer.remote({ ...(introspection && { introspection }) })).build()
    await app.register(clientCredentialsPlugin, { flow })
    app.get('/', { preHandler: app.requireScopes('data:read') }, async () => 'data')
    const get = async () => await app.inject({ url: '/', headers: { authorization: `Bearer ${issuer.token()}` } })
    issuer.answers[INTROSPECTION_PATH] = json({ ...ACTIVE, scope: 'data:read' })
    t.equal((await get()).statusCode, 200)
    issuer.answers[INTROSPECTION_PATH] = issuer.answers[JWKS_PATH] = status(401)
    issuer.time += 1201
    const { statusCode, headers } = await get()
    t.equal(statusCode, 503)
    t.equal(headers['retry-after'], '2')
    t.notOk('www-authenticate' in headers)
  }
})

test('a maxStale that is no number of seconds is an error', (t) => {
  for (const maxStale of [-1, 1.5, NaN, Infinity, '600']) {
    t.throws(() => new RemoteAccessTokens({ issuer: 'https://as.example', audience: AUDIENCE, maxStale: maxStale as number }), { code: 'FST_OAUTH_INVALID_MAX_STALE' })
  }
  t.end()
})

test('an onError is not needed, and may throw', async (t) => {
  for (const onError of [undefined, () => { throw new Error('of the listener') }]) {
    const issuer = await Issuer.start(t)
    const remote = issuer.remote({ ...(onError && { onError }) })
    const token = issuer.token()
    await accepts(t, remote, token)
    await issuer.stop()
    issuer.time += 1200
    await accepts(t, remote, token)
    await background()
    await accepts(t, remote, token)
  }
})

test('what was loaded while somebody looked in vain is not loaded once more', async (t) => {
  let time = START
  let count = 0
  const document = new RemoteDocument({ load: async () => `load ${++count}`, maxAge: 600, now: () => time, onError: () => {} })
  const known = await document.get()
  time += 600
  await document.get()
  await background()
  t.equal(await document.seek(known, MISSING), 'load 2')
  t.equal(await document.seek('load 2', MISSING), 'load 3')
  t.equal(await document.seek('load 3', MISSING), 'load 3', 'nor within 2 seconds')
  time += 500
  t.equal(await document.get(), 'load 3')
  t.equal(await document.seek('load 3', MISSING), 'load 4', 'the load that is under way is waited for')
  t.equal(count, 4)
})

test('a load that a later one has overtaken does not take effect, and a load that the process was suspended in is not waited for', async (t) => {
  let time = START
  const answers: Array<(value: string) => void> = []
  const load = async () => await new Promise<string>((resolve) => { answers.push(resolve) })
  const document = new RemoteDocument({ load, maxAge: 600, now: () => time, onError: () => {} })
  const first = document.get()
  answers[0]!('load 1')
  t.equal(await first, 'load 1')
  time += 600
  const second = document.get()
  time += 300
  const third = document.get()
  t.equal(answers.length, 3)
  answers[2]!('load 3')
  t.equal(await third, 'load 3')
  answers[1]!('load 2')
  t.equal(await second, 'load 3')
  t.equal(document.current, 'load 3')
})

test('a document that is too old each time that it has arrived is not used', async (t) => {
  let time = START
  const document = new RemoteDocument({ load: async () => { time += 600; return 'document' }, maxAge: 600, now: () => time, onError: () => {} })
  await t.rejects(document.get(), { name: 'RemoteUnavailableError' })
  t.equal(document.current, undefined)
})

test('a document is loaded for missing names ten times in a row, and then every 10 seconds, by both clocks', async (t) => {
  const pass = stopwatch(t)
  let time = START
  let count = 0
  const document = new RemoteDocument({ load: async () => `load ${++count}`, maxAge: 600, now: () => time, onError: () => {} })
  const seek = async () => {
    for (let name = 0; name < 19; name++) await document.seek(await document.get(), { name: String(name), isHeld: false })
  }
  for (const [wall, milliseconds, loads] of [[0, 0, 11], [9, 9999, 11], [1, 0, 12], [-86_400, 9999, 12], [0, 1, 13], [200, 0, 23], [5, 0, 23]] as const) {
    time += wall
    pass(milliseconds)
    await seek()
    t.equal(count, loads)
  }
})

test('a document is loaded for one missing name after 2, 8 and 30 seconds, and for a forgotten one at once', async (t) => {
  let time = START
  let count = 0
  const document = new RemoteDocument({ load: async () => ({ number: ++count }), maxAge: 600, now: () => time, onError: () => {} })
  const loads: number[] = []
  await document.get()
  for (const until = time + 100; time < until; time++) {
    const known = await document.get()
    if (await document.seek(known, MISSING) !== known) loads.push(time - START)
  }
  t.strictSame(loads, [0, 2, 10, 40, 70])
  time += 60
  await document.seek(await document.get(), MISSING)
  await document.seek(await document.get(), { name: 'another', isHeld: false })
  t.equal(count, 8)
})

test('a key that was dropped while an older set of keys was on its way does not come back with it', async (t) => {
  const [one, two] = [new Key('one').jwk, new Key('two').jwk]
  const answers: Array<(keys: unknown[]) => void> = []
  const fetch = async () => await new Promise<Response>((resolve) => { answers.push((keys) => { resolve(Response.json({ keys })) }) })
  let time = START
  const document = remoteJwks({ uri: () => 'https://as.example/jwks', fetch, now: () => time, onError: () => {} })
  const first = document.get()
  await background()
  answers[0]!([one])
  const { lineage } = await first
  time += 600
  const older = document.get()
  await background()
  time += 20
  const newer = document.seek(await first, MISSING)
  await background()
  answers[2]!([one, two])
  t.equal((await newer).lineage, lineage, 'a further key')
  answers[1]!([one])
  t.equal((await older).keys.length, 2, 'the older answer is overtaken')

  time += 600
  const former = document.get()
  await background()
  answers[3]!([one])
  t.not((await former).lineage, lineage, 'a key that is dropped ends the lineage')
})

test('of an issuer a hundred keys are taken, and not one more', async (t) => {
  const issuer = await Issuer.start(t)
  const [first, ...others] = Array.from({ length: 101 }, (_, index) => new Key(`key-${index}`)) as [Key, ...Key[]]
  issuer.keys = others
  await accepts(t, issuer.remote(), issuer.token())
  issuer.keys = [...others, first]
  await t.rejects(issuer.remote().verify(issuer.token()))
})

test('a key that cannot be used is no verdict on the token', async (t) => {
  const issuer = await Issuer.start(t)
  issuer.answers[JWKS_PATH] = json({ keys: [{ ...issuer.keys[0]!.jwk, x: 'AA' }] })
  await t.rejects(issuer.remote().verify(issuer.token()))
})

/** An issuer that knows opaque tokens. */
async function introspecting (t: Test): Promise<{ issuer: Issuer, remote: RemoteAccessTokens, says: (answer: unknown) => void }> {
  const issuer = await Issuer.start(t)
  const says = (answer: unknown) => { issuer.answers[INTROSPECTION_PATH] = json(answer) }
  return { issuer, remote: issuer.remote({ introspection: CREDENTIALS }), says }
}

const ACTIVE = { active: true, client_id: 'reader', aud: AUDIENCE }

test('a token is introspected by a form, with credentials that are form-encoded', async (t) => {
  const issuer = await Issuer.start(t)
  let seen: { body: string, request: IncomingMessage } | undefined
  issuer.answers[INTROSPECTION_PATH] = (response, body, request) => {
    seen = { body, request }
    json(ACTIVE)(response, body, request)
  }
  const remote = issuer.remote({ introspection: { clientId: 'a:b c~', clientSecret: 'é%+&' } })
  await accepts(t, remote, 'one+two=')
  t.equal(seen?.request.method, 'POST')
  t.match(seen?.request.headers, { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' })
  t.equal(seen?.body, 'token=one%2Btwo%3D&token_type_hint=access_token')
  const [scheme, encoded = ''] = seen?.request.headers.authorization?.split(' ') ?? []
  t.equal(scheme, 'Basic')
  t.equal(Buffer.from(encoded, 'base64').toString(), 'a%3Ab+c~:%C3%A9%25%2B%26')
  t.strictSame(issuer.requests, [METADATA_PATH, INTROSPECTION_PATH])
})

test('an active token says who calls, and is no JWT with claims', async (t) => {
  const { remote, says } = await introspecting(t)
  says({ ...ACTIVE, aud: ['other', AUDIENCE], sub: 'somebody', scope: 'a b', exp: START + 1, iat: START, nbf: START, jti: 'x', cnf: { jkt: 'y' }, username: 'z' })
  t.strictSame(await remote.verify('full'), {
    isValid: true, credentials: { app: { id: 'reader' }, scope: ['a', 'b'] }, confirmation: { jkt: 'y' }
  })
  says(ACTIVE)
  t.match(await remote.verify('sparse'), { isValid: true, credentials: { app: { id: 'reader' }, scope: [] }, confirmation: undefined })
})

test('what the issuer does not call active, for us, in time and of a client is refused', async (t) => {
  const { issuer, remote, says } = await introspecting(t)
  const bad: Record<string, Members> = {
    inactive: { active: false },
    'active as text': { ...ACTIVE, active: 'true' },
    'active as number': { ...ACTIVE, active: 1 },
    'no active': { ...ACTIVE, active: undefined },
    'another audience': { ...ACTIVE, aud: ['other'] },
    'no audience': { ...ACTIVE, aud: undefined },
    'another issuer': { ...ACTIVE, iss: 'https://other.example' },
    'an exp that is over': { ...ACTIVE, exp: START - 60 },
    'an exp that is text': { ...ACTIVE, exp: String(START + 60) },
    'an nbf that is to come': { ...ACTIVE, nbf: START + 61 },
    'no client_id': { ...ACTIVE, client_id: undefined },
    'no client_id but a sub': { ...ACTIVE, client_id: undefined, sub: 'reader' },
    'a client_id that is empty': { ...ACTIVE, client_id: '' },
    'a scope that is a list': { ...ACTIVE, scope: ['a'] },
    'a cnf that is text': { ...ACTIVE, cnf: 'key' }
  }
  for (const [title, answer] of Object.entries(bad)) {
    says(answer)
    await refuses(t, remote, 'one', title)
  }
  says(bad['another audience'])
  t.equal(messageOf(await remote.verify('one')), OTHER_AUDIENCE)
  says(bad['an exp that is over'])
  t.equal(messageOf(await remote.verify('one')), EXPIRED)
  says(bad.inactive)
  t.equal(causeOf(await remote.verify('one')), 'the issuer says that the token is not active')
  says(ACTIVE)
  await accepts(t, remote, 'one', 'no refusal is remembered')
  const count = issuer.requests.length
  await refuses(t, remote, 'x'.repeat(16_385))
  t.equal(issuer.requests.length, count, 'what is too long is not sent')
})

test('an active token is remembered for a minute from sending the question, and never past its exp', async (t) => {
  const { issuer, remote, says } = await introspecting(t)
  says(ACTIVE)
  await accepts(t, remote, 'without exp')
  says({ ...ACTIVE, exp: START + 10 })
  await accepts(t, remote, 'ten seconds')
  says({ ...ACTIVE, exp: START + 3600 })
  await accepts(t, remote, 'an hour')
  says({ active: false })
  issuer.time += 9
  for (const token of ['without exp', 'ten seconds', 'an hour']) await accepts(t, remote, token)
  t.equal(issuer.count(INTROSPECTION_PATH), 3)
  issuer.time += 1
  await refuses(t, remote, 'ten seconds')
  issuer.time += 49
  for (const token of ['without exp', 'an hour']) await accepts(t, remote, token)
  issuer.time += 1
  for (const token of ['without exp', 'an hour']) await refuses(t, remote, token)
})

/** Answers only after some seconds, in which a revocation may happen. */
function slowly (issuer: Issuer, seconds: number, answer: unknown): void {
  issuer.answers[INTROSPECTION_PATH] = (...args) => {
    issuer.time += seconds
    json(answer)(...args)
  }
}

test('the minute of an answer begins with the question', async (t) => {
  const { issuer, remote, says } = await introspecting(t)
  slowly(issuer, 20, ACTIVE)
  await accepts(t, remote, 'token')
  says({ active: false })
  issuer.time += 39
  await accepts(t, remote, 'token')
  issuer.time += 1
  await refuses(t, remote, 'token')
})

test('the minute of an answer is one of wall or of monotonic time, whichever is over first', async (t) => {
  const pass = stopwatch(t)
  for (const [wall, milliseconds] of [[60, 0], [-86_400, 60_000], [0, 60_000]] as const) {
    const { issuer, remote, says } = await introspecting(t)
    says(ACTIVE)
    await accepts(t, remote, 'token')
    says({ active: false })
    issuer.time += wall
    pass(milliseconds)
    await refuses(t, remote, 'token')
  }
})

test('an answer that is a minute old when it arrives, such as in a suspended process, is asked for again', async (t) => {
  const { issuer, remote } = await introspecting(t)
  let count = 0
  issuer.answers[INTROSPECTION_PATH] = (...args) => {
    if (count++ === 0) issuer.time += 60
    json(count === 1 ? ACTIVE : { active: false })(...args)
  }
  await refuses(t, remote, 'token')
  t.equal(count, 2)
  slowly(issuer, 59, ACTIVE)
  await accepts(t, remote, 'token')
  slowly(issuer, 60, ACTIVE)
  await t.rejects(remote.verify('other'), { name: 'IssuerUnavailableError' })
})

test('the introspection endpoint is used for an hour, and while the issuer is unavailable for maxStale more', async (t) => {
  const { issuer, remote, says } = await introspecting(t)
  says(ACTIVE)
  await accepts(t, remote, 'one')
  issuer.metadata.introspection_endpoint = `${issuer.url}/moved`
  issuer.answers['/moved'] = json({ active: false })
  issuer.time += 2000
  await accepts(t, remote, 'two')
  issuer.time += 1600
  await refuses(t, remote, 'three')
  issuer.answers[METADATA_PATH] = status(503)
  issuer.time += 4200
  await refuses(t, remote, 'four')
  issuer.time += 5
  await t.rejects(remote.verify('five'), { name: 'IssuerUnavailableError', message: `The authorization server gave no usable answer at ${issuer.url}${METADATA_PATH}` })
})

test('no more tokens are remembered than there is room for', async (t) => {
  const { issuer, says } = await introspecting(t)
  says(ACTIVE)
  const remote = issuer.remote({ introspection: CREDENTIALS, cacheSize: 2 })
  for (const token of ['a', 'b', 'c', 'b', 'c']) await accepts(t, remote, token)
  t.equal(issuer.count(INTROSPECTION_PATH), 3)
  await accepts(t, remote, 'a')
  t.equal(issuer.count(INTROSPECTION_PATH), 4)
})

test('an issuer that cannot tell is no verdict on the token, and is asked again', async (t) => {
  const { issuer, remote, says } = await introspecting(t)
  const failures: Record<string, Answer> = {
    'our credentials are unknown': status(401),
    'we may not ask': status(403),
    'it is broken': status(500),
    'it is busy': status(503),
    'it redirects': (response) => { response.writeHead(307, { location: issuer.url + METADATA_PATH }).end() },
    'it sends no JSON': json('<html>'),
    'it closes the connection': (response) => { response.destroy() }
  }
  for (const [title, answer] of Object.entries(failures)) {
    issuer.answers[INTROSPECTION_PATH] = answer
    await t.rejects(remote.verify('one'), { message: `The authorization server gave no usable answer at ${issuer.url}${INTROSPECTION_PATH}` }, title)
  }
  says(ACTIVE)
  await accepts(t, remote, 'one')

  const { port } = issuer
  await issuer.stop()
  await accepts(t, remote, 'one', 'what is known is while the issuer is away')
  await t.rejects(remote.verify('two'))
  await issuer.listen(port)
  await accepts(t, remote, 'two', 'the issuer is back')
})

test('an introspection endpoint without TLS, or none, is an exception before any token is sent', async (t) => {
  const { issuer, remote } = await introspecting(t)
  issuer.metadata.introspection_endpoint = 'http://as.example/introspect'
  await t.rejects(remote.verify('one'), { message: /introspection_endpoint/ })
  issuer.time += 5
  delete issuer.metadata.introspection_endpoint
  await t.rejects(remote.verify('one'), { message: /introspection_endpoint/ })
})

// Presets

for (const [preset, { path, access, others, needed }] of Object.entries(foreignTokens) as Array<[TokenPresetName, ForeignTokens]>) {
  test(`the access tokens of the preset ${preset} are accepted, and no other token of that server is`, async (t) => {
    const issuer = await Issuer.start(t, path)
    // As they publish it: at the place of OpenID Connect, with keys that say nothing of their algorithm.
    issuer.answers[`${path.replace(/\/$/, '')}${OPENID_PATH}`] = json(issuer.metadata)
    const [key] = issuer.keys = [new Key('one', 'RS256')]
    const { alg: _, ...jwk } = key!.jwk
    issuer.answers[JWKS_PATH] = json({ keys: [jwk] })
    const { url: iss, time } = issuer
    const token = ({ typ, claims }: ForeignJwt, more: Members = {}) => key!.sign({ iss, iat: time, exp: time + 300, ...claims, ...more }, { typ })
    const remote = issuer.remote({ audience: FOREIGN_AUDIENCE, preset, clientIds: [FOREIGN_CLIENT] })

    for (const [title, jwt] of Object.entries(access)) {
      const result = await remote.verify(token(jwt))
      t.match(result, { isValid: true, credentials: { app: { id: FOREIGN_CLIENT }, scope: ['data:read', 'data:write'] } }, title)
      t.strictSame(result.isValid && result.confirmation, jwt.claims.cnf)
    }
    for (const [title, jwt] of Object.entries(others)) await refuses(t, remote, token(jwt), title)

    const genuine = Object.values(access)[0]!
    for (const claim of needed) await refuses(t, remote, token(genuine, { [claim]: undefined }), `no ${claim}`)
    const scope = ['scp', 'roles', 'scope'].find((name) => genuine.claims[name] !== undefined)!
    const wrong: Members[] = [
      { iss: `${iss}x` }, { iss: iss.replace('tenant', 'another') + (iss.includes('tenant') ? '' : '/another') }, { exp: time - 61 }, { nbf: time + 61 }, { iat: time + 61 }, { iat: undefined },
      { cnf: 'x' }, { nonce: 'n' }, { at_hash: 'h' }, { events: {} }, { [scope]: [1] }, { [scope]: { a: 1 } }, { [scope]: ['data:read', 'a b'] }
    ]
    for (const claims of wrong) await refuses(t, remote, token(genuine, claims), JSON.stringify(claims))
    for (const typ of ['dpop+jwt', 'logout+jwt', 'client-authentication+jwt', 'token-introspection+jwt', 'secevent+jwt', '', 1, null, ['JWT']]) {
      await refuses(t, remote, key!.sign({ iss, iat: time, exp: time + 300, ...genuine.claims }, { typ }), `typ ${JSON.stringify(typ)}`)
    }
    const input = `${encode({ alg: 'HS256', kid: 'one', ...(genuine.typ && { typ: genuine.typ }) })}.${token(genuine).split('.')[1]}`
    await refuses(t, remote, `${input}.${createHmac('sha256', key!.publicPem).update(input).digest('base64url')}`, 'HS256 with the public key as secret')
    await refuses(t, remote, `${encode({ alg: 'none', ...(genuine.typ && { typ: genuine.typ }) })}.${token(genuine).split('.')[1]}.`, 'alg none')
    await refuses(t, issuer.remote({ audience: FOREIGN_AUDIENCE, preset, clientIds: ['stranger'] }), token(genuine), 'another list of clients')
    await refuses(t, issuer.remote({ audience: 'https://other.example', preset, clientIds: [FOREIGN_CLIENT] }), token(Object.values(access).at(-1)!), 'another audience')
    await refuses(t, issuer.remote({ audience: FOREIGN_AUDIENCE, clientIds: [FOREIGN_CLIENT] }), token(genuine), 'without the preset')
  })
}

test('a token whose aud is its own client is accepted for the clients that are listed only', async (t) => {
  const issuer = await Issuer.start(t)
  const claims = { aud: 'reader', client_id: undefined, scope: ['data:read'] }
  const token = issuer.token(claims, { typ: undefined })
  await accepts(t, issuer.remote({ preset: 'spring', clientIds: ['other', 'reader'] }), token)
  await refuses(t, issuer.remote({ preset: 'spring', clientIds: ['other'] }), token)
  await refuses(t, issuer.remote({ preset: 'spring' }), token)
  await refuses(t, issuer.remote({ preset: 'hydra', clientIds: ['reader'] }), issuer.token({ aud: 'reader', scp: [] }, { typ: 'JWT' }))
})

test('without a preset, clientIds says whose tokens are accepted', async (t) => {
  const issuer = await Issuer.start(t)
  await accepts(t, issuer.remote({ clientIds: ['other', 'reader'] }), issuer.token())
  await refuses(t, issuer.remote({ clientIds: ['other'] }), issuer.token())
  await refuses(t, issuer.remote({ clientIds: ['reader'] }), issuer.token({ aud: undefined }))
  issuer.answers[INTROSPECTION_PATH] = json({ active: true, client_id: 'reader', aud: AUDIENCE })
  await accepts(t, issuer.remote({ introspection: CREDENTIALS, clientIds: ['reader'] }), 'opaque')
  await refuses(t, issuer.remote({ introspection: CREDENTIALS, clientIds: ['other'] }), 'opaque')
})

test('FST_OAUTH_INVALID_PRESET: a preset is known and for JWTs, clients are listed, and Cognito needs the list', (t) => {
  const wrong: Array<Record<string, unknown>> = [
    { preset: 'azure' }, { preset: '' }, { preset: null }, { preset: 'constructor' }, { preset: 'cognito' }, { preset: 'cognito', clientIds: [] }, { clientIds: [] },
    { clientIds: 'reader' }, { clientIds: [''] }, { clientIds: [1] }, { clientIds: null }, { preset: 'keycloak', introspection: CREDENTIALS }
  ]
  for (const options of wrong) {
    t.throws(() => new RemoteAccessTokens({ issuer: 'https://as.example', audience: AUDIENCE, ...options }), { code: 'FST_OAUTH_INVALID_PRESET' }, JSON.stringify(options))
  }
  t.end()
})
