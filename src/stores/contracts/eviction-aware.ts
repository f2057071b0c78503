/** A store that may evict what it was given, depending on how it is configured, such as Redis. */
export interface EvictionAware {
  /**
   * Checks that it evicts nothing.
   *
   * @returns warnings where that is not known
   * @throws FlowConfigurationError if it does
   */
  checkEviction (): Promise<readonly string[]>
}
