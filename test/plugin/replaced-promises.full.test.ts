// Guards under every replacement of the global Promise, under Fastify and NestJS. MATRIX=full tries all combinations.
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import type { Report } from '../guard-matrix/cells.ts'
import { REPLACEMENTS } from '../guard-matrix/promises.ts'
import { runAside } from '../support/run-aside.ts'

test('RFC 6750 §3: with the global Promise replaced, under Fastify and Nest, no handler runs without a decision, and each valid request runs it once', async (t) => {
  const program = fileURLToPath(new URL('../guard-matrix/main.ts', import.meta.url))
  const size = process.env.MATRIX ?? 'diagonal'
  await Promise.all(Object.keys(REPLACEMENTS).map(async (name) => {
    const report = JSON.parse(await runAside(process.execPath, ['--import', 'tsx', program, name, size], process.cwd())) as Report
    t.strictSame(report.faults, [], name)
    t.ok(report.cells >= 24 && report.refused >= 10 * report.cells && report.accepted >= 3 * report.cells, `${name}: all was tried`)
  }))
})
