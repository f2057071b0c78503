import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { readTap } from './read-tap.ts'

/** The result of one test file. */
export interface FileResult {
  file: string
  milliseconds: number
  passed: number
  skipped: number
  /** Failed assertions, at least 1 if the process failed. */
  failed: number
  /** The output that explains the failures. */
  failures: string
}

// Independent of the working directory of the processes that a test starts with the arguments of its own.
const LOADER = import.meta.resolve('tsx')
const TIMEOUT_SECONDS = '300'
const LAST_LINES = 60

/** Runs one test file in a process of its own. */
export async function runFile (file: string): Promise<FileResult> {
  const start = performance.now()
  const env = { TAP_TIMEOUT: TIMEOUT_SECONDS, ...process.env }
  const child = spawn(process.execPath, ['--import', LOADER, file], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<string>((resolve) => { child.once('close', (code, signal) => resolve(String(signal ?? code))) })
  const [output, errors, status] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  const { passed, skipped, failures } = readTap(output)
  const isBroken = failures.length === 0 && (status !== '0' || passed === 0)
  return {
    file,
    milliseconds: performance.now() - start,
    passed,
    skipped,
    failed: isBroken ? 1 : failures.length,
    failures: isBroken ? `Ended with ${status}\n${lastLines(output)}\n${lastLines(errors)}` : [...failures, lastLines(errors)].join('\n')
  }
}

const lastLines = (output: string) => output.split('\n').slice(-LAST_LINES).join('\n')
