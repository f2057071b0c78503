// A database of several copies: a primary that takes writes, and a standby that follows it.
import { StoreUnavailableError } from '../../src/errors/store-unavailable.ts'
import type { Reservation } from '../../src/stores/contracts/index.ts'
import { Replica } from './replica.ts'
import type { Commit } from './replica.ts'
import type { StoreMethod } from './store-methods.ts'
import type { World } from './world.ts'

export interface DatabaseOptions {
  /** Whether a write is acknowledged only when the standby has it too. */
  isSynchronous: boolean
  /** Milliseconds by which its clock is ahead of the true time. */
  offset: number
  /** Milliseconds that the standby is behind, at most. */
  lag: number
  /** How many entries of a feed a page has. */
  pageSize: number
}

/** What happens to a database: for the report, and for the checkers. */
export interface Loss {
  /** True time. */
  readonly at: number
  readonly database: Database
  readonly before: Replica
  readonly after: Replica
}

export class Database {
  readonly name: string
  readonly world: World
  readonly options: DatabaseOptions
  primary: Replica
  standby: Replica
  readonly losses: Loss[] = []
  /** Is called with each write that was not applied before on another copy. */
  onCommit: (commit: Commit, result: unknown, replica: Replica) => void = () => {}
  /** The processes that still talk to the old primary, which takes their writes. */
  readonly misrouted = new Map<object, Replica>()
  /** When its clock was stepped last: what is kept for a time is kept by that clock. */
  steppedAt = -Infinity
  /** The greatest that its clock was ever ahead. */
  highestOffset: number
  readonly #seed: number
  #instances = 0
  /** When the last write arrives at the standby that was sent there. */
  #standbyBusyUntil = 0

  constructor (world: World, name: string, options: DatabaseOptions) {
    this.world = world
    this.name = name
    this.options = options
    this.#seed = world.random.integer(0, 2 ** 31)
    this.highestOffset = options.offset
    this.primary = this.#copy(options.offset)
    this.standby = this.#copy(options.offset)
  }

  /** The copy that a process talks to. */
  replicaOf (process: object): Replica {
    return this.misrouted.get(process) ?? this.primary
  }

  /** Applies a write, in a turn of its own. @returns its result, and when it may be acknowledged */
  async write (replica: Replica, method: StoreMethod, args: readonly unknown[]): Promise<{ result: unknown, at: number }> {
    if (method === 'reserve') guardReservation(replica, args[1] as Reservation)
    const commit = replica.commitOf(method, args)
    const result = await replica.apply(commit)
    this.onCommit(commit, result, replica)
    if (replica !== this.primary) return { result, at: this.world.now }
    const at = this.#replicate(commit)
    return { result, at: this.options.isSynchronous ? at : this.world.now }
  }

  /** The standby takes over. What it has not received is lost. */
  failOver ({ offset }: { offset: number }): void {
    const before = this.primary
    before.isDown = true
    this.#setClock(this.standby, this.#latestOffset(before) + offset)
    this.#become(this.standby)
    this.losses.push({ at: this.world.now, database: this, before, after: this.primary })
  }

  /** The old primary goes on for some processes. */
  unfence (processes: Iterable<object>): void {
    const old = this.losses.at(-1)?.before
    if (old === undefined) return
    old.isDown = false
    for (const process of processes) this.misrouted.set(process, old)
  }

  fence (): void {
    for (const replica of this.misrouted.values()) replica.isDown = true
    this.misrouted.clear()
  }

  /** Replaces the database by a backup of it. @param length how many writes the backup has */
  async restore (length: number): Promise<void> {
    const before = this.primary
    before.isDown = true
    const restored = this.#copy(this.#latestOffset(before))
    await restored.replay(before.log.slice(0, length))
    this.#setClock(restored, restored.offset)
    this.#become(restored)
    this.losses.push({ at: this.world.now, database: this, before, after: restored })
  }

  // A promoted copy has no clock that is behind anything that was lost (design §3.1), nor one that shows the same millisecond.
  #latestOffset (before: Replica): number {
    return Math.max(before.offset, this.highestOffset) + 1
  }

  // It is another machine: what it takes for the time that has passed is no less than its wall clock says.
  #setClock (copy: Replica, offset: number): void {
    copy.offset = offset
    copy.monotonicOffset = offset - this.options.offset
  }

  #become (primary: Replica): void {
    this.primary = primary
    const standby = this.#copy(primary.offset)
    this.standby = standby
    const log = [...primary.log]
    this.#standbyBusyUntil = this.world.now
    this.world.after(0, undefined, async () => { await standby.replay(log) })
  }

  #replicate (commit: Commit): number {
    const { standby, world } = this
    const lag = world.random.integer(0, this.options.isSynchronous ? 10 : this.options.lag)
    const at = this.#standbyBusyUntil = Math.max(this.#standbyBusyUntil, world.now + lag)
    world.at(at, undefined, async () => {
      // A standby that has been promoted meanwhile follows no longer.
      if (this.standby === standby) await standby.apply(commit)
    })
    return at
  }

  #copy (offset: number): Replica {
    // All copies begin with the clock of the first, or the writes that are applied again would not give the same.
    const copy = new Replica(this.world, { offset: this.options.offset, seed: this.#seed, runId: ++this.#instances })
    copy.offset = offset
    return copy
  }
}

// As the stores for Redis and PostgreSQL do: an instance that is not the one of the last reservation may have lost some.
function guardReservation (replica: Replica, { issuedAt, expiresAt, window, clockTolerance }: Reservation): void {
  if (replica.sentinel.runId !== replica.runId) replica.sentinel = { runId: replica.runId, since: replica.wall() / 1000 }
  const { since } = replica.sentinel
  const isDoubtful = issuedAt === undefined ? expiresAt - window <= since + 2 * clockTolerance : issuedAt <= since + 2 * clockTolerance
  if (isDoubtful) throw new StoreUnavailableError(new Error('The reservation may have been lost'))
}
