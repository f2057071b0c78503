import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { plainEnvironment } from './program.ts'

/**
 * Runs a program while the servers of this process go on answering.
 *
 * @returns what it has printed
 * @throws Error with what it has printed to stderr, when its status is not 0
 */
export async function runAside (file: string, args: readonly string[], cwd: string, env: Record<string, string> = {}): Promise<string> {
  const child = spawn(file, args, { cwd, env: { ...plainEnvironment(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), new Promise((resolve) => { child.once('close', resolve) })])
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${String(code)}: ${errors}${output}`)
  return output
}
