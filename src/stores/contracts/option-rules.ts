import { isTable, withMethods } from '../../options/check-options.ts'
import type { Rule } from '../../options/check-options.ts'
import type {
  AuditOrigin, ClientStore, EntryStore, FailureStore, KeyStore, ReplayStore, RevocationStore, TokenStore
} from './index.ts'

// Rules for options that several parts have. They check for methods only, so that implementations outside of this package, or
// of another copy of it, are accepted.

const STORES = 'Pass sqliteStore(...), postgresStore(...), new MemoryStore() or a store of your own'

/** The actor and the request of a change. */
export const AUDIT_ORIGIN: Rule<AuditOrigin> = {
  accepts: (value) => isTable(value) && isTable(value.actor) && typeof value.actor.id === 'string',
  demand: 'the origin of the change: { actor: { kind, id } }, and for a request requestId'
}

/** A store of clients. */
export const CLIENT_STORE: Rule<ClientStore & Partial<ReplayStore>> = { ...withMethods<ClientStore>('a store of clients', 'addClients', 'findClients', 'replaceClient', 'removeClient', 'listClients', 'listClientChanges', 'hasImportedSecrets', 'saveSecretUses', 'findSecretUses'), fix: STORES }

/** A store of signing keys. */
export const KEY_STORE: Rule<KeyStore> = { ...withMethods<KeyStore>('a store of signing keys', 'readKeys', 'replaceKeys'), fix: STORES }

/** A store of entries: of the clients and keys. */
export const ENTRY_STORE: Rule<EntryStore> = { ...withMethods<EntryStore>('the store of the clients', 'listEntries', 'addEntries', 'raiseAll'), fix: STORES }

/** A store of revocations. */
export const REVOCATION_STORE: Rule<RevocationStore> = { ...withMethods<RevocationStore>('a store of revocations', 'addRevocation', 'listRevocations'), fix: `${STORES}, or redisStore(...)` }

/** A store of one-time values. */
export const REPLAY_STORE: Rule<ReplayStore> = { ...withMethods<ReplayStore>('a store of one-time values', 'reserve'), fix: `${STORES}, or redisStore(...)` }

/** A store of counted failures. */
export const FAILURE_STORE: Rule<FailureStore> = { ...withMethods<FailureStore>('a store of counted failures', 'countFailure', 'forgetFailures'), fix: 'Pass redisStore(...), new MemoryStore() or a store of your own' }

/** A store of opaque tokens, with their revocations. */
export const TOKEN_STORE: Rule<TokenStore & RevocationStore> = { ...withMethods<TokenStore & RevocationStore>('a store of access tokens', 'saveToken', 'findToken', 'removeToken', 'addRevocation', 'listRevocations'), fix: STORES }
