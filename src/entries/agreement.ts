import { FlowConfigurationError } from '../errors/configuration-error.ts'
import { BackgroundRefresh } from '../lib/background-refresh.ts'
import type { Clock } from '../lib/clock.ts'
import type { AgreedValues, SettingsStore, StoredSettings } from '../stores/contracts/index.ts'
import { toUnavailable } from './to-unavailable.ts'

/** The settings of a process that all others on the store must agree with. */
export interface Terms {
  readonly values: AgreedValues
  /** Seconds. */
  readonly longestTokenLifetime: number
  /** Seconds. */
  readonly largestClockTolerance: number
  /** The ids of other stores that this process keeps revocations in. */
  readonly revocationStores: readonly string[]
}

// An attempt fails if another process starts at the same time.
const MAX_ATTEMPTS = 100
// Milliseconds. The first use of a store may create its tables.
const START_LIMIT = 5000

/** The agreement of a process with the others on its store: reached at start, or as soon as the store is available. */
export class Agreement {
  readonly #store: Partial<SettingsStore>
  readonly #attempts: BackgroundRefresh
  #isOpen = false

  /** @param store without settings, there is nothing to agree on */
  constructor (store: Partial<SettingsStore>, terms: () => Promise<Terms>, now: Clock) {
    this.#store = store
    this.#attempts = new BackgroundRefresh(async () => {
      const own = await terms()
      await changeSettings(store as SettingsStore, (stored) => agree(stored, own))
      return () => { this.#isOpen = false }
    }, { now })
  }

  /** Whether an agreement was requested and has not been reached. */
  get isOpen (): boolean {
    return this.#isOpen
  }

  /**
   * Compares the terms of this process with the agreed settings, and adds those that no process has registered yet.
   *
   * @throws FlowConfigurationError FST_OAUTH_SETTINGS_DIFFER
   * @throws StoreUnavailableError: the next use tries again
   */
  async start (): Promise<void> {
    if (!keepsSettings(this.#store)) return
    this.#isOpen = true
    const error = await this.#attempts.renew(START_LIMIT)
    if (error !== undefined) throw toUnavailable(error)
  }

  /** Tries again for at most one second. @throws as {@link start} */
  async settle (): Promise<void> {
    await (this.#attempts.underWay() ?? this.#attempts.renew())
    const { error } = this.#attempts
    if (this.#isOpen && error !== undefined) throw toUnavailable(error)
  }
}

/** Returns whether a store keeps the agreed settings. */
export function keepsSettings (store: Partial<SettingsStore>): store is SettingsStore {
  return typeof store.readSettings === 'function' && typeof store.replaceSettings === 'function'
}

/**
 * Changes the settings of a store by compare-and-set.
 *
 * @param change returns the same object if there is nothing to change
 * @throws StoreUnavailableError
 */
export async function changeSettings (store: SettingsStore, change: (stored: StoredSettings) => StoredSettings): Promise<void> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const stored = await store.readSettings()
    const changed = change(stored)
    if (changed === stored || await store.replaceSettings(changed)) return
  }
  throw new Error(`The store has rejected ${MAX_ATTEMPTS} changes to the settings in a row`)
}

/**
 * Adds the terms of a process to the settings.
 *
 * @returns the same object if the settings contain all terms already
 * @throws FlowConfigurationError FST_OAUTH_SETTINGS_DIFFER for a value that is neither the agreed nor the pending one
 */
export function agree (stored: StoredSettings, terms: Terms): StoredSettings {
  const differing = Object.entries(terms.values).filter(([name, value]) =>
    Object.hasOwn(stored.agreed, name) && stored.agreed[name] !== value && stored.pending?.[name] !== value)
  if (differing.length > 0) throw new FlowConfigurationError('FST_OAUTH_SETTINGS_DIFFER', differing.map(([name, value]) => describe(name, value, stored)).join('; '))
  const missing = Object.entries(terms.values).filter(([name]) => !Object.hasOwn(stored.agreed, name))
  const revocationStores = [...new Set([...stored.revocationStores, ...terms.revocationStores])]
  const longestTokenLifetime = Math.max(stored.longestTokenLifetime, terms.longestTokenLifetime)
  const largestClockTolerance = Math.max(stored.largestClockTolerance, terms.largestClockTolerance)
  const isSame = missing.length === 0 && revocationStores.length === stored.revocationStores.length &&
    longestTokenLifetime === stored.longestTokenLifetime && largestClockTolerance === stored.largestClockTolerance
  if (isSame) return stored
  return { ...stored, agreed: { ...stored.agreed, ...Object.fromEntries(missing) }, revocationStores, longestTokenLifetime, largestClockTolerance }
}

function describe (name: string, value: string | number | null, { agreed, pending }: StoredSettings): string {
  const isPending = pending !== undefined && Object.hasOwn(pending, name)
  const others = isPending ? `${String(agreed[name])}, and ${String(pending[name])} is pending` : String(agreed[name])
  return `${name} is ${String(value)} here, and the other processes on the store have ${others}. To change it: fastify-client-credentials settings change ${name}=${String(value)}`
}
