import type { DeclaredFlow, SettingsStore, StoredSettings } from '../stores/contracts/index.ts'
import { changeSettings } from './agreement.ts'

/**
 * Registers the scopes and methods of a flow in the settings of a store, so that the command line can validate clients. Scopes
 * and methods that other processes have registered for the flow are kept, since two releases may run side by side.
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
  // Both have the same order of members.
  return JSON.stringify(known) === JSON.stringify(declared) ? stored : { ...stored, flows: { ...flows, [name]: declared } }
}
