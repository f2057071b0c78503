import { measureAge } from '../../lib/age.ts'
import type { Age } from '../../lib/age.ts'
import type { Clock } from '../../lib/clock.ts'
import type { ClientStore, SecretUse } from '../../stores/contracts/index.ts'

// Seconds between two notes of one secret, and between two writings.
const INTERVAL = 60
// Secrets whose use may wait to be written. What goes beyond is noted a minute later.
const MAX_PENDING = 50_000
// How many are written in one step. Of all at once, SQLite would keep the process from everything else for half a second, and
// PostgreSQL a connection and the rows for many.
const BATCH = 500

/** A secret whose uses are noted. */
export interface NotedSecret {
  readonly id: string
  /** When its use was noted last, in seconds since 1970. */
  notedAt: number
}

/**
 * Notes when secrets are used, to the minute, and writes it in batches: once a minute, on the way of a request, which does
 * not wait for it. No timer keeps the process alive.
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
    // A clock that was set back must not stop the notes.
    if (age >= 0 && age < INTERVAL) return
    secret.notedAt = time
    if (this.#pending.size < MAX_PENDING) this.#pending.set(keyOf(clientId, secret.id), { clientId, secretId: secret.id, usedAt: time })
    if (this.#sinceWriting() >= INTERVAL * 1000) this.#writeOnce()
  }

  /** Writes what waits. @throws the store's error; what could not be written waits on */
  async flush (): Promise<void> {
    // A writing that is under way may miss what was noted since.
    await this.#writeOnce()
    const error = this.#pending.size > 0 ? await this.#writeOnce() : undefined
    if (error !== undefined) throw error
  }

  /** Reads the last uses of the secrets of clients, and gives what finds one of them. */
  async find (clientIds: readonly string[]): Promise<(clientId: string, secretId: string) => number | undefined> {
    const uses = clientIds.length > 0 ? await this.#store.findSecretUses(clientIds) : []
    const written = new Map(uses.map(({ clientId, secretId, usedAt }) => [keyOf(clientId, secretId), usedAt]))
    return (clientId, secretId) => {
      const key = keyOf(clientId, secretId)
      return this.#pending.get(key)?.usedAt ?? written.get(key)
    }
  }

  // One writing at a time. Never rejects.
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
      // A store may be done without having let go of the event loop.
      if (written > 0) await new Promise((resolve) => { setImmediate(resolve) })
      const batch = uses.slice(written, written + BATCH)
      await this.#store.saveSecretUses(batch.map(([, use]) => use))
      // What was noted in the meantime is later, and waits on.
      for (const [key, use] of batch) if (this.#pending.get(key) === use) this.#pending.delete(key)
    }
  }
}

function keyOf (clientId: string, secretId: string): string {
  return JSON.stringify([clientId, secretId])
}
