// What an operation is done with.
import type { IssuedToken } from './ledger.ts'
import type { Random } from './random.ts'
import type { RunContext } from './run-context.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import { EPOCH } from './world.ts'

/** The authorization servers that are not dead: to one that is suspended, requests are sent all the same. */
export function runningServers (run: RunContext): SimulatedProcess[] {
  return run.processes.filter(({ kind, host }) => kind === 'server' && host.state !== 'dead')
}

/** A token that has not expired for long: mostly one of the last. */
export function pickToken (run: RunContext, random: Random): IssuedToken | undefined {
  const seconds = (EPOCH + run.world.now) / 1000
  const tokens = run.ledger.tokens.filter(({ exp }) => exp + 2 * run.config.clockTolerance > seconds)
  return random.chance(0.6) ? random.pick(tokens.slice(-4)) : random.pick(tokens)
}
