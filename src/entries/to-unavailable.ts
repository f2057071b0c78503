import { StoreUnavailableError } from '../errors/store-unavailable.ts'
import { ReadTimeout } from '../lib/background-refresh.ts'

/** Converts the error of a failed read for callers: the error of the store, or StoreUnavailableError if it has not responded in time. */
export function toUnavailable (error: Error): Error {
  return error instanceof ReadTimeout ? new StoreUnavailableError(error) : error
}
