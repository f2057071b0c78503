import { randomUUID } from 'node:crypto'
import type { SettingsStore, StoredSettings } from '../contracts/settings-store.ts'
import { nextVersion } from '../next-version.ts'

/** The agreed settings of a store in memory. */
export class MemorySettings implements Pick<SettingsStore, 'readSettings'> {
  readonly storeId = randomUUID()
  #settings: Omit<StoredSettings, 'storeId'> = {
    version: 0, agreed: {}, pending: undefined, longestTokenLifetime: 0, largestClockTolerance: 0, isUpgrading: false, revocationStores: [], replayStores: []
  }

  get current (): Omit<StoredSettings, 'storeId'> {
    return this.#settings
  }

  async readSettings (): Promise<StoredSettings> {
    return structuredClone({ ...this.#settings, storeId: this.storeId })
  }

  /** Replaces the settings. @returns false if the stored version is another one */
  replace ({ storeId, version, ...settings }: StoredSettings): boolean {
    if (version !== this.#settings.version) return false
    this.#settings = structuredClone({ ...settings, version: nextVersion(version) })
    return true
  }
}
