import type { AuditRecord } from './audit-store.ts'

/** The values that all processes on a store must agree on, by name. */
export type AgreedValues = Readonly<Record<string, string | number | null>>

/** The data in the registry that a client authentication method requires: a secret, public keys, a name in the certificate, or nothing. */
export type ClientNeeds = 'secret' | 'keys' | 'certificate' | 'nothing'

/** The scopes and methods of a flow that issues tokens to the clients of a store. */
export interface DeclaredFlow {
  /** The names of its scopes. null for a flow without declared scopes: clients may have any scope. */
  readonly scopes: readonly string[] | null
  /** Its client authentication methods, by name. */
  readonly methods: Readonly<Record<string, ClientNeeds>>
}

/** The agreed settings of the processes on a store. */
export interface StoredSettings {
  /** Changes with every write, by a random step: a write that is based on a lost history must not match. 0 before the first write. */
  readonly version: number
  /** The random id of the store. */
  readonly storeId: string
  readonly agreed: AgreedValues
  /** Values that replace the agreed values of the same names, once every process has them. */
  readonly pending: AgreedValues | undefined
  /** The longest lifetime of tokens that was ever configured, in seconds. 0 if none was. Entries live at least as long. */
  readonly longestTokenLifetime: number
  /** The largest clock tolerance that was ever configured, in seconds. */
  readonly largestClockTolerance: number
  /** Whether processes of release 0.1.0 may still run on this store. */
  readonly isUpgrading: boolean
  /** The ids of other stores that servers keep revocations in. */
  readonly revocationStores: readonly string[]
  /** The ids of other stores that servers reserve one-time values in. */
  readonly replayStores: readonly string[]
  /**
   * The flows of servers that have started on the store, by their security scheme and token endpoint. Omitted if there are
   * none.
   */
  readonly flows?: Readonly<Record<string, DeclaredFlow>> | undefined
}

/** Keeps the agreed settings. */
export interface SettingsStore {
  readSettings (): Promise<StoredSettings>
  /**
   * Replaces the settings in one atomic step, if the version is still `settings.version`. They get another version.
   *
   * @returns false if another process was faster
   */
  replaceSettings (settings: StoredSettings, audit?: AuditRecord): Promise<boolean>
}
