// The built core in other runtimes than Node.js: Deno, Bun and workerd (Cloudflare Workers), and the plugin in those that have sockets.
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import { freePort, startProgram } from '../../test/support/program.ts'
import type { Program } from '../../test/support/program.ts'

type Report = Record<string, string>
/** As much of miniflare as is used here. Its types are not installed where this file is checked. */
interface Workers {
  dispatchFetch (url: string, init?: RequestInit): Promise<Response>
  dispose (): Promise<void>
}

const execute = promisify(execFile)
const folder = fileURLToPath(new URL('.', import.meta.url))
const require = createRequire(import.meta.url)
const runtimeOf = (name: string) => join(folder, 'node_modules', '.bin', name)

const COMMANDS: Record<string, string[]> = {
  'Node.js': [process.execPath],
  Deno: [runtimeOf('deno'), 'run', '--allow-all'],
  Bun: [runtimeOf('bun'), 'run']
}
const SECRET = 'correct-horse-battery-staple'
const RESOURCE = 'https://api.example'
const ISSUED = { method: 'POST', body: 'grant_type=client_credentials' }
const FORM = 'application/x-www-form-urlencoded'
const basic = (id: string, secret = SECRET) => `Basic ${btoa(`${id}:${secret}`)}`
const tokenRequest = (authorization: string) => ({ ...ISSUED, headers: { authorization, 'content-type': FORM } })

async function startServer (runtime: string): Promise<{ program: Program, origin: string }> {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const program = await startProgram([...COMMANDS[runtime]!, 'server.js', origin, String(port)], { cwd: folder, ready: '"port"' })
  return { program, origin }
}

/** Changes one character in the middle of a signature. */
function forge (token: string): string {
  const at = token.lastIndexOf('.') + 20
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
}

function checkReport (t: Test, report: Report): void {
  t.ok(Object.keys(report).length > 15)
  for (const [step, result] of Object.entries(report)) t.equal(result, 'holds', step)
}

let elsewhere: { program: Program, origin: string }
let remote = ''

t.before(async () => {
  elsewhere = await startServer('Node.js')
  const { access_token: token } = await (await fetch(`${elsewhere.origin}/oauth2/token`, tokenRequest(basic('billing')))).json() as { access_token: string }
  remote = JSON.stringify({ issuer: elsewhere.origin, audience: RESOURCE, token, forged: forge(token), credentials: { clientId: 'api', clientSecret: SECRET } })
})
t.teardown(() => elsewhere.program.stop('SIGKILL'))

for (const [runtime, [file, ...args]] of Object.entries(COMMANDS)) {
  t.test(`the core issues and verifies in ${runtime}`, async (t) => {
    const { stdout } = await execute(file!, [...args, 'command.js', remote], { cwd: folder })
    checkReport(t, JSON.parse(stdout) as Report)
  })
}

t.test('the core issues and verifies in workerd, and requests share an application', async (t) => {
  const workers = await startWorkers()
  t.teardown(() => workers.dispose())
  const report = await workers.dispatchFetch('http://localhost/prove', { method: 'POST', body: remote })
  checkReport(t, await report.json() as Report)

  for (const round of ['before there is a key', 'afterwards']) {
    const answers = await Promise.all(['secret', 'wrong', 'secret', 'secret'].map((secret) => workers.dispatchFetch('http://localhost/oauth2/token', tokenRequest(basic('billing', secret)))))
    t.strictSame(answers.map(({ status }) => status), [200, 401, 200, 200], round)
    const tokens = await Promise.all(answers.filter(({ ok }) => ok).map(async (answer) => (await answer.json() as { access_token: string }).access_token))
    const presented = [...tokens, ...tokens.map(forge)]
    const verified = await Promise.all(presented.map((token) => workers.dispatchFetch('http://localhost/data', { headers: { authorization: `Bearer ${token}` } })))
    t.strictSame(verified.map(({ status }) => status), [200, 200, 200, 401, 401, 401], round)
  }
})

for (const runtime of ['Deno', 'Bun']) {
  t.test(`the plugin serves in ${runtime}`, async (t) => {
    const { program, origin } = await startServer(runtime)
    t.teardown(() => program.stop('SIGKILL'))
    const request = async (path: string, init: RequestInit = {}) => {
      const answer = await fetch(`${origin}${path}`, init)
      return { status: answer.status, headers: answer.headers, body: await answer.json() as Record<string, any> }
    }

    const issued = await request('/oauth2/token', tokenRequest(basic('billing')))
    t.equal(issued.status, 200)
    t.equal(issued.headers.get('cache-control'), 'no-store')
    const token = issued.body.access_token as string
    const bearer = { headers: { authorization: `Bearer ${token}` } }
    t.match(await request('/data', bearer), { status: 200, body: { id: 'billing' } })
    t.match(await request('/data', { ...bearer, method: 'POST' }), { status: 403, body: { error: 'insufficient_scope' } })
    for (const headers of [{}, { authorization: `Bearer ${forge(token)}` }, { authorization: `DPoP ${token}` }]) {
      const refused = await request('/data', { headers })
      t.equal(refused.status, 401)
      t.match(refused.headers.get('www-authenticate'), /^Bearer /)
    }
    t.match(await request('/oauth2/token', tokenRequest(basic('billing', 'wrong'))), { status: 401, body: { error: 'invalid_client' } })
    t.match(await request('/oauth2/token', { method: 'POST', body: 'a'.repeat(100_000), headers: { 'content-type': FORM } }), { status: 413, body: { error: 'invalid_request' } })
    t.match(await request('/oauth2/token', { method: 'PUT' }), { status: 405 })
    t.match(await request('/.well-known/jwks.json'), { status: 200, body: { keys: [{ alg: 'ES256' }] } })
    const body = new URLSearchParams({ token }).toString()
    const about = (id: string) => ({ method: 'POST', body, headers: { authorization: basic(id), 'content-type': FORM } })
    t.match(await request('/oauth2/introspect', about('api')), { status: 200, body: { active: true, client_id: 'billing' } })
    t.match(await request('/oauth2/revoke', about('billing')), { status: 200 })
    t.match(await request('/oauth2/introspect', about('api')), { status: 200, body: { active: false } })
    t.match(await request('/data', bearer), { status: 401, body: { error: 'invalid_token' } })
  })
}

async function startWorkers (): Promise<Workers> {
  const { build } = require('esbuild')
  const { Miniflare } = require('miniflare')
  const { outputFiles: [bundle] } = await build({
    entryPoints: [join(folder, 'worker.js')], bundle: true, format: 'esm', platform: 'node', conditions: ['workerd'], external: ['node:*'], write: false, logLevel: 'error'
  })
  // The earliest date at which workerd has all modules of Node.js that the core imports, as the documentation says.
  return new Miniflare({
    modules: [{ type: 'ESModule', path: 'worker.mjs', contents: bundle.text }], compatibilityDate: '2025-09-15', compatibilityFlags: ['nodejs_compat'], cf: false
  })
}
