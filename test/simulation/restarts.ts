// Processes that end and begin again, perhaps with other options.
import type { SettingsStore } from '../../src/stores/contracts/index.ts'
import type { Random } from './random.ts'
import type { RunContext } from './run-context.ts'
import { SimulatedProcess } from './simulated-process.ts'

const RECOVERY = 3000

/** Starts a process again on its machine. Nothing is left of what it had read. */
export function restart (run: RunContext, before: SimulatedProcess): SimulatedProcess {
  const index = run.processes.indexOf(before)
  if (index < 0) return before
  const after = new SimulatedProcess(run, before.slot, before.kind, { offset: before.offset, countsSuspension: before.host.countsSuspension, incarnation: before.incarnation + 1 })
  after.hasSeparateEntries = before.hasSeparateEntries
  after.disturbedUntil = Math.max(before.disturbedUntil, run.world.now + RECOVERY)
  after.misroutedUntil = before.misroutedUntil
  for (const name of ['main', 'second'] as const) after.lines[name].state = before.lines[name].state
  for (const database of [run.main, run.second]) {
    const old = database.misrouted.get(before)
    if (old !== undefined) database.misrouted.set(after, old)
  }
  run.processes[index] = after
  after.host.run(() => { after.start() })
  return after
}

/**
 * Changes options as an administrator would: the new value is pending, the processes are started again one after the other,
 * then the change is finished.
 */
export function changeOptions (run: RunContext, random: Random): void {
  const { world, options } = run
  if (run.isChangingOptions) return
  run.isChangingOptions = true
  const maxTokenLifetime = random.pick([60, 300, 3600])
  const changed = { ...options, maxTokenLifetime }
  const administrator = run.processes.find(({ kind }) => kind === 'server') as SimulatedProcess
  const store = administrator.lines.main.store() as SettingsStore
  const setting = run.config.tokens === 'jwt' ? 'keys.maxTokenLifetime' : 'opaque.maxTokenLifetime'
  administrator.host.run(async () => {
    try {
      const settings = await store.readSettings()
      const isPending = await store.replaceSettings({ ...settings, pending: { [setting]: maxTokenLifetime, 'keys.maxTokenLifetime': maxTokenLifetime } })
      if (isPending) world.after(0, undefined, startAll)
    } catch {
      // Not changed, as far as the administrator can tell: all processes go on with the old value.
    }
  })
  const startAll = (): void => {
    if (run.areFaultsOver) return
    run.options = changed
    for (const process of [...run.processes]) {
      world.after(random.integer(0, 5000), undefined, () => {
        // They may all go on with the old value as well.
        if (run.areFaultsOver) return
        process.host.kill()
        restart(run, process)
      })
    }
  }
}
