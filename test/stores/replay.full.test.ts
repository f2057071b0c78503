// One-time values are accepted once, also by many requests at the same time and in several processes: assertions
// (RFC 7523 §3) and DPoP proofs (RFC 9449 §11.1). ROUNDS is the number of rounds; `npm run proof` sets 100.
import { createHash, randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, CompactSign, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { test } from 'tap'
import type { Test } from 'tap'
import { startPostgres } from '../support/postgres.ts'
import { startProgram } from '../support/program.ts'
import { startRedis } from '../support/redis.ts'

const ROUNDS = Number(process.env.ROUNDS ?? 3)
const AT_ONCE = 200
const ISSUER = 'https://as.example'
const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
const jwk = await exportJWK(publicKey)
const token = `bound-to.${await calculateJwkThumbprint(jwk)}`
const seconds = () => Math.floor(Date.now() / 1000)

const makeAssertion = () => new SignJWT({ iss: 'partner', sub: 'partner', aud: ISSUER, jti: randomUUID(), exp: seconds() + 60 })
  .setProtectedHeader({ alg: 'ES256' }).sign(privateKey)

function makeProof (htm: string, path: string, claims: Record<string, string> = {}): Promise<string> {
  const payload = { htm, htu: `${ISSUER}${path}`, iat: seconds(), jti: randomUUID(), ...claims }
  return new CompactSign(Buffer.from(JSON.stringify(payload))).setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk }).sign(privateKey)
}

async function startServers (t: Test, store: string, count: number): Promise<string[]> {
  return await Promise.all(Array.from({ length: count }, async () => {
    const program = await startProgram([process.execPath, '--import', 'tsx', 'test/support/strong-server.ts', store, JSON.stringify({ keys: [jwk] })], {
      cwd: process.cwd(), ready: ' .'
    })
    t.teardown(() => program.stop('SIGKILL'))
    return /listening at (\S+)/.exec(program.output)![1]!
  }))
}

/** Sends the same request many times at once, to the servers in turn, and counts the statuses of the responses. */
async function countStatuses (origins: readonly string[], send: (origin: string) => Promise<Response>): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {}
  await Promise.all(Array.from({ length: AT_ONCE }, async (_, index) => {
    const answer = await send(origins[index % origins.length]!)
    await answer.body?.cancel()
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1
  }))
  return statuses
}

async function checkOnce (t: Test, origins: readonly string[]): Promise<void> {
  const ask = (origin: string, assertion: string, dpop: string) => fetch(`${origin}/token`, {
    method: 'POST', headers: { dpop }, body: new URLSearchParams({ grant_type: 'client_credentials', client_assertion_type: TYPE, client_assertion: assertion })
  })
  for (let round = 0; round < ROUNDS; round++) {
    const assertion = await makeAssertion()
    // Another proof each time, so that only the assertion is the same; and the reverse.
    const proofs = await Promise.all(Array.from({ length: AT_ONCE }, () => makeProof('POST', '/token')))
    t.strictSame(await countStatuses(origins, (origin) => ask(origin, assertion, proofs.pop()!)), { 200: 1, 401: AT_ONCE - 1 }, 'an assertion')

    const proof = await makeProof('POST', '/token')
    const assertions = await Promise.all(Array.from({ length: AT_ONCE }, makeAssertion))
    t.strictSame(await countStatuses(origins, (origin) => ask(origin, assertions.pop()!, proof)), { 200: 1, 400: AT_ONCE - 1 }, 'a proof, at the token endpoint')

    const access = await makeProof('GET', '/data', { ath: createHash('sha256').update(token).digest('base64url') })
    const read = (origin: string) => fetch(`${origin}/data`, { headers: { authorization: `DPoP ${token}`, dpop: access } })
    t.strictSame(await countStatuses(origins, read), { 200: 1, 401: AT_ONCE - 1 }, 'a proof, at the resource')
  }
}

test('in memory, of 200 uses at once one is accepted', async (t) => {
  await checkOnce(t, await startServers(t, 'memory', 1))
})

test('in PostgreSQL, of 200 uses at once in two processes one is accepted', async (t) => {
  await checkOnce(t, await startServers(t, (await startPostgres(t)).url, 2))
})

test('in Redis, of 200 uses at once in two processes one is accepted', async (t) => {
  await checkOnce(t, await startServers(t, (await startRedis(t)).url, 2))
})
