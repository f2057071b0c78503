// What a promoted standby lacks of what was acknowledged, read from the standby itself before any server reaches it.
import type { Redis } from 'ioredis'
import type { Ledger, Revocation } from './ledger.ts'
import type { PostgresPair } from './postgres-pair.ts'

/** Marks the revocations that are not in the database. @returns how many */
export async function markLostInPostgres (ledger: Ledger, postgres: PostgresPair, lostAt: number): Promise<number> {
  const entries = await postgres.query("SELECT kind || ' ' || id AS id, MAX(COALESCE(generation, 0)) AS generation FROM oauth_entries GROUP BY kind, id")
  const generations = new Map(entries.map(({ id, generation }) => [String(id), Number(generation)]))
  const revocations = await postgres.query('SELECT id FROM oauth_revocations')
  const ids = new Set(revocations.map(({ id }) => String(id)))
  return mark(ledger, lostAt, ({ feed, id, generation }) =>
    feed === 'opaque' ? ids.has(id) : feed !== 'entries' || (generations.get(id) ?? -1) >= generation)
}

/** Marks the revocations that are not in Redis. @returns how many */
export async function markLostInRedis (ledger: Ledger, redis: Redis, lostAt: number): Promise<number> {
  const [key] = await redis.keys('*{revocations}:positions')
  const texts = key === undefined ? [] : await redis.zrange(key, '0', '-1')
  const ids = new Set(texts.map((text) => (JSON.parse(text) as { id: string }).id))
  return mark(ledger, lostAt, ({ feed, id }) => feed !== 'revocations' || ids.has(id))
}

function mark ({ revocations }: Ledger, lostAt: number, isThere: (revocation: Revocation) => boolean): number {
  const lost = revocations.filter((revocation) => revocation.lostAt === undefined && revocation.sentAt < lostAt && !isThere(revocation))
  for (const revocation of lost) revocation.lostAt = lostAt
  return lost.length
}
