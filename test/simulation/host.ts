// A simulated machine with one process: its clocks, its timers, and whether it runs.
import type { Machine, SimulatedTimer } from './globals.ts'
import { EPOCH } from './world.ts'
import type { World } from './world.ts'

export interface HostOptions {
  /** Milliseconds by which the wall clock is ahead of the true time. Default 0. */
  offset?: number
  /** Whether the monotonic clock goes on while the process is suspended. Default true. */
  countsSuspension?: boolean
}

export class Host implements Machine {
  readonly name: string
  readonly world: World
  readonly countsSuspension: boolean
  state: 'running' | 'suspended' | 'dead' = 'running'
  /** Milliseconds by which the wall clock is ahead of the true time. */
  offset: number
  /** What has arrived while the process was suspended. */
  backlog: Array<() => void | Promise<void>> = []
  readonly #bootedAt: number
  #suspendedAt = 0
  readonly #suspensions: Array<{ from: number, to: number }> = []
  /** Milliseconds that the monotonic clock has not counted. */
  #uncounted = 0

  constructor (world: World, name: string, { offset = 0, countsSuspension = true }: HostOptions = {}) {
    this.world = world
    this.name = name
    this.offset = offset
    this.countsSuspension = countsSuspension
    this.#bootedAt = world.now - world.random.integer(1000, 1_000_000)
  }

  get random (): World['random'] {
    return this.world.random
  }

  wall (): number {
    return Math.floor(EPOCH + this.world.now + this.offset)
  }

  /** Seconds since 1970 by the wall clock. */
  seconds (): number {
    return Math.floor(this.wall() / 1000)
  }

  monotonic (): number {
    return this.world.now - this.#bootedAt - this.#uncounted
  }

  timer (callback: () => void, milliseconds: number): SimulatedTimer {
    const due = this.monotonic() + milliseconds
    let isCancelled = false
    let event: SimulatedTimer
    // A monotonic clock that stood still meanwhile has not reached the time yet.
    const fire = (): void => {
      if (isCancelled) return
      const rest = due - this.monotonic()
      // Parts of a nanosecond get lost in sums.
      if (rest > 0.001) event = this.world.after(rest, this, fire)
      else callback()
    }
    event = this.world.after(milliseconds, this, fire)
    return {
      cancel () {
        isCancelled = true
        event.cancel()
      }
    }
  }

  immediate (callback: () => void): SimulatedTimer {
    const { turn } = this.world
    return this.timer(() => {
      this.world.continued = turn
      callback()
    }, 0)
  }

  /** How long a slow hash takes: usually 40 ms, under load many seconds. */
  hashDuration (): number {
    return this.random.chance(0.4) ? this.random.integer(1000, 15_000) : 40
  }

  nextKeyNumber (): number {
    return ++this.world.keys
  }

  /** Runs something in the process, if that runs. */
  run (callback: () => void | Promise<void>): void {
    this.world.after(0, this, callback)
  }

  suspend (): void {
    if (this.state !== 'running') return
    this.state = 'suspended'
    this.#suspendedAt = this.world.now
  }

  resume (): void {
    if (this.state !== 'suspended') return
    this.state = 'running'
    this.#suspensions.push({ from: this.#suspendedAt, to: this.world.now })
    if (!this.countsSuspension) this.#uncounted += this.world.now - this.#suspendedAt
    const backlog = this.backlog
    this.backlog = []
    // What is ready in several sockets, and the timers that are due, run in any order.
    while (backlog.length > 0) {
      const [run] = backlog.splice(this.random.integer(0, backlog.length - 1), 1)
      if (run !== undefined) this.run(run)
    }
  }

  /** How many milliseconds the process was suspended since a time. */
  suspendedSince (time: number): number {
    return this.#suspensions.reduce((sum, { from, to }) => sum + Math.max(0, to - Math.max(from, time)), 0)
  }

  kill (): void {
    this.state = 'dead'
    this.backlog = []
  }

  /** Steps the wall clock. */
  step (milliseconds: number): void {
    this.offset += milliseconds
  }
}
