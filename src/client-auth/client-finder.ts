import { withMethods } from '../options/rules.ts'
import type { Rule } from '../options/rules.ts'

// What it returns is not known here, since clients are above the stores.
export interface ClientFinder {
  findClient (clientId: string): never
}

/** What finds clients, such as a registry. */
export const CLIENT_FINDER: Rule<ClientFinder> = { ...withMethods<ClientFinder>('the clients', 'findClient'), fix: 'Pass the ClientRegistry' }
