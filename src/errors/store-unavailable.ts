import { brandOf, nameErrors, readBrand } from '../lib/brand.ts'

const BRAND = brandOf('store-unavailable')

/**
 * A store that does not respond, or responds with an error. Every store of this package rejects with this error. A custom store
 * should too: the response is then a 503, which clients retry, instead of a 500.
 */
export class StoreUnavailableError extends Error {
  /** @param cause the error of the driver, for the log */
  constructor (cause: unknown) {
    super('The store is not available', { cause })
  }
}

Object.defineProperty(StoreUnavailableError.prototype, BRAND, { value: true })
nameErrors(StoreUnavailableError, 'StoreUnavailableError')

// A chain of causes may be circular.
const MAX_CAUSES = 10

/** Returns whether an error comes from an unavailable store: it, or one of its causes, is a {@link StoreUnavailableError}, of this or another copy of the package. */
export function isStoreUnavailable (error: unknown): boolean {
  let cause = error
  for (let depth = 0; depth < MAX_CAUSES && typeof cause === 'object' && cause !== null; depth++) {
    if (readBrand(cause, BRAND) === true) return true
    cause = (cause as { cause?: unknown }).cause
  }
  return false
}
