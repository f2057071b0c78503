// One copy of a database: the real MemoryStore, to which the same writes are applied as to the other copies, by the clock and
// the random numbers of the copy that they were written to first. So a standby has the same positions and names.
import type { StoredClient, StoredKey, StoredToken, Written } from '../../src/stores/contracts/index.ts'
import { MemoryStore } from '../../src/stores/memory.ts'
import { switchTo } from './globals.ts'
import type { Machine, SimulatedTimer } from './globals.ts'
import { Random } from './random.ts'
import type { StoreMethod, WholeStore } from './store-methods.ts'
import { Truth } from './truth.ts'
import { EPOCH } from './world.ts'
import type { World } from './world.ts'

/** A write as it was applied first. */
export interface Commit {
  readonly method: StoreMethod
  readonly args: readonly unknown[]
  /** Milliseconds by the clocks of the copy. */
  readonly wall: number
  readonly monotonic: number
  readonly seed: number
}

type Call = (...args: readonly unknown[]) => Promise<unknown>

/** The machine of a copy at the moment of a commit. */
class CommitMachine implements Machine {
  readonly random: Random
  readonly #wall: number
  readonly #monotonic: number

  constructor ({ wall, monotonic, seed }: Pick<Commit, 'wall' | 'monotonic' | 'seed'>) {
    this.random = new Random(seed)
    this.#wall = wall
    this.#monotonic = monotonic
  }

  wall (): number { return this.#wall }
  monotonic (): number { return this.#monotonic }
  timer (): SimulatedTimer { throw new Error('A store in memory has no timers') }
  immediate (): SimulatedTimer { throw new Error('A store in memory has no timers') }
  hashDuration (): number { return 0 }
  nextKeyNumber (): number { return 0 }
}

export class Replica {
  readonly truth = new Truth()
  readonly log: Commit[] = []
  readonly world: World
  /** Milliseconds by which the wall clock is ahead of the true time. */
  offset: number
  /** Milliseconds by which its monotonic clock is ahead of that of the first copy. */
  monotonicOffset = 0
  isDown = false
  /** Names the instance, as `run_id` of Redis does. */
  readonly runId: number
  /** The instance that reservations were made in last, and since when, in seconds since 1970. */
  sentinel: { runId: number, since: number }
  readonly #engine: WholeStore

  constructor (world: World, { offset, seed, runId }: { offset: number, seed: number, runId: number }) {
    this.world = world
    this.offset = offset
    this.runId = runId
    this.sentinel = { runId: 1, since: -Infinity }
    switchTo(new CommitMachine({ wall: EPOCH + offset, monotonic: 0, seed }))
    this.#engine = new MemoryStore() as unknown as WholeStore
    switchTo(undefined)
  }

  /** Milliseconds since 1970. */
  wall (): number {
    return Math.floor(EPOCH + this.world.now + this.offset)
  }

  commitOf (method: StoreMethod, args: readonly unknown[]): Commit {
    return { method, args, wall: this.wall(), monotonic: this.world.now + this.monotonicOffset, seed: this.world.random.integer(0, 2 ** 31) }
  }

  /** Applies a write. Must run in a turn of its own, or behind the one before. */
  async apply (commit: Commit, at = this.world.now): Promise<unknown> {
    this.log.push(commit)
    const result = await this.#call(commit)
    await this.#note(commit, result, at)
    return result
  }

  /** Applies the writes of another copy, as far as they go. */
  async replay (log: readonly Commit[]): Promise<void> {
    for (const commit of log) await this.apply(commit)
  }

  async read (method: StoreMethod, args: readonly unknown[]): Promise<unknown> {
    return await this.#call(this.commitOf(method, args))
  }

  async #call (commit: Commit): Promise<unknown> {
    switchTo(new CommitMachine(commit))
    return await (this.#engine[commit.method] as Call).apply(this.#engine, [...commit.args])
  }

  async #note ({ method, args }: Commit, result: unknown, at: number): Promise<void> {
    switch (method) {
      case 'addClients':
        this.truth.addEntries(at, (result as { entries: Written }).entries)
        return await this.#noteRows(at, (args[0] as StoredClient[]).map(({ id }) => id))
      case 'replaceClient':
        if (result !== false) this.truth.addEntries(at, result as Written)
        return await this.#noteRows(at, [(args[0] as StoredClient).id])
      case 'removeClient':
        if (result !== false) this.truth.addEntries(at, result as Written)
        return await this.#noteRows(at, [args[0] as string])
      case 'addEntries':
        this.truth.addEntries(at, result as Written)
        return await this.#noteRows(at, (result as Written).flatMap((entry) => entry.kind === 'client' ? [entry.id] : entry.kind === 'secret' ? [entry.id.split(' ')[0] as string] : []))
      case 'raiseAll':
        return this.truth.addEntries(at, result as Written)
      case 'replaceKeys':
        if (result === false) return
        this.truth.addEntries(at, result as Written)
        for (const { kid, alg } of (args[0] as { keys: StoredKey[] }).keys) this.truth.algorithms.set(kid, alg)
        this.truth.keys.push({ at, value: (args[0] as { keys: StoredKey[] }).keys.map(({ kid }) => kid) })
        return
      case 'saveToken':
        this.truth.tokens.set(args[0] as string, args[1] as StoredToken)
        return
      case 'removeToken':
        this.truth.tokens.delete(args[0] as string)
        return
      case 'addRevocation':
        this.truth.revocations.push({ at, value: args[0] as never })
    }
  }

  async #noteRows (at: number, ids: readonly string[]): Promise<void> {
    const rows = await this.#engine.findClients(ids)
    for (const id of new Set(ids)) this.truth.setRow(at, id, rows.find((row) => row.id === id))
  }
}
