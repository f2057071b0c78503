import { StoreUnavailableError } from '../errors/store-unavailable.ts'
import { ReadTimeout } from '../lib/background-refresh.ts'

/** The error of a failed read as callers get it: that of the store, or, where it has not answered in time, that it is unavailable. */
export function toUnavailable (error: Error): Error {
  return error instanceof ReadTimeout ? new StoreUnavailableError(error) : error
}
