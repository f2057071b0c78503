import { FLOW_DEFAULTS } from '../../src/adapter.ts'
import type { ClientCredentialsFlow } from '../../src/index.ts'
import { mapOperations } from './path-items.ts'
import type { Paths } from './path-items.ts'

const HEAD_SUFFIX = '-head'

/** An operation, as much as is read of it here. */
interface IdentifiedOperation {
  operationId?: string
}

/**
 * Names an operation of ours. A flow with a security scheme name of its own has it in front, so that a second flow in the
 * document changes no name of the first: `requestAccessToken`, `tenantOneRequestAccessToken`.
 */
export function operationIdOf (flow: ClientCredentialsFlow, name: string): string {
  const scheme = flow.getSecuritySchemeName()
  return scheme === FLOW_DEFAULTS.securitySchemeName ? name : toCamelCase([...scheme.split(/[^A-Za-z0-9]+/), name])
}

/**
 * Gives operations of ours another id where the user, or an operation of ours before, has taken it (OpenAPI: ids are unique
 * in a document). Ids of the user are never changed.
 *
 * @param isOurs whether an operation is ours
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

// As @fastify/swagger names the HEAD route beside a GET one.
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
