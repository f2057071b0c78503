import { brandOf } from '../../src/adapter.ts'

// Fastify copies the config of a route, including symbols.
const OPEN = brandOf('open')

/**
 * Route config that marks the routes of this plugin as unguarded: those at which clients obtain tokens. Hooks of the application
 * run for them too, including a guard that is a hook of the whole application.
 */
export const OPEN_CONFIG: object = { [OPEN]: true }

/** Returns whether a request is for such a route. */
export function isOpen ({ routeOptions }: { readonly routeOptions: { readonly config: object } }): boolean {
  return OPEN in routeOptions.config
}
