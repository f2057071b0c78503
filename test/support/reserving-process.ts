// One of several processes that reserve the same keys in one Redis, and says how many of its calls won.
import { Redis } from 'ioredis'
import { redisStore } from '../../src/store/redis.ts'

/** What such a process is told. */
export interface Reservations {
  key: string
  expiresAt: number
  /** How many times it tries at once. */
  attempts: number
}

const client = new Redis(process.env.REDIS_URL ?? '')
const store = redisStore(client)

process.on('message', ({ key, expiresAt, attempts }: Reservations) => {
  Promise.all(Array.from({ length: attempts }, () => store.reserve(key, expiresAt))).then(
    (won) => process.send?.({ won: won.filter(Boolean).length }),
    (error: Error) => process.send?.({ error: String(error.cause) })
  )
})
process.once('disconnect', () => { client.disconnect() })
client.once('ready', () => { process.send?.('ready') })
