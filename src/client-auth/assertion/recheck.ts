import { TemporarilyUnavailableError } from '../../errors/oauth-error.ts'
import { RETRY_AFTER } from '../../http-client/remote-document.ts'

/** Tells whether what a client was proven by is still in force, synchronously. */
export type IsCurrent = () => boolean

// A process that is suspended each time that it has verified gives up.
const MAX_ATTEMPTS = 3

/**
 * Verifies a proof, and returns what verifies it again once it may no longer be in force: keys that are on another server may
 * have been dropped there, or be too old, by the time that the proof counts.
 *
 * @param verify rejects if the proof is wrong
 * @returns a function that returns nothing as long as the proof is in force, else a promise for verifying it again
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
