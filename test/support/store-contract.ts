// What every store must do, whatever it keeps things in: one contract for each interface of src/stores/contracts/index.ts. A store that
// is added runs through those that it implements.
import type {
  AuditStore, ClientStore, EntryStore, KeyStore, ReplayStore, RevocationStore, SettingsStore, TokenStore
} from '../../src/stores/contracts/index.ts'
import { auditContract, auditPageContract } from './contracts/audit.ts'
import { clientChangeContract, clientChangePageContract } from './contracts/client-changes.ts'
import { clientContract } from './contracts/clients.ts'
import { entryContract } from './contracts/entries.ts'
import type { MakeStore } from './contracts/fixtures.ts'
import { generationContract } from './contracts/generations.ts'
import { keyContract } from './contracts/keys.ts'
import { replayContract } from './contracts/replays.ts'
import { revocationContract, revocationPageContract } from './contracts/revocations.ts'
import { settingsContract } from './contracts/settings.ts'
import { tokenContract } from './contracts/tokens.ts'

export * from './contracts/fixtures.ts'
export { failureContract } from './contracts/failures.ts'
export { replayContract, RESERVATION } from './contracts/replays.ts'
export { revocationContract, revocationPageContract } from './contracts/revocations.ts'

/** A store of everything but failures. */
export type WholeStore = AuditStore & ClientStore & EntryStore & KeyStore & ReplayStore & RevocationStore & SettingsStore & TokenStore

/** The contracts of the stores that keep what needs transactions. */
export function changeContracts (name: string, makeStore: MakeStore<WholeStore>): void {
  keyContract(name, makeStore)
  revocationContract(name, makeStore)
  clientContract(name, makeStore)
  clientChangeContract(name, makeStore)
  entryContract(name, makeStore)
  generationContract(name, makeStore)
  auditContract(name, makeStore)
  settingsContract(name, makeStore)
}

/** All contracts but that of failures. */
export function wholeContract (name: string, makeStore: MakeStore<WholeStore>): void {
  changeContracts(name, makeStore)
  tokenContract(name, makeStore)
  replayContract(name, makeStore)
}

/** What takes long where each change waits for a disk. */
export function pageContracts (name: string, makeStore: MakeStore<WholeStore>): void {
  revocationPageContract(name, makeStore)
  clientChangePageContract(name, makeStore)
  auditPageContract(name, makeStore)
}
