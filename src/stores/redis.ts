import { systemClock } from '../lib/clock.ts'
import type { Clock } from '../lib/clock.ts'
import { steadyClock } from '../lib/steady-clock.ts'
import { checkArgument, checkOptions, CLOCK, codedError, hasMethods, required, seconds, text } from '../options/check-options.ts'
import type { OptionsDescription, Rule } from '../options/check-options.ts'
import type { EvictionAware, FailureStore, FeedMark, FeedPage, ReplayStore, Reservation, Revocation, RevocationStore } from './contracts/index.ts'
import type { RedisClient } from './redis/connection.ts'
import { checkEviction } from './redis/eviction.ts'
import { Failures } from './redis/failures.ts'
import { Reservations } from './redis/reservations.ts'
import { RevocationFeed } from './redis/revocation-feed.ts'

export type { RedisClient } from './redis/connection.ts'

/** Options of {@link redisStore}. */
export interface RedisStoreOptions {
  /** The prefix of all keys. Default "fcc:". */
  prefix?: string
  /**
   * Seconds that the clocks of servers and of Redis may differ: at least the greatest `clockTolerance` of all servers. A
   * revocation is kept for twice as long after its expiry. Default 300.
   */
  clockTolerance?: number
  /** Replaces the clock of Redis, for tests. Default that clock, and the clock of the machine for counted failures. */
  now?: Clock
}

const CLIENT: Rule<RedisClient> = {
  accepts: (value) => hasMethods(value, ['set', 'evalsha', 'eval']) && typeof (value as RedisClient).status === 'string',
  demand: 'a Redis or a Cluster of ioredis or iovalkey',
  fix: 'Pass new Redis(...)',
  error: codedError('FST_OAUTH_INVALID_REDIS_CLIENT')
}

const REDIS_STORE: OptionsDescription<RedisStoreOptions> = { of: 'redisStore', options: { prefix: text(0), clockTolerance: seconds(0), now: CLOCK } }

/** Keeps short-lived data of all processes in Redis. Created by {@link redisStore}. */
export class RedisStore implements ReplayStore, RevocationStore, FailureStore, EvictionAware {
  readonly #client: RedisClient
  readonly #prefix: string
  readonly #reservations: Reservations
  readonly #revocations: RevocationFeed
  readonly #failures: Failures

  constructor (client: RedisClient, options: RedisStoreOptions = {}) {
    checkArgument(client, required(CLIENT), 'redisStore', 'client')
    checkOptions(options, REDIS_STORE)
    const { prefix = 'fcc:', clockTolerance = 300, now } = options
    this.#client = client
    this.#prefix = prefix
    const storeClock = () => now === undefined ? '' : String(now())
    this.#reservations = new Reservations({ client, prefix, storeClock })
    this.#revocations = new RevocationFeed({ client, prefix, storeClock, ownClock: steadyClock(now ?? systemClock), kept: 2 * clockTolerance })
    this.#failures = new Failures({ client, prefix, now: now ?? systemClock, seed: () => this.#revocations.storeId() })
  }

  /**
   * Returns the random id of this store. It is created once; copies of Redis, such as a replica or a restored backup, have
   * the same, and a Redis that has lost all of its data gets another.
   *
   * @throws StoreUnavailableError
   */
  async storeId (): Promise<string> {
    return await this.#revocations.storeId()
  }

  /**
   * Declares that servers have reserved one-time values before, in this Redis or in one that it replaces. A Redis without
   * sentinels has then lost reservations, and values that may be among them are rejected. Without this call, a process that
   * starts treats such a Redis as a new one. Call it before {@link check} and before the first reservation.
   */
  expectHistory (): void {
    this.#reservations.expectHistory()
  }

  /**
   * Creates missing sentinels, by which `reserve` detects that Redis has lost reservations. The first reservation of a process
   * does so too.
   *
   * @returns warnings about missing protection with this Redis, each with its fix; none if everything is in order
   * @throws StoreUnavailableError
   */
  async check (): Promise<readonly string[]> {
    if (await this.#reservations.watch()) return []
    return [
      'The user of the Redis connection is not allowed to run INFO. So the store notices neither that Redis has lost ' +
      'reservations (after a restart or a failover, an assertion or a proof may be accepted twice) nor that it is connected to a ' +
      'writable replica. Run: ACL SETUSER <user> +info'
    ]
  }

  /**
   * Reserves a one-time value. A value that was made before Redis was restarted, replaced or promoted, or within twice the
   * clock tolerance after the store detected that, is rejected: its reservation may be lost.
   *
   * @returns false if it is already reserved
   * @throws StoreUnavailableError also for such a value, which is never accepted. The client needs a new one
   */
  async reserve (key: string, reservation: Reservation): Promise<boolean> {
    return await this.#reservations.reserve(key, reservation)
  }

  async addRevocation (revocation: Revocation): Promise<FeedMark> {
    return await this.#revocations.add(revocation)
  }

  async listRevocations (after?: FeedMark): Promise<FeedPage<Revocation>> {
    return await this.#revocations.list(after)
  }

  /** Counts a failure. Of all callers, at most 4,096 counts are kept: those with the most failures. @throws StoreUnavailableError */
  async countFailure (key: string, window: number): Promise<{ count: number, forgottenAt: number }> {
    return await this.#failures.count(key, window)
  }

  async forgetFailures (key: string): Promise<void> {
    await this.#failures.forget(key)
  }

  /**
   * Checks that Redis does not evict keys when `maxmemory` is reached: an evicted reservation would allow the replay of a
   * proof, and an evicted revocation would make a token valid again. Reads INFO, since managed servers block CONFIG. The flow
   * calls it when it starts, for
   * stores of revocations and of replay protection.
   *
   * @returns a warning if the policy cannot be read
   * @throws FlowConfigurationError FST_OAUTH_REDIS_EVICTS
   * @throws StoreUnavailableError
   */
  async checkEviction (): Promise<readonly string[]> {
    return await checkEviction(this.#client, [`${this.#prefix}{revocations}:id`, ...this.#reservations.sentinels])
  }
}

/**
 * Keeps reservations of assertions and proofs, revocations of single tokens, and counted failures in Redis 7 or newer, or
 * Valkey. Clients, signing keys and opaque tokens belong in a database.
 *
 * A call rejects with StoreUnavailableError when Redis does not answer within 2 seconds, and immediately while the client is
 * disconnected, regardless of the client's own `maxRetriesPerRequest`, `enableOfflineQueue` and `commandTimeout`.
 *
 * Checked:
 * - that it is the primary. A replica rejects every script; a writable replica does where INFO is allowed. A primary with
 *   fewer replicas than `min-replicas-to-write`, or whose last snapshot failed (`stop-writes-on-bgsave-error`), rejects
 *   every script too, reads included.
 * - that a list of revocations continues where the last one ended: `isContinued` is false after a loss of data.
 * - that reservations may be lost. After a restart, a promotion, a loss of data, or a move of slots to another node of a Cluster,
 *   values that may be among them are rejected. Needs the permission to run INFO: see {@link RedisStore.check}.
 * - that Redis evicts no keys: `maxmemory-policy` must be noeviction unless `maxmemory` is 0. See {@link RedisStore.checkEviction}.
 *
 * Not checked:
 * - that Redis keeps what it accepted. It needs persistence (`appendonly yes`), or processes that start after a restart of
 *   Redis do not read the earlier revocations.
 * - that there is one primary. During a network partition, two primaries may accept the same value; `min-replicas-to-write 1`
 *   limits that to `min-replicas-max-lag`.
 * - that a new process on an empty Redis is the first one: see {@link RedisStore.expectHistory}.
 * - the memory of Redis before a revocation: it is stored even when `maxmemory` is reached. Reservations and counted
 *   failures are rejected then.
 *
 * @param client a Redis or a Cluster of ioredis or iovalkey, not of node-redis. Listening to its "error" events and closing it is up to you
 * @throws FlowConfigurationError FST_OAUTH_INVALID_REDIS_CLIENT, FST_OAUTH_INVALID_OPTION, FST_OAUTH_UNKNOWN_OPTION
 */
export function redisStore (client: RedisClient, options?: RedisStoreOptions): RedisStore {
  return new RedisStore(client, options)
}
