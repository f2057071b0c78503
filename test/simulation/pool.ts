// Runs many seeds in as many processes as there are cores.
import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Report } from './report.ts'

export interface Failure { readonly seed: number, readonly rule: string, readonly message: string }

export interface SeedsResult {
  readonly report: Report
  readonly failures: readonly Failure[]
  /** Of CPU, for each seed. */
  readonly milliseconds: number
}

/** What a process has found. */
export interface Output { report: ReturnType<Report['toJSON']>, failures: Failure[], milliseconds: { cpu: number } }

// So many seeds a process runs: then another one goes on, and none grows.
const SHARE = 1000
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Runs the seeds from one number on. @param options.onFailure is called with each that fails, in any order */
export async function runSeeds (from: number, count: number, { onFailure = () => {} }: { onFailure?: (failure: Failure) => void } = {}): Promise<SeedsResult> {
  const report = new Report()
  const failures: Failure[] = []
  let cpu = 0
  const workers = availableParallelism()
  const share = Math.max(1, Math.min(SHARE, Math.ceil(count / workers)))
  let next = from
  const work = async (): Promise<void> => {
    while (next < from + count) {
      const begin = next
      next += share
      const output = await runShare(ROOT, ['--from', String(begin), '--count', String(Math.min(share, from + count - begin))])
      report.merge(output.report)
      failures.push(...output.failures)
      output.failures.forEach(onFailure)
      cpu += output.milliseconds.cpu
    }
  }
  await Promise.all(Array.from({ length: workers }, work))
  return { report, failures: failures.sort((a, b) => a.seed - b.seed), milliseconds: cpu / count }
}

/** Runs one command line of `main.ts`. @param directory where the code is that is simulated */
export async function runShare (directory: string, args: readonly string[]): Promise<Output> {
  return await new Promise((resolve, reject) => {
    execFile(process.execPath, ['--import', 'tsx', 'test/simulation/main.ts', '--json', ...args], { cwd: directory, maxBuffer: 1e8 }, (error, stdout, stderr) => {
      try {
        resolve(JSON.parse(stdout) as Output)
      } catch {
        reject(new Error(`The simulation has failed: ${stderr.slice(0, 2000)}`, { cause: error }))
      }
    })
  })
}

/** Runs the plans that have failed once. @returns those that fail */
export async function runRegressions (): Promise<readonly Failure[]> {
  return (await runShare(ROOT, ['--regressions'])).failures
}

/** The smallest history that fails as a seed does. */
export async function historyOf (seed: number): Promise<string> {
  return await new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', 'test/simulation/main.ts', '--seed', String(seed), '--shrink'], { cwd: ROOT, maxBuffer: 1e8 }, (_error, stdout) => { resolve(stdout) })
  })
}
