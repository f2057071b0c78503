// What a process has asked the databases, and what it was told: the simulation's own record, which the checkers decide by.
import type { ClientChangeDetails, Entry, FeedPage, Revocation, StoredClient, Written } from '../../src/stores/index.ts'
import type { Database } from './database.ts'
import { Held } from './held.ts'
import type { Host } from './host.ts'
import type { Replica } from './replica.ts'
import type { StoreMethod } from './store-methods.ts'

interface Call { readonly args: readonly unknown[], readonly begunAt: number }
interface Answer { readonly result: unknown, readonly replica: Replica, readonly servedAt: number }

// Milliseconds.
const TIME_LIMIT = 1000

/** A read of everything that was new: of pages, all. */
export interface CompleteRead {
  readonly begunAt: number
  readonly endedAt: number
  readonly replica: Replica
}

/** The reads of one feed, or of the signing keys. */
export class FeedObservations {
  readonly host: Host
  readonly completed: CompleteRead[] = []
  /** When calls failed. */
  readonly failures: number[] = []
  readonly #pending = new Map<Call, number>()
  /** By the mark of the last page of a read that goes on in the same turn: when it began. */
  readonly #chains = new Map<string, { begunAt: number, at: number }>()

  constructor (host: Host) {
    this.host = host
  }

  began (call: Call): void {
    const after = call.args[0] as { position: number, name: string } | undefined
    const key = after === undefined ? '' : `${after.position} ${after.name}`
    const chain = this.#chains.get(key)
    this.#pending.set(call, chain?.at === call.begunAt ? chain.begunAt : call.begunAt)
  }

  answered (call: Call, { result, replica }: Answer): void {
    const begunAt = this.#end(call)
    const { now } = this.host.world
    this.#noteLate(begunAt)
    const page = result as Partial<FeedPage<unknown>>
    if (page.isContinued === false) {
      this.failures.push(now)
      return
    }
    const last = page.entries?.at(-1) as { position: number, name: string } | undefined
    if (page.hasMore === true && last !== undefined) this.#chains.set(`${last.position} ${last.name}`, { begunAt, at: now })
    else this.completed.push({ begunAt, endedAt: now, replica })
  }

  failed (call: Call): void {
    const begunAt = this.#end(call)
    if (!this.#noteLate(begunAt)) this.failures.push(this.host.world.now)
  }

  #end (call: Call): number {
    const begunAt = this.#pending.get(call) ?? call.begunAt
    this.#pending.delete(call)
    return begunAt
  }

  // An attempt that takes longer has failed by then, whatever comes of it.
  #noteLate (begunAt: number): boolean {
    const failedAt = this.#failsAt(begunAt)
    this.failures.push(...failedAt)
    return failedAt.length > 0
  }

  // One of the two clocks may not have counted a suspension.
  #failsAt (begunAt: number): number[] {
    const { world } = this.host
    return [begunAt + TIME_LIMIT, begunAt + TIME_LIMIT + this.host.suspendedSince(begunAt)].filter((time) => time <= world.now)
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
    for (const begunAt of this.#pending.values()) last = Math.max(last, ...this.#failsAt(begunAt))
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
        this.writtenBack += (call.args[1] as ClientChangeDetails | undefined)?.entries?.length ?? 0
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
