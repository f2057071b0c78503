import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { claimAdministration, publishAdministration, systemClock } from '../src/adapter.ts'
import type { AuditRecord, AuditStore, Clock, FeedMark, Marked } from '../src/adapter.ts'

// Milliseconds between two reads: each record is in the log of every server within a second.
const INTERVAL = 500
// Milliseconds that the start of a server waits for the first read.
const START_LIMIT = 1000
// How many records are remembered by their names, and how many are read again where history was lost.
const RECENT = 1000
// Seconds that the clocks of servers may differ.
const CLOCK_TOLERANCE = 300

const followed = new WeakMap<object, WeakSet<AuditStore>>()

/**
 * Writes each audit record of a store to the log of a server, at info, and publishes it as an event, whichever process has
 * made the change. The timer starts when the server is ready, and keeps no process alive.
 *
 * @param audit undefined for a store that keeps no audit records
 */
export function logAudit (fastify: FastifyInstance, audit: AuditStore | undefined): void {
  if (audit === undefined) return
  const stores = followed.get(fastify.server) ?? new WeakSet()
  followed.set(fastify.server, stores)
  // Another plugin of this server follows it already.
  if (stores.has(audit)) return
  stores.add(audit)
  // At once: the follower of another server in this process may be the first to publish a record.
  claimAdministration(fastify.log)
  const follower = new AuditFollower(audit, fastify.log)
  let timer: NodeJS.Timeout | undefined
  fastify.addHook('onReady', async () => {
    timer = setInterval(() => { follower.read() }, INTERVAL).unref()
    await Promise.race([follower.read(), new Promise((resolve) => { setTimeout(resolve, START_LIMIT).unref() })])
  })
  fastify.addHook('onClose', async () => { clearInterval(timer) })
}

/** Follows the audit records of a store, from the first read on. */
export class AuditFollower {
  readonly #audit: AuditStore
  readonly #log: FastifyBaseLogger
  readonly #startedAt: number
  readonly #recent = new Set<string>()
  #mark: FeedMark | undefined
  #reading: Promise<void> | undefined

  constructor (audit: AuditStore, log: FastifyBaseLogger, now: Clock = systemClock) {
    this.#audit = audit
    this.#log = log
    this.#startedAt = now()
  }

  /** Reads on, unless a read is under way. Never rejects: the outage of a store is logged elsewhere. */
  async read (): Promise<void> {
    this.#reading ??= this.#readOn().catch(() => {}).finally(() => { this.#reading = undefined })
    await this.#reading
  }

  async #readOn (): Promise<void> {
    for (;;) {
      const { entries, mark, isContinued, hasMore } = await this.#audit.followAudit(this.#mark)
      if (!isContinued) return await this.#readAgain()
      for (const record of entries) this.#report(record)
      this.#mark = mark
      if (!hasMore) return
    }
  }

  // The store has lost records, and other ones may have their positions.
  async #readAgain (): Promise<void> {
    const { mark } = await this.#audit.followAudit()
    const newest = await this.#audit.listAudit({ limit: RECENT })
    for (const record of newest.toReversed()) if (record.time >= this.#startedAt - CLOCK_TOLERANCE) this.#report(record)
    this.#mark = mark
  }

  #report ({ position, name, ...record }: Marked<AuditRecord>): void {
    if (this.#recent.has(name)) return
    this.#recent.add(name)
    for (const oldest of this.#recent) {
      if (this.#recent.size <= RECENT) break
      this.#recent.delete(oldest)
    }
    this.#log.info({ oauth: { audit: record } }, `OAuth administration: ${record.object} ${record.id} ${record.change}`)
    publishAdministration(record)
  }
}
