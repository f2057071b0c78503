// Markers that routes of this plugin carry through @fastify/swagger. They are extensions, which it copies unchanged.
import type { ClientCredentialsFlow } from '../../src/index.ts'

/** On a route of this plugin, the operation that replaces it: so the path stays where `@fastify/swagger` puts it. */
export const OPERATION_MARK = 'x-oauth-operation'

/** The tag of every OAuth operation of this plugin. */
export const OAUTH_TAG = 'OAuth 2.0'

/** The tag of every operation of the admin API. */
export const ADMIN_TAG = 'Client administration'

/** The name of a route of this plugin. */
export type OperationName = 'token' | 'introspection' | 'revocation' | 'jwks' | 'serverMetadata' | 'resourceMetadata'

interface TransformedRoute {
  url: string
  openapiObject?: { paths?: Record<string, Record<string, unknown>> }
  route: { method: string | string[] }
}

/** Returns the value of the marker. It names the flow, because two flows may share a document. */
export function operationMark (flow: ClientCredentialsFlow, name: OperationName): string {
  return `${flow.getSecuritySchemeName()} ${name}`
}

/**
 * Creates the transform of a route of this plugin. It replaces the application's transform, which may expect other schemas.
 * It leaves the marker where `@fastify/swagger` puts the path, unless the user has described the operation.
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
