// The entry ./stores/contract: the contracts of stores, for implementations outside of this package. A store implements the
// contracts of the data that it keeps.

// Clients, their secrets, and their revocations
export type { ClientChangeDetails, ClientStore, SecretUse, StoredClient, StoredClientChanges, StoredSecret } from './contracts/index.ts'
export type { ClientEntry, Entry, EntryPage, EntryStore, Written } from './contracts/index.ts'

// Signing keys and tokens
export type { KeyChangeDetails, KeySet, KeyStore, StoredKey, StoredToken, TokenStore } from './contracts/index.ts'
export type { Revocation, RevocationStore } from './contracts/index.ts'

// One-time values and failures
export type { EvictionAware, FailureStore, HistoryAware, ReplayStore, Reservation } from './contracts/index.ts'

// Settings and records of changes
export type { AgreedValues, ClientNeeds, DeclaredFlow, SettingsStore, StoredSettings } from './contracts/index.ts'
export type { AuditActor, AuditOrigin, AuditRecord, AuditStore } from './contracts/index.ts'

// Feeds
export { FEED_START } from './contracts/index.ts'
export type { FeedMark, FeedPage, Marked } from './contracts/index.ts'

export { StoreUnavailableError } from '../errors/store-unavailable.ts'
