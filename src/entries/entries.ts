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

/** A store with entries, and optionally with the agreed settings of its processes and with clients. */
export type EntriesStore = EntryStore & Partial<SettingsStore> & Partial<Pick<ClientStore, 'findClients' | 'replaceClient'>>

// An attempt fails if another process changes the same client.
const MAX_ATTEMPTS = 100

// Milliseconds after which a pending read of the settings is repeated.
const SETTINGS_LIMIT = 1000

const shared = new WeakMap<object, Entries>()

/**
 * The cached entries of a store: of clients, secrets and signing keys. All parts of this process that use one store share one
 * instance.
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

  /** Returns the shared instance for a store. Undefined for a store without entries. */
  static of (store: object, options?: { now?: Clock }): Entries | undefined {
    if (!hasEntries(store)) return undefined
    let entries = shared.get(store)
    if (entries === undefined) shared.set(store, entries = new Entries(store, options))
    return entries
  }

  /** The age of the cached entries, and how they are refreshed. */
  get refresh (): BackgroundRefresh {
    return this.#reader.refresh
  }

  /** The number of times the store has lost history. Data that was read before must be read again. */
  get epoch (): number {
    return this.#reader.epoch
  }

  /** The number of merged entries. Results that were computed from the entries are valid as long as it is the same. */
  get changes (): number {
    return this.#reader.state.changes
  }

  /** The agreed settings of the processes on the store. Undefined until they were read. */
  get settings (): StoredSettings | undefined {
    return this.#settings
  }

  /**
   * Reads the current settings, since writing or dropping data by an outdated, shorter lifetime would be wrong. Returns
   * undefined if the store keeps no settings.
   *
   * @throws the store's error
   */
  async readSettings (): Promise<StoredSettings | undefined> {
    if (this.store.readSettings !== undefined) this.#settings = await this.store.readSettings()
    return this.#settings
  }

  /** Reads the clock of the store. @returns seconds since 1970. @throws the store's error */
  async readClock (): Promise<number> {
    const error = await this.refresh.renew()
    if (error !== undefined) throw error
    return this.#reader.storeTime
  }

  /** The generation of all clients. */
  get generationOfAll (): number {
    return this.#reader.state.generationOfAll
  }

  /** Returns the entry of a client, if there is one. */
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
   * Returns whether an access token was invalidated by a later change of its client.
   *
   * @param generation the generation of the token; 0 for a token without one
   */
  isTokenRevoked (clientId: string, generation: number): boolean {
    const { state } = this.#reader
    if (generation < state.generationOfAll) return true
    const client = state.client(clientId)
    if (client === undefined || generation > client.generation) return false
    return client.isDisabled || generation < client.generation
  }

  /** Returns the number that a new generation of a client must exceed, by the cached entries. */
  floorOf (clientId: string): number {
    return Math.max(this.generationOfAll, this.client(clientId)?.generation ?? 0)
  }

  /**
   * Raises the generation of a client in the registry, which invalidates its access tokens.
   *
   * @returns false for a client that does not exist, or a store without clients
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

  /** Raises the generation of all clients, which invalidates all their access tokens. */
  async raiseAll (audit?: AuditRecord): Promise<void> {
    this.acknowledged(await this.store.raiseAll({ above: this.generationOfAll, audit }))
  }

  /** Returns the client with the generation that a raise must exceed. */
  raised (client: StoredClient): StoredClient {
    return { ...client, generation: Math.max(client.generation ?? 0, this.floorOf(client.id)) + 1 }
  }

  /** Adds entries that this process has written. */
  acknowledged (written: Written): void {
    this.#reader.acknowledged(written)
  }

  async #list (after: FeedMark): Promise<EntryPage> {
    const page = await this.store.listEntries(after)
    if (page.settingsVersion !== this.#settings?.version) this.#readSettingsSoon()
    return page
  }

  // Does not wait: the entries take effect even if the settings cannot be read.
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
