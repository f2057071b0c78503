import { createHash, randomUUID } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import { FEED_START, PAGE_SIZE } from '../contracts/feed.ts'
import type { FeedMark, FeedPage, Marked } from '../contracts/feed.ts'
import type { Revocation } from '../contracts/revocation-store.ts'
import { ask, runScript } from './connection.ts'
import type { RedisClient } from './connection.ts'
import { ADD_REVOCATION, LIST_REVOCATIONS, STORE_ID } from './scripts.ts'

/** The feed of revocations, and the id of the store. */
export class RevocationFeed {
  readonly #client: RedisClient
  readonly #keys: readonly string[]
  readonly #storeClock: () => string
  readonly #ownClock: Clock
  readonly #kept: string

  /**
   * @param feed `storeClock`: the time in seconds since 1970, or nothing for the clock of Redis; `ownClock`: a clock of this
   *   process that does not run ahead; `kept`: seconds that a revocation is kept after its expiry
   */
  constructor ({ client, prefix, storeClock, ownClock, kept }: {
    client: RedisClient, prefix: string, storeClock: () => string, ownClock: Clock, kept: number
  }) {
    this.#client = client
    // A cluster chooses the slot by the part in braces, and a script can access the keys of one slot only.
    this.#keys = ['positions', 'expiries', 'names', 'id'].map((name) => `${prefix}{revocations}:${name}`)
    this.#storeClock = storeClock
    this.#ownClock = ownClock
    this.#kept = String(kept)
  }

  async storeId (): Promise<string> {
    return String(await ask(this.#client, (client) => runScript(client, STORE_ID, this.#keys.slice(3), [randomUUID()])))
  }

  async add (revocation: Revocation): Promise<FeedMark> {
    const name = randomUUID()
    const text = JSON.stringify({ ...revocation, name })
    const args = [text, String(revocation.expiresAt), name, String(this.#ownClock()), this.#storeClock(), this.#kept, randomUUID()]
    return { position: Number(await ask(this.#client, (client) => runScript(client, ADD_REVOCATION, this.#keys, args))), name }
  }

  async list ({ position, name }: FeedMark = FEED_START): Promise<FeedPage<Revocation>> {
    // Requests one more than a page, to detect whether more entries follow.
    const args = [String(position), name, String(PAGE_SIZE + 1), randomUUID(), this.#storeClock()]
    return await ask(this.#client, async (client) => {
      const reply = await runScript(client, LIST_REVOCATIONS, this.#keys, args)
      const [storeId, clock, isContinued, listed] = reply as [string, unknown, unknown, string[]]
      const entries = listed.slice(0, 2 * PAGE_SIZE).flatMap((text, index) => index % 2 === 0 ? toEntry(text, listed[index + 1]!) : [])
      return { storeId, clock: Number(clock), isContinued: Number(isContinued) === 1, entries, hasMore: listed.length > 2 * PAGE_SIZE }
    })
  }
}

function toEntry (text: string, position: string): Marked<Revocation> {
  const revocation = JSON.parse(text) as Marked<Revocation>
  const name = typeof revocation.name === 'string' ? revocation.name : `sha1:${createHash('sha1').update(text).digest('hex')}`
  return { ...revocation, position: Number(position), name }
}
