import { randomInt } from 'node:crypto'

// Versions stay safe integers for millions of changes.
const MAX_STEP = 2 ** 30

/**
 * Returns the version after a change, which is greater by a random step. A write that is based on a lost history does not
 * match, however many changes were made since.
 */
export function nextVersion (version: number): number {
  return version + randomInt(1, MAX_STEP)
}
