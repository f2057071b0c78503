import { measureAge } from '../lib/age.ts'
import type { Age } from '../lib/age.ts'
import type { BackgroundRefresh } from '../lib/background-refresh.ts'
import { systemClock } from '../lib/clock.ts'
import type { Clock } from '../lib/clock.ts'
import type {
  AuditRecord, ClientStore, Entry, EntryPage, EntryStore, FeedMark, SettingsStore, StoredClient, StoredSettings, Written
} from '../stores/contracts/index.ts'
import { EntryState } from './entry-state.ts'
import { FeedReader } from './feed-reader.ts'

/** A store that has entries and, beside them, what is agreed of the processes on it. */
export type EntriesStore = EntryStore & Partial<SettingsStore> & Partial<Pick<ClientStore, 'findClients' | 'replaceClient'>>

// Each attempt is lost to another process that changes the same client.
const MAX_ATTEMPTS = 100

// Milliseconds after which a read of the settings that was not answered is repeated.
const SETTINGS_LIMIT = 1000

const shared = new WeakMap<object, Entries>()

/**
 * The entries of a store as this process holds them: of clients, secrets and signing keys. All parts on one store share one
 * reader.
 */
export class Entries {
  readonly store: EntriesStore
  readonly #reader: FeedReader<Entry, EntryState>
  readonly #now: Clock
  #settings: StoredSettings | undefined
  #sinceSettings: Age = () => Infinity

  /** `onOutage` is called once per outage, with the error. */
  constructor (store: EntriesStore, { now = systemClock, onOutage }: { now?: Clock, onOutage?: ((error: Error) => void) | undefined } = {}) {
    this.store = store
    this.#now = now
    this.#reader = new FeedReader({
      list: (after) => this.#list(after),
      state: new EntryState(),
      writeBack: async (entries) => await store.addEntries(entries),
      clockTolerance: () => this.#settings?.largestClockTolerance ?? 300,
      now,
      onOutage
    })
  }

  /** The entries of a store, shared by all that ask for them. Undefined for a store that has none. */
  static of (store: object, options?: { now?: Clock }): Entries | undefined {
    if (!hasEntries(store)) return undefined
    let entries = shared.get(store)
    if (entries === undefined) shared.set(store, entries = new Entries(store, options))
    return entries
  }

  /** How old what is held is, and how it is read again. */
  get refresh (): BackgroundRefresh {
    return this.#reader.refresh
  }

  /** Counts how often the store has lost history. What was read of it before must be read anew. */
  get epoch (): number {
    return this.#reader.epoch
  }

  /** Counts the entries that were merged: what was decided by the others still holds as long as it is the same. */
  get changes (): number {
    return this.#reader.state.changes
  }

  /** What the processes on the store have agreed on. Undefined as long as it was not read. */
  get settings (): StoredSettings | undefined {
    return this.#settings
  }

  /**
   * Reads the settings as they are now: what is written, or dropped, for the longest lifetime must not go by a shorter one.
   * Undefined where the store keeps none.
   *
   * @throws the store's error
   */
  async readSettings (): Promise<StoredSettings | undefined> {
    if (this.store.readSettings !== undefined) this.#settings = await this.store.readSettings()
    return this.#settings
  }

  /** Reads the clock of the store. @returns seconds since 1970 @throws the store's error */
  async readClock (): Promise<number> {
    const error = await this.refresh.renew()
    if (error !== undefined) throw error
    return this.#reader.storeTime
  }

  /** The generation of all clients. */
  get generationOfAll (): number {
    return this.#reader.state.generationOfAll
  }

  /** The entry of a client, if there is one. */
  client (id: string): ReturnType<EntryState['client']> {
    return this.#reader.state.client(id)
  }

  isSecretRevoked (clientId: string, secretId: string): boolean {
    return this.#reader.state.isSecretRevoked(clientId, secretId)
  }

  isKeyRevoked (kid: string): boolean {
    return this.#reader.state.isKeyRevoked(kid)
  }

  /**
   * Whether an access token is invalid by what has become of its client since.
   *
   * @param generation that of the token; 0 for one that carries none
   */
  isTokenRevoked (clientId: string, generation: number): boolean {
    const { state } = this.#reader
    if (generation < state.generationOfAll) return true
    const client = state.client(clientId)
    if (client === undefined || generation > client.generation) return false
    return client.isDisabled || generation < client.generation
  }

  /** The number that a generation of a client must exceed, by all that this process holds. */
  floorOf (clientId: string): number {
    return Math.max(this.generationOfAll, this.client(clientId)?.generation ?? 0)
  }

  /**
   * Raises the generation of a client in the registry: its access tokens are invalid.
   *
   * @returns false for a client that is not there, or a store without clients
   */
  async raiseClient (id: string, audit?: AuditRecord): Promise<boolean> {
    const { findClients, replaceClient } = this.store
    if (findClients === undefined || replaceClient === undefined) return false
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const [client] = await findClients.call(this.store, [id])
      if (client === undefined) return false
      const written = await replaceClient.call(this.store, this.raised(client), { raises: true, audit })
      if (written === false) continue
      this.acknowledged(written)
      return true
    }
    throw new Error(`The client ${id} could not be changed, since others change it all the time`)
  }

  /** Raises the generation of all clients: every access token that any of them has is invalid. */
  async raiseAll (audit?: AuditRecord): Promise<void> {
    this.acknowledged(await this.store.raiseAll({ above: this.generationOfAll, audit }))
  }

  /** A client with the generation that a raise must exceed at least. */
  raised (client: StoredClient): StoredClient {
    return { ...client, generation: Math.max(client.generation ?? 0, this.floorOf(client.id)) + 1 }
  }

  /** Holds what this process has written. */
  acknowledged (written: Written): void {
    this.#reader.acknowledged(written)
  }

  async #list (after: FeedMark): Promise<EntryPage> {
    const page = await this.store.listEntries(after)
    if (page.settingsVersion !== this.#settings?.version) this.#readSettingsSoon()
    return page
  }

  // Not waited for: entries that were read count, whatever becomes of the settings.
  #readSettingsSoon (): void {
    if (this.#sinceSettings() < SETTINGS_LIMIT || this.store.readSettings === undefined) return
    this.#sinceSettings = measureAge(this.#now)
    this.readSettings().then(() => {
      this.#sinceSettings = () => Infinity
    }, () => {})
  }
}

function hasEntries (store: object): store is EntriesStore {
  return typeof (store as Partial<EntryStore>).listEntries === 'function'
}
