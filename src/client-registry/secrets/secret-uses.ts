import { measureAge } from '../../lib/age.ts'
import type { Age } from '../../lib/age.ts'
import type { Clock } from '../../lib/clock.ts'
import type { ClientStore, SecretUse } from '../../stores/contracts/index.ts'

// Seconds between two records of one secret, and between two writes.
const INTERVAL = 60
// Maximum number of pending secrets. Further uses are recorded a minute later.
const MAX_PENDING = 50_000
// Secrets per write. Writing all at once would block the process for half a second with SQLite, and hold a connection and row locks
// for long with PostgreSQL.
const BATCH = 500

/** A secret whose uses are recorded. */
export interface NotedSecret {
  readonly id: string
  /** When its use was last recorded, in seconds since 1970. */
  notedAt: number
}

/**
 * Records when secrets are used, to the minute, and writes the times in batches once a minute. A request triggers the write and
 * does not wait for it. No timer keeps the process alive.
 */
export class SecretUses {
  readonly #store: Pick<ClientStore, 'saveSecretUses' | 'findSecretUses'>
  readonly #now: Clock
  readonly #onError: ((error: Error) => void) | undefined
  readonly #pending = new Map<string, SecretUse>()
  #writing: Promise<Error | undefined> | undefined
  #sinceWriting: Age = () => Infinity
  #hasFailed = false

  constructor (store: Pick<ClientStore, 'saveSecretUses' | 'findSecretUses'>, { now, onError }: { now: Clock, onError: ((error: Error) => void) | undefined }) {
    this.#store = store
    this.#now = now
    this.#onError = onError
  }

  note (clientId: string, secret: NotedSecret): void {
    const time = this.#now()
    const age = time - secret.notedAt
    // A clock that was set back must not stop the recording.
    if (age >= 0 && age < INTERVAL) return
    secret.notedAt = time
    if (this.#pending.size < MAX_PENDING) this.#pending.set(keyOf(clientId, secret.id), { clientId, secretId: secret.id, usedAt: time })
    if (this.#sinceWriting() >= INTERVAL * 1000) this.#writeOnce()
  }

  /** Writes the pending times. @throws the store's error; times that could not be written stay pending */
  async flush (): Promise<void> {
    // A write in progress may not include what was recorded since it began.
    await this.#writeOnce()
    const error = this.#pending.size > 0 ? await this.#writeOnce() : undefined
    if (error !== undefined) throw error
  }

  /** Reads the last-used times of the secrets of clients, and returns a function that looks one up. */
  async find (clientIds: readonly string[]): Promise<(clientId: string, secretId: string) => number | undefined> {
    const uses = clientIds.length > 0 ? await this.#store.findSecretUses(clientIds) : []
    const written = new Map(uses.map(({ clientId, secretId, usedAt }) => [keyOf(clientId, secretId), usedAt]))
    return (clientId, secretId) => {
      const key = keyOf(clientId, secretId)
      return this.#pending.get(key)?.usedAt ?? written.get(key)
    }
  }

  // Allows one write at a time. Never rejects.
  #writeOnce (): Promise<Error | undefined> {
    this.#sinceWriting = measureAge(this.#now)
    this.#writing ??= this.#write().then(() => undefined, (error: Error) => error).then((error) => {
      this.#writing = undefined
      if (error !== undefined && !this.#hasFailed) this.#onError?.(error)
      this.#hasFailed = error !== undefined
      return error
    })
    return this.#writing
  }

  async #write (): Promise<void> {
    const uses = [...this.#pending]
    for (let written = 0; written < uses.length; written += BATCH) {
      // A synchronous store may not have yielded to the event loop.
      if (written > 0) await new Promise((resolve) => { setImmediate(resolve) })
      const batch = uses.slice(written, written + BATCH)
      await this.#store.saveSecretUses(batch.map(([, use]) => use))
      // A use that was recorded meanwhile is later, and stays pending.
      for (const [key, use] of batch) if (this.#pending.get(key) === use) this.#pending.delete(key)
    }
  }
}

function keyOf (clientId: string, secretId: string): string {
  return JSON.stringify([clientId, secretId])
}
