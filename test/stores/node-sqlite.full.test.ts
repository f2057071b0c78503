// The contract of stores over node:sqlite, which Node.js has from 22.13 on: by a Node.js 24 that npm brings.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import { plainEnvironment } from '../support/program.ts'

const SUITE = fileURLToPath(new URL('store.test.ts', import.meta.url))

test('sqliteStore keeps to its contract over node:sqlite of Node.js 24', async (t) => {
  const args = ['exec', '--yes', '--package=node@24', '--', 'node', '--import', 'tsx', SUITE]
  const child = spawn('npm', args, { env: plainEnvironment(), stdio: ['ignore', 'pipe', 'inherit'] })
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  const results = output.split('\n').filter((line) => /^(?:not )?ok .*by node:sqlite /.test(line))
  t.strictSame(results.filter((line) => line.startsWith('not')), [])
  t.ok(results.length > 20, `${results.length} tests ran over node:sqlite`)
  t.equal(code, 0)
})
