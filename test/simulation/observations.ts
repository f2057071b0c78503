// What a process has asked the databases, and what it was told: the simulation's own record, which the checkers decide by.
import type { Entry, FeedPage, Revocation, StoredClient, Written } from '../../src/stores/contracts/index.ts'
import type { Database } from './database.ts'
import { Held } from './held.ts'
import type { Host } from './host.ts'
import type { Replica } from './replica.ts'
import type { StoreMethod } from './store-methods.ts'

interface Call { readonly args: readonly unknown[], readonly begunAt: number }
interface Answer { readonly result: unknown, readonly replica: Replica, readonly servedAt: number }

// Milliseconds. Wall clocks leave out parts of one, so that an attempt may seem to end a little early.
const TIME_LIMIT = 1000
const ROUNDING = 1

/** A read of everything that was new: of pages, all. */
export interface CompleteRead {
  readonly begunAt: number
  readonly endedAt: number
  readonly replica: Replica
}

/** When the first page of a read was asked for, and when the attempt began that it belongs to. */
interface Beginning { readonly begunAt: number, readonly attemptAt: number }

/** The reads of one feed, or of the signing keys. */
export class FeedObservations {
  readonly host: Host
  readonly completed: CompleteRead[] = []
  /** When calls failed. */
  readonly failures: number[] = []
  readonly #pending = new Map<Call, Beginning>()
  /** By the turn in which a page came that is not the last: when its read began. The next page is asked for by what follows from that turn. */
  readonly #chains = new Map<number, Beginning>()
  /** The last answer, after which the same attempt may ask for more in the same turn. */
  #answered: { readonly attemptAt: number, readonly turn: number } | undefined

  constructor (host: Host) {
    this.host = host
  }

  began (call: Call): void {
    const after = call.args[0] as { position: number } | undefined
    const { begunAt } = call
    const { turn, continued = turn } = this.host.world
    const chain = this.#chains.get(continued)
    if (chain !== undefined) {
      this.#chains.delete(continued)
      this.#pending.set(call, chain)
      return
    }
    // An attempt that finds another history than it had read goes on from the beginning, and one to read keys may have read
    // the settings before: its second ends no later for that.
    const isSameAttempt = this.#answered?.turn === turn && (after === undefined || after.position === 0)
    this.#pending.set(call, { begunAt, attemptAt: isSameAttempt ? this.#answered!.attemptAt : begunAt })
  }

  answered (call: Call, { result, replica }: Answer): void {
    const beginning = this.#end(call)
    const { begunAt, attemptAt } = beginning
    const { now, turn } = this.host.world
    this.#noteLate(beginning)
    const page = result as Partial<FeedPage<unknown>>
    if (page.isContinued !== undefined) this.#answered = { attemptAt, turn }
    if (page.isContinued === false) {
      this.failures.push(now)
      return
    }
    if (page.hasMore === true) this.#chains.set(turn, beginning)
    else this.completed.push({ begunAt, endedAt: now, replica })
  }

  /** Takes note of an answer that an attempt to read this feed may go on from. */
  prepared ({ begunAt }: Call): void {
    this.#answered = { attemptAt: begunAt, turn: this.host.world.turn }
  }

  failed (call: Call): void {
    const beginning = this.#end(call)
    this.#noteLate(beginning)
    if (beginning.begunAt + TIME_LIMIT > this.host.world.now) this.failures.push(this.host.world.now)
  }

  #end (call: Call): Beginning {
    const beginning = this.#pending.get(call) ?? { begunAt: call.begunAt, attemptAt: call.begunAt }
    this.#pending.delete(call)
    return beginning
  }

  // An attempt that takes longer has failed by then, whatever comes of it.
  #noteLate (beginning: Beginning): void {
    this.failures.push(...this.#failsAt(beginning))
  }

  // One of the two clocks may not have counted a suspension.
  #failsAt ({ begunAt, attemptAt }: Beginning): number[] {
    const { world } = this.host
    return [begunAt, attemptAt]
      .flatMap((time) => [time + TIME_LIMIT, time + TIME_LIMIT + this.host.suspendedSince(time)])
      .filter((time) => time <= world.now + ROUNDING)
  }

  /** The complete read that began last, of those that have ended. */
  get last (): CompleteRead | undefined {
    let last: CompleteRead | undefined
    for (const read of this.completed) if (last === undefined || read.begunAt >= last.begunAt) last = read
    return last
  }

  /** When an attempt failed last, at the latest: by an error, or since it took a second. */
  lastFailure (): number {
    let last = Math.max(-Infinity, ...this.failures)
    for (const beginning of this.#pending.values()) last = Math.max(last, ...this.#failsAt(beginning))
    return last
  }
}

/** When a row of a client was read. */
export interface ClientRead { readonly id: string, readonly begunAt: number, readonly servedAt: number }

export class Observations {
  readonly entries: FeedObservations
  readonly revocations: FeedObservations
  readonly keys: FeedObservations
  /** What the process was told. */
  readonly held = new Held()
  readonly clientReads: ClientRead[] = []
  /** How many entries it has written back, by the database. */
  writtenBack = 0
  /** When it began to save an opaque token last. */
  savedTokenAt = -Infinity

  readonly #host: Host

  constructor (host: Host) {
    this.#host = host
    this.entries = new FeedObservations(host)
    this.revocations = new FeedObservations(host)
    this.keys = new FeedObservations(host)
  }

  began (_database: Database, method: StoreMethod, call: Call): void {
    this.#host.world.trace(() => `  ${this.#host.name} asks ${method} ${JSON.stringify(call.args[0] ?? '').slice(0, 80)}`)
    if (method === 'saveToken') this.savedTokenAt = call.begunAt
    this.#feed(method)?.began(call)
  }

  failed (_database: Database, method: StoreMethod, call: Call): void {
    this.#host.world.trace(() => `  ${this.#host.name} gets no answer to ${method} of ${call.begunAt.toFixed(1)}`)
    this.#feed(method)?.failed(call)
  }

  answered (_database: Database, method: StoreMethod, call: Call, answer: Answer): void {
    this.#feed(method)?.answered(call, answer)
    if (method === 'readSettings') this.keys.prepared(call)
    const { result, servedAt } = answer
    this.#host.world.trace(() => `  ${this.#host.name} gets the answer to ${method} of ${call.begunAt.toFixed(1)}, served at ${servedAt.toFixed(1)}: ${(JSON.stringify(result) ?? '').slice(0, 200)}`)
    switch (method) {
      case 'listEntries': return this.held.addEntries((result as FeedPage<Entry>).entries, this.#host.world.now)
      case 'listRevocations': return this.held.addRevocations((result as FeedPage<Revocation>).entries)
      case 'addRevocation': return this.held.addRevocations([call.args[0] as Revocation])
      case 'addClients': return this.held.addEntries((result as { entries: Written }).entries, this.#host.world.now)
      case 'findClients':
        for (const { id } of result as readonly StoredClient[]) this.clientReads.push({ id, begunAt: call.begunAt, servedAt })
        return
      case 'addEntries':
        this.writtenBack += (result as Written).length
        return this.held.addEntries(result as Written, this.#host.world.now)
      case 'replaceClient':
        if (result !== false) this.held.addEntries(result as Written, this.#host.world.now)
        return
      case 'removeClient':
      case 'raiseAll':
      case 'replaceKeys':
        if (result !== false) this.held.addEntries(result as Written, this.#host.world.now)
    }
  }

  #feed (method: StoreMethod): FeedObservations | undefined {
    if (method === 'listEntries') return this.entries
    if (method === 'listRevocations') return this.revocations
    return method === 'readKeys' ? this.keys : undefined
  }
}
