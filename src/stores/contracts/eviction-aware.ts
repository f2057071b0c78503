/** A store that may evict data, depending on its configuration, such as Redis. */
export interface EvictionAware {
  /**
   * Checks that the store does not evict data.
   *
   * @returns warnings if this cannot be determined
   * @throws FlowConfigurationError if it does
   */
  checkEviction (): Promise<readonly string[]>
}
