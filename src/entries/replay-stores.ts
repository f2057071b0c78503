import type { EvictionAware, HistoryAware, ReplayStore, SettingsStore, StoredSettings } from '../stores/contracts/index.ts'
import { changeSettings } from './agreement.ts'

/**
 * Registers the stores of one-time values that can detect the loss of reservations. If servers have registered a store before,
 * and it contains no trace of reservations, it has lost them.
 *
 * @param settings the store of the ids. Without it, a new process treats an empty store as a new one
 * @returns warnings about protection that is missing
 * @throws StoreUnavailableError
 */
export async function registerReplayStores (settings: SettingsStore | undefined, stores: readonly ReplayStore[]): Promise<readonly string[]> {
  const aware = [...new Set(stores)].filter(isHistoryAware)
  if (aware.length === 0) return []
  const hasHistory = settings !== undefined && (await settings.readSettings()).replayStores.length > 0
  const warnings: string[] = []
  for (const store of aware) {
    if (hasHistory) store.expectHistory()
    warnings.push(...await store.check())
  }
  if (settings !== undefined) {
    const ids = await Promise.all(aware.map((store) => store.storeId()))
    await changeSettings(settings, (stored) => withReplayStores(stored, ids))
  }
  return warnings
}

/**
 * Checks that the stores of one-time values and of revocations do not evict keys.
 *
 * @returns warnings for stores where this cannot be determined
 * @throws FlowConfigurationError FST_OAUTH_REDIS_EVICTS
 * @throws StoreUnavailableError
 */
export async function checkEvictions (stores: readonly object[]): Promise<readonly string[]> {
  const warnings = await Promise.all([...new Set(stores)].map(async (store) => {
    return 'checkEviction' in store ? await (store as EvictionAware).checkEviction() : []
  }))
  return [...new Set(warnings.flat())]
}

function withReplayStores (stored: StoredSettings, ids: readonly string[]): StoredSettings {
  const replayStores = [...new Set([...stored.replayStores, ...ids])]
  return replayStores.length === stored.replayStores.length ? stored : { ...stored, replayStores }
}

function isHistoryAware (store: ReplayStore): store is ReplayStore & HistoryAware {
  const { storeId, expectHistory, check } = store as Partial<HistoryAware>
  return [storeId, expectHistory, check].every((method) => typeof method === 'function')
}
