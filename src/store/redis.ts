import { createHash, randomUUID } from 'node:crypto'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { FlowConfigurationError } from '../configuration-error.ts'
import type { FailureStore, ReplayStore, Revocation, RevocationStore } from './index.ts'
import { ask, runScript } from './redis/connection.ts'
import type { RedisClient } from './redis/connection.ts'
import { ADD_REVOCATION, COUNT_FAILURE, LIST_REVOCATIONS, RESERVE_KEPT } from './redis/scripts.ts'

export type { RedisClient } from './redis/connection.ts'

/** Options of {@link redisStore}. */
export interface RedisStoreOptions {
  /** Comes before all keys. Default "fcc:". */
  prefix?: string
  /** Default the clock of the machine. */
  now?: Clock
}

// Seconds that Redis keeps a thing after it expired by the clock of the process that brought it. Whether it has expired
// is up to the process that asks: the one whose clock is slow must still find it.
const SKEW = 60
// A list of many would take Redis from everybody else for too long.
const PAGE = 1000

/** Keeps in Redis what is short-lived and asked for by all processes. Made by {@link redisStore}. */
export class RedisStore implements ReplayStore, RevocationStore, FailureStore {
  readonly #client: RedisClient
  readonly #prefix: string
  readonly #now: Clock
  readonly #revocations: readonly string[]

  constructor (client: RedisClient, { prefix = 'fcc:', now = systemClock }: RedisStoreOptions = {}) {
    if (typeof client?.evalsha !== 'function' || typeof client.status !== 'string') {
      throw new FlowConfigurationError('FST_OAUTH_INVALID_REDIS_CLIENT')
    }
    this.#client = client
    this.#prefix = prefix
    this.#now = now
    // In braces is what a cluster chooses the node by: a script reaches the keys of one node only.
    this.#revocations = ['positions', 'expiries', 'names'].map((name) => `${prefix}{revocations}:${name}`)
  }

  async reserve (key: string, expiresAt: number): Promise<boolean> {
    const stored = this.#key('replay', key)
    const value = `${expiresAt} ${randomUUID()}`
    const seconds = this.#secondsUntil(expiresAt)
    return await ask(this.#client, async (client) => {
      if (await client.set(stored, value, 'EX', seconds, 'NX') !== null) return true
      return Number(await runScript(client, RESERVE_KEPT, [stored], [value, String(this.#now()), String(seconds)])) === 1
    })
  }

  async countFailure (key: string, window: number): Promise<{ count: number, forgottenAt: number }> {
    const now = this.#now()
    const args = [now, now + window, this.#secondsUntil(now + window)].map(String)
    const [count, forgottenAt] = await ask(this.#client, (client) => runScript(client, COUNT_FAILURE, [this.#key('failures', key)], args)) as [unknown, unknown]
    return { count: Number(count), forgottenAt: Number(forgottenAt) }
  }

  async forgetFailures (key: string): Promise<void> {
    await ask(this.#client, (client) => client.del(this.#key('failures', key)))
  }

  async addRevocation (revocation: Revocation): Promise<void> {
    const args = [JSON.stringify(revocation), String(revocation.expiresAt), randomUUID(), String(this.#now() - SKEW)]
    await ask(this.#client, (client) => runScript(client, ADD_REVOCATION, this.#revocations, args))
  }

  async listRevocations (cursor: string | undefined): Promise<{ revocations: Revocation[], cursor: string }> {
    const revocations: Revocation[] = []
    let page = await this.#listPage(cursor, '')
    // The cursor of the first page: what is added meanwhile is listed again.
    const next = page.cursor
    revocations.push(...page.revocations)
    while (page.revocations.length === PAGE) {
      page = await this.#listPage(cursor, page.position)
      revocations.push(...page.revocations)
    }
    const now = this.#now()
    return { revocations: revocations.filter(({ expiresAt }) => expiresAt > now), cursor: next }
  }

  async #listPage (cursor: string | undefined, position: string): Promise<{ revocations: Revocation[], cursor: string, position: string }> {
    return await ask(this.#client, async (client) => {
      const args = [cursor ?? '', position, String(PAGE)]
      const [next, listed] = await runScript(client, LIST_REVOCATIONS, this.#revocations, args) as [string, string[]]
      const revocations = listed.filter((_, index) => index % 2 === 0).map((text): Revocation => JSON.parse(text))
      return { revocations, cursor: next, position: listed.at(-1) ?? '' }
    })
  }

  // Hashed: no assertion is in Redis, and no key is longer than others, whoever chose it.
  #key (kind: string, key: string): string {
    return `${this.#prefix}${kind}:${createHash('sha256').update(key).digest('base64url')}`
  }

  #secondsUntil (time: number): number {
    return Math.ceil(Math.max(0, time - this.#now())) + SKEW
  }
}

/**
 * Keeps reservations of assertions and proofs, revocations, and counted failures in Redis 7 or newer. Clients, signing keys
 * and opaque tokens belong into a database.
 *
 * A call rejects with StoreUnavailableError when Redis does not answer within 2 seconds, and at once while the client has
 * lost its connection, whatever the client's own `maxRetriesPerRequest`, `enableOfflineQueue` and `commandTimeout` are.
 *
 * Not checked: that Redis keeps what it takes. It needs `maxmemory-policy noeviction`, or whoever fills it may have a
 * reservation or a revocation thrown away; and persistence (`appendonly yes`), or a process that starts after Redis did
 * knows none of the revocations before.
 *
 * @param client a Redis or a Cluster of ioredis or iovalkey, not of node-redis. It stays yours: listen to its "error" events, and close it
 * @throws FlowConfigurationError for another client
 */
export function redisStore (client: RedisClient, options?: RedisStoreOptions): RedisStore {
  return new RedisStore(client, options)
}
