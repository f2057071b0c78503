// The test kit under other test runners: the first test of its page, with the imports and the assertions of each.
import { existsSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { writePrograms } from '../../test/support/page-programs.ts'
import { runAside } from '../../test/support/run-aside.ts'

const folder = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))
const expecting = (imports: string) => (text: string) => text
  .replace("import assert from 'node:assert/strict'\n", '')
  .replace("import { test } from 'node:test'", imports)
  .replace(/assert\.equal\((.*), (\d+)\)$/gm, 'expect($1).toBe($2)')

const RUNNERS: Record<string, { change: (text: string) => string, command: (bin: string) => string[] }> = {
  tap: {
    change: (text) => text.replace("import assert from 'node:assert/strict'\n", '').replace("import { test } from 'node:test'", "import t from 'tap'")
      .replace(/^test\((.*), async \(\) =>/gm, 't.test($1, async (t) =>').replaceAll('assert.equal', 't.equal'),
    command: () => [join(root, 'node_modules/.bin/tap'), '--disable-coverage', '--allow-incomplete-coverage', 'app.test.js']
  },
  vitest: {
    change: expecting("import { expect, test } from 'vitest'"),
    command: (bin) => [join(bin, 'vitest'), 'run', '--dir', '.', 'app.test.js']
  },
  jest: {
    change: expecting("import { expect, test } from '@jest/globals'"),
    // Before Node.js 24.9, jest cannot load the ES modules that a dependency of Fastify requires.
    command: (bin) => ['npm', 'exec', '--yes', '--package=node@24', '--', 'node', '--experimental-vm-modules', join(bin, '../jest/bin/jest.js'), '--rootDir', '.', '--testMatch', '**/app.test.js']
  }
}

for (const [name, { change, command }] of Object.entries(RUNNERS)) {
  t.test(`the test kit under ${name}`, async (t) => {
    const programs = writePrograms('example/testing.md', `testing-${name}`, change)
    t.teardown(() => { rmSync(programs, { recursive: true, force: true }) })
    // Where the runners are found by the name that the test imports.
    const modules = join(programs, 'node_modules')
    if (!existsSync(modules)) symlinkSync(join(folder, 'node_modules'), modules)
    const [file, ...args] = command(join(folder, 'node_modules/.bin')) as [string, ...string[]]
    await t.resolves(runAside(file, args, programs))
  })
}
