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
