// The reference of what the package exports, from its docstrings: each symbol with what is said of it, and its declaration
// as the types of the package have it. Reads dist/, which has neither private members nor what is marked @internal.
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const dist = fileURLToPath(new URL('../dist/', import.meta.url))

const CORE_SECTIONS: ReadonlyArray<readonly [folder: string, title: string]> = [
  ['client-auth/', 'Client authentication'], ['client-registry/', 'Clients'], ['access-token/', 'Access tokens'], ['signing-keys/', 'Signing keys'],
  ['jws/', 'Signing keys'], ['token-type/', 'Token types'], ['throttle/', 'Throttle'], ['http-client/', 'Fetching from elsewhere'], ['errors/', 'Errors'], ['', 'The flow and its parts']
]

const ADAPTER_SECTIONS: ReadonlyArray<readonly [folder: string, title: string]> = [
  ['flow/', 'The flow'], ['http/', 'Requests'], ['endpoints/', 'Endpoints'], ['events/', 'Events'], ['resource-server/', 'Protected resources'], ['errors/', 'Errors'],
  ['access-token/', 'Access tokens of other libraries'], ['client-', 'Administration'], ['signing-keys/', 'Administration'], ['jws/', 'Administration'],
  ['options/', 'Options of the adapter itself'], ['lib/', 'Logs, clock and values from elsewhere']
]

interface Page {
  title: string
  intro: string
  /** Where in dist it is imported from, and by which name of the package. */
  entries: ReadonlyArray<readonly [file: string, name: string]>
  /** Whether a symbol of these entries, by the file that declares it, is on this page. */
  has (file: string): boolean
  sections: ReadonlyArray<readonly [folder: string, title: string]>
}

const isStore = (file: string) => file.startsWith('src/stores/') || file.startsWith('src/errors/store-unavailable')
const PAGES: Readonly<Record<string, Page>> = {
  'plugin/README.md': {
    title: 'API of the plugin',
    intro: 'What `fastify-client-credentials` exports beside the [core](../src/README.md). The options are explained in the [README](../README.md#options).',
    entries: [['plugin/index.d.ts', 'fastify-client-credentials']],
    has: (file) => file.startsWith('plugin/'),
    sections: [['plugin/', 'The plugin']]
  },
  'src/README.md': {
    title: 'API of the core',
    intro: 'What `fastify-client-credentials/core` exports, without Fastify. `fastify-client-credentials` has all of it too. Stores have a [page of their own](stores/README.md).',
    entries: [['src/index.d.ts', 'fastify-client-credentials/core']],
    has: (file) => !isStore(file),
    sections: CORE_SECTIONS.map(([folder, title]) => [`src/${folder}`, title])
  },
  'src/adapter.md': {
    title: 'API for adapters',
    intro: 'What `fastify-client-credentials/adapter` exports: what an adapter for another framework needs beside the [core](README.md). The plugin is made of both. NOT covered by semver before 1.0: a minor release may change it. [`example/node-http.ts`](../example/node-http.ts) is an adapter for plain `node:http`.',
    entries: [['src/adapter.d.ts', 'fastify-client-credentials/adapter']],
    has: (file) => !file.startsWith('src/stores/'),
    sections: ADAPTER_SECTIONS.map(([folder, title]) => [`src/${folder}`, title])
  },
  'src/stores/README.md': {
    title: 'API of the stores',
    intro: 'The stores that there are, and the interfaces that one of your own implements: as few of them as what it keeps.',
    entries: [
      ['src/stores/sqlite.d.ts', 'fastify-client-credentials/stores/sqlite'], ['src/stores/postgres.d.ts', 'fastify-client-credentials/stores/postgres'],
      ['src/stores/redis.d.ts', 'fastify-client-credentials/stores/redis'], ['src/stores/contract.d.ts', 'fastify-client-credentials/stores/contract'],
      ['src/index.d.ts', 'fastify-client-credentials/core']
    ],
    has: isStore,
    sections: [
      ['src/stores/sqlite', 'SQLite'], ['src/stores/postgres', 'PostgreSQL'], ['src/stores/redis', 'Redis'], ['src/stores/memory', 'In memory'],
      ['src/errors/store-unavailable', 'When a store is unavailable'], ['src/stores/', 'Interfaces']
    ]
  }
}

/** Where the plugin says what it adds to Fastify's own types. */
const FASTIFY = 'plugin/index.d.ts'

interface Entry { name: string, file: string, from: string, doc: string, code: string, refers: ts.Symbol[] }

/**
 * The pages of the reference, by their paths.
 *
 * @throws Error that lists every exported symbol without a docstring
 */
export function apiPages (): Record<string, string> {
  const files = Object.values(PAGES).flatMap(({ entries }) => entries.map(([file]) => dist + file))
  const program = ts.createProgram([...new Set(files)], { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2023, types: ['node'], skipLibCheck: true })
  const pages = Object.entries(PAGES).map(([path, page]) => [path, page, entriesOf(program, page)] as const)
  const undocumented = pages.flatMap(([, , entries]) => entries).filter(({ doc }) => doc === '').map(({ name, file }) => `${name} (${file})`)
  if (undocumented.length > 0) throw new Error(`These exports have no docstring. Write one for each: ${undocumented.join(', ')}`)
  const home = new Map(pages.flatMap(([path, , entries]) => entries.map(({ name }) => [name, path])))
  const checker = program.getTypeChecker()
  return Object.fromEntries(pages.map(([path, page, entries]) => {
    const hidden = hiddenEntries(entries, new Set(home.keys()), checker)
    const own = new Map([...hidden.map(({ name }) => [name, path] as const), ...home])
    const added = page.entries.some(([file]) => file === FASTIFY) ? `## What it adds to Fastify\n\n\`\`\`ts\n${augmentation(program)}\n\`\`\`\n` : undefined
    return [path, write(path, page, entries, { hidden, added, home: own })]
  }))
}

// What the declarations name and nobody can import: without it they could not be read.
function hiddenEntries (entries: readonly Entry[], exported: ReadonlySet<string>, checker: ts.TypeChecker): Entry[] {
  const found = new Map<ts.Symbol, Entry>()
  const pending = entries.flatMap(({ refers }) => refers)
  for (let symbol = pending.pop(); symbol !== undefined; symbol = pending.pop()) {
    if (found.has(symbol) || exported.has(symbol.name) || !symbol.declarations?.every((declaration) => declaration.getSourceFile().fileName.startsWith(dist))) continue
    if (symbol.declarations.every((declaration) => ts.isTypeParameterDeclaration(declaration) || ts.isSourceFile(declaration))) continue
    const entry = entryOf(symbol, symbol.name, '', checker)
    found.set(symbol, entry)
    pending.push(...entry.refers)
  }
  return byName([...found.values()])
}

function augmentation (program: ts.Program): string {
  const module = program.getSourceFile(dist + FASTIFY)!.statements.find((statement) => ts.isModuleDeclaration(statement) && statement.name.text === 'fastify')
  return codeOf(module!)
}

function entriesOf (program: ts.Program, page: Page): Entry[] {
  const checker = program.getTypeChecker()
  const found = new Map<string, Entry>()
  for (const [file, from] of page.entries) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(dist + file)!)!
    for (const exported of checker.getExportsOfModule(module)) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
      const entry = entryOf(symbol, exported.name, from, checker)
      if (entry.name !== 'default' && page.has(entry.file) && !found.has(entry.name)) found.set(entry.name, entry)
    }
  }
  return byName([...found.values()])
}

function entryOf (symbol: ts.Symbol, name: string, from: string, checker: ts.TypeChecker): Entry {
  const declarations = [...new Set((symbol.declarations ?? []).map(wholeOf))]
  const file = declarations[0]?.getSourceFile().fileName.replace(dist, '') ?? ''
  const refers = declarations.flatMap((declaration) => typesIn(declaration, checker))
  return { name, file, from, doc: docOf(symbol, checker), code: declarations.map(codeOf).join('\n'), refers }
}

function byName (entries: Entry[]): Entry[] {
  return entries.sort((a, b) => a.name < b.name ? -1 : 1)
}

// A variable is declared by a statement two levels up.
function wholeOf (declaration: ts.Declaration): ts.Node {
  return ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration
}

function codeOf (node: ts.Node): string {
  return node.getText().replace(/^(?:export )?(?:declare (?!module))?/, '').replace(/^ *#private;\n|^ *private [^;]*;\n/gm, '').replace(/^( +)/gm, (indent) => ' '.repeat(indent.length / 2))
}

function typesIn (node: ts.Node, checker: ts.TypeChecker): ts.Symbol[] {
  const types: ts.Symbol[] = []
  const visit = (child: ts.Node): void => {
    if (ts.isIdentifier(child) && (ts.isTypeReferenceNode(child.parent) || ts.isExpressionWithTypeArguments(child.parent) || ts.isTypeQueryNode(child.parent))) {
      const symbol = checker.getSymbolAtLocation(child)
      if (symbol !== undefined) types.push(symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol)
    }
    ts.forEachChild(child, visit)
  }
  visit(node)
  return types
}

function docOf (symbol: ts.Symbol, checker: ts.TypeChecker): string {
  const text = ts.displayPartsToString(symbol.getDocumentationComment(checker))
  const tags = symbol.getJsDocTags().map(({ name, text }) => {
    const words = ts.displayPartsToString(text).replace(/\s+/g, ' ')
    const [, parameter = '', rest = ''] = /^(\S+)\s+(.*)$/.exec(words) ?? []
    return name === 'param' ? `- \`${parameter}\`: ${rest.replace(/^- /, '')}` : `- ${name}: ${words}`
  })
  return [text.replaceAll('\n', ' ').replace(/ {2,}/g, '\n\n'), tags.join('\n')].filter((part) => part !== '').join('\n\n')
}

interface Around { hidden: readonly Entry[], added: string | undefined, home: ReadonlyMap<string, string> }

function write (path: string, { title, intro, entries, sections }: Page, all: readonly Entry[], { hidden, added, home }: Around): string {
  const up = '../'.repeat(path.split('/').length - 1)
  const parts = [`# ${title}\n\n[README](${up}README.md)\n\n${intro}\n\nMade by \`npm run docs\` from the docstrings.\n`]
  const sectionOf = ({ file }: Entry) => sections.find(([folder]) => file.startsWith(folder))?.[1]
  const groups = [...new Set(sections.map(([, title]) => title))].map((title) => [title, all.filter((entry) => sectionOf(entry) === title)] as const)
  if (added !== undefined) parts.push(added)
  for (const [title, group] of [...groups, ['Named above, and not exported', hidden] as const]) {
    if (group.length === 0) continue
    parts.push(`## ${title}\n`)
    for (const { name, from, doc, code, refers } of group) {
      const names = new Set(refers.map((symbol) => symbol.name))
      const others = [...names].filter((other) => other !== name && home.has(other)).map((other) => linkTo(other, path, home.get(other)!))
      const source = from !== '' && from !== entries.at(-1)![1] ? `From \`${from}\`.` : ''
      const see = others.length === 0 ? '' : `See ${others.join(', ')}.`
      parts.push([`### ${name}`, source, doc, `\`\`\`ts\n${code}\n\`\`\``, see].filter((part) => part !== '').join('\n\n') + '\n')
    }
  }
  return parts.join('\n')
}

function linkTo (name: string, from: string, to: string): string {
  const page = from === to ? '' : '../'.repeat(from.split('/').length - 1) + to
  return `[${name}](${page}#${name.toLowerCase()})`
}
