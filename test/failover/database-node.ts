import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { startProgram } from '../support/program.ts'
import type { Program } from '../support/program.ts'

/** Who PostgreSQL runs as, which refuses to run as root. Its package brings a user. Undefined where this process is not root. */
export interface User { readonly uid: number, readonly gid: number }

export function plainUser (): User | undefined {
  if (process.getuid?.() !== 0) return undefined
  const idOf = (option: string) => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }))
  return { uid: idOf('-u'), gid: idOf('-g') }
}

/** The beginning of a command line that ends with this process, and runs as another user. */
export function leash (user?: User): string[] {
  const change = user === undefined ? [] : [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups']
  return ['setpriv', ...change, '--pdeathsig', 'KILL']
}

/** A database server as a process. */
export class DatabaseNode {
  readonly #program: Program

  private constructor (program: Program) {
    this.#program = program
  }

  static async start (command: readonly string[], options: { cwd: string, ready: string }): Promise<DatabaseNode> {
    return new DatabaseNode(await startProgram(command, options))
  }

  /** Kills the server and its child processes, none of which can answer anything any more. */
  async kill (): Promise<void> {
    const { pid } = this.#program
    process.kill(pid, 'SIGSTOP')
    for (const child of childrenOf(pid)) signal(child, 'SIGKILL')
    await this.#program.stop('SIGKILL')
  }

  async stop (name: NodeJS.Signals): Promise<void> {
    await this.#program.stop(name)
  }
}

function childrenOf (pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}

function signal (pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended by itself.
  }
}

/** A port below those that systems give to outgoing connections: nobody else gets it while the server is down. */
export async function quietPort (): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 12_000)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => { resolve(false) }).listen(port, '127.0.0.1', () => { resolve(true) })
    })
    if (!isFree) continue
    await new Promise((resolve) => { server.close(resolve) })
    return port
  }
}
