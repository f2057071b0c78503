/** The lifetime of the reservation of a one-time value. */
export interface Reservation {
  /** Seconds for which any process may accept the value. The same for each use of the value. */
  window: number
  /** When the value was issued (`iat`), in seconds since 1970. Undefined for a value without `iat`. */
  issuedAt: number | undefined
  /** When the value expires, in seconds since 1970, with fractions. */
  expiresAt: number
  /** Seconds that clocks may differ. */
  clockTolerance: number
}

/** Reserves one-time values: assertions and proofs. */
export interface ReplayStore {
  /**
   * Reserves a value, in one atomic step, for its window and twice the clock tolerance, by the clock of the store.
   *
   * @returns false if it is already reserved
   * @throws StoreUnavailableError also if the store may have lost the reservation of a value this old
   */
  reserve (key: string, reservation: Reservation): Promise<boolean>
}

/** A store of reservations that detects when it may have lost some, such as Redis. */
export interface HistoryAware {
  /** The random id of the store. */
  storeId (): Promise<string>
  /** Declares that servers have reserved values before: a store without any trace of reservations has lost them. */
  expectHistory (): void
  /** Prepares the store. @returns warnings about missing protection */
  check (): Promise<readonly string[]>
}
