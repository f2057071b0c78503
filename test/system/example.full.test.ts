import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { CURL, needCommand } from '../support/debian.ts'
import { freePort, startProgram } from '../support/program.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

// What a reader copies from the terminal: the indented lines, in their order, in one shell.
const printedCommands = (output: string) => output.split('\n').filter((line) => line.startsWith('  ')).join('\n')

t.before(() => { needCommand(CURL) })

t.test('example/server.ts prints curl lines that work, at the first start and at the next, and ends cleanly', async (t) => {
  const port = String(await freePort())
  const env = { PORT: port, DATABASE: join(t.testdir(), 'example.db') }
  const start = () => startProgram([process.execPath, '--import', 'tsx', 'example/server.ts'], { cwd: root, env, ready: 'earlier starts' })
  const origin = `http://localhost:${port}`
  const secrets: string[] = []
  let token = ''
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const program = await start()
    t.match(program.output, `${origin}/docs`)
    const { stdout } = await run('sh', ['-ec', printedCommands(program.output)])
    t.match(stdout, /"access_token":"[^"]+","token_type":"Bearer","expires_in":3600,"scope":"notes:read notes:write"/)
    t.match(stdout, '{"caller":"demo","notes":["Buy milk"]}')
    t.match(stdout, '{"notes":["Buy milk","Call home"]}')
    t.match(stdout, '{}{"error":"invalid_token","error_description":"The access token was revoked"}')
    t.match(stdout, 'HTTP/1.1 403 Forbidden')
    t.match(stdout, 'scope="notes:write", error="insufficient_scope"')

    // What an earlier start has issued, and printed, still works.
    secrets.push(/client_secret: (\S+)/.exec(program.output)![1]!)
    if (token !== '') t.equal((await fetch(`${origin}/notes`, { headers: { authorization: `Bearer ${token}` } })).status, 200)
    token = /"access_token":"([^"]+)/.exec(stdout)![1]!
    for (const secret of secrets) {
      const headers = { authorization: `Basic ${btoa(`demo:${secret}`)}` }
      t.equal((await fetch(`${origin}/oauth2/token`, { method: 'POST', headers, body: new URLSearchParams({ grant_type: 'client_credentials' }) })).status, 200)
    }
    t.equal(await program.stop(signal), 0)
  }
  t.equal(new Set(secrets).size, 2)
})

t.test('example/own-tables.ts prints curl lines that work, and ends cleanly', async (t) => {
  const program = await startProgram([process.execPath, '--import', 'tsx', 'example/own-tables.ts'], { cwd: root, env: { PORT: '0' }, ready: 'curl -H' })
  const { stdout } = await run('sh', ['-ec', printedCommands(program.output)])
  t.equal(stdout, '{"caller":"billing","invoices":[]}')
  t.equal(await program.stop('SIGTERM'), 0)
})
