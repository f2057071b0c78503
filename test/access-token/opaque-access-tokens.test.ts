import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { test } from 'tap'
import { OpaqueAccessTokens } from '../../src/access-token/opaque-access-tokens.ts'
import type { OpaqueAccessTokensOptions } from '../../src/access-token/opaque-access-tokens.ts'
import { FlowConfigurationError } from '../../src/errors/configuration-error.ts'
import type { VerifyTokenResult } from '../../src/adapter.ts'
import type { ClientCredentialsGrantContext, OAuth2Client, TokenType } from '../../src/index.ts'
import { basic, CLIENTS, demoApp, demoBuilder, FORM, form, TOKEN_PATH } from '../support/demo.ts'
import { AUDIENCE, INVALID, ISSUER, now, READ, TestStore } from '../support/forge.ts'
import { stopwatch } from '../support/stopwatch.ts'

const OTHER = 'https://other.example'
const REVOKED = 'The access token was revoked'
const LIFETIME = 1800
const START = 1_800_000_000

const ALL_CLIENTS: Readonly<Record<string, OAuth2Client>> = {
  ...CLIENTS,
  brief: { ...CLIENTS.reader!, id: 'brief', accessTokenLifetime: 60 },
  eternal: { ...CLIENTS.reader!, id: 'eternal', accessTokenLifetime: 1_000_000 },
  limited: { ...CLIENTS.reader!, id: 'limited', audiences: [OTHER] }
}

const tokensWith = (options: Partial<OpaqueAccessTokensOptions> = {}) =>
  new OpaqueAccessTokens({ issuer: ISSUER, audience: AUDIENCE, store: new TestStore(), ...options })

function appWith (tokens: OpaqueAccessTokens, tokenType?: TokenType, server?: FastifyServerOptions): Promise<FastifyInstance> {
  const builder = demoBuilder().setAccessTokenLifetime(LIFETIME).useAccessTokens(tokens).getClient(({ clientId }) => ALL_CLIENTS[clientId])
  if (tokenType !== undefined) builder.setTokenType(tokenType)
  return demoApp({ flow: builder.build() }, server)
}

const requestToken = (app: FastifyInstance, client = 'reader', resources: string[] = []) => app.inject({
  method: 'POST',
  url: TOKEN_PATH,
  headers: { authorization: basic(client), 'content-type': FORM },
  payload: form([['grant_type', 'client_credentials'], ...resources.map((resource): [string, string] => ['resource', resource])])
})

const use = (app: FastifyInstance, token: string) => app.inject({ url: '/data', headers: { authorization: `Bearer ${token}` } })
const hashOf = (token: string) => createHash('sha256').update(token).digest('base64url')

const context = (members: Partial<ClientCredentialsGrantContext> = {}): ClientCredentialsGrantContext => ({
  client: CLIENTS.reader!, grantType: '', scope: [READ], tokenType: 'Bearer', accessTokenLifetime: LIFETIME, origin: '', resource: [], audience: [AUDIENCE], confirmation: undefined, ...members
})
const issue = async (tokens: OpaqueAccessTokens, members?: Partial<ClientCredentialsGrantContext>) => (await tokens.issue(context(members))).accessToken
const messageOf = (result: VerifyTokenResult) => result.isValid ? 'valid' : result.message ?? INVALID
const verdictOn = async (tokens: OpaqueAccessTokens, token: string) => messageOf(await tokens.verify(token))

test('A token opens a guarded route, and only its SHA-256 is stored', async (t) => {
  const store = new TestStore()
  const app = await appWith(tokensWith({ store }))
  const before = now()
  const { access_token: token, ...rest } = (await requestToken(app)).json()
  t.strictSame(rest, { token_type: 'Bearer', expires_in: LIFETIME, scope: READ })
  t.strictSame([...store.tokens.keys()], [hashOf(token)])
  const stored = store.tokens.get(hashOf(token))!
  t.strictSame({ ...stored, issuedAt: 0, expiresAt: 0 }, { clientId: 'reader', scope: [READ], audience: [AUDIENCE], issuedAt: 0, expiresAt: 0 })
  t.ok(stored.issuedAt >= before && stored.issuedAt <= now(), 'issued now')
  t.equal(stored.expiresAt - stored.issuedAt, LIFETIME)
  t.notMatch(JSON.stringify(stored), token)
  t.strictSame((await use(app, token)).json(), { app: { id: 'reader' }, scope: [READ] })
})

test('RFC 6749 §10.10: a token has 256 bits, each of them random', async (t) => {
  const tokens = tokensWith()
  const issued = await Promise.all(Array.from({ length: 500 }, () => issue(tokens)))
  t.equal(new Set(issued).size, 500)
  for (const token of issued) t.match(token, /^[\w-]{43}$/)
  const bytes = issued.map((token) => Buffer.from(token, 'base64url'))
  t.ok(bytes.every(({ length }) => length === 32))
  for (let bit = 0; bit < 256; bit++) {
    const ones = bytes.filter((token) => token[bit >> 3]! & (1 << (bit & 7))).length
    // Ten standard deviations.
    t.ok(ones > 138 && ones < 362, `bit ${bit}: ${ones}`)
  }
})

test('What is no token of ours is an invalid token', async (t) => {
  const store = new TestStore()
  const app = await appWith(tokensWith({ store }))
  const { access_token: token } = (await requestToken(app)).json()
  const flipped = `${token[0] === 'A' ? 'B' : 'A'}${token.slice(1)}`
  const STRANGERS: Record<string, string> = {
    'one letter is another': flipped,
    'a letter is missing': token.slice(1),
    'a letter too much': `${token}A`,
    'with padding': `${token}=`,
    'in capitals': token.toUpperCase(),
    'its hash': hashOf(token),
    'its hash in hex': createHash('sha256').update(token).digest('hex'),
    'a name of every object': '__proto__',
    'another name of every object': 'constructor',
    'a JWT': 'eyJhbGciOiJub25lIn0.e30.',
    'a huge one': 'a'.repeat(1_000_000)
  }
  for (const [name, stranger] of Object.entries(STRANGERS)) {
    const response = await use(app, stranger)
    t.equal(response.statusCode, 401, name)
    t.strictSame(response.json(), { error: 'invalid_token', error_description: INVALID }, name)
  }
  t.equal((await use(app, token)).statusCode, 200)
})

test('A token is looked up once for many requests, and what is remembered is frozen', async (t) => {
  const store = new TestStore()
  const tokens = tokensWith({ store })
  const token = await issue(tokens, { confirmation: { jkt: 'ours' } })
  const results = []
  for (let use = 0; use < 20; use++) results.push(await tokens.verify(token))
  t.equal(store.calls.filter((name) => name === 'findToken').length, 1)
  const { credentials, confirmation } = results[0] as VerifyTokenResult & { isValid: true }
  for (const value of [credentials, credentials.app, credentials.scope, confirmation]) t.ok(Object.isFrozen(value), JSON.stringify(value))
  t.notOk('claims' in credentials)
})

test('What the caller does to the scope of a stored token changes no verdict', async (t) => {
  const store = new TestStore()
  const tokens = tokensWith({ store })
  const token = await issue(tokens)
  // A store that does not copy.
  store.findToken = async (hash) => store.tokens.get(hash)
  await tokens.verify(token)
  ;(store.tokens.get(hashOf(token))!.scope as string[]).push('data:write')
  t.strictSame((await tokens.verify(token) as VerifyTokenResult & { isValid: true }).credentials.scope, [READ])
})

test('As many tokens are remembered as is said, and none for a bad or revoked one', async (t) => {
  const store = new TestStore()
  const tokens = tokensWith({ store, cacheSize: 2 })
  const [first, second, third, revoked] = await Promise.all(Array.from({ length: 4 }, () => issue(tokens))) as [string, string, string, string]
  const clients = await issue(tokens, { client: CLIENTS.writer! })
  await tokensWith({ store }).revokeClient('writer')
  await tokensWith({ store }).revoke(revoked)
  const lookUps = async (...presented: string[]) => {
    store.calls.length = 0
    for (const token of presented) await tokens.verify(token)
    return store.calls.filter((name) => name === 'findToken').length
  }
  t.equal(await lookUps(first, second, first), 2)
  t.equal(await lookUps('unknown', clients, revoked, clients), 4)
  t.equal(await lookUps(first, second, first), 0, 'bad tokens push none out')
  t.equal(await lookUps(third, first, third), 1)
  t.equal(await lookUps(second), 1, 'the one longest unused is gone')
})

test('A token expires on the second, remembered or not, whatever the store still has', async (t) => {
  let time = START
  const store = new TestStore({ now: () => START })
  const tokens = tokensWith({ store, now: () => time })
  const [seen, unseen] = [await issue(tokens), await issue(tokens)]
  t.equal(await verdictOn(tokens, seen), 'valid')
  time = START + LIFETIME - 1
  t.equal(await verdictOn(tokens, seen), 'valid')
  time++
  t.equal(await verdictOn(tokens, seen), INVALID)
  t.equal(await verdictOn(tokens, unseen), INVALID)
  t.equal(await tokens.introspect(seen), undefined)
})

test('A token lives as long as its client may have it, and never longer than is said', async (t) => {
  for (const [client, maxTokenLifetime, lifetime] of [['reader', undefined, LIFETIME], ['brief', undefined, 60], ['eternal', undefined, 86_400], ['reader', 600, 600], ['brief', 600, 60]] as const) {
    const store = new TestStore()
    const app = await appWith(tokensWith({ store, ...(maxTokenLifetime !== undefined && { maxTokenLifetime }) }))
    const { access_token: token, expires_in: expiresIn } = (await requestToken(app, client)).json()
    const { issuedAt, expiresAt } = store.tokens.get(hashOf(token))!
    t.equal(expiresIn, lifetime, `${client}, ${maxTokenLifetime}`)
    t.equal(expiresAt - issuedAt, lifetime, `${client}, ${maxTokenLifetime}`)
  }
})

const AUDIENCES: [title: string, client: string, resources: string[], outcome: string[] | string][] = [
  ['none is asked for', 'reader', [], [AUDIENCE]],
  ['one is asked for', 'reader', [OTHER], [OTHER]],
  ['several are asked for', 'reader', [OTHER, AUDIENCE], [OTHER, AUDIENCE]],
  ['the client may have another only', 'limited', [], [OTHER]],
  ['the client may not have it', 'limited', [AUDIENCE], 'The client may not have a token for this resource'],
  ['it is unknown', 'reader', ['https://unknown.example'], 'The client may not have a token for this resource'],
  ['it is no absolute URI', 'reader', ['api'], 'A resource must be an absolute URI without fragment']
]

for (const [title, client, resources, outcome] of AUDIENCES) {
  test(`RFC 8707 §2: the audience of a token when ${title}`, async (t) => {
    const store = new TestStore()
    const app = await appWith(tokensWith({ store, audience: [AUDIENCE, OTHER] }))
    const response = await requestToken(app, client, resources)
    if (typeof outcome === 'string') {
      t.equal(response.statusCode, 400)
      t.strictSame(response.json(), { error: 'invalid_target', error_description: outcome })
      t.equal(store.tokens.size, 0)
      return
    }
    t.strictSame(store.tokens.get(hashOf(response.json().access_token))!.audience, outcome)
  })
}

test('RFC 8707 §2: a token opens the resource servers it is for, and no other on the same store', async (t) => {
  const store = new TestStore()
  const token = await issue(tokensWith({ store, audience: [AUDIENCE, OTHER, 'third'] }), { audience: [AUDIENCE, OTHER] })
  for (const [audience, verdict] of [[AUDIENCE, 'valid'], [OTHER, 'valid'], [['third', OTHER], 'valid'], ['third', INVALID], [`${AUDIENCE}/`, INVALID]] as const) {
    t.equal(await verdictOn(tokensWith({ store, audience }), token), verdict, String(audience))
  }
})

test('A revoked token and the tokens of a revoked client are refused at once here, and elsewhere after a second', async (t) => {
  const pass = stopwatch(t)
  let time = START
  const now = () => time
  const options = { store: new TestStore({ now }), now }
  const [here, elsewhere] = [tokensWith(options), tokensWith(options)]
  const [token, clients, ours] = [await issue(here), await issue(here, { client: CLIENTS.writer! }), await issue(here)]
  const verdicts = (tokens: OpaqueAccessTokens) => Promise.all([token, clients, ours].map((token) => verdictOn(tokens, token)))
  for (const tokens of [here, elsewhere]) t.strictSame(await verdicts(tokens), ['valid', 'valid', 'valid'])
  await here.revoke(token)
  await here.revokeClient('writer')
  t.notOk(options.store.tokens.has(hashOf(token)), 'its row is gone')
  t.strictSame(await verdicts(here), [REVOKED, REVOKED, 'valid'])
  t.strictSame(await verdicts(elsewhere), ['valid', 'valid', 'valid'], 'not known there yet')
  pass(1000)
  t.strictSame(await verdicts(elsewhere), [REVOKED, REVOKED, 'valid'], 'a second later')
  t.strictSame(await verdicts(tokensWith(options)), [INVALID, REVOKED, 'valid'], 'where it was never seen')
  time += 7
  t.equal(await verdictOn(elsewhere, await issue(here, { client: CLIENTS.writer! })), 'valid', 'one that was issued afterwards')
  t.strictSame([await here.introspect(token), await elsewhere.introspect(clients)], [undefined, undefined])
})

test('The revocation of a client is in force for as long as its tokens may live', async (t) => {
  const pass = stopwatch(t)
  let time = START
  const now = () => time
  const tokens = tokensWith({ store: new TestStore({ now }), maxTokenLifetime: 600, now })
  const token = await issue(tokens, { accessTokenLifetime: 600 })
  await tokens.revokeClient('reader')
  for (const [moment, verdict] of [[0, REVOKED], [70, REVOKED], [599, REVOKED], [600, INVALID], [700, INVALID]] as const) {
    pass(1000)
    time = START + moment
    t.equal(await verdictOn(tokens, token), verdict, String(moment))
  }
})

test('What is no token of ours is not revoked', async (t) => {
  const store = new TestStore()
  await tokensWith({ store }).revoke('unknown')
  t.strictSame((await store.listRevocations()).entries, [])
})

test('Introspection tells what is stored of a valid token, and nothing of any other', async (t) => {
  const now = () => START
  const tokens = tokensWith({ store: new TestStore({ now }), audience: [AUDIENCE, OTHER], now })
  const common = { iss: ISSUER, sub: 'reader', client_id: 'reader', iat: START, exp: START + LIFETIME }
  t.strictSame(await tokens.introspect(await issue(tokens)), { ...common, aud: AUDIENCE, scope: READ, token_type: 'Bearer' })
  const bound = await issue(tokens, { scope: [], audience: [AUDIENCE, OTHER], confirmation: { jkt: 'ours' } })
  t.strictSame(await tokens.introspect(bound), { ...common, aud: [AUDIENCE, OTHER], token_type: 'DPoP', cnf: { jkt: 'ours' } })
  t.equal(await tokens.introspect('unknown'), undefined)
})

test('A token that is bound to a key opens what proves the same key only', async (t) => {
  const app = await appWith(tokensWith(), {
    name: 'Bearer', confirmTokenRequest: () => ({ jkt: 'first' }), confirmAccess: (request) => ({ confirmation: { jkt: request.header('x-key') ?? 'none' } })
  })
  const { access_token: token } = (await requestToken(app)).json()
  for (const [key, status] of [['first', 200], ['second', 401], ['', 401]] as const) {
    const response = await app.inject({ url: '/data', headers: { authorization: `Bearer ${token}`, 'x-key': key } })
    t.equal(response.statusCode, status, key)
  }
})

test('When the store is away a request fails with a 500 whose cause is in the log only, and a token that is known opens', async (t) => {
  const pass = stopwatch(t)
  const store = new TestStore()
  const errors: Error[] = []
  const lines: string[] = []
  const logger = { level: 'error', stream: { write: (line: string) => { lines.push(line) } } }
  const tokens = tokensWith({ store, onError: (error) => { errors.push(error) } })
  const app = await appWith(tokens, undefined, { logger })
  const [seen, unseen] = [(await requestToken(app)).json().access_token, (await requestToken(app)).json().access_token]
  t.equal((await use(app, seen)).statusCode, 200)
  store.isAway = true
  for (const send of [() => requestToken(app), () => use(app, unseen)]) {
    lines.length = 0
    const response = await send()
    t.equal(response.statusCode, 500)
    t.equal(response.json().error, 'server_error')
    t.notMatch(response.body, /away/)
    t.match(lines.join(''), /the store is away/)
  }
  pass(1000)
  t.equal((await use(app, seen)).statusCode, 200, 'known, though revocations cannot be read')
  pass(1000)
  t.equal((await use(app, seen)).statusCode, 200)
  t.strictSame(errors.map(({ message }) => message), ['the store is away'], 'told once')
  await t.rejects(tokens.verify(unseen), { message: 'the store is away' })
  await t.rejects(tokens.revoke(seen), { message: 'the store is away' })
  await t.rejects(tokens.revokeClient('reader'), { message: 'the store is away' })
  t.equal(await verdictOn(tokens, seen), 'valid', 'what the store does not have is not in force')
  store.isAway = false
  pass(1000)
  t.equal((await use(app, unseen)).statusCode, 200, 'back again')
  t.equal((await requestToken(app)).statusCode, 200)
})

test('When the row cannot be removed the token is revoked all the same', async (t) => {
  const store = new TestStore()
  store.removeToken = async () => { throw new Error('read only') }
  const tokens = tokensWith({ store })
  const token = await issue(tokens)
  await t.rejects(tokens.revoke(token), { message: 'read only' })
  t.equal(await verdictOn(tokens, token), REVOKED)
  t.equal(await verdictOn(tokensWith({ store }), token), REVOKED)
})

test('Without onError an outage is passed over in silence', async (t) => {
  const pass = stopwatch(t)
  const store = new TestStore()
  const tokens = tokensWith({ store })
  const token = await issue(tokens)
  await tokens.verify(token)
  store.isAway = true
  pass(1000)
  t.equal(await verdictOn(tokens, token), 'valid')
})

test('FST_OAUTH_INVALID_ISSUER, FST_OAUTH_INVALID_AUDIENCE: the issuer is a secure URL and there is an audience', async (t) => {
  for (const issuer of ['http://as.example', 'https://as.example?a', 'https://as.example#a', '', undefined]) {
    t.throws(() => tokensWith({ issuer: issuer as string }), { constructor: FlowConfigurationError, code: 'FST_OAUTH_INVALID_ISSUER' }, String(issuer))
  }
  for (const audience of ['', [], [AUDIENCE, ''], undefined]) {
    t.throws(() => tokensWith({ audience: audience as string }), { constructor: FlowConfigurationError, code: 'FST_OAUTH_INVALID_AUDIENCE' }, JSON.stringify(audience))
  }
  t.strictSame(tokensWith({ issuer: 'http://localhost:3000' }).metadata, { issuer: 'http://localhost:3000', audience: [AUDIENCE] })
})
