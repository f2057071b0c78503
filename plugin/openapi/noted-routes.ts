// Route data is kept beside the route schemas, because those belong to the user and to other plugins.
import type { RouteOptions } from 'fastify'
import type { SecurityRequirement } from '../../src/adapter.ts'

/** A route that the plugin has registered for OpenAPI, and the security of its operation. */
export interface NotedRoute {
  readonly route: RouteOptions
  /** Undefined for an unguarded route. */
  readonly security: readonly SecurityRequirement[] | undefined
  /** The user's security that was removed from a clone of the schema. */
  readonly taken: readonly SecurityRequirement[] | undefined
  /** Returns whether a document contains an operation for this route. False for hidden routes and in a static document. */
  isDescribed (): boolean
}

interface SecuredSchema { security?: readonly SecurityRequirement[] }

/**
 * Records a route and the security of its operation: the security that the user declared, else the requirements of its guards.
 * A route keeps its schema, and a route without a schema gets none, because transforms of the application may test for that.
 * If the user's `security` names the scheme of this plugin, a clone without it replaces the schema: `@fastify/swagger` would
 * look up the scheme in a document that does not contain it yet.
 *
 * @param required the requirements of the guards; undefined for a route without guards, which uses the user's security only
 */
export function noteRoute (route: RouteOptions, schemeName: string, required: readonly SecurityRequirement[] | undefined): NotedRoute {
  const { security: written, ...others } = (route.schema ?? {}) as SecuredSchema
  const isNamed = names(written, [schemeName])
  if (isNamed) route.schema = others as NonNullable<RouteOptions['schema']>
  observe(route)
  return {
    route,
    security: required === undefined && !isNamed ? undefined : written ?? required,
    taken: isNamed ? written : undefined,
    isDescribed: () => described.has(route)
  }
}

/** Returns whether a security declaration names one of these schemes. */
function names (security: readonly SecurityRequirement[] | undefined, schemeNames: readonly string[]): boolean {
  return security?.some((requirement) => schemeNames.some((name) => Object.hasOwn(requirement, name))) === true
}

/** Returns the security that was removed from a route's schema, without the schemes that the document lacks. Undefined if none. */
export function otherSecurityOf ({ taken }: NotedRoute, schemeNames: readonly string[]): readonly SecurityRequirement[] | undefined {
  const others = taken?.filter((requirement) => !names([requirement], schemeNames))
  return others?.length === 0 ? undefined : others
}

const observed = new WeakSet<RouteOptions>()
const described = new WeakSet<RouteOptions>()

// @fastify/swagger adds the member `links` to a route. It reads the member after all transforms, once it has found that the
// route is not hidden. A route on which no member can be defined counts as described.
function observe (route: RouteOptions): void {
  if (observed.has(route)) return
  observed.add(route)
  const own = Object.getOwnPropertyDescriptor(route, 'links')
  let read: () => unknown = own?.get ?? (() => own?.value)
  const define = (enumerable: boolean) => Reflect.defineProperty(route, 'links', {
    configurable: true,
    enumerable,
    get () {
      described.add(route)
      return read.call(route)
    },
    set (value) {
      read = () => value
      define(true)
    }
  })
  if (!define(own?.enumerable === true)) described.add(route)
}
