import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { needCommand } from './support/debian.ts'
import { freePort, startProgram } from './support/program.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const run = promisify(execFile)

// What a reader copies from the terminal: the indented lines, in their order, in one shell.
const printedCommands = (output: string) => output.split('\n').filter((line) => line.startsWith('  ')).join('\n')

t.before(() => { needCommand(['curl'], 'curl') })

t.test('example/server.ts prints curl lines that work, and ends cleanly', async (t) => {
  const port = String(await freePort())
  const program = await startProgram([process.execPath, '--import', 'tsx', 'example/server.ts'], { cwd: root, env: { PORT: port }, ready: 'curl -i' })
  t.match(program.output, `http://localhost:${port}/docs`)

  const { stdout } = await run('sh', ['-ec', printedCommands(program.output)])
  t.match(stdout, /"access_token":"[^"]+","token_type":"Bearer","expires_in":3600,"scope":"notes:read notes:write"/)
  t.match(stdout, '{"caller":"demo","notes":["Buy milk"]}')
  t.match(stdout, '{"notes":["Buy milk","Call home"]}')
  t.match(stdout, 'HTTP/1.1 403 Forbidden')
  t.match(stdout, 'scope="notes:write", error="insufficient_scope"')
  t.equal(await program.stop('SIGINT'), 0)
})

t.test('example/own-tables.ts prints curl lines that work, and ends cleanly', async (t) => {
  const program = await startProgram([process.execPath, '--import', 'tsx', 'example/own-tables.ts'], { cwd: root, env: { PORT: '0' }, ready: 'curl -H' })
  const { stdout } = await run('sh', ['-ec', printedCommands(program.output)])
  t.equal(stdout, '{"caller":"billing","invoices":[]}')
  t.equal(await program.stop('SIGTERM'), 0)
})
