import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { on, once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'

/** A server program that runs beside the test. */
export interface Program {
  /** What it has printed so far. */
  readonly output: string
  pid: number
  /** Sends a signal and resolves to the exit code. */
  stop (signal: NodeJS.Signals): Promise<number | null>
}

/**
 * The environment of a program that tsx compiles, without coverage, which tap counts in child processes too. The lines of tsx are not
 * those of tap, and what it ran would hide what no test has, or the other way round.
 */
export function plainEnvironment (): NodeJS.ProcessEnv {
  return { ...process.env, _TAPJS_PROCESSINFO_COVERAGE_: '0' }
}

/** Starts a program and waits until its output holds a text. Fails with its output when it ends before. */
export async function startProgram (command: readonly string[], options: { cwd: string, env?: Record<string, string>, ready: string }): Promise<Program> {
  const [file = '', ...args] = command
  const child = spawn(file, args, { cwd: options.cwd, env: { ...plainEnvironment(), ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = await outputUntil(child, options.ready)
  return {
    get output () { return output() },
    pid: child.pid!,
    async stop (signal) {
      child.kill(signal)
      const [code] = await once(child, 'exit')
      return code
    }
  }
}

/**
 * Runs the command line of the package as a process of its own.
 *
 * @returns its exit status, and what it has written
 */
export async function runCommandLine (args: readonly string[], env: Record<string, string> = {}): Promise<{ code: number | null, stdout: string, stderr: string }> {
  const program = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', program, ...args], { env: { ...plainEnvironment(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => { output.stdout += chunk })
  child.stderr.on('data', (chunk) => { output.stderr += chunk })
  const [code] = await once(child, 'close') as [number | null]
  return { code, ...output }
}

/** A port that nothing listens on. */
export async function freePort (): Promise<number> {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function outputUntil (child: ChildProcess, text: string): Promise<() => string> {
  return new Promise((resolve, reject) => {
    let output = ''
    const collect = (chunk: Buffer) => {
      output += chunk.toString()
      if (output.includes(text)) resolve(() => output)
    }
    child.stdout?.on('data', collect)
    child.stderr?.on('data', collect)
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`The program ended with ${code} before it was ready:\n${output}`)))
  })
}

/** The next message of a child process that tsx compiles. tsx tells what it loads in messages of its own, and tap of its time limit. */
export async function messageFrom (child: ChildProcess): Promise<unknown> {
  for await (const [message] of on(child, 'message')) {
    const { type, setTimeout: limit } = message as { type?: string, setTimeout?: number }
    if (type !== 'dependency' && limit === undefined) return message
  }
  return undefined
}
