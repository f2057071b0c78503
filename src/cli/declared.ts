import type { AuthMethods, ClientChanges } from '../adapter.ts'
import { KNOWN_AUTH_METHODS } from '../adapter.ts'
import { nearestName } from '../options/check-options.ts'
import type { SettingsStore } from '../stores/contracts/index.ts'
import type { Io } from './io.ts'
import { note } from './output.ts'

/** The scopes and methods that the servers on a store have declared, of all flows. */
export interface Declared {
  /** Whether any server has started on the store. */
  readonly isKnown: boolean
  /** Undefined if a client may have any scope: no server has started, or a flow declares no scopes. */
  readonly scopes: ReadonlySet<string> | undefined
  readonly methods: AuthMethods
}

/** Reads the declared scopes and methods of the servers on a store. */
export async function readDeclared (store: SettingsStore): Promise<Declared> {
  const flows = Object.values((await store.readSettings()).flows ?? {})
  const isOpen = flows.length === 0 || flows.some(({ scopes }) => scopes === null)
  return {
    isKnown: flows.length > 0,
    scopes: isOpen ? undefined : new Set(flows.flatMap(({ scopes }) => scopes ?? [])),
    methods: Object.assign({}, KNOWN_AUTH_METHODS, ...flows.map(({ methods }) => methods)) as AuthMethods
  }
}

/**
 * Describes a scope of a client that no server has declared, which no token could ever have. Returns undefined if there is
 * none.
 */
export function undeclaredScope ({ scopes: declared }: Declared, { scopes = [] }: ClientChanges): string | undefined {
  const scope = declared && scopes.find((name) => !declared.has(name))
  if (declared === undefined || scope === undefined) return undefined
  const nearest = nearestName(scope, declared)
  const names = [...declared]
  const known = names.length === 0 ? 'They declare none' : `They declare ${names.join(', ')}`
  return `The servers on this store declare no scope "${scope}". ${nearest === undefined ? '' : `Did you mean "${nearest}"? `}${known}`
}

/** Writes a note if scopes cannot be checked yet. */
export function noteUnchecked ({ isKnown }: Declared, hasScopes: boolean, io: Pick<Io, 'stderr'>): void {
  if (!isKnown && hasScopes) note(io, 'The scopes are not checked, since no server has started on this store yet')
}
