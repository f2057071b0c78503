import type { Clock } from '../../lib/clock.ts'
import type { StoredToken, TokenStore } from '../contracts/token-store.ts'
import { isText } from './database.ts'
import type { SqlDatabase } from './database.ts'
import { expiredRows } from './expired-rows.ts'
import type { SurplusRows } from './expired-rows.ts'
import type { StoreClock } from './store-clock.ts'

const SAVE = `
  INSERT INTO oauth_tokens (hash, expires_at, body) VALUES (?, ?, ?)
  ON CONFLICT (hash) DO UPDATE SET expires_at = excluded.expires_at, body = excluded.body`
const FIND = 'SELECT body FROM oauth_tokens WHERE hash = ? AND expires_at > ?'
const REMOVE = 'DELETE FROM oauth_tokens WHERE hash = ?'

/** The table of the opaque access tokens. */
export class TokenTable implements TokenStore {
  readonly #database: SqlDatabase
  readonly #now: Clock
  readonly #expired: SurplusRows

  /** @param now the clock that tokens are issued and verified by */
  constructor (database: SqlDatabase, clock: StoreClock, now: Clock) {
    this.#database = database
    this.#now = now
    this.#expired = expiredRows(database, clock, { table: 'oauth_tokens', key: 'hash' })
  }

  async saveToken (hash: string, token: StoredToken): Promise<void> {
    await this.#expired.drop()
    await this.#database.rows([SAVE, hash, token.expiresAt, JSON.stringify(token)])
  }

  async findToken (hash: string): Promise<StoredToken | undefined> {
    if (!isText(hash)) return undefined
    const [row] = await this.#database.read([FIND, hash, this.#now()])
    return row && JSON.parse(String(row['body'])) as StoredToken
  }

  async removeToken (hash: string): Promise<void> {
    if (isText(hash)) await this.#database.rows([REMOVE, hash])
  }
}
