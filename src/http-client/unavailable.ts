import { nameErrors } from '../lib/brand.ts'

/** Another server that does not answer, or gives no usable answer: nothing is known of what was asked. */
export class RemoteUnavailableError extends Error {}

nameErrors(RemoteUnavailableError, 'RemoteUnavailableError')

/** Returns an error as one of an unavailable server, with its own message. */
export function toRemoteUnavailable (error: Error): RemoteUnavailableError {
  return error instanceof RemoteUnavailableError ? error : new RemoteUnavailableError(error.message, { cause: error })
}
