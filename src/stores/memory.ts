import { systemClock } from '../lib/clock.ts'
import type { Clock } from '../lib/clock.ts'
import { checkOptions, CLOCK } from '../options/check-options.ts'
import type { OptionsDescription } from '../options/check-options.ts'
import { AUDIT_RULES } from './audit-rules.ts'
import { FEED_START } from './contracts/feed.ts'
import type {
  AuditRecord, AuditStore, ClientChangeDetails, ClientStore, Entry, EntryPage, EntryStore, FailureStore, FeedMark, FeedPage, KeyChangeDetails, KeySet, KeyStore,
  Marked, ReplayStore, Reservation, Revocation, RevocationStore, SecretUse, SettingsStore, StoredClient, StoredClientChanges, StoredSettings, StoredToken,
  TokenStore, Written
} from './contracts/index.ts'
import { addLostEntries } from './lost-entries.ts'
import { MemoryAudit } from './memory/audit.ts'
import { MemoryClients } from './memory/clients.ts'
import { MemoryEntries } from './memory/entries.ts'
import { ExpiringMap } from './memory/expiring-map.ts'
import { MemoryFeed } from './memory/feed.ts'
import { MemorySettings } from './memory/settings.ts'
import { MemoryTime } from './memory/time.ts'
import { nextVersion } from './next-version.ts'

/** Options of {@link MemoryStore}. */
export interface MemoryStoreOptions {
  /** The clock, in seconds since 1970. Default that of the machine. */
  now?: Clock
  /** Seconds that audit records are kept. Default 31,536,000: 365 days. */
  auditRetention?: number
  /** How many audit records are kept at most: beyond that, the oldest are deleted. Default 100,000. */
  auditMaxRecords?: number
}

/** The options of MemoryStore. */
export const MEMORY_STORE: OptionsDescription<MemoryStoreOptions> = { of: 'MemoryStore', options: { now: CLOCK, ...AUDIT_RULES } }

interface Failures { count: number, forgottenAt: number }

// Bounds the memory, since unauthenticated callers choose the keys.
const MAX_FAILURES = 10_000

/** Keeps all data in the memory of this process: for tests, and for a single process whose data may be lost at a restart. */
export class MemoryStore implements
  AuditStore, ClientStore, EntryStore, FailureStore, KeyStore, ReplayStore, RevocationStore, SettingsStore, TokenStore {
  static #isInUse = false
  readonly #now: Clock
  readonly #settings = new MemorySettings()
  readonly #time: MemoryTime
  readonly #audit: MemoryAudit
  readonly #entries: MemoryEntries
  readonly #clients: MemoryClients
  readonly #revocations: MemoryFeed<Revocation>
  readonly #tokens: ExpiringMap<StoredToken>
  readonly #reserved: ExpiringMap<number>
  readonly #failures: ExpiringMap<Failures>
  #keySet: KeySet = { version: 0, keys: [] }

  /** @throws FlowConfigurationError FST_OAUTH_INVALID_OPTION, FST_OAUTH_UNKNOWN_OPTION */
  constructor (options: MemoryStoreOptions = {}) {
    checkOptions(options, MEMORY_STORE)
    const { now = systemClock, auditRetention = 31_536_000, auditMaxRecords = 100_000 } = options
    MemoryStore.#isInUse = true
    const time = new MemoryTime(now, this.#settings)
    const part = { storeId: this.#settings.storeId, time }
    this.#now = now
    this.#time = time
    this.#audit = new MemoryAudit({ ...part, retention: auditRetention, maxSize: auditMaxRecords })
    this.#entries = new MemoryEntries(this.#settings, time)
    this.#clients = new MemoryClients({ time, entries: this.#entries, audit: this.#audit, changes: new MemoryFeed(part) })
    this.#revocations = new MemoryFeed(part)
    this.#tokens = new ExpiringMap(({ expiresAt }) => time.isForgotten(expiresAt))
    this.#reserved = new ExpiringMap((expiresAt) => time.isForgotten(expiresAt))
    this.#failures = new ExpiringMap(({ forgottenAt }) => forgottenAt <= now(), MAX_FAILURES)
  }

  /** Whether this process has ever created one. Used for a warning: the parts that use a store do not know its class. */
  static get isInUse (): boolean {
    return MemoryStore.#isInUse
  }

  async readKeys (): Promise<KeySet> {
    return structuredClone(this.#keySet)
  }

  async replaceKeys ({ version, keys }: KeySet, { revokedKids = [], audit }: KeyChangeDetails = {}): Promise<Written | false> {
    if (version !== this.#keySet.version) return false
    this.#keySet = { version: nextVersion(version), keys: structuredClone(keys) }
    const written = this.#entries.write({ revoked: revokedKids.map((id) => ({ kind: 'key', id })) })
    this.#audit.note(audit)
    return written
  }

  async listEntries (after?: FeedMark): Promise<EntryPage> {
    return this.#entries.list(after)
  }

  async addEntries (entries: readonly Entry[]): Promise<Written> {
    return await addLostEntries(entries, this.#clients, async (alone) => this.#entries.write({ entries: alone }))
  }

  async raiseAll ({ above = 0, audit }: { above?: number, audit?: AuditRecord | undefined } = {}): Promise<Written> {
    const written = this.#entries.raiseAll([above, ...this.#clients.generations()])
    this.#audit.note(audit)
    return written
  }

  async addRevocation (revocation: Revocation): Promise<FeedMark> {
    const { position, name } = this.#revocations.append(revocation, revocation.expiresAt)
    return { position, name }
  }

  async listRevocations (after: FeedMark = FEED_START): Promise<FeedPage<Revocation>> {
    const { mark, ...page } = this.#revocations.read(after)
    return page
  }

  async saveToken (hash: string, token: StoredToken): Promise<void> {
    this.#tokens.set(hash, structuredClone(token))
  }

  async findToken (hash: string): Promise<StoredToken | undefined> {
    const token = this.#tokens.get(hash)
    return token !== undefined && token.expiresAt > this.#time.seconds() ? structuredClone(token) : undefined
  }

  async removeToken (hash: string): Promise<void> {
    this.#tokens.delete(hash)
  }

  async reserve (key: string, { window, clockTolerance }: Reservation): Promise<boolean> {
    const expiresAt = this.#reserved.get(key)
    if (expiresAt !== undefined && expiresAt > this.#time.seconds()) return false
    this.#reserved.set(key, this.#time.expiryAfter(Math.ceil(window + 2 * clockTolerance)))
    return true
  }

  async countFailure (key: string, window: number): Promise<Failures> {
    const time = this.#now()
    const known = this.#failures.get(key)
    const { count, forgottenAt } = known !== undefined && known.forgottenAt > time ? known : { count: 0, forgottenAt: time + window }
    this.#failures.set(key, { count: count + 1, forgottenAt })
    return { count: count + 1, forgottenAt }
  }

  async forgetFailures (key: string): Promise<void> {
    this.#failures.delete(key)
  }

  async readSettings (): Promise<StoredSettings> {
    return await this.#settings.readSettings()
  }

  async replaceSettings (settings: StoredSettings, audit?: AuditRecord): Promise<boolean> {
    const isReplaced = this.#settings.replace(settings)
    if (isReplaced) this.#audit.note(audit)
    return isReplaced
  }

  async addAuditRecord (record: AuditRecord): Promise<FeedMark> {
    return await this.#audit.addAuditRecord(record)
  }

  async followAudit (after?: FeedMark): Promise<FeedPage<AuditRecord> & { mark: FeedMark }> {
    return await this.#audit.followAudit(after)
  }

  async listAudit (page: { before?: number, limit: number }): Promise<Array<Marked<AuditRecord>>> {
    return await this.#audit.listAudit(page)
  }

  async addClients (clients: readonly StoredClient[], audit?: AuditRecord): Promise<{ ids: string[], entries: Written }> {
    return await this.#clients.addClients(clients, audit)
  }

  async findClients (ids: readonly string[]): Promise<StoredClient[]> {
    return await this.#clients.findClients(ids)
  }

  async replaceClient (client: StoredClient, change?: ClientChangeDetails): Promise<Written | false> {
    return await this.#clients.replaceClient(client, change)
  }

  async removeClient (id: string, change?: { above?: number, audit?: AuditRecord | undefined }): Promise<Written | false> {
    return await this.#clients.removeClient(id, change)
  }

  async listClients (page: { after?: string, limit: number }): Promise<StoredClient[]> {
    return await this.#clients.listClients(page)
  }

  async listClientChanges (after?: FeedMark): Promise<StoredClientChanges> {
    return await this.#clients.listClientChanges(after)
  }

  async hasImportedSecrets (): Promise<boolean> {
    return await this.#clients.hasImportedSecrets()
  }

  async saveSecretUses (uses: readonly SecretUse[]): Promise<void> {
    await this.#clients.saveSecretUses(uses)
  }

  async findSecretUses (clientIds: readonly string[]): Promise<SecretUse[]> {
    return await this.#clients.findSecretUses(clientIds)
  }
}
