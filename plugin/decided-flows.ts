import type { AuthCredentials } from '../src/index.ts'

const keysOfFlows = new WeakMap<object, Set<symbol>>()

/** Notes under which member of a request the guards of a flow store what they have verified. One flow may be registered several times. */
export function noteGuards (flow: object, key: symbol): void {
  keysOfFlows.set(flow, (keysOfFlows.get(flow) ?? new Set()).add(key))
}

/** Returns the credentials that a guard of this flow has verified for a request. Undefined without one. */
export function verifiedBy (flow: object, request: object): AuthCredentials | undefined {
  const verified = request as Readonly<Record<symbol, AuthCredentials | null | undefined>>
  for (const key of keysOfFlows.get(flow) ?? []) if (verified[key]) return verified[key]
  return undefined
}
