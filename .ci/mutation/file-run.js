// Runs tests of a test file in a process of their own, which ends with them.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const HOOK = './.ci/mutation/subtests.js'
const SERVER = './.ci/mutation/serve.js'
let folder

// For what tests leave behind that are ended from outside.
function ownFolder () {
  if (folder === undefined) {
    folder = mkdtempSync(join(tmpdir(), 'mutation-'))
    // A database server may be another user's.
    chmodSync(folder, 0o755)
  }
  return folder
}

/** Removes what the tests have left behind. */
export function removeFolder () {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
}

/** Starts a test file under the hook, in a group of processes of its own. */
export function startFile (file, run, env, stdio) {
  // Its tests start the command line from its source.
  const options = file.includes('/cli.') ? ['--import', 'tsx'] : []
  return spawn(process.execPath, [...options, '--import', HOOK, ...(run.isServed ? [SERVER] : []), file], { detached: true, stdio, env: { ...process.env, TMPDIR: ownFolder(), ...env, MUTATION_RUN: JSON.stringify(run) } })
}

/** Ends a process with those that it has started. */
export function killGroup ({ pid }) {
  try { process.kill(-pid, 'SIGKILL') } catch {}
}

/** @param limit milliseconds */
export async function runFile (file, { only, hitLimit, mutant }, limit) {
  const report = join(ownFolder(), 'report.json')
  rmSync(report, { force: true })
  const begun = performance.now()
  const env = mutant === undefined ? { TAP_TIMEOUT: '300' } : { __STRYKER_ACTIVE_MUTANT__: mutant, TAP_BAIL: '1' }
  const child = startFile(file, { only, report, hitLimit }, env, ['ignore', 'pipe', 'pipe'])
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { output = (output + chunk).slice(-2000) })
  let isLate = false
  const timer = setTimeout(() => { isLate = true; killGroup(child) }, limit)
  const [code] = await once(child, 'exit')
  clearTimeout(timer)
  killGroup(child)
  const told = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {}
  return { tests: [], ...told, code: code ?? 1, isLate, output, time: performance.now() - begun }
}
