import { brandOf, nameErrors, readBrand } from '../lib/brand.ts'

const BRAND = brandOf('store-unavailable')

/**
 * A store that does not answer, or answers with an error: nothing is known of what was asked. Every store of ours rejects
 * with it; one of yours should too, since it makes the difference between a 503, which clients try again, and a 500.
 */
export class StoreUnavailableError extends Error {
  /** @param cause what the driver said, for the log */
  constructor (cause: unknown) {
    super('The store is not available', { cause })
  }
}

Object.defineProperty(StoreUnavailableError.prototype, BRAND, { value: true })
nameErrors(StoreUnavailableError, 'StoreUnavailableError')

// A chain of causes may be a circle.
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
