import { FEED_START } from '../contracts/feed.ts'
import type { FeedMark, FeedPage } from '../contracts/feed.ts'
import type { Revocation, RevocationStore } from '../contracts/revocation-store.ts'
import type { Row, SqlDatabase } from './database.ts'
import { Feed } from './feed.ts'
import type { StoreClock } from './store-clock.ts'

/** The table of the revocations. */
export class RevocationTable implements RevocationStore {
  readonly #database: SqlDatabase
  readonly #feed: Feed<Revocation>

  constructor (database: SqlDatabase, clock: StoreClock) {
    this.#database = database
    this.#feed = new Feed(database, clock, {
      name: 'revocations',
      table: 'oauth_revocations',
      columns: { kind: 'TEXT', id: 'TEXT', issued_before: 'BIGINT', expires_at: 'BIGINT' },
      toEntry: toRevocation
    })
  }

  async addRevocation (revocation: Revocation): Promise<FeedMark> {
    await this.#feed.expired.drop()
    const { kind, id, expiresAt } = revocation
    return await this.#database.transaction(this.#feed.append(() => [kind, id, kind === 'client' ? revocation.issuedBefore : null, expiresAt]))
  }

  async listRevocations (after: FeedMark = FEED_START): Promise<FeedPage<Revocation>> {
    return (await this.#feed.read(after)).page
  }
}

function toRevocation ({ kind, id, issued_before: issuedBefore, expires_at: expiresAt }: Row): Revocation {
  return kind === 'client'
    ? { kind, id: String(id), issuedBefore: Number(issuedBefore), expiresAt: Number(expiresAt) }
    : { kind: 'token', id: String(id), expiresAt: Number(expiresAt) }
}
