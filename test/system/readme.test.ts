import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'
import { conformityPage } from '../../.ci/conformity.ts'
import { PLUGIN_ERRORS } from '../../plugin/errors.ts'
import type { FastifyJwtTokensOptions } from '../../plugin/fastify-jwt-tokens.ts'
import type { ClientCredentialsPluginOptions } from '../../plugin/index.ts'
import { COMMANDS } from '../../src/cli/commands/index.ts'
import { SETTING_NAMES } from '../../src/cli/commands/settings-values.ts'
import { GLOBAL_OPTIONS } from '../../src/cli/help.ts'
import { FLOW_DEFAULTS } from '../../src/adapter.ts'
import { FLOW_ERRORS } from '../../src/errors/configuration-error.ts'
import { ALL_PAGES, anchorsOf, linksOf, pageBlocks, PAGES, pageSnippets, pageTable, pageText, sidesOf } from '../support/pages.ts'
import { freePort, startProgram } from '../support/program.ts'
import { runAside } from '../support/run-aside.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
// Inside the project, so that the snippets import the package by its name, as its users do.
const folder = join(root, '.tap', 'readme')

// What the prose around the later snippets takes for granted.
const IMPORTS = `
import { readFileSync } from 'node:fs'
import cors from '@fastify/cors'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify from 'fastify'
import {
  authorizationServer, BearerTokenType, CertificateBoundTokenType, clientAdminPlugin, ClientCredentialsFlowBuilder, clientCredentialsPlugin, ClientRegistry, credentialsOf,
  dpopRequestInterceptor, DPoPTokenType, FailureThrottle, FAPI2_TLS, JwtAccessTokens, MemoryStore, oauthTransformObject, RemoteAccessTokens, SigningKeys,
  workloadIdentities
} from 'fastify-client-credentials'
import type { OAuth2Client } from 'fastify-client-credentials'
import { postgresStore } from 'fastify-client-credentials/stores/postgres'
import { redisStore } from 'fastify-client-credentials/stores/redis'
import { sqliteStore } from 'fastify-client-credentials/stores/sqlite'
import { Redis } from 'ioredis'
import Database from 'libsql'
import pg from 'pg'
`
const GLOBALS = `
import type { FastifyInstance } from 'fastify'
import type { ClientCredentialsFlow, Clients, DPoPTokenType, FailureThrottle, JwtAccessTokens, OAuth2Client } from 'fastify-client-credentials'
declare global {
  const app: FastifyInstance
  const flow: ClientCredentialsFlow
  const clients: Clients
  const store: ConstructorParameters<typeof DPoPTokenType>[0]['replays'] & NonNullable<NonNullable<ConstructorParameters<typeof FailureThrottle>[0]>['store']>
  const tokens: JwtAccessTokens
  function findClient (id: string, secret: string | undefined): Promise<OAuth2Client | undefined>
  function saveToken (id: string, scope: readonly string[], lifetime: number): Promise<string>
  function findToken (token: string): Promise<{ clientId: string, scope: string } | undefined>
}
`

t.before(() => { mkdirSync(folder, { recursive: true }) })
t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })

t.test('every snippet of the README and its pages compiles, strictly', async (t) => {
  const files = PAGES.flatMap((page) => [...pageSnippets(page), ...pageBlocks(page, 'diff').map((diff) => sidesOf(diff).after)].map((code, index) => {
    const file = join(folder, `${page.replace(/\W/g, '-')}-${index}.ts`)
    // What has imports is whole.
    writeFileSync(file, /^import /m.test(code) ? code : `${IMPORTS}${code}`)
    return file
  }))
  t.ok(files.length >= 20)
  const globals = join(folder, 'globals.ts')
  writeFileSync(globals, GLOBALS)
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, root)
  const program = ts.createProgram([...files, globals], { ...options, noUnusedLocals: false, noUnusedParameters: false })
  const problems = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)
  t.strictSame(problems, [])
})

t.test('each stage of the README is the difference from the stage before', async (t) => {
  const diffs = pageBlocks('README.md', 'diff').map(sidesOf)
  t.equal(diffs.length, 2)
  let code = pageSnippets('README.md').find((snippet) => snippet === diffs[0]!.before)
  for (const { before, after } of diffs) {
    t.equal(before, code)
    code = after
  }
})

t.test('the quick start runs as it stands, but for its port', async (t) => {
  const port = String(await freePort())
  const [server, caller] = pageSnippets('README.md').map((code) => code.replaceAll('3000', port))
  const commands = pageBlocks('README.md', 'sh')[1]!.replaceAll('3000', port).replaceAll('npx fastify-client-credentials', `'${process.execPath}' '${join(root, 'dist/src/cli/main.js')}'`)
  const cwd = join(folder, 'start')
  mkdirSync(cwd)
  writeFileSync(join(cwd, 'server.js'), server!)
  writeFileSync(join(cwd, 'caller.js'), caller!)
  const program = await startProgram([process.execPath, 'server.js'], { cwd, ready: 'Server listening' })
  t.teardown(() => program.stop('SIGKILL'))

  const [answer = '', secret = ''] = (await runAside('sh', ['-ec', commands], cwd)).trim().split(/(?<=\})\s*/)
  t.strictSame(JSON.parse(answer), { caller: 'billing' })
  t.equal((await runAside(process.execPath, ['caller.js'], cwd, { CLIENT_SECRET: secret })).trim(), "{ caller: 'billing' }")
  t.equal((await fetch(`http://localhost:${port}/data`)).status, 401)
  t.equal((await fetch(`http://localhost:${port}/docs/`)).status, 200)
})

t.test('the README has at most 350 lines, and npm test at most 60 files', async (t) => {
  t.ok(pageText('README.md').split('\n').length <= 351)
  const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'))
  t.ok(files.filter((name) => !name.endsWith('.full.test.ts')).length <= 60)
})

t.test('every command that the pages tell to type is there, and has the options', async (t) => {
  const typed = PAGES.flatMap((page) => [...pageText(page).matchAll(/(?:fastify-client-credentials |`)((?:client|keys|tokens|settings|audit) [a-z][^`\n|)]*|migrate(?!:)\b[^`\n|)]*)/g)].map(([, line = '']) => line.trim()))
  t.ok(typed.length >= 80)
  for (const line of typed) {
    const command = COMMANDS.find(({ name }) => line === name || line.startsWith(`${name} `))
    const options = [...line.matchAll(/ --([a-z-]+)/g)].map(([, name = '']) => name)
    t.strictSame(options.filter((name) => command?.options[name] === undefined && GLOBAL_OPTIONS[name] === undefined), [], line)
    t.ok(command, line)
  }
})

t.test('the tables of commands and of settings are the ones of the code', async (t) => {
  t.strictSame(pageTable('Command line'), COMMANDS.map(({ name }) => name))
  const settings = pageText('example/operating.md').split('## Agreed settings')[1]!.split(/^#/m)[0]!
  t.strictSame(SETTING_NAMES.filter((name) => !settings.includes(`\`${name}\``)), [])
})

t.test('every link from page to page leads somewhere, to its very heading', async (t) => {
  const broken = ALL_PAGES.flatMap((page) => linksOf(page).filter((link) => {
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? page : posix.join(posix.dirname(page), path)
    return !existsSync(join(root, target)) || (anchor !== undefined && !anchorsOf(target).has(anchor))
  }).map((link) => `${page}: ${link}`))
  t.strictSame(broken, [])
  const reached = new Set(ALL_PAGES.flatMap((page) => linksOf(page).map((link) => posix.join(posix.dirname(page), link.split('#')[0]!))))
  t.strictSame(ALL_PAGES.filter((page) => !reached.has(page)), [], 'and there is a way to every page')
})

t.test('the page of what the tests prove is made of their titles, as they are now', async (t) => {
  t.equal(pageText('test/README.md'), conformityPage(), 'else run: npm run docs')
})

t.test('the table of error codes is the one of the code', async (t) => {
  t.strictSame(pageTable('Error codes'), [...Object.keys(PLUGIN_ERRORS), ...Object.keys(FLOW_ERRORS)])
})

t.test('every error code is the code of its error, and its message names a mend', async (t) => {
  for (const [code, FastifyError] of Object.entries(PLUGIN_ERRORS)) t.equal(new FastifyError().code, code)
  for (const message of [...Object.values(FLOW_ERRORS), ...Object.values(PLUGIN_ERRORS).map((FastifyError) => new FastifyError().message)]) {
    t.match(message, /(?:Call|Use|Register|Write|Correct|Put|Give|Pass|Run|Set|Mend|needs) /)
  }
})

t.test('the tables of options are the ones of the code', async (t) => {
  const plugin = { flow: true, prefix: true, acceptJson: true, decoratorName: true, metadata: true, openIdConfiguration: true, origin: true, clientCertificate: true, health: true } satisfies Record<keyof ClientCredentialsPluginOptions, true>
  const jwt = { issuer: true, audience: true, dangerouslyAllowHttpIssuer: true } satisfies Record<keyof FastifyJwtTokensOptions, true>
  t.strictSame(pageTable('Of the plugin'), Object.keys(plugin))
  t.strictSame(pageTable('Access tokens by @fastify/jwt'), Object.keys(jwt))
  t.strictSame(pageTable('Of the flow'), Object.keys(FLOW_DEFAULTS))
})

t.test('the chart and the figures of "Speed" are those of the results of the bench', async (t) => {
  const { chartOf, withTables } = await import(new URL('../../bench/chart.js', import.meta.url).href)
  const { readResults } = await import(new URL('../../bench/results.js', import.meta.url).href)
  const read = (name: string) => readFileSync(join(root, name), 'utf8')
  const results = readResults()
  t.equal(read('bench/chart.svg'), chartOf(results), 'npm run bench:chart draws it anew')
  t.equal(read('README.md'), withTables(read('README.md'), results), 'npm run bench:chart writes them anew')
})
