import { brandOf } from '../../src/adapter.ts'

// Fastify copies the config of a route, symbols included.
const OPEN = brandOf('open')

/**
 * A part of the config of routes that no guard closes: those of ours, by which clients come to their tokens. Hooks of an
 * application run for them too, and so would a guard that is a hook of all of it.
 */
export const OPEN_CONFIG: object = { [OPEN]: true }

/** Tells whether a request is for such a route. */
export function isOpen ({ routeOptions }: { readonly routeOptions: { readonly config: object } }): boolean {
  return OPEN in routeOptions.config
}
