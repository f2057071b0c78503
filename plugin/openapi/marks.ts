// What routes carry through @fastify/swagger until the document is finished. Extensions, since it copies those as they are.
import type { RouteOptions } from 'fastify'
import type { ClientCredentialsFlow, SecurityRequirement } from '../../src/index.ts'
import { mapOperations } from './path-items.ts'
import type { Paths } from './path-items.ts'

/**
 * Where a route's security waits. In `security` itself it would crash `@fastify/swagger`, which looks the scheme up in a
 * document that does not have it yet.
 */
export const SECURITY_MARK = 'x-oauth-security'

/** On a route of ours, which operation takes its place: so it stands where `@fastify/swagger` puts such a path. */
export const OPERATION_MARK = 'x-oauth-operation'

/** The tag of every operation that is ours. */
export const OAUTH_TAG = 'OAuth 2.0'

/** The tag of every operation of the admin API. */
export const ADMIN_TAG = 'Client administration'

/** Which route of ours. */
export type OperationName = 'token' | 'introspection' | 'revocation' | 'jwks' | 'serverMetadata' | 'resourceMetadata'

interface TransformedRoute {
  url: string
  openapiObject?: { paths?: Record<string, Record<string, unknown>> }
  route: { method: string | string[] }
}

/** The value of the mark: two flows may share a document. */
export function operationMark (flow: ClientCredentialsFlow, name: OperationName): string {
  return `${flow.getSecuritySchemeName()} ${name}`
}

/**
 * Makes the transform of a route of ours, which takes the place of the application's: that may know other schemas than
 * ours. It leaves the mark where `@fastify/swagger` puts the path, unless the user has described the operation themselves.
 */
export function markRoute (mark: string): (route: TransformedRoute) => { schema: object, url: string } {
  const schema = { tags: [OAUTH_TAG], [OPERATION_MARK]: mark }
  return ({ url, openapiObject: { paths = {} } = {}, route }) => {
    const method = String(route.method).toLowerCase()
    const written = Object.entries(paths).some(([path, item]) => url.endsWith(path) && (item.$ref !== undefined || (item[method] !== undefined && isOfUser(item[method]))))
    return { schema: written ? { hide: true } : schema, url }
  }
}

function isOfUser (operation: unknown): boolean {
  return (operation as Record<string, unknown>)[OPERATION_MARK] === undefined
}

interface SecuredSchema { security?: readonly SecurityRequirement[] }

/**
 * Marks a route with the security that its OpenAPI operation gets: what the user wrote, else what the guards need.
 * Never changes the user's schema, which routes may share: it is cloned.
 *
 * @param required what the guards of the route need; undefined when it has none, and then only the user's words count
 */
export function markSecurity (route: RouteOptions, schemeName: string, required: readonly SecurityRequirement[] | undefined): void {
  const { security, ...schema } = (route.schema ?? {}) as SecuredSchema
  const written = security?.some((requirement) => Object.hasOwn(requirement, schemeName)) === true
  if (required === undefined && !written) return
  route.schema = { ...schema, [SECURITY_MARK]: security ?? required } as NonNullable<RouteOptions['schema']>
}

/**
 * Takes all marks out of a document that is not to be completed, as Swagger 2.0 is not: what is left is what it would
 * be without the plugin. Returns a new document.
 *
 * @param schemeNames the security schemes of the flows, which the document lacks
 */
export function removeMarks<D extends { paths?: Paths }> (document: D, schemeNames: readonly string[]): D {
  return { ...document, paths: mapOperations(document.paths ?? {}, (operation) => OPERATION_MARK in operation ? undefined : unmarked(operation, schemeNames)) }
}

function unmarked (operation: object, schemeNames: readonly string[]): object {
  return Object.fromEntries(Object.entries(operation).flatMap(([key, value]) => {
    if (key !== SECURITY_MARK) return [[key, value]]
    const others = (value as SecurityRequirement[]).filter((requirement) => !schemeNames.some((name) => Object.hasOwn(requirement, name)))
    return others.length > 0 ? [['security', others]] : []
  }))
}
