import type { AgreedValues, AuditRecord, StoredSettings } from '../../stores/contracts/index.ts'
import { CommandError } from '../errors.ts'
import { checkSettings } from './settings-values.ts'

/** A change of the settings, and the part of its audit record that describes it. */
export interface SettingsChange {
  readonly settings: StoredSettings
  readonly record: Pick<AuditRecord, 'id' | 'change' | 'details'>
}

/**
 * Sets pending values, in addition to existing ones. Passing the agreed value of a setting removes its pending value.
 *
 * @returns undefined if all values are already agreed or pending
 */
export function setPending (stored: StoredSettings, values: AgreedValues): SettingsChange | undefined {
  const unknown = Object.keys(values).filter((name) => !Object.hasOwn(stored.agreed, name))
  if (unknown.length > 0) throw new CommandError(`No server has registered ${unknown.join(', ')} yet. Start a server: its value becomes the agreed one`)
  const merged = Object.entries({ ...stored.pending, ...values }).filter(([name, value]) => stored.agreed[name] !== value)
  const pending = merged.length > 0 ? Object.fromEntries(merged) : undefined
  checkSettings({ ...stored.agreed, ...pending })
  if (isSame(pending, stored.pending)) return undefined
  return { settings: { ...stored, pending }, record: { id: Object.keys(values).join(' '), change: 'changed', details: { values } } }
}

/** Makes the pending values the agreed ones, and ends an upgrade. @returns undefined if there is nothing to finish */
export function finish (stored: StoredSettings): SettingsChange | undefined {
  const { pending, isUpgrading } = stored
  if (pending === undefined && !isUpgrading) return undefined
  return {
    settings: { ...stored, agreed: { ...stored.agreed, ...pending }, pending: undefined, isUpgrading: false },
    record: { id: Object.keys(pending ?? {}).join(' '), change: 'finished', details: { values: pending ?? {}, upgrade: isUpgrading } }
  }
}

/** Removes the pending values. @returns undefined if there are none */
export function cancel (stored: StoredSettings): SettingsChange | undefined {
  const { pending } = stored
  return pending && { settings: { ...stored, pending: undefined }, record: { id: Object.keys(pending).join(' '), change: 'cancelled', details: { values: pending } } }
}

/** Unregisters a store of revocations that no server uses any more. @throws CommandError for one that is in use, or not registered */
export function retireStore (stored: StoredSettings, id: string): SettingsChange {
  const { agreed, pending, revocationStores } = stored
  if (!revocationStores.includes(id)) throw new CommandError(`No store with the id "${id}" is registered. List the stores: settings show`)
  const user = [...Object.entries(agreed), ...Object.entries(pending ?? {})].find(([name, value]) => name.endsWith('.revocations') && value === id)
  if (user !== undefined) throw new CommandError(`Servers keep revocations in the store ${id}: ${user[0]} names it. Change that first: settings change ${user[0]}=ID, then settings change --finish`)
  return { settings: { ...stored, revocationStores: revocationStores.filter((other) => other !== id) }, record: { id, change: 'store_retired' } }
}

function isSame (one: AgreedValues | undefined, other: AgreedValues | undefined): boolean {
  const sorted = (values: AgreedValues = {}) => JSON.stringify(Object.entries(values).sort(([a], [b]) => a < b ? -1 : 1))
  return sorted(one) === sorted(other)
}
