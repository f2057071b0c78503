import { TemporarilyUnavailableError } from '../../errors/oauth-error.ts'
import { RETRY_AFTER } from '../../http-client/remote-document.ts'

/** Returns synchronously whether the keys that verified a client are still valid. */
export type IsCurrent = () => boolean

// A process that is suspended after each verification gives up.
const MAX_ATTEMPTS = 3

/**
 * Verifies a proof, and returns a function that verifies it again if it may no longer be valid: keys on another server may have
 * been removed, or have become too old, before the proof is used.
 *
 * @param verify rejects if the proof is invalid
 * @returns a function that returns undefined while the proof is valid, else a promise that verifies it again
 */
export async function provenBy (verify: () => Promise<IsCurrent>): Promise<() => Promise<void> | undefined> {
  let isCurrent = await verify()

  async function verifyAgain (): Promise<void> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      isCurrent = await verify()
      if (isCurrent()) return
    }
    throw new TemporarilyUnavailableError(undefined, { cause: new Error('The keys were too old each time that the proof had been verified'), retryAfter: RETRY_AFTER })
  }

  return () => isCurrent() ? undefined : verifyAgain()
}
