/** The paths of a document: a path item for each path, and the user's extensions. */
export type Paths = Record<string, PathItem | undefined>

/** A path item: an operation for each method, and the members that they share. */
export type PathItem = Record<string, unknown>

const METHODS = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace', 'query'])

/**
 * Returns a copy of the paths with every operation replaced. Copies members that are not operations unchanged.
 *
 * @param change returns undefined to omit an operation; a path without operations is omitted too
 */
export function mapOperations (paths: Paths, change: (operation: object, method: string, path: string) => object | undefined): Paths {
  return Object.fromEntries(Object.entries(paths).flatMap(([path, item]) => {
    if (!path.startsWith('/') || item === undefined) return [[path, item]]
    const members = Object.entries(item).map(([key, value]) => [key, METHODS.has(key) ? change(value as object, key, path) : value] as const)
    const left = members.filter(([, value]) => value !== undefined)
    return left.length === 0 && members.length > 0 ? [] : [[path, Object.fromEntries(left)]]
  }))
}
