// The page for those who come from release 0.1.0 names every export that is not where it was.
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import { exportsOf } from '../support/exports-of.ts'
import { RELEASE_010 } from '../support/exports-0.1.0.ts'
import { pageText } from '../support/pages.ts'

const namesOf = (file: string) => [...exportsOf(fileURLToPath(new URL(`../../${file}`, import.meta.url))).keys()]
const ENTRIES: Readonly<Record<string, readonly string[]>> = {
  '.': namesOf('plugin/index.ts'),
  '/adapter': namesOf('src/adapter.ts'),
  '/stores/contract': namesOf('src/stores/contract.ts'),
  './schemas': namesOf('schemas/index.ts'),
  './stores/sqlite': namesOf('src/stores/sqlite.ts'),
  './stores/postgres': namesOf('src/stores/postgres.ts'),
  './stores/redis': namesOf('src/stores/redis.ts')
}

const [, table = ''] = pageText('example/migrating.md').split('### Moved exports\n')
const rows = [...table.matchAll(/^\| `(\w+)` \| (.+) \|$/gm)].map(([, name = '', now = '']) => [name, now] as const)

test('the page lists every export of 0.1.0 that was renamed, moved or removed, once, and no other', async (t) => {
  const moved = RELEASE_010['.']!.filter((name) => !ENTRIES['.']!.includes(name))
  t.strictSame(rows.map(([name]) => name).sort(), [...moved].sort())
})

// Of TypeScript and the platform.
const GIVEN = ['Parameters', 'ConstructorParameters', 'NonNullable', 'fetch']

test('what the page names instead is exported there', async (t) => {
  for (const [name, now] of rows) {
    // A name or an expression, and the entry behind it: "`Guard`", "`Parameters<Guard>[1]`, of `/adapter`".
    const [, code = '', entry = '.'] = /^`([^`]+)`(?:,? of `(\/[\w/]+)`)?/.exec(now) ?? []
    for (const [word] of code.matchAll(/^\w+$|(?<=typeof )\w+|\b[A-Z]\w+/g)) {
      t.ok(GIVEN.includes(word) || ENTRIES[entry]!.includes(word) || (code !== word && ENTRIES['.']!.includes(word)), `${name}: ${word}`)
    }
  }
})

test('every other entry point has what it had', async (t) => {
  for (const [entry, names] of Object.entries(RELEASE_010).filter(([entry]) => entry !== '.')) {
    t.strictSame(names.filter((name) => !ENTRIES[entry]!.includes(name)), [], entry)
  }
})
