import { withMethods } from '../options/rules.ts'
import type { Rule } from '../options/rules.ts'

// The result type is not declared here, because clients are in a higher layer than the stores.
export interface ClientFinder {
  findClient (clientId: string): never
}

/** The rule for an object that finds clients, such as a registry. */
export const CLIENT_FINDER: Rule<ClientFinder> = { ...withMethods<ClientFinder>('the clients', 'findClient'), fix: 'Pass the ClientRegistry' }
