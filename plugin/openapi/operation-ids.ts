import { FLOW_DEFAULTS } from '../../src/adapter.ts'
import type { ClientCredentialsFlow } from '../../src/index.ts'
import { mapOperations } from './path-items.ts'
import type { Paths } from './path-items.ts'

const HEAD_SUFFIX = '-head'

/** The members of an operation that are read here. */
interface IdentifiedOperation {
  operationId?: string
}

/**
 * Returns the operation ID of an operation of this plugin. A flow with a custom security scheme name uses that name as prefix,
 * so that a second flow in the document changes no ID of the first: `requestAccessToken`, `tenantOneRequestAccessToken`.
 */
export function operationIdOf (flow: ClientCredentialsFlow, name: string): string {
  const scheme = flow.getSecuritySchemeName()
  return scheme === FLOW_DEFAULTS.securitySchemeName ? name : toCamelCase([...scheme.split(/[^A-Za-z0-9]+/), name])
}

/**
 * Replaces the ID of an operation of this plugin if the user, or an earlier operation, already uses it (OpenAPI requires unique
 * IDs in a document). Never changes an ID of the user.
 *
 * @param isOurs returns whether an operation belongs to this plugin
 */
export function withUniqueIds (paths: Paths, isOurs: (operation: object) => boolean): Paths {
  const taken = new Set<string>()
  mapOperations(paths, (operation) => {
    const { operationId } = operation as IdentifiedOperation
    if (operationId !== undefined && !isOurs(operation)) taken.add(operationId)
    return operation
  })
  return mapOperations(paths, (operation, method) => {
    const { operationId } = operation as IdentifiedOperation
    if (operationId === undefined || !isOurs(operation)) return operation
    const unique = firstFree(method === 'head' ? headId(operationId) : operationId, taken)
    taken.add(unique)
    return unique === operationId ? operation : { ...operation, operationId: unique }
  })
}

// Follows the name that @fastify/swagger gives to the HEAD route of a GET route.
function headId (id: string): string {
  return id.endsWith(HEAD_SUFFIX) ? id : `${id}${HEAD_SUFFIX}`
}

function firstFree (id: string, taken: ReadonlySet<string>): string {
  for (let count = 1; ; count++) {
    const candidate = count === 1 ? id : `${id}${count}`
    if (!taken.has(candidate)) return candidate
  }
}

function toCamelCase (words: readonly string[]): string {
  const text = words.filter((word) => word !== '').map((word) => word[0]!.toUpperCase() + word.slice(1)).join('')
  return text[0]!.toLowerCase() + text.slice(1)
}
