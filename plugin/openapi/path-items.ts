/** The paths of a document: an item for each path, and extensions of the user's. */
export type Paths = Record<string, PathItem | undefined>

/** An item: an operation for each method, and what they share. */
export type PathItem = Record<string, unknown>

const METHODS = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace', 'query'])

/**
 * Writes paths anew with every operation changed. What is no operation of a path passes through as it is.
 *
 * @param change returns undefined to leave an operation out, and a path whose last operation it was
 */
export function mapOperations (paths: Paths, change: (operation: object, method: string, path: string) => object | undefined): Paths {
  return Object.fromEntries(Object.entries(paths).flatMap(([path, item]) => {
    if (!path.startsWith('/') || item === undefined) return [[path, item]]
    const members = Object.entries(item).map(([key, value]) => [key, METHODS.has(key) ? change(value as object, key, path) : value] as const)
    const left = members.filter(([, value]) => value !== undefined)
    return left.length === 0 && members.length > 0 ? [] : [[path, Object.fromEntries(left)]]
  }))
}
