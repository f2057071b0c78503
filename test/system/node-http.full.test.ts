// example/node-http.ts: the proof that ./adapter is enough for another framework.
import { fileURLToPath } from 'node:url'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import t from 'tap'
import { basic, FORM } from '../support/demo.ts'
import { freePort, startProgram } from '../support/program.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

t.test('example/node-http.ts serves a flow without Fastify, and ends cleanly', async (t) => {
  const port = await freePort()
  const program = await startProgram([process.execPath, '--import', 'tsx', 'example/node-http.ts'], { cwd: root, env: { PORT: String(port) }, ready: 'Ready' })
  const origin = `http://localhost:${port}`
  const [, id = '', secret = ''] = /-u (\S+):(\S+) /.exec(program.output) ?? []
  const post = (path: string, body: string, fields: Record<string, string> = {}) => fetch(`${origin}${path}`, {
    method: 'POST', body, headers: { authorization: basic(id, secret), 'content-type': FORM, ...fields }
  })
  const notes = (token?: string) => fetch(`${origin}/notes`, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } })

  const response = await post('/oauth2/token', 'grant_type=client_credentials')
  t.match([response.status, response.headers.get('cache-control')], [200, 'no-store'])
  const { access_token: token } = await response.json() as { access_token: string }
  t.match(await (await notes(token)).json(), { caller: id, notes: ['Buy milk'] })

  const metadata = await (await fetch(`${origin}/.well-known/oauth-authorization-server`)).json() as Record<string, string>
  t.match(metadata, { issuer: origin, token_endpoint: `${origin}/oauth2/token` })
  t.match(await jwtVerify(token, createRemoteJWKSet(new URL(metadata['jwks_uri']!)), { issuer: origin }), { payload: { sub: id } })
  t.match(await (await fetch(`${origin}/.well-known/oauth-protected-resource/notes`)).json(), { resource: `${origin}/notes`, authorization_servers: [origin] })
  t.match(await (await post('/oauth2/introspect', `token=${token}`)).json(), { active: true, client_id: id })
  t.match((await post('/oauth2/introspect', `token=${token}`, { accept: 'application/token-introspection+jwt' })).headers.get('content-type'), /introspection\+jwt/)

  for (const [title, rejected, status] of [
    ['no token', await notes(), 401],
    ['a wrong secret', await post('/oauth2/token', 'grant_type=client_credentials', { authorization: basic(id, 'wrong') }), 401],
    ['not a form', await post('/oauth2/token', '{}', { 'content-type': 'application/json' }), 400],
    ['a large body', await post('/oauth2/token', 'a'.repeat(70_000)), 413],
    ['too many parameters', await post('/oauth2/token', 'a&'.repeat(200)), 400],
    ['another method', await fetch(`${origin}/oauth2/token`), 405],
    ['another path', await fetch(`${origin}/constructor`), 404]
  ] as const) {
    t.equal(rejected.status, status, title)
    t.equal(rejected.headers.has('www-authenticate'), status === 401, title)
  }

  t.equal((await post('/oauth2/revoke', `token=${token}`)).status, 200)
  const revoked = await notes(token)
  t.equal(revoked.status, 401)
  t.match(await revoked.json(), { error: 'invalid_token' })
  t.equal(await program.stop('SIGTERM'), 0)
})
