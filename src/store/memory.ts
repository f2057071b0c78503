import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { KeySet, KeyStore, Revocation, RevocationStore, StoredToken, TokenStore } from './index.ts'

// Seconds between two searches for what has expired.
const TIDY = 60

/** Keeps everything in the memory of this process: for tests, and for one process whose clients may start anew after it. */
export class MemoryStore implements KeyStore, RevocationStore, TokenStore {
  readonly #now: Clock
  readonly #revocations = new Map<number, Revocation>()
  readonly #tokens = new Map<string, StoredToken>()
  #keySet: KeySet = { version: 0, keys: [] }
  #lastRevocation = 0
  #tidyAt = 0

  constructor ({ now = systemClock }: { now?: Clock } = {}) {
    this.#now = now
  }

  // What comes in and goes out is copied, as by a store outside of the process.

  async readKeys (): Promise<KeySet> {
    return structuredClone(this.#keySet)
  }

  async replaceKeys ({ version, keys }: KeySet): Promise<boolean> {
    if (version !== this.#keySet.version) return false
    this.#keySet = { version: version + 1, keys: structuredClone(keys) }
    return true
  }

  async addRevocation (revocation: Revocation): Promise<void> {
    this.#tidy()
    this.#revocations.set(++this.#lastRevocation, { ...revocation })
  }

  async listRevocations (cursor: string | undefined): Promise<{ revocations: Revocation[], cursor: string }> {
    const since = Number(cursor ?? 0)
    const revocations = [...this.#revocations]
      .filter(([sequence, { expiresAt }]) => sequence > since && expiresAt > this.#now())
      .map(([, revocation]) => ({ ...revocation }))
    return { revocations, cursor: String(this.#lastRevocation) }
  }

  async saveToken (hash: string, token: StoredToken): Promise<void> {
    this.#tidy()
    this.#tokens.set(hash, structuredClone(token))
  }

  async findToken (hash: string): Promise<StoredToken | undefined> {
    const token = this.#tokens.get(hash)
    return token !== undefined && token.expiresAt > this.#now() ? structuredClone(token) : undefined
  }

  async removeToken (hash: string): Promise<void> {
    this.#tokens.delete(hash)
  }

  #tidy (): void {
    const time = this.#now()
    if (time < this.#tidyAt) return
    this.#tidyAt = time + TIDY
    for (const [sequence, { expiresAt }] of this.#revocations) if (expiresAt <= time) this.#revocations.delete(sequence)
    for (const [hash, { expiresAt }] of this.#tokens) if (expiresAt <= time) this.#tokens.delete(hash)
  }
}
