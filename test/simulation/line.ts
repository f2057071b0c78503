// What lies between a process and a database: every call takes its time in both directions, and may fail on either way.
import { StoreUnavailableError } from '../../src/errors/store-unavailable.ts'
import type { Database } from './database.ts'
import type { Host } from './host.ts'
import type { Observations } from './observations.ts'
import type { Replica } from './replica.ts'
import { STORE_METHODS } from './store-methods.ts'
import type { StoreMethod, WholeStore } from './store-methods.ts'

const MAX_PAGE = 1000
const MAX_SHORTENED = 30

/** How a line behaves at present. */
export interface LineConditions {
  /** Milliseconds that a request or an answer takes: from, to. */
  latency: readonly [number, number]
  /** Probabilities of what may happen to a call. */
  failedRead: number
  failedWrite: number
  /** An error for a write of which nobody knows whether it was, or is going to be, applied. */
  ambiguousWrite: number
  /** No answer for a long time, or never. */
  hanging: number
  /** Nothing passes. */
  isCut: boolean
  /** The process reads from the standby, which may be behind. */
  isOnStandby: boolean
}

export const CALM: LineConditions = {
  latency: [0.2, 15], failedRead: 0, failedWrite: 0, ambiguousWrite: 0, hanging: 0, isCut: false, isOnStandby: false
}

/** What becomes of a call. */
type Fate = 'answered' | 'failed' | 'answer lost' | 'applied later' | 'late' | 'hanging'

interface Call {
  readonly method: StoreMethod
  readonly args: readonly unknown[]
  readonly begunAt: number
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
  isSettled: boolean
}

export class Line {
  /** Stays the same when the process is started again. */
  state: { conditions: LineConditions } = { conditions: CALM }
  readonly host: Host
  readonly database: Database
  readonly #observations: Observations

  constructor (host: Host, database: Database, observations: Observations) {
    this.host = host
    this.database = database
    this.#observations = observations
  }

  get conditions (): LineConditions {
    return this.state.conditions
  }

  /** The database as the code of the process sees it. */
  store (methods: readonly StoreMethod[] = Object.keys(STORE_METHODS) as StoreMethod[]): WholeStore {
    return Object.fromEntries(methods.map((method) => [method, (...args: unknown[]) => this.#call(method, args)])) as unknown as WholeStore
  }

  #call (method: StoreMethod, args: readonly unknown[]): Promise<unknown> {
    const { world } = this.host
    return new Promise((resolve, reject) => {
      const call: Call = { method, args, begunAt: world.now, resolve, reject, isSettled: false }
      this.#observations.began(this.database, method, call)
      const fate = this.#fate(method)
      world.report.count(fate === 'answered' ? undefined : `call ${fate}`)
      const arrivesAt = world.now + this.#latency()
      if (fate === 'hanging') {
        // The connection is closed by somebody at last, or never.
        if (world.random.chance(0.7)) this.#fail(call, world.now + world.random.logarithmic(1500, 120_000))
        return
      }
      if (fate === 'failed') return this.#fail(call, arrivesAt)
      const delay = fate === 'late' || fate === 'applied later' ? world.random.logarithmic(500, 20_000) : 0
      if (fate === 'applied later') this.#fail(call, arrivesAt)
      world.at(arrivesAt + delay, undefined, async () => { await this.#serve(call, fate) })
    })
  }

  async #serve (call: Call, fate: Fate): Promise<void> {
    const { world } = this.host
    const replica = this.conditions.isOnStandby ? this.database.standby : this.database.replicaOf(this.host)
    const kind = STORE_METHODS[call.method]
    // Every store of this package notices that it does not talk to a primary.
    const isRejected = replica.isDown || replica === this.database.standby
    if (isRejected) return this.#fail(call, world.now + this.#latency())
    const servedAt = world.now
    try {
      const { result, at } = kind === 'write'
        ? await this.database.write(replica, call.method, call.args)
        : { result: this.#shorten(call.method, await replica.read(call.method, call.args)), at: servedAt }
      const answersAt = Math.max(at, world.now) + this.#latency()
      if (fate !== 'answered' && fate !== 'late') return this.#fail(call, answersAt)
      world.at(answersAt, this.host, () => { this.#answer(call, result, { replica, servedAt }) })
    } catch (error) {
      world.at(world.now + this.#latency(), this.host, () => { this.#settle(call, () => { call.reject(error as Error) }) })
    }
  }

  #answer (call: Call, result: unknown, { replica, servedAt }: { replica: Replica, servedAt: number }): void {
    // The connection breaks with the server, and what was on its way is lost.
    if (replica.isDown && this.host.random.chance(0.5)) return this.#fail(call, this.host.world.now)
    this.#settle(call, () => {
      this.#observations.answered(this.database, call.method, call, { result, replica, servedAt })
      call.resolve(result)
    })
  }

  #fail (call: Call, at: number): void {
    this.host.world.at(at, this.host, () => {
      this.#settle(call, () => {
        this.#observations.failed(this.database, call.method, call)
        call.reject(new StoreUnavailableError(new Error('simulated outage')))
      })
    })
  }

  #settle (call: Call, how: () => void): void {
    if (call.isSettled) return
    call.isSettled = true
    how()
  }

  #fate (method: StoreMethod): Fate {
    const { random } = this.host
    const { isCut, hanging, failedRead, failedWrite, ambiguousWrite } = this.conditions
    const isWrite = STORE_METHODS[method] === 'write'
    if (isCut) return random.chance(0.5) ? 'failed' : 'hanging'
    if (random.chance(hanging)) return random.chance(0.5) ? 'hanging' : 'late'
    if (random.chance(isWrite ? failedWrite : failedRead)) return 'failed'
    if (isWrite && random.chance(ambiguousWrite)) return random.chance(0.5) ? 'answer lost' : 'applied later'
    return 'answered'
  }

  #latency (): number {
    return this.host.random.logarithmic(...this.conditions.latency)
  }

  /** A store may return fewer entries at once than it could. */
  #shorten (method: StoreMethod, result: unknown): unknown {
    if (method !== 'listEntries' && method !== 'listRevocations') return result
    const page = result as { entries: readonly unknown[], hasMore: boolean }
    const { pageSize } = this.database.options
    // A turn of the event loop must not take longer because there is more to read.
    if (page.entries.length > MAX_PAGE) this.host.world.uncaught.push(new Error(`A page has ${page.entries.length} entries`))
    // Many entries in small pages would take all the time of a run, and more than a process has for what is written back to it.
    return page.entries.length <= pageSize || page.entries.length > MAX_SHORTENED ? page : { ...page, entries: page.entries.slice(0, pageSize), hasMore: true }
  }
}
