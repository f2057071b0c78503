/**
 * Returns the symbol that objects of one kind carry. It is the same in every copy of this package that a process has loaded,
 * where `instanceof` fails: a monorepo, a bundle beside node_modules.
 */
export function brandOf (kind: string): symbol {
  return Symbol.for(`fastify-client-credentials.${kind}`)
}

/** Returns the value that an object carries under a brand. Undefined for anything else. */
export function readBrand (value: unknown, brand: symbol): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<symbol, unknown>)[brand] : undefined
}

/**
 * Sets the name of the errors of a class. Does not read the name of the class, which bundlers change. A subclass has the same
 * one unless it sets its own.
 */
export function nameErrors (constructor: { readonly prototype: Error }, name: string): void {
  Object.defineProperty(constructor.prototype, 'name', { value: name, writable: true, configurable: true })
}
