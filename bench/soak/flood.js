// Whether caches are bounded: ten million distinct tokens and clients that are invalid, and the heap after each kind.
//
//   npm run soak:flood
//   SOAK_FLOOD   how many in all, default 10000000
//
// In one process, by the functions that the plugin calls for each request. Kinds that cost a signature are fewer.
import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { base64url, jws, keyPair } from './jws.js'

const {
  BearerTokenType, ClientCredentialsFlowBuilder, ClientRegistry, DPoPTokenType, JwtAccessTokens, MemoryStore, OpaqueAccessTokens,
  RemoteAccessTokens, SigningKeys
} = await import(new URL('../../dist/src/index.js', import.meta.url))
const { handleTokenRequest, settingsOf, verifyRequest } = await import(new URL('../../dist/src/adapter.js', import.meta.url))

const MEGABYTE = 2 ** 20
const HEAP_BOUND = 10
const WARM = 20_000
const flood = Number(process.env.SOAK_FLOOD ?? 10_000_000)
const ISSUER = 'https://soak.example'

const store = new MemoryStore()
const registry = new ClientRegistry(store)
await registry.add({ id: 'known', scopes: ['data:read'] })
const build = (tokens, ...types) => settingsOf(new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
  .setScopes({ 'data:read': 'Read data' }).setTokenType(new BearerTokenType(), ...types)
  .addClientAuthenticationMethod('client_secret_basic').addClientAuthenticationMethod('private_key_jwt')
  .useClients(registry).useAccessTokens(tokens).build())
const keys = new SigningKeys(store)
const jwt = build(new JwtAccessTokens({ issuer: ISSUER, audience: ISSUER, keys, revocations: store }), new DPoPTokenType({ replays: store }))
const opaque = build(new OpaqueAccessTokens({ issuer: ISSUER, audience: ISSUER, store }))

// Another issuer, that counts how often it is asked.
let fetches = 0
const server = createServer((request, response) => {
  fetches++
  const { port } = server.address()
  const body = request.url.includes('jwks') ? { keys: [] } : { issuer: `http://127.0.0.1:${port}`, jwks_uri: `http://127.0.0.1:${port}/jwks`, token_endpoint: `http://127.0.0.1:${port}/token` }
  response.setHeader('content-type', 'application/json').end(JSON.stringify(body))
}).listen(0, '127.0.0.1')
await once(server, 'listening')
const remote = build(new RemoteAccessTokens({ issuer: `http://127.0.0.1:${server.address().port}`, audience: ISSUER }))

const key = keyPair()
await registry.add({ id: 'strong', scopes: ['data:read'], authMethods: ['private_key_jwt'], jwks: { keys: [key.jwk] } })
// A key that tokens can be signed with here.
const { kid } = await keys.import(key.privateJwk)
const now = Math.floor(Date.now() / 1000)
let count = 0
const CLAIMS = { iss: ISSUER, aud: ISSUER, sub: 'known', client_id: 'known', scope: 'data:read' }
const claims = () => base64url({ ...CLAIMS, iat: now, exp: now + 36_000, jti: `${count++}` })
const head = (name) => base64url({ typ: 'at+jwt', alg: 'ES256', kid: name })
const noise = randomBytes(2 ** 16)
const signature = () => noise.subarray(count % 65_000, count % 65_000 + 64).toString('base64url')
const knownHead = head(kid)

function request (fields, form) {
  return { method: form ? 'POST' : 'GET', url: form ? '/oauth2/token' : '/data', origin: ISSUER, address: '192.0.2.1', form, header: (name) => fields[name] }
}
function proof (token, by) {
  const ath = createHash('sha256').update(token).digest('base64url')
  return jws({ typ: 'dpop+jwt', alg: 'ES256', jwk: by.jwk }, { htm: 'GET', htu: `${ISSUER}/data`, iat: Math.floor(Date.now() / 1000), jti: `${count++}`, ath }, by)
}
const bound = (token, by) => verifyRequest(jwt, request({ authorization: `DPoP ${token}`, dpop: proof(token, by) }))
const access = (settings, token) => verifyRequest(settings, request({ authorization: `Bearer ${token}` }))
const ask = (form, fields = {}) => handleTokenRequest(jwt, request(fields, { grant_type: 'client_credentials', ...form }))

const assertionClaims = (name) => ({ iss: name, sub: name, aud: ISSUER, exp: Math.floor(Date.now() / 1000) + 60, jti: `${count++}` })
const assert = (assertion) => ask({ client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: assertion })
const forged = (name) => assert(`${base64url({ alg: 'ES256' })}.${base64url(assertionClaims(name))}.${signature()}`)
const signed = (times) => access(jwt, jws({ typ: 'at+jwt', alg: 'ES256', kid }, { ...CLAIMS, ...times, jti: `${count++}` }, key))

// What is refused is refused for the one thing that is wrong with it.
await signed({ iat: now, exp: now + 60 })
await assert(jws({ alg: 'ES256' }, assertionClaims('strong'), key))

// Each with its part of the flood.
const KINDS = [
  ['no JWT at all', 0.29, () => access(jwt, `${count++}.x`)],
  ['a JWT of an unknown key', 0.24, () => access(jwt, `${head(`${count}`)}.${claims()}.${signature()}`)],
  ['a JWT with a bad signature', 0.03, () => access(jwt, `${knownHead}.${claims()}.${signature()}`)],
  ['a JWT that has expired', 0.01, () => signed({ iat: now - 9000, exp: now - 5400 })],
  ['an unknown opaque token', 0.15, () => access(opaque, `${count++}`.padStart(43, 'x'))],
  ['a JWT of another issuer with an unknown key', 0.1, () => access(remote, `${head(`${count}`)}.${claims()}.${signature()}`)],
  ['a proof for a token that is none', 0.02, () => bound(`${count}`, key)],
  ['a proof by a new key', 0.01, () => bound(`${count}`, keyPair())],
  ['an unknown client', 0.1, () => ask({}, { authorization: `Basic ${Buffer.from(`client-${count++}:secret`).toString('base64')}` })],
  ['a forged assertion of an unknown client', 0.04, () => forged(`c${count}`)],
  ['a forged assertion of a client', 0.01, () => forged('strong')]
]

function heap () {
  globalThis.gc()
  globalThis.gc()
  return process.memoryUsage().heapUsed / MEGABYTE
}

async function refused (work) {
  try {
    await work()
  } catch (error) {
    if (error.status >= 400 && error.status < 500) return
    throw error
  }
  throw new Error('it was let in')
}

async function run (work, times) {
  const AT_ONCE = 100
  for (let done = 0; done < times; done += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, () => refused(work)))
}

let grown = false
const started = performance.now()
for (const [name, part, work] of KINDS) {
  // What is bounded is full, and what is compiled is compiled.
  await run(work, WARM)
  const before = heap()
  const times = Math.round(flood * part)
  const begun = performance.now()
  await run(work, times)
  const seconds = (performance.now() - begun) / 1000
  const growth = heap() - before
  grown ||= growth > HEAP_BOUND
  console.log(`${growth > HEAP_BOUND ? 'MISS' : 'PASS'}  ${name}: ${times.toLocaleString('en')} in ${seconds.toFixed(0)} s, heap ${before.toFixed(1)} MB and ${growth.toFixed(1)} MB more, RSS ${(process.memoryUsage().rss / MEGABYTE).toFixed(0)} MB`)
}
// Twice as often as a key may be sought, and what it takes to begin.
const mayFetch = Math.ceil((performance.now() - started) / 30_000) * 2 + 4
console.log(`${fetches > mayFetch ? 'MISS' : 'PASS'}  the other issuer was asked ${fetches} times, at most ${mayFetch}`)
process.exit(grown || fetches > mayFetch ? 1 : 0)
