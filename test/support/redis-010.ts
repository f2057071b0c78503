// The Redis store of release 0.1.0, as far as it shares keys with this release: its scripts and its commands.
import { createHash, randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Revocation } from '../../src/stores/contracts/index.ts'

const SKEW = 60
const PAGE = 1000

const RESERVE_KEPT = `
local kept = redis.call('GET', KEYS[1])
if kept and kept ~= ARGV[1] and tonumber(string.match(kept, '%S+')) > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
return 1
`
const ADD_REVOCATION = `
local expired = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[4], 'LIMIT', 0, 100)
if #expired > 0 then
  redis.call('ZREM', KEYS[1], unpack(expired))
  redis.call('ZREM', KEYS[2], unpack(expired))
end
local last = redis.call('ZREVRANGE', KEYS[3], 0, 0, 'WITHSCORES')
local position = tonumber(last[2] or 0) + 1
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
if redis.call('ZADD', KEYS[1], 'NX', position, ARGV[1]) == 1 then
  redis.call('ZADD', KEYS[3], position, ARGV[3])
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1001)
end
`
const LIST_REVOCATIONS = `
local last = redis.call('ZREVRANGE', KEYS[3], 0, 0)
local from = ARGV[2] ~= '' and ARGV[2] or redis.call('ZSCORE', KEYS[3], ARGV[1])
local page = redis.call('ZRANGEBYSCORE', KEYS[1], from and '(' .. from or '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[3])
return { last[1] or '', page }
`

/** The store of 0.1.0. */
export class Release010 {
  readonly #client: Redis
  readonly #prefix: string
  readonly #now: () => number
  readonly #revocations: readonly string[]

  constructor (client: Redis, { prefix, now }: { prefix: string, now: () => number }) {
    this.#client = client
    this.#prefix = prefix
    this.#now = now
    this.#revocations = ['positions', 'expiries', 'names'].map((name) => `${prefix}{revocations}:${name}`)
  }

  async reserve (key: string, expiresAt: number): Promise<boolean> {
    const stored = `${this.#prefix}replay:${createHash('sha256').update(key).digest('base64url')}`
    const value = `${expiresAt} ${randomUUID()}`
    const seconds = Math.ceil(Math.max(0, expiresAt - this.#now())) + SKEW
    if (await this.#client.set(stored, value, 'EX', seconds, 'NX') !== null) return true
    return Number(await this.#client.eval(RESERVE_KEPT, 1, stored, value, this.#now(), seconds)) === 1
  }

  async addRevocation (revocation: Revocation): Promise<void> {
    await this.#client.eval(ADD_REVOCATION, 3, ...this.#revocations, JSON.stringify(revocation), revocation.expiresAt, randomUUID(), this.#now() - SKEW)
  }

  async listRevocations (cursor: string | undefined): Promise<{ revocations: Revocation[], cursor: string }> {
    const revocations: Revocation[] = []
    let position = ''
    let next: string | undefined
    for (let count = PAGE; count === PAGE;) {
      const [last, listed] = await this.#client.eval(LIST_REVOCATIONS, 3, ...this.#revocations, cursor ?? '', position, PAGE) as [string, string[]]
      next ??= last
      revocations.push(...listed.filter((_, index) => index % 2 === 0).map((text): Revocation => JSON.parse(text)))
      position = listed.at(-1) ?? ''
      count = listed.length / 2
    }
    return { revocations: revocations.filter(({ expiresAt }) => expiresAt > this.#now()), cursor: next! }
  }
}
