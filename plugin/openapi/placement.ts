import { belowServer, toDocumentedPath } from './documented-path.ts'
import type { Located } from './documented-path.ts'
import type { NotedRoute } from './noted-routes.ts'
import { mapOperations } from './path-items.ts'
import type { Paths } from './path-items.ts'

interface Named { operationId?: string }
/** An operation that is not yet matched to a route. */
interface Orphan { path: string, method: string, operation: Named }
interface Unplaced { path: string, method: string, noted: NotedRoute }

/**
 * Finds the operation of each route that a document describes, by path and method. If a transform of the application has
 * changed the path, falls back to the operationId, the order of the routes, or the end of the path. An ambiguous route gets
 * no operation.
 *
 * @param isOurs returns whether an operation was not generated from a route of the application
 */
export function placeRoutes (document: Located & { paths?: Paths }, routes: readonly NotedRoute[], isOurs: (operation: object) => boolean): Map<object, NotedRoute> {
  const placed = new Map<object, NotedRoute>()
  const operations = new Map<string, Named>()
  const orphans = new Map<object, Orphan>()
  mapOperations(document.paths ?? {}, (operation, method, path) => {
    operations.set(keyOf({ path, method }), operation)
    if (!isOurs(operation)) orphans.set(operation, { path, method, operation })
    return operation
  })
  const place = (operation: object, noted: NotedRoute) => {
    // Routes that differ only in their constraints share one operation. The last route defines it.
    placed.set(operation, noted)
    orphans.delete(operation)
  }

  const unplaced: Unplaced[] = []
  for (const { noted, method, operationId } of describedMethods(routes)) {
    const path = toDocumentedPath(noted.route.url)
    const found = [path, toDocumentedPath(belowServer(noted.route.url, document))].map((path) => operations.get(keyOf({ path, method }))).find((operation) => operation !== undefined)
    if (found !== undefined && (operationId === undefined || found.operationId === operationId)) place(found, noted)
    else unplaced.push({ path, method, noted })
  }

  const byId = new Map([...orphans.values()].map(({ operation, method }) => [`${method} ${operation.operationId}`, operation]))
  const renamed = unplaced.filter(({ method, noted }) => {
    const found = [operationIdOf(noted), copiedIdOf(noted)].map((id) => id === undefined ? undefined : byId.get(`${method} ${id}`)).find((operation) => operation !== undefined && orphans.has(operation))
    if (found !== undefined) place(found, noted)
    return found === undefined && copiedIdOf(noted) === undefined
  })
  placeRenamed(groupByPath(renamed), groupByPath(orphans.values()), place)
  return placed
}

const keyOf = ({ path, method }: { path: string, method: string }) => `${method} ${path}`

function operationIdOf ({ route }: NotedRoute): string | undefined {
  return (route.schema as Named | undefined)?.operationId
}

// @fastify/swagger describes a copy of such a route, which the plugin does not see: its operation is found by the ID of the copy.
function copiedIdOf (noted: NotedRoute): string | undefined {
  const operationId = operationIdOf(noted)
  return noted.route.method === 'HEAD' && operationId !== undefined && !noted.isDescribed() ? `${operationId}-head` : undefined
}

function describedMethods (routes: readonly NotedRoute[]): { noted: NotedRoute, method: string, operationId: string | undefined }[] {
  if (!routes.some((noted) => noted.isDescribed())) return []
  return routes.flatMap((noted) => {
    const operationId = copiedIdOf(noted)
    if (!noted.isDescribed() && operationId === undefined) return []
    return [noted.route.method].flat().map((method) => ({ noted, method: method.toLowerCase(), operationId }))
  })
}

function groupByPath<P extends { path: string, method: string }> (places: Iterable<P>): [string, Map<string, P>][] {
  const groups = new Map<string, Map<string, P>>()
  for (const place of places) groups.set(place.path, (groups.get(place.path) ?? new Map<string, P>()).set(place.method, place))
  return [...groups]
}

type Groups<P> = ReturnType<typeof groupByPath<P & { path: string, method: string }>>

function placeRenamed (routes: Groups<Unplaced>, orphans: Groups<Orphan>, place: (operation: object, noted: NotedRoute) => void): void {
  const placeAll = ([, wanted]: typeof routes[number], [, found]: typeof orphans[number]) => {
    for (const [method, { noted }] of wanted) place(found.get(method)!.operation, noted)
  }
  const fits = ([, wanted]: typeof routes[number], [, found]: typeof orphans[number]) => [...wanted.keys()].every((method) => found.has(method))
  // Paths are in the order of the routes. If the numbers and the methods are equal, they match one to one.
  if (routes.length === orphans.length && routes.every((route, index) => fits(route, orphans[index]!) && route[1].size === orphans[index]![1].size)) {
    for (const [index, route] of routes.entries()) placeAll(route, orphans[index]!)
    return
  }
  // Most transforms add or remove a prefix.
  const candidates = routes.map((route) => orphans.filter((orphan) => fits(route, orphan) && (endsWith(route[0], orphan[0]) || endsWith(orphan[0], route[0]))))
  for (const [index, [found, ...others]] of candidates.entries()) {
    if (found === undefined || others.length > 0) continue
    if (candidates.every((rivals, rival) => rival === index || !rivals.includes(found))) placeAll(routes[index]!, found)
  }
}

const endsWith = (path: string, end: string) => end !== '/' && path.endsWith(end)
