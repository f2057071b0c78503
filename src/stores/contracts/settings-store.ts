import type { AuditRecord } from './audit-store.ts'

/** The values that all processes on a store must agree on, by name. */
export type AgreedValues = Readonly<Record<string, string | number | null>>

/** What a client must have to authenticate by a method: a secret of the registry, public keys, a name in its certificate, or nothing that the registry has. */
export type ClientNeeds = 'secret' | 'keys' | 'certificate' | 'nothing'

/** What a flow has that issues tokens to the clients of a store. */
export interface DeclaredFlow {
  /** The names of its scopes. null for a flow that declares none: then a client may have any. */
  readonly scopes: readonly string[] | null
  /** Its client authentication methods, by name. */
  readonly methods: Readonly<Record<string, ClientNeeds>>
}

/** The agreed settings of the processes on a store. */
export interface StoredSettings {
  /** Another one after every change, by a random step: a write that was decided in a lost history must not match. 0 where nothing was stored yet. */
  readonly version: number
  /** The random id of the store. */
  readonly storeId: string
  readonly agreed: AgreedValues
  /** The values that are to replace those of the same names, once every process has them. */
  readonly pending: AgreedValues | undefined
  /** The longest lifetime of tokens that was ever configured, in seconds. 0 where none was. The store lets no entry expire before. */
  readonly longestTokenLifetime: number
  /** The largest clock tolerance that was ever configured, in seconds. */
  readonly largestClockTolerance: number
  /** Whether processes of release 0.1.0 may still run on this store. */
  readonly isUpgrading: boolean
  /** The ids of other stores that servers keep revocations in. */
  readonly revocationStores: readonly string[]
  /** The ids of other stores that servers reserve one-time values in. */
  readonly replayStores: readonly string[]
  /** The flows of servers that have started on the store, by their security scheme and token endpoint. Left out for none. */
  readonly flows?: Readonly<Record<string, DeclaredFlow>> | undefined
}

/** Keeps the agreed settings. */
export interface SettingsStore {
  readSettings (): Promise<StoredSettings>
  /** Replaces the settings if they have `settings.version` still, in one atomic step, with another version. @returns false when another process was faster */
  replaceSettings (settings: StoredSettings, audit?: AuditRecord): Promise<boolean>
}
