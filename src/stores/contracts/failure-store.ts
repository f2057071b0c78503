/** Counts failures for a bounded number of keys: unauthenticated callers choose the keys, and must not fill the store. */
export interface FailureStore {
  /**
   * Counts one more failure, in one atomic step.
   *
   * @param window seconds after the first failure until the count of this key is reset
   * @returns the count including this failure, and when it is reset, in seconds since 1970
   */
  countFailure (key: string, window: number): Promise<{ count: number, forgottenAt: number }>
  /** Resets the count of a key. */
  forgetFailures (key: string): Promise<void>
}
