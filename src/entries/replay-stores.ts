import type { EvictionAware, HistoryAware, ReplayStore, SettingsStore, StoredSettings } from '../stores/contracts/index.ts'
import { changeSettings } from './agreement.ts'

/**
 * Registers the stores that one-time values are reserved in, where they notice by themselves that they may have lost
 * reservations. If servers have registered one before, a store without any trace of reservations has lost them.
 *
 * @param settings where the ids are kept. Undefined where there is no such store: then a new process takes an empty store for a new one
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
 * Checks that the stores of one-time values and of revocations evict nothing.
 *
 * @returns warnings where that is not known
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
