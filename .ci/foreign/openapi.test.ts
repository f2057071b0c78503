// Programs of others take the OpenAPI document: linters, client generators, and schemathesis, which calls all that it describes.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { freePort } from '../../test/support/program.ts'
import { buildApplication, SECRET } from './application.ts'

const execute = promisify(execFile)
const folder = fileURLToPath(new URL('.', import.meta.url))
const programOf = (name: string) => join(folder, 'node_modules', '.bin', name)
// Inside the folder, so that generated clients find what they import.
const work = mkdtempSync(join(folder, 'node_modules', '.openapi-'))
t.teardown(() => { rmSync(work, { recursive: true, force: true }) })

const run = async (file: string, args: readonly string[], cwd = work) => (await execute(file, args, { cwd, maxBuffer: 2 ** 26 })).stdout

async function writeDocument (name: string, version: string): Promise<string> {
  const app = await buildApplication({ version, tenants: ['/one'] })
  const file = join(work, name)
  writeFileSync(file, JSON.stringify(app.swagger()))
  await app.close()
  return file
}

for (const version of ['3.0.3', '3.1.0', '3.2.0']) {
  t.test(`Redocly and Spectral have nothing to say of OpenAPI ${version}`, async (t) => {
    const file = await writeDocument(`${version}.json`, version)
    const report = JSON.parse(await run(programOf('redocly'), ['lint', '--extends', 'recommended', '--format', 'json', file])) as { problems: unknown[] }
    t.strictSame(report.problems, [])
    writeFileSync(join(work, 'spectral.yaml'), 'extends: ["spectral:oas"]')
    const findings = await run(programOf('spectral'), ['lint', '--format', 'json', '--fail-severity', 'hint', '--ruleset', join(work, 'spectral.yaml'), file])
    t.strictSame(JSON.parse(findings.slice(0, findings.lastIndexOf(']') + 1)), [])
  })
}

const GENERATORS: Record<string, (document: string) => Promise<string>> = {
  async orval (document) {
    await run(programOf('orval'), ['--input', document, '--output', './orval.ts', '--client', 'fetch'])
    return 'orval.ts'
  },
  async 'openapi-typescript and openapi-fetch' (document) {
    await run(programOf('openapi-typescript'), [document, '--output', './schema.ts'])
    writeFileSync(join(work, 'client.ts'), `
import createClient from 'openapi-fetch'
import type { paths } from './schema.js'
const client = createClient<paths>({ baseUrl: 'https://api.example.org' })
const { data, error } = await client.POST('/oauth2/token', {
  body: { grant_type: 'client_credentials', scope: 'data:read' },
  bodySerializer: ({ grant_type, scope = '' }) => new URLSearchParams({ grant_type, scope }).toString()
})
export const token: string | undefined = data?.access_token
export const code: string | undefined = error?.error
export const { data: page } = await client.GET('/admin/clients', { params: { query: { limit: 10 } } })
export const made = await client.POST('/admin/clients', {})
`)
    return 'client.ts'
  },
  async 'Hey API' (document) {
    await run(programOf('openapi-ts'), ['--input', document, '--output', './hey', '--client', '@hey-api/client-fetch'])
    return 'hey/index.ts'
  }
}

for (const version of ['3.0.3', '3.1.0']) {
  for (const [name, generate] of Object.entries(GENERATORS)) {
    t.test(`The client that ${name} generates of OpenAPI ${version} compiles strictly`, async (t) => {
      const main = await generate(await writeDocument('document.json', version))
      await t.resolves(run(programOf('tsc'), [
        '--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'es2022,dom,dom.iterable', main
      ]))
    })
  }
}

/** schemathesis in a Python environment of its own, which stays for the next run. */
async function schemathesis (): Promise<string> {
  const environment = join(tmpdir(), 'fastify-client-credentials-schemathesis-4.32.5')
  const program = join(environment, 'bin', 'schemathesis')
  if (!existsSync(program)) {
    t.comment(`Installing schemathesis 4.32.5 by pip into ${environment}`)
    await run('python3', ['-m', 'venv', environment])
    await run(join(environment, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', 'schemathesis==4.32.5'])
  }
  return program
}

// A JSON Schema cannot say the rules between the members of a body, and a method that a path lacks is for Fastify to answer: 404.
const EXCLUDED = 'positive_data_acceptance,unsupported_method'

const RUNS: Record<string, string> = {
  'the OAuth endpoints': '^/(oauth2|\\.well-known)/',
  'guarded routes and the admin API': '^/(data/|admin/(clients|keys$|audit))',
  'what revokes keys and tokens': '^/admin/(keys/|tokens)'
}

t.test('schemathesis finds nothing', async (t) => {
  const program = await schemathesis()
  for (const [name, paths] of Object.entries(RUNS)) {
    const port = await freePort()
    const origin = `http://127.0.0.1:${port}`
    const app = await buildApplication({ issuer: origin })
    await app.listen({ port, host: '127.0.0.1' })
    const basic = `Basic ${btoa(`root:${SECRET}`)}`
    const form = { authorization: basic, 'content-type': 'application/x-www-form-urlencoded' }
    const issued = await app.inject({ method: 'POST', url: '/oauth2/token', headers: form, payload: 'grant_type=client_credentials' })
    const authorization = name === 'the OAuth endpoints' ? basic : `Bearer ${issued.json().access_token as string}`
    writeFileSync(join(work, 'served.json'), JSON.stringify(app.swagger()))
    await t.resolves(run(program, [
      'run', 'served.json', '--url', origin, '--checks', 'all', '--exclude-checks', EXCLUDED, '--max-examples', '20', '--seed', '1', '--no-color',
      '--header', `Authorization: ${authorization}`, '--include-path-regex', paths
    ]).catch((error: { stdout?: string }) => { throw new Error(error.stdout?.slice(-6000)) }), name)
    await app.close()
  }
})
