// The packed tarball, as npm would ship it: its metadata, and the quick start in an empty project.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { freePort, startProgram } from '../test/support/program.ts'
import { ALL_PAGES, pageBlocks, pageSnippets } from '../test/support/pages.ts'

const execute = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const project = mkdtempSync(join(tmpdir(), 'fastify-client-credentials-'))
const run = async (file: string, args: readonly string[], cwd: string) => (await execute(file, args, { cwd })).stdout

let tarball = ''

t.before(async () => {
  await run('npm', ['pack', '--pack-destination', project], root)
  tarball = join(project, readdirSync(project).find((name) => name.endsWith('.tgz'))!)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  await run('npm', ['install', tarball, 'fastify', '@fastify/jwt', '@fastify/swagger', '@fastify/swagger-ui', 'libsql', 'typescript@~6.0', 'tsx', '@types/node@20'], project)
})
t.teardown(() => { rmSync(project, { recursive: true, force: true }) })

t.test('publint finds nothing', async (t) => {
  await t.resolves(run('npx', ['publint', 'run', tarball, '--strict'], root))
})

t.test('attw finds nothing, for a package that is ESM only', async (t) => {
  await t.resolves(run('npx', ['attw', tarball, '--profile', 'esm-only'], root))
})

t.test('the bill of materials lists every dependency, and none that only development needs', async (t) => {
  const { bomFormat, components } = JSON.parse(await run('npm', ['run', '--silent', 'sbom'], root))
  const names = components.map(({ group, name }: { group?: string, name: string }) => group === undefined ? name : `${group}/${name}`)
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  t.equal(bomFormat, 'CycloneDX')
  t.strictSame(Object.keys(dependencies).filter((name) => !names.includes(name)), [])
  t.strictSame(Object.keys(devDependencies).filter((name) => names.includes(name)), [])
})

t.test('the pages that the README leads to are in it', async (t) => {
  const missing = ALL_PAGES.filter((page) => !existsSync(join(project, 'node_modules', 'fastify-client-credentials', page)))
  t.strictSame(missing, [])
})

t.test('the quick start compiles, and runs as it stands in an empty project, but for its port', async (t) => {
  const port = String(await freePort())
  const [server, caller] = pageSnippets('README.md').map((code) => code.replaceAll('3000', port))
  writeFileSync(join(project, 'server.js'), server!)
  writeFileSync(join(project, 'caller.js'), caller!)
  for (const name of ['server', 'caller']) writeFileSync(join(project, `${name}.ts`), readFileSync(join(project, `${name}.js`)))
  await run('npx', ['tsc', '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node', 'server.ts', 'caller.ts'], project)
  const program = await startProgram([process.execPath, 'server.js'], { cwd: project, ready: 'Server listening' })
  const output = await run('sh', ['-ec', pageBlocks('README.md', 'sh')[1]!.replaceAll('3000', port)], project)
  const [answer = '', secret = ''] = output.trim().split(/(?<=\})\s*/)
  t.strictSame(JSON.parse(answer), { caller: 'billing' })
  t.equal((await execute(process.execPath, ['caller.js'], { cwd: project, env: { ...process.env, CLIENT_SECRET: secret } })).stdout.trim(), "{ caller: 'billing' }")
  await program.stop('SIGKILL')
})

/** An import of each entry point, which makes the compiler read the types of all of them. */
function importsOfAll (): string {
  const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { name: string, exports: Record<string, unknown> }
  const specifiers = Object.keys(exports).filter((key) => !key.endsWith('.json')).map((key) => `${name}${key.slice(1)}`)
  return specifiers.map((specifier, index) => `import * as entry${index} from '${specifier}'\nvoid entry${index}\n`).join('')
}

/** Compiles with all declarations checked, those of the package too. */
async function checkTypes (file: string, module: string, moduleResolution: string): Promise<string> {
  return await run('npx', [
    'tsc', '--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2022', '--types', 'node', '--skipLibCheck', 'false',
    '--module', module, '--moduleResolution', moduleResolution, file
  ], project)
}

for (const [module, resolution] of [['nodenext', 'nodenext'], ['esnext', 'bundler'], ['preserve', 'bundler']] as const) {
  t.test(`the types of all entry points check by module ${module}, moduleResolution ${resolution}`, async (t) => {
    writeFileSync(join(project, 'types.ts'), importsOfAll())
    await t.resolves(checkTypes('types.ts', module, resolution))
  })
}

for (const [module, resolution] of [['node20', 'node16'], ['nodenext', 'nodenext']] as const) {
  t.test(`TypeScript that compiles to CommonJS checks by module ${module}`, async (t) => {
    mkdirSync(join(project, 'commonjs'), { recursive: true })
    writeFileSync(join(project, 'commonjs', 'package.json'), '{}')
    writeFileSync(join(project, 'commonjs', 'app.ts'), `import plugin from 'fastify-client-credentials'\nvoid plugin\n${importsOfAll()}`)
    await t.resolves(checkTypes('commonjs/app.ts', module, resolution))
  })
}

t.test('require() of it serves, too', async (t) => {
  const port = await freePort()
  writeFileSync(join(project, 'server.cjs'), `
    const Fastify = require('fastify')
    const { ClientCredentialsFlowBuilder, clientCredentialsPlugin } = require('fastify-client-credentials')
    const { ClientCredentialsFlowBuilder: CoreBuilder } = require('fastify-client-credentials/core')
    const { tokenRequestSchema } = require('fastify-client-credentials/schemas')
    const { oauthClient } = require('fastify-client-credentials/client')
    if (typeof oauthClient !== 'function') throw new Error('no client library')
    if (CoreBuilder !== ClientCredentialsFlowBuilder || tokenRequestSchema.type !== 'object') throw new Error('the entry points differ')
    const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
      .getClient(({ clientId, clientSecret }) => clientSecret === 'secret' ? { id: clientId, grants: ['client_credentials'] } : undefined)
      .generateAccessToken(() => 'token')
      .build()
    const app = Fastify({ logger: true })
    app.register(require('fastify-client-credentials'), { flow })
    app.after(() => { if (typeof clientCredentialsPlugin !== 'function') throw new Error('no plugin') })
    app.listen({ port: ${port} })
  `)
  const program = await startProgram([process.execPath, 'server.cjs'], { cwd: project, ready: 'Server listening' })
  await expectToken(t, port, 'billing:secret')
  await program.stop('SIGKILL')
})

async function expectToken (t: { equal (found: unknown, wanted: unknown): boolean }, port: number, credentials: string): Promise<void> {
  const answer = await fetch(`http://localhost:${port}/oauth2/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(credentials)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' })
  })
  t.equal(answer.status, 200)
}
