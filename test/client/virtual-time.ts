import { setImmediate as nextTurn } from 'node:timers/promises'

interface Timer {
  readonly at: number
  readonly callback: () => void
}

/** Time that passes only when a test lets it: Date.now, performance.now and setTimeout of this process, until it is ended. */
export class VirtualTime {
  /** Milliseconds since 1970, by a clock that is right. */
  time = 1_800_000_000_000
  /** Milliseconds that the wall clock of this machine is ahead. */
  wallOffset = 0
  /** Milliseconds for which the monotonic clock has stood still, as on a machine that was suspended. */
  suspended = 0
  readonly #timers = new Map<number, Timer>()
  #last = 0
  readonly #real = { now: Date.now, performanceNow: performance.now, setTimeout, clearTimeout }

  start (): this {
    Date.now = () => Math.floor(this.time + this.wallOffset)
    performance.now = () => this.time - 1_800_000_000_000 - this.suspended
    globalThis.setTimeout = ((callback: () => void, delay = 0) => {
      const id = ++this.#last
      this.#timers.set(id, { at: this.time + Math.max(0, delay), callback })
      return id
    }) as never
    globalThis.clearTimeout = ((id: number) => { this.#timers.delete(id) }) as never
    return this
  }

  end (): void {
    Date.now = this.#real.now
    performance.now = this.#real.performanceNow
    globalThis.setTimeout = this.#real.setTimeout
    globalThis.clearTimeout = this.#real.clearTimeout
  }

  /** Runs what is due, in order, until a time or until nothing is left. */
  async run (until: number): Promise<void> {
    for (;;) {
      // What a response causes takes turns of the real event loop.
      for (let turn = 0; turn < 3; turn++) await nextTurn()
      const [id, timer] = [...this.#timers].reduce<[number, Timer] | []>((first, entry) => first[1] === undefined || entry[1].at < first[1].at ? entry : first, [])
      if (id === undefined || timer === undefined || timer.at > until) break
      this.#timers.delete(id)
      this.time = Math.max(this.time, timer.at)
      timer.callback()
    }
    this.time = Math.max(this.time, until)
  }

  /** Waits, in virtual time. */
  pause (milliseconds: number): Promise<void> {
    return new Promise((resolve) => { setTimeout(resolve, milliseconds) })
  }
}
