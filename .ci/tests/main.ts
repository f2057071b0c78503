// npm test: runs test files, several at a time, each in a process of its own, and prints a line for each.
//   node --import tsx .ci/tests/main.ts [--tier=fast|full|all] [--skip=REGEXP] [--jobs=N] [FILE...]
// A file whose name ends in .full.test.ts is of the full tier only.
import { readdirSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { prepareServers } from './prepare-servers.ts'
import { runFile } from './run-file.ts'
import type { FileResult } from './run-file.ts'

const TIERS: Record<string, (file: string) => boolean> = {
  fast: (file) => !file.endsWith('.full.test.ts'),
  full: (file) => file.endsWith('.full.test.ts'),
  all: () => true
}
const SLOWEST = 10

const { values: { tier, skip, jobs }, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tier: { type: 'string', default: 'fast' },
    skip: { type: 'string' },
    // Tests wait for servers and timers: with one file more than there are cores, all cores are busy.
    jobs: { type: 'string', default: String(availableParallelism() + 1) }
  }
})

function testFiles (): string[] {
  const isOfTier = TIERS[tier]
  if (isOfTier === undefined) throw new Error(`--tier is one of ${Object.keys(TIERS).join(', ')}`)
  const isLeftOut = skip === undefined ? () => false : (file: string) => new RegExp(skip).test(file)
  const files = readdirSync('test', { recursive: true, encoding: 'utf8' }).map((name) => `test/${name}`)
  return files.filter((file) => file.endsWith('.test.ts') && isOfTier(file) && !isLeftOut(file))
}

async function runAll (files: readonly string[]): Promise<FileResult[]> {
  const results: FileResult[] = []
  // The largest first, so that at the end no core waits for a long one.
  const waiting = files.toSorted((a, b) => statSync(b).size - statSync(a).size)
  await Promise.all(Array.from({ length: Number(jobs) }, async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const result = await runFile(file)
      results.push(result)
      console.log(`${result.failed === 0 ? 'ok    ' : 'FAILED'} ${seconds(result)} ${String(result.passed).padStart(6)} passed  ${file}`)
      if (result.failed !== 0) console.log(result.failures)
    }
  }))
  return results
}

const seconds = (result: FileResult) => `${(result.milliseconds / 1000).toFixed(1).padStart(6)} s`
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)

const files = positionals.length > 0 ? positionals : testFiles()
// A file that is run alone installs what it needs itself.
if (positionals.length === 0) prepareServers()
const start = performance.now()
console.log(`Running ${files.length} test files, ${jobs} at a time.`)
const results = await runAll(files)

if (files.length > SLOWEST) {
  console.log(`\nThe slowest (all files: ${((performance.now() - start) / 1000).toFixed(0)} s):`)
  const slowest = results.toSorted((a, b) => b.milliseconds - a.milliseconds).slice(0, SLOWEST)
  for (const result of slowest) console.log(`${seconds(result)}  ${result.file}`)
}
const failedFiles = results.filter(({ failed }) => failed !== 0).map(({ file }) => file)
if (failedFiles.length > 0) console.log(`\nFailed: ${failedFiles.join(' ')}`)
const [passed, skipped, failed] = (['passed', 'skipped', 'failed'] as const).map((key) => sum(results.map((result) => result[key])))
if (skipped !== 0) console.log(`\n${skipped} skipped`)
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed !== 0 ? 0 : 1
