import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startProgram } from './program.ts'
import type { Program } from './program.ts'

/** A database server on a port and in a folder of its own, which may go down and come up again. */
export interface Server {
  /** Where a client connects to. The same after a restart. */
  url: string
  port: number
  /** Shuts the server down in good order. Does nothing when it is down. */
  stop (): Promise<void>
  /** Starts it again, on the same port. Does nothing when it is up. */
  start (): Promise<void>
  /** Sends a signal. Resolves when the server has ended, or at once for SIGSTOP, which makes it hang, and SIGCONT. */
  kill (signal: NodeJS.Signals): Promise<void>
  /** Ends the server and removes its folder. */
  close (): Promise<void>
}

/** How a server is run. */
export interface ServerPlan {
  /** Makes the folder ready for the first start. */
  prepare? (folder: string): Promise<void>
  command (folder: string, port: number): readonly string[]
  /** What it prints when it takes connections. */
  ready: string
  /** The signal that shuts it down without waiting for its clients. */
  stopSignal: NodeJS.Signals
  url (port: number): string
}

// A test that is ended from outside closes nothing.
const LEASH = process.platform === 'linux' ? ['setpriv', '--pdeathsig', 'KILL'] : []

/** Starts a server. Who calls this closes it; on Linux, the end of this process ends it too. */
export async function runServer (plan: ServerPlan): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'fastify-client-credentials-'))
  const port = await quietPort()
  let program: Program | undefined
  const end = async (signal: NodeJS.Signals) => {
    const ending = program
    program = undefined
    await ending?.stop(signal)
  }
  const start = async () => {
    program ??= await startProgram([...LEASH, ...plan.command(folder, port)], { cwd: folder, ready: plan.ready })
  }
  const close = async () => {
    // A server that hangs takes no other signal.
    if (program !== undefined) process.kill(program.pid, 'SIGCONT')
    await end(plan.stopSignal)
    await rm(folder, { recursive: true, force: true, maxRetries: 10 })
  }
  try {
    await plan.prepare?.(folder)
    await start()
  } catch (error) {
    await close()
    throw error
  }
  return {
    url: plan.url(port),
    port,
    start,
    close,
    stop: () => end(plan.stopSignal),
    async kill (signal) {
      if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await end(signal)
      else if (program !== undefined) process.kill(program.pid, signal)
    }
  }
}

// Below the ports that systems give to outgoing connections: while the server is down, nobody else gets its port, and
// no client that tries again connects to itself. The same goes for the second port of a cluster's node, 10000 higher.
async function quietPort (): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 12_000)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, () => resolve(true))
    })
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}
