// What routes of ours carry through @fastify/swagger until the document is finished. Extensions, since it copies those as they are.
import type { ClientCredentialsFlow } from '../../src/index.ts'

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
