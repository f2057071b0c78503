// What TypeScript makes of the package: the types that flow from the flow, code that is written against the documentation of
// @saurbit/oauth2, and the docstrings as editors show them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import ts from 'typescript'
import { basic, form, FORM } from '../support/demo.ts'
import { annotated, answerResource, answerToken, describe, inPlace, seen } from '../types/saurbit.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { options } = ts.parseJsonConfigFileContent(ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config, ts.sys, root)
const PATHS = { 'fastify-client-credentials': ['./plugin/index.ts'], 'fastify-client-credentials/core': ['./src/index.ts'] }
const host = ts.createCompilerHost({ ...options, paths: PATHS })
const parsed = new Map<string, ts.SourceFile | undefined>()
const read = host.getSourceFile
host.getSourceFile = (name, ...rest) => parsed.get(name) ?? parsed.set(name, read(name, ...rest)).get(name)

function programOf (files: string[]): ts.Program {
  return ts.createProgram(files.map((file) => join(root, file)), { ...options, paths: PATHS }, host)
}

/** Changes a file for one compilation. */
function errorsOf (file: string, change: (text: string) => string = (text) => text, others: string[] = []): string[] {
  const path = join(root, file)
  parsed.set(path, ts.createSourceFile(path, change(readFileSync(path, 'utf8')), { languageVersion: ts.ScriptTarget.ES2023, impliedNodeFormat: ts.ModuleKind.ESNext }, true))
  const program = programOf([file, ...others])
  parsed.delete(path)
  return program.getSemanticDiagnostics(program.getSourceFile(path)).map(({ code, messageText }) => `${code} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)
}

const EXPECTATIONS = ['flow', 'errors'].map((name) => `test/types/${name}.ts`)
const UNUSED = /^2578 /
const EXPECTED = /^ *\/\/ @ts-expect-error.*\n/gm
const doubled = (text: string) => text.replace(EXPECTED, '$&void 0\n')

t.test('every wrong use that the type tests name is an error, and no other', async (t) => {
  for (const file of EXPECTATIONS) {
    t.strictSame(errorsOf(file), [], file)
    // The test of the test: an expectation above a line that is right is reported.
    t.equal(errorsOf(file, doubled).filter((error) => UNUSED.test(error)).length, text(file).match(EXPECTED)?.length, `${file} is checked`)
  }
})

t.test('an application that declares its flow has the types of the flow everywhere', async (t) => {
  const application = 'test/types/registered/application.ts'
  for (const name of ['package', 'core']) t.strictSame(errorsOf(application, undefined, [`test/types/registered/${name}.ts`]), [], name)
  t.not(errorsOf(application).length, 0, 'without the declaration, the wrong scopes are strings like any other')
})

function text (file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

const TAGS = ['param', 'returns', 'throws', 'example', 'see', 'internal', 'default', 'typeParam', 'deprecated']

t.test('editors show the docstring of every export and of its members whole', async (t) => {
  const program = programOf(['plugin/index.ts', 'src/adapter.ts', 'src/stores/contract.ts', 'schemas/index.ts', 'src/stores/sqlite.ts', 'src/stores/postgres.ts', 'src/stores/redis.ts'])
  const checker = program.getTypeChecker()
  const isOurs = ({ fileName }: ts.SourceFile) => fileName.startsWith(root) && !fileName.includes('node_modules')
  for (const file of program.getSourceFiles().filter(isOurs)) {
    const visit = (node: ts.Node): void => {
      for (const tag of ts.getJSDocTags(node)) {
        const name = tag.tagName.text
        if (!TAGS.includes(name)) t.fail(`${file.fileName.replace(root, '')}: a line of a docstring begins with @${name}`)
      }
      ts.forEachChild(node, visit)
    }
    visit(file)
  }
  for (const entry of program.getRootFileNames()) {
    for (const exported of checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(entry)!)!)) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
      t.not(ts.displayPartsToString(symbol.getDocumentationComment(checker)), '', `${exported.name} has a docstring`)
    }
  }
})

// Programs for @saurbit/oauth2

const ORIGIN = 'https://auth.example'
const tokenRequest = (parameters: Record<string, string>, authorization?: string) => new Request(`${ORIGIN}/token`, {
  method: 'POST', headers: { 'content-type': FORM, ...(authorization !== undefined && { authorization }) }, body: form({ grant_type: 'client_credentials', ...parameters })
})
const resourceRequest = (token: string) => new Request(`${ORIGIN}/data`, { headers: { authorization: `Bearer ${token}` } })

async function answerOf (t: Test, answer: Promise<Response>, status: number): Promise<Record<string, unknown>> {
  const response = await answer
  t.equal(response.status, status)
  return await response.json() as Record<string, unknown>
}

t.test('a program for @saurbit/oauth2 with its type annotations behaves as its documentation says', async (t) => {
  const { access_token: token, ...rest } = await answerOf(t, answerToken(annotated, tokenRequest({ scope: 'invoices:read' }, basic('billing', 's3cret'))), 200)
  t.strictSame(rest, { token_type: 'Bearer', expires_in: 1800, scope: 'invoices:read', grantType: 'client_credentials' })
  t.strictSame(seen, [`client_secret_basic ${ORIGIN} client_credentials`, ORIGIN])
  t.strictSame(await answerOf(t, answerResource(annotated, resourceRequest(String(token))), 200), { id: 'billing', scope: 'invoices:read' })
  t.match(await answerOf(t, answerResource(annotated, resourceRequest('other')), 401), { error: 'invalid_token' })
  t.match(await answerOf(t, answerToken(annotated, tokenRequest({ client_id: 'billing', client_secret: 's3cret' })), 200), { scope: 'invoices:read' })
  t.match(await answerOf(t, answerToken(annotated, tokenRequest({}, basic('billing', 'wrong'))), 401), { error: 'invalid_client' })
  t.match(await answerOf(t, answerToken(annotated, tokenRequest({}, basic('browser', 's3cret'))), 400), { error: 'unauthorized_client' })
  t.match(await answerOf(t, answerToken(annotated, tokenRequest({ scope: 'invoices:write' }, basic('billing', 's3cret'))), 400), { error: 'invalid_scope' })
  t.strictSame(describe(annotated, ['invoices:read']), {
    path: '/token',
    scheme: {
      serviceAuth: {
        type: 'oauth2',
        description: 'Between services',
        flows: { clientCredentials: { tokenUrl: '/token', scopes: { 'invoices:read': 'Read invoices', 'invoices:write': 'Write invoices' } } }
      }
    },
    security: { serviceAuth: ['invoices:read'] }
  })
})

t.test('a program for @saurbit/oauth2 with its callbacks in place behaves as its documentation says', async (t) => {
  const { access_token: token } = await answerOf(t, answerToken(inPlace, tokenRequest({}, basic('billing', 's3cret'))), 200)
  t.equal(token, 'token-of-billing')
  t.strictSame(await answerOf(t, answerResource(inPlace, resourceRequest('token-of-billing')), 200), { id: 'billing', scope: 'invoices:read' })
  t.strictSame(await answerOf(t, answerResource(inPlace, resourceRequest('other')), 401), { error: 'invalid_token', message: 'Not one of ours' })
  t.match(await answerOf(t, answerToken(inPlace, tokenRequest({ scope: 'forbidden' }, basic('billing', 's3cret'))), 401), { error: 'invalid_client' })
  t.match(await answerOf(t, answerToken(inPlace, tokenRequest({ client_id: 'billing', client_secret: 's3cret' })), 401), { error: 'invalid_client' })
})
