// What clients do in the soak, rightly and wrongly. Each scenario is told with what it must be answered.
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { abort, ask, cut, dribble } from './http.js'
import { jws, keyPair, kidOf } from './jws.js'
import { ISSUER, LIFETIME, SHORT_LIFETIME } from './world.js'

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const TOKEN = '/oauth2/token'
const GOOD = 20
// Tokens that are used again, until they are too old.
const MAX_TOKENS = 20_000
// Seconds after which another server has read a key that it missed, since somebody always asks it by one that it does not know.
const KEYS_READ_AFTER = 32
// How many tokens of a revoked key are tried.
const OF_REVOKED_KEY = 20
const now = () => Math.floor(Date.now() / 1000)
const random = (list) => list[Math.floor(Math.random() * list.length)]
const basic = (id, secret) => ({ authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` })
const bearer = (token) => ({ authorization: `Bearer ${token}` })
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

function mustBe (what, answer, ...statuses) {
  if (!statuses.includes(answer.status)) throw new Error(`${what}: ${answer.status} ${JSON.stringify(answer.body)}, and not ${statuses.join(' or ')}`)
  return answer.body
}

/** Prepares the scenarios: each a function without arguments, by its name, and how often it comes. */
export async function prepare (port, { operator, hasty }) {
  let managing
  const good = []
  // Each with the time until which it is good for sure.
  let tokens = []
  const late = []

  const take = (id, secret, form = {}, prefix = '') =>
    ask(port, { method: 'POST', path: `${prefix}${TOKEN}`, headers: basic(id, secret), form: { grant_type: 'client_credentials', ...form } })
  const data = (headers, prefix = '') => ask(port, { path: `${prefix}/data`, headers })

  async function admin (method, path, json) {
    if (managing === undefined || managing.until < now()) {
      const { access_token: token } = mustBe('the operator', await take('operator', operator), 200)
      managing = { token, until: now() + LIFETIME / 2 }
    }
    return ask(port, { method, path: `/admin${path}`, headers: bearer(managing.token), json })
  }
  const register = async (client) => mustBe('registration', await admin('POST', '/clients', { scope: 'data:read', ...client }), 201)

  for (let number = 0; number < GOOD; number++) {
    const { client_id: id, client_secret: secret } = await register({})
    good.push({ id, secret })
  }
  const victim = await register({})
  const key = keyPair()
  const strong = await register({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key.jwk] } })

  async function freshToken (prefix) {
    const { id, secret } = random(good)
    const { access_token: token } = mustBe('a good client', await take(id, secret, { scope: 'data:read' }, prefix), 200)
    return { id, secret, token, from: now(), until: now() + LIFETIME - 5 }
  }

  const proof = (dpop, method, path, token) => jws({ typ: 'dpop+jwt', alg: 'ES256', jwk: dpop.jwk }, {
    htm: method, htu: `${ISSUER}${path}`, iat: now(), jti: randomUUID(), ...(token && { ath: createHash('sha256').update(token).digest('base64url') })
  }, dpop)
  const assertion = () => jws({ alg: 'ES256' }, { iss: strong.client_id, sub: strong.client_id, aud: ISSUER, exp: now() + 20, jti: randomUUID() }, key)
  const assert = (jwt) => ask(port, { method: 'POST', path: TOKEN, form: { grant_type: 'client_credentials', client_assertion_type: ASSERTION_TYPE, client_assertion: jwt } })

  const scenarios = {
    async token () {
      tokens.push(await freshToken())
      if (tokens.length > MAX_TOKENS) tokens = tokens.slice(MAX_TOKENS / 2)
    },
    async access () {
      const { token, until } = random(tokens) ?? await freshToken()
      if (until > now()) mustBe('a good token', await data(bearer(token)), 200)
      else tokens = tokens.filter((other) => other.until > now())
    },
    async accessByKeys () {
      const token = tokens.find(({ from, until }) => from + KEYS_READ_AFTER < now() && until > now())?.token
      if (token !== undefined) mustBe('a good token at another server', await data(bearer(token), '/by-keys'), 200)
    },
    async accessByIntrospection () {
      const { token } = await freshToken()
      mustBe('a good token at a server that asks', await data(bearer(token), '/by-introspection'), 200)
      mustBe('a token that its issuer does not know', await data(bearer(randomUUID()), '/by-introspection'), 401)
    },
    async forgedToken () {
      const [header, payload] = (random(tokens) ?? await freshToken()).token.split('.')
      mustBe('a forged token', await data(bearer(`${header}.${payload}.${randomBytes(64).toString('base64url')}`)), 401)
    },
    async unknownKey () {
      const token = jws({ typ: 'at+jwt', alg: 'ES256', kid: randomUUID() }, { iss: ISSUER, aud: ISSUER, sub: 'x', client_id: 'x', iat: now(), exp: now() + 60, jti: randomUUID(), scope: 'data:read' }, key)
      mustBe('a token of an unknown key', await data(bearer(token)), 401)
      mustBe('a token of an unknown key at another server', await data(bearer(token), '/by-keys'), 401)
    },
    garbage: async () => mustBe('garbage', await data(bearer(randomBytes(40).toString('base64url'))), 401),
    missing: async () => mustBe('no token', await data({}), 401),
    async expiredToken () {
      const taken = late[0]
      if (taken !== undefined && taken.from <= now()) {
        late.shift()
        mustBe('an expired token', await data(bearer(taken.token)), 401)
        return
      }
      const { access_token: token } = mustBe('the hasty client', await take('hasty', hasty), 200)
      late.push({ token, from: now() + SHORT_LIFETIME + 3 })
    },
    async revokedToken () {
      const { id, secret, token } = await freshToken()
      mustBe('a good token', await data(bearer(token)), 200)
      mustBe('revocation', await ask(port, { method: 'POST', path: '/oauth2/revoke', headers: basic(id, secret), form: { token } }), 200)
      mustBe('a revoked token', await data(bearer(token)), 401)
    },
    async introspection () {
      const { id, secret, token } = await freshToken()
      const { active } = mustBe('introspection', await ask(port, { method: 'POST', path: '/oauth2/introspect', headers: basic(id, secret), form: { token } }), 200)
      if (active !== true) throw new Error('introspection of a good token: not active')
    },
    async opaqueToken () {
      const { id, secret, token } = await freshToken('/opaque')
      mustBe('an opaque token', await data(bearer(token), '/opaque'), 200)
      mustBe('an opaque token elsewhere', await data(bearer(token)), 401)
      mustBe('revocation', await ask(port, { method: 'POST', path: '/opaque/oauth2/revoke', headers: basic(id, secret), form: { token } }), 200)
      mustBe('a revoked opaque token', await data(bearer(token), '/opaque'), 401)
    },
    // Some are never revoked.
    async opaqueTokenToExpire () {
      const { token } = await freshToken('/opaque')
      mustBe('an opaque token', await data(bearer(token), '/opaque'), 200)
    },
    // From one address: beyond ten in a minute they are told so.
    wrongSecret: async () => mustBe('a wrong secret', await take(victim.client_id, randomBytes(16).toString('hex')), 401, 429),
    async guessing () {
      const id = randomUUID()
      for (let guess = 1; guess <= 10; guess++) mustBe(`guess ${guess}`, await take(id, 'secret'), 401)
      mustBe('one guess too many', await take(id, 'secret'), 429)
    },
    unknownClient: async () => mustBe('an unknown client', await take(randomUUID(), 'secret'), 401),
    foreignScope: async () => mustBe('a foreign scope', await take(good[0].id, good[0].secret, { scope: 'clients:manage' }), 400),
    wrongGrant: async () => mustBe('another grant', await take(good[0].id, good[0].secret, { grant_type: 'password' }), 400),
    json: async () => mustBe('JSON', await ask(port, { method: 'POST', path: TOKEN, headers: basic(good[0].id, good[0].secret), json: { grant_type: 'client_credentials' } }), 400, 415),
    large: async () => mustBe('a large form', await ask(port, { method: 'POST', path: TOKEN, form: { grant_type: 'client_credentials', padding: 'x'.repeat(70_000) } }), 413),
    async dpop () {
      const { id, secret } = random(good)
      const dpop = keyPair()
      const headers = { ...basic(id, secret), dpop: proof(dpop, 'POST', TOKEN) }
      const request = { method: 'POST', path: TOKEN, headers, form: { grant_type: 'client_credentials' } }
      const { access_token: token } = mustBe('a proof', await ask(port, request), 200)
      mustBe('a proof again', await ask(port, request), 400)
      const access = { authorization: `DPoP ${token}`, dpop: proof(dpop, 'GET', '/data', token) }
      mustBe('a bound token', await data(access), 200)
      mustBe('a proof at the resource again', await data(access), 401)
      mustBe('a bound token as a bearer token', await data(bearer(token)), 401)
    },
    async assertion () {
      const sent = assertion()
      mustBe('an assertion', await assert(sent), 200)
      mustBe('an assertion again', await assert(sent), 401, 429)
      mustBe('a forged assertion', await assert(`${sent.slice(0, -8)}AAAAAAAA`), 401, 429)
    },
    async clientLife () {
      const { client_id: id, client_secret: secret } = await register({})
      const { access_token: token } = mustBe('a new client', await take(id, secret), 200)
      mustBe('its token', await data(bearer(token)), 200)
      const { client_secret: second } = mustBe('another secret', await admin('POST', `/clients/${id}/secrets`, { overlap: 0 }), 201)
      mustBe('the first secret', await take(id, secret), 401)
      mustBe('the second secret', await take(id, second), 200)
      mustBe('disabling', await admin('POST', `/clients/${id}/disable`), 200, 204)
      mustBe('a disabled client', await take(id, second), 401)
      mustBe('the token of a disabled client', await data(bearer(token)), 401)
      mustBe('removal', await admin('DELETE', `/clients/${id}`), 204)
    },
    rotation: async () => { mustBe('rotation', await admin('POST', '/keys/rotate'), 200, 201) },
    cutHead: () => cut(port, `POST ${TOKEN} HTTP/1.1\r\nhost: soak\r\nauthori`, 5),
    cutBody: () => cut(port, `POST ${TOKEN} HTTP/1.1\r\nhost: soak\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 100\r\n\r\ngrant_type=client`, 20),
    cutAnswer: () => cut(port, `GET /data HTTP/1.1\r\nhost: soak\r\nauthorization: Bearer ${random(tokens)?.token ?? 'x'}\r\n\r\n`, 0),
    async slowBody () {
      const { id, secret } = random(good)
      mustBe('a slow body', await dribble(port, { method: 'POST', path: TOKEN, headers: basic(id, secret), form: { grant_type: 'client_credentials' } }), 200)
    },
    abortedBody: () => abort(port, { method: 'POST', path: TOKEN, form: { grant_type: 'client_credentials' }, isWhole: false }),
    abortedAnswer: () => abort(port, { method: 'POST', path: TOKEN, headers: basic(good[0].id, good[0].secret), form: { grant_type: 'client_credentials' }, isWhole: true }),
    notHttp: () => cut(port, `${randomBytes(40).toString('hex')}\r\n\r\n`, 5),
    metadata: async () => mustBe('metadata', await ask(port, { path: '/.well-known/oauth-authorization-server' }), 200),
    metrics: async () => mustBe('metrics', await ask(port, { path: '/metrics' }), 200),
    keys: async () => mustBe('keys', await ask(port, { path: '/.well-known/jwks.json' }), 200),
    rest: () => pause(5)
  }
  const RARE = { rotation: 0.02, clientLife: 0.3, dpop: 0.5, guessing: 0.1 }
  const OFTEN = { token: 4, access: 12, forgedToken: 2, garbage: 2, unknownClient: 2 }
  return {
    scenarios: Object.entries(scenarios).map(([name, play]) => ({ name, play, weight: OFTEN[name] ?? RARE[name] ?? 1 })),
    /** A key was revoked: its tokens are no good any more, and all others are. */
    async keyRevoked (kid) {
      managing = undefined
      const known = tokens.filter(({ until }) => until > now())
      const revoked = known.filter(({ token }) => kidOf(token) === kid).slice(0, OF_REVOKED_KEY)
      for (const { token } of revoked) mustBe('a token of a revoked key', await data(bearer(token)), 401)
      tokens = known.filter(({ token }) => kidOf(token) !== kid)
    }
  }
}
