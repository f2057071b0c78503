// What goes wrong, for how long, and until when it may be an excuse.
import { administer } from './administration.ts'
import type { Database } from './database.ts'
import { CALM } from './line.ts'
import type { Line, LineConditions } from './line.ts'
import type { AdministrationKind, FaultKind } from './plan.ts'
import type { Random } from './random.ts'
import { changeOptions, restart } from './restarts.ts'
import type { RunContext } from './run-context.ts'
import type { SimulatedProcess } from './simulated-process.ts'

// Milliseconds after the end of a fault until a process may be expected to work as if it had never been: an attempt to read
// takes a second at most, the next begins half a second later. What a database has lost is written back after five seconds.
const RECOVERY = 3000
const REPAIR = 13_000

const WRITES: readonly AdministrationKind[] = ['disable', 'remove', 'revoke tokens', 'revoke all', 'revoke secret', 'revoke key', 'enable', 'add']

export function causeFault (run: RunContext, kind: FaultKind, random: Random): void {
  run.world.report.count(kind)
  FAULTS[kind](run, random)
}

/** Until when nothing is expected of a process. */
export function disturb (run: RunContext, processes: readonly SimulatedProcess[], milliseconds: number): void {
  for (const process of processes) process.disturbedUntil = Math.max(process.disturbedUntil, run.world.now + milliseconds)
}

const FAULTS: Record<FaultKind, (run: RunContext, random: Random) => void> = {
  cut: (run, random) => { worsen(run, random, { isCut: true }) },

  flaky: (run, random) => {
    const probability = () => random.pick([0, 0.1, 0.4])
    worsen(run, random, { failedRead: probability(), failedWrite: probability(), ambiguousWrite: probability(), hanging: random.pick([0, 0.1]) })
  },

  slow: (run, random) => { worsen(run, random, { latency: random.pick([[50, 500], [200, 900], [300, 3000]] as const) }) },

  suspend (run, random) {
    const process = random.pick(run.processes)
    const duration = random.logarithmic(100, random.pick([3000, 60_000, 3_600_000]))
    run.world.trace(() => `${process.name} is suspended for ${duration.toFixed(0)} ms`)
    process.host.suspend()
    disturb(run, [process], duration + RECOVERY)
    run.world.after(duration, undefined, () => { process.host.resume() })
  },

  kill (run, random) {
    const process = random.pick(run.processes)
    process.host.kill()
    run.world.after(random.logarithmic(10, 10_000), undefined, () => { restart(run, process) })
  },

  restart (run, random) {
    const process = random.pick(run.processes)
    process.host.kill()
    restart(run, process)
  },

  'clock step' (run, random) {
    const process = random.pick(run.processes)
    const step = random.pick([-1, 1]) * random.logarithmic(500, 900_000)
    // A machine whose monotonic clock stands still during a suspension must have a wall clock that counts it.
    if (step < 0 && !process.host.countsSuspension) return
    run.world.trace(() => `the clock of ${process.name} steps by ${step.toFixed(0)} ms`)
    process.host.step(step)
    process.isSkewed = isSkewed(process)
    run.world.after(random.logarithmic(10, 60_000), undefined, () => {
      if (!process.host.countsSuspension || run.areFaultsOver) return
      process.host.step(-step)
      process.isSkewed = isSkewed(process)
      disturb(run, [process], RECOVERY)
    })
  },

  'database clock step' (run, random) {
    const database = random.pick([run.main, run.second])
    const step = random.pick([-1, 1]) * random.logarithmic(500, 600_000)
    // A clock must not be behind what was lost.
    if (step < 0 && database.losses.length > 0) return
    run.world.trace(() => `the clock of ${database.name} steps by ${step.toFixed(0)} ms`)
    stepClock(run, database, step)
    database.highestOffset = Math.max(database.highestOffset, database.primary.offset)
    run.world.after(random.logarithmic(10, 60_000), undefined, () => { if (database.losses.length === 0) stepClock(run, database, -step) })
  },

  failover (run, random) {
    const database = random.pick([run.main, run.second])
    // The clock of the standby is not behind.
    database.failOver({ offset: random.integer(0, 2000) })
    lose(run, database)
  },

  'unfenced failover' (run, random) {
    const database = random.pick([run.main, run.second])
    database.failOver({ offset: random.integer(0, 2000) })
    const misrouted = run.processes.filter(() => random.chance(0.5))
    const duration = random.logarithmic(200, 10_000)
    database.unfence(misrouted)
    for (const process of misrouted) process.misroutedUntil = run.world.now + duration
    lose(run, database)
    disturb(run, run.processes, duration + REPAIR)
    run.world.after(duration, undefined, () => {
      if (database.misrouted.size === 0) return
      database.fence()
      lose(run, database)
    })
  },

  backup (run, random) {
    const database = random.pick([run.main, run.second])
    run.backups.set(database, database.primary.log.length)
  },

  restore (run, random) {
    const database = random.pick([run.main, run.second])
    const length = run.backups.get(database)
    if (length === undefined || length > database.primary.log.length) return
    database.restore(length).catch((error: unknown) => { run.world.uncaught.push(error) })
    lose(run, database)
  },

  'stale replica' (run, random) {
    const process = random.pick(run.processes)
    const duration = random.logarithmic(200, 20_000)
    worsenLine(run, process, process.lines.main, { isOnStandby: true }, duration)
  },

  'change options': (run, random) => { changeOptions(run, random) },

  'dying writer' (run, random) {
    const writer = administer(run, random.pick(WRITES), random)
    run.world.after(random.logarithmic(0.1, 50), undefined, () => {
      if (writer === undefined || run.areFaultsOver) return
      writer.host.kill()
      restart(run, writer)
    })
  },

  'pausing writer' (run, random) {
    const writer = administer(run, random.pick(WRITES), random)
    const duration = random.logarithmic(500, 30_000)
    run.world.after(random.logarithmic(0.1, 50), undefined, () => {
      if (writer === undefined || run.areFaultsOver) return
      writer.host.suspend()
      disturb(run, [writer], duration + RECOVERY)
      run.world.after(duration, undefined, () => { writer.host.resume() })
    })
  },

  network (run, random) {
    run.network.isDown = true
    run.world.after(random.logarithmic(500, 1_800_000), undefined, () => { run.network.isDown = false })
  }
}

// Other steps may be in force.
function isSkewed ({ host, offset }: SimulatedProcess): boolean {
  return Math.abs(host.offset - offset) > 1
}

function stepClock (run: RunContext, database: Database, step: number): void {
  database.primary.offset += step
  database.steppedAt = run.world.now
}

function lose (run: RunContext, database: Database): void {
  run.world.trace(() => `${database.name}: another primary, with ${database.primary.log.length} of ${database.losses.at(-1)?.before.log.length} writes`)
  if (database === run.main) run.ledger.losses.push(run.world.now)
  const loss = database.losses.at(-1)
  if (loss !== undefined) run.world.report.outcome('entries lost', loss.before.truth.entriesWithout(loss.after.truth).length)
  disturb(run, run.processes, REPAIR)
}

function worsen (run: RunContext, random: Random, conditions: Partial<LineConditions>): void {
  const duration = random.logarithmic(100, random.pick([3000, 30_000, 900_000]))
  const process = random.pick(run.processes)
  const isOfAll = random.chance(0.3)
  const name = random.pick(['main', 'second'] as const)
  for (const one of isOfAll ? run.processes : [process]) worsenLine(run, one, one.lines[name], conditions, duration)
}

function worsenLine (run: RunContext, process: SimulatedProcess, line: Line, conditions: Partial<LineConditions>, duration: number): void {
  const worse = { ...CALM, ...conditions }
  const { state } = line
  state.conditions = worse
  disturb(run, [process], duration + RECOVERY)
  run.world.trace(() => `line of ${process.name} to ${line.database.name}: ${JSON.stringify(conditions)} for ${duration.toFixed(0)} ms`)
  run.world.after(duration, undefined, () => { if (state.conditions === worse) state.conditions = CALM })
}

/** Ends all faults. */
export function endFaults (run: RunContext): void {
  run.areFaultsOver = true
  for (const database of [run.main, run.second]) {
    if (database.misrouted.size === 0) continue
    database.fence()
    lose(run, database)
  }
  run.network.isDown = false
  for (const process of run.processes) {
    for (const { state } of Object.values(process.lines)) state.conditions = CALM
    process.host.resume()
    if (process.host.state === 'dead') restart(run, process)
    // A machine whose monotonic clock stands still during a suspension keeps its wall clock.
    if (!process.host.countsSuspension) continue
    process.host.offset = process.offset
    process.isSkewed = false
  }
  disturb(run, run.processes, run.main.losses.length + run.second.losses.length > 0 ? REPAIR : RECOVERY)
}
