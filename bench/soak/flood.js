// Whether caches are bounded: ten million distinct tokens and clients that are invalid, and the heap after each kind.
//
//   npm run soak:flood
//   SOAK_FLOOD   how many in all, default 10000000
//
// In one process, by the functions that the plugin calls for each request. Kinds that cost a signature are fewer.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'

const {
  BearerTokenType, ClientCredentialsFlowBuilder, ClientRegistry, DPoPTokenType, issueAccessToken, JwtAccessTokens, MemoryStore, OpaqueAccessTokens,
  RemoteAccessTokens, SigningKeys, verifyAccess
} = await import(new URL('../../dist/src/index.js', import.meta.url))

const MEGABYTE = 2 ** 20
const HEAP_BOUND = 10
const WARM = 20_000
const flood = Number(process.env.SOAK_FLOOD ?? 10_000_000)
const ISSUER = 'https://soak.example'

const store = new MemoryStore()
const registry = new ClientRegistry(store)
await registry.add({ id: 'known', scopes: ['data:read'] })
const build = (tokens, ...types) => new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
  .setScopes({ 'data:read': 'Read data' }).setTokenType(new BearerTokenType(), ...types)
  .addClientAuthenticationMethod('client_secret_basic').addClientAuthenticationMethod('private_key_jwt')
  .useClients(registry).useAccessTokens(tokens).build().settings
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

const [{ kid }] = await (async () => { await keys.rotate(); return keys.list() })()
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
const now = Math.floor(Date.now() / 1000)
let count = 0
const claims = (changes) => base64url({ iss: ISSUER, aud: ISSUER, sub: 'known', client_id: 'known', iat: now, exp: now + 3600, jti: `${count++}`, scope: 'data:read', ...changes })
const head = (name) => base64url({ typ: 'at+jwt', alg: 'ES256', kid: name })
const noise = randomBytes(2 ** 16)
const signature = () => noise.subarray(count % 65_000, count % 65_000 + 64).toString('base64url')
const knownHead = head(kid)
const { crv, kty, x, y } = publicKey.export({ format: 'jwk' })

function request (fields, form) {
  return { method: form ? 'POST' : 'GET', url: form ? '/oauth2/token' : '/data', origin: ISSUER, address: '192.0.2.1', form, header: (name) => fields[name] }
}
function proof (token) {
  const input = `${base64url({ typ: 'dpop+jwt', alg: 'ES256', jwk: { crv, kty, x, y } })}.${base64url({ htm: 'GET', htu: `${ISSUER}/data`, iat: now, jti: `${count++}`, ath: token })}`
  return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}
const access = (settings, token) => verifyAccess(settings, request({ authorization: `Bearer ${token}` }))
const ask = (form, fields = {}) => issueAccessToken(jwt, request(fields, { grant_type: 'client_credentials', ...form }))

// Each with its part of the flood.
const KINDS = [
  ['no JWT at all', 0.3, () => access(jwt, `${count++}.x`)],
  ['a JWT of an unknown key', 0.25, () => access(jwt, `${head(`${count}`)}.${claims()}.${signature()}`)],
  ['a JWT with a bad signature', 0.03, () => access(jwt, `${knownHead}.${claims()}.${signature()}`)],
  ['an unknown opaque token', 0.15, () => access(opaque, `${count++}`.padStart(43, 'x'))],
  ['a JWT of another issuer with an unknown key', 0.1, () => access(remote, `${head(`${count}`)}.${claims()}.${signature()}`)],
  ['a proof for a token that is none', 0.02, () => verifyAccess(jwt, request({ authorization: `DPoP ${count}`, dpop: proof(`${count++}`) }))],
  ['an unknown client', 0.1, () => ask({}, { authorization: `Basic ${Buffer.from(`client-${count++}:secret`).toString('base64')}` })],
  ['a forged client assertion', 0.05, () => ask({
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: `${base64url({ alg: 'ES256' })}.${base64url({ iss: `c${count}`, sub: `c${count}`, aud: ISSUER, exp: now + 60, jti: `${count++}` })}.${signature()}`
  })]
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
  console.log(`${growth > HEAP_BOUND ? 'MISS' : 'PASS'}  ${name}: ${times.toLocaleString('en')} in ${seconds.toFixed(0)} s, heap ${before.toFixed(1)} MB and ${growth.toFixed(1)} MB more`)
}
console.log(`the other issuer was asked ${fetches} times`)
process.exit(grown ? 1 : 0)
