import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'
import * as plugin from '../plugin/index.ts'
import { exportsOf } from './support/exports-of.ts'
import type { Kind } from './support/exports-of.ts'
import { ADAPTER, CLIENT, CLIENT_PLUGIN, CONTRACT, CORE, PLUGIN, SCHEMAS, TESTING } from './support/exports.ts'
import type { Surface } from './support/exports.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const filesOf = (folder: string) => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => posix.join(folder, name))
const textOf = (file: string) => readFileSync(join(root, file), 'utf8')

/** What a file imports: paths from the root for files of ours, names for packages. */
const importsOf = (file: string) => ts.preProcessFile(textOf(file), true, true).importedFiles
  .map(({ fileName }) => fileName.startsWith('.') ? posix.join(posix.dirname(file), fileName) : fileName)

const layers = { src: filesOf('src'), plugin: filesOf('plugin'), schemas: filesOf('schemas') }
const all = Object.values(layers).flat()

const CORE_DEPENDENCIES = ['fast-querystring', 'ipaddr.js', 'jose', 'node:crypto', 'node:diagnostics_channel', 'node:dns', 'node:https', 'node:net', 'node:os', 'node:stream', 'node:util', 'node:zlib', 'toad-cache']

// Beyond those of the core. Drivers are loaded by name, when a store is opened.
const CLI_DEPENDENCIES = ['node:fs', 'node:fs/promises', 'node:module', 'node:path', 'node:stream', 'node:url']
// The test kit listens on loopback.
const TESTING_DEPENDENCIES = ['node:http']
const isTesting = (file: string) => file.startsWith('src/testing/')
// The client library runs without the server.
const CLIENT_DEPENDENCIES = ['node:crypto', 'node:diagnostics_channel', 'node:fs/promises', 'oauth4webapi', 'undici']
const isClient = (file: string) => file.startsWith('src/client/')
const isCli = (file: string) => file.startsWith('src/cli/')

t.test('the core imports nothing of Fastify, of the plugin and of the schemas', async (t) => {
  for (const file of layers.src) {
    const allowed = isClient(file) ? CLIENT_DEPENDENCIES : isCli(file) ? [...CORE_DEPENDENCIES, ...CLI_DEPENDENCIES] : isTesting(file) ? [...CORE_DEPENDENCIES, ...TESTING_DEPENDENCIES] : CORE_DEPENDENCIES
    const foreign = importsOf(file).filter((name) => !name.startsWith('src/') && !allowed.includes(name))
    t.strictSame(foreign, [], file)
  }
})

t.test('the core reads the clock in one place, and the process in the command line alone', async (t) => {
  for (const file of layers.src) {
    if (file !== 'src/lib/clock.ts') t.notMatch(textOf(file), /Date\.now|new Date\(\)/, file)
    if (file !== 'src/cli/main.ts') t.notMatch(textOf(file), /\bprocess\.\w|= process\b|node:process/, file)
  }
})

// The layers: what the files of a folder may import beside each other, types included. `contracts` is src/stores/contracts/.
// A deeper folder of the table has rules of its own.
const LAYERS: Record<string, string> = {
  'src/lib': '',
  'src/errors': 'lib',
  'src/options': 'lib errors',
  'src/stores/contracts': 'lib options',
  'src/jws': 'lib options',
  'src/http': 'lib errors options',
  'src/events': 'lib errors contracts',
  'src/stores': 'lib errors options contracts',
  'src/throttle': 'lib errors options contracts',
  'src/entries': 'lib errors events contracts',
  'src/token-type': 'lib errors options http jws contracts',
  'src/signing-keys': 'lib errors options events jws entries contracts',
  'src/http-client': 'lib errors options events http jws',
  'src/observability': 'lib options events',
  'src/client-auth': 'lib errors options http events jws entries http-client throttle contracts',
  'src/access-token': 'lib errors options http events jws entries http-client token-type signing-keys client-auth contracts',
  'src/client-registry': 'lib errors options http events jws entries client-auth contracts',
  'src/resource-server': 'lib errors options http events token-type access-token',
  'src/endpoints': 'lib errors options http events jws token-type client-auth access-token',
  'src/flow': 'lib errors options http events entries throttle token-type signing-keys client-auth access-token resource-server endpoints contracts',
  'src/client': 'lib errors options/nearest-name.ts',
  'src/testing': 'index.ts adapter.ts lib',
  'src/cli': 'index.ts adapter.ts stores options lib errors'
}

const rulesOf = (file: string) => Object.keys(LAYERS).filter((folder) => file.startsWith(`${folder}/`)).sort((a, b) => b.length - a.length)[0]
const placeOf = (name: string) => name === 'contracts' ? 'src/stores/contracts/' : name.endsWith('.ts') ? `src/${name}` : `src/${name}/`

t.test('every folder imports only what is below it', async (t) => {
  for (const file of layers.src.filter((name) => name.split('/').length > 2)) {
    const folder = rulesOf(file)
    if (folder === undefined) {
      t.fail(`${file} is in a folder that the layers do not know`)
      continue
    }
    const allowed = [`${folder}/`, ...LAYERS[folder]!.split(' ').filter(Boolean).map(placeOf)]
    const upwards = importsOf(file).filter((name) => name.startsWith('src/') && !allowed.some((place) => name.startsWith(place)))
    t.strictSame(upwards, [], file)
  }
  for (const folder of Object.keys(LAYERS)) t.ok(layers.src.some((file) => rulesOf(file) === folder), folder)
})

t.test('the root of src has the entry points alone', async (t) => {
  t.strictSame(layers.src.filter((name) => name.split('/').length === 2), ['src/adapter.ts', 'src/index.ts'])
})

t.test('the contracts of the stores take types only', async (t) => {
  const contracts = layers.src.filter((name) => name.startsWith('src/stores/contracts/') && name !== 'src/stores/contracts/option-rules.ts')
  for (const file of contracts) t.notMatch(textOf(file), /^import (?!type )/m, file)
})

t.test('only the entry points and the command line import a store', async (t) => {
  const isPublic = (name: string) => name.startsWith('src/stores/contracts/')
  for (const file of layers.src.filter((name) => !name.startsWith('src/stores/') && name !== 'src/index.ts' && !isCli(name))) {
    t.strictSame(importsOf(file).filter((name) => name.startsWith('src/stores/') && !isPublic(name)), [], file)
  }
})

t.test('nothing imports the command line and the test kit but themselves', async (t) => {
  for (const file of all) if (!isCli(file)) t.strictSame(importsOf(file).filter(isCli), [], file)
  for (const file of all) if (!isTesting(file)) t.strictSame(importsOf(file).filter(isTesting), [], file)
})

t.test('nothing imports the client library but itself and its plugin', async (t) => {
  for (const file of all) {
    const found = importsOf(file).filter(isClient)
    if (!isClient(file)) t.strictSame(found.filter((name) => file !== 'plugin/client/index.ts' || name !== 'src/client/index.ts'), [], file)
  }
})

t.test('the plugin reaches the core and the schemas through their entry points only', async (t) => {
  for (const file of layers.plugin) {
    const inside = importsOf(file).filter((name) => /^(?:src|schemas|test|example)\//.test(name))
    const allowed = file === 'plugin/client/index.ts' ? ['src/client/index.ts'] : ['src/index.ts', 'src/adapter.ts', 'schemas/index.ts']
    t.strictSame(inside.filter((name) => !allowed.includes(name)), [], file)
  }
})

t.test('the schemas import nothing but each other and the fields of a client', async (t) => {
  const isAllowed = (name: string) => name.startsWith('schemas/') || name === 'src/client-registry/client-fields.ts'
  for (const file of layers.schemas) t.strictSame(importsOf(file).filter((name) => !isAllowed(name)), [], file)
})

t.test('no import goes round in a circle, types included', async (t) => {
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    t.notOk(path.includes(file), [...path, file].join(' -> '))
    if (done.has(file) || path.includes(file)) return
    for (const imported of importsOf(file)) if (all.includes(imported)) visit(imported, [...path, file])
    done.add(file)
  }
  for (const file of all) visit(file, [])
})

t.test('no file is longer than 300 lines', async (t) => {
  for (const file of all) t.ok(textOf(file).split('\n').length <= 300, file)
})

// How many names there may be, in the application API: all of them, and those that are values.
const MOST_NAMES = 80
const MOST_VALUES = 50

const SURFACES: Readonly<Record<string, Surface>> = {
  'plugin/index.ts': { values: [...CORE.values, ...PLUGIN.values], types: [...CORE.types, ...PLUGIN.types] },
  'src/index.ts': CORE,
  'src/adapter.ts': ADAPTER,
  'src/client/index.ts': CLIENT,
  'plugin/client/index.ts': CLIENT_PLUGIN,
  'src/stores/contract.ts': CONTRACT,
  'src/stores/sqlite.ts': { values: ['sqliteStore'], types: ['Migrated', 'SqlStore', 'SqlStoreOptions', 'SqliteHandle', 'SqliteStatement'] },
  'src/stores/postgres.ts': { values: ['postgresStore'], types: ['Migrated', 'PostgresClient', 'PostgresPool', 'PostgresQuery', 'PostgresStoreOptions', 'SqlStore', 'SqlStoreOptions'] },
  'src/stores/redis.ts': { values: ['RedisStore', 'redisStore'], types: ['RedisClient', 'RedisStoreOptions'] },
  'src/testing/index.ts': TESTING,
  'schemas/index.ts': SCHEMAS
}

t.test('the entry points export exactly what they mean to', async (t) => {
  for (const [file, { values, types }] of Object.entries(SURFACES)) {
    const found = [...exportsOf(join(root, file))]
    const namesOf = (kind: Kind) => found.filter(([, other]) => other === kind).map(([name]) => name).sort()
    t.strictSame(namesOf('value'), [...values].sort(), file)
    t.strictSame(namesOf('type'), [...types].sort(), `${file}, types`)
    // The test of the test: what the source says is what is there.
    t.strictSame(Object.keys(await import(`../${file}`)).sort(), namesOf('value'), `${file} at run time`)
  }
  t.equal(plugin.default, plugin.clientCredentialsPlugin)
})

t.test('the application API stays small', async (t) => {
  const { values, types } = SURFACES['plugin/index.ts']!
  t.ok(values.length + types.length <= MOST_NAMES, `${values.length + types.length} names`)
  t.ok(values.length <= MOST_VALUES, `${values.length} values`)
})

t.test('the entry points of the core are re-exports only', async (t) => {
  for (const file of ['src/index.ts', 'src/adapter.ts', 'src/stores/contract.ts']) {
    const { statements } = ts.createSourceFile(file, textOf(file), ts.ScriptTarget.ES2023)
    t.ok(statements.every((statement) => ts.isExportDeclaration(statement)), file)
  }
})
