import type { HistoryAware, ReplayStore, SettingsStore, StoredSettings } from '../stores/index.ts'
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

function withReplayStores (stored: StoredSettings, ids: readonly string[]): StoredSettings {
  const replayStores = [...new Set([...stored.replayStores, ...ids])]
  return replayStores.length === stored.replayStores.length ? stored : { ...stored, replayStores }
}

function isHistoryAware (store: ReplayStore): store is ReplayStore & HistoryAware {
  const { storeId, expectHistory, check } = store as Partial<HistoryAware>
  return [storeId, expectHistory, check].every((method) => typeof method === 'function')
}
