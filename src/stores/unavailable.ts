/**
 * A store that does not answer, or answers with an error: nothing is known of what was asked. Every store of ours rejects
 * with it; one of yours should too, since it makes the difference between a 503, which clients try again, and a 500.
 */
export class StoreUnavailableError extends Error {
  /** @param cause what the driver said, for the log */
  constructor (cause: unknown) {
    super('The store is not available', { cause })
  }

  override get name (): string {
    return 'StoreUnavailableError'
  }
}

// A chain of causes may be a circle.
const MAX_CAUSES = 10

/** Tells whether an error comes of a store that is away: it, or one of its causes, is a {@link StoreUnavailableError}. */
export function isStoreAway (error: unknown): boolean {
  let cause = error
  for (let depth = 0; depth < MAX_CAUSES && cause instanceof Error; depth++) {
    if (cause instanceof StoreUnavailableError) return true
    cause = cause.cause
  }
  return false
}
