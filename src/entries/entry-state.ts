import { SplitMap } from '../lib/split-map.ts'
import type { ClientEntry, Entry } from '../stores/contracts/index.ts'
import { deleteExpired, mergeExpiry } from './merging-state.ts'
import type { MergingState } from './merging-state.ts'

type HeldClient = Pick<ClientEntry, 'generation' | 'isDisabled' | 'expiresAt'>

/** Returns the id of the entry of a secret. A client_id contains no space. */
export function secretEntryId (clientId: string, secretId: string): string {
  return `${clientId} ${secretId}`
}

/** The entries that a process has cached. For a client, the greatest generation applies. Other entries are only added. */
export class EntryState implements MergingState<Entry> {
  readonly #clients = new SplitMap<HeldClient>()
  readonly #secrets = new SplitMap<number>()
  readonly #keys = new SplitMap<number>()
  #all = { generation: 0, expiresAt: 0 }
  #changes = 0

  /** The number of calls of {@link merge}. */
  get changes (): number {
    return this.#changes
  }

  /** Returns the entry of a client. Undefined if there is none, or it has expired. */
  client (id: string): HeldClient | undefined {
    return this.#clients.get(id)
  }

  /** The generation of all clients. */
  get generationOfAll (): number {
    return this.#all.generation
  }

  isSecretRevoked (clientId: string, secretId: string): boolean {
    return this.#secrets.has(secretEntryId(clientId, secretId))
  }

  isKeyRevoked (kid: string): boolean {
    return this.#keys.has(kid)
  }

  merge (entry: Entry): boolean {
    this.#changes++
    if (entry.kind === 'secret') return mergeExpiry(this.#secrets, entry.id, entry.expiresAt)
    if (entry.kind === 'key') return mergeExpiry(this.#keys, entry.id, entry.expiresAt)
    if (entry.kind === 'client') return this.#mergeClient(entry)
    const { generation, expiresAt } = this.#all
    this.#all = { generation: Math.max(generation, entry.generation), expiresAt: Math.max(expiresAt, entry.expiresAt) }
    return entry.generation > generation
  }

  covers (entry: Entry): boolean {
    if (entry.kind === 'secret') return this.#secrets.has(entry.id)
    if (entry.kind === 'key') return this.#keys.has(entry.id)
    if (entry.kind === 'all') return this.#all.generation >= entry.generation
    const held = this.#clients.get(entry.id)
    if (held === undefined || held.generation < entry.generation) return false
    return held.generation > entry.generation || held.isDisabled || !entry.isDisabled
  }

  * list (): Generator<Entry> {
    const { generation, expiresAt } = this.#all
    if (generation > 0) yield { kind: 'all', id: '', generation, expiresAt }
    for (const [id, client] of this.#clients) yield { kind: 'client', id, ...client }
    for (const [id, until] of this.#secrets) yield { kind: 'secret', id, expiresAt: until }
    for (const [id, until] of this.#keys) yield { kind: 'key', id, expiresAt: until }
  }

  * forget (before: () => number): Generator<void> {
    yield * deleteExpired(this.#clients, before, ({ expiresAt }) => expiresAt)
    yield * deleteExpired(this.#secrets, before, (expiresAt) => expiresAt)
    yield * deleteExpired(this.#keys, before, (expiresAt) => expiresAt)
  }

  empty (): EntryState {
    return new EntryState()
  }

  #mergeClient ({ id, generation, isDisabled, expiresAt }: ClientEntry): boolean {
    const held = this.#clients.get(id)
    if (held === undefined || held.generation < generation) {
      this.#clients.set(id, { generation, isDisabled, expiresAt: Math.max(expiresAt, held?.expiresAt ?? 0) })
      return true
    }
    // Two histories of the store may have used the same generation. In doubt, the client counts as disabled.
    const isNews = held.generation === generation && isDisabled && !held.isDisabled
    this.#clients.set(id, { ...held, isDisabled: held.isDisabled || isNews, expiresAt: Math.max(expiresAt, held.expiresAt) })
    return isNews
  }
}
