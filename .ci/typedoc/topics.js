// A plugin of TypeDoc: the topic of a symbol is the folder that declares it, an entry point has the name by which it is imported,
// and each export needs a docstring.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Comment, CommentTag, Converter, ReflectionKind } from 'typedoc'
import ts from 'typescript'

// The first that a path begins with.
const TOPICS = {
  'plugin/': 'Plugin',
  'schemas/': 'JSON Schemas',
  'src/flow/': 'Flow',
  'src/client-auth/': 'Client authentication',
  'src/client-registry/': 'Clients',
  'src/access-token/': 'Access tokens',
  'src/token-type/': 'Token types',
  'src/signing-keys/': 'Signing keys',
  'src/jws/': 'Signing keys',
  'src/entries/': 'Revocation',
  'src/stores/': 'Stores',
  'src/throttle/': 'Throttling',
  'src/events/': 'Observability',
  'src/observability/': 'Observability',
  'src/errors/': 'Errors',
  'src/endpoints/': 'Endpoints and requests',
  'src/resource-server/': 'Endpoints and requests',
  'src/http/': 'Endpoints and requests',
  'src/http-client/': 'HTTP client',
  'src/client/': 'Client library',
  'src/testing/': 'Test kit',
  'src/options/': 'Utilities',
  'src/lib/': 'Utilities'
}

const { name: packageName, exports } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const TYPES = ReflectionKind.Interface | ReflectionKind.TypeAlias
const root = fileURLToPath(new URL('../../', import.meta.url))

export function load (app) {
  const internals = new Set()
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    if (reflection.parent?.kindOf(ReflectionKind.Module) && !isExported(context, reflection)) internals.add(reflection)
    const path = sourceOf(context, reflection)
    if (path === undefined) return
    if (reflection.kindOf(ReflectionKind.Module)) reflection.name = entryPointOf(path)
    else if (reflection.parent.kindOf(ReflectionKind.Module)) setTopic(app, reflection, path)
  })
  // Before TypeDoc resolves the pages: of what is not exported, only types are for readers.
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const reflection of internals) if (!reflection.kindOf(TYPES)) project.removeReflection(reflection)
  }, -1000)
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    for (const reflection of project.children.flatMap(({ children = [] }) => children)) {
      if (!isDocumented(reflection)) app.logger.warn(`${reflection.getFullName()} has no docstring.`)
    }
  })
}

const isDocumented = (reflection) => reflection.hasComment() || reflection.signatures?.some((signature) => signature.hasComment()) || reflection.isReference()

/** Whether an entry point exports a symbol. Of the others, TypeDoc has a page if an exported declaration names them. */
function isExported (context, reflection) {
  const entryPoint = context.getSymbolFromReflection(reflection.parent)
  return entryPoint === undefined || context.checker.getExportsOfModule(entryPoint).some(({ name }) => name === reflection.name)
}

/** Returns the path of the file that declares a symbol, relative to the repository, if it is a file of the repository. */
function sourceOf (context, reflection) {
  const symbol = context.getSymbolFromReflection(reflection)
  const isAlias = symbol !== undefined && (symbol.flags & ts.SymbolFlags.Alias) !== 0
  const file = (isAlias ? context.checker.getAliasedSymbol(symbol) : symbol)?.declarations?.[0]?.getSourceFile().fileName
  return file?.startsWith(root) && !file.includes('/node_modules/') ? file.slice(root.length) : undefined
}

/** Returns the name by which an entry point is imported. */
function entryPointOf (path) {
  const types = `./dist/${path.replace(/\.ts$/, '.d.ts')}`
  const key = Object.keys(exports).find((key) => exports[key].types === types)
  return `${packageName}${key.slice(1)}`
}

function setTopic (app, reflection, path) {
  const topic = Object.entries(TOPICS).find(([folder]) => path.startsWith(folder))?.[1]
  if (topic === undefined) {
    app.logger.warn(`${reflection.name} is declared in ${path}. Give its folder a topic in .ci/typedoc/topics.js.`)
    return
  }
  reflection.comment ??= new Comment()
  reflection.comment.blockTags.push(new CommentTag('@category', [{ kind: 'text', text: topic }]))
}
