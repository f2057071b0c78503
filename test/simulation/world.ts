// Virtual time: a queue of events, run one after the other, each until nothing is left to do in this turn of the event loop.
// The code that is simulated runs in one process of Node.js. Since every event belongs to one simulated process, and runs to
// its end before the next one begins, the clocks and timers that the code sees are those of that process.
import { realSetImmediate, switchTo } from './globals.ts'
import type { Host } from './host.ts'
import { Random } from './random.ts'
import { SeedReport } from './report.ts'

/** 2027-01-15, in milliseconds since 1970: the true time at which every run begins. */
export const EPOCH = 1_800_000_000_000

// A run that has more events than this does not end by itself.
const MAX_EVENTS = 200_000

type Callback = () => void | Promise<void>

interface Event { at: number, order: number, host: Host | undefined, run: Callback | undefined }

export class World {
  readonly random: Random
  readonly report = new SeedReport()
  /** The true time, in milliseconds since the beginning of the run. */
  now = 0
  events = 0
  /** Errors that nothing has caught. */
  readonly uncaught: unknown[] = []
  /** Numbers the key pairs that were generated. */
  keys = 0
  /** Numbers the turns of the event loops, and names the one that this turn goes on from, by setImmediate. */
  turn = 0
  continued: number | undefined
  #order = 0
  readonly #queue: Event[] = []

  constructor (seed: number) {
    this.random = new Random(seed)
  }

  /** Runs something at a true time. In a process: only as long as that runs. */
  at (time: number, host: Host | undefined, run: Callback): { cancel (): void } {
    const event: Event = { at: Math.max(time, this.now), order: ++this.#order, host, run }
    this.#push(event)
    return { cancel () { event.run = undefined } }
  }

  after (milliseconds: number, host: Host | undefined, run: Callback): { cancel (): void } {
    return this.at(this.now + milliseconds, host, run)
  }

  /** Runs all events until a true time. */
  async runUntil (time: number): Promise<void> {
    for (let event = this.#pop(time); event !== undefined; event = this.#pop(time)) {
      const { at, host, run } = event
      this.now = at
      if (run === undefined) continue
      if (++this.events > MAX_EVENTS) throw new Error(`More than ${MAX_EVENTS} events`)
      if (host === undefined) await this.#turn(undefined, run)
      else if (host.state === 'running') await this.#turn(host, run)
      else if (host.state === 'suspended') host.backlog.push(run)
    }
    this.now = Math.max(this.now, time)
  }

  /** Notes what happens, if anybody wants to read it. @param text is called only then */
  trace (text: () => string): void {
    if (this.report.isTraced) this.report.trace.push(`${this.now.toFixed(1).padStart(11)}  ${text()}`)
  }

  async #turn (host: Host | undefined, run: Callback): Promise<void> {
    switchTo(host)
    this.turn++
    this.continued = undefined
    try {
      run()?.catch((error: unknown) => { this.uncaught.push(error) })
    } catch (error) {
      this.uncaught.push(error)
    }
    // All microtasks, and those that they bring, run before this.
    await new Promise((resolve) => { realSetImmediate(resolve) })
    switchTo(undefined)
  }

  // A binary heap by time, then by order.
  #push (event: Event): void {
    const queue = this.#queue
    let index = queue.length
    queue.push(event)
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!isBefore(event, queue[parent] as Event)) break
      queue[index] = queue[parent] as Event
      index = parent
    }
    queue[index] = event
  }

  #pop (until: number): Event | undefined {
    const queue = this.#queue
    const first = queue[0]
    if (first === undefined || first.at > until) return undefined
    const last = queue.pop() as Event
    if (queue.length > 0) this.#sink(last)
    return first
  }

  #sink (event: Event): void {
    const queue = this.#queue
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= queue.length) break
      if (child + 1 < queue.length && isBefore(queue[child + 1] as Event, queue[child] as Event)) child++
      if (!isBefore(queue[child] as Event, event)) break
      queue[index] = queue[child] as Event
      index = child
    }
    queue[index] = event
  }
}

function isBefore (a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
