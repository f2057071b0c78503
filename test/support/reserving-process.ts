// One of several processes that reserve the same keys in one Redis. It reports how many of its calls were the first use.
import { Redis } from 'ioredis'
import type { Reservation } from '../../src/stores/contracts/index.ts'
import { redisStore } from '../../src/stores/redis.ts'

/** What such a process is told to reserve. */
export interface Reservations {
  key: string
  reservation: Reservation
  /** How many calls it starts at the same time. */
  attempts: number
}

const client = new Redis(process.env.REDIS_URL ?? '')
const store = redisStore(client)

process.on('message', ({ key, reservation, attempts }: Reservations) => {
  Promise.all(Array.from({ length: attempts }, () => store.reserve(key, reservation))).then(
    (won) => process.send?.({ won: won.filter(Boolean).length }),
    (error: Error) => process.send?.({ error: String(error.cause) })
  )
})
process.once('disconnect', () => { client.disconnect() })
client.once('ready', () => { process.send?.('ready') })
