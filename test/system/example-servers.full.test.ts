import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ClientCredentialsProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import t from 'tap'
import { CURL, needCommand } from '../support/debian.ts'
import { startPostgres } from '../support/postgres.ts'
import { freePort, startProgram } from '../support/program.ts'
import { startRedis } from '../support/redis.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

// What a reader copies from the terminal: the indented lines, in their order, in one shell.
const printedCommands = (output: string) => output.split('\n').filter((line) => line.startsWith('  ')).join('\n')
const runPrinted = async (output: string) => (await run('sh', ['-ec', printedCommands(output)])).stdout

const startExample = (name: string, env: Record<string, string>, ready: string) =>
  startProgram([process.execPath, '--import', 'tsx', `example/${name}.ts`], { cwd: root, env, ready })

t.before(() => { needCommand(CURL) })

t.test('example/authorization-server.ts and example/resource-server.ts print curl lines that work together, and end cleanly', async (t) => {
  const [port, apiPort] = [String(await freePort()), String(await freePort())]
  const issuer = `http://localhost:${port}`
  const api = `http://localhost:${apiPort}`
  const server = await startExample('authorization-server', { PORT: port, API: api }, `${api}/notes`)
  const resource = await startExample('resource-server', { PORT: apiPort, ISSUER: issuer }, 'oauth-protected-resource')

  const issued = await runPrinted(server.output)
  t.match(issued, `"issuer":"${issuer}"`)
  t.match(issued, /\{"keys":\[\{[^\]]+"kid":"/)
  t.match(issued, /"active":true,[^}]+"client_id":"demo"[^}]+\}\{\}\{"active":false\}/, 'active, revoked, no longer active')
  t.match(issued, '{"caller":"demo","notes":["Buy milk"]}')
  t.match(issued, /HTTP\/1\.1 403 Forbidden[^]+"error":"insufficient_scope"/)

  const refused = await runPrinted(resource.output)
  t.match(refused, 'HTTP/1.1 401 Unauthorized')
  t.match(refused, `resource_metadata="${api}/.well-known/oauth-protected-resource"`)
  t.match(refused, `{"resource":"${api}","authorization_servers":["${issuer}"]`)

  t.equal(await resource.stop('SIGINT'), 0)
  t.equal(await server.stop('SIGTERM'), 0)
})

t.test('example/mcp-server.ts serves curl and the client of the MCP SDK, and ends cleanly', async (t) => {
  const port = String(await freePort())
  const program = await startExample('mcp-server', { PORT: port }, 'tools/call')
  const endpoint = `http://localhost:${port}/mcp`
  t.match(program.output, endpoint)

  const output = await runPrinted(program.output)
  t.match(output, 'HTTP/1.1 401 Unauthorized')
  t.match(output, `resource_metadata="http://localhost:${port}/.well-known/oauth-protected-resource/mcp"`)
  t.match(output, '{"result":{"content":[{"type":"text","text":"agent"}]},"jsonrpc":"2.0","id":1}')

  const [, clientId, clientSecret] = /client_id: (\S+) +client_secret: (\S+)/.exec(program.output)!
  const authProvider = new ClientCredentialsProvider({ clientId: clientId!, clientSecret: clientSecret!, expectedIssuer: `http://localhost:${port}` })
  const client = new Client({ name: 'test', version: '1.0.0' })
  const errors: Error[] = []
  client.onerror = (error) => { errors.push(error) }
  // The SDK is not written for exactOptionalPropertyTypes.
  await client.connect(new StreamableHTTPClientTransport(new URL(endpoint), { authProvider }) as Transport)
  t.match((await client.listTools()).tools, [{ name: 'whoami' }])
  t.match(await client.callTool({ name: 'whoami' }), { content: [{ type: 'text', text: clientId }] })
  t.match(authProvider.tokens(), { scope: 'mcp:tools', token_type: 'Bearer' })
  await client.close()
  t.strictSame(errors, [])

  t.equal(await program.stop('SIGTERM'), 0)
})

t.test('example/observability.ts shows an audit line and a metric for every decision, and ends cleanly', async (t) => {
  const port = String(await freePort())
  const program = await startExample('observability', { PORT: port }, 'grep ^oauth_tokens')
  const metrics = await runPrinted(program.output)
  t.match(metrics, 'oauth_requests_denied_total{flow="notes",endpoint="token",method="client_secret_basic",error="invalid_client",status="401",client=""} 1')
  t.match(metrics, 'oauth_decision_duration_seconds_count{flow="notes",decision="verified"} 2')
  t.match(metrics, '{"caller":"demo","notes":["Buy milk"]}')
  t.match(metrics, 'oauth_tokens_issued_total{flow="notes",method="client_secret_basic",token_type="Bearer",client="demo"} 2')
  const lines = program.output.split('\n').filter((line) => line.includes('"audit":')).map((line) => JSON.parse(line) as { msg: string, reqId?: string, audit: object })
  // Behind them: what the printed lines have made. The log and the text come by ways of their own.
  t.match(lines.slice(0, 7), [
    { msg: 'key rotated', audit: { alg: 'ES256' } },
    { msg: 'token issued', reqId: /^req-/, audit: { flow: 'notes', clientId: 'demo', scope: ['notes:read'], audience: [`http://localhost:${port}`] } },
    { msg: 'token verified', audit: { clientId: 'demo' } },
    { msg: 'token denied', audit: { error: 'invalid_client', presentedClientId: 'demo' } },
    { msg: 'token verified' },
    { msg: 'token rejected', audit: { error: 'insufficient_scope', clientId: 'demo' } },
    { msg: 'token rejected', audit: { error: 'unauthorized' } }
  ])
  t.equal(await program.stop('SIGTERM'), 0)
})

t.test('example/cluster.ts prints curl lines that work with every worker, twice, and ends cleanly', async (t) => {
  const [postgres, redis, port] = await Promise.all([startPostgres(t), startRedis(t), freePort()])
  const env = { DATABASE_URL: postgres.url, REDIS_URL: redis.url, SEALING_KEY: randomBytes(32).toString('base64'), PORT: String(port), WORKERS: '4' }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const program = await startExample('cluster', env, 'needs a restart')
    const [served, refused, withoutToken, withNewSecret, withOldSecret] = (await runPrinted(program.output)).split('\n')
    t.strictSame([...served!.matchAll(/"caller":"demo","worker":(\d)/g)].map(([, worker]) => worker).sort(), ['1', '1', '2', '2', '3', '3', '4', '4'])
    t.equal(refused, '401 '.repeat(8), 'every worker refuses the token of a client that one has disabled')
    // All workers count failures together: more than ten a minute are answered with 429.
    t.match(withoutToken, /^(?:401 |429 ){8}$/, 'and its secret')
    t.equal(withNewSecret, '200 '.repeat(8), 'every worker takes the secret that one has made')
    t.match(withOldSecret, /^(?:401 |429 ){8}$/, 'and none takes the old one')
    t.equal(await program.stop(signal), 0)
  }
})

t.test('example/cluster.ts says what it needs, and how to get it', async (t) => {
  const started = startExample('cluster', { DATABASE_URL: '', REDIS_URL: '', SEALING_KEY: '' }, 'needs a restart')
  await t.rejects(started, /ended with 1[^]+docker run[^]+REDIS_URL=\S+ npm run example:cluster/)
})
