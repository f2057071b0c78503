import { nameErrors } from '../lib/brand.ts'

/** The error for another server that does not respond, or returns no usable response. */
export class RemoteUnavailableError extends Error {}

nameErrors(RemoteUnavailableError, 'RemoteUnavailableError')

/** Wraps an error in a RemoteUnavailableError with the same message. */
export function toRemoteUnavailable (error: Error): RemoteUnavailableError {
  return error instanceof RemoteUnavailableError ? error : new RemoteUnavailableError(error.message, { cause: error })
}
