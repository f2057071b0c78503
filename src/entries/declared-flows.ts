import type { DeclaredFlow, SettingsStore, StoredSettings } from '../stores/contracts/index.ts'
import { changeSettings } from './agreement.ts'

/**
 * Registers what a flow has in the settings of a store, for those who register clients without it, such as the command line.
 * Scopes and methods of the same flow in other processes stay: of two releases that work side by side, both count.
 *
 * @throws StoreUnavailableError
 */
export async function declareFlow (store: SettingsStore, name: string, flow: DeclaredFlow): Promise<void> {
  await changeSettings(store, (stored) => withFlow(stored, name, flow))
}

function withFlow (stored: StoredSettings, name: string, flow: DeclaredFlow): StoredSettings {
  const { flows = {} } = stored
  const known = Object.hasOwn(flows, name) ? flows[name] : undefined
  const scopes = flow.scopes === null ? null : [...new Set([...known?.scopes ?? [], ...flow.scopes])]
  const declared: DeclaredFlow = { scopes, methods: { ...known?.methods, ...flow.methods } }
  // Both are written in the same order of members.
  return JSON.stringify(known) === JSON.stringify(declared) ? stored : { ...stored, flows: { ...flows, [name]: declared } }
}
