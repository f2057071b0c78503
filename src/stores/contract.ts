// The contracts of what is kept outside of the process: each part of the core depends on the one that it needs.
// A method that cannot do its work rejects with StoreUnavailableError.
export { FEED_START } from './contracts/feed.ts'
export type * from './contracts/feed.ts'
export type * from './contracts/audit-store.ts'
export type * from './contracts/client-store.ts'
export type * from './contracts/entry-store.ts'
export type * from './contracts/eviction-aware.ts'
export type * from './contracts/failure-store.ts'
export type * from './contracts/key-store.ts'
export type * from './contracts/replay-store.ts'
export type * from './contracts/revocation-store.ts'
export type * from './contracts/settings-store.ts'
export type * from './contracts/token-store.ts'
