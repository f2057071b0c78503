import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type {
  ClientStore, FailureStore, KeySet, KeyStore, ReplayStore, Revocation, RevocationStore, SecretUse, StoredClient, StoredToken, TokenStore
} from './index.ts'

// Seconds between two searches for what has expired.
const TIDY = 60
// Seconds that changes of clients are listed.
const CHANGES_KEPT = 3600

/** Keeps everything in the memory of this process: for tests, and for one process whose clients may start anew after it. */
export class MemoryStore implements ClientStore, FailureStore, KeyStore, ReplayStore, RevocationStore, TokenStore {
  static #isInUse = false
  readonly #now: Clock
  readonly #revocations = new Map<number, Revocation>()
  readonly #tokens = new Map<string, StoredToken>()
  readonly #clients = new Map<string, StoredClient>()
  // By id, in the order of the changes: the last of each client.
  readonly #changes = new Map<string, { sequence: number, changedAt: number }>()
  readonly #uses = new Map<string, Map<string, number>>()
  readonly #reserved = new Map<string, number>()
  readonly #failures = new Map<string, { count: number, forgottenAt: number }>()
  #keySet: KeySet = { version: 0, keys: [] }
  #lastRevocation = 0
  #lastChange = 0
  #tidyAt = 0

  constructor ({ now = systemClock }: { now?: Clock } = {}) {
    MemoryStore.#isInUse = true
    this.#now = now
  }

  /** Whether this process has ever made one. For a warning: what depends on a store does not tell which one it was given. */
  static get isInUse (): boolean {
    return MemoryStore.#isInUse
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

  async addClients (clients: readonly StoredClient[]): Promise<string[]> {
    const added: string[] = []
    for (const client of clients) {
      if (this.#clients.has(client.id)) continue
      this.#clients.set(client.id, structuredClone(client))
      added.push(client.id)
    }
    return added
  }

  async findClients (ids: readonly string[]): Promise<StoredClient[]> {
    return [...new Set(ids)].flatMap((id) => structuredClone(this.#clients.get(id)) ?? [])
  }

  async replaceClient (client: StoredClient): Promise<boolean> {
    const { id, version } = client
    if (this.#clients.get(id)?.version !== version) return false
    this.#clients.set(id, structuredClone({ ...client, version: version + 1 }))
    const uses = this.#uses.get(id)
    const secretIds = new Set(client.secrets.map((secret) => secret.id))
    for (const secretId of [...uses?.keys() ?? []]) if (!secretIds.has(secretId)) uses?.delete(secretId)
    this.#noteChange(id)
    return true
  }

  async removeClient (id: string): Promise<boolean> {
    if (!this.#clients.delete(id)) return false
    this.#uses.delete(id)
    this.#noteChange(id)
    return true
  }

  async listClients ({ after, limit }: { after?: string, limit: number }): Promise<StoredClient[]> {
    const ids = [...this.#clients.keys()].filter((id) => after === undefined || compareBytes(id, after) > 0).sort(compareBytes)
    return await this.findClients(ids.slice(0, limit))
  }

  async listClientChanges (cursor: string | undefined): Promise<{ ids: string[], cursor: string }> {
    const since = Number(cursor ?? this.#lastChange)
    const ids = [...this.#changes].filter(([, { sequence }]) => sequence > since).map(([id]) => id)
    return { ids, cursor: String(this.#lastChange) }
  }

  async hasImportedSecrets (): Promise<boolean> {
    return [...this.#clients.values()].some(({ secrets }) => secrets.some(({ isImported }) => isImported))
  }

  async saveSecretUses (uses: readonly SecretUse[]): Promise<void> {
    for (const { clientId, secretId, usedAt } of uses) {
      if (!this.#clients.has(clientId)) continue
      const known = this.#uses.get(clientId) ?? new Map<string, number>()
      known.set(secretId, Math.max(usedAt, known.get(secretId) ?? 0))
      this.#uses.set(clientId, known)
    }
  }

  async findSecretUses (clientIds: readonly string[]): Promise<SecretUse[]> {
    return [...new Set(clientIds)].flatMap((clientId) =>
      [...this.#uses.get(clientId) ?? []].map(([secretId, usedAt]) => ({ clientId, secretId, usedAt })))
  }

  async reserve (key: string, expiresAt: number): Promise<boolean> {
    this.#tidy()
    if ((this.#reserved.get(key) ?? 0) > this.#now()) return false
    this.#reserved.set(key, expiresAt)
    return true
  }

  async countFailure (key: string, window: number): Promise<{ count: number, forgottenAt: number }> {
    this.#tidy()
    const time = this.#now()
    const known = this.#failures.get(key)
    const { count, forgottenAt } = known !== undefined && known.forgottenAt > time ? known : { count: 0, forgottenAt: time + window }
    this.#failures.set(key, { count: count + 1, forgottenAt })
    return { count: count + 1, forgottenAt }
  }

  async forgetFailures (key: string): Promise<void> {
    this.#failures.delete(key)
  }

  #noteChange (id: string): void {
    this.#tidy()
    // Behind those of others: a map keeps the place of a key that is set again.
    this.#changes.delete(id)
    this.#changes.set(id, { sequence: ++this.#lastChange, changedAt: this.#now() })
  }

  #tidy (): void {
    const time = this.#now()
    if (time < this.#tidyAt) return
    this.#tidyAt = time + TIDY
    for (const [sequence, { expiresAt }] of this.#revocations) if (expiresAt <= time) this.#revocations.delete(sequence)
    for (const [hash, { expiresAt }] of this.#tokens) if (expiresAt <= time) this.#tokens.delete(hash)
    for (const [id, { changedAt }] of this.#changes) if (changedAt + CHANGES_KEPT <= time) this.#changes.delete(id)
    for (const [key, expiresAt] of this.#reserved) if (expiresAt <= time) this.#reserved.delete(key)
    for (const [key, { forgottenAt }] of this.#failures) if (forgottenAt <= time) this.#failures.delete(key)
  }
}

// As every store does: by the bytes of UTF-8, and not by UTF-16.
function compareBytes (a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
