// What is known of the routes of an application, beside them: their schemas belong to the user and to other plugins.
import type { RouteOptions } from 'fastify'
import type { SecurityRequirement } from '../../src/adapter.ts'

/** A route that the plugin has seen, and the security that its OpenAPI operation gets. */
export interface NotedRoute {
  readonly route: RouteOptions
  /** Undefined for an open route. */
  readonly security: readonly SecurityRequirement[] | undefined
  /** What the user wrote, where it was taken out of a clone of the schema. */
  readonly taken: readonly SecurityRequirement[] | undefined
  /** Whether a document has this route as an operation. A hidden route is in none, and no route is in a static document. */
  isDescribed (): boolean
}

interface SecuredSchema { security?: readonly SecurityRequirement[] }

/**
 * Notes a route, and the security that its operation gets: what the user wrote, else what the guards need. A route keeps
 * its schema, and one without a schema stays without: transforms of the application's know such routes by that. Only where
 * the user's `security` names our scheme, a clone without it takes the schema's place: `@fastify/swagger` would look the
 * scheme up in a document that does not have it yet.
 *
 * @param required what the guards of the route need; undefined when it has none, and then only the user's words count
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

/** Tells whether a security names one of these schemes. */
function names (security: readonly SecurityRequirement[] | undefined, schemeNames: readonly string[]): boolean {
  return security?.some((requirement) => schemeNames.some((name) => Object.hasOwn(requirement, name))) === true
}

/** What was taken out of a route's schema, without the schemes that a document lacks. Undefined where nothing was, or nothing is left. */
export function otherSecurityOf ({ taken }: NotedRoute, schemeNames: readonly string[]): readonly SecurityRequirement[] | undefined {
  const others = taken?.filter((requirement) => !names([requirement], schemeNames))
  return others?.length === 0 ? undefined : others
}

const observed = new WeakSet<RouteOptions>()
const described = new WeakSet<RouteOptions>()

// `links` is the member of a route that @fastify/swagger itself has added. It reads that once it knows that a route is not
// hidden, after all transforms. A route whose members cannot be defined counts as described.
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
