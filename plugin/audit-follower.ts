import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { claimAdministration, publishAdministration, systemClock } from '../src/adapter.ts'
import type { AuditRecord, AuditStore, Clock, FeedMark, Marked } from '../src/adapter.ts'

// Milliseconds between two reads, so that each record is in the log of every server within a second.
const INTERVAL = 500
// Milliseconds. The start of a server waits this long for the first read at most.
const START_LIMIT = 1000
// How many record ids are cached, and how many records are read again after a loss of history.
const RECENT = 1000
// Tolerated clock difference between servers, in seconds.
const CLOCK_TOLERANCE = 300

const followed = new WeakMap<object, WeakSet<AuditStore>>()

/**
 * Logs each audit record of a store at info on a server, and publishes it as an event, whichever process has made the change.
 * The timer starts when the server is ready, and does not keep the process alive.
 *
 * @param audit undefined for a store without audit records
 */
export function logAudit (fastify: FastifyInstance, audit: AuditStore | undefined): void {
  if (audit === undefined) return
  const stores = followed.get(fastify.server) ?? new WeakSet()
  followed.set(fastify.server, stores)
  // Another plugin of this server already follows the store.
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

/** Follows the audit records of a store, starting with the first read. */
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

  /** Reads new records, unless a read is in progress. Never rejects: the store outage is logged elsewhere. */
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

  // The store has lost records, and new ones may have the same positions.
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
