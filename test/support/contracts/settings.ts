import { test } from 'tap'
import type { SettingsStore, StoredSettings } from '../../../src/stores/contracts/index.ts'
import { START, times } from './fixtures.ts'
import type { MakeStore } from './fixtures.ts'

export function settingsContract (name: string, makeStore: MakeStore<SettingsStore>): void {
  test(`${name} keeps the agreed settings, and gives them another version with each change`, async (t) => {
    const store = await makeStore(t, () => START)
    const none = await store.readSettings()
    t.strictSame(none, {
      version: 0,
      storeId: none.storeId,
      agreed: {},
      pending: undefined,
      longestTokenLifetime: 0,
      largestClockTolerance: 0,
      isUpgrading: false,
      revocationStores: [],
      replayStores: []
    })
    t.ok(none.storeId.length >= 16)
    const settings: StoredSettings = {
      version: 0,
      storeId: none.storeId,
      agreed: { algorithm: 'ES256', rotateEvery: 86_400, 'é "\u0000': null },
      pending: { algorithm: 'EdDSA' },
      longestTokenLifetime: 3600,
      largestClockTolerance: 5,
      isUpgrading: true,
      revocationStores: ['a', 'b'],
      replayStores: ['c']
    }
    t.equal(await store.replaceSettings({ ...settings, storeId: 'another' }), true)
    const { version: first } = await store.readSettings()
    t.ok(first > 0)
    t.strictSame(await store.readSettings(), { ...settings, version: first }, 'the id of the store stays')
    for (const version of [0, first - 1, first + 1]) t.equal(await store.replaceSettings({ ...settings, version, revocationStores: [] }), false)
    t.strictSame(await store.readSettings(), { ...settings, version: first })
    t.equal(await store.replaceSettings({ ...settings, version: first, pending: undefined, isUpgrading: false }), true)
    const { version: second } = await store.readSettings()
    t.ok(second > first)
    t.strictSame(await store.readSettings(), { ...settings, version: second, pending: undefined, isUpgrading: false })
  })

  test(`${name} lets one of many succeed that replace the settings at once`, async (t) => {
    const store = await makeStore(t, () => START)
    const settings = await store.readSettings()
    const won = await Promise.all(times(20, (index) => store.replaceSettings({ ...settings, longestTokenLifetime: index })))
    t.equal(won.filter(Boolean).length, 1)
    t.equal((await store.readSettings()).longestTokenLifetime, won.indexOf(true))
  })

  test(`${name} returns copies of settings, and keeps copies`, async (t) => {
    const store = await makeStore(t, () => START)
    const settings = { ...await store.readSettings(), revocationStores: ['a'], agreed: { algorithm: 'ES256' } }
    await store.replaceSettings(settings)
    for (let round = 0; round < 2; round++) {
      for (const copy of [settings, await store.readSettings()]) {
        Object.assign(copy.agreed, { algorithm: 'changed' })
        Object.assign(copy.revocationStores, ['changed'])
      }
    }
    const { agreed, revocationStores } = await store.readSettings()
    t.strictSame({ agreed, revocationStores }, { agreed: { algorithm: 'ES256' }, revocationStores: ['a'] })
  })
}
