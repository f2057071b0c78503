import type { AuditRecord, AuditStore } from '../contracts/audit-store.ts'
import type { FeedMark, FeedPage, Marked } from '../contracts/feed.ts'
import type { Row, SqlDatabase, Steps } from './database.ts'
import { SurplusRows } from './expired-rows.ts'
import { Feed } from './feed.ts'
import type { StoreClock } from './store-clock.ts'

/** How long audit records are kept. */
export interface AuditOptions {
  /** Seconds. */
  retention: number
  /** Maximum number of records. */
  maxRecords: number
}

const LIST = 'SELECT position, name, body FROM oauth_audit WHERE position < ? ORDER BY position DESC LIMIT ?'
const LIST_NEWEST = 'SELECT position, name, body FROM oauth_audit ORDER BY position DESC LIMIT ?'

/** The table of the audit records. */
export class AuditTable implements AuditStore {
  readonly #database: SqlDatabase
  readonly #retention: number
  readonly #feed: Feed<AuditRecord>
  readonly #surplus: SurplusRows

  constructor (database: SqlDatabase, clock: StoreClock, { retention, maxRecords }: AuditOptions) {
    this.#database = database
    this.#retention = retention
    this.#feed = new Feed(database, clock, {
      name: 'audit', table: 'oauth_audit', columns: { time: 'BIGINT', body: 'TEXT', expires_at: 'BIGINT' }, toEntry: toRecord
    })
    this.#surplus = new SurplusRows(database, {
      table: 'oauth_audit',
      key: 'position',
      where: 'position <= (SELECT MAX(position) FROM oauth_audit) - ?',
      orderBy: 'position',
      values: () => [maxRecords]
    })
  }

  async addAuditRecord (record: AuditRecord): Promise<FeedMark> {
    await this.dropSurplus()
    return await this.#database.transaction(this.#append(record))
  }

  async followAudit (after?: FeedMark): Promise<FeedPage<AuditRecord> & { mark: FeedMark }> {
    const { page, mark } = after === undefined ? await this.#feed.end() : await this.#feed.read(after)
    return { ...page, mark }
  }

  async listAudit ({ before, limit }: { before?: number, limit: number }): Promise<Array<Marked<AuditRecord>>> {
    const rows = await this.#database.read(before === undefined ? [LIST_NEWEST, limit] : [LIST, before, limit], 'position DESC')
    return rows.map((row) => ({ ...toRecord(row), position: Number(row['position']), name: String(row['name']) }))
  }

  /** Deletes some surplus records. Call it before a transaction that writes a record. */
  async dropSurplus (): Promise<void> {
    await this.#feed.expired.drop()
    await this.#surplus.drop()
  }

  /** Writes a record as a part of a transaction, which locks the feed from here on. Must be its last step. */
  * write (record: AuditRecord | undefined): Steps<void> {
    if (record !== undefined) yield * this.#append(record)
  }

  * #append (record: AuditRecord): Steps<FeedMark> {
    return yield * this.#feed.append(({ time }) => [record.time, JSON.stringify(record), time + this.#retention])
  }
}

function toRecord ({ body }: Row): AuditRecord {
  return JSON.parse(String(body)) as AuditRecord
}
