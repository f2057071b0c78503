// The contracts of data that is kept outside of the process. Each part of the core depends only on the contract that it needs.
// A method that fails because of the store rejects with StoreUnavailableError.
export { FEED_START } from './feed.ts'
export type * from './feed.ts'
export type * from './audit-store.ts'
export type * from './client-store.ts'
export type * from './entry-store.ts'
export type * from './eviction-aware.ts'
export type * from './failure-store.ts'
export type * from './key-store.ts'
export type * from './replay-store.ts'
export type * from './revocation-store.ts'
export type * from './settings-store.ts'
export type * from './token-store.ts'
