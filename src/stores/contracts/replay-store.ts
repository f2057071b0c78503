/** How a one-time value is kept. */
export interface Reservation {
  /** Seconds for which the value may be accepted, by any process. The same whenever the value is used. */
  window: number
  /** When the value was made (`iat`), in seconds since 1970. Undefined where it does not say so. */
  issuedAt: number | undefined
  /** When the value expires, in seconds since 1970, perhaps a fraction. */
  expiresAt: number
  /** Seconds that clocks may differ. */
  clockTolerance: number
}

/** Reserves values that may be used once: assertions, proofs. */
export interface ReplayStore {
  /**
   * Reserves a value, in one atomic step, for its window and twice the clock tolerance, by the clock of the store.
   *
   * @returns false when it is reserved already
   * @throws StoreUnavailableError also where the store cannot exclude that it has lost the reservation of a value this old
   */
  reserve (key: string, reservation: Reservation): Promise<boolean>
}

/** A store of reservations that notices by itself when it may have lost some, such as Redis. */
export interface HistoryAware {
  /** The random id of the store. */
  storeId (): Promise<string>
  /** Declares that servers have reserved values before: a store without any trace of that has lost them. */
  expectHistory (): void
  /** Prepares the store. @returns warnings about protection that is missing */
  check (): Promise<readonly string[]>
}
