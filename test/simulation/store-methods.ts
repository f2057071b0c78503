// The methods of all store contracts, and what each does.
import type {
  AuditStore, ClientStore, EntryStore, FailureStore, KeyStore, ReplayStore, RevocationStore, SettingsStore, TokenStore
} from '../../src/stores/contracts/index.ts'

/** A store that implements all contracts. */
export type WholeStore =
  ClientStore & KeyStore & EntryStore & SettingsStore & AuditStore & RevocationStore & TokenStore & ReplayStore & FailureStore

export type StoreMethod = keyof WholeStore

type MethodKind = 'read' | 'write'

export const STORE_METHODS: Readonly<Record<StoreMethod, MethodKind>> = {
  addClients: 'write',
  findClients: 'read',
  replaceClient: 'write',
  removeClient: 'write',
  listClients: 'read',
  listClientChanges: 'read',
  hasImportedSecrets: 'read',
  saveSecretUses: 'write',
  findSecretUses: 'read',
  listEntries: 'read',
  addEntries: 'write',
  raiseAll: 'write',
  readKeys: 'read',
  replaceKeys: 'write',
  readSettings: 'read',
  replaceSettings: 'write',
  addAuditRecord: 'write',
  followAudit: 'read',
  listAudit: 'read',
  addRevocation: 'write',
  listRevocations: 'read',
  saveToken: 'write',
  findToken: 'read',
  removeToken: 'write',
  reserve: 'write',
  countFailure: 'write',
  forgetFailures: 'write'
}
