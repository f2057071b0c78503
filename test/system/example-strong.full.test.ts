// The examples of clients without shared secrets, and of tokens that are bound to their client.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { launchBrowser, visit } from '../support/browser.ts'
import { CURL, needCommand, OPENSSL } from '../support/debian.ts'
import { freePort, startProgram } from '../support/program.ts'
import { authorize, closeAuthorized, tryOut } from '../support/swagger-ui.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

// What a reader copies from the terminal: the indented lines, in their order, in one shell.
const printedCommands = (output: string) => output.split('\n').filter((line) => line.startsWith('  ')).join('\n')
const runPrinted = async (output: string) => (await run('sh', ['-ec', printedCommands(output)])).stdout

const startExample = (name: string, port: number, ready: string) =>
  startProgram([process.execPath, '--import', 'tsx', `example/${name}.ts`], { cwd: root, env: { PORT: String(port) }, ready })

t.before(() => {
  needCommand(CURL)
  needCommand(OPENSSL)
})

t.test('example/private-key-jwt.ts prints an assertion that is good once, and ends cleanly', async (t) => {
  const program = await startExample('private-key-jwt', await freePort(), 'A second time')
  t.match(program.output, 'The partner has read {"caller":"partner","orders":[]} by the client library')

  const output = await runPrinted(program.output)
  t.match(output, /^\{"access_token":"[^"]+","token_type":"Bearer","expires_in":3600,"scope":"orders:read"\}\{"error":"invalid_client"/)
  t.equal(await program.stop('SIGINT'), 0)
})

t.test('example/dpop.ts prints a token that is of no use to others, serves /docs, and ends cleanly', async (t) => {
  const port = await freePort()
  const program = await startExample('dpop', port, 'no token either')
  t.match(program.output, 'The client has read {"caller":"demo","notes":["Buy milk"]}')

  const output = await runPrinted(program.output)
  t.strictSame(output.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 401', 'HTTP/1.1 401', 'HTTP/1.1 400'])
  t.match(output, 'www-authenticate: DPoP realm=')
  t.match(output, '"error":"invalid_dpop_proof"')

  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const [, docs = '', id = '', secret = ''] = /(http\S+\/docs)\s+client_id: (\S+)\s+client_secret: (\S+)/.exec(program.output) ?? []
  const { page } = await visit(browser, docs)
  await authorize(page, { id, secret }, ['notes:read'])
  await closeAuthorized(page)
  const readNotes = await tryOut(page, 'get', '/notes', (response) => response.ok())
  t.match(await readNotes(), { status: 200, shown: { caller: 'demo', notes: ['Buy milk'] } })
  await browser.close()
  t.equal(await program.stop('SIGTERM'), 0)
})

t.test('example/mutual-tls.ts prints curl lines that work with one certificate only, and ends cleanly', async (t) => {
  const program = await startExample('mutual-tls', await freePort(), 'no token either')
  const output = await runPrinted(program.output)
  t.match(output, /^\{"caller":"partner","orders":\[\]\}/)
  t.strictSame(output.match(/HTTP\/1\.1 \d+|"error":"\w+"/g), [
    'HTTP/1.1 401', '"error":"invalid_token"', 'HTTP/1.1 401', '"error":"invalid_token"', 'HTTP/1.1 401', '"error":"invalid_client"'
  ])

  const [folder = ''] = /\/\S+mutual-tls-\w+/.exec(program.output) ?? []
  t.ok(existsSync(folder))
  t.equal(await program.stop('SIGTERM'), 0)
  t.notOk(existsSync(folder), 'the certificates are gone')
})
