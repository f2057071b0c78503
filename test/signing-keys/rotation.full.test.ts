import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import Fastify from 'fastify'
import { test } from 'tap'
import clientCredentialsPlugin, { JwtAccessTokens, MemoryStore, SigningKeys } from '../../plugin/index.ts'
import { basic, demoBuilder, TOKEN_PATH } from '../support/demo.ts'
import { fastClock } from '../support/fast-clock.ts'
import { freePort, startProgram } from '../support/program.ts'

const ROTATIONS = 10
const CONNECTIONS = 50
// A second of the test is ten minutes: as long as a resource server keeps a JWKS before it looks again.
const PACE = { base: Date.now(), speed: 600 }
// A token is verified twice within 24 seconds of the test, however busy the machine is.
const LIFETIME = 24 * PACE.speed
const AUDIENCE = 'https://api.example'
const root = fileURLToPath(new URL('../..', import.meta.url))

test(`${ROTATIONS} rotations while ${CONNECTIONS} connections issue tokens and verify them in two processes fail nobody`, async (t) => {
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const now = fastClock(PACE)
  const keys = new SigningKeys(new MemoryStore({ now }), { announceFor: 1500, maxTokenLifetime: LIFETIME, now })
  const flow = demoBuilder().setAccessTokenLifetime(LIFETIME).useAccessTokens(new JwtAccessTokens({ issuer, audience: AUDIENCE, keys, now })).build()
  const app = Fastify()
  await app.register(clientCredentialsPlugin, { flow })
  app.get('/data', { preHandler: app.requireScopes('data:read') }, async (request) => ({ caller: request.credentials?.app.id }))
  await app.listen({ port, host: '127.0.0.1' })
  t.teardown(() => app.close())

  const program = await startProgram([process.execPath, '--import', 'tsx', 'test/support/resource-server.ts'], {
    cwd: root, env: { ISSUER: issuer, AUDIENCE, PACE: JSON.stringify(PACE) }, ready: 'listening at '
  })
  t.teardown(() => program.stop('SIGKILL'))
  const elsewhere = /listening at (\S+) /.exec(program.output)![1]!

  const signedBy = new Set<string>()
  const failures: string[] = []
  const count = { rounds: 0 }
  const over = new AbortController()

  async function ask (url: string, init: RequestInit): Promise<any> {
    const response = await fetch(url, init)
    const text = await response.text()
    if (response.status !== 200) failures.push(`${url}: ${response.status} ${text}`)
    return JSON.parse(text)
  }

  async function keepAsking (): Promise<void> {
    while (!over.signal.aborted) {
      const { access_token: token } = await ask(`${issuer}${TOKEN_PATH}`, {
        method: 'POST', headers: { authorization: basic('reader') }, body: new URLSearchParams({ grant_type: 'client_credentials' })
      })
      signedBy.add(JSON.parse(Buffer.from(token.split('.')[0], 'base64url').toString()).kid)
      for (const origin of [issuer, elsewhere]) {
        const { caller } = await ask(`${origin}/data`, { headers: { authorization: `Bearer ${token}` } })
        if (caller !== 'reader') failures.push(`${origin} takes the caller for ${caller}`)
      }
      count.rounds++
    }
  }

  const connections = Array.from({ length: CONNECTIONS }, keepAsking)
  for (let rotation = 1; rotation <= ROTATIONS; rotation++) {
    const { kid: former } = await keys.current()
    await keys.rotate()
    while ((await keys.current()).kid === former) await delay(50)
    t.comment(`rotation ${rotation}: ${count.rounds} tokens so far, ${(await keys.toJwks()).keys.length} keys in the JWKS`)
  }
  const enough = count.rounds + CONNECTIONS
  while (count.rounds < enough) await delay(50)
  over.abort()
  await Promise.all(connections)

  t.strictSame(failures, [])
  t.equal(signedBy.size, ROTATIONS + 1, 'every key has signed')
  t.comment(`${count.rounds} tokens, each issued once and verified in both processes`)
})
