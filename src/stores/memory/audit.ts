import type { AuditRecord, AuditStore } from '../contracts/audit-store.ts'
import type { FeedMark, FeedPage, Marked } from '../contracts/feed.ts'
import { MemoryFeed } from './feed.ts'
import type { MemoryFeedOptions } from './feed.ts'

/** The audit records of a store in memory. */
export class MemoryAudit implements AuditStore {
  readonly #feed: MemoryFeed<AuditRecord>
  readonly #expiry: () => number

  /** @param options `retention`: seconds that records are kept */
  constructor ({ retention, ...options }: MemoryFeedOptions<AuditRecord> & { retention: number }) {
    this.#feed = new MemoryFeed(options)
    this.#expiry = () => options.time.expiryAfter(retention)
  }

  /** Adds the record of a change, if there is one. */
  note (record: AuditRecord | undefined): void {
    if (record !== undefined) this.#feed.append(record, this.#expiry())
  }

  async addAuditRecord (record: AuditRecord): Promise<FeedMark> {
    const { position, name } = this.#feed.append(record, this.#expiry())
    return { position, name }
  }

  async followAudit (after?: FeedMark): Promise<FeedPage<AuditRecord> & { mark: FeedMark }> {
    return after === undefined ? this.#feed.end() : this.#feed.read(after)
  }

  async listAudit (page: { before?: number, limit: number }): Promise<Array<Marked<AuditRecord>>> {
    return this.#feed.newest(page)
  }
}
