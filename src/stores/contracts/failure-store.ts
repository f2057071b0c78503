/** Counts failures, those of a bounded number of keys: callers choose the keys, and must not fill the store. */
export interface FailureStore {
  /**
   * Counts one more failure, in one atomic step.
   *
   * @param window seconds after the first failure when all of this key are forgotten
   * @returns how many there are, this one included, and when they are forgotten, in seconds since 1970
   */
  countFailure (key: string, window: number): Promise<{ count: number, forgottenAt: number }>
  /** Forgets the failures of a key. */
  forgetFailures (key: string): Promise<void>
}
