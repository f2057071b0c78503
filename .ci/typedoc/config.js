// The reference of what the package exports, a page per symbol: npm run docs writes it to dist/docs.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const pathOf = (name) => fileURLToPath(new URL(`../../${name}`, import.meta.url))
const { exports } = JSON.parse(readFileSync(pathOf('package.json'), 'utf8'))
const entries = Object.values(exports).flatMap(({ types }) => types ?? [])

export default {
  name: 'fastify-client-credentials',
  entryPoints: entries.map((types) => pathOf(types.replace('./dist/', '').replace('.d.ts', '.ts'))),
  tsconfig: pathOf('.ci/tsconfig.build.json'),
  plugin: ['typedoc-plugin-missing-exports', new URL('topics.js', import.meta.url).href],
  // Types that an exported declaration names, such as options, have a page too.
  placeInternalsInOwningModule: true,
  out: pathOf('dist/docs'),
  readme: 'none',
  githubPages: false,
  disableSources: true,
  excludeInternal: true,
  excludePrivate: true,
  excludeExternals: true,
  categorizeByGroup: false,
  navigation: { includeCategories: true, includeGroups: false },
  validation: { notExported: false, invalidLink: true, invalidPath: true, notDocumented: false },
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true
}
